/* SPDX-License-Identifier: MIT */
/*
 * A node's cells: finding, inserting and removing one, and passing some on to a neighbour. Moves
 * are by the size of a cell, so that entries and branches go the same way. This room must not know
 * what the shape of a whole tree is, or when a node comes and goes.
 */
#include "maptree-node.h"

#include <assert.h>
#include <string.h>

#define CACHE_LINE 64

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

void maptree_node_insert(struct maptree_node *node, unsigned at, const void *cell)
{
	assert(!maptree_node_is_full(node) && at <= node->count);
	move_cells(node, at + 1, node, at, node->count - at);
	memcpy(cell_at(node, at), cell, cell_size(node));
	node->count++;
}

void maptree_node_remove(struct maptree_node *node, unsigned at)
{
	assert(at < node->count);
	node->count--;
	move_cells(node, at, node, at + 1, node->count - at);
}

void maptree_node_shift_right(struct maptree_node *left, struct maptree_node *right, unsigned count)
{
	assert(count <= left->count && right->count + count <= maptree_node_capacity(right));
	move_cells(right, count, right, 0, right->count);
	move_cells(right, 0, left, left->count - count, count);
	left->count -= count;
	right->count += count;
}

void maptree_node_shift_left(struct maptree_node *left, struct maptree_node *right, unsigned count)
{
	assert(count <= right->count && left->count + count <= maptree_node_capacity(left));
	move_cells(left, left->count, right, 0, count);
	move_cells(right, 0, right, count, right->count - count);
	left->count += count;
	right->count -= count;
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

/* Asks for all of a node at once: one wait for memory instead of one for each halving. */
static inline void prefetch(const unsigned char *cells, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += CACHE_LINE)
		__builtin_prefetch(cells + at);
}

static inline bool is_up_to(const unsigned char *cell, uint64_t addr)
{
	uint64_t key;

	memcpy(&key, cell, sizeof(key));
	return key <= addr;
}

/*
 * In random order every comparison is a coin toss, so the halving is written to need no jump; the
 * callers' fixed sizes let the compiler keep it so.
 */
static inline unsigned count_up_to(
	const unsigned char *cells, size_t size, unsigned count, uint64_t addr)
{
	const unsigned char *low = cells;

	prefetch(cells, count * size);
	while (count > 1) {
		unsigned half = count / 2;

		low += is_up_to(low + (half - 1) * size, addr) * (half * size);
		count -= half;
	}
	return (unsigned)((size_t)(low - cells) / size) + (count && is_up_to(low, addr));
}

unsigned maptree_node_up_to(const struct maptree_node *node, uint64_t addr)
{
	const unsigned char *cells = (const unsigned char *)node->entry;

	if (node->leaf)
		return count_up_to(cells, sizeof(node->entry[0]), node->count, addr);
	return count_up_to(cells, sizeof(node->branch[0]), node->count, addr);
}
