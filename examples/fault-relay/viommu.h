/* SPDX-License-Identifier: MIT */
/*
 * The virtual IOMMU's registers: what the guest's driver traps into. One without page tables has
 * maps; one with page tables is told where they are, and what to forget of them. This is VMM code,
 * on the guest's thread, as after a VM exit. The guest is not trusted: a device that it does not
 * have is an error, and neither maps nor tables can lead out of its memory.
 */
#ifndef VIOMMU_H
#define VIOMMU_H

#include "machine.h"

struct viommu_map {
	uint32_t v_rid;
	uint32_t v_pasid;
	uint64_t giova;
	uint64_t gpa;
	uint64_t length;
	bool writable;
};

/* Each returns 0, or -1 with the trouble noted. */
int viommu_map(struct machine *machine, const struct viommu_map *map);

/* When it returns, the device cannot reach the memory any more. */
int viommu_unmap(struct machine *machine, const struct viommu_map *map);

/* A page table of the guest's translates for the device from now on. */
int viommu_bind(struct machine *machine, uint32_t v_rid, uint32_t v_pasid,
	const struct ioasid_pgtable *table);

/* When it returns, nothing that is in no table any more is used. */
int viommu_invalidate(struct machine *machine, uint32_t v_rid, uint32_t v_pasid,
	const struct ioasid_invalidation *stale);

#endif
