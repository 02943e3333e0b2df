/* SPDX-License-Identifier: MIT */
/*
 * The way down a map tree, to the place that an address has among the entries, and the neighbours
 * there. What goes through it must not know how the tree grows and shrinks.
 */
#ifndef MAPTREE_GAP_H
#define MAPTREE_GAP_H

#include "maptree-node.h"

#define GAP_NEAR_NODES 128

/* A place between entries: all those before it start at or below the address it was sought for. */
struct gap {
	struct maptree_node *leaf;
	unsigned at;
};

/* The first key of every level is 0, so there is always a child to take. */
static inline unsigned gap_branch(const struct maptree_node *node, uint64_t addr)
{
	return maptree_branch_up_to(node, addr) - 1;
}

/* Part of what is done most often; of the rest gap_find() is. What a small tree has is near, and a
 * large one is worth the asking. */
__attribute__((always_inline)) static inline struct gap gap_here(
	const struct maptree *tree, uint64_t addr)
{
	struct gap gap = {.leaf = tree->root};

	if (!gap.leaf)
		return gap;
	while (!gap.leaf->leaf) {
		gap.leaf = gap.leaf->branch[gap_branch(gap.leaf, addr)].child;
		if (tree->nodes > GAP_NEAR_NODES)
			maptree_node_prefetch(gap.leaf);
	}
	gap.at = maptree_leaf_up_to(gap.leaf, addr);
	return gap;
}

struct gap gap_find(const struct maptree *tree, uint64_t addr);

static inline struct maptree_entry *gap_below(struct gap gap)
{
	if (!gap.leaf)
		return NULL;
	if (gap.at > 0)
		return &gap.leaf->entry[gap.at - 1];
	if (!gap.leaf->prev)
		return NULL;
	return &gap.leaf->prev->entry[gap.leaf->prev->count - 1];
}

static inline struct maptree_entry *gap_above(struct gap gap)
{
	if (!gap.leaf)
		return NULL;
	if (gap.at < gap.leaf->count)
		return &gap.leaf->entry[gap.at];
	return gap.leaf->next ? &gap.leaf->next->entry[0] : NULL;
}

/* The first entry that covers `addr` or lies above it, `gap` being the one for `addr`. */
static inline struct maptree_entry *gap_from(struct gap gap, uint64_t addr)
{
	struct maptree_entry *below = gap_below(gap);

	return below && below->last >= addr ? below : gap_above(gap);
}

#endif
