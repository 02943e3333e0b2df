/* SPDX-License-Identifier: MIT */
/*
 * One node of a map tree: a leaf, which holds entries, or a branch node, which holds for each child
 * the lowest address that may be filed there. A node knows its cells and its two neighbours on the
 * same level. This room must not know parents or the tree, and it never allocates.
 */
#ifndef MAPTREE_NODE_H
#define MAPTREE_NODE_H

#include "maptree.h"

/* With the header a node comes to 1016 bytes, which malloc serves from 1024. */
#define MAPTREE_LEAF_CELLS   31
#define MAPTREE_BRANCH_CELLS 62

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
};

_Static_assert(offsetof(struct maptree_entry, start) == 0, "an entry begins with its key");
_Static_assert(offsetof(struct maptree_branch, key) == 0, "a branch begins with its key");

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

static inline uint64_t maptree_node_key(const struct maptree_node *node, unsigned at)
{
	return node->leaf ? node->entry[at].start : node->branch[at].key;
}

/* The number of cells whose key is at or below `addr`. */
unsigned maptree_node_up_to(const struct maptree_node *node, uint64_t addr);

/* `cell` is an entry or a branch, as the node holds; the node is not full. */
void maptree_node_insert(struct maptree_node *node, unsigned at, const void *cell);

void maptree_node_remove(struct maptree_node *node, unsigned at);

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
