/* SPDX-License-Identifier: MIT */
/*
 * Maps of a space. A map is reserved in the space's own tree, made by the backend with no short
 * lock held, then committed or rolled back; an unmap the other way round. So the kernel's slow
 * pinning runs in parallel, and bad input never reaches it.
 */
#include "core.h"

#define KNOWN_FLAGS (IOASID_MAP_RW | IOASID_MAP_FIXED)

static int check_flags(const char *call, const struct ioasid_map *map)
{
	if (map->flags & ~KNOWN_FLAGS || map->reserved)
		return error_set(-EINVAL, "%s: unknown flags 0x%x, or reserved is not 0", call,
			map->flags & ~KNOWN_FLAGS);
	if (!(map->flags & IOASID_MAP_RW))
		return error_set(-EINVAL,
			"%s: flags 0x%x permit nothing: set IOASID_MAP_READ or _WRITE", call,
			map->flags);
	return 0;
}

static int check_length(
	const struct ioasid_space *space, const char *call, const struct ioasid_map *map)
{
	uint64_t addr = (uintptr_t)map->addr;

	if (!map->length)
		return error_set(-EINVAL, "%s: length is 0", call);
	if (!map->addr && !space->parent)
		return null_argument(call, "map->addr");
	if (addr + (map->length - 1) < addr)
		return error_set(-EINVAL, "%s: address 0x%llx, length 0x%llx wraps", call,
			(unsigned long long)addr, (unsigned long long)map->length);
	if (map->flags & IOASID_MAP_FIXED && map->iova + (map->length - 1) < map->iova)
		return error_set(-EINVAL, "%s: IOVA 0x%llx, length 0x%llx wraps", call,
			(unsigned long long)map->iova, (unsigned long long)map->length);
	return 0;
}

static int refuse_overlap(struct ioasid_space *space, const char *call,
	const struct ioasid_map *map, const struct maptree_entry *other)
{
	return error_set(-EEXIST,
		"%s: IOVA 0x%llx-0x%llx of space %u is taken by the map 0x%llx-0x%llx", call,
		(unsigned long long)map->iova, (unsigned long long)(map->iova + (map->length - 1)),
		space->id, (unsigned long long)other->start, (unsigned long long)other->last);
}

/* Under the maps lock. */
static int reserve_locked(
	struct ioasid_space *space, const char *call, struct ioasid_map *map, uint32_t mark)
{
	struct maptree_entry entry = {.value = (uintptr_t)map->addr, .mark = mark | MAP_BUSY},
			     other;
	int err = map->flags & IOASID_MAP_FIXED ? 0 : range_pick(space, call, map);

	if (err)
		return err;
	entry.start = map->iova;
	entry.last = map->iova + (map->length - 1);
	entry.flags = map->flags & IOASID_MAP_RW;
	err = maptree_insert(&space->maps, &entry, &other);
	if (err == -EEXIST)
		return refuse_overlap(space, call, map, &other);
	return err ? error_from(err, "%s: space %u", call, space->id) : 0;
}

static int reserve(
	struct ioasid_space *space, const char *call, struct ioasid_map *map, bool registered)
{
	int err;

	pthread_mutex_lock(&space->maps_lock);
	err = reserve_locked(space, call, map, registered ? MAP_REGISTERED : 0);
	pthread_mutex_unlock(&space->maps_lock);
	return err;
}

static void commit(struct ioasid_space *space, const struct ioasid_map *map)
{
	pthread_mutex_lock(&space->maps_lock);
	maptree_find(&space->maps, map->iova)->mark &= ~MAP_BUSY;
	space->mapped += map->length;
	pthread_mutex_unlock(&space->maps_lock);
}

static void roll_back(struct ioasid_space *space, uint64_t iova)
{
	pthread_mutex_lock(&space->maps_lock);
	maptree_remove(&space->maps, iova);
	pthread_mutex_unlock(&space->maps_lock);
}

static bool is_copied(const struct ioasid_space *space)
{
	return space->parent && nest_copies(space);
}

static int make_root_map(struct ioasid_space *space, const struct ioasid_map *map)
{
	struct backend *be = space->ctx->be;
	struct backend_map wish = {
		.iova = map->iova,
		.length = map->length,
		.addr = (uintptr_t)map->addr,
		.flags = map->flags & IOASID_MAP_RW,
	};

	return be->ops->map(be, space->id, &wish);
}

/* In the backend, and in the children's shadows. */
static int make(struct ioasid_space *space, const struct ioasid_map *map)
{
	struct backend *be = space->ctx->be;
	int err = is_copied(space) ? 0 : make_root_map(space, map);

	if (err || !nest_copies(space))
		return err;
	err = nest_show(space, map->iova, map->iova + (map->length - 1));
	if (err && !is_copied(space))
		be->ops->unmap(be, space->id, map->iova, map->iova + (map->length - 1));
	return err;
}

static int make_reserved(struct ioasid_space *space, const char *call, const struct ioasid_map *map)
{
	int err = make(space, map);

	if (!err) {
		commit(space, map);
		return 0;
	}
	roll_back(space, map->iova);
	return error_from(err, "%s: IOVA 0x%llx, length 0x%llx of space %u", call,
		(unsigned long long)map->iova, (unsigned long long)map->length, space->id);
}

static int map_checked(struct ioasid_space *space, const char *call, struct ioasid_map *map)
{
	bool registered = false;
	int err = range_load(space, call);

	if (!err)
		err = range_check(space, call, map);
	if (!err && !space->parent)
		err = memory_use(space->ctx, call, map, &registered);
	if (err)
		return err;
	err = reserve(space, call, map, registered);
	if (!err)
		err = make_reserved(space, call, map);
	if (err && !space->parent)
		memory_drop(space->ctx, (uintptr_t)map->addr, registered);
	return err;
}

static bool is_incomplete(const struct ioasid_space *space)
{
	return __atomic_load_n(&space->incomplete, __ATOMIC_RELAXED);
}

int ioasid_space_map(struct ioasid_space *space, struct ioasid_map *map)
{
	struct ioasid_map wish;
	int err;

	if (!space || !map)
		return null_argument(__func__, space ? "map" : "space");
	wish = *map;
	err = check_flags(__func__, &wish);
	if (!err)
		err = check_length(space, __func__, &wish);
	if (!err && is_incomplete(space))
		err = group_refuse(space, __func__);
	if (!err)
		err = tree_enter(space, __func__);
	if (err)
		return err;
	err = space_ready(space, __func__);
	if (!err)
		err = map_checked(space, __func__, &wish);
	tree_leave(space);
	if (!err)
		map->iova = wish.iova;
	return err;
}

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
	uint64_t bytes; /* at most INT64_MAX */
	bool holes;     /* where other threads could map meanwhile */
};

static void add_entry(struct extent *extent, const struct maptree_entry *entry)
{
	uint64_t more = entry->last - entry->start + 1;

	extent->holes |= extent->bytes && entry->start != extent->last + 1;
	extent->bytes = more > INT64_MAX - extent->bytes ? INT64_MAX : extent->bytes + more;
	extent->last = entry->last;
}

static struct maptree_entry *entry_after(
	const struct ioasid_space *space, const struct maptree_entry *entry)
{
	return entry->last == UINT64_MAX ? NULL : maptree_first(&space->maps, entry->last + 1);
}

/* Nothing is cut, nobody else is at it. */
static int measure(struct ioasid_space *space, const char *call, const struct ioasid_range *range,
	struct extent *extent)
{
	struct maptree_entry *entry = maptree_first(&space->maps, range->first);

	*extent = (struct extent){.first = entry ? entry->start : 0};
	for (; entry && entry->start <= range->last; entry = entry_after(space, entry)) {
		if (entry->start < range->first || entry->last > range->last)
			return refuse_cut(space, call, range->first, range->last, entry);
		if (entry->mark & MAP_BUSY)
			return error_set(-EBUSY,
				"%s: another thread is at the map 0x%llx of space %u", call,
				(unsigned long long)entry->start, space->id);
		add_entry(extent, entry);
	}
	if (extent->bytes)
		return 0;
	return error_set(-ENOENT, "%s: space %u has no map in 0x%llx-0x%llx", call, space->id,
		(unsigned long long)range->first, (unsigned long long)range->last);
}

static void mark_all(struct ioasid_space *space, const struct extent *extent, bool busy)
{
	struct maptree_entry *entry = maptree_first(&space->maps, extent->first);

	for (; entry && entry->start <= extent->last; entry = entry_after(space, entry))
		entry->mark = (entry->mark & ~MAP_BUSY) | (busy ? MAP_BUSY : 0);
}

/* Marks the maps that end, unless that takes the tree for this thread alone. */
static int reserve_all(
	struct ioasid_space *space, const struct unmapping *unmapping, struct extent *extent)
{
	int err;

	pthread_mutex_lock(&space->maps_lock);
	err = measure(space, unmapping->call, &unmapping->range, extent);
	if (!err && extent->holes && !unmapping->alone)
		err = -EAGAIN;
	if (!err)
		mark_all(space, extent, true);
	pthread_mutex_unlock(&space->maps_lock);
	return err;
}

static void keep_all(struct ioasid_space *space, const struct extent *extent)
{
	pthread_mutex_lock(&space->maps_lock);
	mark_all(space, extent, false);
	pthread_mutex_unlock(&space->maps_lock);
}

/* Ends a map in the space's own books. */
static void forget(struct ioasid_space *space, const struct maptree_entry *known)
{
	struct maptree_entry entry = *known;

	maptree_remove(&space->maps, entry.start);
	space->mapped -= entry.last - entry.start + 1;
	if (!space->parent)
		memory_drop(space->ctx, entry.value, entry.mark & MAP_REGISTERED);
}

static void forget_all(struct ioasid_space *space, uint64_t first, uint64_t last)
{
	struct maptree_entry *entry;

	pthread_mutex_lock(&space->maps_lock);
	while ((entry = maptree_first(&space->maps, first)) && entry->start <= last)
		forget(space, entry);
	pthread_mutex_unlock(&space->maps_lock);
}

void map_drop_all(struct ioasid_space *space)
{
	forget_all(space, 0, UINT64_MAX);
}

/* From the children's shadows, then from the backend. */
static int unmake(struct ioasid_space *space, const struct extent *extent)
{
	struct backend *be = space->ctx->be;
	int err = nest_copies(space) ? nest_hide(space, extent->first, extent->last) : 0;

	if (err || is_copied(space))
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
	if (!err) {
		forget_all(space, extent.first, extent.last);
		return (int64_t)extent.bytes;
	}
	keep_all(space, &extent);
	return error_from(err, "%s: IOVA 0x%llx-0x%llx of space %u", unmapping->call,
		(unsigned long long)extent.first, (unsigned long long)extent.last, space->id);
}

static int64_t unmap_checked(struct ioasid_space *space, const struct unmapping *unmapping)
{
	int64_t got = unmapping->alone ? tree_enter_alone(space, unmapping->call)
				       : tree_enter(space, unmapping->call);

	if (got)
		return got;
	got = space_ready(space, unmapping->call);
	if (!got)
		got = unmap_entered(space, unmapping);
	tree_leave(space);
	return got;
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

	if (!err && is_incomplete(space))
		err = group_refuse(space, __func__);
	if (err)
		return err;
	got = unmap_checked(space, &unmapping);
	if (got != -EAGAIN)
		return got;
	unmapping.alone = true;
	return unmap_checked(space, &unmapping);
}
