/* SPDX-License-Identifier: MIT */
/*
 * A guest over the mock with a PASID table, SMMUv3's or AMD's, and page tables of two PASIDs; what
 * its device finds, and what the guest says has changed. Knows the guest of nestedkit.h.
 */
#ifndef PASIDSKIT_H
#define PASIDSKIT_H

#include "nestedkit.h"

struct pasids {
	struct guest guest;
	struct ioasid_pgtable table;
	uint64_t root[3];
};

/* SMMUv3 and AMD in turn, on each kind of platform; the table is not bound yet. */
#define PASIDS_KINDS 8
struct guest_opts pasids_kind(int i);

/* With the table bound, and PASIDs 1 and 2 in it. */
void pasids_begin(struct pasids *p, const struct guest_opts *opts);
void pasids_end(struct pasids *p);

/* PASID 1 or 2 has this page at that address. */
void pasids_set(struct pasids *p, uint32_t pasid, uint64_t iova, unsigned int page);

/* What an access ends with, and the page that it found. */
uint32_t pasids_fault(struct pasids *p, uint32_t pasid, uint64_t iova, unsigned int *page);
/* The page that an access finds; it must. */
unsigned int pasids_page(struct pasids *p, uint32_t pasid, uint64_t iova);

/* A range is one page. */
void pasids_invalidate(struct pasids *p, uint32_t what, uint32_t pasid, uint64_t addr);

#endif
