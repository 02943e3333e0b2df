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
		latch_take(&space->maps_lock);
		space->ranges.valid = false;
		space->ranges.near = (struct ioasid_range){1, 0};
		latch_release(&space->maps_lock);
	}
}

static int fetch_list(struct backend *be, uint32_t space, struct range_list *ranges)
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
	struct backend_hardware hardware = {.page_sizes = 0};
	int err = be->ops->space_hardware(be, space, &hardware);

	ranges->page_sizes = hardware.page_sizes;
	return err ? err : fetch_list(be, space, &ranges->usable);
}

/* Steps through what two lists have in common. */
struct overlap {
	const struct range_list *a, *b;
	unsigned int i, k;
};

static bool next_overlap(struct overlap *at, struct ioasid_range *both)
{
	while (at->i < at->a->count && at->k < at->b->count) {
		const struct ioasid_range *x = &at->a->list[at->i], *y = &at->b->list[at->k];

		both->first = x->first > y->first ? x->first : y->first;
		both->last = x->last < y->last ? x->last : y->last;
		if (x->last < y->last)
			at->i++;
		else
			at->k++;
		if (both->first <= both->last)
			return true;
	}
	return false;
}

static int narrow_to(struct ranges *ranges, const struct ranges *other)
{
	size_t most = (size_t)ranges->usable.count + other->usable.count;
	struct overlap at = {.a = &ranges->usable, .b = &other->usable};
	struct range_list both = {.list = calloc(most + 1, sizeof(*both.list))};

	if (!both.list)
		return -ENOMEM;
	while (next_overlap(&at, &both.list[both.count]))
		both.count++;
	ranges->page_sizes &= other->page_sizes;
	free(ranges->usable.list);
	ranges->usable = both;
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
		struct ranges others = {.valid = false};

		err = fetch(space->ctx->be, child_at(link)->id, &others);
		if (!err)
			err = narrow_to(ranges, &others);
		if (err == -ENXIO) {
			error_forget(); /* no device has been there yet: nothing to suit */
			err = 0;
		}
		free(others.usable.list);
		if (!err)
			err = narrow(child_at(link), ranges);
		if (err)
			break;
	}
	return err;
}

static int refresh(struct ioasid_space *space)
{
	struct ranges now = {.valid = false};
	int err = fetch(space->ctx->be, space->id, &now);

	if (!err && nest_copies(space))
		err = narrow(space, &now);
	if (err) {
		free(now.usable.list);
		return err;
	}
	free(space->ranges.usable.list);
	space->ranges = now;
	space->ranges.valid = true;
	space->ranges.mask = range_least_page(space) - 1;
	space->ranges.near = (struct ioasid_range){1, 0};
	return 0;
}

static int load(struct ioasid_space *space, const char *call)
{
	int err = space->ranges.valid ? 0 : refresh(space);

	return err ? error_from(err, "%s: the ranges of space %u", call, space->id) : 0;
}

int range_load(struct ioasid_space *space, const char *call)
{
	int err;

	latch_take(&space->maps_lock);
	err = load(space, call);
	latch_release(&space->maps_lock);
	return err;
}

uint64_t range_least_page(const struct ioasid_space *space)
{
	return space->ranges.page_sizes & -space->ranges.page_sizes;
}

static bool is_aligned(const struct ioasid_space *space, const struct mapping *mapping)
{
	uint64_t fixed = mapping->flags & IOASID_MAP_FIXED ? mapping->entry.start : 0;

	return !((mapping->length | mapping->entry.value | fixed) & (range_least_page(space) - 1));
}

static int refuse_alignment(const struct ioasid_space *space, const struct mapping *mapping)
{
	uint64_t mask = range_least_page(space) - 1, addr = mapping->entry.value;

	return error_set(-EINVAL,
		"%s: IOVA 0x%llx, %s 0x%llx, length 0x%llx: all must be multiples of 0x%llx in "
		"space %u",
		mapping->call, (unsigned long long)mapping->entry.start,
		mapping->file ? "offset" : "address", (unsigned long long)addr,
		(unsigned long long)mapping->length, (unsigned long long)mask + 1, space->id);
}

static const struct ioasid_range *range_of(const struct range_list *ranges, uint64_t iova)
{
	for (unsigned int i = 0; i < ranges->count; i++)
		if (ranges->list[i].first <= iova && iova <= ranges->list[i].last)
			return &ranges->list[i];
	return NULL;
}

/* The window around an address that no range has. */
static struct ioasid_range gap_around(const struct range_list *ranges, uint64_t iova)
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

bool range_gap(const struct ioasid_space *space, const struct ioasid_range *wanted,
	struct ioasid_range *gap)
{
	const struct range_list *usable = &space->ranges.usable;
	const struct ioasid_range *range = range_of(usable, wanted->first);

	if (range && wanted->last <= range->last)
		return false;
	*gap = gap_around(usable, range ? range->last + 1 : wanted->first);
	return true;
}

static int refuse_place(const struct ioasid_space *space, const struct mapping *mapping)
{
	struct ioasid_range wanted = {mapping->entry.start, mapping->entry.last}, gap = {0, 0};

	range_gap(space, &wanted, &gap);
	return error_set(-EINVAL,
		"%s: IOVA 0x%llx-0x%llx of space %u touches 0x%llx-0x%llx, which is reserved or beyond "
		"the aperture: see ioasid_space_ranges",
		mapping->call, (unsigned long long)wanted.first, (unsigned long long)wanted.last,
		space->id, (unsigned long long)gap.first, (unsigned long long)gap.last);
}

/* Where one map lies the next ones are looked for first. */
static int check_place(struct ioasid_space *space, const struct mapping *mapping)
{
	const struct ioasid_range *range = range_of(&space->ranges.usable, mapping->entry.start);

	if (!range || mapping->entry.last > range->last)
		return refuse_place(space, mapping);
	space->ranges.near = *range;
	return 0;
}

static int room(const struct ioasid_space *space, uint64_t length, uint64_t align, uint64_t *iova)
{
	struct ioasid_range everything = {0, UINT64_MAX};
	struct range_list no_windows = {&everything, 1};
	struct overlap at = {.a = &space->ranges.usable,
		.b = space->windows.count ? &space->windows : &no_windows};
	struct ioasid_range range;

	while (next_overlap(&at, &range)) {
		/* an automatic address is never 0: too many take that for "none" */
		uint64_t first = range.first ? range.first : align;

		if (first <= range.last &&
			!maptree_room(&space->maps, first, range.last, length, align, iova))
			return 0;
	}
	return -ENOSPC;
}

/* The largest page that the IOMMU could use for this memory, if addresses suit it. */
static uint64_t best_page(const struct ioasid_space *space, const struct mapping *mapping)
{
	/* such as fit into the length, and such as the address is a multiple of */
	uint64_t fit = UINT64_MAX >> __builtin_clzll(mapping->length);
	uint64_t aligned = mapping->entry.value ^ (mapping->entry.value - 1);
	uint64_t sizes = space->ranges.page_sizes & fit & aligned;

	return UINT64_C(1) << (63 - __builtin_clzll(sizes | range_least_page(space)));
}

static int pick(struct ioasid_space *space, struct mapping *mapping)
{
	struct maptree_entry *entry = &mapping->entry;
	uint64_t length = mapping->length, least = range_least_page(space);

	if (room(space, length, best_page(space, mapping), &entry->start) &&
		room(space, length, least, &entry->start))
		return error_set(-ENOSPC,
			"%s: no 0x%llx bytes of IOVA are free in the %s of space %u", mapping->call,
			(unsigned long long)length,
			space->windows.count ? "allowed windows" : "ranges", space->id);
	entry->last = entry->start + (length - 1);
	return 0;
}

static int refuse_wrap(const struct mapping *mapping)
{
	return error_set(-EINVAL, "%s: IOVA 0x%llx, length 0x%llx wraps", mapping->call,
		(unsigned long long)mapping->entry.start, (unsigned long long)mapping->length);
}

int range_place_slowly(struct ioasid_space *space, struct mapping *mapping)
{
	int err = mapping->flags & IOASID_MAP_FIXED && mapping->entry.last < mapping->entry.start
			  ? refuse_wrap(mapping)
			  : load(space, mapping->call);

	if (!err && !is_aligned(space, mapping))
		err = refuse_alignment(space, mapping);
	if (err)
		return err;
	return mapping->flags & IOASID_MAP_FIXED ? check_place(space, mapping)
						 : pick(space, mapping);
}

/* What the ranges are now, written as far as n goes. */
static int copy_out(struct ioasid_space *space, struct ioasid_range *to, unsigned int n)
{
	int count;

	latch_take(&space->maps_lock);
	count = (int)space->ranges.usable.count;
	if (n > space->ranges.usable.count)
		n = space->ranges.usable.count;
	if (n)
		memcpy(to, space->ranges.usable.list, n * sizeof(*to));
	latch_release(&space->maps_lock);
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
