/* SPDX-License-Identifier: MIT */
/*
 * Guests' tables: bound, unbound, invalidated; see bound.h. Whatever moves to or from a table is
 * treated as by a detach: what waits is cancelled, what is cached is dropped. It must not know what
 * a table looks like.
 */
#include "bound.h"
#include "../error.h"
#include "flush.h"
#include <errno.h>
#include <stdlib.h>

/* Fitting */

int mock_bound_fits(const struct mock_bound *bound, const struct mock_space *parent,
	const struct mock_iommu *iommu)
{
	uint32_t format = bound->told.format;

	if (!(iommu->formats >> format & 1))
		return error_reason(-EOPNOTSUPP,
			"IOMMU %u takes no page tables of format %u (it has 0x%x)", iommu->index,
			format, iommu->formats);
	if (bound->told.addr_width > iommu->addr_width)
		return error_reason(-EOPNOTSUPP,
			"IOMMU %u translates %u bits by guests' tables, not %u", iommu->index,
			iommu->addr_width, bound->told.addr_width);
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

/* From now on it is translated another way. */
static void turn(struct mock_space *space, struct mock_bound *bound)
{
	mock_flush_space(space);
	space->bound = bound;
	list_each(link, &space->routes)
		mock_route_cancel(list_entry(link, struct mock_route, link));
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

static int bind_numbers(
	struct mock_backend *be, uint32_t id, uint32_t parent_id, struct mock_bound *bound)
{
	struct mock_space *space, *parent;
	int err;

	pthread_rwlock_wrlock(&be->mock->world);
	err = find_space(be, id, &space);
	if (!err)
		err = find_space(be, parent_id, &parent);
	if (!err)
		err = bind(space, parent, bound);
	pthread_rwlock_unlock(&be->mock->world);
	return err;
}

int mock_pgtable_bind(
	struct backend *base, uint32_t id, uint32_t parent, const struct ioasid_pgtable *table)
{
	struct mock_backend *be = mock_backend(base);
	int err = mock_injected(be->mock, IOASID_MOCK_OP_BIND_PGTABLE);
	struct mock_bound *bound;

	if (err)
		return err;
	bound = calloc(1, sizeof(*bound));
	if (!bound)
		return -ENOMEM;
	bound->told = *table;
	err = walk_context_of(table, &bound->table);
	if (!err)
		err = bind_numbers(be, id, parent, bound);
	if (err)
		free(bound);
	return err;
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
	free(bound);
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

static void invalidate_one(const struct mock_space *space, const struct ioasid_invalidation *one)
{
	if (one->what == IOASID_INVALIDATE_SPACE)
		mock_flush_space(space);
	else
		mock_flush_range(
			space, IOASID_PASID_NONE, one->addr, one->addr + (one->length - 1));
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
		mock_flush_device(device);
	else
		err = error_reason(-ENOENT, "no device %u", id);
	pthread_rwlock_unlock(&be->mock->world);
	return err;
}
