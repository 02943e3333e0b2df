/* SPDX-License-Identifier: MIT */
/*
 * Guests' tables: bound, unbound, invalidated; see bound.h. Whatever moves to or from a table is
 * treated as by a detach: what waits is cancelled, what is cached is dropped. It must not know what
 * a table looks like.
 */
#include "bound.h"
#include "../error.h"
#include "flush.h"
#include "track.h"
#include <errno.h>
#include <stdlib.h>

/* Fitting */

int mock_bound_fits(const struct mock_bound *bound, const struct mock_space *parent,
	const struct mock_iommu *iommu)
{
	uint32_t format = bound->format;

	if (!(iommu->formats >> format & 1))
		return error_reason(-EOPNOTSUPP,
			"IOMMU %u takes no page tables of format %u (it has 0x%x)", iommu->index,
			format, iommu->formats);
	if (bound->width > iommu->addr_width)
		return error_reason(-EOPNOTSUPP,
			"IOMMU %u translates %u bits by guests' tables, not %u", iommu->index,
			iommu->addr_width, bound->width);
	return mock_space_fits(parent, iommu);
}

static int check_iommus(const struct mock_bound *bound, const struct mock_space *parent,
	const struct mock_space *space)
{
	int err = 0;

	for (uint32_t i = 0; i < space->reach_count && !err; i++)
		if (space->reach[i].routes)
			err = mock_bound_fits(bound, parent, space->reach[i].iommu);
	return err;
}

/* Bind */

static int take_parent(
	struct mock_bound *bound, struct mock_space *space, struct mock_space *parent)
{
	int err = check_iommus(bound, parent, space);

	if (err || space->parent)
		return err;
	bound->adopted = true;
	return mock_space_adopt(space, parent);
}

static int check_spaces(const struct mock_space *space, const struct mock_space *parent)
{
	if (space->bound)
		return error_reason(-EBUSY, "space %u has a table", space->id);
	if (space->parent && space->parent != parent)
		return error_reason(-EINVAL, "space %u is nested on %u, not on %u", space->id,
			space->parent->id, parent->id);
	return 0;
}

/* What is only tracked goes on as it is. */
static void cancel_routes(const struct mock_space *space)
{
	list_each(link, &space->routes)
	{
		const struct mock_route *route = list_entry(link, struct mock_route, link);

		if (!mock_track_table(route))
			mock_track_cancel(route);
	}
}

static void count(struct mock_space *space, const struct mock_bound *bound, uint32_t more)
{
	if (bound && bound->pasids)
		space->owner->mock->pasid_tables += more;
}

/* From now on it is translated another way. */
static void turn(struct mock_space *space, struct mock_bound *bound)
{
	mock_flush_space(space);
	cancel_routes(space);
	count(space, space->bound, UINT32_MAX);
	space->bound = bound;
	count(space, bound, 1);
	cancel_routes(space);
}

static int bind(struct mock_space *space, struct mock_space *parent, struct mock_bound *bound)
{
	int err = check_spaces(space, parent);

	if (!err)
		err = take_parent(bound, space, parent);
	if (!err)
		turn(space, bound);
	return err;
}

static int find_space(struct mock_backend *be, uint32_t id, struct mock_space **space)
{
	*space = table_get(&be->spaces, id);
	return *space ? 0 : error_reason(-ENOENT, "no space %u", id);
}

/* A space, and its parent, by their numbers. */
struct nesting {
	uint32_t space;
	uint32_t parent;
};

static int bind_numbers(
	struct mock_backend *be, const struct nesting *which, struct mock_bound *bound)
{
	struct mock_space *space, *parent;
	int err;

	pthread_rwlock_wrlock(&be->mock->world);
	err = find_space(be, which->space, &space);
	if (!err)
		err = find_space(be, which->parent, &parent);
	if (!err)
		err = bind(space, parent, bound);
	pthread_rwlock_unlock(&be->mock->world);
	return err;
}

static int read_pgtable(struct mock_bound *bound, const struct ioasid_pgtable *table)
{
	bound->width = table->addr_width;
	return walk_context_of(table, &bound->table);
}

static int read_pasid_table(struct mock_bound *bound, const struct ioasid_pgtable *table)
{
	int err = mock_pasids_new(table, &bound->pasids);

	if (!err)
		bound->width = bound->pasids->table.width;
	return err;
}

static void free_bound(struct mock_bound *bound)
{
	mock_pasids_free(bound->pasids);
	free(bound);
}

void mock_bound_end(struct mock_space *space)
{
	if (!space->bound)
		return;
	count(space, space->bound, UINT32_MAX);
	free_bound(space->bound);
}

static int bind_table(struct backend *base, const struct nesting *which,
	const struct ioasid_pgtable *table,
	int (*read)(struct mock_bound *bound, const struct ioasid_pgtable *table))
{
	struct mock_backend *be = mock_backend(base);
	int err = mock_injected(be->mock, IOASID_MOCK_OP_BIND_PGTABLE);
	struct mock_bound *bound;

	if (err)
		return err;
	bound = calloc(1, sizeof(*bound));
	if (!bound)
		return -ENOMEM;
	bound->format = table->format;
	err = read(bound, table);
	if (!err)
		err = bind_numbers(be, which, bound);
	if (err)
		free_bound(bound);
	return err;
}

int mock_pgtable_bind(
	struct backend *be, uint32_t space, uint32_t parent, const struct ioasid_pgtable *table)
{
	return bind_table(be, &(struct nesting){space, parent}, table, read_pgtable);
}

int mock_pasid_table_bind(
	struct backend *be, uint32_t space, uint32_t parent, const struct ioasid_pgtable *table)
{
	return bind_table(be, &(struct nesting){space, parent}, table, read_pasid_table);
}

/* Unbind */

static int unbind(struct mock_space *space)
{
	struct mock_bound *bound = space->bound;

	if (!bound)
		return error_reason(-ENOENT, "space %u has no table", space->id);
	turn(space, NULL);
	if (bound->adopted)
		mock_space_disown(space);
	free_bound(bound);
	return 0;
}

int mock_pgtable_unbind(struct backend *base, uint32_t id)
{
	struct mock_backend *be = mock_backend(base);
	int err = mock_injected(be->mock, IOASID_MOCK_OP_UNBIND_PGTABLE);
	struct mock_space *space;

	if (err)
		return err;
	pthread_rwlock_wrlock(&be->mock->world);
	err = find_space(be, id, &space);
	if (!err)
		err = unbind(space);
	pthread_rwlock_unlock(&be->mock->world);
	return err;
}

/* Invalidate */

/* Accesses without a PASID may use the table's first entry, which guests name as PASID 0; in caches
 * the two are apart. The other name, or the same again. */
static uint32_t other_name(const struct mock_bound *bound, uint32_t pasid)
{
	if (!bound->pasids || bound->pasids->table.none != WALK_NONE_FIRST)
		return pasid;
	if (pasid == IOASID_PASID_NONE)
		return 0;
	return pasid ? pasid : IOASID_PASID_NONE;
}

/* As caches have them. Of top bytes that do not matter, a range that is more than a part of one
 * half, as these are told apart by bit 55, has some with each address below: it is all. */
static struct ioasid_range cached_range(
	const struct mock_bound *bound, const struct ioasid_invalidation *one)
{
	uint64_t last = one->addr + (one->length - 1);

	if (mock_bound_strips(bound) && one->addr >> 55 != last >> 55)
		return (struct ioasid_range){0, UINT64_MAX};
	return (struct ioasid_range){mock_bound_key(bound, one->addr), mock_bound_key(bound, last)};
}

/* Addresses of a space, or of a PASID in its table. */
static void forget_range(
	const struct mock_space *space, uint32_t pasid, const struct ioasid_invalidation *one)
{
	const struct ioasid_range range = cached_range(space->bound, one);
	uint32_t other = other_name(space->bound, pasid);

	mock_flush_range(space, pasid, range.first, range.last);
	if (other != pasid)
		mock_flush_range(space, other, range.first, range.last);
}

static void forget_pasid(const struct mock_space *space, uint32_t pasid)
{
	uint32_t other = other_name(space->bound, pasid);

	mock_flush_pasid(space, pasid);
	if (other != pasid)
		mock_flush_pasid(space, other);
}

static void forget_entry(const struct mock_space *space, uint32_t pasid)
{
	mock_pasids_drop(space->bound->pasids, pasid);
	mock_pasids_drop(space->bound->pasids, other_name(space->bound, pasid));
	forget_pasid(space, pasid);
}

/* Of the PASIDs that the space tracks, in the tables which have them. */
static void forget_tracked(const struct mock_space *space, const struct ioasid_invalidation *one)
{
	list_each(link, &space->routes)
	{
		const struct mock_route *route = list_entry(link, struct mock_route, link);
		const struct mock_space *table = mock_track_table(route);

		if (table && one->what == IOASID_INVALIDATE_RANGE)
			forget_range(table, route->pasid, one);
		else if (table)
			forget_pasid(table, route->pasid);
	}
}

static void forget_all(struct mock_space *space)
{
	mock_flush_space(space);
	if (space->bound->pasids)
		mock_pasids_drop_all(space->bound->pasids);
}

static void invalidate_one(struct mock_space *space, const struct ioasid_invalidation *one)
{
	struct mock_pasids *pasids = space->bound->pasids;

	if (one->what == IOASID_INVALIDATE_SPACE)
		forget_all(space);
	else if (one->what == IOASID_INVALIDATE_RANGE)
		forget_range(space, pasids ? one->pasid : IOASID_PASID_NONE, one);
	else
		forget_entry(space, one->pasid);
	if (!pasids && space->owner->mock->pasid_tables)
		forget_tracked(space, one);
}

static int invalidate_list(struct mock_backend *be, uint32_t id,
	const struct ioasid_invalidation *list, unsigned int n)
{
	struct mock_space *space;
	int err = find_space(be, id, &space);

	if (!err && !space->bound)
		err = error_reason(-ENOENT, "space %u has no table", id);
	if (err)
		return err;
	for (unsigned int i = 0; i < n; i++)
		invalidate_one(space, &list[i]);
	return (int)n;
}

/* The world is held exclusively, so that it waits for the pages that move: when it returns, nobody
 * still uses what was forgotten, nor puts it into a cache. */
int mock_invalidate(
	struct backend *base, uint32_t id, const struct ioasid_invalidation *list, unsigned int n)
{
	struct mock_backend *be = mock_backend(base);
	int got = mock_injected(be->mock, IOASID_MOCK_OP_INVALIDATE);

	if (got)
		return got;
	pthread_rwlock_wrlock(&be->mock->world);
	got = invalidate_list(be, id, list, n);
	pthread_rwlock_unlock(&be->mock->world);
	return got;
}

static void forget_device(struct ioasid_mock_device *device)
{
	const struct mock_route *plain = mock_route_of(device, IOASID_PASID_NONE);

	mock_flush_device(device);
	if (plain && plain->space->bound && plain->space->bound->pasids)
		mock_pasids_drop_all(plain->space->bound->pasids);
}

int mock_device_invalidate(struct backend *base, uint32_t id)
{
	struct mock_backend *be = mock_backend(base);
	int err = mock_injected(be->mock, IOASID_MOCK_OP_INVALIDATE);
	struct ioasid_mock_device *device;

	if (err)
		return err;
	pthread_rwlock_wrlock(&be->mock->world);
	device = table_get(&be->devices, id);
	if (device)
		forget_device(device);
	else
		err = error_reason(-ENOENT, "no device %u", id);
	pthread_rwlock_unlock(&be->mock->world);
	return err;
}
