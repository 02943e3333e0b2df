/* SPDX-License-Identifier: MIT */
/*
 * Translation by what a guest has bound to a space: its page table, or the one that its PASID table
 * leads to, and then the maps of the parent space. The caller holds the world. It must not know the
 * caches of translations.
 */
#ifndef MOCK_NESTED_H
#define MOCK_NESTED_H

#include "access.h"

/* base is the start of a page of a guest's. fresh: what is kept of a PASID table is not asked, and
 * nothing is noted in tables. */
void mock_nested_walk(
	const struct mock_access *access, uint64_t base, bool fresh, struct mock_answer *answer);

#endif
