/* SPDX-License-Identifier: MIT */
/*
 * Written pages on the kernel's self-test IOMMU, whose devices write where a test says: what is
 * read is what was written, once, by whichever device, in the caller's granules; holes between maps
 * cut nothing short, and a device that leaves takes no notes along.
 */
#include "guest.h"
#include "scene.h"
#include <ioasid/pgtable.h>

#define WORDS 4 /* of a bitmap: 256 pages */

struct track {
	struct scene s;
	struct ioasid_space *space;
	struct ioasid_attachment *route[SCENE_DEVICES];
};

static void begin(struct track *t, uint32_t scene_flags, uint32_t space_flags)
{
	scene_begin(&t->s, scene_flags);
	ok(ioasid_space_new(t->s.ctx,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_DIRTY_TRACKING | space_flags),
		&t->space));
	t->route[0] = t->route[1] = NULL;
}

static void detach(struct track *t, int device)
{
	ok(ioasid_attachment_detach(t->route[device]));
	t->route[device] = NULL;
}

static void end(struct track *t)
{
	for (int i = 0; i < SCENE_DEVICES; i++)
		detach(t, i);
	ok(ioasid_space_destroy(t->space));
	ck_assert(list_empty(&t->s.leaf->spaces));
	scene_end(&t->s);
}

static void attach(struct track *t, int device)
{
	t->route[device] = scene_attach(&t->s, device, t->space);
}

/* The device writes the second half of a page; the IOMMU's pages are halves. */
static void write_page(struct track *t, int device, uint64_t iova)
{
	uint64_t halves = 2;

	ck_assert_int_eq(selftest_dirty(&t->s.hw[device], iova, PAGE, &halves), 1);
}

/* The bits of the range must be these, the first word's least bit first. */
struct expect {
	uint64_t granule; /* 0: a page */
	uint32_t flags;
	uint64_t bits[WORDS];
};

static void reads(
	struct ioasid_space *space, uint64_t iova, uint64_t length, const struct expect *expect)
{
	uint64_t bitmap[WORDS + 1] = {0};
	struct ioasid_dirty dirty = {
		.size = sizeof(dirty),
		.flags = expect->flags,
		.iova = iova,
		.length = length,
		.granule = expect->granule ? expect->granule : PAGE,
		.bitmap = bitmap,
	};

	ck_assert_uint_le(dirty.length / dirty.granule, 64 * WORDS);
	ok(ioasid_space_dirty_read(space, &dirty));
	for (int i = 0; i < WORDS; i++)
		ck_assert_msg(bitmap[i] == expect->bits[i], "word %d is 0x%llx, not 0x%llx", i,
			(unsigned long long)bitmap[i], (unsigned long long)expect->bits[i]);
	ck_assert_uint_eq(bitmap[WORDS], 0);
}

#define READS(space, iova, length, ...)                                                            \
	reads(space, iova, length, &(const struct expect){__VA_ARGS__})

START_TEST(a_page_that_a_device_wrote_is_read_once)
{
	struct track t;

	begin(&t, 0, 0);
	scene_map(&t.s, t.space, BASE, 0, 8);
	attach(&t, 0);
	ok(ioasid_space_dirty_start(t.space));
	READS(t.space, BASE, 8 * PAGE, .bits = {0});
	write_page(&t, 0, BASE + 3 * PAGE);
	write_page(&t, 0, BASE + 7 * PAGE);
	READS(t.space, BASE, 8 * PAGE, .bits = {0x88});
	READS(t.space, BASE, 8 * PAGE, .bits = {0});
	ok(ioasid_space_dirty_stop(t.space));
	end(&t);
}
END_TEST

START_TEST(what_is_kept_is_read_again)
{
	struct track t;

	begin(&t, 0, 0);
	scene_map(&t.s, t.space, BASE, 0, 8);
	attach(&t, 0);
	ok(ioasid_space_dirty_start(t.space));
	write_page(&t, 0, BASE + PAGE);
	READS(t.space, BASE, 8 * PAGE, .flags = IOASID_DIRTY_KEEP, .bits = {2});
	READS(t.space, BASE, 8 * PAGE, .flags = IOASID_DIRTY_KEEP, .bits = {2});
	READS(t.space, BASE, 8 * PAGE, .bits = {2});
	READS(t.space, BASE, 8 * PAGE, .bits = {0});
	end(&t);
}
END_TEST

START_TEST(holes_between_maps_hide_nothing)
{
	struct track t;

	begin(&t, 0, 0);
	scene_map(&t.s, t.space, BASE + 4 * PAGE, 0, 4);
	scene_map(&t.s, t.space, BASE + 16 * PAGE, 4, 4);
	scene_map(&t.s, t.space, BASE + 100 * PAGE, 8, 1);
	attach(&t, 0);
	ok(ioasid_space_dirty_start(t.space));
	write_page(&t, 0, BASE + 5 * PAGE);
	write_page(&t, 0, BASE + 17 * PAGE);
	write_page(&t, 0, BASE + 100 * PAGE);
	READS(t.space, BASE, 128 * PAGE, .bits = {1 << 5 | 1 << 17, UINT64_C(1) << (100 - 64)});
	READS(t.space, BASE, 128 * PAGE, .bits = {0});
	end(&t);
}
END_TEST

START_TEST(a_granule_is_written_if_any_of_its_pages_is)
{
	struct track t;

	begin(&t, 0, 0);
	scene_map(&t.s, t.space, BASE, 0, 16);
	scene_map(&t.s, t.space, BASE + 40 * PAGE, 16, 8);
	attach(&t, 0);
	ok(ioasid_space_dirty_start(t.space));
	write_page(&t, 0, BASE + 3 * PAGE);
	write_page(&t, 0, BASE + 4 * PAGE);
	write_page(&t, 0, BASE + 47 * PAGE);
	READS(t.space, BASE, 64 * PAGE, .granule = 4 * PAGE, .flags = IOASID_DIRTY_KEEP,
		.bits = {1 | 2 | 1 << 11});
	READS(t.space, BASE, 64 * PAGE, .granule = 64 * PAGE, .flags = IOASID_DIRTY_KEEP,
		.bits = {1});
	READS(t.space, BASE, 64 * PAGE, .granule = 16 * PAGE, .bits = {1 | 1 << 2});
	end(&t);
}
END_TEST

START_TEST(a_map_that_the_range_cuts_counts_in_part_and_stays_noted)
{
	struct track t;

	begin(&t, 0, 0);
	scene_map(&t.s, t.space, BASE, 0, 16);
	attach(&t, 0);
	ok(ioasid_space_dirty_start(t.space));
	for (unsigned int i = 2; i < 12; i += 3) /* 2, 5, 8, 11 */
		write_page(&t, 0, BASE + i * PAGE);
	READS(t.space, BASE + 4 * PAGE, 5 * PAGE, .bits = {1 << 1 | 1 << 4});
	READS(t.space, BASE + 4 * PAGE, 100 * PAGE, .bits = {1 << 1 | 1 << 4 | 1 << 7});
	READS(t.space, BASE, 16 * PAGE, .bits = {1 << 2 | 1 << 5 | 1 << 8 | 1 << 11});
	READS(t.space, BASE, 16 * PAGE, .bits = {0});
	end(&t);
}
END_TEST

START_TEST(of_small_pages_a_part_is_cleared_alone)
{
	struct track t;

	begin(&t, 0, IOASID_SPACE_SMALL_PAGES);
	scene_map(&t.s, t.space, BASE, 0, 16);
	attach(&t, 0);
	ok(ioasid_space_dirty_start(t.space));
	for (unsigned int i = 2; i < 12; i += 3)
		write_page(&t, 0, BASE + i * PAGE);
	READS(t.space, BASE + 4 * PAGE, 5 * PAGE, .bits = {1 << 1 | 1 << 4});
	READS(t.space, BASE, 16 * PAGE, .bits = {1 << 2 | 1 << 11});
	READS(t.space, BASE, 16 * PAGE, .bits = {0});
	end(&t);
}
END_TEST

static const uint32_t compatibilities[] = {0, SCENE_INCOMPATIBLE};

START_TEST(what_two_devices_wrote_adds_up)
{
	struct track t;

	begin(&t, compatibilities[_i], 0);
	scene_map(&t.s, t.space, BASE, 0, 8);
	attach(&t, 0);
	attach(&t, 1);
	ck_assert_uint_eq(scene_tables(&t.s, t.space), 1 + _i);
	ok(ioasid_space_dirty_start(t.space));
	write_page(&t, 0, BASE + 1 * PAGE);
	write_page(&t, 1, BASE + 2 * PAGE);
	write_page(&t, 0, BASE + 6 * PAGE);
	READS(t.space, BASE, 8 * PAGE, .bits = {1 << 1 | 1 << 2 | 1 << 6});
	READS(t.space, BASE, 8 * PAGE, .bits = {0});
	end(&t);
}
END_TEST

START_TEST(a_device_that_comes_later_is_noted_too)
{
	struct track t;

	begin(&t, compatibilities[_i], 0);
	scene_map(&t.s, t.space, BASE, 0, 8);
	ok(ioasid_space_dirty_start(t.space));
	attach(&t, 0);
	write_page(&t, 0, BASE);
	attach(&t, 1);
	write_page(&t, 1, BASE + PAGE);
	READS(t.space, BASE, 8 * PAGE, .bits = {3});
	end(&t);
}
END_TEST

START_TEST(a_device_that_leaves_takes_no_notes_along)
{
	struct track t;

	begin(&t, compatibilities[_i], 0);
	scene_map(&t.s, t.space, BASE, 0, 8);
	attach(&t, 0);
	attach(&t, 1);
	ok(ioasid_space_dirty_start(t.space));
	write_page(&t, 0, BASE + PAGE);
	detach(&t, 0);
	write_page(&t, 1, BASE + 2 * PAGE);
	detach(&t, 1);
	READS(t.space, BASE, 8 * PAGE, .bits = {6});
	/* and what stayed for them serves it when it comes back */
	attach(&t, 0);
	ck_assert_uint_eq(scene_tables(&t.s, t.space), 1 + _i);
	write_page(&t, 0, BASE + 3 * PAGE);
	READS(t.space, BASE, 8 * PAGE, .bits = {8});
	detach(&t, 0);
	ok(ioasid_space_dirty_stop(t.space));
	ck_assert_uint_eq(scene_tables(&t.s, t.space), 0);
	end(&t);
}
END_TEST

START_TEST(a_new_start_knows_nothing_of_before)
{
	struct track t;

	begin(&t, compatibilities[_i], 0);
	scene_map(&t.s, t.space, BASE, 0, 8);
	attach(&t, 0);
	attach(&t, 1);
	ok(ioasid_space_dirty_start(t.space));
	fails(-EALREADY, "already", ioasid_space_dirty_start(t.space));
	write_page(&t, 0, BASE);
	write_page(&t, 1, BASE + PAGE);
	ok(ioasid_space_dirty_stop(t.space));
	fails(-EALREADY, "no dirty pages", ioasid_space_dirty_stop(t.space));
	ck_assert_int_lt(
		selftest_dirty(&t.s.hw[0], BASE, PAGE, &(uint64_t){3}), 0); /* it stopped */
	ok(ioasid_space_dirty_start(t.space));
	READS(t.space, BASE, 8 * PAGE, .bits = {0});
	end(&t);
}
END_TEST

START_TEST(maps_that_come_and_go_are_noted_while_they_are_there)
{
	struct track t;

	begin(&t, 0, 0);
	attach(&t, 0);
	ok(ioasid_space_dirty_start(t.space));
	scene_map(&t.s, t.space, BASE, 0, 4);
	scene_map(&t.s, t.space, BASE + 4 * PAGE, 4, 4);
	write_page(&t, 0, BASE);
	write_page(&t, 0, BASE + 4 * PAGE);
	ok(ioasid_space_unmap(t.space, BASE, 4 * PAGE));
	READS(t.space, BASE, 8 * PAGE, .bits = {1 << 4});
	scene_map(&t.s, t.space, BASE, 0, 4);
	READS(t.space, BASE, 8 * PAGE, .bits = {0});
	end(&t);
}
END_TEST

/* In the child one map, below which the parent has two with a hole between. */
START_TEST(a_child_made_of_copies_notes_at_its_own_addresses)
{
	struct ioasid_space *child;
	struct ioasid_attachment *above;
	struct ioasid_map map = {.addr = (void *)(uintptr_t)BASE,
		.length = 16 * PAGE,
		.iova = BASE + 64 * PAGE,
		.flags = IOASID_MAP_RW | IOASID_MAP_FIXED};
	struct track t;

	begin(&t, 0, 0);
	scene_map(&t.s, t.space, BASE, 0, 4);
	scene_map(&t.s, t.space, BASE + 8 * PAGE, 4, 8);
	ok(ioasid_space_new_nested(t.space,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_DIRTY_TRACKING), &child));
	ok(ioasid_space_map(child, &map));
	attach(&t, 0);
	above = scene_attach(&t.s, 0, child);
	ok(ioasid_space_dirty_start(child));
	write_page(&t, 0, BASE + (64 + 1) * PAGE);
	write_page(&t, 0, BASE + (64 + 15) * PAGE);
	READS(child, BASE, 128 * PAGE, .flags = IOASID_DIRTY_KEEP, .bits = {0, 1 << 1 | 1 << 15});
	READS(child, BASE + (64 + 9) * PAGE, 8 * PAGE, .bits = {1 << 6});
	READS(child, BASE, 128 * PAGE, .bits = {0, 1 << 1 | 1 << 15});
	READS(child, BASE, 128 * PAGE, .bits = {0});
	ok(ioasid_attachment_detach(above));
	ok(ioasid_space_destroy(child));
	end(&t);
}
END_TEST

/* The parent is what devices write to through a guest's table. */
START_TEST(the_parent_of_a_bound_table_notes)
{
	struct ioasid_space *child;
	struct ioasid_attachment *above;
	struct ioasid_pgtable table = {.size = sizeof(table),
		.format = IOASID_PGTABLE_VTD_S1,
		.addr = BASE,
		.addr_width = 48};
	uint64_t halves = 3;
	struct selftest_cmd cmd = {.op = SELFTEST_OP_DIRTY};
	struct track t;

	begin(&t, 0, IOASID_SPACE_NEST_PARENT);
	scene_map(&t.s, t.space, BASE, 0, 4);
	ok(ioasid_space_new_nested(t.space, NULL, &child));
	attach(&t, 0);
	ok(ioasid_space_bind_pgtable(child, &table));
	above = scene_attach(&t.s, 0, child);
	ok(ioasid_space_dirty_start(t.space));
	cmd.id = scene_table(&t.s, t.space, 0);
	cmd.dirty.iova = BASE + 2 * PAGE;
	cmd.dirty.length = PAGE;
	cmd.dirty.page_size = SELFTEST_IO_PAGE;
	cmd.dirty.bitmap = (uintptr_t)&halves;
	ck_assert_int_eq(selftest_command(t.s.leaf->fd, &cmd), 0);
	READS(t.space, BASE, 4 * PAGE, .bits = {4});
	ok(ioasid_attachment_detach(above));
	ok(ioasid_space_unbind_pgtable(child));
	ok(ioasid_space_destroy(child));
	end(&t);
}
END_TEST

START_TEST(a_space_that_tracks_goes_with_what_it_kept)
{
	struct track t;

	begin(&t, compatibilities[_i], 0);
	scene_map(&t.s, t.space, BASE, 0, 4);
	attach(&t, 0);
	attach(&t, 1);
	ok(ioasid_space_dirty_start(t.space));
	detach(&t, 0);
	detach(&t, 1);
	ck_assert_uint_eq(scene_tables(&t.s, t.space), 1 + _i);
	end(&t);
}
END_TEST

START_TEST(a_device_that_cannot_track_is_refused_by_the_intent)
{
	struct track t;
	struct ioasid_attachment *attachment;

	begin(&t, 0, 0);
	ok(ioasid_device_unbind(t.s.device[0]));
	t.s.hw[0].flags = SELFTEST_DEVICE_NO_DIRTY;
	scene_bind(&t.s, 0);
	fails(-EOPNOTSUPP, "dirty tracking",
		ioasid_device_attach(t.s.device[0], t.space, NULL, &attachment));
	end(&t);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dirty");
	TCase *tcase = guest_case(suite, "dirty");

	tcase_add_test(tcase, a_page_that_a_device_wrote_is_read_once);
	tcase_add_test(tcase, what_is_kept_is_read_again);
	tcase_add_test(tcase, holes_between_maps_hide_nothing);
	tcase_add_test(tcase, a_granule_is_written_if_any_of_its_pages_is);
	tcase_add_test(tcase, a_map_that_the_range_cuts_counts_in_part_and_stays_noted);
	tcase_add_test(tcase, of_small_pages_a_part_is_cleared_alone);
	tcase_add_loop_test(tcase, what_two_devices_wrote_adds_up, 0, 2);
	tcase_add_loop_test(tcase, a_device_that_comes_later_is_noted_too, 0, 2);
	tcase_add_loop_test(tcase, a_device_that_leaves_takes_no_notes_along, 0, 2);
	tcase_add_loop_test(tcase, a_new_start_knows_nothing_of_before, 0, 2);
	tcase_add_test(tcase, maps_that_come_and_go_are_noted_while_they_are_there);
	tcase_add_test(tcase, a_child_made_of_copies_notes_at_its_own_addresses);
	tcase_add_test(tcase, the_parent_of_a_bound_table_notes);
	tcase_add_loop_test(tcase, a_space_that_tracks_goes_with_what_it_kept, 0, 2);
	tcase_add_test(tcase, a_device_that_cannot_track_is_refused_by_the_intent);
	guest_run(suite);
}
