/* SPDX-License-Identifier: MIT */
/*
 * A tracked space on a fake backend: see trackkit.h.
 */
#include "trackkit.h"
#include "ctx.h"

void track_begin(struct track *t, uint32_t flags)
{
	memset(t, 0, sizeof(*t));
	t->leaf = fakeleaf_new(0);
	ck_assert_ptr_nonnull(t->leaf);
	ck_assert_int_eq(ctx_new(&t->leaf->base, &t->ctx), 0);
	ok(ioasid_space_new(t->ctx,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_DIRTY_TRACKING | flags),
		&t->space));
}

void track_begin_started(struct track *t, uint32_t flags)
{
	track_begin(t, flags);
	ok(ioasid_space_dirty_start(t->space));
}

void track_end(struct track *t)
{
	ok(ioasid_space_destroy(t->space));
	ioasid_close(t->ctx);
}

void track_map(struct ioasid_space *space, uint64_t iova, uint64_t length, uint64_t addr)
{
	ok(ioasid_space_map(space, &(struct ioasid_map){.addr = (void *)(uintptr_t)addr,
					   .length = length,
					   .iova = iova,
					   .flags = IOASID_MAP_RW | IOASID_MAP_FIXED}));
}

void track_map_pages(struct track *t, uint64_t page, uint64_t pages)
{
	track_map(t->space, page * PAGE, pages * PAGE, PAGE);
}

void track_write(struct track *t, uint64_t page)
{
	ck_assert(fakeleaf_write(t->leaf, ioasid_space_id(t->space), page * PAGE));
}

int track_read(struct track *t, uint64_t page, uint64_t pages, uint32_t flags)
{
	ck_assert_uint_le(pages, 64 * TRACK_WORDS);
	memset(t->bitmap, 0, sizeof(t->bitmap));
	t->leaf->reads = 0;
	return ioasid_space_dirty_read(
		t->space, IOASID_OPTS(ioasid_dirty, .flags = flags, .iova = page * PAGE,
				  .length = pages * PAGE, .granule = PAGE, .bitmap = t->bitmap));
}

bool track_is_set(const struct track *t, uint64_t bit)
{
	return t->bitmap[bit / 64] >> bit % 64 & 1;
}
