/* SPDX-License-Identifier: MIT */
/*
 * The two locks of the library's own, beside what they stand for: whoever is alone is alone, those
 * who share see nothing change, whoever wants to be alone comes in though others never pause, and
 * nobody sleeps for ever. ThreadSanitizer looks on.
 */
#include "gate.h"
#include "latch.h"
#include "support.h"
#include <pthread.h>
#include <sched.h>
#include <time.h>

#define THREADS 4

struct crowd {
	struct gate gate;
	struct latch latch;
	unsigned long rounds;
	uint64_t pair[2]; /* equal, for all but who changes them */
	uint64_t changes;
	bool stop;
};

struct member {
	struct crowd *crowd;
	pthread_t thread;
	uint64_t done;
	unsigned int odd;
};

/* Not atomic, and not at once: who is not alone shows it. */
static void change(struct crowd *crowd)
{
	crowd->pair[0]++;
	crowd->changes++;
	crowd->pair[1]++;
}

static void run(struct crowd *crowd, struct member *member, void *(*const work[])(void *))
{
	for (unsigned int i = 0; i < THREADS; i++) {
		member[i] = (struct member){.crowd = crowd};
		ck_assert_int_eq(
			pthread_create(&member[i].thread, NULL, work[i % 2], &member[i]), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(member[i].thread, NULL), 0);
}

/* ---- the latch ---- */

static void *take_turns(void *arg)
{
	struct member *m = arg;

	for (unsigned long i = 0; i < m->crowd->rounds; i++) {
		latch_take(&m->crowd->latch);
		m->odd += m->crowd->pair[0] != m->crowd->pair[1];
		change(m->crowd);
		if (i % 64 == 0)
			sched_yield(); /* so that others come to wait */
		latch_release(&m->crowd->latch);
	}
	return NULL;
}

START_TEST(a_latch_lets_one_in_at_a_time)
{
	struct crowd crowd = {.rounds = support_rounds(50000)};
	struct member member[THREADS];

	run(&crowd, member, (void *(*const[])(void *)){take_turns, take_turns});
	for (unsigned int i = 0; i < THREADS; i++)
		ck_assert_uint_eq(member[i].odd, 0);
	ck_assert_uint_eq(crowd.changes, THREADS * crowd.rounds);
	ck_assert_uint_eq(crowd.pair[1], THREADS * crowd.rounds);
	ck_assert_uint_eq(crowd.latch.state, LATCH_FREE);
}
END_TEST

static void *take_once(void *arg)
{
	struct member *m = arg;

	latch_take(&m->crowd->latch);
	m->done++;
	latch_release(&m->crowd->latch);
	return NULL;
}

static void wait_until(const uint32_t *state, uint32_t value)
{
	while (__atomic_load_n(state, __ATOMIC_ACQUIRE) != value)
		sched_yield();
}

START_TEST(all_who_sleep_for_a_latch_are_woken)
{
	struct crowd crowd = {.rounds = 0};
	struct member member[THREADS];

	latch_take(&crowd.latch);
	for (unsigned int i = 0; i < THREADS; i++) {
		member[i] = (struct member){.crowd = &crowd};
		ck_assert_int_eq(pthread_create(&member[i].thread, NULL, take_once, &member[i]), 0);
	}
	wait_until(&crowd.latch.state, LATCH_WANTED);
	latch_release(&crowd.latch);
	for (unsigned int i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(member[i].thread, NULL), 0);
		ck_assert_uint_eq(member[i].done, 1);
	}
}
END_TEST

/* ---- the gate ---- */

static void *share(void *arg)
{
	struct member *m = arg;

	for (unsigned long i = 0; i < m->crowd->rounds; i++) {
		gate_enter(&m->crowd->gate);
		m->odd += m->crowd->pair[0] != m->crowd->pair[1];
		m->odd += m->crowd->gate.alone;
		if (i % 64 == 0)
			sched_yield();
		if (i % 2)
			gate_leave(&m->crowd->gate);
		else
			gate_leave_shared(&m->crowd->gate);
	}
	return NULL;
}

static void *be_alone(void *arg)
{
	struct member *m = arg;

	for (unsigned long i = 0; i < m->crowd->rounds / 8; i++) {
		gate_shut(&m->crowd->gate);
		m->odd += m->crowd->pair[0] != m->crowd->pair[1];
		m->odd += !m->crowd->gate.alone;
		change(m->crowd);
		gate_leave(&m->crowd->gate);
		m->done++;
	}
	return NULL;
}

START_TEST(a_gate_lets_many_in_or_one_alone)
{
	struct crowd crowd = {.rounds = support_rounds(40000)};
	struct member member[THREADS];

	gate_init(&crowd.gate);
	run(&crowd, member, (void *(*const[])(void *)){share, be_alone});
	for (unsigned int i = 0; i < THREADS; i++)
		ck_assert_uint_eq(member[i].odd, 0);
	ck_assert_uint_eq(crowd.changes, member[1].done + member[3].done);
	ck_assert_uint_eq(crowd.gate.state, 0);
	gate_destroy(&crowd.gate);
}
END_TEST

START_TEST(two_share_a_gate_at_a_time)
{
	struct gate gate;

	gate_init(&gate);
	gate_enter(&gate);
	gate_enter(&gate); /* would wait for ever */
	ck_assert_uint_eq(gate.state, 2);
	gate_leave(&gate);
	gate_leave_shared(&gate);
	gate_shut(&gate);
	ck_assert(gate.alone);
	gate_leave(&gate);
	ck_assert(!gate.alone);
	ck_assert_uint_eq(gate.state, 0);
	gate_destroy(&gate);
}
END_TEST

static void *be_alone_once(void *arg)
{
	struct member *m = arg;

	gate_shut(&m->crowd->gate);
	m->done++;
	gate_leave(&m->crowd->gate);
	return NULL;
}

/* It sleeps by then, in most rounds at least. */
START_TEST(the_last_one_to_leave_wakes_who_wants_to_be_alone)
{
	struct crowd crowd = {.rounds = 20};
	struct timespec moment = {.tv_nsec = 1000000};

	gate_init(&crowd.gate);
	for (unsigned long i = 0; i < crowd.rounds; i++) {
		struct member m = {.crowd = &crowd};

		gate_enter(&crowd.gate);
		ck_assert_int_eq(pthread_create(&m.thread, NULL, be_alone_once, &m), 0);
		wait_until(&crowd.gate.state, GATE_SHUT | 1);
		nanosleep(&moment, NULL);
		if (i % 2)
			gate_leave(&crowd.gate);
		else
			gate_leave_shared(&crowd.gate);
		ck_assert_int_eq(pthread_join(m.thread, NULL), 0);
		ck_assert_uint_eq(m.done, 1);
	}
	gate_destroy(&crowd.gate);
}
END_TEST

/* Inside all the time: the next one comes in before the last one leaves. */
static void *share_without_pause(void *arg)
{
	struct member *m = arg;

	while (!__atomic_load_n(&m->crowd->stop, __ATOMIC_RELAXED)) {
		gate_enter(&m->crowd->gate);
		for (unsigned int i = 0; i < 16; i++)
			sched_yield();
		gate_leave(&m->crowd->gate);
		m->done++;
	}
	return NULL;
}

START_TEST(those_who_never_pause_do_not_keep_one_out_who_wants_to_be_alone)
{
	struct crowd crowd = {.rounds = support_rounds(200)};
	struct member member[THREADS];

	gate_init(&crowd.gate);
	for (unsigned int i = 0; i < THREADS; i++) {
		member[i] = (struct member){.crowd = &crowd};
		ck_assert_int_eq(
			pthread_create(&member[i].thread, NULL, share_without_pause, &member[i]),
			0);
	}
	for (unsigned long i = 0; i < crowd.rounds; i++) {
		gate_shut(&crowd.gate);
		change(&crowd);
		gate_leave(&crowd.gate);
	}
	__atomic_store_n(&crowd.stop, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(member[i].thread, NULL), 0);
	ck_assert_uint_eq(crowd.gate.state, 0);
	gate_destroy(&crowd.gate);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("locks");
	TCase *tcase = support_case(suite, "one and many");

	tcase_add_test(tcase, a_latch_lets_one_in_at_a_time);
	tcase_add_test(tcase, all_who_sleep_for_a_latch_are_woken);
	tcase_add_test(tcase, a_gate_lets_many_in_or_one_alone);
	tcase_add_test(tcase, two_share_a_gate_at_a_time);
	tcase_add_test(tcase, the_last_one_to_leave_wakes_who_wants_to_be_alone);
	tcase_add_test(tcase, those_who_never_pause_do_not_keep_one_out_who_wants_to_be_alone);
	return support_run(suite);
}
