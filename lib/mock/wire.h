/* SPDX-License-Identifier: MIT */
/*
 * The PASIDs that travel. A device of its own sends its guest's; for a mediated one the platform
 * picks: from the device's own numbers or, where a processor may send them by ENQCMD, from numbers
 * of the whole platform, one for each space. All under the world. It must not know who translates a
 * guest's PASID, nor how DMA is done.
 */
#ifndef MOCK_WIRE_H
#define MOCK_WIRE_H

#include "route.h"

/* They are given from the highest downward, so that nobody takes one for a guest's; 0 is none. */
#define MOCK_WIRE_COUNT ((1u << IOASID_PASID_BITS) - 1)

static inline bool mock_wire_is_picked(const struct ioasid_mock_device *device)
{
	return device->opts.flags & IOASID_MOCK_DEVICE_MDEV;
}

/* What a route of the device to the space has on the wire, the device's until it is given back. 0;
 * -ENOSPC, with a reason; -ENOMEM. */
int mock_wire_take(struct ioasid_mock_device *device, struct mock_space *space, uint32_t pasid,
	uint32_t *wire);
void mock_wire_give(struct ioasid_mock_device *device, struct mock_space *space, uint32_t wire);

/* The device attached by the route is to lead to another space; what it has on the wire may be
 * another then. The space's number is held by the caller, if it needs one. */
bool mock_wire_needs_hold(const struct ioasid_mock_device *device, uint32_t pasid);
int mock_wire_hold(struct mock_space *space); /* errors as mock_wire_take() */
void mock_wire_let_go(struct mock_space *space);
void mock_wire_move(struct ioasid_mock_device *device, uint32_t pasid, struct mock_space *from,
	struct mock_space *to);

/* What PASID DMA of a device that takes ENQCMD is by, that has this on the wire: *pasid if its
 * route has, or else that of another; false: no route has. Of a device whose guest's PASIDs travel
 * it is just that, whether there is such a route or not. */
bool mock_wire_find(const struct ioasid_mock_device *device, uint32_t wire, uint32_t *pasid);

#endif
