/* SPDX-License-Identifier: MIT */
/*
 * Which IOVAs a space's maps may use: what the backend says, kept until an attach or a detach
 * changes it. Checks fixed addresses against it and picks automatic ones.
 */
#include "core.h"
#include <string.h>

/* A device that leads to a child limits the parents too, see narrow(). */
void range_forget(struct ioasid_space *space)
{
	for (; space; space = space->parent) {
		pthread_mutex_lock(&space->maps_lock);
		space->ranges.valid = false;
		pthread_mutex_unlock(&space->maps_lock);
	}
}

static int fetch_list(struct backend *be, uint32_t space, struct ranges *ranges)
{
	int n = be->ops->space_ranges(be, space, NULL, 0), got = n;
	struct ioasid_range *list;

	if (n < 0)
		return n;
	list = calloc((size_t)n + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	if (n)
		got = be->ops->space_ranges(be, space, list, (unsigned int)n);
	if (got < 0) {
		free(list);
		return got;
	}
	ranges->list = list;
	ranges->count = (unsigned int)(got < n ? got : n);
	return 0;
}

static int fetch(struct backend *be, uint32_t space, struct ranges *ranges)
{
	int err = be->ops->space_page_sizes(be, space, &ranges->page_sizes);

	return err ? err : fetch_list(be, space, ranges);
}

/* What two ascending lists have in common, into out, which has room for both. */
static unsigned int intersect(
	const struct ranges *a, const struct ranges *b, struct ioasid_range *out)
{
	unsigned int n = 0;

	for (unsigned int i = 0, k = 0; i < a->count && k < b->count;) {
		const struct ioasid_range *x = &a->list[i], *y = &b->list[k];
		struct ioasid_range both = {
			x->first > y->first ? x->first : y->first,
			x->last < y->last ? x->last : y->last,
		};

		if (both.first <= both.last)
			out[n++] = both;
		if (x->last < y->last)
			i++;
		else
			k++;
	}
	return n;
}

static int narrow_to(struct ranges *ranges, const struct ranges *other)
{
	struct ioasid_range *both = calloc((size_t)ranges->count + other->count + 1, sizeof(*both));

	if (!both)
		return -ENOMEM;
	ranges->count = intersect(ranges, other, both);
	ranges->page_sizes &= other->page_sizes;
	free(ranges->list);
	ranges->list = both;
	return 0;
}

static struct ioasid_space *child_at(struct list *link)
{
	return list_entry(link, struct ioasid_space, sibling);
}

/*
 * Where children are made of copies, the backend does not know that a device which leads to a
 * child comes back to the parent one day: the parent's maps must suit it all the time.
 */
static int narrow(struct ioasid_space *space, struct ranges *ranges)
{
	int err = 0;

	list_each(link, &space->children)
	{
		struct ranges others = {.list = NULL};

		err = fetch(space->ctx->be, child_at(link)->id, &others);
		if (!err)
			err = narrow_to(ranges, &others);
		if (err == -ENXIO) {
			error_forget(); /* no device has been there yet: nothing to suit */
			err = 0;
		}
		free(others.list);
		if (!err)
			err = narrow(child_at(link), ranges);
		if (err)
			break;
	}
	return err;
}

static int refresh(struct ioasid_space *space)
{
	struct ranges now = {.list = NULL};
	int err = fetch(space->ctx->be, space->id, &now);

	if (!err && nest_copies(space))
		err = narrow(space, &now);
	if (err) {
		free(now.list);
		return err;
	}
	free(space->ranges.list);
	space->ranges = now;
	space->ranges.valid = true;
	return 0;
}

int range_load(struct ioasid_space *space, const char *call)
{
	int err = 0;

	pthread_mutex_lock(&space->maps_lock);
	if (!space->ranges.valid)
		err = refresh(space);
	pthread_mutex_unlock(&space->maps_lock);
	return err ? error_from(err, "%s: the ranges of space %u", call, space->id) : 0;
}

static uint64_t least_page(const struct ioasid_space *space)
{
	return space->ranges.page_sizes & -space->ranges.page_sizes;
}

static int check_alignment(
	const struct ioasid_space *space, const char *call, const struct ioasid_map *map)
{
	uint64_t mask = least_page(space) - 1, addr = (uintptr_t)map->addr;

	if (map->length & mask || addr & mask ||
		(map->flags & IOASID_MAP_FIXED && map->iova & mask))
		return error_set(-EINVAL,
			"%s: IOVA 0x%llx, address 0x%llx, length 0x%llx: all must be multiples of 0x%llx in "
			"space %u",
			call, (unsigned long long)map->iova, (unsigned long long)addr,
			(unsigned long long)map->length, (unsigned long long)mask + 1, space->id);
	return 0;
}

static const struct ioasid_range *range_of(const struct ranges *ranges, uint64_t iova)
{
	for (unsigned int i = 0; i < ranges->count; i++)
		if (ranges->list[i].first <= iova && iova <= ranges->list[i].last)
			return &ranges->list[i];
	return NULL;
}

/* The window around an address that no range has. */
static struct ioasid_range gap_around(const struct ranges *ranges, uint64_t iova)
{
	struct ioasid_range gap = {0, UINT64_MAX};

	for (unsigned int i = 0; i < ranges->count; i++) {
		const struct ioasid_range *range = &ranges->list[i];

		if (range->last < iova)
			gap.first = range->last + 1;
		if (range->first > iova && range->first - 1 < gap.last)
			gap.last = range->first - 1;
	}
	return gap;
}

static int check_window(
	const struct ioasid_space *space, const char *call, const struct ioasid_map *map)
{
	uint64_t last = map->iova + (map->length - 1);
	const struct ioasid_range *range = range_of(&space->ranges, map->iova);
	struct ioasid_range gap;

	if (range && last <= range->last)
		return 0;
	gap = gap_around(&space->ranges, range ? range->last + 1 : map->iova);
	return error_set(-EINVAL,
		"%s: IOVA 0x%llx-0x%llx of space %u touches 0x%llx-0x%llx, which is reserved or beyond "
		"the aperture: see ioasid_space_ranges",
		call, (unsigned long long)map->iova, (unsigned long long)last, space->id,
		(unsigned long long)gap.first, (unsigned long long)gap.last);
}

int range_check(struct ioasid_space *space, const char *call, const struct ioasid_map *map)
{
	int err;

	pthread_mutex_lock(&space->maps_lock);
	err = check_alignment(space, call, map);
	if (!err && map->flags & IOASID_MAP_FIXED)
		err = check_window(space, call, map);
	pthread_mutex_unlock(&space->maps_lock);
	return err;
}

static int room(const struct ioasid_space *space, uint64_t length, uint64_t align, uint64_t *iova)
{
	for (unsigned int i = 0; i < space->ranges.count; i++) {
		const struct ioasid_range *range = &space->ranges.list[i];
		/* an automatic address is never 0: too many take that for "none" */
		uint64_t first = range->first ? range->first : align;

		if (first <= range->last &&
			!maptree_room(&space->maps, first, range->last, length, align, iova))
			return 0;
	}
	return -ENOSPC;
}

/* The largest page that the IOMMU could use for this memory, if addresses suit it. */
static uint64_t best_page(const struct ioasid_space *space, const struct ioasid_map *map)
{
	uint64_t best = least_page(space), addr = (uintptr_t)map->addr;

	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t size = UINT64_C(1) << bit;

		if (space->ranges.page_sizes & size && size <= map->length && !(addr & (size - 1)))
			best = size;
	}
	return best;
}

int range_pick(struct ioasid_space *space, const char *call, struct ioasid_map *map)
{
	if (!room(space, map->length, best_page(space, map), &map->iova) ||
		!room(space, map->length, least_page(space), &map->iova))
		return 0;
	return error_set(-ENOSPC, "%s: no 0x%llx bytes of IOVA are free in the ranges of space %u",
		call, (unsigned long long)map->length, space->id);
}

/* What the ranges are now, written as far as n goes. */
static int copy_out(struct ioasid_space *space, struct ioasid_range *to, unsigned int n)
{
	int count;

	pthread_mutex_lock(&space->maps_lock);
	count = (int)space->ranges.count;
	if (n > space->ranges.count)
		n = space->ranges.count;
	if (n)
		memcpy(to, space->ranges.list, n * sizeof(*to));
	pthread_mutex_unlock(&space->maps_lock);
	return count;
}

int ioasid_space_ranges(struct ioasid_space *space, struct ioasid_range *ranges, unsigned int n)
{
	int err = space ? 0 : null_argument(__func__, "space");

	if (!err && n && !ranges)
		err = null_argument(__func__, "ranges");
	if (err)
		return err;
	err = tree_enter(space, __func__);
	if (err)
		return err;
	err = space_ready(space, __func__);
	if (!err)
		err = range_load(space, __func__);
	if (!err)
		err = copy_out(space, ranges, n);
	tree_leave(space);
	return err;
}
