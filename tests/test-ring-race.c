/* SPDX-License-Identifier: MIT */
/*
 * The consumer of the fault ring among others: races that a read may lose, and when the descriptor
 * is readable. One thread plays all parts: what another one would do in between is done from hooks.
 * Load is in stress-ring.c. Link with --wrap=read,--wrap=write.
 */
#include "ringkit.h"
#include "support.h"
#include <errno.h>
#include <string.h>

#define COUNT 64

/* ---- what another thread does in between ---- */

static struct ringkit kit;
static struct ioasid_ring *shared; /* the kit's */
static void (*before_read)(void);  /* of the descriptor, once */
static void (*before_write)(void);

ssize_t __real_read(int fd, void *to, size_t size);
ssize_t __wrap_read(int fd, void *to, size_t size);
ssize_t __real_write(int fd, const void *from, size_t size);
ssize_t __wrap_write(int fd, const void *from, size_t size);

static void run_once(int fd, void (**hook)(void))
{
	void (*now)(void) = *hook;

	if (!now || fd != kit.ring.eventfd)
		return;
	*hook = NULL;
	now();
}

ssize_t __wrap_read(int fd, void *to, size_t size)
{
	run_once(fd, &before_read);
	return __real_read(fd, to, size);
}

ssize_t __wrap_write(int fd, const void *from, size_t size)
{
	run_once(fd, &before_write);
	return __real_write(fd, from, size);
}

/* ---- helpers ---- */

static struct ioasid_fault out[2 * COUNT];

static void set_up(void)
{
	const struct ringkit_plan plan = {.records = COUNT, .group_max = 32};

	ringkit_open(&kit, &plan);
	shared = kit.producer.ring;
	before_read = before_write = NULL;
	memset(out, 0, sizeof(out));
}

static void tear_down(void)
{
	ringkit_close(&kit);
}

static int take(unsigned int n)
{
	return ringkit_take(&kit, out, n);
}

/* Then the next look at the empty ring clears the descriptor. */
static void make_readable_and_empty(void)
{
	ringkit_push(&kit, 0, 1);
	ck_assert(ringkit_is_readable(&kit));
	ck_assert_int_eq(take(1), 1);
}

static void assert_takes(unsigned int n, uint64_t number, int expected)
{
	ck_assert_int_eq(take(n), expected);
	for (int i = 0; i < expected; i++)
		ck_assert_uint_eq(out[i].addr >> 12, number + (uint64_t)i);
}

/* As a producer writes a record that the kit would not. */
static void scribble(uint64_t at, uint32_t flags)
{
	kit.producer.inlet.records[at % COUNT] = (struct ioasid_fault){.id = 1, .flags = flags};
}

/* ---- lost races, for many consumers ---- */

static struct ioasid_fault theirs[COUNT];

/* Another consumer takes all, and the producer fills the same slots anew. */
static void overtake(void *arg)
{
	unsigned int needed;

	(void)arg;
	ck_assert_int_eq(ring_read(&kit.ring, theirs, COUNT, &needed), COUNT);
	ringkit_answer(&kit, theirs, COUNT);
	for (unsigned int i = 0; i < COUNT; i += 4)
		ringkit_push(&kit, COUNT + i, 4);
}

static void fill_ring(unsigned int group)
{
	for (unsigned int i = 0; i < COUNT; i += group)
		ringkit_push(&kit, i, group);
}

START_TEST(a_copy_that_was_overtaken_is_thrown_away)
{
	fill_ring(2);
	ringkit_before_claim = overtake;
	assert_takes(8, COUNT, 8);
	ck_assert_ptr_null(ringkit_before_claim);
	ck_assert_uint_eq(shared->head, COUNT + 8);
	ck_assert_uint_eq(theirs[0].addr, 0);
}
END_TEST

/* What it needed was the need of a group that is gone. */
START_TEST(a_measure_that_was_overtaken_is_taken_again)
{
	unsigned int needed = 0;

	fill_ring(16);
	ringkit_before_claim = overtake;
	ck_assert_int_eq(ring_read(&kit.ring, out, 3, &needed), -EMSGSIZE);
	ck_assert_ptr_null(ringkit_before_claim);
	ck_assert_uint_eq(needed, 4);
}
END_TEST

/* Now head is what those saw who took 64; the tail had been seen with the head before that. */
static void catch_up(void *arg)
{
	(void)arg;
	shared->head = COUNT;
}

START_TEST(a_stale_head_is_not_taken_for_corruption)
{
	fill_ring(2);
	shared->tail += 10;
	ringkit_before_claim = catch_up;
	assert_takes(10, 0, 10);
	ck_assert_ptr_null(ringkit_before_claim);
	ck_assert_uint_eq(shared->head, COUNT + 10);
}
END_TEST

static void put_ends(void *arg)
{
	(void)arg;
	shared->head = 2;
	scribble(2, IOASID_FAULT_LAST);
}

START_TEST(a_torn_group_is_not_taken_for_corruption)
{
	for (unsigned int i = 0; i < 3; i++)
		scribble(i, 0);
	shared->tail = 3;
	ringkit_before_claim = put_ends;
	ck_assert_int_eq(take(COUNT), 1);
	ck_assert_ptr_null(ringkit_before_claim);
	ck_assert_uint_eq(shared->head, 3);
}
END_TEST

/* ---- the descriptor ---- */

static void push_ten(void)
{
	for (unsigned int i = 0; i < 10; i++)
		ringkit_push(&kit, i, 1);
}

START_TEST(a_poller_that_comes_before_any_reader_is_woken)
{
	ck_assert(!ringkit_is_readable(&kit));
	ringkit_push(&kit, 0, 1);
	ck_assert(ringkit_is_readable(&kit));
}
END_TEST

START_TEST(nobody_is_woken_who_did_not_ask)
{
	make_readable_and_empty();
	ck_assert_uint_eq(kit.producer.signals, 1);
	push_ten();
	ck_assert_int_eq(take(COUNT), 10);
	push_ten();
	ck_assert_uint_eq(kit.producer.signals, 1);
}
END_TEST

START_TEST(an_armed_ring_signals_once)
{
	make_readable_and_empty();
	ck_assert_int_eq(take(COUNT), 0);
	ck_assert_uint_eq(shared->armed, 1);
	ck_assert(!ringkit_is_readable(&kit));
	push_ten();
	ck_assert_uint_eq(kit.producer.signals, 2);
	ck_assert_uint_eq(shared->armed, 0);
	ck_assert(ringkit_is_readable(&kit));
}
END_TEST

/* ---- a batch is published one by one, and signalled when the first is there ---- */

static void push_three_at_once(void)
{
	static struct producer_group groups[3];
	static struct ioasid_fault records[3];

	for (unsigned int i = 0; i < 3; i++) {
		records[i] = ringkit_record(i, 0, 1);
		groups[i] = (struct producer_group){.records = &records[i], .count = 1};
	}
	producer_push_all(&kit.producer, groups, 3);
}

/* Woken by the first, which is all there is by then, it goes to sleep again. */
static void take_the_first(void)
{
	ck_assert_int_eq(ringkit_take(&kit, theirs, COUNT), 1);
	ck_assert_int_eq(ringkit_take(&kit, theirs, COUNT), 0);
	ck_assert_int_eq(ringkit_take(&kit, theirs, COUNT), 0);
}

START_TEST(a_batch_wakes_who_sleeps_once)
{
	ck_assert_int_eq(take(COUNT), 0);
	push_three_at_once();
	ck_assert_uint_eq(kit.producer.signals, 1);
	assert_takes(COUNT, 0, 3);
	push_three_at_once();
	ck_assert_uint_eq(kit.producer.signals, 1);
}
END_TEST

START_TEST(who_sleeps_again_in_the_middle_of_a_batch_is_woken_again)
{
	ck_assert_int_eq(take(COUNT), 0);
	before_write = take_the_first;
	push_three_at_once();
	ck_assert_ptr_null(before_write);
	ck_assert_uint_eq(kit.producer.signals, 2);
	ck_assert(ringkit_is_readable(&kit));
	assert_takes(COUNT, 1, 2);
}
END_TEST

START_TEST(the_descriptor_is_readable_until_the_ring_was_found_empty)
{
	ck_assert_int_eq(take(COUNT), 0);
	push_ten();
	for (unsigned int i = 0; i < 5; i++) {
		ck_assert(ringkit_is_readable(&kit));
		ck_assert_int_eq(take(2), 2);
	}
	ck_assert(ringkit_is_readable(&kit));
	ck_assert_int_eq(take(2), 0);
	ck_assert(!ringkit_is_readable(&kit));
}
END_TEST

/* It looked, they came, it cleared and looked again, and took only some of them. */
START_TEST(what_comes_between_look_and_clear_keeps_the_descriptor_readable)
{
	make_readable_and_empty();
	before_read = push_ten;
	ck_assert_int_eq(take(3), 3);
	ck_assert_ptr_null(before_read);
	ck_assert(ringkit_is_readable(&kit));
	ck_assert_int_eq(take(COUNT), 7);
	ck_assert_int_eq(take(COUNT), 0);
	ck_assert(!ringkit_is_readable(&kit));
}
END_TEST

/* Both found armed 0; the other one has cleared and armed, and sleeps when ten records come. */
static void arm_and_be_woken(void)
{
	ck_assert_int_eq(ringkit_take(&kit, theirs, COUNT), 0);
	push_ten();
	ck_assert(ringkit_is_readable(&kit));
}

START_TEST(a_signal_that_was_cleared_for_another_is_given_back)
{
	make_readable_and_empty();
	before_read = arm_and_be_woken;
	ck_assert_int_eq(take(3), 3);
	ck_assert(ringkit_is_readable(&kit));
	ck_assert_int_eq(take(COUNT), 7);
}
END_TEST

/* The producer is about to signal, when a consumer that is awake takes the record and arms anew. */
static void take_before_signal(void)
{
	ck_assert_int_eq(ringkit_take(&kit, theirs, COUNT), 1);
	ck_assert_int_eq(ringkit_take(&kit, theirs, COUNT), 0);
}

START_TEST(a_late_signal_does_not_keep_an_empty_ring_readable)
{
	unsigned int looks = 0;

	ck_assert_int_eq(take(COUNT), 0);
	before_write = take_before_signal;
	ringkit_push(&kit, 0, 1);
	ck_assert_ptr_null(before_write);
	while (ringkit_is_readable(&kit)) {
		ck_assert_int_eq(take(COUNT), 0);
		ck_assert_uint_lt(looks++, 2 * RING_LOOKS);
	}
	ringkit_push(&kit, 1, 1);
	ck_assert(ringkit_is_readable(&kit));
}
END_TEST

/* ---- the end ---- */

static void end(void)
{
	producer_end(&kit.producer);
}

static void assert_readable_for_good(void)
{
	for (unsigned int i = 0; i < 2 * RING_LOOKS; i++) {
		ck_assert(ringkit_is_readable(&kit));
		ck_assert_int_eq(take(COUNT), 0);
	}
	ck_assert(ringkit_is_over(&kit));
}

START_TEST(the_end_keeps_the_descriptor_readable)
{
	end();
	assert_readable_for_good();
}
END_TEST

START_TEST(the_end_of_an_armed_ring_keeps_the_descriptor_readable)
{
	ck_assert_int_eq(take(COUNT), 0);
	end();
	assert_readable_for_good();
}
END_TEST

/* Or else it would be cleared for those who sleep. */
START_TEST(an_end_between_look_and_clear_is_not_cleared)
{
	make_readable_and_empty();
	before_read = end;
	ck_assert_int_eq(take(COUNT), 0);
	ck_assert_ptr_null(before_read);
	assert_readable_for_good();
}
END_TEST

/* ---- the suite ---- */

static TCase *new_case(Suite *suite, const char *name)
{
	TCase *tcase = support_case(suite, name);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	return tcase;
}

static void add_race_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_copy_that_was_overtaken_is_thrown_away);
	tcase_add_test(tcase, a_measure_that_was_overtaken_is_taken_again);
	tcase_add_test(tcase, a_stale_head_is_not_taken_for_corruption);
	tcase_add_test(tcase, a_torn_group_is_not_taken_for_corruption);
}

static void add_descriptor_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_poller_that_comes_before_any_reader_is_woken);
	tcase_add_test(tcase, nobody_is_woken_who_did_not_ask);
	tcase_add_test(tcase, an_armed_ring_signals_once);
	tcase_add_test(tcase, a_batch_wakes_who_sleeps_once);
	tcase_add_test(tcase, who_sleeps_again_in_the_middle_of_a_batch_is_woken_again);
	tcase_add_test(tcase, the_descriptor_is_readable_until_the_ring_was_found_empty);
	tcase_add_test(tcase, what_comes_between_look_and_clear_keeps_the_descriptor_readable);
	tcase_add_test(tcase, a_signal_that_was_cleared_for_another_is_given_back);
	tcase_add_test(tcase, a_late_signal_does_not_keep_an_empty_ring_readable);
	tcase_add_test(tcase, the_end_keeps_the_descriptor_readable);
	tcase_add_test(tcase, the_end_of_an_armed_ring_keeps_the_descriptor_readable);
	tcase_add_test(tcase, an_end_between_look_and_clear_is_not_cleared);
}

int main(void)
{
	Suite *suite = suite_create("ring, races");

	add_race_tests(new_case(suite, "races"));
	add_descriptor_tests(new_case(suite, "descriptor"));
	return support_run(suite);
}
