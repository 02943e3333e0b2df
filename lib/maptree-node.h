/* SPDX-License-Identifier: MIT */
/*
 * One node of a map tree: a leaf, which holds entries, or a branch node, which holds for each child
 * the lowest address that may be filed there. A node knows its cells and its two neighbours on the
 * same level; the keys of cells that are empty are as high as can be, so that a search takes the
 * same few steps in every node. This room must not know parents or the tree, and it never
 * allocates.
 */
#ifndef MAPTREE_NODE_H
#define MAPTREE_NODE_H

#include "maptree.h"
#include <string.h>

/* With the header a node comes to 1 KiB. */
#define MAPTREE_LEAF_CELLS   31
#define MAPTREE_BRANCH_CELLS 62
#define MAPTREE_NODE_EMPTY   UINT64_MAX /* the key of an empty cell */

struct maptree_branch {
	uint64_t key;
	struct maptree_node *child;
};

/* Both kinds of cell begin with their key, so that most of the code need not tell them apart. */
struct maptree_node {
	struct maptree_node *prev;
	struct maptree_node *next;
	unsigned count;
	bool leaf;
	union {
		struct maptree_entry entry[MAPTREE_LEAF_CELLS];
		struct maptree_branch branch[MAPTREE_BRANCH_CELLS];
	};
	uint64_t beyond; /* the key of one more branch, which is always empty */
};

_Static_assert(offsetof(struct maptree_entry, start) == 0, "an entry begins with its key");
_Static_assert(offsetof(struct maptree_branch, key) == 0, "a branch begins with its key");
_Static_assert(offsetof(struct maptree_node, beyond) ==
		       offsetof(struct maptree_node, branch[MAPTREE_BRANCH_CELLS]),
	"where its key would be");

static inline unsigned maptree_node_capacity(const struct maptree_node *node)
{
	return node->leaf ? MAPTREE_LEAF_CELLS : MAPTREE_BRANCH_CELLS;
}

static inline bool maptree_node_is_full(const struct maptree_node *node)
{
	return node->count == maptree_node_capacity(node);
}

/*
 * A node at or below the mark is refilled. Two that are merged make up nine tenths at the most, and
 * evened-out ones hold more than the mark: an owner who maps and unmaps the same range does not pay
 * for a merge and a split each time.
 */
static inline unsigned maptree_node_low_mark(const struct maptree_node *node)
{
	return maptree_node_capacity(node) * 2 / 5;
}

#define MAPTREE_LEAF_LOW_MARK (MAPTREE_LEAF_CELLS * 2 / 5)

static inline uint64_t maptree_node_key(const struct maptree_node *node, unsigned at)
{
	return node->leaf ? node->entry[at].start : node->branch[at].key;
}

/* Asks for all of a node at once: one wait for memory instead of one for each step. */
static inline void maptree_node_prefetch(const struct maptree_node *node)
{
	for (size_t at = 0; at < sizeof(*node); at += 64)
		__builtin_prefetch((const unsigned char *)node + at);
}

/* Whether fewer than `at` bytes of cells have keys at or below `addr`: then by how much less. */
static inline size_t maptree_node_step(
	const unsigned char *cells, size_t at, size_t step, uint64_t addr)
{
	uint64_t key;

	memcpy(&key, cells + at - step, sizeof(key));
	return -(size_t)(addr < key) & step;
}

/* Of 31 cells, or from another start of more, how many have a key at or below `addr`; in bytes. In
 * random order every comparison is a coin toss, so there is no jump. */
static inline size_t maptree_node_up_to_31(
	const unsigned char *cells, size_t at, size_t size, uint64_t addr)
{
	at -= maptree_node_step(cells, at, 16 * size, addr);
	at -= maptree_node_step(cells, at, 8 * size, addr);
	at -= maptree_node_step(cells, at, 4 * size, addr);
	at -= maptree_node_step(cells, at, 2 * size, addr);
	at -= maptree_node_step(cells, at, 1 * size, addr);
	return at;
}

_Static_assert(MAPTREE_LEAF_CELLS == 31 && MAPTREE_BRANCH_CELLS + 1 == 63, "as the search has it");

/* The number of cells whose key is at or below `addr`: empty ones have the highest key there is.
 * Many trees are small, and memory far away: of few cells the rest is not looked at. */
static inline unsigned maptree_leaf_up_to(const struct maptree_node *node, uint64_t addr)
{
	const unsigned char *cells = (const unsigned char *)node->entry;
	const size_t size = sizeof(node->entry[0]);
	unsigned up_to;
	size_t at;

	if (node->count <= 7) {
		at = 7 * size - maptree_node_step(cells, 7 * size, 4 * size, addr);
		at -= maptree_node_step(cells, at, 2 * size, addr);
		at -= maptree_node_step(cells, at, 1 * size, addr);
	} else {
		at = maptree_node_up_to_31(cells, MAPTREE_LEAF_CELLS * size, size, addr);
	}
	up_to = (unsigned)(at / size);

	return up_to < node->count ? up_to : node->count;
}

static inline unsigned maptree_branch_up_to(const struct maptree_node *node, uint64_t addr)
{
	const unsigned char *cells = (const unsigned char *)node->branch;
	const size_t size = sizeof(node->branch[0]);
	size_t at = (MAPTREE_BRANCH_CELLS + 1) * size;
	unsigned up_to;

	at -= maptree_node_step(cells, at, 32 * size, addr);
	up_to = (unsigned)(maptree_node_up_to_31(cells, at, size, addr) / size);
	return up_to < node->count ? up_to : node->count;
}

/* Makes an all-zero node one without cells. */
void maptree_node_init(struct maptree_node *node, bool leaf);

/* The node is not full. */
void maptree_branch_insert(
	struct maptree_node *node, unsigned at, const struct maptree_branch *branch);
void maptree_branch_remove(struct maptree_node *node, unsigned at);

static inline void maptree_leaf_insert(
	struct maptree_node *node, struct maptree_entry *here, const struct maptree_entry *entry)
{
	size_t behind = (size_t)(&node->entry[node->count] - here);

	node->count++;
	memmove(here + 1, here, behind * sizeof(*here));
	*here = *entry;
}

static inline void maptree_leaf_remove(struct maptree_node *node, struct maptree_entry *here)
{
	size_t behind = (size_t)(&node->entry[--node->count] - here);

	memmove(here, here + 1, behind * sizeof(*here));
	node->entry[node->count].start = MAPTREE_NODE_EMPTY;
}

/* Passes the last `count` cells of `left` on to `right`, in front of those it has. */
void maptree_node_shift_right(
	struct maptree_node *left, struct maptree_node *right, unsigned count);

/* Passes the first `count` cells of `right` on to `left`, behind those it has. */
void maptree_node_shift_left(struct maptree_node *left, struct maptree_node *right, unsigned count);

/* Puts `node` on its level, behind `left`. */
void maptree_node_link(struct maptree_node *left, struct maptree_node *node);

/* Takes the node behind `left` off its level. */
void maptree_node_unlink_next(struct maptree_node *left);

#endif
