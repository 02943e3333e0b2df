/* SPDX-License-Identifier: MIT */
/*
 * What of a guest's is bound to a space instead of maps: a page table in the memory of the parent
 * space, or a table of PASIDs that leads to page tables. Here are its beginning, its invalidation
 * and its end; nested.c walks it. All under the world's lock.
 */
#ifndef MOCK_BOUND_H
#define MOCK_BOUND_H

#include "pasids.h"
#include "space.h"

struct mock_bound {
	bool adopted; /* by it alone the space has a parent: the platform does not nest */
	uint32_t format;
	uint32_t width;             /* bits that page tables translate */
	struct mock_pasids *pasids; /* NULL: it is a page table */
	struct walk_context table;
};

/* An SMMUv3's addresses may have a top byte that does not matter. */
static inline bool mock_bound_strips(const struct mock_bound *bound)
{
	return bound->pasids && bound->format == IOASID_PGTABLE_SMMUV3_S1;
}

/* What an address is cached under. */
static inline uint64_t mock_bound_key(const struct mock_bound *bound, uint64_t addr)
{
	uint64_t low = addr & (UINT64_MAX >> 8);

	if (!mock_bound_strips(bound))
		return addr;
	return addr >> 55 & 1 ? low | ~(UINT64_MAX >> 8) : low;
}

/* The space is freed, as its context is closed. */
void mock_bound_end(struct mock_space *space);

/* May a device behind the IOMMU be translated by it, over this parent? 0, or the error with its
 * reason. */
int mock_bound_fits(const struct mock_bound *bound, const struct mock_space *parent,
	const struct mock_iommu *iommu);

int mock_pgtable_bind(
	struct backend *be, uint32_t space, uint32_t parent, const struct ioasid_pgtable *table);
int mock_pasid_table_bind(
	struct backend *be, uint32_t space, uint32_t parent, const struct ioasid_pgtable *table);
int mock_pgtable_unbind(struct backend *be, uint32_t space);
int mock_invalidate(
	struct backend *be, uint32_t space, const struct ioasid_invalidation *list, unsigned int n);
int mock_device_invalidate(struct backend *be, uint32_t device);

#endif
