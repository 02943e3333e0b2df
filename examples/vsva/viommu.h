/* SPDX-License-Identifier: MIT */
/*
 * The virtual IOMMU: what the guest's kernel traps into to let the device use a process's page
 * table under a PASID (the proposal's flow 5.5), and to have forgotten what it took out of one.
 * This is VMM code, on the guest's threads, as after a VM exit. The guest is not trusted: a PASID
 * that leads nowhere is an error, and a table cannot lead out of guest memory.
 */
#ifndef VIOMMU_H
#define VIOMMU_H

#include "machine.h"
#include <stdatomic.h>

struct viommu {
	struct machine *machine;
	uint64_t forget;                /* the number of the invalidation that is lost; 0: none */
	_Atomic uint64_t invalidations; /* asked for */
};

/* Each returns 0, or -1 with the trouble noted. viommu_unbind() also if viommu_bind() failed. */
int viommu_bind(struct viommu *viommu, uint32_t v_pasid, const struct ioasid_pgtable *table);
int viommu_unbind(struct viommu *viommu, uint32_t v_pasid);

/* When it returns, nothing in the list is used any more. */
int viommu_invalidate(struct viommu *viommu, uint32_t v_pasid,
	const struct ioasid_invalidation *list, unsigned int n);

/* The platform saw no use of what should have been forgotten. */
int viommu_check_stale(struct viommu *viommu);

#endif
