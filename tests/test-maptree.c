/* SPDX-License-Identifier: MIT */
/*
 * Tests of the map tree: each position a range can have beside others when it is put in, looked up
 * and taken out, and the edges of the 64-bit space. Room is in test-maptree-room.c, size in
 * test-maptree-shape.c, random streams are in test-maptree-model.c.
 */
#include "maptree-sound.h"
#include "maptreekit.h"
#include <errno.h>

static void assert_clash(uint64_t start, uint64_t last, uint64_t clash_start)
{
	struct maptree_entry entry = {.start = start, .last = last};
	struct maptree_entry clash = {0};

	ck_assert_int_eq(maptree_insert(&tree, &entry, &clash), -EEXIST);
	ck_assert_uint_eq(clash.start, clash_start);
	ck_assert_int_eq(maptree_insert(&tree, &entry, NULL), -EEXIST);
}

static void assert_starts_at(const struct maptree_entry *entry, uint64_t start)
{
	ck_assert_ptr_nonnull(entry);
	ck_assert_uint_eq(entry->start, start);
}

/* ---- an empty tree ---- */

START_TEST(an_empty_tree_finds_nothing_and_holds_nothing)
{
	ck_assert_ptr_null(maptree_find(&tree, 0));
	ck_assert_ptr_null(maptree_first(&tree, 0));
	ck_assert_ptr_null(maptree_before(&tree, TOP));
	ck_assert_int_eq(maptree_remove(&tree, 0), -ENOENT);
	ck_assert_uint_eq(maptree_count(&tree), 0);
	ck_assert_uint_eq(maptree_bytes(&tree), 0);
	ck_assert(maptree_sound(&tree));
	maptree_clear(&tree);
}
END_TEST

START_TEST(the_last_removal_gives_all_memory_back)
{
	ck_assert_int_eq(insert(5, 9), 0);
	ck_assert_uint_gt(maptree_bytes(&tree), 0);
	ck_assert_int_eq(maptree_remove(&tree, 5), 0);
	ck_assert_uint_eq(maptree_bytes(&tree), 0);
	ck_assert_int_eq(insert(5, 9), 0);
}
END_TEST

START_TEST(a_cleared_tree_can_be_used_again)
{
	for (uint64_t at = 0; at < 10000; at++)
		ck_assert_int_eq(insert(at, at), 0);
	maptree_clear(&tree);
	ck_assert_uint_eq(maptree_count(&tree), 0);
	ck_assert_uint_eq(maptree_bytes(&tree), 0);
	ck_assert_int_eq(insert(3, 4), 0);
	assert_starts_at(maptree_first(&tree, 0), 3);
}
END_TEST

/* ---- insert ---- */

START_TEST(insert_over_an_entry_names_the_one_in_the_way)
{
	ck_assert_int_eq(insert(100, 199), 0);
	assert_clash(100, 199, 100);
	assert_clash(50, 100, 100);
	assert_clash(199, 250, 100);
	assert_clash(120, 130, 100);
	assert_clash(100, 100, 100);
	assert_clash(199, 199, 100);
	assert_clash(50, 250, 100);
	assert_clash(0, TOP, 100);
	ck_assert_uint_eq(maptree_count(&tree), 1);
}
END_TEST

START_TEST(insert_over_several_entries_names_the_lowest)
{
	ck_assert_int_eq(insert(300, 399), 0);
	ck_assert_int_eq(insert(100, 199), 0);
	ck_assert_int_eq(insert(500, 599), 0);
	assert_clash(0, TOP, 100);
	assert_clash(150, 550, 100);
	assert_clash(200, 550, 300);
	assert_clash(400, 500, 500);
}
END_TEST

START_TEST(insert_names_the_clash_in_whole)
{
	struct maptree_entry entry = {7, 9, 11, 13, 17};
	struct maptree_entry clash = {0};

	ck_assert_int_eq(maptree_insert(&tree, &entry, NULL), 0);
	ck_assert_int_eq(maptree_insert(&tree, &entry, &clash), -EEXIST);
	ck_assert_mem_eq(&clash, &entry, sizeof(entry));
}
END_TEST

START_TEST(exact_neighbours_do_not_clash)
{
	ck_assert_int_eq(insert(100, 199), 0);
	ck_assert_int_eq(insert(200, 299), 0);
	ck_assert_int_eq(insert(0, 99), 0);
	ck_assert_int_eq(insert(300, TOP), 0);
	ck_assert_uint_eq(maptree_count(&tree), 4);
	assert_clash(99, 100, 0);
	assert_clash(TOP, TOP, 300);
}
END_TEST

START_TEST(a_range_that_ends_before_it_starts_is_refused)
{
	ck_assert_int_eq(insert(1, 0), -EINVAL);
	ck_assert_int_eq(insert(TOP, 0), -EINVAL);
	ck_assert_uint_eq(maptree_count(&tree), 0);
}
END_TEST

START_TEST(one_entry_can_take_the_whole_space)
{
	ck_assert_int_eq(insert(0, TOP), 0);
	assert_clash(0, 0, 0);
	assert_clash(TOP, TOP, 0);
	assert_starts_at(maptree_find(&tree, 0), 0);
	assert_starts_at(maptree_find(&tree, TOP), 0);
	assert_starts_at(maptree_first(&tree, TOP), 0);
	assert_starts_at(maptree_before(&tree, 1), 0);
	ck_assert_ptr_null(maptree_before(&tree, 0));
	assert_no_room(0, TOP, 1, 1);
	ck_assert_int_eq(maptree_remove(&tree, 0), 0);
}
END_TEST

START_TEST(single_addresses_at_both_edges_stand_apart)
{
	ck_assert_int_eq(insert(0, 0), 0);
	ck_assert_int_eq(insert(TOP, TOP), 0);
	assert_starts_at(maptree_find(&tree, 0), 0);
	assert_starts_at(maptree_find(&tree, TOP), TOP);
	ck_assert_ptr_null(maptree_find(&tree, 1));
	ck_assert_ptr_null(maptree_find(&tree, TOP - 1));
	assert_starts_at(maptree_first(&tree, 1), TOP);
	assert_starts_at(maptree_before(&tree, TOP), 0);
	ck_assert_int_eq(insert(1, TOP - 1), 0);
	assert_no_room(0, TOP, 1, 1);
	ck_assert_int_eq(maptree_remove(&tree, TOP), 0);
	ck_assert_ptr_null(maptree_first(&tree, TOP));
}
END_TEST

/* ---- look-ups ---- */

START_TEST(find_gives_the_entry_that_covers)
{
	ck_assert_int_eq(insert(100, 199), 0);
	ck_assert_int_eq(insert(300, 300), 0);
	ck_assert_ptr_null(maptree_find(&tree, 0));
	ck_assert_ptr_null(maptree_find(&tree, 99));
	assert_starts_at(maptree_find(&tree, 100), 100);
	assert_starts_at(maptree_find(&tree, 150), 100);
	assert_starts_at(maptree_find(&tree, 199), 100);
	ck_assert_ptr_null(maptree_find(&tree, 200));
	assert_starts_at(maptree_find(&tree, 300), 300);
	ck_assert_ptr_null(maptree_find(&tree, 301));
	ck_assert_ptr_null(maptree_find(&tree, TOP));
}
END_TEST

START_TEST(first_gives_the_entry_that_covers_or_lies_above)
{
	ck_assert_int_eq(insert(100, 199), 0);
	ck_assert_int_eq(insert(300, 399), 0);
	assert_starts_at(maptree_first(&tree, 0), 100);
	assert_starts_at(maptree_first(&tree, 100), 100);
	assert_starts_at(maptree_first(&tree, 199), 100);
	assert_starts_at(maptree_first(&tree, 200), 300);
	assert_starts_at(maptree_first(&tree, 399), 300);
	ck_assert_ptr_null(maptree_first(&tree, 400));
	ck_assert_ptr_null(maptree_first(&tree, TOP));
}
END_TEST

START_TEST(before_gives_the_last_entry_that_starts_below)
{
	ck_assert_int_eq(insert(100, 199), 0);
	ck_assert_int_eq(insert(300, 399), 0);
	ck_assert_ptr_null(maptree_before(&tree, 0));
	ck_assert_ptr_null(maptree_before(&tree, 100));
	assert_starts_at(maptree_before(&tree, 101), 100);
	assert_starts_at(maptree_before(&tree, 300), 100);
	assert_starts_at(maptree_before(&tree, 301), 300);
	assert_starts_at(maptree_before(&tree, TOP), 300);
}
END_TEST

START_TEST(the_owner_can_change_what_is_his_in_place)
{
	ck_assert_int_eq(insert(100, 199), 0);
	maptree_find(&tree, 150)->value = 5;
	maptree_find(&tree, 150)->flags = 6;
	maptree_find(&tree, 150)->mark = 7;
	ck_assert_uint_eq(maptree_first(&tree, 0)->value, 5);
	ck_assert_uint_eq(maptree_first(&tree, 0)->flags, 6);
	ck_assert_uint_eq(maptree_first(&tree, 0)->mark, 7);
}
END_TEST

/* ---- remove ---- */

START_TEST(remove_takes_exact_starts_only)
{
	ck_assert_int_eq(insert(100, 199), 0);
	ck_assert_int_eq(maptree_remove(&tree, 99), -ENOENT);
	ck_assert_int_eq(maptree_remove(&tree, 101), -ENOENT);
	ck_assert_int_eq(maptree_remove(&tree, 199), -ENOENT);
	ck_assert_int_eq(maptree_remove(&tree, TOP), -ENOENT);
	ck_assert_int_eq(maptree_remove(&tree, 100), 0);
	ck_assert_int_eq(maptree_remove(&tree, 100), -ENOENT);
	ck_assert_uint_eq(maptree_count(&tree), 0);
}
END_TEST

/* ---- the suite ---- */

static void add_insert_tests(TCase *tcase)
{
	tcase_add_test(tcase, an_empty_tree_finds_nothing_and_holds_nothing);
	tcase_add_test(tcase, the_last_removal_gives_all_memory_back);
	tcase_add_test(tcase, a_cleared_tree_can_be_used_again);
	tcase_add_test(tcase, insert_over_an_entry_names_the_one_in_the_way);
	tcase_add_test(tcase, insert_over_several_entries_names_the_lowest);
	tcase_add_test(tcase, insert_names_the_clash_in_whole);
	tcase_add_test(tcase, exact_neighbours_do_not_clash);
	tcase_add_test(tcase, a_range_that_ends_before_it_starts_is_refused);
	tcase_add_test(tcase, one_entry_can_take_the_whole_space);
	tcase_add_test(tcase, single_addresses_at_both_edges_stand_apart);
	tcase_add_test(tcase, remove_takes_exact_starts_only);
}

static void add_look_up_tests(TCase *tcase)
{
	tcase_add_test(tcase, find_gives_the_entry_that_covers);
	tcase_add_test(tcase, first_gives_the_entry_that_covers_or_lies_above);
	tcase_add_test(tcase, before_gives_the_last_entry_that_starts_below);
	tcase_add_test(tcase, the_owner_can_change_what_is_his_in_place);
}

int main(void)
{
	Suite *suite = suite_create("maptree");

	add_insert_tests(maptree_case(suite, "insert and remove"));
	add_look_up_tests(maptree_case(suite, "look-ups"));
	return support_run(suite);
}
