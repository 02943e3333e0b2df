/* SPDX-License-Identifier: MIT */
/*
 * Tests of the map tree's search for room: the lowest hole of a length and an alignment, within
 * bounds, and none where there is none. Entries are only what is in the way; random ones are in
 * test-maptree-model.c.
 */
#include "maptreekit.h"
#include <errno.h>

static void assert_room(
	uint64_t from, uint64_t to_last, uint64_t length, uint64_t align, uint64_t expected)
{
	uint64_t start = ~expected;

	ck_assert_int_eq(maptree_room(&tree, from, to_last, length, align, &start), 0);
	ck_assert_uint_eq(start, expected);
}

START_TEST(room_in_an_empty_tree_is_where_it_was_sought)
{
	assert_room(0, TOP, 1, 1, 0);
	assert_room(0, TOP, TOP, 1, 0);
	assert_room(1, TOP, TOP, 1, 1);
	assert_room(5, TOP, 16, 4096, 4096);
	assert_room(TOP, TOP, 1, 1, TOP);
	assert_room(0, 0, 1, 1, 0);
	assert_room(0, TOP, 1, 1ULL << 63, 0);
	assert_room(1, TOP, 1ULL << 63, 1ULL << 63, 1ULL << 63);
}
END_TEST

START_TEST(room_that_would_pass_the_end_is_none)
{
	assert_no_room(2, TOP, TOP, 1);
	assert_no_room(TOP, TOP, 2, 1);
	assert_no_room(TOP, TOP, 1, 2);
	assert_no_room((1ULL << 63) + 1, TOP, 1, 1ULL << 63);
	assert_no_room(1, TOP, (1ULL << 63) + 1, 1ULL << 63);
	assert_no_room(0, 4094, 4096, 1);
	assert_no_room(5, 4, 1, 1);
}
END_TEST

START_TEST(room_is_the_lowest_hole_that_fits)
{
	ck_assert_int_eq(insert(10, 19), 0);
	ck_assert_int_eq(insert(25, 29), 0);
	ck_assert_int_eq(insert(40, TOP - 10), 0);
	assert_room(0, TOP, 10, 1, 0);
	assert_room(1, TOP, 10, 1, 30);
	assert_room(6, TOP, 5, 1, 20);
	assert_room(15, TOP, 5, 1, 20);
	assert_room(15, TOP, 6, 1, 30);
	assert_room(27, TOP, 1, 1, 30);
	assert_room(41, TOP, 10, 1, TOP - 9);
	assert_no_room(0, TOP, 11, 1);
	assert_no_room(1, 38, 10, 1);
	assert_room(1, 39, 10, 1, 30);
	assert_no_room(11, 19, 1, 1);
	assert_room(30, 40, 10, 1, 30);
	assert_no_room(30, 40, 11, 1);
}
END_TEST

START_TEST(room_starts_at_a_multiple_of_the_alignment)
{
	ck_assert_int_eq(insert(0, 9), 0);
	ck_assert_int_eq(insert(20, 29), 0);
	ck_assert_int_eq(insert(33, 34), 0);
	ck_assert_int_eq(insert(36, 37), 0);
	assert_room(0, TOP, 4, 16, 16);
	assert_room(0, TOP, 5, 16, 48);
	assert_room(0, TOP, 1, 32, 32);
	assert_room(0, TOP, 2, 32, 64);
	assert_room(0, TOP, 2, 2, 10);
	assert_no_room(0, 63, 2, 32);
}
END_TEST

START_TEST(room_of_no_length_or_odd_alignment_is_refused)
{
	uint64_t start;

	ck_assert_int_eq(maptree_room(&tree, 0, TOP, 0, 1, &start), -EINVAL);
	ck_assert_int_eq(maptree_room(&tree, 0, TOP, 1, 0, &start), -EINVAL);
	ck_assert_int_eq(maptree_room(&tree, 0, TOP, 1, 12, &start), -EINVAL);
}
END_TEST

START_TEST(room_walks_across_many_full_nodes)
{
	for (uint64_t at = 0; at < 5000; at++)
		ck_assert_int_eq(insert(at * 16, at * 16 + (at == 4321 ? 7 : 14)), 0);
	assert_room(0, TOP, 2, 1, 4321 * 16 + 8);
	assert_room(0, TOP, 9, 1, 5000 * 16 - 1);
	assert_no_room(0, 5000 * 16 - 1, 9, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("room in a map tree");
	TCase *room = maptree_case(suite, "room");

	tcase_add_test(room, room_in_an_empty_tree_is_where_it_was_sought);
	tcase_add_test(room, room_that_would_pass_the_end_is_none);
	tcase_add_test(room, room_is_the_lowest_hole_that_fits);
	tcase_add_test(room, room_starts_at_a_multiple_of_the_alignment);
	tcase_add_test(room, room_of_no_length_or_odd_alignment_is_refused);
	tcase_add_test(room, room_walks_across_many_full_nodes);
	return support_run(suite);
}
