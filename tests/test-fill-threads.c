/* SPDX-License-Identifier: MIT */
/*
 * A kernel's fault queue with many at it: a device that raises, readers that sleep in the library
 * or in a poll() of their own, others that answer, routes that move. One thread at a time reads the
 * kernel, nobody sleeps through a fault (or this program never ends), each group is seen once and
 * answered once, and no answer reaches a group that the kernel has ended.
 */
#include "fillkit.h"
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define READERS 4
#define ROUNDS  8000
#define AHEAD   150 /* groups that may be open, more than there is room for */
#define BATCH   16

struct service {
	struct fillkit f;
	int total;
	bool moving;
	unsigned char seen[ROUNDS]; /* atomic, by address */
	uint64_t left[READERS]; /* atomic: a group that its reader leaves to the answerer, or 0 */
	bool over;              /* atomic */
	unsigned int wrong;     /* atomic */
	unsigned int answered;  /* atomic */
};

static void note(struct service *s, bool wrong)
{
	if (wrong)
		__atomic_fetch_add(&s->wrong, 1, __ATOMIC_RELAXED);
}

/* While routes move, a group may end before it is answered. */
static void answer(struct service *s, uint64_t id)
{
	int got = fillkit_answer(&s->f, id, IOASID_RESPONSE_SUCCESS);

	note(s, got != 1 && !(s->moving && got == -ESTALE) && got != -ENODEV);
	if (got == 1)
		__atomic_fetch_add(&s->answered, 1, __ATOMIC_RELAXED);
}

/* Every other one is left to another thread, if that has none of this reader's yet. */
static void serve(struct service *s, unsigned int reader, const struct ioasid_fault *fault)
{
	uint64_t none = 0;

	if (fault->flags & IOASID_FAULT_CANCELLED)
		return;
	note(s, __atomic_fetch_add(&s->seen[fault->addr / 4096], 1, __ATOMIC_RELAXED));
	if (fault->addr / 4096 % 2 && __atomic_compare_exchange_n(&s->left[reader], &none,
					      fault->id, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		return;
	answer(s, fault->id);
}

/* Negative: it is over. */
static int sleep_until_something(struct service *s, bool in_poll)
{
	struct pollfd fd = {.fd = ioasid_faultq_get_fd(s->f.queue), .events = POLLIN};

	if (!in_poll) {
		int got = ioasid_faultq_wait(s->f.queue, -1);

		/* another reader may be quicker, but no time is over */
		ck_assert_int_ne(got, 0);
		return got;
	}
	return fd.fd < 0 ? fd.fd : poll(&fd, 1, -1);
}

struct reader {
	struct service *service;
	unsigned int number;
	pthread_t thread;
};

static void *read_all(void *arg)
{
	struct reader *reader = arg;
	struct service *s = reader->service;
	struct ioasid_fault batch[BATCH];
	int n = 0;

	while (n >= 0 && sleep_until_something(s, reader->number % 2) >= 0)
		while ((n = ioasid_faultq_read(s->f.queue, batch, BATCH)) > 0)
			for (int i = 0; i < n; i++)
				serve(s, reader->number, &batch[i]);
	return NULL;
}

static void *answer_all(void *arg)
{
	struct service *s = arg;

	while (!__atomic_load_n(&s->over, __ATOMIC_RELAXED)) {
		for (unsigned int i = 0; i < READERS; i++) {
			uint64_t id = __atomic_exchange_n(&s->left[i], 0, __ATOMIC_ACQUIRE);

			if (id)
				answer(s, id);
		}
		sched_yield();
	}
	return NULL;
}

/* One that found nobody to tell is a group all the same. */
static void *raise_all(void *arg)
{
	struct service *s = arg;

	for (int i = 0; i < s->total; i++) {
		fillkit_raise(&(struct fillkit_group){
			.index = (uint32_t)i % 512, .addr = (uint64_t)i * 4096});
		while (fillkit_open() > AHEAD)
			sched_yield();
	}
	while (fillkit_open())
		sched_yield();
	__atomic_store_n(&s->over, true, __ATOMIC_RELEASE);
	return NULL;
}

static void start_readers(struct service *s, struct reader *reader)
{
	for (unsigned int i = 0; i < READERS; i++) {
		reader[i].service = s;
		reader[i].number = i;
		pthread_create(&reader[i].thread, NULL, read_all, &reader[i]);
	}
}

static bool is_over(struct service *s)
{
	return __atomic_load_n(&s->over, __ATOMIC_ACQUIRE);
}

/* So that not all of them are ended. */
static void wait_for_an_answer(struct service *s)
{
	unsigned int before = __atomic_load_n(&s->answered, __ATOMIC_RELAXED);

	while (!is_over(s) && __atomic_load_n(&s->answered, __ATOMIC_RELAXED) == before)
		sched_yield();
}

/* There and back, until all that was raised is answered. */
static void move_routes(struct service *s)
{
	ok(ioasid_space_new(
		s->f.ctx, IOASID_OPTS(ioasid_space_opts, .faults = s->f.queue), &s->f.other));
	while (!is_over(s)) {
		wait_for_an_answer(s);
		ok(ioasid_attachment_replace(s->f.route[0], s->f.other));
		wait_for_an_answer(s);
		ok(ioasid_attachment_replace(s->f.route[0], s->f.space));
		ok(ioasid_attachment_detach(s->f.route[0]));
		ok(ioasid_device_attach(s->f.device[0], s->f.space, NULL, &s->f.route[0]));
	}
}

static void serve_all(struct service *s, bool moving)
{
	struct reader reader[READERS];
	pthread_t raiser, answerer;

	s->moving = moving;
	s->total = (int)support_rounds(ROUNDS);
	fillkit_begin(
		&s->f, (struct fillkit_wish){.opts = IOASID_OPTS(ioasid_faultq_opts, .records = 64,
						     .group_max = 1, .max_outstanding = 100)});
	start_readers(s, reader);
	pthread_create(&answerer, NULL, answer_all, s);
	pthread_create(&raiser, NULL, raise_all, s);
	if (moving)
		move_routes(s);
	pthread_join(raiser, NULL);
	pthread_join(answerer, NULL);
	fillkit_close(&s->f);
	for (unsigned int i = 0; i < READERS; i++)
		pthread_join(reader[i].thread, NULL);
	fillkit_release(&s->f);
}

START_TEST(nobody_sleeps_through_a_fault_and_one_reads_the_kernel)
{
	struct service *s = calloc(1, sizeof(*s));

	serve_all(s, false);
	ck_assert_uint_eq(s->wrong, 0);
	for (int i = 0; i < s->total; i++)
		ck_assert_uint_eq(s->seen[i], 1);
	ck_assert_int_eq((int)fillkit_count(SUCCEEDED), s->total);
	ck_assert_uint_eq(fillkit_kernel.together, 1);
	ck_assert_uint_eq(fillkit_kernel.unknown, 0);
	free(s);
}
END_TEST

START_TEST(while_routes_move_no_answer_is_late)
{
	struct service *s = calloc(1, sizeof(*s));

	serve_all(s, true);
	ck_assert_uint_eq(s->wrong, 0);
	ck_assert_uint_eq(fillkit_kernel.unknown, 0);
	ck_assert_uint_eq(fillkit_kernel.together, 1);
	ck_assert_uint_gt(fillkit_count(SUCCEEDED), 0);
	free(s);
}
END_TEST

/* The other half of the same, step by step: the second comes when the first one has the requests
 * in its hands. */
static void come_too_late(void *arg)
{
	struct ioasid_fault late;
	struct fillkit *f = arg;

	fillkit_read(f, &late, 1, 0);
	ck_assert(!fillkit_polls(f));
	ck_assert_int_eq(ok(ioasid_faultq_wait(f->queue, 0)), 0);
}

START_TEST(who_comes_while_another_reads_is_woken)
{
	struct ioasid_fault fault;
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){0});
	fillkit_raise_many(0, 0, 2);
	fillkit_while_reading_arg = &f;
	fillkit_while_reading = come_too_late;
	fillkit_read(&f, &fault, 1, 1);
	ck_assert(!fillkit_while_reading);
	/* the second request is for the one who went to sleep */
	ck_assert(fillkit_polls(&f));
	fillkit_read(&f, &fault, 1, 1);
	ck_assert_uint_eq(fault.addr, 4096);
	fillkit_end(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fault queue over iommufd, threads");
	TCase *tcase = support_case(suite, "many");

	tcase_add_test(tcase, who_comes_while_another_reads_is_woken);
	tcase_add_test(tcase, nobody_sleeps_through_a_fault_and_one_reads_the_kernel);
	tcase_add_test(tcase, while_routes_move_no_answer_is_late);
	return support_run(suite);
}
