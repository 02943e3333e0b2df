/* SPDX-License-Identifier: MIT */
/*
 * A reader of the fault ring that dies at a chosen step: a process of its own that shares the
 * ring's memory and is killed. What it had not claimed reaches those that are left; what it had
 * claimed stays outstanding, and a detach answers it. Death at any step is in
 * test-ring-kill-random.c. Link with --wrap=posix_memalign,--wrap=free,--wrap=read.
 */
#include "killkit.h"
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

static struct ringkit kit;
static unsigned int *stopped; /* shared, atomic: the child is where it was to stop */

static void open_at(uint64_t start, bool single)
{
	killkit_open(&kit, start, single);
	stopped = killkit_share(sizeof(*stopped));
}

static void close_all(void)
{
	munmap(stopped, sizeof(*stopped));
	killkit_close(&kit);
}

/* ---- the child ---- */

static void stop_for_ever(void *arg)
{
	(void)arg;
	__atomic_store_n(stopped, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

static void child_stops_after_copy(void)
{
	struct ioasid_fault out[BATCH];

	ringkit_before_claim = stop_for_ever;
	while (ringkit_before_claim)
		killkit_claim(&kit, BATCH, out);
}

static void child_stops_after_claim(void)
{
	struct ioasid_fault out[BATCH];

	while (killkit_claim(&kit, 6, out) <= 0)
		;
	stop_for_ever(NULL);
}

static void wait_until_stopped(void)
{
	while (!__atomic_load_n(stopped, __ATOMIC_ACQUIRE))
		sched_yield();
}

/* ---- the survivor ---- */

static struct ioasid_fault out[TOTAL];

static void assert_takes(uint64_t number, int expected)
{
	ck_assert_int_eq(ringkit_take(&kit, out, COUNT), expected);
	for (int i = 0; i < expected; i++)
		ck_assert_uint_eq(out[i].addr >> 12, number + (uint64_t)i);
	ck_assert_uint_eq(ringkit_deliver(&kit, out, (unsigned int)expected), expected);
	ringkit_answer(&kit, out, (unsigned int)expected);
}

static void push_groups(uint64_t number, unsigned int groups, unsigned int length)
{
	for (unsigned int i = 0; i < groups; i++)
		ringkit_push(&kit, number + i * length, length);
}

/* ---- death at a chosen step; _i is 1 for a single consumer ---- */

/* The one who goes on has its own indices, of which the shared head is the beginning. */
static void succeed(void)
{
	ck_assert_int_eq(ring_open(&kit.ring, kit.producer.ring, kit.producer.size,
				 kit.producer.eventfd, kit.ring.single),
		0);
}

START_TEST(what_was_copied_and_not_claimed_reaches_the_survivor)
{
	pid_t child;

	open_at(0, _i);
	child = killkit_start(child_stops_after_copy);
	push_groups(0, 5, 3);
	wait_until_stopped();
	push_groups(15, 2, 2);
	killkit_bury(child);
	succeed();
	assert_takes(0, 19);
	ck_assert_uint_eq(pending_count(kit.producer.pending), 0);
	close_all();
}
END_TEST

START_TEST(what_was_claimed_stays_outstanding_until_a_detach_answers_it)
{
	uint64_t cursor = 0, cookie;
	struct pending_group lost;
	pid_t child;

	open_at(0, _i);
	push_groups(0, 5, 3);
	child = killkit_start(child_stops_after_claim); /* two groups of them */
	wait_until_stopped();
	killkit_bury(child);
	succeed();
	assert_takes(6, 9);
	ck_assert_uint_eq(pending_count(kit.producer.pending), 2);
	ck_assert(pending_next(kit.producer.pending, &cursor, &lost));
	killkit_detach(&kit);
	ck_assert_uint_eq(killkit_ended(&kit), 2);
	ck_assert_uint_eq(pending_count(kit.producer.pending), 0);
	ck_assert_int_eq(pending_claim(kit.producer.pending, lost.id, &cookie), -ESTALE);
	ck_assert_int_eq(ringkit_take(&kit, out, COUNT), 0);
	close_all();
}
END_TEST

/* ---- death on the way to sleep ---- */

static bool dies_after_clear; /* of the child alone */

ssize_t __real_read(int fd, void *to, size_t size);
ssize_t __wrap_read(int fd, void *to, size_t size);

ssize_t __wrap_read(int fd, void *to, size_t size)
{
	ssize_t n = __real_read(fd, to, size);

	if (dies_after_clear && fd == kit.ring.eventfd)
		stop_for_ever(NULL);
	return n;
}

static void child_stops_before_it_arms(void)
{
	dies_after_clear = true;
	ringkit_take(&kit, out, COUNT);
}

/* It took the signal along, and cannot ask for the next one. */
START_TEST(who_buries_a_reader_signals_once_for_it)
{
	struct pollfd poller = {.events = POLLIN};
	pid_t child;

	open_at(0, false);
	poller.fd = kit.ring.eventfd;
	push_groups(0, 1, 1); /* not armed any more, and readable */
	assert_takes(0, 1);
	child = killkit_start(child_stops_before_it_arms);
	wait_until_stopped();
	killkit_bury(child);
	push_groups(1, 1, 1);
	ck_assert(!ringkit_is_readable(&kit));
	ring_signal(kit.ring.eventfd);
	ck_assert_int_eq(poll(&poller, 1, -1), 1);
	assert_takes(1, 1);
	ck_assert_int_eq(ringkit_take(&kit, out, COUNT), 0);
	ck_assert(!ringkit_is_readable(&kit));
	push_groups(2, 1, 1);
	ck_assert(ringkit_is_readable(&kit));
	assert_takes(2, 1);
	close_all();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ring, death of a reader");
	TCase *chosen = support_case(suite, "chosen");

	tcase_add_loop_test(chosen, what_was_copied_and_not_claimed_reaches_the_survivor, 0, 2);
	tcase_add_loop_test(
		chosen, what_was_claimed_stays_outstanding_until_a_detach_answers_it, 0, 2);
	tcase_add_test(chosen, who_buries_a_reader_signals_once_for_it);
	return support_run(suite);
}
