/* SPDX-License-Identifier: MIT */
/*
 * The devices of the platform, their IOMMU groups, and the descriptors by which a context binds
 * them. It must not know how DMA is done or page requests are answered.
 */
#ifndef MOCK_DEVICE_H
#define MOCK_DEVICE_H

#include "iommu.h"
#include "platform.h"
#include <sys/types.h>

struct mock_group {
	struct list link;
	uint32_t number;
	bool own; /* made for one device that named no group */
	struct list devices;
	uint32_t size;
	struct mock_iommu *iommu;
	struct maptree routes; /* of all its devices, unless the platform is strict; see route.h */
};

struct ioasid_mock_device {
	struct ioasid_mock *mock;
	struct list link;
	struct list mate; /* in the group */
	struct ioasid_mock_device_opts opts;
	uint32_t number; /* for texts */
	struct mock_group *group;
	int fd; /* a memfd, only to be recognised; -1: gone */
	dev_t dev;
	ino_t ino;

	struct iotlb tlb; /* its own, with ATS */

	/* under the world */
	struct mock_backend *owner; /* NULL: not bound */
	uint32_t id;                /* in that context */
	uint64_t label;
	struct maptree attached; /* PASID to its route; mark: what it has on the wire, see wire.h */
	struct maptree *routes;  /* what its DMA looks up: its own, or its group's */
	struct table wires;      /* PASIDs on the wire that are its own */
	struct list translated;  /* routes that are mapped in virtual machines; see vm.h */

	/* under faults */
	uint32_t credits; /* free */
	bool halted;      /* answered FAILURE: no page requests until it is reset */
	struct table prgs;
	struct list in_flight; /* page requests that wait for an answer */
	struct list starved;   /* those that wait for a credit */
};

int mock_device_bind(struct backend *be, int fd, uint64_t label, struct backend_device *is);
void mock_device_unbind(struct backend *be, uint32_t device);

/* Under the world, exclusively, without routes. */
void mock_device_release(struct ioasid_mock_device *device);

/* ioasid_mock_free(): its descriptor goes, the rest when the last context is closed. */
void mock_device_close(struct ioasid_mock_device *device);
void mock_device_free(struct ioasid_mock_device *device);

#endif
