/* SPDX-License-Identifier: MIT */
/*
 * The producer of the fault ring: how it opens, what it fills in, in which order that comes, and
 * its end. What finds no room is in test-producer-wait.c, what a detach does in
 * test-producer-cancel.c. Link with --wrap=calloc,--wrap=posix_memalign.
 */
#include "producerkit.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

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
	ck_assert(fcntl(producerkit.producer.eventfd, F_GETFD) & FD_CLOEXEC);
	ck_assert(fcntl(producerkit.producer.eventfd, F_GETFL) & O_NONBLOCK);
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
	producer_push(&producerkit.producer, &group);
	ck_assert_int_eq(ringkit_take(&producerkit, producerkit_out, COUNT), 3);
	for (unsigned int i = 0; i < 3; i++) {
		expected = ringkit_record(i, 0, 1);
		expected.id = producerkit_out[0].id;
		expected.flags &= ~IOASID_FAULT_LAST;
		expected.flags |= i == 2 ? IOASID_FAULT_LAST : 0;
		ck_assert_mem_eq(&producerkit_out[i], &expected, sizeof(expected));
	}
	ck_assert_int_eq(
		pending_claim(producerkit.producer.pending, producerkit_out[0].id, &cookie), 0);
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

	producer_push(&producerkit.producer, &group);
	ck_assert(pending_next(producerkit.producer.pending, &cursor, &known));
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

START_TEST(a_batch_comes_out_in_order)
{
	producerkit_push_batch(0, 9);
	ck_assert_uint_eq(producerkit_stats().raised, 9);
	producerkit_assert_takes(COUNT, 0, 9);
	producerkit_push_batch(9, 1);
	producerkit_assert_takes(COUNT, 9, 1);
	producerkit_push_batch(10, 0);
	producerkit_assert_takes(COUNT, 10, 0);
}
END_TEST

START_TEST(ids_differ)
{
	producerkit_push(0, COUNT);
	ck_assert_uint_eq(producerkit_take(COUNT), COUNT);
	for (unsigned int i = 0; i < COUNT; i++)
		for (unsigned int j = 0; j < i; j++)
			ck_assert_uint_ne(producerkit_out[i].id, producerkit_out[j].id);
}
END_TEST

/* ---- the end ---- */

static void *sleep_until_end(void *arg)
{
	struct pollfd poller = {.fd = producerkit.producer.eventfd, .events = POLLIN};

	(void)arg;
	while (ringkit_take(&producerkit, producerkit_out, COUNT) == 0 &&
		!ring_is_closed(&producerkit.ring))
		poll(&poller, 1, -1);
	return NULL;
}

/* Each of them looks at an empty ring when it wakes, and must not clear the end for the others. */
START_TEST(the_end_wakes_all_who_sleep)
{
	pthread_t threads[3];

	for (unsigned int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, sleep_until_end, NULL), 0);
	producer_end(&producerkit.producer);
	for (unsigned int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(producerkit.producer.ring->flags, IOASID_RING_CLOSED);
}
END_TEST

START_TEST(what_waits_at_the_end_still_comes)
{
	producerkit_push(0, COUNT + 5);
	producer_end(&producerkit.producer);
	ck_assert_uint_eq(
		producerkit.producer.ring->flags, IOASID_RING_CLOSED | IOASID_RING_BACKLOG);
	ck_assert(!ringkit_is_over(&producerkit));
	producerkit_assert_takes(COUNT, 0, COUNT);
	producerkit_assert_takes(COUNT, COUNT, 5);
	ck_assert(ringkit_is_over(&producerkit));
}
END_TEST

/* ---- the suite ---- */

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

int main(void)
{
	Suite *suite = suite_create("producer");
	TCase *end = producerkit_case(suite, "end");

	add_open_tests(producerkit_case(suite, "open"));
	add_push_tests(producerkit_case(suite, "push"));
	tcase_add_loop_test(end, the_end_wakes_all_who_sleep, 0, 50);
	tcase_add_test(end, what_waits_at_the_end_still_comes);
	return support_run(suite);
}
