/* SPDX-License-Identifier: MIT */
/*
 * What of a guest's is bound to a space instead of maps: a page table in the memory of the parent
 * space. Here are its beginning and its end; translate.c walks it. All under the world's lock.
 */
#ifndef MOCK_BOUND_H
#define MOCK_BOUND_H

#include "space.h"
#include "walk.h"

struct mock_bound {
	bool adopted; /* by it alone the space has a parent: the platform does not nest */
	struct ioasid_pgtable told;
	struct walk_context table;
};

/* May a device behind the IOMMU be translated by it, over this parent? 0, or the error with its
 * reason. */
int mock_bound_fits(const struct mock_bound *bound, const struct mock_space *parent,
	const struct mock_iommu *iommu);

int mock_pgtable_bind(
	struct backend *be, uint32_t space, uint32_t parent, const struct ioasid_pgtable *table);
int mock_pgtable_unbind(struct backend *be, uint32_t space);
int mock_invalidate(
	struct backend *be, uint32_t space, const struct ioasid_invalidation *list, unsigned int n);
int mock_device_invalidate(struct backend *be, uint32_t device);

#endif
