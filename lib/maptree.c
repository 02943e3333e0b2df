/* SPDX-License-Identifier: MIT */
/*
 * The map tree is a B+-tree: the leaves hold the entries in sorted arrays, the branch nodes above
 * them hold, for each child, the lowest address that may be filed there. Since entries never
 * overlap, their starts alone order them. Every level is also a doubly linked list, so that a
 * neighbour is one step away. This room must not know what is mapped, or who asks.
 */
#include "maptree-node.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* A place between entries: all those before it start at or below the address it was sought for. */
struct gap {
	struct maptree_node *leaf;
	unsigned at;
};

/* ---- nodes that come and go ---- */

static struct maptree_node *new_node(struct maptree *tree, bool leaf)
{
	struct maptree_node *node = calloc(1, sizeof(*node));

	if (node) {
		node->leaf = leaf;
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

/* The first key of every level is 0, so there is always a child to take. */
static unsigned branch_for(const struct maptree_node *node, uint64_t addr)
{
	unsigned up_to = maptree_node_up_to(node, addr);

	assert(up_to > 0);
	return up_to - 1;
}

static struct gap find_gap(const struct maptree *tree, uint64_t addr)
{
	struct gap gap = {.leaf = tree->root};

	if (!gap.leaf)
		return gap;
	while (!gap.leaf->leaf)
		gap.leaf = gap.leaf->branch[branch_for(gap.leaf, addr)].child;
	gap.at = maptree_node_up_to(gap.leaf, addr);
	return gap;
}

static struct maptree_entry *entry_below(struct gap gap)
{
	if (!gap.leaf)
		return NULL;
	if (gap.at > 0)
		return &gap.leaf->entry[gap.at - 1];
	if (!gap.leaf->prev)
		return NULL;
	return &gap.leaf->prev->entry[gap.leaf->prev->count - 1];
}

static struct maptree_entry *entry_above(struct gap gap)
{
	if (!gap.leaf)
		return NULL;
	if (gap.at < gap.leaf->count)
		return &gap.leaf->entry[gap.at];
	return gap.leaf->next ? &gap.leaf->next->entry[0] : NULL;
}

/* The first entry that covers `addr` or lies above it, `gap` being the one for `addr`. */
static struct maptree_entry *entry_from(struct gap gap, uint64_t addr)
{
	struct maptree_entry *below = entry_below(gap);

	return below && below->last >= addr ? below : entry_above(gap);
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
	maptree_node_insert(parent, at + 1, &branch);
	return 0;
}

/* A root with a single child is never left behind: it would give that child no sibling. */
static int split_root(struct maptree *tree)
{
	struct maptree_node *root = new_node(tree, false);
	struct maptree_branch all = {.key = 0, .child = tree->root};

	if (!root)
		return -ENOMEM;
	maptree_node_insert(root, 0, &all);
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
	for (node = tree->root; !node->leaf; node = node->branch[branch_for(node, addr)].child) {
		unsigned at = branch_for(node, addr);

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
	*gap = find_gap(tree, addr);
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
	maptree_node_remove(parent, at + 1);
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

	for (node = tree->root; !node->leaf; node = node->branch[branch_for(node, addr)].child) {
		unsigned at = branch_for(node, addr);
		const struct maptree_node *child = node->branch[at].child;

		if (child->count <= maptree_node_low_mark(child))
			refill_branch(tree, node, at);
	}
	drop_empty_root(tree);
}

/* ---- the public side ---- */

int maptree_insert(
	struct maptree *tree, const struct maptree_entry *entry, struct maptree_entry *clash)
{
	struct gap gap = find_gap(tree, entry->start);
	const struct maptree_entry *near = entry_from(gap, entry->start);

	if (entry->last < entry->start)
		return -EINVAL;
	if (near && near->start <= entry->last) {
		if (clash)
			*clash = *near;
		return -EEXIST;
	}
	if (open_gap(tree, entry->start, &gap))
		return -ENOMEM;
	maptree_node_insert(gap.leaf, gap.at, entry);
	tree->count++;
	return 0;
}

struct maptree_entry *maptree_find(const struct maptree *tree, uint64_t addr)
{
	struct maptree_entry *below = entry_below(find_gap(tree, addr));

	return below && below->last >= addr ? below : NULL;
}

struct maptree_entry *maptree_first(const struct maptree *tree, uint64_t from)
{
	return entry_from(find_gap(tree, from), from);
}

struct maptree_entry *maptree_before(const struct maptree *tree, uint64_t below)
{
	return below ? entry_below(find_gap(tree, below - 1)) : NULL;
}

int maptree_remove(struct maptree *tree, uint64_t start)
{
	struct gap gap = find_gap(tree, start);

	if (!gap.at || gap.leaf->entry[gap.at - 1].start != start)
		return -ENOENT;
	maptree_node_remove(gap.leaf, gap.at - 1);
	tree->count--;
	if (gap.leaf->count <= maptree_node_low_mark(gap.leaf))
		refill_path(tree, start);
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
	*tree = (struct maptree){0};
}

/* Steps over the entry above the gap, and gives it. */
static const struct maptree_entry *pass_entry(struct gap *gap)
{
	const struct maptree_entry *above = entry_above(*gap);

	if (above && gap->at == gap->leaf->count) {
		gap->leaf = gap->leaf->next;
		gap->at = 0;
	}
	gap->at++;
	return above;
}

/* Moves *at up to a multiple of `align`; false when the next one lies beyond the space. */
static bool align_up(uint64_t *at, uint64_t align)
{
	uint64_t short_by = -*at & (align - 1);

	if (short_by > UINT64_MAX - *at)
		return false;
	*at += short_by;
	return true;
}

/* Moves *at behind `entry`; false when there are no addresses behind it. */
static bool move_behind(uint64_t *at, const struct maptree_entry *entry)
{
	if (entry->last == UINT64_MAX)
		return false;
	if (*at <= entry->last)
		*at = entry->last + 1;
	return true;
}

/* Whether `length` bytes fit in at `at`, before `above` (or NULL) and no further than `to_last`. */
static bool fits(uint64_t at, uint64_t to_last, uint64_t length, const struct maptree_entry *above)
{
	if (above && above->start <= at)
		return false;
	if (above && above->start <= to_last)
		to_last = above->start - 1;
	return to_last - at >= length - 1;
}

int maptree_room(const struct maptree *tree, uint64_t from, uint64_t to_last, uint64_t length,
	uint64_t align, uint64_t *start)
{
	struct gap gap = find_gap(tree, from);
	const struct maptree_entry *entry = entry_below(gap);
	uint64_t at = from;

	if (!length || !align || (align & (align - 1)))
		return -EINVAL;
	if (entry && !move_behind(&at, entry))
		return -ENOSPC;
	while (align_up(&at, align) && at <= to_last) {
		entry = pass_entry(&gap);
		if (fits(at, to_last, length, entry)) {
			*start = at;
			return 0;
		}
		if (!entry || !move_behind(&at, entry))
			break;
	}
	return -ENOSPC;
}
