/* SPDX-License-Identifier: MIT */
/*
 * Maps of a space, how they end: marked in the space's own tree, ended by the backend with no short
 * lock held, then forgotten, or kept if that failed. An unmap is about whole maps, which is found
 * out before anything ends. How maps come is map.c's.
 */
#include "core.h"

/* Nothing was done: it takes the slower way. No errno, and no number of bytes that a map has. */
#define TRY_SPECIALLY 1

static int refuse_cut(struct ioasid_space *space, const char *call, uint64_t first, uint64_t last,
	const struct maptree_entry *entry)
{
	return error_set(-EINVAL,
		"%s: IOVA 0x%llx-0x%llx cuts the map 0x%llx-0x%llx of space %u: unmap whole maps",
		call, (unsigned long long)first, (unsigned long long)last,
		(unsigned long long)entry->start, (unsigned long long)entry->last, space->id);
}

/* One call to unmap. */
struct unmapping {
	const char *call;
	struct ioasid_range range;
	bool alone; /* the tree is locked exclusively */
};

/* What an unmap is about: from the first map's start to the last one's end. */
struct extent {
	uint64_t first;
	uint64_t last;
	uint64_t bytes;             /* at most INT64_MAX */
	bool holes;                 /* where other threads could map meanwhile */
	struct maptree_place place; /* of the first */
};

static void add_entry(struct extent *extent, const struct maptree_entry *entry)
{
	uint64_t more = entry->last - entry->start + 1;

	extent->holes |= extent->bytes && entry->start != extent->last + 1;
	extent->bytes = more > INT64_MAX - extent->bytes ? INT64_MAX : extent->bytes + more;
	extent->last = entry->last;
}

/* Nothing is cut, nobody else is at it. */
static int measure(struct ioasid_space *space, const char *call, const struct ioasid_range *range,
	struct extent *extent)
{
	struct maptree_place place;
	struct maptree_entry *entry = maptree_seek(&space->maps, range->first, &place);

	*extent = (struct extent){.first = entry ? entry->start : 0, .place = place};
	for (; entry && entry->start <= range->last; entry = maptree_next(&place)) {
		if (entry->start < range->first || entry->last > range->last)
			return refuse_cut(space, call, range->first, range->last, entry);
		if (entry->mark & MAP_BUSY)
			return error_set(-EBUSY,
				"%s: another thread is at the map 0x%llx of space %u", call,
				(unsigned long long)entry->start, space->id);
		add_entry(extent, entry);
		if (entry->last == range->last)
			break;
	}
	if (extent->bytes)
		return 0;
	if (space->table.size)
		return error_set(-ENOENT, "%s: space %u has no maps: a page table is bound to it",
			call, space->id);
	return error_set(-ENOENT, "%s: space %u has no map in 0x%llx-0x%llx", call, space->id,
		(unsigned long long)range->first, (unsigned long long)range->last);
}

static void mark_all(struct ioasid_space *space, const struct extent *extent, bool busy)
{
	struct maptree_place place = extent->place;
	struct maptree_entry *entry = maptree_again(&space->maps, extent->first, &place);

	for (; entry && entry->start <= extent->last; entry = maptree_next(&place))
		entry->mark = (entry->mark & ~MAP_BUSY) | (busy ? MAP_BUSY : 0);
}

/* Marks the maps that end, unless that takes the tree for this thread alone. */
static int reserve_all(
	struct ioasid_space *space, const struct unmapping *unmapping, struct extent *extent)
{
	int err;

	latch_take(&space->maps_lock);
	err = measure(space, unmapping->call, &unmapping->range, extent);
	if (!err && extent->holes && !unmapping->alone)
		err = TRY_SPECIALLY;
	if (!err)
		mark_all(space, extent, true);
	latch_release(&space->maps_lock);
	return err;
}

static int keep_all(struct ioasid_space *space, const struct unmapping *unmapping,
	const struct extent *extent, int err)
{
	latch_take(&space->maps_lock);
	mark_all(space, extent, false);
	latch_release(&space->maps_lock);
	return error_from(err, "%s: IOVA 0x%llx-0x%llx of space %u", unmapping->call,
		(unsigned long long)extent->first, (unsigned long long)extent->last, space->id);
}

/* Ends a map in the space's own books; its address, if that was the library's own. */
static uint64_t forget(struct ioasid_space *space, const struct maptree_entry *known,
	const struct maptree_place *place)
{
	struct maptree_entry entry = *known;

	maptree_remove_at(&space->maps, place);
	space->mapped -= entry.last - entry.start + 1;
	if (map_counts(space, entry.mark))
		memory_drop(space->ctx, entry.value, entry.mark);
	if (!(entry.mark & MAP_OWNED))
		return 0;
	space->owned--;
	return entry.value;
}

/* What is left of an extent behind an entry: nothing if it begins beyond its end. */
static void go_behind(struct extent *rest, const struct maptree_entry *entry)
{
	rest->first = entry->last + 1;
	if (entry->last >= rest->last)
		*rest = (struct extent){.first = 1, .place = rest->place};
}

/*
 * Ends maps up to the first whose memory is the library's own: that goes when the lock is released,
 * since it may take its time. What another thread maps meanwhile lies in front of what is left.
 */
static uint64_t forget_some(struct ioasid_space *space, struct extent *rest, uint64_t *length)
{
	uint64_t owned = 0;

	latch_take(&space->maps_lock);
	while (!owned && rest->first <= rest->last) {
		struct maptree_entry *entry =
			maptree_again(&space->maps, rest->first, &rest->place);

		if (!entry || entry->start > rest->last)
			break;
		*length = entry->last - entry->start + 1;
		go_behind(rest, entry);
		owned = forget(space, entry, &rest->place);
	}
	latch_release(&space->maps_lock);
	return owned;
}

static void forget_all(struct ioasid_space *space, struct extent extent)
{
	uint64_t addr, length;

	while ((addr = forget_some(space, &extent, &length)))
		file_hide(addr, length);
}

void map_drop_all(struct ioasid_space *space)
{
	forget_all(space, (struct extent){.first = 0, .last = UINT64_MAX});
}

void map_close(struct ioasid_space *space)
{
	if (space->owned)
		map_drop_all(space);
}

/* From the children's shadows, then from the backend. */
static int unmake(struct ioasid_space *space, const struct extent *extent)
{
	struct backend *be = space->ctx->be;
	int err = nest_copies(space) ? nest_hide(space, extent->first, extent->last) : 0;

	if (err || map_is_copied(space))
		return err;
	err = be->ops->unmap(be, space->id, extent->first, extent->last);
	if (err && nest_copies(space) && nest_show(space, extent->first, extent->last))
		return error_reason(-EIO, "errno %d, and the children lost the maps", -err);
	return err;
}

static int64_t unmap_entered(struct ioasid_space *space, const struct unmapping *unmapping)
{
	struct extent extent;
	int err = reserve_all(space, unmapping, &extent);

	if (err)
		return err;
	err = unmake(space, &extent);
	if (err)
		return keep_all(space, unmapping, &extent, err);
	forget_all(space, extent);
	return (int64_t)extent.bytes;
}

static int64_t unmap_many(struct ioasid_space *space, const struct unmapping *unmapping)
{
	int64_t got = map_is_incomplete(space) ? group_refuse(space, unmapping->call) : 0;

	if (!got)
		got = unmapping->alone ? tree_enter_alone(space, unmapping->call)
				       : tree_enter(space, unmapping->call);
	if (got)
		return got;
	got = space_ready(space, unmapping->call);
	if (!got)
		got = unmap_entered(space, unmapping);
	tree_leave(space);
	return got;
}

/* Holes between the maps take the tree for this thread alone. */
static int64_t unmap_specially(struct ioasid_space *space, struct unmapping *unmapping)
{
	int64_t got = unmap_many(space, unmapping);

	if (got != TRY_SPECIALLY)
		return got;
	unmapping->alone = true;
	return unmap_many(space, unmapping);
}

/* Just this one is there, and nobody else is at it: marks it. */
static inline bool reserve_one(
	struct ioasid_space *space, const struct ioasid_range *range, struct maptree_place *place)
{
	struct maptree_entry *entry;
	bool just;

	latch_take(&space->maps_lock);
	entry = maptree_seek(&space->maps, range->first, place);
	just = entry && entry->start == range->first && entry->last == range->last &&
	       !(entry->mark & MAP_BUSY);
	if (just)
		entry->mark |= MAP_BUSY;
	latch_release(&space->maps_lock);
	return just;
}

static inline void forget_one(
	struct ioasid_space *space, const struct ioasid_range *range, struct maptree_place *place)
{
	uint64_t length = range->last - range->first + 1, owned;

	latch_take(&space->maps_lock);
	owned = forget(space, maptree_again(&space->maps, range->first, place), place);
	latch_release(&space->maps_lock);
	if (owned)
		file_hide(owned, length);
}

/* The most frequent way: one map, and nothing special about its space. TRY_SPECIALLY: it is not so.
 */
static inline int64_t unmap_one(struct ioasid_space *space, const struct unmapping *unmapping)
{
	const struct ioasid_range *range = &unmapping->range;
	struct backend *be = space->ctx->be;
	struct maptree_place place;
	int err;

	if (!map_is_plain(space) || !reserve_one(space, range, &place))
		return TRY_SPECIALLY;
	err = be->ops->unmap(be, space->id, range->first, range->last);
	if (err)
		return keep_all(space, unmapping,
			&(struct extent){.first = range->first, .last = range->last}, err);
	forget_one(space, range, &place);
	return range->last - range->first < INT64_MAX ? (int64_t)(range->last - range->first + 1)
						      : INT64_MAX;
}

static int check_range(const char *call, uint64_t iova, uint64_t length, struct ioasid_range *range)
{
	*range = (struct ioasid_range){iova, iova + (length - 1)};
	if (!iova && length == UINT64_MAX)
		range->last = UINT64_MAX;
	if (!length || range->last < iova)
		return error_set(-EINVAL, "%s: IOVA 0x%llx, length 0x%llx is empty or wraps", call,
			(unsigned long long)iova, (unsigned long long)length);
	return 0;
}

int64_t ioasid_space_unmap(struct ioasid_space *space, uint64_t iova, uint64_t length)
{
	struct unmapping unmapping = {.call = __func__};
	int64_t got;
	int err = space ? check_range(__func__, iova, length, &unmapping.range)
			: null_argument(__func__, "space");

	if (err)
		return err;
	gate_enter(&space->tree->lock);
	got = unmap_one(space, &unmapping);
	gate_leave_shared(&space->tree->lock);
	return got == TRY_SPECIALLY ? unmap_specially(space, &unmapping) : got;
}
