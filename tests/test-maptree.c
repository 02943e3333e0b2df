/* SPDX-License-Identifier: MIT */
/*
 * Tests of the map tree: each position a range can have, the edges of the 64-bit space, long random
 * streams of operations beside a plain sorted array, and an allocator that fails. Link it with
 * -Wl,--wrap=calloc, which puts that allocator in.
 */
#include "maptree-sound.h"
#include "maptree.h"
#include "support.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOP UINT64_MAX

static const uint64_t seeds[] = {1, 2, 3, 20240229, 0x9e3779b97f4a7c15};

#define SEEDS ((int)(sizeof(seeds) / sizeof(seeds[0])))

/* ---- the allocator that fails ---- */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

/* Allocations that still succeed before one fails; negative: all of them do. */
static int allocations_left = -1;

void *__wrap_calloc(size_t count, size_t size)
{
	if (allocations_left == 0)
		return NULL;
	if (allocations_left > 0)
		allocations_left--;
	return __real_calloc(count, size);
}

/* ---- helpers ---- */

static struct maptree tree;

static void set_up(void)
{
	tree = (struct maptree){0};
}

static void tear_down(void)
{
	allocations_left = -1;
	maptree_clear(&tree);
}

static int insert(uint64_t start, uint64_t last)
{
	struct maptree_entry entry = {.start = start, .last = last, .value = start ^ last};

	return maptree_insert(&tree, &entry, NULL);
}

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

static void assert_room(
	uint64_t from, uint64_t to_last, uint64_t length, uint64_t align, uint64_t expected)
{
	uint64_t start = ~expected;

	ck_assert_int_eq(maptree_room(&tree, from, to_last, length, align, &start), 0);
	ck_assert_uint_eq(start, expected);
}

static void assert_no_room(uint64_t from, uint64_t to_last, uint64_t length, uint64_t align)
{
	uint64_t start = 77;

	ck_assert_int_eq(maptree_room(&tree, from, to_last, length, align, &start), -ENOSPC);
	ck_assert_uint_eq(start, 77);
}

/* As SUPPORT_SCALE says, but no less than a tenth: trees must keep some levels. */
static uint64_t scaled(uint64_t full)
{
	uint64_t rounds = support_rounds(full);

	return rounds < full / 10 ? full / 10 : rounds;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
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

/* ---- room ---- */

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

/* ---- size and shape ---- */

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

/* ---- beside a plain sorted array ---- */

#define MODEL_MAX 6000

static struct maptree_entry model[MODEL_MAX];
static size_t model_count;

/* The index of the first entry of the model whose last is at or above `from`. */
static size_t model_first(uint64_t from)
{
	size_t low = 0, high = model_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (model[middle].last < from)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int model_insert(const struct maptree_entry *entry, struct maptree_entry *clash)
{
	size_t at = model_first(entry->start);

	if (at < model_count && model[at].start <= entry->last) {
		*clash = model[at];
		return -EEXIST;
	}
	memmove(&model[at + 1], &model[at], (model_count - at) * sizeof(model[0]));
	model[at] = *entry;
	model_count++;
	return 0;
}

static int model_remove(uint64_t start)
{
	size_t at = model_first(start);

	if (at == model_count || model[at].start != start)
		return -ENOENT;
	model_count--;
	memmove(&model[at], &model[at + 1], (model_count - at) * sizeof(model[0]));
	return 0;
}

/* Where an entry is in the way, no lower place than behind it will do. */
static bool model_room(
	uint64_t from, uint64_t to_last, uint64_t length, uint64_t align, uint64_t *start)
{
	for (uint64_t low = from;;) {
		size_t at;

		low = (low + align - 1) & ~(align - 1);
		if (low > to_last || to_last - low < length - 1)
			return false;
		at = model_first(low);
		if (at == model_count || model[at].start > low + length - 1) {
			*start = low;
			return true;
		}
		low = model[at].last + 1;
	}
}

static bool is_same(const struct maptree_entry *entry, size_t at)
{
	if (at >= model_count)
		return !entry;
	return entry && memcmp(entry, &model[at], sizeof(*entry)) == 0;
}

static void compare_insert(uint64_t start, uint64_t length, uint64_t value)
{
	struct maptree_entry entry = {start, start + length - 1, value, (uint32_t)value, 3};
	struct maptree_entry clash = {0};
	struct maptree_entry model_clash = {0};
	int expected = model_insert(&entry, &model_clash);

	ck_assert_int_eq(maptree_insert(&tree, &entry, &clash), expected);
	ck_assert_mem_eq(&clash, &model_clash, sizeof(clash));
}

static void compare_remove(uint64_t start)
{
	int expected = model_remove(start);

	ck_assert_int_eq(maptree_remove(&tree, start), expected);
}

static void compare_look_ups(uint64_t addr)
{
	size_t first = model_first(addr);
	bool covered = first < model_count && model[first].start <= addr;
	size_t starts_below = first + (first < model_count && model[first].start < addr);

	ck_assert(is_same(maptree_first(&tree, addr), first));
	ck_assert(is_same(maptree_find(&tree, addr), covered ? first : model_count));
	ck_assert(is_same(
		maptree_before(&tree, addr), starts_below ? starts_below - 1 : model_count));
}

static void compare_room(uint64_t from, uint64_t length, uint64_t align)
{
	uint64_t to_last = from + 2000;
	uint64_t expected = 0;
	uint64_t start = 0;
	bool found = model_room(from, to_last, length, align, &expected);

	ck_assert_int_eq(
		maptree_room(&tree, from, to_last, length, align, &start), found ? 0 : -ENOSPC);
	ck_assert_uint_eq(start, expected);
}

/* One assertion for all entries: check writes each one down, which takes its time. */
static void compare_all(void)
{
	const struct maptree_entry *entry = maptree_first(&tree, 0);
	size_t same = 0;

	ck_assert(maptree_sound(&tree));
	ck_assert_uint_eq(maptree_count(&tree), model_count);
	while (same < model_count && is_same(entry, same)) {
		entry = maptree_first(&tree, entry->last + 1);
		same++;
	}
	ck_assert_uint_eq(same, model_count);
	ck_assert_ptr_null(entry);
}

/* Of eight operations, `inserts` insert and the others remove, most often what is there. */
static void compare_step(uint64_t *state, uint64_t inserts)
{
	const uint64_t space = scaled(MODEL_MAX) * 16;
	uint64_t addr = next_random(state) % space;
	uint64_t length = next_random(state) % 24 + 1;
	size_t near = model_first(addr);

	if (next_random(state) % 8 >= inserts)
		compare_remove(near < model_count && addr % 8 ? model[near].start : addr);
	else if (model_count < MODEL_MAX)
		compare_insert(addr, length, next_random(state));
	compare_look_ups(next_random(state) % space);
	if (addr % 4 == 0)
		compare_room(addr, length * 4, 1ULL << (length % 7));
}

START_TEST(a_random_stream_matches_a_sorted_array)
{
	uint64_t state = seeds[_i];

	model_count = 0;
	for (int round = 0; round < 4; round++)
		for (uint64_t step = 0; step < scaled(10000); step++) {
			compare_step(&state, round % 2 ? 1 : 7);
			if (step % 500 == 0)
				compare_all();
		}
	compare_all();
}
END_TEST

START_TEST(removing_all_in_random_order_matches_a_sorted_array)
{
	uint64_t state = seeds[_i];

	model_count = 0;
	for (uint64_t at = 0; at < scaled(MODEL_MAX); at++)
		compare_insert(at * 16, 16, at);
	while (model_count > 0) {
		compare_remove(model[next_random(&state) % model_count].start);
		if (model_count % 100 == 0)
			compare_all();
	}
	ck_assert_uint_eq(maptree_bytes(&tree), 0);
}
END_TEST

/* ---- without memory ---- */

/* Inserts with one allocation more each time, and checks what every failure left behind. */
static void insert_against_failures(uint64_t start)
{
	struct maptree_entry entry = {.start = start, .last = start + 15};
	int result = -ENOMEM;

	for (int allowed = 0; result; allowed++) {
		allocations_left = allowed;
		result = maptree_insert(&tree, &entry, NULL);
		allocations_left = -1;
		if (result) {
			ck_assert_int_eq(result, -ENOMEM);
			compare_all();
		}
	}
	model_insert(&entry, &entry);
}

START_TEST(an_insert_without_memory_changes_no_entry)
{
	uint64_t state = seeds[_i];

	model_count = 0;
	while (model_count < scaled(4000)) {
		uint64_t start = next_random(&state) % (scaled(MODEL_MAX) * 16) & ~15ULL;

		if (!maptree_find(&tree, start))
			insert_against_failures(start);
	}
	compare_all();
}
END_TEST

START_TEST(ascending_inserts_without_memory_change_no_entry)
{
	model_count = 0;
	for (uint64_t at = 0; at < scaled(5000); at++)
		insert_against_failures(at * 16);
	compare_all();
}
END_TEST

START_TEST(remove_needs_no_memory)
{
	for (uint64_t at = 0; at < 5000; at++)
		ck_assert_int_eq(insert(at * 7919 % 5000, at * 7919 % 5000), 0);
	allocations_left = 0;
	for (uint64_t at = 0; at < 5000; at++)
		ck_assert_int_eq(maptree_remove(&tree, at * 4973 % 5000), 0);
	ck_assert_uint_eq(maptree_bytes(&tree), 0);
}
END_TEST

/* ---- the suite ---- */

static TCase *add_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 300);
	suite_add_tcase(suite, tcase);
	return tcase;
}

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

static void add_room_tests(TCase *tcase)
{
	tcase_add_test(tcase, room_in_an_empty_tree_is_where_it_was_sought);
	tcase_add_test(tcase, room_that_would_pass_the_end_is_none);
	tcase_add_test(tcase, room_is_the_lowest_hole_that_fits);
	tcase_add_test(tcase, room_starts_at_a_multiple_of_the_alignment);
	tcase_add_test(tcase, room_of_no_length_or_odd_alignment_is_refused);
	tcase_add_test(tcase, room_walks_across_many_full_nodes);
}

static void add_shape_tests(TCase *tcase)
{
	tcase_add_test(tcase, ascending_and_descending_inserts_fill_their_nodes);
	tcase_add_loop_test(tcase, random_inserts_stay_below_64_bytes_each, 0, SEEDS);
	tcase_add_test(tcase, removal_from_either_end_keeps_the_shape);
	tcase_add_test(tcase, a_tree_thinned_out_gives_memory_back);
}

static void add_stream_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, a_random_stream_matches_a_sorted_array, 0, SEEDS);
	tcase_add_loop_test(tcase, removing_all_in_random_order_matches_a_sorted_array, 0, SEEDS);
	tcase_add_loop_test(tcase, an_insert_without_memory_changes_no_entry, 0, SEEDS);
	tcase_add_test(tcase, ascending_inserts_without_memory_change_no_entry);
	tcase_add_test(tcase, remove_needs_no_memory);
}

static Suite *maptree_suite(void)
{
	Suite *suite = suite_create("maptree");

	add_insert_tests(add_case(suite, "insert and remove"));
	add_look_up_tests(add_case(suite, "look-ups"));
	add_room_tests(add_case(suite, "room"));
	add_shape_tests(add_case(suite, "shape"));
	add_stream_tests(add_case(suite, "streams"));
	return suite;
}

int main(void)
{
	SRunner *sr = srunner_create(maptree_suite());

	srunner_run_all(sr, CK_ENV);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
