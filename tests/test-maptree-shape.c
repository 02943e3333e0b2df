/* SPDX-License-Identifier: MIT */
/*
 * Tests of the map tree's size and shape: what an entry costs in memory, in whatever order entries
 * came, and that memory goes back when they go. What the entries are is not looked at here.
 */
#include "maptree-sound.h"
#include "maptreekit.h"

static void assert_within(size_t count, size_t bytes_each)
{
	ck_assert(maptree_sound(&tree));
	ck_assert_uint_eq(maptree_count(&tree), count);
	ck_assert_uint_le(maptree_bytes(&tree), count * bytes_each);
}

START_TEST(ascending_and_descending_inserts_fill_their_nodes)
{
	const uint64_t count = scaled(100000);

	for (uint64_t at = 0; at < count; at++)
		ck_assert_int_eq(insert(at * 8, at * 8 + 7), 0);
	assert_within(count, 40);
	maptree_clear(&tree);
	for (uint64_t at = count; at-- > 0;)
		ck_assert_int_eq(insert(at * 8, at * 8 + 7), 0);
	assert_within(count, 40);
}
END_TEST

START_TEST(random_inserts_stay_below_64_bytes_each)
{
	uint64_t state = seeds[_i];
	size_t count = 0;

	while (count < scaled(100000)) {
		uint64_t start = next_random(&state) & ~0xfffULL;

		if (insert(start, start + 0xfff) == 0)
			count++;
	}
	assert_within(count, 64);
}
END_TEST

START_TEST(removal_from_either_end_keeps_the_shape)
{
	const uint64_t count = scaled(20000);

	for (uint64_t at = 0; at < count; at++)
		ck_assert_int_eq(insert(at, at), 0);
	for (uint64_t at = 0; at < count / 2; at++) {
		ck_assert_int_eq(maptree_remove(&tree, at), 0);
		ck_assert_int_eq(maptree_remove(&tree, count - 1 - at), 0);
		if (at % 100 == 0)
			ck_assert(maptree_sound(&tree));
	}
	ck_assert_uint_eq(maptree_bytes(&tree), 0);
}
END_TEST

START_TEST(a_tree_thinned_out_gives_memory_back)
{
	const uint64_t count = scaled(100000);

	for (uint64_t at = 0; at < count; at++)
		ck_assert_int_eq(insert(at, at), 0);
	for (uint64_t at = 0; at < count; at++)
		if (at % 10)
			ck_assert_int_eq(maptree_remove(&tree, at), 0);
	assert_within(count / 10, 90);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("shape of a map tree");
	TCase *shape = maptree_case(suite, "shape");

	tcase_add_test(shape, ascending_and_descending_inserts_fill_their_nodes);
	tcase_add_loop_test(shape, random_inserts_stay_below_64_bytes_each, 0, SEEDS);
	tcase_add_test(shape, removal_from_either_end_keeps_the_shape);
	tcase_add_test(shape, a_tree_thinned_out_gives_memory_back);
	return support_run(suite);
}
