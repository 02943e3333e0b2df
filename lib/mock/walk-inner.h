/* SPDX-License-Identifier: MIT */
/*
 * What the walkers of the formats share: how a guest's word is read and changed, and the path that
 * a walk took, so that its entries can be marked when all have agreed. For walk*.c alone; it must
 * not know a format.
 */
#ifndef MOCK_WALK_INNER_H
#define MOCK_WALK_INNER_H

#include "walk.h"
#include <ioasid/ring.h>

#define BIT(n) (UINT64_C(1) << (n))

/* The bits first to last, as manuals write fields: 51:12. */
#define BITS(last, first) ((UINT64_MAX >> (63 - (last))) & (UINT64_MAX << (first)))

#define WALK_LEVELS 5

/* An entry that the walk used: where it is, what it said, and what it is to say in the end. */
struct walk_step {
	uint64_t addr;
	uint64_t value;
	uint64_t marked;
};

struct walk_path {
	struct walk_memory *memory;
	struct walk_step step[WALK_LEVELS];
	unsigned int steps;
};

/* Tables are little-endian, whatever the host is. */
static inline uint64_t walk_little_endian(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return __builtin_bswap64(word);
#else
	return word;
#endif
}

/* Acquire: pairs with the guest's store that makes an entry valid, which a guest with any sense
 * has ordered after the table or the bytes behind it. */
static inline uint64_t walk_load(const uint64_t *word)
{
	return walk_little_endian(__atomic_load_n(word, __ATOMIC_ACQUIRE));
}

/* Takes the next step: reads the entry at addr. NULL: the parent lacks it, and the answer is so. */
struct walk_step *walk_step(struct walk_path *path, uint64_t addr, struct walk_answer *answer);

/* What of IOASID_MAP_* an access needs: a fetch is a read, of whatever kind. */
static inline uint32_t walk_needs(uint32_t access)
{
	return (access & (IOASID_FAULT_READ | IOASID_FAULT_EXEC) ? IOASID_MAP_READ : 0) |
	       (access & IOASID_FAULT_WRITE ? IOASID_MAP_WRITE : 0);
}

/* Each format's: from the bytes of tables to an answer, and to the marks of the path's steps. */
void walk_x86(struct walk_path *path, const struct walk_context *context,
	const struct walk_ask *ask, struct walk_answer *answer);
void walk_arm(struct walk_path *path, const struct walk_context *context,
	const struct walk_ask *ask, struct walk_answer *answer);

int walk_context_of_x86(const struct ioasid_pgtable *table, struct walk_context *context);
int walk_context_of_arm(const struct ioasid_pgtable *table, struct walk_context *context);

int walk_pasids_of_arm(const struct ioasid_pgtable *table, struct walk_pasids *pasids);
int walk_pasids_of_amd(const struct ioasid_pgtable *table, struct walk_pasids *pasids);

/* The entry with this index, below the table's size. */
uint32_t walk_pasid_arm(struct walk_memory *memory, const struct walk_pasids *pasids,
	uint32_t index, struct walk_entry *entry);
uint32_t walk_pasid_amd(struct walk_memory *memory, const struct walk_pasids *pasids,
	uint32_t index, struct walk_entry *entry);

/* A word of a PASID table; false: the parent lacks it, and the entry says so. */
bool walk_pasid_word(
	struct walk_memory *memory, uint64_t addr, uint64_t *word, struct walk_entry *entry);

#endif
