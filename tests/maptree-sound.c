/* SPDX-License-Identifier: MIT */
/*
 * The inspection of a map tree: whether its order, links, fill and totals hold. The tests ask for
 * it after what they do; it changes nothing. This room must not know how the tree is brought into
 * the shape it has, only which shapes are allowed.
 */
#include "maptree-sound.h"
#include "maptree-node.h"

static bool is_filled(const struct maptree_node *node)
{
	bool outermost = !node->prev || !node->next;
	unsigned least = outermost ? 1 : maptree_node_low_mark(node);

	return node->count >= least && node->count <= maptree_node_capacity(node);
}

/* Whether what is behind the cells of a node is empty, as its search takes for granted. */
static bool is_empty_behind(const struct maptree_node *node)
{
	for (unsigned at = node->count; at < maptree_node_capacity(node); at++)
		if (maptree_node_key(node, at) != MAPTREE_NODE_EMPTY)
			return false;
	return true;
}

/* Whether the cells of one node ascend, and lie above all those of the node before it. */
static bool is_ordered(const struct maptree_node *node)
{
	const struct maptree_node *prev = node->prev;

	if (prev && maptree_node_key(prev, prev->count - 1) >= maptree_node_key(node, 0))
		return false;
	for (unsigned at = 1; at < node->count; at++)
		if (maptree_node_key(node, at - 1) >= maptree_node_key(node, at))
			return false;
	return true;
}

/* Whether the children of `node` are the nodes from *child on, which moves behind them. */
static bool owns_children(const struct maptree_node *node, const struct maptree_node **child)
{
	for (unsigned at = 0; at < node->count; at++) {
		if (node->branch[at].child != *child)
			return false;
		if (node->branch[at].key > maptree_node_key(*child, 0))
			return false;
		*child = (*child)->next;
	}
	return true;
}

/* Checks one level, adds up its nodes and entries, and moves *level down to the next. */
static bool is_level_sound(const struct maptree_node **level, size_t *nodes, size_t *entries)
{
	const struct maptree_node *node = *level;
	const struct maptree_node *child = node->leaf ? NULL : node->branch[0].child;

	*level = child;
	for (; node; node = node->next, ++*nodes) {
		if (!is_filled(node) || !is_ordered(node) || !is_empty_behind(node))
			return false;
		if (node->next && node->next->prev != node)
			return false;
		if (node->leaf)
			*entries += node->count;
		else if (!owns_children(node, &child))
			return false;
	}
	return child == NULL;
}

bool maptree_sound(const struct maptree *tree)
{
	const struct maptree_node *level = tree->root;
	size_t nodes = 0;
	size_t entries = 0;

	if (level && (level->next || (!level->leaf && level->count < 2)))
		return false;
	while (level)
		if (!is_level_sound(&level, &nodes, &entries))
			return false;
	return nodes == tree->nodes && entries == tree->count;
}
