/* SPDX-License-Identifier: MIT */
/*
 * The maps of a space, the memory they pin, and registered memory. A map of process memory pins
 * it; a copy shares the pages of its source; a map of a nested space pins nothing. It must not
 * know devices: who has cached what becomes stale is flush.c's to know.
 */
#include "../error.h"
#include "flush.h"
#include "pages.h"
#include <errno.h>

static int find_space(struct mock_backend *be, uint32_t id, struct mock_space **space)
{
	*space = table_get(&be->spaces, id);
	return *space ? 0 : error_reason(-ENOENT, "no space %u", id);
}

/* 0, and then the world is held, exclusively: no DMA is under way. */
static int begin_change(
	struct mock_backend *be, uint32_t op, uint32_t id, struct mock_space **space)
{
	int err = mock_injected(be->mock, op);

	if (err)
		return err;
	pthread_rwlock_wrlock(&be->mock->world);
	err = find_space(be, id, space);
	if (err)
		pthread_rwlock_unlock(&be->mock->world);
	return err;
}

static uint64_t last_of(uint64_t first, uint64_t length)
{
	return length - 1 > UINT64_MAX - first ? UINT64_MAX : first + (length - 1);
}

/* Registered memory is pinned already, by its registration. */
static int pages_for(
	struct mock_backend *be, const struct backend_map *map, struct mock_pages **pages)
{
	const struct maptree_entry *range =
		map->registered ? maptree_find(&be->registered, map->addr) : NULL;
	struct mock_pages wanted = {
		.addr = map->addr,
		.length = map->length,
		.writable = map->flags & IOASID_MAP_WRITE,
	};

	if (!range || range->last < last_of(map->addr, map->length))
		return pages_pin(be->mock, &wanted, pages);
	*pages = pages_get(table_get(&be->mock->pages, range->mark));
	return 0;
}

static int insert(struct mock_space *space, const struct maptree_entry *entry)
{
	struct maptree_entry clash;
	int err = maptree_insert(&space->maps, entry, &clash);

	if (!err) {
		err = mock_dirty_add(space, entry);
		if (err)
			maptree_remove(&space->maps, entry->start);
	}
	if (err != -EEXIST)
		return err;
	return error_reason(err, "0x%llx-0x%llx is taken by the map 0x%llx-0x%llx",
		(unsigned long long)entry->start, (unsigned long long)entry->last,
		(unsigned long long)clash.start, (unsigned long long)clash.last);
}

static int add_map(struct mock_space *space, const struct backend_map *map)
{
	struct mock_backend *be = space->owner;
	struct maptree_entry entry = {
		.start = map->iova,
		.last = last_of(map->iova, map->length),
		.value = map->addr,
		.flags = map->flags & IOASID_MAP_RW,
	};
	struct mock_pages *pages;
	int err;

	if (mock_is_strict(be->mock) && !space->attached)
		return error_reason(-ENXIO, "space %u: attach a device first", space->id);
	if (space->parent)
		return insert(space, &entry);
	err = pages_for(be, map, &pages);
	if (err)
		return err;
	entry.mark = pages->number;
	err = insert(space, &entry);
	if (err)
		pages_put(be->mock, pages);
	return err;
}

int mock_map(struct backend *base, uint32_t id, const struct backend_map *map)
{
	struct mock_backend *be = mock_backend(base);
	struct mock_space *space;
	int err = begin_change(be, IOASID_MOCK_OP_MAP, id, &space);

	if (err)
		return err;
	err = add_map(space, map);
	pthread_rwlock_unlock(&be->mock->world);
	return err;
}

/* Unmap */

static void drop_stale(const struct mock_space *space, uint64_t first, uint64_t last)
{
	mock_flush_range(space, IOASID_PASID_NONE, first, last);
	if (space->children)
		mock_flush_nested(space);
}

static void remove_range(struct mock_space *space, uint64_t first, uint64_t last)
{
	struct ioasid_mock *mock = space->owner->mock;
	const struct maptree_entry *map;

	while ((map = maptree_first(&space->maps, first)) && map->start <= last) {
		if (map->mark)
			pages_put(mock, table_get(&mock->pages, map->mark));
		mock_dirty_remove(space, map->start);
		maptree_remove(&space->maps, map->start);
	}
	drop_stale(space, first, last);
}

void mock_space_unmap_all(struct mock_space *space)
{
	remove_range(space, 0, UINT64_MAX);
}

int mock_unmap(struct backend *base, uint32_t id, uint64_t first, uint64_t last)
{
	struct mock_backend *be = mock_backend(base);
	struct mock_space *space;
	int err = begin_change(be, IOASID_MOCK_OP_UNMAP, id, &space);

	if (err)
		return err;
	remove_range(space, first, last);
	pthread_rwlock_unlock(&be->mock->world);
	return 0;
}

/* Copy */

/* The piece of a source map that the copy wants from here on. */
static int next_piece(const struct mock_space *source, const struct backend_copy *copy,
	uint64_t done, struct maptree_entry *piece)
{
	uint64_t from = copy->from + done, room = copy->length - done, length;
	const struct maptree_entry *map = maptree_find(&source->maps, from);

	if (!map || !map->mark)
		return error_reason(-ENOENT, "space %u has no map at 0x%llx", source->id,
			(unsigned long long)from);
	length = map->last - from + 1;
	if (!length || length > room)
		length = room;
	*piece = (struct maptree_entry){
		.start = copy->iova + done,
		.last = copy->iova + done + (length - 1),
		.value = map->value + (from - map->start),
		.flags = copy->flags & IOASID_MAP_RW,
		.mark = map->mark,
	};
	return 0;
}

static int copy_piece(struct mock_space *space, const struct maptree_entry *piece)
{
	struct mock_pages *pages = table_get(&space->owner->mock->pages, piece->mark);
	int err;

	if (piece->flags & IOASID_MAP_WRITE && !pages->writable)
		return error_reason(-EPERM, "the pages are pinned for reading only");
	err = insert(space, piece);
	if (!err)
		pages_get(pages);
	return err;
}

static int copy_maps(
	struct mock_space *space, const struct mock_space *source, const struct backend_copy *copy)
{
	struct maptree_entry piece;
	uint64_t done = 0;
	int err = 0;

	while (!err && done < copy->length) {
		err = next_piece(source, copy, done, &piece);
		if (!err)
			err = copy_piece(space, &piece);
		if (!err)
			done += piece.last - piece.start + 1;
	}
	if (err && done)
		remove_range(space, copy->iova, copy->iova + (done - 1));
	return err;
}

int mock_copy(struct backend *base, uint32_t id, const struct backend_copy *copy)
{
	struct mock_backend *be = mock_backend(base);
	struct mock_space *space, *source;
	int err = begin_change(be, IOASID_MOCK_OP_COPY, id, &space);

	if (err)
		return err;
	err = find_space(be, copy->source, &source);
	if (!err && space->parent)
		err = error_reason(-EINVAL, "space %u is nested by the platform", id);
	if (!err)
		err = copy_maps(space, source, copy);
	pthread_rwlock_unlock(&be->mock->world);
	return err;
}

/* Registered memory */

static int add_registered(struct mock_backend *be, uint64_t addr, uint64_t length)
{
	struct mock_pages wanted = {.addr = addr, .length = length, .writable = true};
	struct maptree_entry entry = {.start = addr, .last = last_of(addr, length)};
	struct mock_pages *pages;
	int err = pages_pin(be->mock, &wanted, &pages);

	if (err)
		return err;
	entry.mark = pages->number;
	err = maptree_insert(&be->registered, &entry, NULL);
	if (err)
		pages_put(be->mock, pages);
	return err;
}

int mock_memory_register(struct backend *base, uint64_t addr, uint64_t length)
{
	struct mock_backend *be = mock_backend(base);
	int err = mock_injected(be->mock, IOASID_MOCK_OP_REGISTER);

	if (err)
		return err;
	pthread_rwlock_wrlock(&be->mock->world);
	err = add_registered(be, addr, length);
	pthread_rwlock_unlock(&be->mock->world);
	return err;
}

static void remove_registered(struct mock_backend *be, const struct maptree_entry *range)
{
	pages_put(be->mock, table_get(&be->mock->pages, range->mark));
	maptree_remove(&be->registered, range->start);
}

int mock_memory_unregister(struct backend *base, uint64_t addr, uint64_t length)
{
	struct mock_backend *be = mock_backend(base);
	int err = mock_injected(be->mock, IOASID_MOCK_OP_UNREGISTER);
	const struct maptree_entry *range;

	if (err)
		return err;
	pthread_rwlock_wrlock(&be->mock->world);
	range = maptree_find(&be->registered, addr);
	if (range && range->start == addr && range->last == last_of(addr, length))
		remove_registered(be, range);
	else
		err = error_reason(-ENOENT, "0x%llx bytes at 0x%llx are not registered",
			(unsigned long long)length, (unsigned long long)addr);
	pthread_rwlock_unlock(&be->mock->world);
	return err;
}

void mock_memory_unregister_all(struct mock_backend *be)
{
	const struct maptree_entry *range;

	while ((range = maptree_first(&be->registered, 0)))
		remove_registered(be, range);
}
