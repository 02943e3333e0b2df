/* SPDX-License-Identifier: MIT */
/*
 * The ABI of the fault ring, and its consumer step by step: what opens, what a read takes and what
 * it refuses. Races and sleep are in test-ring-race.c, load is in stress-ring.c.
 */
#include "ringkit.h"
#include "support.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 64

#define AT(type, member, offset)                                                                   \
	_Static_assert(offsetof(struct type, member) == (offset), #type "." #member)

_Static_assert(sizeof(struct ioasid_fault) == 64, "a record is a cache line");
_Static_assert(IOASID_RING_RECORD_SIZE == 64, "a record is a cache line");
AT(ioasid_fault, id, 0);
AT(ioasid_fault, label, 8);
AT(ioasid_fault, addr, 16);
AT(ioasid_fault, pages, 24);
AT(ioasid_fault, flags, 28);
AT(ioasid_fault, space, 32);
AT(ioasid_fault, pasid, 36);
AT(ioasid_fault, group, 40);
AT(ioasid_fault, reserved44, 44);
AT(ioasid_fault, time, 48);
AT(ioasid_fault, parent_addr, 56);

_Static_assert(sizeof(struct ioasid_ring) == 256, "four lines");
_Static_assert(IOASID_RING_RECORDS == 4096, "records begin a page");
AT(ioasid_ring, magic, 0);
AT(ioasid_ring, version, 8);
AT(ioasid_ring, record_size, 12);
AT(ioasid_ring, count, 16);
AT(ioasid_ring, group_max, 20);
AT(ioasid_ring, features, 24);
AT(ioasid_ring, tail, 64);
AT(ioasid_ring, deferred, 72);
AT(ioasid_ring, flags, 80);
AT(ioasid_ring, head, 128);
AT(ioasid_ring, armed, 192);

static struct ringkit kit;
static struct ioasid_ring *shared; /* the kit's */

/* ---- helpers ---- */

static struct ioasid_fault out[2 * COUNT];

static void open_at(uint64_t start, bool single)
{
	const struct ringkit_plan plan = {
		.records = COUNT, .group_max = 32, .start = start, .single = single};

	ringkit_open(&kit, &plan);
	shared = kit.producer.ring;
	memset(out, 0, sizeof(out));
}

static void set_up(void)
{
	open_at(0, false);
}

static void tear_down(void)
{
	ringkit_close(&kit);
}

static int take(unsigned int n)
{
	unsigned int needed;

	return ring_read(&kit.ring, out, n, &needed);
}

static void assert_numbers(unsigned int at, uint64_t number, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		ck_assert_uint_eq(out[at + i].addr >> 12, number + i);
	ck_assert(out[at + count - 1].flags & IOASID_FAULT_LAST);
}

static void assert_takes(unsigned int n, uint64_t number, int expected)
{
	ck_assert_int_eq(take(n), expected);
	assert_numbers(0, number, (unsigned int)expected);
}

/* As a producer writes a record that the kit would not. */
static void scribble(uint64_t at, uint32_t flags)
{
	kit.producer.inlet.records[at % COUNT] = (struct ioasid_fault){.id = 1, .flags = flags};
}

/* ---- geometry ---- */

struct bad_geometry {
	size_t offset;
	uint64_t value;
	size_t size; /* of the field */
};

#define FIELD(member, v)                                                                           \
	{                                                                                          \
		offsetof(struct ioasid_ring, member), v, sizeof(((struct ioasid_ring *)0)->member) \
	}

static const struct bad_geometry bad[] = {
	FIELD(magic, 0),
	FIELD(magic, IOASID_RING_MAGIC + 1),
	FIELD(version, 0),
	FIELD(version, 2),
	FIELD(record_size, 0),
	FIELD(record_size, 32),
	FIELD(record_size, 128),
	FIELD(count, 0),
	FIELD(count, 1),
	FIELD(count, 32),
	FIELD(count, 63),
	FIELD(count, 96),
	FIELD(count, 128), /* does not fit the memory */
	FIELD(count, IOASID_RING_COUNT_MAX * 2),
	FIELD(count, UINT32_C(1) << 31),
	FIELD(count, UINT32_MAX),
	FIELD(group_max, 0),
	FIELD(group_max, COUNT + 1),
	FIELD(group_max, UINT32_MAX),
	FIELD(features, 1),
	FIELD(features, UINT64_C(1) << 63),
};

START_TEST(open_refuses_a_geometry_that_is_wrong)
{
	struct ring ring, before;

	memset(&ring, 0x5a, sizeof(ring));
	before = ring;
	memcpy((char *)shared + bad[_i].offset, &bad[_i].value, bad[_i].size);
	ck_assert_int_eq(ring_open(&ring, shared, kit.producer.size, -1, false), -EBADMSG);
	ck_assert_mem_eq(&ring, &before, sizeof(ring));
}
END_TEST

START_TEST(open_refuses_memory_that_is_too_small)
{
	struct ring ring;

	ck_assert_int_eq(ring_open(&ring, shared, 0, -1, false), -EBADMSG);
	ck_assert_int_eq(ring_open(&ring, shared, IOASID_RING_RECORDS - 1, -1, false), -EBADMSG);
	ck_assert_int_eq(ring_open(&ring, shared, IOASID_RING_RECORDS, -1, false), -EBADMSG);
	ck_assert_int_eq(ring_open(&ring, shared, kit.producer.size - 1, -1, false), -EBADMSG);
	ck_assert_int_eq(ring_open(&ring, shared, kit.producer.size, -1, false), 0);
}
END_TEST

START_TEST(geometry_is_not_read_again)
{
	ringkit_push(&kit, 0, 3);
	shared->count = UINT32_MAX;
	shared->group_max = UINT32_MAX;
	shared->magic = 0;
	assert_takes(COUNT, 0, 3);
}
END_TEST

START_TEST(open_takes_the_largest_ring)
{
	size_t size = IOASID_RING_RECORDS + (size_t)IOASID_RING_COUNT_MAX * IOASID_RING_RECORD_SIZE;
	struct ioasid_ring *large = calloc(1, size);
	struct ring ring;

	ck_assert_ptr_nonnull(large);
	*large = *shared;
	large->count = large->group_max = IOASID_RING_COUNT_MAX;
	ck_assert_int_eq(ring_open(&ring, large, size, -1, false), 0);
	ck_assert_int_eq(ring_open(&ring, large, size - 1, -1, false), -EBADMSG);
	free(large);
}
END_TEST

/* ---- reading; _i is 1 for a single consumer ---- */

START_TEST(an_empty_ring_gives_nothing)
{
	open_at(77, _i);
	ck_assert_int_eq(take(COUNT), 0);
	ck_assert_uint_eq(shared->head, 77);
	tear_down();
}
END_TEST

START_TEST(a_record_comes_out_as_it_went_in)
{
	struct ioasid_fault expected = ringkit_record(5, 0, 1);

	open_at(0, _i);
	ringkit_push(&kit, 5, 1);
	ck_assert_int_eq(take(1), 1);
	ck_assert_uint_ne(out[0].id, 0);
	expected.id = out[0].id;
	ck_assert_mem_eq(out, &expected, sizeof(expected));
	ck_assert_int_eq(take(1), 0);
	tear_down();
}
END_TEST

START_TEST(a_read_takes_whole_groups_and_no_more_than_asked)
{
	open_at(0, _i);
	for (unsigned int i = 0; i < 4; i++)
		ringkit_push(&kit, 3 * i, 3);
	assert_takes(3, 0, 3);
	assert_takes(8, 3, 6);
	ck_assert_uint_eq(shared->head, 9);
	assert_takes(2 * COUNT, 9, 3);
	ck_assert_int_eq(take(8), 0);
	tear_down();
}
END_TEST

START_TEST(a_group_may_fill_the_ring)
{
	const struct ringkit_plan plan = {.records = COUNT, .group_max = COUNT, .single = _i};
	unsigned int needed = 0;

	ringkit_open(&kit, &plan);
	ringkit_push(&kit, 0, COUNT);
	ck_assert_int_eq(ring_read(&kit.ring, out, COUNT - 1, &needed), -EMSGSIZE);
	ck_assert_uint_eq(needed, COUNT);
	assert_takes(COUNT, 0, COUNT);
	tear_down();
}
END_TEST

START_TEST(an_array_too_small_is_told_what_is_needed)
{
	unsigned int needed;

	open_at(0, _i);
	ringkit_push(&kit, 0, 1);
	ringkit_push(&kit, 1, 5);
	ringkit_push(&kit, 6, 32);
	assert_takes(4, 0, 1);
	for (unsigned int n = 1; n < 5; n++) {
		needed = 0;
		ck_assert_int_eq(ring_read(&kit.ring, out, n, &needed), -EMSGSIZE);
		ck_assert_uint_eq(needed, 5);
	}
	ck_assert_uint_eq(shared->head, 1);
	assert_takes(36, 1, 5);
	ck_assert_int_eq(ring_read(&kit.ring, out, 31, &needed), -EMSGSIZE);
	ck_assert_uint_eq(needed, 32);
	assert_takes(32, 6, 32);
	tear_down();
}
END_TEST

static const uint64_t wraps[] = {
	COUNT - 5, (UINT64_C(1) << 32) - 5, (UINT64_C(1) << 63) - 5, UINT64_MAX - 4};

START_TEST(groups_run_across_the_wrap_of_slots_and_indices)
{
	for (unsigned int i = 0; i < sizeof(wraps) / sizeof(wraps[0]); i++) {
		open_at(wraps[i], _i);
		ringkit_push(&kit, 0, 9);
		ringkit_push(&kit, 9, 32);
		ck_assert_uint_eq(shared->tail, wraps[i] + 41);
		assert_takes(10, 0, 9);
		assert_takes(COUNT, 9, 32);
		ck_assert_uint_eq(shared->head, wraps[i] + 41);
		ck_assert_int_eq(take(1), 0);
		tear_down();
	}
}
END_TEST

/* ---- a producer that breaks the contract; _i as above ---- */

static void assert_broken_for_good(void)
{
	ck_assert_int_eq(take(COUNT), -EBADMSG);
	shared->tail = shared->head = 0;
	ringkit_push(&kit, 0, 1);
	ck_assert_int_eq(take(COUNT), -EBADMSG);
}

START_TEST(a_tail_too_far_ahead_is_corrupt)
{
	open_at(0, _i);
	for (unsigned int i = 0; i < COUNT; i++)
		scribble(i, IOASID_FAULT_LAST);
	shared->tail = COUNT + 1;
	assert_broken_for_good();
	tear_down();
}
END_TEST

START_TEST(a_tail_behind_the_head_is_corrupt)
{
	open_at(100, _i);
	shared->tail = 99;
	assert_broken_for_good();
	tear_down();
}
END_TEST

START_TEST(a_full_ring_without_an_end_of_group_is_corrupt)
{
	open_at(0, _i);
	for (unsigned int i = 0; i < COUNT; i++)
		scribble(i, IOASID_FAULT_READ);
	shared->tail = COUNT;
	assert_broken_for_good();
	tear_down();
}
END_TEST

START_TEST(a_tail_inside_a_group_is_corrupt)
{
	open_at(0, _i);
	scribble(0, 0);
	scribble(1, 0);
	shared->tail = 2;
	assert_broken_for_good();
	tear_down();
}
END_TEST

/* Its LAST comes, but later than group_max allows: no array need be that large. */
START_TEST(a_group_above_group_max_is_corrupt)
{
	unsigned int needed = 7;

	open_at(0, _i);
	for (unsigned int i = 0; i < 33; i++)
		scribble(i, i == 32 ? IOASID_FAULT_LAST : 0);
	shared->tail = 33;
	ck_assert_int_eq(ring_read(&kit.ring, out, 8, &needed), -EBADMSG);
	ck_assert_uint_eq(needed, 7);
	assert_broken_for_good();
	tear_down();
}
END_TEST

/* The head is the consumers' own; who scribbles on it must not send a single one round for ever. */
START_TEST(a_head_that_moves_by_itself_does_not_hang_a_single_consumer)
{
	open_at(0, true);
	shared->head = 5;
	shared->tail = COUNT + 9;
	ck_assert_int_eq(take(COUNT), -EBADMSG);
	tear_down();
}
END_TEST

/* ---- the suite ---- */

static void add_geometry_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, open_refuses_a_geometry_that_is_wrong, 0,
		(int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(tcase, open_refuses_memory_that_is_too_small);
	tcase_add_test(tcase, geometry_is_not_read_again);
	tcase_add_test(tcase, open_takes_the_largest_ring);
}

static void add_read_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, an_empty_ring_gives_nothing, 0, 2);
	tcase_add_loop_test(tcase, a_record_comes_out_as_it_went_in, 0, 2);
	tcase_add_loop_test(tcase, a_read_takes_whole_groups_and_no_more_than_asked, 0, 2);
	tcase_add_loop_test(tcase, a_group_may_fill_the_ring, 0, 2);
	tcase_add_loop_test(tcase, an_array_too_small_is_told_what_is_needed, 0, 2);
	tcase_add_loop_test(tcase, groups_run_across_the_wrap_of_slots_and_indices, 0, 2);
}

static void add_corruption_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, a_tail_too_far_ahead_is_corrupt, 0, 2);
	tcase_add_loop_test(tcase, a_tail_behind_the_head_is_corrupt, 0, 2);
	tcase_add_loop_test(tcase, a_full_ring_without_an_end_of_group_is_corrupt, 0, 2);
	tcase_add_loop_test(tcase, a_tail_inside_a_group_is_corrupt, 0, 2);
	tcase_add_loop_test(tcase, a_group_above_group_max_is_corrupt, 0, 2);
	tcase_add_test(tcase, a_head_that_moves_by_itself_does_not_hang_a_single_consumer);
}

int main(void)
{
	Suite *suite = suite_create("ring");
	TCase *geometry = support_case(suite, "geometry");

	tcase_add_checked_fixture(geometry, set_up, tear_down);
	add_geometry_tests(geometry);
	add_read_tests(support_case(suite, "read"));
	add_corruption_tests(support_case(suite, "corruption"));
	return support_run(suite);
}
