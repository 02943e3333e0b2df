/* SPDX-License-Identifier: MIT */
/*
 * Deadlines of faults: who looks, what is answered, what stays, and when the timer is set. The
 * clock is the test's own, but where somebody sleeps. The table's part is in test-pending-due.c,
 * threads are in test-deadline-threads.c, the kernel's descriptor is in test-fill-due.c.
 */
#include "core.h"
#include "faultq.h"
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#define SECOND UINT64_C(1000000000)

/* ---- the clock, and the timer ---- */

int __real_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now);
int __real_timerfd_settime(
	int fd, int flags, const struct itimerspec *when, struct itimerspec *was);
int __wrap_timerfd_settime(
	int fd, int flags, const struct itimerspec *when, struct itimerspec *was);
int __real_timerfd_create(int id, int flags);
int __wrap_timerfd_create(int id, int flags);
int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);

static uint64_t at;                 /* what time it is, ns; 0: what the machine says */
static _Thread_local uint64_t slow; /* for a thread that looked at the clock and then had to wait */
static unsigned int settings;
static uint64_t set_to;
static void (*before_setting)(void); /* once */
static bool no_timers, no_sets;

int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
	uint64_t is = slow ? slow : at;

	if (!is)
		return __real_clock_gettime(id, now);
	*now = (struct timespec){.tv_sec = (time_t)(is / SECOND), .tv_nsec = (long)(is % SECOND)};
	return 0;
}

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

static void at_second(uint64_t second)
{
	at = second * SECOND;
}

/* ---- a queue whose groups have a second ---- */

static struct faultq_transfer transfer[256];
static struct ioasid_fault fault[256];

static void begin(struct faultq *f, uint32_t code)
{
	at_second(100);
	settings = 0;
	faultq_begin(f, (struct faultq_wish){.devices = 2,
				.credits = 128,
				.opts = IOASID_OPTS(ioasid_faultq_opts, .records = 64,
					.deadline_ns = SECOND, .deadline_code = code)});
}

static void end(struct faultq *f)
{
	faultq_end(f);
	at = 0;
}

/* Faults of so many pages, of a group each. */
static void raise_some(struct faultq *f, unsigned int first, unsigned int n)
{
	for (unsigned int i = first; i < first + n; i++)
		faultq_start(f, &transfer[i], 0, i, 1);
	ok(ioasid_mock_pump(f->mock));
}

static bool polls(struct faultq *f)
{
	struct pollfd fd = {.fd = ok(ioasid_faultq_get_fd(f->queue)), .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

/* ---- who looks ---- */

static int by_expire(struct faultq *f)
{
	return ioasid_faultq_expire(f->queue) == 1 ? 0 : -1;
}

static int by_read(struct faultq *f)
{
	return ioasid_faultq_read(f->queue, fault, 1);
}

static int by_wait(struct faultq *f)
{
	/* the record is in the ring still; the read will skip it */
	return ioasid_faultq_wait(f->queue, 0) < 0 ? -1 : 0;
}

static int by_complete(struct faultq *f)
{
	return ioasid_faultq_complete(f->queue, NULL, 0);
}

static int (*const looks[])(struct faultq *) = {by_expire, by_read, by_wait, by_complete};

#define LOOKS ((int)(sizeof(looks) / sizeof(looks[0])))

START_TEST(whoever_looks_answers_what_is_overdue)
{
	struct faultq f;

	begin(&f, IOASID_RESPONSE_INVALID);
	raise_some(&f, 0, 1);
	at_second(101);
	ck_assert_int_eq(looks[_i](&f), 0);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	ck_assert_int_eq(transfer[0].dma.status, -EFAULT);
	ck_assert_uint_eq(faultq_stats(&f).expired, 1);
	ck_assert_uint_eq(faultq_stats(&f).outstanding, 0);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 0);
	end(&f);
}
END_TEST

START_TEST(nobody_answers_what_has_time)
{
	struct faultq f;

	begin(&f, IOASID_RESPONSE_INVALID);
	raise_some(&f, 0, 1);
	at += SECOND - 1;
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 0);
	ck_assert_int_eq(ok(ioasid_faultq_wait(f.queue, 0)), 1);
	ck_assert_int_eq(ok(ioasid_faultq_complete(f.queue, NULL, 0)), 0);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	ck_assert_int_eq(faultq_answer(&f, fault[0].id, IOASID_RESPONSE_INVALID, NULL), 1);
	ck_assert_uint_eq(faultq_stats(&f).expired, 0);
	ok(ioasid_mock_pump(f.mock));
	end(&f);
}
END_TEST

/* ---- what is answered ---- */

START_TEST(the_code_is_the_queues)
{
	static const struct {
		uint32_t code;
		int status;
	} codes[] = {
		{IOASID_RESPONSE_SUCCESS, 0},
		{IOASID_RESPONSE_INVALID, -EFAULT},
		{IOASID_RESPONSE_FAILURE, -EIO},
	};
	struct faultq f;

	begin(&f, codes[_i].code);
	raise_some(&f, 0, 1);
	faultq_map(&f, 0); /* who may ask again finds it */
	at_second(102);
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	ck_assert_int_eq(transfer[0].dma.status, codes[_i].status);
	end(&f);
}
END_TEST

START_TEST(what_was_read_is_answered_as_well)
{
	struct faultq f;
	uint64_t id;

	begin(&f, IOASID_RESPONSE_INVALID);
	raise_some(&f, 0, 2);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	at_second(101);
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 2);
	fails(-ESTALE, "before", faultq_answer(&f, fault[0].id, IOASID_RESPONSE_SUCCESS, NULL));
	fails(-ENOENT, "nothing", ioasid_faultq_find(f.queue, 0x100, NONE, fault[0].group, &id));
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 0);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	end(&f);
}
END_TEST

START_TEST(only_the_oldest_are_overdue)
{
	struct faultq f;

	begin(&f, IOASID_RESPONSE_INVALID);
	raise_some(&f, 0, 100);
	at += SECOND / 2;
	raise_some(&f, 100, 3);
	at += SECOND / 2;
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 100);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 3);
	at += SECOND / 2;
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 3);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	end(&f);
}
END_TEST

/* The answer was there when somebody looked. */
START_TEST(a_late_answer_counts_if_it_is_the_first_to_look)
{
	struct faultq f;

	begin(&f, IOASID_RESPONSE_INVALID);
	raise_some(&f, 0, 2);
	faultq_map(&f, 0);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 2)), 2);
	at_second(105);
	ck_assert_int_eq(faultq_answer(&f, fault[0].id, IOASID_RESPONSE_SUCCESS, NULL), 1);
	ck_assert_uint_eq(faultq_stats(&f).answered, 1);
	ck_assert_uint_eq(faultq_stats(&f).expired, 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	ck_assert_int_eq(transfer[0].dma.status, 0);
	ck_assert_int_eq(transfer[1].dma.status, -EFAULT);
	end(&f);
}
END_TEST

START_TEST(what_waits_behind_the_full_ring_is_no_exception)
{
	struct faultq f;

	begin(&f, IOASID_RESPONSE_INVALID);
	raise_some(&f, 0, 70);
	at += SECOND / 2;
	raise_some(&f, 70, 10);
	ck_assert_uint_eq(faultq_stats(&f).waiting, 16);
	at += SECOND / 2;
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 70);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 10);
	ck_assert_uint_eq(faultq_stats(&f).waiting, 10);
	ck_assert_uint_eq(faultq_stats(&f).expired, 70);
	/* the dead ones are in the ring still, and nobody sees them */
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 64)), 10);
	ck_assert_uint_eq(fault[0].addr, 70 * PAGE);
	at += SECOND / 2;
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 10);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	end(&f);
}
END_TEST

/* Half of the slots are of cancellations that nobody has seen, the others of what was taken. */
START_TEST(what_waits_for_a_slot_comes_in_as_others_are_overdue)
{
	struct faultq f;

	at_second(100);
	faultq_begin(&f, (struct faultq_wish){.devices = 2,
				 .credits = 8,
				 .opts = IOASID_OPTS(ioasid_faultq_opts, .records = 64,
					 .max_outstanding = 16, .deadline_ns = SECOND)});
	for (unsigned int i = 0; i < 16; i++)
		faultq_start(&f, &transfer[i], i / 8, i, 1);
	ok(ioasid_mock_pump(f.mock));
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 64)), 16);
	ok(ioasid_attachment_detach(f.route[0]));
	ok(ioasid_device_attach(f.device[0], f.space, NULL, &f.route[0]));
	at += SECOND / 2;
	raise_some(&f, 16, 8);
	ck_assert_uint_eq(faultq_stats(&f).waiting, 8);
	at += SECOND / 2;
	ck_assert_int_eq(faultq_answer(&f, fault[0].id, IOASID_RESPONSE_SUCCESS, NULL), -ESTALE);
	ck_assert_uint_eq(faultq_stats(&f).expired, 8);
	ck_assert_uint_eq(faultq_stats(&f).waiting, 0);
	ck_assert_uint_eq(faultq_stats(&f).outstanding, 8);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 64)), 16);
	ck_assert_uint_eq(fault[15].addr, 23 * PAGE);
	end(&f);
}
END_TEST

START_TEST(what_could_not_be_answered_has_another_deadline)
{
	struct faultq f;

	begin(&f, IOASID_RESPONSE_INVALID);
	raise_some(&f, 0, 1);
	at_second(101);
	ok(ioasid_mock_fail(f.mock, IOASID_MOCK_OP_ANSWER, 1, -EIO));
	fails(-EIO, "overdue", ioasid_faultq_expire(f.queue));
	ck_assert_uint_eq(faultq_stats(&f).outstanding, 1);
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 0);
	at_second(102);
	ok(ioasid_mock_fail(f.mock, IOASID_MOCK_OP_ANSWER, 1, -EIO));
	/* who only looks in passing is not told */
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	at_second(103);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 0);
	ck_assert_uint_eq(faultq_stats(&f).expired, 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	end(&f);
}
END_TEST

START_TEST(some_that_fail_do_not_hide_those_that_were_answered)
{
	struct faultq f;

	begin(&f, IOASID_RESPONSE_INVALID);
	raise_some(&f, 0, 3);
	at_second(101);
	ok(ioasid_mock_fail(f.mock, IOASID_MOCK_OP_ANSWER, 1, -EIO));
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 2);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 1);
	at_second(102);
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	end(&f);
}
END_TEST

START_TEST(an_answer_that_fails_leaves_the_deadline_as_it_was)
{
	struct faultq f;

	begin(&f, IOASID_RESPONSE_INVALID);
	raise_some(&f, 0, 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	ok(ioasid_mock_fail(f.mock, IOASID_MOCK_OP_ANSWER, 1, -EIO));
	fails(-EIO, "entry 0", faultq_answer(&f, fault[0].id, IOASID_RESPONSE_SUCCESS, NULL));
	at_second(101);
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	end(&f);
}
END_TEST

START_TEST(without_a_deadline_nothing_expires)
{
	struct faultq f;

	at_second(100);
	faultq_begin(&f, (struct faultq_wish){.devices = 1});
	raise_some(&f, 0, 1);
	at_second(1000000);
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 0);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	ck_assert_int_eq(f.queue->deadline.timer, -1);
	ck_assert_int_eq(ok(ioasid_faultq_get_fd(f.queue)), f.queue->is.pollfd);
	ck_assert_int_eq(faultq_answer(&f, fault[0].id, IOASID_RESPONSE_INVALID, NULL), 1);
	ok(ioasid_mock_pump(f.mock));
	end(&f);
}
END_TEST

/* ---- the timer ---- */

START_TEST(who_never_sleeps_sets_no_timer)
{
	struct faultq f;

	begin(&f, IOASID_RESPONSE_INVALID);
	for (unsigned int i = 0; i < 20; i++) {
		raise_some(&f, i, 1);
		ck_assert_int_eq(ok(ioasid_faultq_wait(f.queue, 0)), 1);
		ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
		ck_assert_int_eq(faultq_answer(&f, fault[0].id, IOASID_RESPONSE_INVALID, NULL), 1);
		ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 0);
		ck_assert_int_eq(ok(ioasid_faultq_wait(f.queue, 0)), 0);
		at += SECOND / 3;
	}
	ck_assert_uint_eq(settings, 0);
	ok(ioasid_mock_pump(f.mock));
	end(&f);
}
END_TEST

/* They may not be woken by it any more. */
START_TEST(who_takes_a_group_while_others_sleep_sets_it_for_them)
{
	struct faultq f;

	begin(&f, IOASID_RESPONSE_INVALID);
	raise_some(&f, 0, 2);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	ck_assert_uint_eq(settings, 0);
	deadline_enter(f.queue);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	ck_assert_uint_eq(settings, 1);
	ck_assert_uint_eq(set_to, 101 * SECOND);
	deadline_leave(f.queue);
	end(&f);
}
END_TEST

START_TEST(it_is_set_once_a_deadline_however_many_groups_there_are)
{
	struct faultq f;

	begin(&f, IOASID_RESPONSE_INVALID);
	ck_assert(!polls(&f));
	ck_assert_uint_eq(settings, 0);
	for (unsigned int i = 0; i < 100; i++) {
		raise_some(&f, i, 1);
		ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
		ck_assert_int_eq(faultq_answer(&f, fault[0].id, IOASID_RESPONSE_INVALID, NULL), 1);
		ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 0);
		at += SECOND / 1000;
	}
	ck_assert_uint_eq(settings, 1);
	ck_assert_uint_eq(set_to, 101 * SECOND);
	/* it is over, and nothing is outstanding */
	at_second(101);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 0);
	ck_assert_uint_eq(settings, 2);
	ck_assert_uint_eq(set_to, 0);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 0);
	ck_assert_uint_eq(settings, 2);
	ok(ioasid_mock_pump(f.mock));
	end(&f);
}
END_TEST

START_TEST(it_is_set_for_the_oldest_that_is_left)
{
	struct faultq f;

	begin(&f, IOASID_RESPONSE_INVALID);
	raise_some(&f, 0, 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	ck_assert(polls(&f) || set_to == 101 * SECOND);
	ck_assert_uint_eq(set_to, 101 * SECOND);
	at += SECOND / 2;
	raise_some(&f, 1, 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	at += SECOND / 2;
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 0);
	ck_assert_uint_eq(faultq_stats(&f).expired, 1);
	ck_assert_uint_eq(set_to, 101 * SECOND + SECOND / 2);
	ck_assert_uint_eq(settings, 2);
	end(&f);
}
END_TEST

START_TEST(it_is_set_for_what_waits_behind_the_full_ring)
{
	struct faultq f;

	begin(&f, IOASID_RESPONSE_INVALID);
	raise_some(&f, 0, 70);
	for (unsigned int i = 0; i < 64; i++) {
		uint64_t id;

		ok(ioasid_faultq_find(f.queue, 0x100, NONE, i, &id));
		at += 1;
		ck_assert_int_eq(faultq_answer(&f, id, IOASID_RESPONSE_INVALID, NULL), 1);
	}
	ck_assert_uint_eq(faultq_stats(&f).waiting, 6);
	ok(ioasid_faultq_get_fd(f.queue));
	ck_assert_uint_eq(set_to, 101 * SECOND);
	ok(ioasid_mock_pump(f.mock));
	end(&f);
}
END_TEST

START_TEST(an_answer_that_fails_sets_it_if_nobody_has)
{
	struct faultq f;

	begin(&f, IOASID_RESPONSE_INVALID);
	ok(ioasid_faultq_get_fd(f.queue));
	raise_some(&f, 0, 1);
	/* another thread has taken it, and lost it again */
	f.queue->deadline.polled = false;
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	f.queue->deadline.polled = true;
	ck_assert_uint_eq(settings, 0);
	ok(ioasid_mock_fail(f.mock, IOASID_MOCK_OP_ANSWER, 1, -EIO));
	fails(-EIO, "entry 0", faultq_answer(&f, fault[0].id, IOASID_RESPONSE_SUCCESS, NULL));
	ck_assert_uint_eq(set_to, 101 * SECOND);
	/* and it is not set before the next try, so that nobody spins */
	at_second(101);
	ok(ioasid_mock_fail(f.mock, IOASID_MOCK_OP_ANSWER, 1, -EIO));
	ck_assert_int_eq(ok(ioasid_faultq_complete(f.queue, NULL, 0)), 0);
	ck_assert_uint_eq(set_to, 102 * SECOND);
	end(&f);
}
END_TEST

/* Its answer failed on one thread while another, woken by the timer, found nothing to wait for. */
START_TEST(an_expiry_that_fails_sets_it_if_nobody_has)
{
	struct faultq f;

	begin(&f, IOASID_RESPONSE_INVALID);
	raise_some(&f, 0, 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	f.queue->deadline.polled = true;
	ck_assert_uint_eq(settings, 0);
	at_second(101);
	ok(ioasid_mock_fail(f.mock, IOASID_MOCK_OP_ANSWER, 1, -EIO));
	fails(-EIO, "overdue", ioasid_faultq_expire(f.queue));
	ck_assert_uint_eq(set_to, 102 * SECOND);
	end(&f);
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
	slow = at - 1;
	ck_assert_int_eq(ok(ioasid_faultq_read(thief.f.queue, fault, 1)), 1);
	__atomic_store_n(&thief.over, true, __ATOMIC_RELEASE);
	return unused;
}

static void let_one_be_taken(void)
{
	const uint32_t *lock = &thief.f.queue->deadline.lock.state;

	raise_some(&thief.f, 1, 1);
	ck_assert_int_eq(pthread_create(&thief.thread, NULL, take_one, NULL), 0);
	while (!__atomic_load_n(&thief.over, __ATOMIC_ACQUIRE) &&
		__atomic_load_n(lock, __ATOMIC_RELAXED) != LATCH_WANTED)
		sched_yield();
}

START_TEST(it_is_set_for_what_was_taken_while_another_thread_took_it_back)
{
	struct faultq *f = &thief.f;

	begin(f, IOASID_RESPONSE_INVALID);
	ok(ioasid_faultq_get_fd(f->queue));
	raise_some(f, 0, 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(f->queue, fault, 1)), 1);
	ck_assert_uint_eq(set_to, 101 * SECOND);
	at_second(101);
	before_setting = let_one_be_taken;
	ck_assert_int_eq(ok(ioasid_faultq_read(f->queue, fault, 1)), 0);
	pthread_join(thief.thread, NULL);
	ck_assert_uint_eq(set_to, 102 * SECOND);
	end(f);
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
	raise_some(&f, 0, 1);
	ck_assert_int_eq(poll(&fd, 1, -1), 1);
	/* a slow machine may have let the deadline pass by now: then there is nothing to read */
	while (ok(ioasid_faultq_read(f.queue, fault, 1)))
		;
	while (ok(ioasid_mock_pump(f.mock))) {
		ck_assert_int_eq(poll(&fd, 1, -1), 1);
		ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 0);
	}
	ck_assert_int_eq(transfer[0].dma.status, -EFAULT);
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

static void add_answers(TCase *tcase)
{
	tcase_add_loop_test(tcase, whoever_looks_answers_what_is_overdue, 0, LOOKS);
	tcase_add_test(tcase, nobody_answers_what_has_time);
	tcase_add_loop_test(tcase, the_code_is_the_queues, 0, 3);
	tcase_add_test(tcase, what_was_read_is_answered_as_well);
	tcase_add_test(tcase, only_the_oldest_are_overdue);
	tcase_add_test(tcase, a_late_answer_counts_if_it_is_the_first_to_look);
	tcase_add_test(tcase, what_waits_behind_the_full_ring_is_no_exception);
	tcase_add_test(tcase, what_waits_for_a_slot_comes_in_as_others_are_overdue);
	tcase_add_test(tcase, what_could_not_be_answered_has_another_deadline);
	tcase_add_test(tcase, some_that_fail_do_not_hide_those_that_were_answered);
	tcase_add_test(tcase, an_answer_that_fails_leaves_the_deadline_as_it_was);
	tcase_add_test(tcase, without_a_deadline_nothing_expires);
}

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
	Suite *suite = suite_create("deadlines");

	add_answers(support_case(suite, "answers"));
	add_timer(support_case(suite, "timer"));
	return support_run(suite);
}
