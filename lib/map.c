/* SPDX-License-Identifier: MIT */
/*
 * Maps of a space, how they come. A map is reserved in the space's own tree, made by the backend
 * with no short lock held, then committed or rolled back. So the kernel's slow pinning runs in
 * parallel, and bad input never reaches it. How maps end is unmap.c's.
 */
#include "core.h"

#define KNOWN_FLAGS (IOASID_MAP_RW | IOASID_MAP_FIXED)

/* What is part of the most frequent call; for maps of files there are functions of the same. */
#define ALWAYS_INLINE __attribute__((always_inline)) static inline

static int refuse_flags(const char *call, const struct ioasid_map *map)
{
	if (map->flags & ~KNOWN_FLAGS || map->reserved)
		return error_set(-EINVAL, "%s: unknown flags 0x%x, or reserved is not 0", call,
			map->flags & ~KNOWN_FLAGS);
	return error_set(-EINVAL, "%s: flags 0x%x permit nothing: set IOASID_MAP_READ or _WRITE",
		call, map->flags);
}

static bool wraps(uint64_t first, uint64_t length)
{
	return first + (length - 1) < first;
}

static int refuse_length(const char *call, const struct ioasid_map *map)
{
	uint64_t addr = (uintptr_t)map->addr;

	if (!map->length)
		return error_set(-EINVAL, "%s: length is 0", call);
	return error_set(-EINVAL, "%s: address 0x%llx, length 0x%llx wraps", call,
		(unsigned long long)addr, (unsigned long long)map->length);
}

ALWAYS_INLINE int check(
	const struct ioasid_space *space, const struct ioasid_map *map, struct mapping *mapping)
{
	uint64_t addr = (uintptr_t)map->addr;

	if (map->flags & ~KNOWN_FLAGS || map->reserved || !(map->flags & IOASID_MAP_RW))
		return refuse_flags(mapping->call, map);
	if (!map->length || wraps(addr, map->length))
		return refuse_length(mapping->call, map);
	if (!addr && !mapping->file && !space->parent)
		return null_argument(mapping->call, "map->addr");
	mapping->length = map->length;
	mapping->flags = map->flags;
	mapping->entry.start = map->iova;
	mapping->entry.last = map->iova + (map->length - 1);
	mapping->entry.value = addr;
	mapping->entry.flags = map->flags & IOASID_MAP_RW;
	return 0;
}

static int refuse_insert(struct ioasid_space *space, const struct mapping *mapping, int err,
	const struct maptree_entry *other)
{
	const struct maptree_entry *entry = &mapping->entry;

	if (err != -EEXIST)
		return error_from(err, "%s: space %u", mapping->call, space->id);
	return error_set(err,
		"%s: IOVA 0x%llx-0x%llx of space %u is taken by the map 0x%llx-0x%llx",
		mapping->call, (unsigned long long)entry->start, (unsigned long long)entry->last,
		space->id, (unsigned long long)other->start, (unsigned long long)other->last);
}

ALWAYS_INLINE int insert(struct ioasid_space *space, struct mapping *mapping)
{
	struct maptree_entry other;
	int err = maptree_insert_at(&space->maps, &mapping->entry, &other, &mapping->place);
	return err ? refuse_insert(space, mapping, err, &other) : 0;
}

static void drop_memory(struct ioasid_space *space, const struct mapping *mapping)
{
	if (map_counts(space, mapping->entry.mark))
		memory_drop(space->ctx, mapping->entry.value, mapping->entry.mark);
}

/* Under the maps lock. */
ALWAYS_INLINE int reserve_locked(struct ioasid_space *space, struct mapping *mapping)
{
	int err = range_place(space, mapping);

	if (!err && map_counts(space, mapping->entry.mark))
		err = memory_use(space->ctx, mapping);
	if (err)
		return err;
	err = insert(space, mapping);
	if (err)
		drop_memory(space, mapping);
	return err;
}

ALWAYS_INLINE int reserve(struct ioasid_space *space, struct mapping *mapping)
{
	int err;

	latch_take(&space->maps_lock);
	err = reserve_locked(space, mapping);
	latch_release(&space->maps_lock);
	return err;
}

ALWAYS_INLINE void commit(struct ioasid_space *space, struct mapping *mapping)
{
	latch_take(&space->maps_lock);
	maptree_again(&space->maps, mapping->entry.start, &mapping->place)->mark &= ~MAP_BUSY;
	space->mapped += mapping->length;
	if (mapping->entry.mark & MAP_OWNED)
		space->owned++;
	latch_release(&space->maps_lock);
}

static int roll_back(struct ioasid_space *space, struct mapping *mapping, int err)
{
	latch_take(&space->maps_lock);
	maptree_again(&space->maps, mapping->entry.start, &mapping->place);
	maptree_remove_at(&space->maps, &mapping->place);
	latch_release(&space->maps_lock);
	drop_memory(space, mapping);
	return error_from(err, "%s: IOVA 0x%llx, length 0x%llx of space %u", mapping->call,
		(unsigned long long)mapping->entry.start, (unsigned long long)mapping->length,
		space->id);
}

static int make_of_file(
	struct ioasid_space *space, const struct mapping *mapping, struct backend_map *wish)
{
	struct backend *be = space->ctx->be;

	wish->addr = 0;
	return be->ops->map_file(be, space->id, wish, mapping->file);
}

ALWAYS_INLINE int make_in_backend(struct ioasid_space *space, const struct mapping *mapping)
{
	struct backend *be = space->ctx->be;
	struct backend_map wish = {
		.iova = mapping->entry.start,
		.length = mapping->length,
		.addr = mapping->entry.value,
		.flags = mapping->entry.flags,
		.registered = mapping->entry.mark & MAP_REGISTERED,
	};

	if (mapping->file)
		return make_of_file(space, mapping, &wish);
	return be->ops->map(be, space->id, &wish);
}

ALWAYS_INLINE int make_plain(struct ioasid_space *space, struct mapping *mapping)
{
	int err = reserve(space, mapping);

	if (err)
		return err;
	err = make_in_backend(space, mapping);
	if (err)
		return roll_back(space, mapping, err);
	commit(space, mapping);
	return 0;
}

/* In the backend, and in the children's shadows. */
static int show(struct ioasid_space *space, const struct mapping *mapping)
{
	const struct maptree_entry *entry = &mapping->entry;
	struct backend *be = space->ctx->be;
	int err = map_is_copied(space) ? 0 : make_in_backend(space, mapping);

	if (err || !nest_copies(space))
		return err;
	err = nest_show(space, entry->start, entry->last);
	if (err && !map_is_copied(space))
		be->ops->unmap(be, space->id, entry->start, entry->last);
	return err;
}

static int make_entered(struct ioasid_space *space, struct mapping *mapping)
{
	int err = space_ready(space, mapping->call);

	if (!err)
		err = pgtable_refuse(space, mapping->call);
	if (!err)
		err = reserve(space, mapping);
	if (err)
		return err;
	err = show(space, mapping);
	if (err)
		return roll_back(space, mapping, err);
	commit(space, mapping);
	return 0;
}

/* Where others must not come in, or there is a reason to refuse. */
static int make_specially(struct ioasid_space *space, struct mapping *mapping)
{
	int err = map_is_incomplete(space) ? group_refuse(space, mapping->call) : 0;

	if (!err)
		err = tree_enter(space, mapping->call);
	if (err)
		return err;
	err = make_entered(space, mapping);
	tree_leave(space);
	return err;
}

ALWAYS_INLINE int make(struct ioasid_space *space, struct mapping *mapping)
{
	struct gate *gate = &space->tree->lock;
	int err;

	gate_enter(gate);
	if (!map_is_plain(space)) {
		gate_leave_shared(gate);
		return make_specially(space, mapping);
	}
	err = make_plain(space, mapping);
	gate_leave_shared(gate);
	return err;
}

int map_check(
	const struct ioasid_space *space, const struct ioasid_map *map, struct mapping *mapping)
{
	return check(space, map, mapping);
}

int map_make(struct ioasid_space *space, struct mapping *mapping)
{
	return make(space, mapping);
}

int ioasid_space_map(struct ioasid_space *space, struct ioasid_map *map)
{
	struct mapping mapping;
	int err;

	if (!space || !map)
		return null_argument(__func__, space ? "map" : "space");
	mapping.call = __func__;
	mapping.file = NULL;
	mapping.entry.mark = MAP_BUSY;
	err = check(space, map, &mapping);
	if (!err)
		err = make(space, &mapping);
	if (!err)
		map->iova = mapping.entry.start;
	return err;
}
