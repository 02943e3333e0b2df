/* SPDX-License-Identifier: MIT */
/*
 * Reading of written pages over a backend that reads as kernels do: whatever lies between maps,
 * wherever a range cuts one, however coarse the caller's granules and the IOMMU's pages are,
 * nothing that was written stays unreported.
 */
#include "allocator.h"
#include "trackkit.h"

#define HUGE (16 * PAGE)

/* The read was about this. */
static void was_read(const struct track *t, unsigned int i, uint64_t page, uint64_t pages)
{
	ck_assert_uint_lt(i, t->leaf->reads);
	ck_assert_uint_eq(t->leaf->read[i].first, page * PAGE);
	ck_assert_uint_eq(t->leaf->read[i].last, (page + pages) * PAGE - 1);
}

START_TEST(each_map_is_asked_about_by_itself_and_holes_are_not)
{
	struct track t;

	track_begin_started(&t, 0);
	track_map_pages(&t, 2, 3);
	track_map_pages(&t, 5, 1);
	track_map_pages(&t, 9, 4);
	track_map_pages(&t, 40, 1);
	track_write(&t, 9);
	ok(track_read(&t, 0, 20, 0));
	ck_assert_uint_eq(t.leaf->reads, 3);
	was_read(&t, 0, 2, 3);
	was_read(&t, 1, 5, 1);
	was_read(&t, 2, 9, 4);
	ck_assert_uint_eq(t.bitmap[0], 1 << 9);
	track_end(&t);
}
END_TEST

START_TEST(bits_are_counted_from_the_start_of_the_range_and_added)
{
	struct track t;

	track_begin_started(&t, 0);
	track_map_pages(&t, 100, 300);
	track_write(&t, 100);
	track_write(&t, 163);
	track_write(&t, 399);
	memset(t.bitmap, 0, sizeof(t.bitmap));
	t.bitmap[0] = 1u << 31;
	t.bitmap[TRACK_WORDS] = 5;
	ok(ioasid_space_dirty_read(
		t.space, IOASID_OPTS(ioasid_dirty, .iova = 90 * PAGE, .length = 512 * PAGE,
				 .granule = PAGE, .bitmap = t.bitmap)));
	ck_assert_uint_eq(t.bitmap[0], 1u << 31 | 1u << 10);
	ck_assert_uint_eq(t.bitmap[1], UINT64_C(1) << (163 - 90 - 64));
	ck_assert_uint_eq(t.bitmap[4], UINT64_C(1) << (399 - 90 - 256));
	ck_assert_uint_eq(t.bitmap[TRACK_WORDS], 5);
	track_end(&t);
}
END_TEST

START_TEST(a_granule_takes_in_maps_that_lie_in_it_in_part)
{
	struct track t;

	track_begin_started(&t, 0);
	track_map_pages(&t, 6, 4); /* over the border of two granules */
	track_map_pages(&t, 20, 1);
	track_write(&t, 9);
	track_write(&t, 20);
	ok(ioasid_space_dirty_read(
		t.space, IOASID_OPTS(ioasid_dirty, .iova = 0, .length = 32 * PAGE,
				 .granule = 8 * PAGE, .bitmap = t.bitmap)));
	ck_assert_uint_eq(t.bitmap[0], 1 << 1 | 1 << 2);
	track_end(&t);
}
END_TEST

START_TEST(of_a_large_page_that_the_range_cuts_nothing_is_lost)
{
	struct track t;

	track_begin_started(&t, 0);
	t.leaf->io_page = HUGE;
	track_map_pages(&t, 16, 64);
	track_write(&t, 17);
	track_write(&t, 50);
	ok(track_read(&t, 0, 18, 0)); /* the first two pages of the map */
	ck_assert_uint_eq(t.bitmap[0], 1 << 16 | 1 << 17);
	ok(track_read(&t, 20, 60, 0)); /* from its fifth on */
	for (uint64_t page = 0; page < 60; page++)
		ck_assert_int_eq(track_is_set(&t, page), page < 12 || (page >= 28 && page < 44));
	ok(track_read(&t, 0, 80, 0));
	for (uint64_t page = 0; page < 80; page++)
		ck_assert_int_eq(track_is_set(&t, page),
			(page >= 16 && page < 32) || (page >= 48 && page < 64));
	ok(track_read(&t, 0, 80, 0));
	ck_assert_uint_eq(t.bitmap[0] | t.bitmap[1], 0);
	track_end(&t);
}
END_TEST

START_TEST(bits_beyond_a_map_are_nobodys)
{
	struct track t;

	track_begin_started(&t, 0);
	t.leaf->io_page = HUGE;
	track_map_pages(&t, 16, 5);
	track_write(&t, 17);
	ok(track_read(&t, 0, 64, 0));
	ck_assert_uint_eq(t.bitmap[0], 0x1f << 16);
	track_end(&t);
}
END_TEST

START_TEST(a_cut_map_is_kept_unless_pages_are_small)
{
	static const uint32_t flags[] = {0, IOASID_SPACE_SMALL_PAGES};
	struct track t;

	track_begin_started(&t, flags[_i]);
	track_map_pages(&t, 4, 4);
	track_map_pages(&t, 8, 4);
	track_map_pages(&t, 12, 4);
	ok(track_read(&t, 5, 8, 0));
	ck_assert_uint_eq(t.leaf->reads, 3);
	ck_assert_int_eq(t.leaf->kept[0], !_i);
	ck_assert(!t.leaf->kept[1]);
	ck_assert_int_eq(t.leaf->kept[2], !_i);
	was_read(&t, 0, _i ? 5 : 4, _i ? 3 : 4);
	was_read(&t, 2, 12, 1);
	ok(track_read(&t, 5, 8, IOASID_DIRTY_KEEP));
	ck_assert(t.leaf->kept[0] && t.leaf->kept[1] && t.leaf->kept[2]);
	track_end(&t);
}
END_TEST

START_TEST(a_map_that_went_meanwhile_is_skipped)
{
	struct track t;

	track_begin_started(&t, 0);
	track_map_pages(&t, 0, 4);
	track_map_pages(&t, 8, 4);
	track_write(&t, 1);
	track_write(&t, 9);
	fakeleaf_lose_map(t.leaf, ioasid_space_id(t.space), 0);
	t.leaf->read_fails = -ENOENT;
	t.leaf->reason = "it has gone";
	ok(track_read(&t, 0, 16, 0));
	ck_assert_uint_eq(t.bitmap[0], 1 << 9);
	/* and nobody else's error gets its reason */
	t.leaf->reason = NULL;
	t.leaf->stop_fails = -EIO;
	fails(-EIO, "Input/output error", ioasid_space_dirty_stop(t.space));
	track_end(&t);
}
END_TEST

static void pages_are_of(struct track *t, uint64_t least)
{
	t->leaf->io_page = least;
	t->leaf->least_page = least;
	range_forget(t->space);
}

/* A device with large pages leaves, and two maps of small ones are made and written. */
static void small_maps_appear(void *arg)
{
	struct track *t = arg;

	t->leaf->hook = NULL;
	pages_are_of(t, PAGE);
	track_map_pages(t, 39, 1);
	track_map_pages(t, 67, 15);
	track_write(t, 39);
	track_write(t, 81);
}

START_TEST(a_map_of_less_than_the_pages_of_before_is_read_whole)
{
	struct track t;

	track_begin_started(&t, 0);
	pages_are_of(&t, HUGE);
	track_map(t.space, 0, HUGE, HUGE);
	t.leaf->hook = small_maps_appear;
	t.leaf->hook_arg = &t;
	ok(ioasid_space_dirty_read(t.space, IOASID_OPTS(ioasid_dirty, .length = 8 * HUGE,
						    .granule = HUGE, .bitmap = t.bitmap)));
	ck_assert_uint_eq(t.leaf->reads, 3);
	ck_assert(!fakeleaf_has_note(t.leaf, ioasid_space_id(t.space), 39 * PAGE));
	ck_assert(!fakeleaf_has_note(t.leaf, ioasid_space_id(t.space), 81 * PAGE));
	ck_assert_uint_eq(t.bitmap[0], 1 << 2 | 1 << 5);
	track_end(&t);
}
END_TEST

START_TEST(a_granule_is_at_least_a_page)
{
	struct track t;

	track_begin_started(&t, 0);
	track_map_pages(&t, 0, 4);
	fails(-EINVAL, "0x800",
		ioasid_space_dirty_read(t.space, IOASID_OPTS(ioasid_dirty, .length = PAGE,
							 .granule = PAGE / 2, .bitmap = t.bitmap)));
	ck_assert_uint_eq(t.leaf->reads, 0);
	track_end(&t);
}
END_TEST

START_TEST(what_was_read_before_an_error_is_told)
{
	struct track t;

	track_begin_started(&t, 0);
	track_map_pages(&t, 0, 4);
	track_map_pages(&t, 8, 4);
	track_map_pages(&t, 16, 4);
	for (uint64_t page = 1; page < 20; page += 8)
		track_write(&t, page);
	t.leaf->read_skip = 1;
	t.leaf->read_fails = -EIO;
	t.leaf->reason = "no more";
	fails(-EIO, "0x8000-0xbfff", track_read(&t, 0, 32, 0));
	support_error_has("no more", "ioasid_space_dirty_read");
	ck_assert_uint_eq(t.leaf->reads, 2);
	ck_assert_uint_eq(t.bitmap[0], 1 << 1 | 1 << 9);
	ok(track_read(&t, 0, 32, 0));
	ck_assert_uint_eq(t.bitmap[0], 1 << 17);
	track_end(&t);
}
END_TEST

START_TEST(no_memory_loses_nothing)
{
	struct track t;
	const struct ioasid_dirty *dirty =
		IOASID_OPTS(ioasid_dirty, .length = 4 * PAGE, .granule = PAGE, .bitmap = t.bitmap);
	int r;

	track_begin_started(&t, 0);
	track_map_pages(&t, 0, 4);
	track_write(&t, 1);
	allocator_fail(1);
	r = ioasid_space_dirty_read(t.space, dirty);
	ck_assert(allocator_failed());
	ck_assert_int_eq(r, -ENOMEM);
	support_error_has("0x4 pages", "ioasid_space_dirty_read");
	ok(track_read(&t, 0, 4, 0));
	ck_assert_uint_eq(t.bitmap[0], 2);
	track_end(&t);
}
END_TEST

START_TEST(the_last_page_of_all_is_no_end_of_the_walk)
{
	struct track t;

	track_begin_started(&t, 0);
	track_map(t.space, 0 - 2 * PAGE, 2 * PAGE, PAGE);
	ck_assert(fakeleaf_write(t.leaf, ioasid_space_id(t.space), 0 - PAGE));
	ok(ioasid_space_dirty_read(
		t.space, IOASID_OPTS(ioasid_dirty, .iova = 0 - 4 * PAGE, .length = 4 * PAGE,
				 .granule = PAGE, .bitmap = t.bitmap)));
	ck_assert_uint_eq(t.bitmap[0], 8);
	track_end(&t);
}
END_TEST

/* A child's map lies over two of the parent's, and a hole: two copies. */
START_TEST(of_a_child_made_of_copies_each_copy_is_asked_about)
{
	struct ioasid_space *child;
	uint64_t bitmap = 0;
	struct track t;

	track_begin(&t, 0);
	track_map_pages(&t, 0, 4);
	track_map_pages(&t, 8, 4);
	ok(ioasid_space_new_nested(t.space,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_DIRTY_TRACKING), &child));
	track_map(child, 20 * PAGE, 12 * PAGE, 0);
	ok(ioasid_space_dirty_start(child));
	ck_assert(fakeleaf_write(t.leaf, ioasid_space_id(child), 21 * PAGE));
	ck_assert(!fakeleaf_write(t.leaf, ioasid_space_id(child), 25 * PAGE));
	ck_assert(fakeleaf_write(t.leaf, ioasid_space_id(child), 31 * PAGE));
	ok(ioasid_space_dirty_read(
		child, IOASID_OPTS(ioasid_dirty, .iova = 22 * PAGE, .length = 20 * PAGE,
			       .granule = PAGE, .bitmap = &bitmap)));
	ck_assert_uint_eq(bitmap, 1 << 9);
	ck_assert_uint_eq(t.leaf->reads, 2);
	was_read(&t, 0, 20, 4);
	was_read(&t, 1, 28, 4);
	ck_assert(t.leaf->kept[0] && !t.leaf->kept[1]);
	ok(ioasid_space_destroy(child));
	track_end(&t);
}
END_TEST

START_TEST(start_and_stop_are_what_the_backend_says)
{
	struct track t;

	track_begin(&t, 0);
	fails(-EINVAL, "start", track_read(&t, 0, 1, 0));
	fails(-EALREADY, "notes no", ioasid_space_dirty_stop(t.space));
	t.leaf->start_fails = -EOPNOTSUPP;
	t.leaf->reason = "no such IOMMU";
	fails(-EOPNOTSUPP, "no such IOMMU", ioasid_space_dirty_start(t.space));
	fails(-EINVAL, "start", track_read(&t, 0, 1, 0));
	ok(ioasid_space_dirty_start(t.space));
	fails(-EALREADY, "already", ioasid_space_dirty_start(t.space));
	t.leaf->stop_fails = -EIO;
	fails(-EIO, "no such IOMMU", ioasid_space_dirty_stop(t.space));
	ok(track_read(&t, 0, 1, 0));
	ok(ioasid_space_dirty_stop(t.space));
	fails(-EALREADY, "notes no", ioasid_space_dirty_stop(t.space));
	ck_assert_uint_eq(t.leaf->starts, 2);
	ck_assert_uint_eq(t.leaf->stops, 2);
	track_end(&t);
}
END_TEST

/* Inside of an operation: nobody maps or reads. */
static void tree_is_alone(void *arg)
{
	struct track *t = arg;

	ck_assert(t->space->tree->lock.alone);
	ck_assert_int_eq(pthread_mutex_trylock(&t->ctx->lock), EBUSY);
}

/* Others map and read at the same time, and the context is free. */
static void tree_is_shared(void *arg)
{
	struct track *t = arg;

	ck_assert(!t->space->tree->lock.alone);
	ck_assert_uint_eq(t->space->tree->lock.state, 1);
	ck_assert_uint_eq(t->space->maps_lock.state, LATCH_FREE);
	ck_assert_int_eq(pthread_mutex_trylock(&t->ctx->lock), 0);
	pthread_mutex_unlock(&t->ctx->lock);
}

START_TEST(the_backend_is_called_under_the_locks_that_it_was_promised)
{
	struct track t;

	track_begin(&t, 0);
	track_map_pages(&t, 0, 1);
	t.leaf->hook = tree_is_alone;
	t.leaf->hook_arg = &t;
	ok(ioasid_space_dirty_start(t.space));
	t.leaf->hook = tree_is_shared;
	ok(track_read(&t, 0, 1, 0));
	ck_assert_uint_eq(t.leaf->reads, 1);
	t.leaf->hook = tree_is_alone;
	ok(ioasid_space_dirty_stop(t.space));
	ck_assert_uint_eq(t.leaf->stops, 1);
	track_end(&t);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dirty");
	TCase *tcase = support_case(suite, "dirty");

	tcase_add_test(tcase, each_map_is_asked_about_by_itself_and_holes_are_not);
	tcase_add_test(tcase, bits_are_counted_from_the_start_of_the_range_and_added);
	tcase_add_test(tcase, a_granule_takes_in_maps_that_lie_in_it_in_part);
	tcase_add_test(tcase, of_a_large_page_that_the_range_cuts_nothing_is_lost);
	tcase_add_test(tcase, bits_beyond_a_map_are_nobodys);
	tcase_add_loop_test(tcase, a_cut_map_is_kept_unless_pages_are_small, 0, 2);
	tcase_add_test(tcase, a_map_that_went_meanwhile_is_skipped);
	tcase_add_test(tcase, a_map_of_less_than_the_pages_of_before_is_read_whole);
	tcase_add_test(tcase, a_granule_is_at_least_a_page);
	tcase_add_test(tcase, what_was_read_before_an_error_is_told);
	tcase_add_test(tcase, no_memory_loses_nothing);
	tcase_add_test(tcase, the_last_page_of_all_is_no_end_of_the_walk);
	tcase_add_test(tcase, of_a_child_made_of_copies_each_copy_is_asked_about);
	tcase_add_test(tcase, start_and_stop_are_what_the_backend_says);
	tcase_add_test(tcase, the_backend_is_called_under_the_locks_that_it_was_promised);
	return support_run(suite);
}
