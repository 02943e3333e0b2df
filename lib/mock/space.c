/* SPDX-License-Identifier: MIT */
/*
 * The spaces of a context: their making, their nesting, what addresses and page sizes the IOMMUs
 * that translate by them allow. Maps come and go in map.c. It must not know devices.
 */
#include "space.h"
#include "../error.h"
#include "bound.h"
#include "queue.h"
#include <errno.h>
#include <stdlib.h>

static int find_intent(
	struct mock_backend *be, const struct backend_space *intent, struct mock_space *space)
{
	space->flags = intent->flags;
	space->owner = be;
	list_init(&space->routes);
	if (intent->parent) {
		if (!backend_has(&be->base, IOASID_EXT_NEST_SOFTWARE))
			return error_reason(-EOPNOTSUPP, "the platform does not nest");
		space->parent = table_get(&be->spaces, intent->parent);
		if (!space->parent)
			return error_reason(-ENOENT, "no space %u", intent->parent);
	}
	if (intent->faultq) {
		space->queue = mock_queue_find(be, intent->faultq);
		if (!space->queue)
			return error_reason(-ENOENT, "no fault queue %u", intent->faultq);
	}
	return 0;
}

int mock_space_new(struct backend *base, const struct backend_space *intent, uint32_t *id)
{
	struct mock_backend *be = mock_backend(base);
	int err = mock_injected(be->mock, IOASID_MOCK_OP_SPACE_NEW);
	struct mock_space *space;

	if (err)
		return err;
	space = calloc(1, sizeof(*space));
	if (!space)
		return -ENOMEM;
	pthread_rwlock_wrlock(&be->mock->world);
	err = find_intent(be, intent, space);
	if (!err)
		err = table_put(&be->spaces, space, &space->id);
	if (!err && space->parent)
		space->parent->children++;
	pthread_rwlock_unlock(&be->mock->world);
	if (err)
		free(space);
	else
		*id = space->id;
	return err;
}

void mock_space_free(struct mock_space *space)
{
	mock_space_unmap_all(space);
	table_drop(&space->owner->spaces, space->id);
	free(space->windows);
	free(space->reach);
	mock_bound_end(space);
	free(space);
}

void mock_space_destroy(struct backend *base, uint32_t id)
{
	struct mock_backend *be = mock_backend(base);
	struct mock_space *space;

	pthread_rwlock_wrlock(&be->mock->world);
	space = table_get(&be->spaces, id);
	if (space && space->parent)
		space->parent->children--;
	if (space)
		mock_space_free(space);
	pthread_rwlock_unlock(&be->mock->world);
}

/* Translation */

bool mock_space_walk(const struct mock_space *space, uint64_t addr, struct mock_page *page)
{
	const struct maptree_entry *near = NULL;

	return mock_space_walk_near(space, addr, page, &near);
}

static const struct maptree_entry *find_near(
	const struct mock_space *space, uint64_t addr, const struct maptree_entry **near)
{
	if (!*near || addr < (*near)->start || addr > (*near)->last)
		*near = maptree_find(&space->maps, addr);
	return *near;
}

bool mock_space_walk_near(const struct mock_space *space, uint64_t addr, struct mock_page *page,
	const struct maptree_entry **near)
{
	const struct maptree_entry *map = find_near(space, addr, near);
	const struct mock_space *noted = space;
	uint64_t at = addr;
	uint32_t perms = IOASID_MAP_RW;

	while (map) {
		perms &= map->flags;
		addr = map->value + (addr - map->start);
		space = space->parent;
		if (!space)
			break;
		map = maptree_find(&space->maps, addr);
	}
	if (!map)
		return false;
	*page = (struct mock_page){
		.host = (unsigned char *)(uintptr_t)addr,
		.perms = perms,
		.noted = noted,
		.at = at,
	};
	return true;
}

/* What the IOMMUs allow */

static int check_intent(const struct mock_space *space, const struct mock_iommu *iommu)
{
	if (space->flags & IOASID_SPACE_NEST_PARENT && !(iommu->flags & IOASID_MOCK_IOMMU_NESTING))
		return error_reason(
			-EOPNOTSUPP, "IOMMU %u does not nest in hardware", iommu->index);
	if (space->flags & IOASID_SPACE_DIRTY_TRACKING && !(iommu->flags & IOASID_MOCK_IOMMU_DIRTY))
		return error_reason(
			-EOPNOTSUPP, "IOMMU %u does not track dirty pages", iommu->index);
	return 0;
}

/* What all IOMMUs that translate by it have; all bits: there is none. */
static uint64_t common_sizes(const struct mock_space *space)
{
	uint64_t sizes = UINT64_MAX;

	for (uint32_t i = 0; i < space->reach_count; i++)
		if (space->reach[i].routes)
			sizes &= space->reach[i].iommu->page_sizes;
	return sizes;
}

static uint64_t page_sizes(const struct mock_space *space)
{
	uint64_t sizes = common_sizes(space);

	if (sizes == UINT64_MAX)
		sizes = MOCK_PAGE_SIZES;
	return space->flags & IOASID_SPACE_SMALL_PAGES ? sizes & -sizes : sizes;
}

static int in_the_way(
	const struct maptree_entry *map, const struct mock_iommu *iommu, const char *why)
{
	return error_reason(-EADDRINUSE, "the map 0x%llx-0x%llx %s IOMMU %u",
		(unsigned long long)map->start, (unsigned long long)map->last, why, iommu->index);
}

/* Maps that were made for smaller pages; looked for only where the least page grows. */
static int check_alignment(const struct mock_space *space, const struct mock_iommu *iommu)
{
	uint64_t before = page_sizes(space), sizes = common_sizes(space) & iommu->page_sizes;
	uint64_t mask = (sizes & -sizes) - 1;
	const struct maptree_entry *map = maptree_first(&space->maps, 0);

	if (!sizes)
		return error_reason(-EINVAL, "IOMMU %u has page sizes 0x%llx, the space 0x%llx",
			iommu->index, (unsigned long long)iommu->page_sizes,
			(unsigned long long)before);
	if (mask == (before & -before) - 1)
		return 0;
	for (; map;
		map = map->last == UINT64_MAX ? NULL : maptree_first(&space->maps, map->last + 1))
		if (map->start & mask || (map->last & mask) != mask || map->value & mask)
			return in_the_way(map, iommu, "is no multiple of the pages of");
	return 0;
}

static int check_windows(
	const struct ioasid_range *windows, unsigned int n, const struct mock_iommu *iommu)
{
	for (unsigned int i = 0; i < n; i++)
		if (!iommu_covers(iommu, windows[i].first, windows[i].last))
			return error_reason(-EADDRINUSE,
				"IOMMU %u does not translate all of the allowed window 0x%llx-0x%llx",
				iommu->index, (unsigned long long)windows[i].first,
				(unsigned long long)windows[i].last);
	return 0;
}

int mock_space_fits(const struct mock_space *space, const struct mock_iommu *iommu)
{
	const struct maptree_entry *map = maptree_first(&space->maps, 0);
	int err = check_intent(space, iommu);

	if (!err)
		err = check_windows(space->windows, space->window_count, iommu);
	if (err)
		return err;
	if (map && map->start < iommu->aperture.first)
		return in_the_way(map, iommu, "lies below the aperture of");
	if (iommu->aperture.last < UINT64_MAX) {
		map = maptree_first(&space->maps, iommu->aperture.last + 1);
		if (map)
			return in_the_way(map, iommu, "lies above the aperture of");
	}
	for (uint32_t i = 0; i < iommu->reserved_count; i++) {
		map = maptree_first(&space->maps, iommu->reserved[i].first);
		if (map && map->start <= iommu->reserved[i].last)
			return in_the_way(map, iommu, "lies in a reserved window of");
	}
	err = check_alignment(space, iommu);
	return err || !space->bound ? err : mock_bound_fits(space->bound, space->parent, iommu);
}

/* The strict proposal: "just a number" before its first device. */
static int find_to_ask(struct mock_backend *be, uint32_t id, struct mock_space **space)
{
	*space = table_get(&be->spaces, id);
	if (!*space)
		return error_reason(-ENOENT, "no space %u", id);
	if (mock_is_strict(be->mock) && !(*space)->attached)
		return error_reason(-ENXIO, "space %u: attach a device first", id);
	return 0;
}

/* Windows */

static int check_reached(
	const struct mock_space *space, const struct ioasid_range *windows, unsigned int n)
{
	int err = 0;

	for (uint32_t i = 0; i < space->reach_count && !err; i++)
		if (space->reach[i].routes)
			err = check_windows(windows, n, space->reach[i].iommu);
	return err;
}

static int allow(struct mock_space *space, const struct ioasid_range *windows, unsigned int n)
{
	struct ioasid_range *copy;
	int err = check_reached(space, windows, n);

	if (err)
		return err;
	copy = calloc((size_t)n + 1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++)
		copy[i] = windows[i];
	free(space->windows);
	space->windows = copy;
	space->window_count = n;
	return 0;
}

int mock_space_allow(
	struct backend *base, uint32_t id, const struct ioasid_range *ranges, unsigned int n)
{
	struct mock_backend *be = mock_backend(base);
	int err = mock_injected(be->mock, IOASID_MOCK_OP_ALLOW);
	struct mock_space *space;

	if (err)
		return err;
	pthread_rwlock_wrlock(&be->mock->world);
	err = find_to_ask(be, id, &space);
	if (!err)
		err = allow(space, ranges, n);
	pthread_rwlock_unlock(&be->mock->world);
	return err;
}

/* What it is now */

/* 0, and then the world is held, shared. */
static int begin_asking(struct mock_backend *be, uint32_t id, struct mock_space **space)
{
	int err = mock_injected(be->mock, IOASID_MOCK_OP_SPACE_INFO);

	if (err)
		return err;
	pthread_rwlock_rdlock(&be->mock->world);
	err = find_to_ask(be, id, space);
	if (err)
		pthread_rwlock_unlock(&be->mock->world);
	return err;
}

/* Of the guests' tables that all IOMMUs which translate by it take. */
static void describe_tables(const struct mock_space *space, struct backend_hardware *hardware)
{
	uint32_t formats = UINT32_MAX, width = UINT32_MAX;

	for (uint32_t i = 0; i < space->reach_count; i++) {
		const struct mock_iommu *iommu = space->reach[i].iommu;

		if (!space->reach[i].routes)
			continue;
		formats &= iommu->formats;
		if (iommu->addr_width < width)
			width = iommu->addr_width;
	}
	if (width == UINT32_MAX || !formats)
		return;
	hardware->formats = formats;
	hardware->pasid_formats = formats & MOCK_PASID_FORMATS;
	hardware->addr_width = width;
}

int mock_space_hardware(struct backend *base, uint32_t id, struct backend_hardware *hardware)
{
	struct mock_backend *be = mock_backend(base);
	struct mock_space *space;
	int err = begin_asking(be, id, &space);

	if (err)
		return err;
	*hardware = (struct backend_hardware){.page_sizes = page_sizes(space)};
	describe_tables(space, hardware);
	pthread_rwlock_unlock(&be->mock->world);
	return 0;
}

/* The first addresses at or above from that all IOMMUs translate. */
static bool next_range(const struct mock_space *space, uint64_t from, struct ioasid_range *range)
{
	*range = (struct ioasid_range){from, UINT64_MAX};
	for (uint32_t i = 0; i < space->reach_count; i++) {
		struct ioasid_range usable;

		if (!space->reach[i].routes)
			continue;
		if (!iommu_usable(space->reach[i].iommu, range->first, &usable))
			return false;
		if (usable.last < range->last)
			range->last = usable.last;
		if (usable.first == range->first)
			continue;
		/* the others must be asked again from here on */
		*range = (struct ioasid_range){usable.first, UINT64_MAX};
		i = UINT32_MAX;
	}
	return true;
}

static int list_ranges(const struct mock_space *space, struct ioasid_range *ranges, unsigned int n)
{
	struct ioasid_range range;
	uint64_t from = 0;
	int count = 0;

	while (next_range(space, from, &range)) {
		if ((unsigned int)count < n)
			ranges[count] = range;
		count++;
		if (range.last == UINT64_MAX)
			break;
		from = range.last + 1;
	}
	return count;
}

int mock_space_ranges(
	struct backend *base, uint32_t id, struct ioasid_range *ranges, unsigned int n)
{
	struct mock_backend *be = mock_backend(base);
	struct mock_space *space;
	int count = begin_asking(be, id, &space);

	if (count)
		return count;
	count = list_ranges(space, ranges, n);
	pthread_rwlock_unlock(&be->mock->world);
	return count;
}
