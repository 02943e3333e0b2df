/* SPDX-License-Identifier: MIT */
/*
 * A page table in guest memory: see pagetable.h. The three formats have the same shape and differ
 * in the bits of an entry.
 */
#include "pagetable.h"
#include <stdlib.h>

#define LEAF    (PAGETABLE_LEVELS - 1)
#define ENTRIES 512u
#define ADDRESS UINT64_C(0x0000fffffffff000)

/* As processors have them: VT-d's first stage is x86's page table, and so is AMD's v2. */
#define X86_PRESENT  (UINT64_C(1) << 0)
#define X86_WRITABLE (UINT64_C(1) << 1)
#define X86_USER     (UINT64_C(1) << 2)
#define X86_DIRTY    (UINT64_C(1) << 6)

/* VMSAv8-64. A page that hardware may make writable (DBM) is clean while it is read-only. */
#define ARM_VALID     (UINT64_C(3) << 0) /* a table, or at the last level a page */
#define ARM_USER      (UINT64_C(1) << 6)
#define ARM_READ_ONLY (UINT64_C(1) << 7)
#define ARM_SHARED    (UINT64_C(3) << 8)
#define ARM_DBM       (UINT64_C(1) << 51)
#define ARM_NO_EXEC   (UINT64_C(3) << 53)

struct format {
	uint64_t table;       /* of an entry that leads to a table */
	uint64_t page;        /* of one that leads to a page */
	uint64_t writable;    /* if that may be written */
	uint64_t written[2];  /* it was, if of these bits those are set */
	uint32_t table_flags; /* of struct ioasid_pgtable */
};

static const struct format x86 = {
	.table = X86_PRESENT | X86_WRITABLE | X86_USER,
	.page = X86_PRESENT | X86_USER,
	.writable = X86_WRITABLE,
	.written = {X86_DIRTY, X86_DIRTY},
};

static const struct format arm = {
	.table = ARM_VALID,
	.page = ARM_VALID | ARM_USER | ARM_READ_ONLY | ARM_SHARED | ARM_NO_EXEC,
	.writable = ARM_DBM,
	.written = {ARM_DBM | ARM_READ_ONLY, ARM_DBM},
	.table_flags = IOASID_PGTABLE_HW_ACCESSED | IOASID_PGTABLE_HW_DIRTY,
};

static const struct format *format_of(const struct pagetable *table)
{
	return table->format == IOASID_PGTABLE_SMMUV3_S1 ? &arm : &x86;
}

int pagetable_open(struct pagetable *table)
{
	unsigned int count = table->frames->count;

	table->root = frames_take(table->frames);
	table->used = calloc(count, sizeof(*table->used));
	table->emptied = calloc(count, sizeof(*table->emptied));
	table->emptied_count = 0;
	return table->used && table->emptied ? 0 : -1;
}

void pagetable_close(struct pagetable *table)
{
	free(table->used);
	free(table->emptied);
	table->used = NULL;
	table->emptied = NULL;
}

struct ioasid_pgtable pagetable_describe(const struct pagetable *table)
{
	return (struct ioasid_pgtable){
		.size = sizeof(struct ioasid_pgtable),
		.format = table->format,
		.addr = table->root,
		.addr_width = 48,
		.flags = format_of(table)->table_flags,
	};
}

/* The entry for addr in the table at gpa. */
static uint64_t *entry_of(const struct pagetable *table, uint64_t gpa, uint64_t addr, int level)
{
	uint64_t *entries = (uint64_t *)(void *)(table->frames->ram + gpa);

	return &entries[addr >> (12 + 9 * (LEAF - level)) & (ENTRIES - 1)];
}

/* Atomic: hardware may be setting the accessed bit. */
static uint64_t load(const uint64_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

static uint16_t *used_of(const struct pagetable *table, uint64_t gpa)
{
	return &table->used[(gpa - table->frames->first) / FRAMES_SIZE];
}

/* Release: who walks here finds what the entry leads to as it was left. */
static void set(struct pagetable *table, uint64_t gpa, uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
	++*used_of(table, gpa);
}

/* From a table to the next, which is made if there is none. */
static uint64_t descend(struct pagetable *table, uint64_t gpa, uint64_t addr, int level)
{
	uint64_t *entry = entry_of(table, gpa, addr, level);

	if (!load(entry))
		set(table, gpa, entry, frames_take(table->frames) | format_of(table)->table);
	return load(entry) & ADDRESS;
}

int pagetable_map(struct pagetable *table, uint64_t addr, uint64_t gpa, bool writable)
{
	const struct format *format = format_of(table);
	uint64_t at = table->root;

	if (table->frames->left < LEAF)
		return -1;
	for (int level = 0; level < LEAF; level++)
		at = descend(table, at, addr, level);
	set(table, at, entry_of(table, at, addr, LEAF),
		gpa | format->page | (writable ? format->writable : 0));
	return 0;
}

/* The tables that lead to addr, the root first; false: they end before. */
static bool find_path(const struct pagetable *table, uint64_t addr, uint64_t path[PAGETABLE_LEVELS])
{
	uint64_t entry;

	path[0] = table->root;
	for (int level = 0; level < LEAF; level++) {
		entry = load(entry_of(table, path[level], addr, level));
		if (!entry)
			return false;
		path[level + 1] = entry & ADDRESS;
	}
	return true;
}

uint64_t pagetable_find(const struct pagetable *table, uint64_t addr)
{
	uint64_t path[PAGETABLE_LEVELS];

	return find_path(table, addr, path) ? load(entry_of(table, path[LEAF], addr, LEAF)) : 0;
}

uint64_t pagetable_unmap(struct pagetable *table, uint64_t addr)
{
	uint64_t path[PAGETABLE_LEVELS], gone;

	if (!find_path(table, addr, path))
		return 0;
	/* A swap: hardware may be setting the dirty bit. */
	gone = __atomic_exchange_n(entry_of(table, path[LEAF], addr, LEAF), 0, __ATOMIC_ACQ_REL);
	for (int level = LEAF; gone && !--*used_of(table, path[level]) && level > 0; level--) {
		__atomic_store_n(
			entry_of(table, path[level - 1], addr, level - 1), 0, __ATOMIC_RELEASE);
		table->emptied[table->emptied_count++] = path[level];
	}
	return gone;
}

bool pagetable_was_written(const struct pagetable *table, uint64_t entry)
{
	const uint64_t *written = format_of(table)->written;

	return (entry & written[0]) == written[1];
}

struct ioasid_invalidation pagetable_invalidation(
	const struct pagetable *table, uint64_t addr, uint64_t length)
{
	return (struct ioasid_invalidation){
		.what = IOASID_INVALIDATE_RANGE,
		.flags = table->emptied_count ? 0 : IOASID_INVALIDATE_LEAF,
		.addr = addr,
		.length = length,
	};
}

void pagetable_reclaim(struct pagetable *table)
{
	while (table->emptied_count)
		frames_give(table->frames, table->emptied[--table->emptied_count]);
}
