/* SPDX-License-Identifier: MIT */
/*
 * Tests of the map tree beside a plain sorted array: after long random streams of operations, and
 * where the allocator fails, both hold the same. Link it with -Wl,--wrap=calloc, which puts that
 * allocator in. Nodes are inspected by maptree-sound.c alone.
 */
#include "maptree-sound.h"
#include "maptreekit.h"
#include <errno.h>
#include <string.h>

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

static void end_failures(void)
{
	allocations_left = -1;
}

/* ---- the sorted array ---- */

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
	struct maptree_place place;

	ck_assert_int_eq(maptree_insert_at(&tree, &entry, &clash, &place), expected);
	ck_assert_mem_eq(&clash, &model_clash, sizeof(clash));
	if (!expected)
		ck_assert_mem_eq(maptree_again(&tree, start, &place), &entry, sizeof(entry));
}

static void compare_remove(uint64_t start)
{
	int expected = model_remove(start);
	struct maptree_place place;

	if (expected || start % 2) {
		ck_assert_int_eq(maptree_remove(&tree, start), expected);
		return;
	}
	maptree_seek(&tree, start, &place);
	maptree_remove_at(&tree, &place);
}

/* A place of a step before, whatever has changed since: what is from there on is found again. */
static void compare_place(uint64_t from)
{
	static struct maptree_place place;
	static uint64_t old_from;

	if (from == TOP) {
		place = (struct maptree_place){.entry = NULL};
		old_from = 0;
		return;
	}
	ck_assert(is_same(maptree_again(&tree, old_from, &place), model_first(old_from)));
	if (from % 3)
		return;
	ck_assert(is_same(maptree_seek(&tree, from, &place), model_first(from)));
	old_from = from;
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
	struct maptree_place place;
	const struct maptree_entry *entry = maptree_seek(&tree, 0, &place);
	size_t same = 0;

	ck_assert(maptree_sound(&tree));
	ck_assert_uint_eq(maptree_count(&tree), model_count);
	while (same < model_count && is_same(entry, same)) {
		entry = maptree_next(&place);
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
	compare_place(addr);
	if (addr % 4 == 0)
		compare_room(addr, length * 4, 1ULL << (length % 7));
}

/* ---- streams ---- */

START_TEST(a_random_stream_matches_a_sorted_array)
{
	uint64_t state = seeds[_i];

	model_count = 0;
	compare_place(TOP);
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

int main(void)
{
	Suite *suite = suite_create("map tree beside an array");
	TCase *streams = maptree_case(suite, "streams");

	tcase_add_checked_fixture(streams, NULL, end_failures);
	tcase_add_loop_test(streams, a_random_stream_matches_a_sorted_array, 0, SEEDS);
	tcase_add_loop_test(streams, removing_all_in_random_order_matches_a_sorted_array, 0, SEEDS);
	tcase_add_loop_test(streams, an_insert_without_memory_changes_no_entry, 0, SEEDS);
	tcase_add_test(streams, ascending_inserts_without_memory_change_no_entry);
	tcase_add_test(streams, remove_needs_no_memory);
	return support_run(suite);
}
