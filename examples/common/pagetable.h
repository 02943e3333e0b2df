/* SPDX-License-Identifier: MIT */
/*
 * A page table that a guest's kernel builds in guest memory, in one of the formats that IOMMUs
 * walk: pages of 4 KiB, four levels, 48 bits. Whoever walks it (an IOMMU, a processor) may do so at
 * any time, so each entry changes in one store. One thread at a time changes it. Knows nothing of
 * devices; that others cache what they read is its user's to remember: clear, invalidate, reclaim.
 */
#ifndef PAGETABLE_H
#define PAGETABLE_H

#include "frames.h"
#include <ioasid/pgtable.h>
#include <stdbool.h>

#define PAGETABLE_LEVELS 4

struct pagetable {
	struct frames *frames; /* where its tables come from */
	uint32_t format;       /* IOASID_PGTABLE_* */
	uint64_t root;         /* guest address */
	uint16_t *used;        /* entries in use, of the table in each frame */
	uint64_t *emptied;     /* tables without an entry, that a cache may still lead to */
	unsigned int emptied_count;
};

/* frames and format are filled in. 0, or -1: out of memory. */
int pagetable_open(struct pagetable *table);
void pagetable_close(struct pagetable *table);

/* What to bind. */
struct ioasid_pgtable pagetable_describe(const struct pagetable *table);

/* The page at addr, which is not mapped, is the frame at gpa. 0, or -1: too few frames for tables.
 */
int pagetable_map(struct pagetable *table, uint64_t addr, uint64_t gpa, bool writable);

/* The entry of the page at addr, 0 if it is not mapped. */
uint64_t pagetable_find(const struct pagetable *table, uint64_t addr);

/* The page at addr is not mapped any more; a table that holds no other goes with it. Returns the
 * entry that was there. */
uint64_t pagetable_unmap(struct pagetable *table, uint64_t addr);

/* Somebody wrote to the page of this entry: a processor, or a device through the IOMMU. */
bool pagetable_was_written(const struct pagetable *table, uint64_t entry);

/* What is to be invalidated after pagetable_unmap() of these pages. */
struct ioasid_invalidation pagetable_invalidation(
	const struct pagetable *table, uint64_t addr, uint64_t length);

/* All is invalidated: the tables that went can be used again. */
void pagetable_reclaim(struct pagetable *table);

#endif
