/* SPDX-License-Identifier: MIT */
/*
 * Which map, or which allowed window, is in the way of a device: asked when the backend refused an
 * attach for its addresses, so that the caller is told of both sides and not an errno. Changes
 * nothing.
 */
#include "core.h"

#define RANGES_MOST 64u

/* What the device does not allow of this map: its first window there; false: it allows all. */
static bool cuts(const struct maptree_entry *map, const struct ioasid_range *ranges, unsigned int n,
	struct ioasid_range *window)
{
	*window = (struct ioasid_range){0, UINT64_MAX};
	for (unsigned int i = 0; i < n; i++) {
		if (ranges[i].first <= map->start && map->last <= ranges[i].last)
			return false;
		if (ranges[i].last < map->start || ranges[i].first <= map->start)
			window->first = ranges[i].last + 1;
		else if (ranges[i].first - 1 < window->last)
			window->last = ranges[i].first - 1;
	}
	return true;
}

static int name(
	const char *what, const struct maptree_entry *map, const struct ioasid_range *window)
{
	return error_reason(-EADDRINUSE,
		"its %s 0x%llx-0x%llx touches 0x%llx-0x%llx, reserved for the device or beyond its "
		"aperture",
		what, (unsigned long long)map->start, (unsigned long long)map->last,
		(unsigned long long)window->first, (unsigned long long)window->last);
}

static int search_windows(
	const struct ioasid_space *space, const struct ioasid_range *ranges, unsigned int n)
{
	for (unsigned int i = 0; i < space->windows.count; i++) {
		struct maptree_entry allowed = {
			.start = space->windows.list[i].first, .last = space->windows.list[i].last};
		struct ioasid_range window;

		if (cuts(&allowed, ranges, n, &window))
			return name("allowed window", &allowed, &window);
	}
	return -EADDRINUSE;
}

static int search(struct ioasid_space *space, const struct ioasid_range *ranges, unsigned int n)
{
	const struct maptree_entry *map = maptree_first(&space->maps, 0);
	struct ioasid_range window;

	while (map) {
		if (cuts(map, ranges, n, &window))
			return name("map", map, &window);
		map = map->last == UINT64_MAX ? NULL : maptree_first(&space->maps, map->last + 1);
	}
	return search_windows(space, ranges, n);
}

int collide_explain(const struct ioasid_device *device, struct ioasid_space *space)
{
	struct backend *be = space->ctx->be;
	struct ioasid_range ranges[RANGES_MOST];
	int n = be->ops->device_ranges(be, device->is.id, ranges, RANGES_MOST);

	if (n <= 0 || n > (int)RANGES_MOST)
		return -EADDRINUSE;
	latch_take(&space->maps_lock);
	n = search(space, ranges, (unsigned int)n);
	latch_release(&space->maps_lock);
	return n;
}
