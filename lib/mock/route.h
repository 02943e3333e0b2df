/* SPDX-License-Identifier: MIT */
/*
 * Routes: which space the DMA of a device, with a PASID or without, is translated by. Of a strict
 * platform each device has its own; else a group has one for all its devices, which lasts as long
 * as one of them is attached. All under the world's lock. It must not know how DMA is done.
 */
#ifndef MOCK_ROUTE_H
#define MOCK_ROUTE_H

#include "device.h"
#include "space.h"

struct mock_route {
	struct list link; /* of those that lead to the space */
	struct mock_space *space;
	struct mock_group *group;
	struct ioasid_mock_device *device; /* whose it is; NULL: of all devices of the group */
	uint32_t pasid;
	uint32_t members; /* devices attached by it */
	bool complete;    /* else, strictly, a device of the group is missing: no DMA */
};

/* The route that DMA of the device goes by, and the one that it is attached by itself; NULL: none.
 */
struct mock_route *mock_route_of(const struct ioasid_mock_device *device, uint32_t pasid);
struct mock_route *mock_route_attached(const struct ioasid_mock_device *device, uint32_t pasid);
/* The route of the same devices without a PASID. */
struct mock_route *mock_route_plain(const struct mock_route *route);

int mock_attach(struct backend *be, struct backend_route which, uint32_t space);
int mock_detach(struct backend *be, struct backend_route which);
int mock_replace(struct backend *be, struct backend_route which, uint32_t space);

/* Ends all routes of the device, whatever they led to; under the world, exclusively. */
void mock_route_end_all(struct ioasid_mock_device *device);

#endif
