/* SPDX-License-Identifier: MIT */
/*
 * The timer of deadlines: when it is set and to what, and the descriptor that it makes readable.
 * The clock is the test's own, but where somebody sleeps, and of the timer each setting is noted.
 * Link with --wrap=clock_gettime,--wrap=epoll_create1,--wrap=timerfd_create,--wrap=timerfd_settime.
 */
#include "core.h"
#include "duekit.h"
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

static struct ioasid_fault fault[1];

/* ---- a timer that takes notes ---- */

int __real_timerfd_settime(
	int fd, int flags, const struct itimerspec *when, struct itimerspec *was);
int __wrap_timerfd_settime(
	int fd, int flags, const struct itimerspec *when, struct itimerspec *was);
int __real_timerfd_create(int id, int flags);
int __wrap_timerfd_create(int id, int flags);
int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);

static unsigned int settings;
static uint64_t set_to;
static void (*before_setting)(void); /* once */
static bool no_timers, no_sets;

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *was)
{
	void (*before)(void) = before_setting;

	before_setting = NULL;
	if (before)
		before();
	settings++;
	set_to = (uint64_t)when->it_value.tv_sec * SECOND + (uint64_t)when->it_value.tv_nsec;
	return __real_timerfd_settime(fd, flags, when, was);
}

int __wrap_timerfd_create(int id, int flags)
{
	errno = EMFILE;
	return no_timers ? -1 : __real_timerfd_create(id, flags);
}

int __wrap_epoll_create1(int flags)
{
	errno = EMFILE;
	return no_sets ? -1 : __real_epoll_create1(flags);
}

static void begin(struct faultq *f)
{
	settings = 0;
	duekit_begin(f, IOASID_RESPONSE_INVALID);
}

static bool polls(struct faultq *f)
{
	struct pollfd fd = {.fd = ok(ioasid_faultq_get_fd(f->queue)), .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

/* ---- when it is set ---- */

START_TEST(who_never_sleeps_sets_no_timer)
{
	struct faultq f;

	begin(&f);
	for (unsigned int i = 0; i < 20; i++) {
		duekit_raise(&f, i, 1);
		ck_assert_int_eq(ok(ioasid_faultq_wait(f.queue, 0)), 1);
		ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
		ck_assert_int_eq(faultq_answer(&f, fault[0].id, IOASID_RESPONSE_INVALID, NULL), 1);
		ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 0);
		ck_assert_int_eq(ok(ioasid_faultq_wait(f.queue, 0)), 0);
		duekit_now += SECOND / 3;
	}
	ck_assert_uint_eq(settings, 0);
	ok(ioasid_mock_pump(f.mock));
	duekit_end(&f);
}
END_TEST

/* They may not be woken by it any more. */
START_TEST(who_takes_a_group_while_others_sleep_sets_it_for_them)
{
	struct faultq f;

	begin(&f);
	duekit_raise(&f, 0, 2);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	ck_assert_uint_eq(settings, 0);
	deadline_enter(f.queue);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	ck_assert_uint_eq(settings, 1);
	ck_assert_uint_eq(set_to, 101 * SECOND);
	deadline_leave(f.queue);
	duekit_end(&f);
}
END_TEST

START_TEST(it_is_set_once_a_deadline_however_many_groups_there_are)
{
	struct faultq f;

	begin(&f);
	ck_assert(!polls(&f));
	ck_assert_uint_eq(settings, 0);
	for (unsigned int i = 0; i < 100; i++) {
		duekit_raise(&f, i, 1);
		ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
		ck_assert_int_eq(faultq_answer(&f, fault[0].id, IOASID_RESPONSE_INVALID, NULL), 1);
		ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 0);
		duekit_now += SECOND / 1000;
	}
	ck_assert_uint_eq(settings, 1);
	ck_assert_uint_eq(set_to, 101 * SECOND);
	/* it is over, and nothing is outstanding */
	duekit_at_second(101);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 0);
	ck_assert_uint_eq(settings, 2);
	ck_assert_uint_eq(set_to, 0);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 0);
	ck_assert_uint_eq(settings, 2);
	ok(ioasid_mock_pump(f.mock));
	duekit_end(&f);
}
END_TEST

START_TEST(it_is_set_for_the_oldest_that_is_left)
{
	struct faultq f;

	begin(&f);
	duekit_raise(&f, 0, 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	ck_assert(polls(&f) || set_to == 101 * SECOND);
	ck_assert_uint_eq(set_to, 101 * SECOND);
	duekit_now += SECOND / 2;
	duekit_raise(&f, 1, 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	duekit_now += SECOND / 2;
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 0);
	ck_assert_uint_eq(faultq_stats(&f).expired, 1);
	ck_assert_uint_eq(set_to, 101 * SECOND + SECOND / 2);
	ck_assert_uint_eq(settings, 2);
	duekit_end(&f);
}
END_TEST

START_TEST(it_is_set_for_what_waits_behind_the_full_ring)
{
	struct faultq f;

	begin(&f);
	duekit_raise(&f, 0, 70);
	for (unsigned int i = 0; i < 64; i++) {
		uint64_t id;

		ok(ioasid_faultq_find(f.queue, 0x100, NONE, i, &id));
		duekit_now += 1;
		ck_assert_int_eq(faultq_answer(&f, id, IOASID_RESPONSE_INVALID, NULL), 1);
	}
	ck_assert_uint_eq(faultq_stats(&f).waiting, 6);
	ok(ioasid_faultq_get_fd(f.queue));
	ck_assert_uint_eq(set_to, 101 * SECOND);
	ok(ioasid_mock_pump(f.mock));
	duekit_end(&f);
}
END_TEST

START_TEST(an_answer_that_fails_sets_it_if_nobody_has)
{
	struct faultq f;

	begin(&f);
	ok(ioasid_faultq_get_fd(f.queue));
	duekit_raise(&f, 0, 1);
	/* another thread has taken it, and lost it again */
	f.queue->deadline.polled = false;
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	f.queue->deadline.polled = true;
	ck_assert_uint_eq(settings, 0);
	ok(ioasid_mock_fail(f.mock, IOASID_MOCK_OP_ANSWER, 1, -EIO));
	fails(-EIO, "entry 0", faultq_answer(&f, fault[0].id, IOASID_RESPONSE_SUCCESS, NULL));
	ck_assert_uint_eq(set_to, 101 * SECOND);
	/* and it is not set before the next try, so that nobody spins */
	duekit_at_second(101);
	ok(ioasid_mock_fail(f.mock, IOASID_MOCK_OP_ANSWER, 1, -EIO));
	ck_assert_int_eq(ok(ioasid_faultq_complete(f.queue, NULL, 0)), 0);
	ck_assert_uint_eq(set_to, 102 * SECOND);
	duekit_end(&f);
}
END_TEST

/* Its answer failed on one thread while another, woken by the timer, found nothing to wait for. */
START_TEST(an_expiry_that_fails_sets_it_if_nobody_has)
{
	struct faultq f;

	begin(&f);
	duekit_raise(&f, 0, 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	f.queue->deadline.polled = true;
	ck_assert_uint_eq(settings, 0);
	duekit_at_second(101);
	ok(ioasid_mock_fail(f.mock, IOASID_MOCK_OP_ANSWER, 1, -EIO));
	fails(-EIO, "overdue", ioasid_faultq_expire(f.queue));
	ck_assert_uint_eq(set_to, 102 * SECOND);
	duekit_end(&f);
}
END_TEST

/* Takes the group that comes while another thread, which saw none, is about to say that no timer is
 * needed; and has looked at the clock long before. */
static struct {
	struct faultq f;
	pthread_t thread;
	bool over; /* atomic */
} thief;

static void *take_one(void *unused)
{
	duekit_slow = duekit_now - 1;
	ck_assert_int_eq(ok(ioasid_faultq_read(thief.f.queue, fault, 1)), 1);
	__atomic_store_n(&thief.over, true, __ATOMIC_RELEASE);
	return unused;
}

static void let_one_be_taken(void)
{
	const uint32_t *lock = &thief.f.queue->deadline.lock.state;

	duekit_raise(&thief.f, 1, 1);
	ck_assert_int_eq(pthread_create(&thief.thread, NULL, take_one, NULL), 0);
	while (!__atomic_load_n(&thief.over, __ATOMIC_ACQUIRE) &&
		__atomic_load_n(lock, __ATOMIC_RELAXED) != LATCH_WANTED)
		sched_yield();
}

START_TEST(it_is_set_for_what_was_taken_while_another_thread_took_it_back)
{
	struct faultq *f = &thief.f;

	begin(f);
	ok(ioasid_faultq_get_fd(f->queue));
	duekit_raise(f, 0, 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(f->queue, fault, 1)), 1);
	ck_assert_uint_eq(set_to, 101 * SECOND);
	duekit_at_second(101);
	before_setting = let_one_be_taken;
	ck_assert_int_eq(ok(ioasid_faultq_read(f->queue, fault, 1)), 0);
	pthread_join(thief.thread, NULL);
	ck_assert_uint_eq(set_to, 102 * SECOND);
	duekit_end(f);
}
END_TEST

/* ---- descriptors ---- */

START_TEST(the_descriptor_is_readable_for_a_fault_and_for_a_deadline)
{
	struct faultq f;
	struct pollfd fd = {.events = POLLIN};

	faultq_begin(&f, (struct faultq_wish){.devices = 1,
				 .opts = IOASID_OPTS(ioasid_faultq_opts, .deadline_ns = SECOND / 50,
					 .deadline_code = IOASID_RESPONSE_INVALID)});
	fd.fd = ok(ioasid_faultq_get_fd(f.queue));
	ck_assert(!polls(&f));
	duekit_raise(&f, 0, 1);
	ck_assert_int_eq(poll(&fd, 1, -1), 1);
	/* a slow machine may have let the deadline pass by now: then there is nothing to read */
	while (ok(ioasid_faultq_read(f.queue, fault, 1)))
		;
	while (ok(ioasid_mock_pump(f.mock))) {
		ck_assert_int_eq(poll(&fd, 1, -1), 1);
		ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 0);
	}
	ck_assert_int_eq(duekit_transfer[0].dma.status, -EFAULT);
	ck_assert_uint_eq(faultq_stats(&f).expired, 1);
	/* the last read may have been just before the timer: one more takes it back */
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 0);
	ck_assert(!polls(&f));
	faultq_end(&f);
}
END_TEST

START_TEST(no_descriptor_no_queue)
{
	struct ioasid_mock *mock;
	struct ioasid_ctx *ctx;
	struct ioasid_faultq *queue = NULL;

	ok(ioasid_mock_new(NULL, &mock));
	ok(ioasid_mock_open(mock, &ctx));
	no_timers = !_i;
	no_sets = _i;
	fails(-EMFILE, "timer",
		ioasid_faultq_new(ctx, IOASID_OPTS(ioasid_faultq_opts, .deadline_ns = 1), &queue));
	no_timers = no_sets = false;
	ck_assert_ptr_null(queue);
	ok(ioasid_faultq_new(ctx, IOASID_OPTS(ioasid_faultq_opts, .deadline_ns = 1), &queue));
	ioasid_faultq_free(queue);
	ioasid_close(ctx);
	ioasid_mock_free(mock);
}
END_TEST

/* ---- the suite ---- */

static void add_timer(TCase *tcase)
{
	tcase_add_test(tcase, who_never_sleeps_sets_no_timer);
	tcase_add_test(tcase, who_takes_a_group_while_others_sleep_sets_it_for_them);
	tcase_add_test(tcase, it_is_set_once_a_deadline_however_many_groups_there_are);
	tcase_add_test(tcase, it_is_set_for_the_oldest_that_is_left);
	tcase_add_test(tcase, it_is_set_for_what_waits_behind_the_full_ring);
	tcase_add_test(tcase, an_answer_that_fails_sets_it_if_nobody_has);
	tcase_add_test(tcase, an_expiry_that_fails_sets_it_if_nobody_has);
	tcase_add_test(tcase, it_is_set_for_what_was_taken_while_another_thread_took_it_back);
	tcase_add_test(tcase, the_descriptor_is_readable_for_a_fault_and_for_a_deadline);
	tcase_add_loop_test(tcase, no_descriptor_no_queue, 0, 2);
}

int main(void)
{
	Suite *suite = suite_create("deadlines, timer");

	add_timer(support_case(suite, "timer"));
	return support_run(suite);
}
