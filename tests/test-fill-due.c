/* SPDX-License-Identifier: MIT */
/*
 * A kernel's fault queue whose groups may be overdue, or late: what is written to the kernel then,
 * and that it is written once. The clock is the test's own where it is asked for. The rest of
 * deadlines is in test-deadline.c, of policies in test-faultq-late.c.
 */
#include "fillkit.h"
#include <pthread.h>
#include <sched.h>
#include <time.h>

#define ROOM   256
#define SECOND UINT64_C(1000000000)

static struct ioasid_fault fault[ROOM];

int __real_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now);

static uint64_t at; /* what time it is, ns; 0: what the machine says */

int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
	if (!at)
		return __real_clock_gettime(id, now);
	*now = (struct timespec){.tv_sec = (time_t)(at / SECOND), .tv_nsec = (long)(at % SECOND)};
	return 0;
}

/* Groups have a second, the ring has room for 64. */
static void begin(struct fillkit *f, uint32_t code)
{
	at = 100 * SECOND;
	fillkit_begin(
		f, (struct fillkit_wish){.opts = IOASID_OPTS(ioasid_faultq_opts, .records = 64,
						 .deadline_ns = SECOND, .deadline_code = code)});
}

static void end(struct fillkit *f)
{
	ck_assert_uint_eq(fillkit_kernel.unknown, 0);
	fillkit_end(f);
	at = 0;
}

/* ---- overdue ---- */

START_TEST(what_is_overdue_is_answered_as_the_queue_says)
{
	static const struct {
		uint32_t code;
		enum fillkit_fate fate;
	} codes[] = {
		{IOASID_RESPONSE_SUCCESS, SUCCEEDED}, {IOASID_RESPONSE_INVALID, REFUSED},
		{IOASID_RESPONSE_FAILURE, REFUSED}, /* the kernel has no such code */
	};
	struct fillkit f;

	begin(&f, codes[_i].code);
	fillkit_raise_many(0, 0, 50);
	fillkit_read(&f, fault, 20, 20);
	at += SECOND;
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 50);
	ck_assert_uint_eq(fillkit_count(codes[_i].fate), 50);
	ck_assert_uint_eq(fillkit_kernel.writes, 1);
	ck_assert_uint_eq(fillkit_stats(&f).expired, 50);
	fails(-ESTALE, "before", fillkit_answer(&f, fault[0].id, IOASID_RESPONSE_SUCCESS));
	fillkit_read(&f, fault, ROOM, 0);
	end(&f);
}
END_TEST

/* It has been in the kernel for long, and nobody had asked. */
START_TEST(time_runs_from_when_a_group_was_fetched)
{
	struct fillkit f;

	begin(&f, IOASID_RESPONSE_INVALID);
	fillkit_raise_many(0, 0, 3);
	at += 10 * SECOND;
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 0);
	fillkit_read(&f, fault, ROOM, 3);
	at += SECOND - 1;
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 0);
	at += 1;
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 3);
	end(&f);
}
END_TEST

START_TEST(what_waits_for_room_is_overdue_too_and_then_the_kernel_is_watched_again)
{
	struct fillkit f;

	begin(&f, IOASID_RESPONSE_INVALID);
	fillkit_raise_many(0, 0, 100);
	ck_assert_int_eq(ok(ioasid_faultq_wait(f.queue, 0)), 1);
	ck_assert_uint_eq(fillkit_stats(&f).waiting, 36);
	ck_assert(fillkit_aside(&f));
	at += SECOND;
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 100);
	ck_assert_uint_eq(fillkit_count(REFUSED), 100);
	ck_assert_uint_eq(fillkit_stats(&f).expired, 100);
	ck_assert(!fillkit_aside(&f));
	/* the ring is full of what is over, and makes way */
	fillkit_raise_many(0, 200, 10);
	fillkit_read(&f, fault, ROOM, 10);
	ck_assert_uint_eq(fault[0].addr, 200 * 4096);
	at += SECOND;
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 10);
	end(&f);
}
END_TEST

START_TEST(what_the_kernel_has_ended_did_not_expire)
{
	struct fillkit f;

	begin(&f, IOASID_RESPONSE_INVALID);
	fillkit_raise_many(0, 0, 5);
	fillkit_read(&f, fault, ROOM, 5);
	fillkit_forget(0);
	fillkit_forget(3);
	at += SECOND;
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 3);
	ck_assert_uint_eq(fillkit_count(REFUSED), 3);
	ck_assert_uint_eq(fillkit_stats(&f).expired, 3);
	ck_assert_uint_eq(fillkit_stats(&f).cancelled, 2);
	ck_assert_uint_eq(fillkit_stats(&f).outstanding, 0);
	fillkit_kernel.unknown = 0; /* those two */
	end(&f);
}
END_TEST

/* There was nothing left to do, which is no failure. */
START_TEST(to_find_that_the_kernel_has_ended_all_is_no_error)
{
	struct fillkit f;

	begin(&f, IOASID_RESPONSE_INVALID);
	fillkit_raise_many(0, 0, 2);
	fillkit_read(&f, fault, ROOM, 2);
	fillkit_forget(0);
	fillkit_forget(1);
	at += SECOND;
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 0);
	ck_assert_uint_eq(fillkit_stats(&f).expired, 0);
	ck_assert_uint_eq(fillkit_stats(&f).cancelled, 2);
	ck_assert_uint_eq(fillkit_stats(&f).outstanding, 0);
	fillkit_kernel.unknown = 0; /* those two */
	end(&f);
}
END_TEST

START_TEST(a_short_write_is_resumed)
{
	struct fillkit f;

	begin(&f, IOASID_RESPONSE_INVALID);
	fillkit_kernel.at_most = 7;
	fillkit_raise_many(0, 0, 60);
	fillkit_read(&f, fault, ROOM, 60);
	at += SECOND;
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 60);
	ck_assert_uint_eq(fillkit_count(REFUSED), 60);
	end(&f);
}
END_TEST

/* ---- late ---- */

START_TEST(what_finds_no_room_is_answered_by_the_queues_policy)
{
	static const struct {
		uint32_t late;
		enum fillkit_fate fate;
	} policies[] = {
		{IOASID_FAULTQ_LATE_SUCCESS, SUCCEEDED},
		{IOASID_FAULTQ_LATE_INVALID, REFUSED},
	};
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){.opts = IOASID_OPTS(ioasid_faultq_opts,
							.records = 64, .late = policies[_i].late)});
	fillkit_raise_many(0, 0, 100);
	fillkit_read(&f, fault, ROOM, 64);
	ck_assert_uint_eq(fillkit_count(policies[_i].fate), 36);
	ck_assert_uint_eq(fillkit_stats(&f).late, 36);
	ck_assert_uint_eq(fillkit_stats(&f).raised, 100);
	ck_assert_uint_eq(fillkit_stats(&f).waiting, 0);
	ck_assert(!fillkit_aside(&f));
	for (unsigned int i = 0; i < 64; i++) {
		ck_assert_uint_eq(fault[i].addr, i * 4096);
		ck_assert_int_eq(fillkit_answer(&f, fault[i].id, IOASID_RESPONSE_SUCCESS), 1);
	}
	end(&f);
}
END_TEST

/* ---- all at once ---- */

#define TOTAL 6000

struct crowd {
	struct fillkit f;
	unsigned long answered; /* atomic, and so are all */
	unsigned long expired;
	bool over;
};

static bool is_over(struct crowd *c)
{
	return __atomic_load_n(&c->over, __ATOMIC_ACQUIRE);
}

static void *expire(void *arg)
{
	struct crowd *c = arg;

	while (!is_over(c)) {
		__atomic_fetch_add(&c->expired, (unsigned long)ok(ioasid_faultq_expire(c->f.queue)),
			__ATOMIC_RELAXED);
		sched_yield();
	}
	return NULL;
}

static void *answer(void *arg)
{
	struct crowd *c = arg;
	struct ioasid_fault some[8];

	while (!is_over(c)) {
		int n = ok(ioasid_faultq_read(c->f.queue, some, 8));

		for (int i = 0; i < n; i++)
			if (!(some[i].flags & IOASID_FAULT_CANCELLED) &&
				fillkit_answer(&c->f, some[i].id, IOASID_RESPONSE_SUCCESS) == 1)
				__atomic_fetch_add(&c->answered, 1, __ATOMIC_RELAXED);
		sched_yield();
	}
	return NULL;
}

static void *come_and_go(void *arg)
{
	struct crowd *c = arg;

	while (!is_over(c)) {
		ok(ioasid_attachment_detach(c->f.route[1]));
		ok(ioasid_device_attach(c->f.device[1], c->f.space, NULL, &c->f.route[1]));
		sched_yield();
	}
	return NULL;
}

/* More than there is room for, so that some wait, and the batch they wait in is used again. */
static void raise_all(void)
{
	for (unsigned int i = 0; i < support_rounds(TOTAL); i++) {
		fillkit_raise(&(struct fillkit_group){
			.device = i % 2, .index = i % 512, .addr = (uint64_t)i * 4096});
		while (fillkit_open() > 200)
			sched_yield();
	}
	while (fillkit_open())
		sched_yield();
}

START_TEST(of_a_deadline_an_answer_and_a_detach_one_reaches_the_kernel)
{
	static struct crowd c;
	void *(*const jobs[])(void *) = {expire, answer, answer, come_and_go};
	struct ioasid_faultq_stats stats;
	pthread_t threads[4];

	at = 0;
	c = (struct crowd){.over = false};
	fillkit_begin(&c.f, (struct fillkit_wish){.devices = 2,
				    .opts = IOASID_OPTS(ioasid_faultq_opts, .records = 64,
					    .deadline_ns = SECOND / 10000,
					    .deadline_code = IOASID_RESPONSE_INVALID)});
	for (unsigned int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, jobs[i], &c), 0);
	raise_all();
	__atomic_store_n(&c.over, true, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	stats = fillkit_stats(&c.f);
	ck_assert_uint_eq(fillkit_kernel.unknown, 0);
	ck_assert_uint_eq(stats.outstanding + stats.waiting, 0);
	ck_assert_uint_eq(stats.answered, c.answered);
	ck_assert_uint_ge(stats.expired, c.expired);
	ck_assert_uint_eq(stats.raised, stats.answered + stats.expired + stats.cancelled);
	ck_assert_uint_eq(fillkit_count(SUCCEEDED), stats.answered);
	end(&c.f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fault queue over iommufd, overdue and late");
	TCase *tcase = support_case(suite, "due");

	tcase_add_loop_test(tcase, what_is_overdue_is_answered_as_the_queue_says, 0, 3);
	tcase_add_test(tcase, time_runs_from_when_a_group_was_fetched);
	tcase_add_test(
		tcase, what_waits_for_room_is_overdue_too_and_then_the_kernel_is_watched_again);
	tcase_add_test(tcase, what_the_kernel_has_ended_did_not_expire);
	tcase_add_test(tcase, to_find_that_the_kernel_has_ended_all_is_no_error);
	tcase_add_test(tcase, a_short_write_is_resumed);
	tcase_add_loop_test(tcase, what_finds_no_room_is_answered_by_the_queues_policy, 0, 2);
	tcase_add_test(tcase, of_a_deadline_an_answer_and_a_detach_one_reaches_the_kernel);
	return support_run(suite);
}
