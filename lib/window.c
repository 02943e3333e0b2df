/* SPDX-License-Identifier: MIT */
/*
 * Windows: addresses of a space that its owner wants kept usable, whatever devices come later. The
 * backend refuses those that would cut into one; here they are checked, and kept, since automatic
 * addresses come from them alone.
 */
#include "core.h"
#include <string.h>

#define WINDOWS_MOST 4096u

static int check_order(const struct ioasid_range *ranges, unsigned int n, const char *call)
{
	for (unsigned int i = 0; i < n; i++)
		if (ranges[i].first > ranges[i].last ||
			(i && ranges[i].first <= ranges[i - 1].last))
			return error_set(-EINVAL,
				"%s: range %u, 0x%llx-0x%llx: ranges ascend and lie apart", call, i,
				(unsigned long long)ranges[i].first,
				(unsigned long long)ranges[i].last);
	return 0;
}

static int check_arguments(const struct ioasid_space *space, const struct ioasid_range *ranges,
	unsigned int n, const char *call)
{
	if (!space || (n && !ranges))
		return null_argument(call, space ? "ranges" : "space");
	if (n > WINDOWS_MOST)
		return error_set(-EINVAL, "%s: %u ranges: at most %u", call, n, WINDOWS_MOST);
	return check_order(ranges, n, call);
}

/* The ranges of the space are known. */
static int check_window(
	const struct ioasid_space *space, const struct ioasid_range *window, const char *call)
{
	uint64_t mask = range_least_page(space) - 1;
	struct ioasid_range gap;

	if (window->first & mask || ~window->last & mask)
		return error_set(-EINVAL,
			"%s: 0x%llx-0x%llx: both ends must be those of pages of 0x%llx in space %u",
			call, (unsigned long long)window->first, (unsigned long long)window->last,
			(unsigned long long)mask + 1, space->id);
	if (!range_gap(space, window, &gap))
		return 0;
	return error_set(-EADDRINUSE,
		"%s: 0x%llx-0x%llx touches 0x%llx-0x%llx of space %u, which is reserved or beyond the "
		"aperture: see ioasid_space_ranges",
		call, (unsigned long long)window->first, (unsigned long long)window->last,
		(unsigned long long)gap.first, (unsigned long long)gap.last, space->id);
}

/*
 * What a space may use suits its children's devices too, even where children are made of copies and
 * the backend does not know that these devices come back one day: see narrow() in range.c. And a
 * device comes to a child by way of the parent, where the backend holds it against the windows.
 */
static int check_windows(
	struct ioasid_space *space, const struct range_list *windows, const char *call)
{
	int err = range_load(space, call);

	for (unsigned int i = 0; i < windows->count && !err; i++)
		err = check_window(space, &windows->list[i], call);
	return err;
}

static void keep(struct ioasid_space *space, const struct range_list *windows)
{
	latch_take(&space->maps_lock);
	free(space->windows.list);
	space->windows = *windows;
	latch_release(&space->maps_lock);
}

static int allow_entered(
	struct ioasid_space *space, const struct range_list *windows, const char *call)
{
	struct backend *be = space->ctx->be;
	int err = space_ready(space, call);

	if (!err)
		err = check_windows(space, windows, call);
	if (err)
		return err;
	err = be->ops->space_allow(be, space->id, windows->list, windows->count);
	if (err)
		return error_from(
			err, "%s: %u ranges of space %u", call, windows->count, space->id);
	keep(space, windows);
	return 0;
}

/* With the context's lock, so that no device comes or goes. */
static int allow(struct ioasid_space *space, const struct range_list *windows, const char *call)
{
	int err = ctx_enter(space->ctx, call);

	if (err)
		return err;
	tree_lock(space);
	err = allow_entered(space, windows, call);
	tree_leave(space);
	ctx_leave(space->ctx);
	return err;
}

/* One thing that a space holds, against what its devices let it use now. */
static int check_held(
	const struct ioasid_space *space, const char *what, const struct ioasid_range *held)
{
	struct ioasid_range gap;

	if (!range_gap(space, held, &gap))
		return 0;
	return error_reason(-EADDRINUSE,
		"the %s 0x%llx-0x%llx of space %u, below, touches 0x%llx-0x%llx, which is reserved",
		what, (unsigned long long)held->first, (unsigned long long)held->last, space->id,
		(unsigned long long)gap.first, (unsigned long long)gap.last);
}

static int check_all_held(struct ioasid_space *space)
{
	const struct maptree_entry *map = maptree_first(&space->maps, 0);
	int err = 0;

	while (map && !err) {
		err = check_held(space, "map", &(struct ioasid_range){map->start, map->last});
		map = map->last == UINT64_MAX ? NULL : maptree_first(&space->maps, map->last + 1);
	}
	for (unsigned int i = 0; i < space->windows.count && !err; i++)
		err = check_held(space, "allowed window", &space->windows.list[i]);
	return err;
}

int window_check_parents(struct ioasid_space *child)
{
	int err = 0;

	tree_lock(child);
	for (struct ioasid_space *space = child->parent; space && !err; space = space->parent) {
		err = range_load(space, __func__);
		if (!err)
			err = check_all_held(space);
	}
	tree_leave(child);
	return err;
}

int ioasid_space_allow(
	struct ioasid_space *space, const struct ioasid_range *ranges, unsigned int n)
{
	struct range_list windows = {.count = n};
	int err = check_arguments(space, ranges, n, __func__);

	if (err)
		return err;
	windows.list = calloc((size_t)n + 1, sizeof(*windows.list));
	if (!windows.list)
		return error_set(-ENOMEM, "%s: no memory for %u ranges", __func__, n);
	if (n)
		memcpy(windows.list, ranges, n * sizeof(*windows.list));
	err = allow(space, &windows, __func__);
	if (err)
		free(windows.list);
	return err;
}
