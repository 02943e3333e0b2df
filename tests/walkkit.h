/* SPDX-License-Identifier: MIT */
/*
 * The memory of a guest, as an IOMMU's walk is lent it: some pages at any address of the parent,
 * in heap memory of exactly that size, each of which may be read-only or gone. And numbers at
 * random. Knows the walkers' interface, no format.
 */
#ifndef WALKKIT_H
#define WALKKIT_H

#include "mock/walk.h"
#include <ioasid/ring.h>
#include <stddef.h>

#define BIT(n) (UINT64_C(1) << (n))
#define PAGE   UINT64_C(4096)

#define READ  IOASID_FAULT_READ
#define WRITE IOASID_FAULT_WRITE
#define EXEC  IOASID_FAULT_EXEC
#define PRIV  IOASID_FAULT_PRIV

#define WALKKIT_PAGES 16
#define WALKKIT_LOG   128

enum walkkit_state { WALKKIT_HERE, WALKKIT_READ_ONLY, WALKKIT_GONE };

struct walkkit {
	struct walk_memory memory; /* first */
	uint64_t base;             /* of the first page */
	unsigned int pages;
	uint64_t *words;
	enum walkkit_state state[WALKKIT_PAGES];

	/* what the walk leads to: pages of the parent that are none of these */
	unsigned int rest_lacks; /* one of so many is gone or read-only; 0: none */

	/* what a walk asked for, in order */
	uint64_t asked[WALKKIT_LOG];
	unsigned int asked_count;
	unsigned int changes; /* words it wanted to change */
	unsigned int reached; /* times it asked about where it leads */
	uint64_t reached_addr;
	uint32_t reached_access;

	/* a guest that is quick: called before a word is lent to be changed */
	void (*on_change)(struct walkkit *kit, uint64_t addr);
};

/* Zeroed pages, all here. */
void walkkit_begin(struct walkkit *kit, uint64_t base, unsigned int pages);
void walkkit_end(struct walkkit *kit);

/* Forgets what was asked. */
void walkkit_forget(struct walkkit *kit);

/* The word at an address; it must be there. */
uint64_t *walkkit_word(struct walkkit *kit, uint64_t addr);

/* Whether the parent has the page of an address, of these or of the rest, for such an access. */
bool walkkit_has(const struct walkkit *kit, uint64_t addr, uint32_t access);

uint64_t walkkit_random(uint64_t *state);
/* True once in n times. */
bool walkkit_once(uint64_t *state, unsigned int n);

#endif
