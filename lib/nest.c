/* SPDX-License-Identifier: MIT */
/*
 * Software nesting above a backend that does not nest: a child is a plain space there, filled
 * with copies of its parent's maps, and each change of either level is followed through the tree.
 * A piece is what one child map and one piece of the parent have in common; a root's pieces are
 * its maps. All under the tree's lock, exclusively.
 */
#include "core.h"
#include <limits.h>

struct piece {
	struct ioasid_space *space;
	uint64_t first; /* in the space */
	uint64_t last;
	uint64_t from; /* in the parent */
	uint32_t flags;
};

/* Walks one change; stops where a step fails, or after so many. */
struct walk {
	int (*step)(const struct piece *piece);
	unsigned long limit;
	unsigned long done;
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static int copy_piece(const struct piece *piece)
{
	struct backend *be = piece->space->ctx->be;
	struct backend_copy copy = {
		.source = piece->space->parent->id,
		.flags = piece->flags,
		.from = piece->from,
		.iova = piece->first,
		.length = piece->last - piece->first + 1,
	};

	return be->ops->copy(be, piece->space->id, &copy);
}

static int remove_piece(const struct piece *piece)
{
	struct backend *be = piece->space->ctx->be;

	return be->ops->unmap(be, piece->space->id, piece->first, piece->last);
}

static int take_step(struct walk *walk, const struct piece *piece)
{
	int err;

	if (walk->done == walk->limit)
		return -ECANCELED;
	err = walk->step(piece);
	walk->done += !err;
	return err;
}

static int walk_below(struct walk *walk, const struct piece *piece);

static int walk_piece(struct walk *walk, const struct piece *piece)
{
	int err = take_step(walk, piece);

	return err ? err : walk_below(walk, piece);
}

/* One map of a child, over a piece of the parent. */
static int walk_child_map(struct walk *walk, const struct piece *piece, struct ioasid_space *child,
	const struct maptree_entry *map)
{
	uint64_t first = most(map->value, piece->first);
	uint64_t last = least(map->value + (map->last - map->start), piece->last);
	struct piece next = {
		.space = child,
		.first = map->start + (first - map->value),
		.last = map->start + (last - map->value),
		.from = first,
		.flags = piece->flags & map->flags,
	};

	return first > last || !next.flags ? 0 : walk_piece(walk, &next);
}

static int walk_child(struct walk *walk, const struct piece *piece, struct ioasid_space *child)
{
	const struct maptree_entry *map = maptree_first(&child->maps, 0);
	int err = 0;

	while (map && !err) {
		err = walk_child_map(walk, piece, child, map);
		map = map->last == UINT64_MAX ? NULL : maptree_first(&child->maps, map->last + 1);
	}
	return err;
}

/* What a piece of a space shows of itself in the space's children. */
static int walk_below(struct walk *walk, const struct piece *piece)
{
	list_each(link, &piece->space->children)
	{
		int err = walk_child(walk, piece, list_entry(link, struct ioasid_space, sibling));

		if (err)
			return err;
	}
	return 0;
}

/* The first piece of the space at or after first, up to last. */
static bool next_piece(
	struct ioasid_space *space, uint64_t first, uint64_t last, struct piece *piece);

/* The first piece of [first, last], which lies in this map of a child. */
static bool piece_of_map(struct ioasid_space *space, const struct maptree_entry *map,
	const struct ioasid_range *range, struct piece *piece)
{
	uint64_t at = map->value + (range->first - map->start);
	uint64_t end = map->value + (range->last - map->start);
	struct piece below;

	while (at <= end && next_piece(space->parent, at, end, &below)) {
		*piece = (struct piece){
			.space = space,
			.first = map->start + (below.first - map->value),
			.last = map->start + (below.last - map->value),
			.from = below.first,
			.flags = below.flags & map->flags,
		};
		if (piece->flags)
			return true;
		at = below.last + 1;
		if (!at)
			break;
	}
	return false;
}

static bool piece_at_map(struct ioasid_space *space, const struct maptree_entry *map,
	const struct ioasid_range *range, struct piece *piece)
{
	struct ioasid_range part = {
		most(map->start, range->first),
		least(map->last, range->last),
	};

	if (space->parent)
		return piece_of_map(space, map, &part, piece);
	*piece = (struct piece){
		.space = space, .first = part.first, .last = part.last, .flags = map->flags};
	return true;
}

static bool next_piece(
	struct ioasid_space *space, uint64_t first, uint64_t last, struct piece *piece)
{
	const struct maptree_entry *map = maptree_first(&space->maps, first);
	struct ioasid_range range = {first, last};

	while (map && map->start <= last) {
		if (piece_at_map(space, map, &range, piece))
			return true;
		map = map->last == UINT64_MAX ? NULL : maptree_first(&space->maps, map->last + 1);
	}
	return false;
}

/* All that whole maps in [first, last] of the space mean: a child's own pieces, and what they, or
 * a root's maps, show further up. Parents come before children. */
static int walk_all(struct walk *walk, struct ioasid_space *space, uint64_t first, uint64_t last)
{
	struct piece piece;
	int err = 0;

	while (!err && first <= last && next_piece(space, first, last, &piece)) {
		err = space->parent ? walk_piece(walk, &piece) : walk_below(walk, &piece);
		if (piece.last == UINT64_MAX)
			break;
		first = piece.last + 1;
	}
	return err;
}

/* Does it all, or takes back what it did: the walk is the same each time. */
static int change(struct ioasid_space *space, const struct ioasid_range *range,
	int (*step)(const struct piece *), int (*undo)(const struct piece *))
{
	struct walk there = {.step = step, .limit = ULONG_MAX};
	struct walk back = {.step = undo};
	int err = walk_all(&there, space, range->first, range->last);

	if (!err)
		return 0;
	back.limit = there.done;
	if (back.limit && walk_all(&back, space, range->first, range->last) != -ECANCELED)
		return error_reason(-EIO,
			"errno %d half-way, and what was done could not be undone: destroy the children",
			-err);
	return err;
}

int nest_show(struct ioasid_space *space, uint64_t first, uint64_t last)
{
	struct ioasid_range range = {first, last};

	return change(space, &range, copy_piece, remove_piece);
}

int nest_hide(struct ioasid_space *space, uint64_t first, uint64_t last)
{
	struct ioasid_range range = {first, last};

	return change(space, &range, remove_piece, copy_piece);
}

bool nest_extent(struct ioasid_space *space, uint64_t from, struct ioasid_range *extent)
{
	struct piece piece;

	if (!next_piece(space, from, UINT64_MAX, &piece))
		return false;
	*extent = (struct ioasid_range){piece.first, piece.last};
	return true;
}
