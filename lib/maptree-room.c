/* SPDX-License-Identifier: MIT */
/*
 * Where a map tree has room: the holes between entries, from an address on. It only looks. This
 * room must not know nodes but by their gaps.
 */
#include "maptree-gap.h"

#include <errno.h>

/* Steps over the entry above the gap, and gives it. */
static const struct maptree_entry *pass_entry(struct gap *gap)
{
	const struct maptree_entry *above = gap_above(*gap);

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
	struct gap gap = gap_find(tree, from);
	const struct maptree_entry *entry = gap_below(gap);
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
