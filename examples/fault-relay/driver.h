/* SPDX-License-Identifier: MIT */
/*
 * The guest's IOMMU driver for one device: what the device can reach. Where the virtual IOMMU has
 * no page tables each change is a trap into the VMM. Where it has, the driver writes them itself,
 * in guest memory, and traps only to have forgotten what it took away.
 */
#ifndef DRIVER_H
#define DRIVER_H

#include "../common/frames.h"
#include "../common/pagetable.h"
#include "viommu.h"

struct driver {
	struct machine *machine;
	uint32_t v_rid;
	uint32_t v_pasid;
	uint64_t gpa; /* memory for its page tables */
	struct frames frames;
	struct pagetable table;
};

/* Bytes of guest memory that a driver needs for itself. */
uint64_t driver_memory(const struct machine *machine);

/* The fields above frames are filled in. Each returns 0, or -1 with the trouble noted. */
int driver_open(struct driver *driver);
void driver_close(struct driver *driver);

/* Of the device that the driver is for; nothing is mapped there. */
int driver_map(struct driver *driver, const struct viommu_map *map);

/* When it returns, the device cannot reach the memory any more. */
int driver_unmap(struct driver *driver, const struct viommu_map *map);

#endif
