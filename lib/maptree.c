/* SPDX-License-Identifier: MIT */
/*
 * The map tree is a B+-tree: the leaves hold the entries in sorted arrays, the branch nodes above
 * them hold, for each child, the lowest address that may be filed there. Since entries never
 * overlap, their starts alone order them. Every level is also a doubly linked list, so that a
 * neighbour is one step away. This room must not know what is mapped, or who asks.
 */
#include "maptree-gap.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* ---- nodes that come and go ---- */

static struct maptree_node *new_node(struct maptree *tree, bool leaf)
{
	struct maptree_node *node = calloc(1, sizeof(*node));

	if (node) {
		maptree_node_init(node, leaf);
		tree->nodes++;
	}
	return node;
}

static void free_node(struct maptree *tree, struct maptree_node *node)
{
	tree->nodes--;
	free(node);
}

/* ---- the way down ---- */

struct gap gap_find(const struct maptree *tree, uint64_t addr)
{
	return gap_here(tree, addr);
}

/* ---- growing ---- */

/*
 * The outermost nodes of a level stay where the next ones are appended, so they part unevenly:
 * entries that come in order would otherwise leave a trail of half-empty nodes.
 */
static unsigned kept_by_split(const struct maptree_node *node)
{
	unsigned count = node->count;

	if (!node->next)
		return count - count / 8;
	return node->prev ? count / 2 : count / 8;
}

static int split_branch(struct maptree *tree, struct maptree_node *parent, unsigned at)
{
	struct maptree_node *left = parent->branch[at].child;
	struct maptree_node *right = new_node(tree, left->leaf);
	struct maptree_branch branch = {.child = right};

	if (!right)
		return -ENOMEM;
	maptree_node_shift_right(left, right, left->count - kept_by_split(left));
	maptree_node_link(left, right);
	branch.key = maptree_node_key(right, 0);
	maptree_branch_insert(parent, at + 1, &branch);
	return 0;
}

/* A root with a single child is never left behind: it would give that child no sibling. */
static int split_root(struct maptree *tree)
{
	struct maptree_node *root = new_node(tree, false);
	struct maptree_branch all = {.key = 0, .child = tree->root};

	if (!root)
		return -ENOMEM;
	maptree_branch_insert(root, 0, &all);
	if (split_branch(tree, root, 0)) {
		free_node(tree, root);
		return -ENOMEM;
	}
	tree->root = root;
	return 0;
}

/*
 * Splits every full node on the way to `addr`, from the top, so that each has room for the one
 * below. A split moves entries but changes none, so one that fails half-way has harmed nothing.
 */
static int make_room(struct maptree *tree, uint64_t addr)
{
	struct maptree_node *node;

	if (maptree_node_is_full(tree->root) && split_root(tree))
		return -ENOMEM;
	for (node = tree->root; !node->leaf; node = node->branch[gap_branch(node, addr)].child) {
		unsigned at = gap_branch(node, addr);

		if (maptree_node_is_full(node->branch[at].child) && split_branch(tree, node, at))
			return -ENOMEM;
	}
	return 0;
}

/* The gap for `addr`, in a leaf that can take one entry more. */
static int open_gap(struct maptree *tree, uint64_t addr, struct gap *gap)
{
	if (!tree->root)
		tree->root = new_node(tree, true);
	else if (!maptree_node_is_full(gap->leaf))
		return 0;
	if (!tree->root || make_room(tree, addr))
		return -ENOMEM;
	*gap = gap_find(tree, addr);
	return 0;
}

/* ---- shrinking ---- */

static bool is_mergeable(const struct maptree_node *left, const struct maptree_node *right)
{
	return left->count + right->count <= maptree_node_capacity(left) * 9 / 10;
}

static void merge_branches(struct maptree *tree, struct maptree_node *parent, unsigned at)
{
	struct maptree_node *left = parent->branch[at].child;
	struct maptree_node *right = parent->branch[at + 1].child;

	maptree_node_shift_left(left, right, right->count);
	maptree_node_unlink_next(left);
	maptree_branch_remove(parent, at + 1);
	free_node(tree, right);
}

static void even_branches(struct maptree_node *parent, unsigned at)
{
	struct maptree_node *left = parent->branch[at].child;
	struct maptree_node *right = parent->branch[at + 1].child;
	unsigned half = (left->count + right->count) / 2;

	if (left->count > half)
		maptree_node_shift_right(left, right, left->count - half);
	else
		maptree_node_shift_left(left, right, half - left->count);
	parent->branch[at + 1].key = maptree_node_key(right, 0);
}

/* Fills a low child up from the sibling after it, or from the one before when it is the last. */
static void refill_branch(struct maptree *tree, struct maptree_node *parent, unsigned at)
{
	unsigned left = at + 1 < parent->count ? at : at - 1;

	assert(parent->count > 1);
	if (is_mergeable(parent->branch[left].child, parent->branch[left + 1].child))
		merge_branches(tree, parent, left);
	else
		even_branches(parent, left);
}

static void drop_empty_root(struct maptree *tree)
{
	struct maptree_node *root = tree->root;

	if (root->leaf ? root->count > 0 : root->count > 1)
		return;
	tree->root = root->leaf ? NULL : root->branch[0].child;
	free_node(tree, root);
}

/* Refills every low node on the way to `addr`, from the top, so that each can spare a child. */
static void refill_path(struct maptree *tree, uint64_t addr)
{
	struct maptree_node *node;

	for (node = tree->root; !node->leaf; node = node->branch[gap_branch(node, addr)].child) {
		unsigned at = gap_branch(node, addr);
		const struct maptree_node *child = node->branch[at].child;

		if (child->count <= maptree_node_low_mark(child))
			refill_branch(tree, node, at);
	}
	drop_empty_root(tree);
}

/* ---- the public side ---- */

static void fill_gap(struct maptree *tree, struct gap gap, const struct maptree_entry *entry,
	struct maptree_place *place)
{
	struct maptree_entry *here = &gap.leaf->entry[gap.at];

	*place = (struct maptree_place){here, gap.leaf, ++tree->changes};
	tree->count++;
	maptree_leaf_insert(gap.leaf, here, entry);
}

/* Where the leaf is full, or missing. Apart, so that the short way saves no registers for it. */
__attribute__((noinline)) static int insert_slowly(struct maptree *tree, struct gap gap,
	const struct maptree_entry *entry, struct maptree_place *place)
{
	if (open_gap(tree, entry->start, &gap))
		return -ENOMEM;
	fill_gap(tree, gap, entry, place);
	return 0;
}

__attribute__((cold)) static int refuse(const struct maptree_entry *entry,
	const struct maptree_entry *near, struct maptree_entry *clash)
{
	if (entry->last < entry->start)
		return -EINVAL;
	if (clash)
		*clash = *near;
	return -EEXIST;
}

int maptree_insert_at(struct maptree *tree, const struct maptree_entry *entry,
	struct maptree_entry *clash, struct maptree_place *place)
{
	struct gap gap = gap_here(tree, entry->start);
	const struct maptree_entry *near = gap_from(gap, entry->start);

	if (entry->last < entry->start || (near && near->start <= entry->last))
		return refuse(entry, near, clash);
	if (!gap.leaf || gap.leaf->count == MAPTREE_LEAF_CELLS)
		return insert_slowly(tree, gap, entry, place);
	fill_gap(tree, gap, entry, place);
	return 0;
}

int maptree_insert(
	struct maptree *tree, const struct maptree_entry *entry, struct maptree_entry *clash)
{
	struct maptree_place place;

	return maptree_insert_at(tree, entry, clash, &place);
}

struct maptree_entry *maptree_find(const struct maptree *tree, uint64_t addr)
{
	struct maptree_entry *below = gap_below(gap_find(tree, addr));

	return below && below->last >= addr ? below : NULL;
}

struct maptree_entry *maptree_first(const struct maptree *tree, uint64_t from)
{
	return gap_from(gap_find(tree, from), from);
}

struct maptree_entry *maptree_before(const struct maptree *tree, uint64_t below)
{
	return below ? gap_below(gap_find(tree, below - 1)) : NULL;
}

/* The place of the cell, or of the first one of the next leaf. */
static struct maptree_entry *place_at(
	struct maptree_node *leaf, unsigned at, struct maptree_place *place)
{
	if (leaf && at == leaf->count) {
		leaf = leaf->next;
		at = 0;
	}
	place->leaf = leaf;
	place->entry = leaf ? &leaf->entry[at] : NULL;
	return place->entry;
}

/* Nothing covers the address, or what does is in the leaf before. */
__attribute__((noinline)) static struct maptree_entry *seek_slowly(
	struct gap gap, uint64_t from, struct maptree_place *place)
{
	const struct maptree_entry *below = gap_below(gap);

	if (!below || below->last < from)
		return place_at(gap.leaf, gap.at, place);
	if (!gap.at)
		return place_at(gap.leaf->prev, gap.leaf->prev->count - 1, place);
	return place_at(gap.leaf, gap.at - 1, place);
}

struct maptree_entry *maptree_seek(
	const struct maptree *tree, uint64_t from, struct maptree_place *place)
{
	struct gap gap = gap_here(tree, from);
	struct maptree_entry *below;

	place->changes = tree->changes;
	if (!gap.at)
		return seek_slowly(gap, from, place);
	below = &gap.leaf->entry[gap.at - 1];
	if (below->last < from)
		return seek_slowly(gap, from, place);
	place->leaf = gap.leaf;
	return place->entry = below;
}

struct maptree_entry *maptree_next(struct maptree_place *place)
{
	return place_at(place->leaf, (unsigned)(place->entry - place->leaf->entry) + 1, place);
}

void maptree_remove_at(struct maptree *tree, const struct maptree_place *place)
{
	uint64_t start = place->entry->start;
	struct maptree_node *leaf = place->leaf;

	assert(place->changes == tree->changes);
	tree->count--;
	tree->changes++;
	maptree_leaf_remove(leaf, place->entry);
	if (leaf->count <= MAPTREE_LEAF_LOW_MARK)
		refill_path(tree, start);
}

int maptree_remove(struct maptree *tree, uint64_t start)
{
	struct gap gap = gap_find(tree, start);

	if (!gap.at || gap.leaf->entry[gap.at - 1].start != start)
		return -ENOENT;
	maptree_remove_at(tree,
		&(struct maptree_place){&gap.leaf->entry[gap.at - 1], gap.leaf, tree->changes});
	return 0;
}

size_t maptree_count(const struct maptree *tree)
{
	return tree->count;
}

size_t maptree_bytes(const struct maptree *tree)
{
	return tree->nodes * sizeof(struct maptree_node);
}

void maptree_clear(struct maptree *tree)
{
	struct maptree_node *level = tree->root;

	while (level) {
		struct maptree_node *node = level;

		level = node->leaf ? NULL : node->branch[0].child;
		while (node) {
			struct maptree_node *next = node->next;

			free_node(tree, node);
			node = next;
		}
	}
	assert(tree->nodes == 0);
	*tree = (struct maptree){.changes = tree->changes + 1};
}
