/* SPDX-License-Identifier: MIT */
/*
 * The producer of the fault ring: what it fills in, what it keeps back and in which order that
 * follows, and its counters. What a detach does is in test-producer-cancel.c.
 * Link with --wrap=calloc,--wrap=posix_memalign.
 */
#include "ringkit.h"
#include "support.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define COUNT 64

static struct ringkit kit;
static struct ioasid_ring *shared; /* the kit's */
static struct ioasid_fault out[2 * COUNT];

/* ---- an allocator that fails ---- */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
int __real_posix_memalign(void **memory, size_t alignment, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size);

static int allocations_left = -1; /* before one fails; negative: none does */

static bool is_refused(void)
{
	return allocations_left >= 0 && allocations_left-- == 0;
}

void *__wrap_calloc(size_t count, size_t size)
{
	return is_refused() ? NULL : __real_calloc(count, size);
}

int __wrap_posix_memalign(void **memory, size_t alignment, size_t size)
{
	return is_refused() ? ENOMEM : __real_posix_memalign(memory, alignment, size);
}

/* ---- helpers ---- */

static void open_kit(uint32_t outstanding)
{
	const struct ringkit_plan plan = {
		.records = COUNT, .group_max = 32, .outstanding = outstanding};

	ringkit_open(&kit, &plan);
	shared = kit.producer.ring;
	memset(out, 0, sizeof(out));
}

static void set_up(void)
{
	open_kit(1024);
}

static void tear_down(void)
{
	ringkit_close(&kit);
}

static struct ioasid_faultq_stats stats(void)
{
	struct ioasid_faultq_stats now = {.size = sizeof(now)};

	producer_stats(&kit.producer, &now);
	return now;
}

/* Reads and delivers, answers nothing. */
static unsigned int take(unsigned int n)
{
	int got = ringkit_take(&kit, out, n);

	ck_assert_int_ge(got, 0);
	return ringkit_deliver(&kit, out, (unsigned int)got);
}

static void assert_takes(unsigned int n, uint64_t number, unsigned int expected)
{
	ck_assert_uint_eq(take(n), expected);
	for (unsigned int i = 0; i < expected; i++)
		ck_assert_uint_eq(out[i].addr >> 12, number + i);
}

static void push_singles(uint64_t number, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		ringkit_push(&kit, number + i, 1);
}

static void assert_waiting(uint64_t groups, uint64_t records)
{
	ck_assert_uint_eq(stats().waiting, groups);
	ck_assert_uint_eq(shared->deferred, records);
	ck_assert_uint_eq(shared->flags, records ? IOASID_RING_BACKLOG : 0);
}

/* ---- open ---- */

static const struct ioasid_faultq_opts plain = {
	.size = sizeof(plain), .records = 128, .group_max = 16, .max_outstanding = 32};

START_TEST(a_new_ring_has_the_geometry_asked_for)
{
	struct producer p;

	ck_assert_int_eq(producer_open(&p, &plain), 0);
	ck_assert_uint_eq(p.ring->magic, IOASID_RING_MAGIC);
	ck_assert_mem_eq(&p.ring->magic, "IAORING1", 8);
	ck_assert_uint_eq(p.ring->version, 1);
	ck_assert_uint_eq(p.ring->record_size, 64);
	ck_assert_uint_eq(p.ring->count, 128);
	ck_assert_uint_eq(p.ring->group_max, 16);
	ck_assert_uint_eq(p.ring->features, 0);
	ck_assert_uint_eq(p.ring->head | p.ring->tail | p.ring->deferred | p.ring->flags, 0);
	ck_assert_uint_eq(p.size, 4096 + 128 * 64);
	ck_assert_uint_eq((uintptr_t)p.ring % 4096, 0);
	producer_close(&p);
}
END_TEST

START_TEST(the_descriptor_neither_blocks_nor_is_inherited)
{
	ck_assert(fcntl(kit.producer.eventfd, F_GETFD) & FD_CLOEXEC);
	ck_assert(fcntl(kit.producer.eventfd, F_GETFL) & O_NONBLOCK);
}
END_TEST

START_TEST(open_without_memory_leaves_nothing)
{
	struct producer p;
	int err = -ENOMEM, granted = 0;

	for (; err; granted++) {
		unsigned int fds = support_open_fds();

		allocations_left = granted;
		err = producer_open(&p, &plain);
		allocations_left = -1;
		ck_assert_int_eq(err, err ? -ENOMEM : 0);
		ck_assert_uint_eq(support_open_fds(), err ? fds : fds + 1);
		ck_assert_int_lt(granted, 20);
	}
	ck_assert_int_gt(granted, 4);
	producer_close(&p);
}
END_TEST

START_TEST(open_without_a_descriptor_says_so)
{
	struct rlimit limit, none = {0};
	struct producer p;
	int err;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none.rlim_max = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	err = producer_open(&p, &plain);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(err, -EMFILE);
}
END_TEST

/* ---- push ---- */

START_TEST(a_group_gets_an_id_and_an_end)
{
	struct ioasid_fault records[3], expected;
	struct producer_group group = {.records = records, .count = 3, .device = 9, .cookie = 77};
	uint64_t cookie = 0;

	for (unsigned int i = 0; i < 3; i++) {
		records[i] = ringkit_record(i, 0, 1);
		records[i].flags |= IOASID_FAULT_CANCELLED | IOASID_FAULT_LAST;
	}
	producer_push(&kit.producer, &group);
	ck_assert_int_eq(ringkit_take(&kit, out, COUNT), 3);
	for (unsigned int i = 0; i < 3; i++) {
		expected = ringkit_record(i, 0, 1);
		expected.id = out[0].id;
		expected.flags &= ~IOASID_FAULT_LAST;
		expected.flags |= i == 2 ? IOASID_FAULT_LAST : 0;
		ck_assert_mem_eq(&out[i], &expected, sizeof(expected));
	}
	ck_assert_int_eq(pending_claim(kit.producer.pending, out[0].id, &cookie), 0);
	ck_assert_uint_eq(cookie, 77);
}
END_TEST

START_TEST(the_table_knows_the_sum_of_a_group)
{
	struct ioasid_fault records[2] = {
		{.label = 3,
			.addr = 0x5000,
			.pages = 2,
			.flags = IOASID_FAULT_READ,
			.space = 4,
			.pasid = 6,
			.group = 8,
			.time = 9},
		{.label = 3,
			.addr = 0x9000,
			.pages = 3,
			.flags = IOASID_FAULT_WRITE,
			.space = 4,
			.pasid = 6,
			.group = 8,
			.time = 9},
	};
	struct producer_group group = {.records = records, .count = 2, .device = 5, .cookie = 7};
	struct pending_group known;
	uint64_t cursor = 0;

	producer_push(&kit.producer, &group);
	ck_assert(pending_next(kit.producer.pending, &cursor, &known));
	ck_assert_uint_eq(known.label, 3);
	ck_assert_uint_eq(known.addr, 0x5000);
	ck_assert_uint_eq(known.pages, 5);
	ck_assert_uint_eq(known.flags & ~IOASID_FAULT_LAST, IOASID_FAULT_READ | IOASID_FAULT_WRITE);
	ck_assert_uint_eq(known.device, 5);
	ck_assert_uint_eq(known.space, 4);
	ck_assert_uint_eq(known.pasid, 6);
	ck_assert_uint_eq(known.group, 8);
	ck_assert_uint_eq(known.cookie, 7);
	ck_assert_uint_eq(known.time, 9);
}
END_TEST

/* Groups of one record each, in memory of this file. */
static struct producer_group batch[COUNT];
static struct ioasid_fault batch_records[COUNT];

static void push_batch(uint64_t number, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		batch_records[i] = ringkit_record(number + i, 0, 1);
		batch[i] = (struct producer_group){.records = &batch_records[i], .count = 1};
	}
	producer_push_all(&kit.producer, batch, n);
}

START_TEST(a_batch_comes_out_in_order)
{
	push_batch(0, 9);
	ck_assert_uint_eq(stats().raised, 9);
	assert_takes(COUNT, 0, 9);
	push_batch(9, 1);
	assert_takes(COUNT, 9, 1);
	push_batch(10, 0);
	assert_takes(COUNT, 10, 0);
}
END_TEST

START_TEST(the_rest_of_a_batch_waits_in_order)
{
	push_singles(0, COUNT - 3);
	push_batch(COUNT - 3, 8);
	assert_waiting(5, 5);
	push_singles(COUNT + 5, 1);
	assert_waiting(6, 6);
	assert_takes(COUNT, 0, COUNT);
	assert_takes(COUNT, COUNT, 6);
	assert_waiting(0, 0);
	ck_assert_uint_eq(stats().deferred, 6);
	ck_assert_uint_eq(stats().raised, COUNT + 6);
}
END_TEST

START_TEST(ids_differ)
{
	push_singles(0, COUNT);
	ck_assert_uint_eq(take(COUNT), COUNT);
	for (unsigned int i = 0; i < COUNT; i++)
		for (unsigned int j = 0; j < i; j++)
			ck_assert_uint_ne(out[i].id, out[j].id);
}
END_TEST

/* ---- what finds no room ---- */

START_TEST(what_does_not_fit_waits_and_follows_in_order)
{
	push_singles(0, COUNT);
	assert_waiting(0, 0);
	push_singles(COUNT, 20);
	assert_waiting(20, 20);
	ck_assert_uint_eq(shared->tail, COUNT);
	assert_takes(10, 0, 10);
	producer_refill(&kit.producer);
	assert_waiting(10, 10);
	assert_takes(COUNT, 10, COUNT);
	/* an empty ring is refilled by its reader */
	assert_takes(COUNT, COUNT + 10, 10);
	assert_waiting(0, 0);
	ck_assert_uint_eq(stats().deferred, 20);
	ck_assert_uint_eq(stats().raised, COUNT + 20);
}
END_TEST

START_TEST(nothing_overtakes_a_group_that_waits)
{
	push_singles(0, COUNT - 8);
	ringkit_push(&kit, COUNT - 8, 32);
	push_singles(COUNT + 24, 4);
	assert_waiting(5, 36);
	assert_takes(16, 0, 16);
	producer_refill(&kit.producer);
	assert_waiting(5, 36);
	assert_takes(8, 16, 8);
	producer_refill(&kit.producer);
	assert_waiting(4, 4);
	ck_assert_uint_eq(take(COUNT - 24 - 8), COUNT - 24 - 8);
	producer_refill(&kit.producer);
	assert_takes(COUNT, COUNT - 8, 36);
}
END_TEST

/* The head that the producer remembers is an old one. */
START_TEST(room_is_looked_for_again_before_a_group_waits)
{
	push_singles(0, COUNT);
	assert_takes(COUNT, 0, COUNT);
	push_singles(COUNT, COUNT);
	assert_waiting(0, 0);
	ck_assert_uint_eq(stats().deferred, 0);
	assert_takes(COUNT, COUNT, COUNT);
}
END_TEST

static uint64_t late(void)
{
	struct pending_stats table;

	pending_stats(kit.producer.pending, &table);
	return table.ended[PENDING_LATE];
}

START_TEST(a_group_waits_for_a_slot_until_one_is_answered)
{
	tear_down();
	open_kit(4);
	push_singles(0, 6);
	assert_waiting(2, 2);
	assert_takes(COUNT, 0, 4);
	producer_refill(&kit.producer);
	assert_waiting(2, 2);
	ringkit_answer(&kit, out, 1);
	assert_waiting(1, 1);
	ringkit_answer(&kit, &out[1], 3);
	assert_waiting(0, 0);
	assert_takes(COUNT, 4, 2);
}
END_TEST

/* Its device asks again as soon as it has the answer, which may be before the slot is back. */
START_TEST(a_group_is_not_late_for_a_slot_that_is_about_to_be_free)
{
	uint64_t cookie;

	tear_down();
	open_kit(2);
	kit.producer.late = IOASID_FAULTQ_LATE_INVALID;
	push_singles(0, 2);
	assert_takes(COUNT, 0, 2);
	ck_assert_int_eq(pending_claim(kit.producer.pending, out[0].id, &cookie), 0);
	push_singles(2, 2);
	assert_waiting(2, 2);
	pending_retire(kit.producer.pending, out[0].id, PENDING_ANSWERED, 0);
	producer_refill(&kit.producer);
	assert_waiting(1, 1);
	ringkit_answer(&kit, &out[1], 1);
	assert_waiting(0, 0);
	assert_takes(COUNT, 2, 2);
	ck_assert_uint_eq(late(), 0);
}
END_TEST

START_TEST(a_group_is_late_for_room_in_the_ring_whatever_becomes_of_slots)
{
	tear_down();
	open_kit(COUNT);
	kit.producer.late = IOASID_FAULTQ_LATE_INVALID;
	for (unsigned int i = 0; i < 3; i++)
		ringkit_push(&kit, i * 20, 20);
	/* four records are free */
	ringkit_push(&kit, 60, 5);
	ck_assert_uint_eq(late(), 1);
	ringkit_push(&kit, 60, 4);
	ck_assert_uint_eq(late(), 1);
	push_singles(64, 1);
	ck_assert_uint_eq(late(), 2);
	assert_waiting(0, 0);
	assert_takes(COUNT, 0, 64);
}
END_TEST

/* Two wait for slots, and there is no room for a third. */
START_TEST(those_that_wait_for_slots_take_up_room)
{
	tear_down();
	open_kit(2);
	kit.producer.late = IOASID_FAULTQ_LATE_INVALID;
	ringkit_push(&kit, 0, 20);
	push_singles(20, 1);
	ringkit_push(&kit, 21, 32);
	ringkit_push(&kit, 53, 11);
	assert_waiting(2, 43);
	push_singles(64, 1);
	ck_assert_uint_eq(late(), 1);
	assert_takes(COUNT, 0, 21);
	ringkit_answer(&kit, out, 21);
	assert_waiting(0, 0);
	assert_takes(COUNT, 21, 43);
}
END_TEST

static uint64_t cancelled(void)
{
	struct pending_stats table;

	pending_stats(kit.producer.pending, &table);
	return table.ended[PENDING_CANCELLED];
}

START_TEST(who_stops_waiting_is_not_published)
{
	struct producer_group *first, *second;

	push_singles(0, COUNT);
	first = ringkit_push(&kit, 100, 3);
	second = ringkit_push(&kit, 103, 2);
	assert_waiting(2, 5);
	ck_assert(producer_drop(&kit.producer, first));
	assert_waiting(1, 2);
	ck_assert(!producer_drop(&kit.producer, first));
	ck_assert_uint_eq(cancelled(), 1);
	assert_takes(COUNT, 0, COUNT);
	assert_takes(COUNT, 103, 2);
	ck_assert(!producer_drop(&kit.producer, second));
	ck_assert_uint_eq(cancelled(), 1);
	ck_assert_uint_eq(take(COUNT), 0);
}
END_TEST

START_TEST(when_nobody_waits_any_more_nobody_asks_for_a_refill)
{
	push_singles(0, COUNT);
	ck_assert(producer_drop(&kit.producer, ringkit_push(&kit, 100, 3)));
	assert_waiting(0, 0);
}
END_TEST

/* ---- the end ---- */

static void *sleep_until_end(void *arg)
{
	struct pollfd poller = {.fd = kit.producer.eventfd, .events = POLLIN};

	(void)arg;
	while (ringkit_take(&kit, out, COUNT) == 0 && !ring_is_closed(&kit.ring))
		poll(&poller, 1, -1);
	return NULL;
}

/* Each of them looks at an empty ring when it wakes, and must not clear the end for the others. */
START_TEST(the_end_wakes_all_who_sleep)
{
	pthread_t threads[3];

	for (unsigned int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, sleep_until_end, NULL), 0);
	producer_end(&kit.producer);
	for (unsigned int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(shared->flags, IOASID_RING_CLOSED);
}
END_TEST

START_TEST(what_waits_at_the_end_still_comes)
{
	push_singles(0, COUNT + 5);
	producer_end(&kit.producer);
	ck_assert_uint_eq(shared->flags, IOASID_RING_CLOSED | IOASID_RING_BACKLOG);
	ck_assert(!ringkit_is_over(&kit));
	assert_takes(COUNT, 0, COUNT);
	assert_takes(COUNT, COUNT, 5);
	ck_assert(ringkit_is_over(&kit));
}
END_TEST

/* ---- the suite ---- */

static TCase *new_case(Suite *suite, const char *name)
{
	TCase *tcase = support_case(suite, name);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	return tcase;
}

static void add_open_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_new_ring_has_the_geometry_asked_for);
	tcase_add_test(tcase, the_descriptor_neither_blocks_nor_is_inherited);
	tcase_add_test(tcase, open_without_memory_leaves_nothing);
	tcase_add_test(tcase, open_without_a_descriptor_says_so);
}

static void add_push_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_group_gets_an_id_and_an_end);
	tcase_add_test(tcase, the_table_knows_the_sum_of_a_group);
	tcase_add_test(tcase, a_batch_comes_out_in_order);
	tcase_add_test(tcase, ids_differ);
}

static void add_waiting_tests(TCase *tcase)
{
	tcase_add_test(tcase, what_does_not_fit_waits_and_follows_in_order);
	tcase_add_test(tcase, nothing_overtakes_a_group_that_waits);
	tcase_add_test(tcase, the_rest_of_a_batch_waits_in_order);
	tcase_add_test(tcase, room_is_looked_for_again_before_a_group_waits);
	tcase_add_test(tcase, a_group_waits_for_a_slot_until_one_is_answered);
	tcase_add_test(tcase, a_group_is_not_late_for_a_slot_that_is_about_to_be_free);
	tcase_add_test(tcase, a_group_is_late_for_room_in_the_ring_whatever_becomes_of_slots);
	tcase_add_test(tcase, those_that_wait_for_slots_take_up_room);
	tcase_add_test(tcase, who_stops_waiting_is_not_published);
	tcase_add_test(tcase, when_nobody_waits_any_more_nobody_asks_for_a_refill);
}

int main(void)
{
	Suite *suite = suite_create("producer");
	TCase *end = new_case(suite, "end");

	add_open_tests(new_case(suite, "open"));
	add_push_tests(new_case(suite, "push"));
	add_waiting_tests(new_case(suite, "waiting"));
	tcase_add_loop_test(end, the_end_wakes_all_who_sleep, 0, 50);
	tcase_add_test(end, what_waits_at_the_end_still_comes);
	return support_run(suite);
}
