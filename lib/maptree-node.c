/* SPDX-License-Identifier: MIT */
/*
 * A node's cells: finding, inserting and removing one, and passing some on to a neighbour. Moves
 * are by the size of a cell, so that entries and branches go the same way. This room must not know
 * what the shape of a whole tree is, or when a node comes and goes.
 */
#include "maptree-node.h"

#include <assert.h>
#include <string.h>

static size_t cell_size(const struct maptree_node *node)
{
	return node->leaf ? sizeof(node->entry[0]) : sizeof(node->branch[0]);
}

static void *cell_at(struct maptree_node *node, unsigned at)
{
	return (unsigned char *)node->entry + at * cell_size(node);
}

static void move_cells(struct maptree_node *to, unsigned to_at, struct maptree_node *from,
	unsigned from_at, unsigned count)
{
	memmove(cell_at(to, to_at), cell_at(from, from_at), count * cell_size(from));
}

/* These are empty from now on. */
static void empty_cells(struct maptree_node *node, unsigned from, unsigned count)
{
	for (unsigned at = from; at < from + count; at++)
		memcpy(cell_at(node, at), &(uint64_t){MAPTREE_NODE_EMPTY}, sizeof(uint64_t));
}

void maptree_node_init(struct maptree_node *node, bool leaf)
{
	node->leaf = leaf;
	node->beyond = MAPTREE_NODE_EMPTY;
	empty_cells(node, 0, maptree_node_capacity(node));
}

void maptree_branch_insert(
	struct maptree_node *node, unsigned at, const struct maptree_branch *branch)
{
	assert(!node->leaf && !maptree_node_is_full(node) && at <= node->count);
	move_cells(node, at + 1, node, at, node->count - at);
	node->branch[at] = *branch;
	node->count++;
}

void maptree_branch_remove(struct maptree_node *node, unsigned at)
{
	assert(!node->leaf && at < node->count);
	node->count--;
	move_cells(node, at, node, at + 1, node->count - at);
	node->branch[node->count].key = MAPTREE_NODE_EMPTY;
}

void maptree_node_shift_right(struct maptree_node *left, struct maptree_node *right, unsigned count)
{
	assert(count <= left->count && right->count + count <= maptree_node_capacity(right));
	move_cells(right, count, right, 0, right->count);
	move_cells(right, 0, left, left->count - count, count);
	left->count -= count;
	right->count += count;
	empty_cells(left, left->count, count);
}

void maptree_node_shift_left(struct maptree_node *left, struct maptree_node *right, unsigned count)
{
	assert(count <= right->count && left->count + count <= maptree_node_capacity(left));
	move_cells(left, left->count, right, 0, count);
	move_cells(right, 0, right, count, right->count - count);
	left->count += count;
	right->count -= count;
	empty_cells(right, right->count, count);
}

void maptree_node_link(struct maptree_node *left, struct maptree_node *node)
{
	node->prev = left;
	node->next = left->next;
	left->next = node;
	if (node->next)
		node->next->prev = node;
}

void maptree_node_unlink_next(struct maptree_node *left)
{
	left->next = left->next->next;
	if (left->next)
		left->next->prev = left;
}
