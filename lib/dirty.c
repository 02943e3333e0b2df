/* SPDX-License-Identifier: MIT */
/*
 * Which pages devices wrote. A backend is asked about one map at a time: kernels stop at the first
 * hole, silently. It answers by its least page, into memory of this file's own; what that means in
 * the caller's granules is folded in here.
 */
#include "core.h"
#include <string.h>

#define OWN_PAGE UINT64_C(4096) /* of process memory */

static int check_start(const struct ioasid_space *space, const char *call)
{
	if (!(space->flags & IOASID_SPACE_DIRTY_TRACKING))
		return error_set(-EINVAL,
			"%s: space %u was not made with IOASID_SPACE_DIRTY_TRACKING", call,
			space->id);
	if (space->dirty)
		return error_set(
			-EALREADY, "%s: space %u notes dirty pages already", call, space->id);
	if (space->table.size)
		return error_set(-EBUSY,
			"%s: space %u has a page table bound: what its devices write is noted in the "
			"parent, space %u",
			call, space->id, space->parent->id);
	return 0;
}

static int start(struct ioasid_space *space, const char *call)
{
	struct backend *be = space->ctx->be;
	int err = check_start(space, call);

	if (err)
		return err;
	tree_lock(space);
	err = be->ops->dirty_start(be, space->id);
	space->dirty = !err;
	tree_leave(space);
	return err ? error_from(err, "%s: space %u", call, space->id) : 0;
}

int ioasid_space_dirty_start(struct ioasid_space *space)
{
	int err = space ? space_enter(space, __func__) : null_argument(__func__, "space");

	if (err)
		return err;
	err = start(space, __func__);
	ctx_leave(space->ctx);
	return err;
}

static int stop(struct ioasid_space *space, const char *call)
{
	struct backend *be = space->ctx->be;
	int err;

	if (!space->dirty)
		return error_set(-EALREADY, "%s: space %u notes no dirty pages", call, space->id);
	tree_lock(space);
	err = be->ops->dirty_stop(be, space->id);
	space->dirty = !!err;
	tree_leave(space);
	return err ? error_from(err, "%s: space %u", call, space->id) : 0;
}

int ioasid_space_dirty_stop(struct ioasid_space *space)
{
	int err = space ? space_enter(space, __func__) : null_argument(__func__, "space");

	if (err)
		return err;
	err = stop(space, __func__);
	ctx_leave(space->ctx);
	return err;
}

/* One call to read. */
struct reading {
	const char *call;
	struct ioasid_space *space;
	struct ioasid_dirty dirty;
	uint64_t last;
	uint64_t page;  /* least one of the space as the call began */
	uint64_t *bits; /* whole pages of memory, of nobody else's data: see backend.h */
	size_t room;    /* bytes of bits */
};

static int check_range(const struct ioasid_dirty *dirty, const char *call)
{
	uint64_t mask = dirty->granule - 1;

	if (!dirty->granule || dirty->granule & mask)
		return error_set(-EINVAL, "%s: granule 0x%llx is not a power of two", call,
			(unsigned long long)dirty->granule);
	if (!dirty->length || dirty->iova & mask || dirty->length & mask)
		return error_set(-EINVAL,
			"%s: IOVA 0x%llx, length 0x%llx: both must be multiples of the granule, 0x%llx, and "
			"the length not 0",
			call, (unsigned long long)dirty->iova, (unsigned long long)dirty->length,
			(unsigned long long)dirty->granule);
	if (dirty->iova + (dirty->length - 1) < dirty->iova)
		return error_set(-EINVAL, "%s: IOVA 0x%llx, length 0x%llx wraps", call,
			(unsigned long long)dirty->iova, (unsigned long long)dirty->length);
	return 0;
}

static int check(struct reading *reading, const struct ioasid_dirty *given)
{
	struct ioasid_dirty *dirty = &reading->dirty;
	int err = given ? opts_copy(dirty, sizeof(*dirty), given, reading->call)
			: null_argument(reading->call, "dirty");

	if (err)
		return err;
	if (dirty->flags & ~IOASID_DIRTY_KEEP)
		return error_set(-EINVAL, "%s: unknown flags 0x%x", reading->call,
			dirty->flags & ~IOASID_DIRTY_KEEP);
	if (!dirty->bitmap)
		return null_argument(reading->call, "dirty->bitmap");
	reading->last = dirty->iova + (dirty->length - 1);
	return check_range(dirty, reading->call);
}

static int check_space(struct reading *reading)
{
	struct ioasid_space *space = reading->space;
	int err = range_load(space, reading->call);

	if (err)
		return err;
	latch_take(&space->maps_lock);
	reading->page = range_least_page(space);
	latch_release(&space->maps_lock);
	if (!space->dirty)
		return error_set(-EINVAL, "%s: space %u notes no dirty pages: start that first",
			reading->call, space->id);
	if (reading->dirty.granule < reading->page)
		return error_set(-EINVAL,
			"%s: granule 0x%llx is less than the least page of space %u, 0x%llx",
			reading->call, (unsigned long long)reading->dirty.granule, space->id,
			(unsigned long long)reading->page);
	return 0;
}

/* What the backend has as one map, at or after from, as it was made; holes lie in between. */
static bool next_extent(struct ioasid_space *space, uint64_t from, struct ioasid_range *extent)
{
	const struct maptree_entry *map;

	if (space->parent && nest_copies(space))
		return nest_extent(space, from, extent);
	latch_take(&space->maps_lock);
	map = maptree_first(&space->maps, from);
	if (map)
		*extent = (struct ioasid_range){map->start, map->last};
	latch_release(&space->maps_lock);
	return map;
}

/* Zeroed, and each page of it touched: the kernel loses what it cannot write. */
static int make_room(struct reading *reading, uint64_t pages)
{
	uint64_t bytes = (pages / 8 / OWN_PAGE + 1) * OWN_PAGE;
	void *bits;

	if (reading->room < bytes) {
		if ((size_t)bytes != bytes || posix_memalign(&bits, OWN_PAGE, (size_t)bytes))
			return error_set(-ENOMEM, "%s: no memory for notes of 0x%llx pages",
				reading->call, (unsigned long long)pages);
		free(reading->bits);
		reading->bits = bits;
		reading->room = (size_t)bytes;
	}
	memset(reading->bits, 0, (size_t)bytes);
	return 0;
}

/* What a backend is asked about: an extent, or a part of one. */
struct part {
	struct ioasid_range range;
	bool keep;
};

static void set_bit(const struct reading *reading, uint64_t addr)
{
	const struct ioasid_dirty *dirty = &reading->dirty;
	uint64_t bit = (addr - dirty->iova) / dirty->granule;

	if (addr >= dirty->iova && addr <= reading->last)
		dirty->bitmap[bit / 64] |= UINT64_C(1) << bit % 64;
}

static void fold(const struct reading *reading, const struct backend_dirty *got)
{
	uint64_t pages = got->length / got->page;

	for (uint64_t word = 0; word * 64 < pages; word++) {
		uint64_t left = got->bitmap[word];

		for (; left; left &= left - 1) {
			uint64_t page = word * 64 + (uint64_t)__builtin_ctzll(left);

			if (page < pages)
				set_bit(reading, got->iova + page * got->page);
		}
	}
}

static int explain(const struct reading *reading, int err, const struct ioasid_range *range)
{
	if (err == -ENOENT) {
		error_forget(); /* unmapped since */
		return 0;
	}
	return error_from(err, "%s: the map 0x%llx-0x%llx of space %u", reading->call,
		(unsigned long long)range->first, (unsigned long long)range->last,
		reading->space->id);
}

/* A device may have left since the call began, and a map been made of less than its pages: the
 * least page is then no longer the space's, but what the ends of the map are multiples of. */
static uint64_t page_of(const struct reading *reading, const struct ioasid_range *range)
{
	uint64_t ends = range->first | (range->last + 1), page = ends & -ends;

	return ends && page < reading->page ? page : reading->page;
}

static int read_part(struct reading *reading, const struct part *part)
{
	struct backend *be = reading->space->ctx->be;
	struct backend_dirty wish = {
		.iova = part->range.first,
		.length = part->range.last - part->range.first + 1,
		.page = page_of(reading, &part->range),
		.keep = part->keep,
	};
	int err = make_room(reading, wish.length / wish.page);

	if (err)
		return err;
	wish.bitmap = reading->bits;
	err = be->ops->dirty_read(be, reading->space->id, &wish);
	/* also after an error: what was read may be noted nowhere else any more */
	fold(reading, &wish);
	return err ? explain(reading, err, &part->range) : 0;
}

/*
 * An IOMMU's page may be larger than the least, and lie across a cut: kernels clear all of it at
 * once, and count on from where they began, past the next. So a map that is cut is read from its
 * start, and keeps its notes, unless the space was made to have the least pages only.
 */
static struct part part_of(const struct reading *reading, const struct ioasid_range *extent)
{
	uint64_t first = reading->dirty.iova, last = reading->last;
	bool cut = extent->first < first || extent->last > last;
	bool small = reading->space->flags & IOASID_SPACE_SMALL_PAGES;

	return (struct part){
		.range.first = small && extent->first < first ? first : extent->first,
		.range.last = extent->last > last ? last : extent->last,
		.keep = reading->dirty.flags & IOASID_DIRTY_KEEP || (cut && !small),
	};
}

static int read_extent(struct reading *reading, const struct ioasid_range *extent)
{
	struct part part = part_of(reading, extent);

	return extent->last < reading->dirty.iova ? 0 : read_part(reading, &part);
}

/* From the start of the map that the range begins in, so that none is taken for a shorter one. */
static uint64_t walk_from(const struct reading *reading)
{
	struct ioasid_space *space = reading->space;
	uint64_t from = reading->dirty.iova;
	const struct maptree_entry *map;

	latch_take(&space->maps_lock);
	map = maptree_find(&space->maps, from);
	if (map)
		from = map->start;
	latch_release(&space->maps_lock);
	return from;
}

static int read_all(struct reading *reading)
{
	uint64_t from = walk_from(reading);
	struct ioasid_range extent;
	int err = 0;

	while (!err && next_extent(reading->space, from, &extent) &&
		extent.first <= reading->last) {
		err = read_extent(reading, &extent);
		from = extent.last + 1;
		if (!from)
			break;
	}
	return err;
}

int ioasid_space_dirty_read(struct ioasid_space *space, const struct ioasid_dirty *dirty)
{
	struct reading reading = {.call = __func__, .space = space};
	int err = space ? check(&reading, dirty) : null_argument(__func__, "space");

	if (!err && __atomic_load_n(&space->incomplete, __ATOMIC_RELAXED))
		err = group_refuse(space, __func__);
	if (!err)
		err = tree_enter_shared(space, __func__);
	if (err)
		return err;
	err = space_ready(space, __func__);
	if (!err)
		err = check_space(&reading);
	if (!err)
		err = read_all(&reading);
	tree_leave(space);
	free(reading.bits);
	return err;
}
