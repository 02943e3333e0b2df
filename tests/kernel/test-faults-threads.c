/* SPDX-License-Identifier: MIT */
/*
 * Page requests over a real kernel's fault queue with many at it: one thread raises, one reads from
 * a poll() of its own, one sleeps in the library, and routes move meanwhile. Who sleeps through a
 * fault never ends.
 */
#include "guest.h"
#include "relay.h"
#include <poll.h>
#include <pthread.h>
#include <sched.h>

#define MANY 10000

struct traffic {
	struct relay r;
	bool moving;
	bool over;             /* atomic */
	unsigned int answered; /* atomic */
	unsigned int wrong;    /* atomic */
};

/* What the kernel ends before anybody has read it, nobody counts: only what is left tells. */
static bool has_open(struct traffic *t, unsigned int more_than)
{
	struct ioasid_faultq_stats stats = relay_stats(&t->r);

	return stats.outstanding + stats.waiting > more_than;
}

static void *raise_many(void *arg)
{
	struct traffic *t = arg;

	for (unsigned int i = 0; i < MANY; i++) {
		relay_raise(&t->r, 0, i);
		while (has_open(t, 100))
			sched_yield();
	}
	__atomic_store_n(&t->over, true, __ATOMIC_RELEASE);
	return NULL;
}

static void serve(struct traffic *t, const struct ioasid_fault *one)
{
	int got;

	if (one->flags & IOASID_FAULT_CANCELLED)
		return;
	got = relay_answer(&t->r, one->id, IOASID_RESPONSE_SUCCESS);
	/* one that a move has ended may come to the answer only after the close */
	if (got != 1 && !(t->moving && (got == -ESTALE || got == -ENODEV)))
		__atomic_fetch_add(&t->wrong, 1, __ATOMIC_RELAXED);
	if (got == 1)
		__atomic_fetch_add(&t->answered, 1, __ATOMIC_RELAXED);
}

/* One that polls the descriptor itself: who sleeps through a fault never ends. */
static void *read_polling(void *arg)
{
	struct traffic *t = arg;
	struct pollfd fd = {.fd = ioasid_faultq_get_fd(t->r.queue), .events = POLLIN};
	struct ioasid_fault batch[16];
	int n = 0;

	while (n >= 0 && poll(&fd, 1, -1) >= 0)
		while ((n = ioasid_faultq_read(t->r.queue, batch, 16)) > 0)
			for (int i = 0; i < n; i++)
				serve(t, &batch[i]);
	return NULL;
}

static void *read_waiting(void *arg)
{
	struct traffic *t = arg;
	struct ioasid_fault batch[16];
	int n;

	while (ioasid_faultq_wait(t->r.queue, -1) >= 0) {
		n = ioasid_faultq_read(t->r.queue, batch, 16);
		for (int i = 0; i < n; i++)
			serve(t, &batch[i]);
	}
	return NULL;
}

static bool is_done(struct traffic *t)
{
	return __atomic_load_n(&t->over, __ATOMIC_ACQUIRE) && !relay_polls(&t->r) &&
	       !has_open(t, 0);
}

/* So that not all of them are ended. */
static void wait_for_an_answer(struct traffic *t)
{
	unsigned int before = __atomic_load_n(&t->answered, __ATOMIC_RELAXED);

	while (!is_done(t) && __atomic_load_n(&t->answered, __ATOMIC_RELAXED) == before)
		sched_yield();
}

/* From one guest's table to another's and back; page requests stay on all the time. */
static void move_until_done(struct traffic *t)
{
	struct ioasid_space *other = relay_other(&t->r, t->r.queue);

	while (!is_done(t)) {
		wait_for_an_answer(t);
		ok(ioasid_attachment_replace(t->r.above[0], other));
		wait_for_an_answer(t);
		ok(ioasid_attachment_replace(t->r.above[0], t->r.giova));
	}
	relay_drop(other);
}

static void run_traffic(struct traffic *t, bool moving)
{
	pthread_t raiser, poller, waiter;

	memset(t, 0, sizeof(*t));
	t->moving = moving;
	relay_begin(&t->r, IOASID_OPTS(ioasid_faultq_opts, .records = 64, .max_outstanding = 128));
	pthread_create(&poller, NULL, read_polling, t);
	pthread_create(&waiter, NULL, read_waiting, t);
	pthread_create(&raiser, NULL, raise_many, t);
	if (moving)
		move_until_done(t);
	while (!is_done(t))
		sched_yield();
	pthread_join(raiser, NULL);
	ck_assert_uint_eq(relay_stats(&t->r).outstanding, 0);
	relay_close(&t->r);
	pthread_join(poller, NULL);
	pthread_join(waiter, NULL);
	relay_release(&t->r);
}

START_TEST(nobody_sleeps_through_a_fault)
{
	static struct traffic t;

	run_traffic(&t, false);
	ck_assert_uint_eq(t.wrong, 0);
	ck_assert_uint_eq(t.answered, MANY);
}
END_TEST

START_TEST(while_routes_move_each_is_answered_or_stale)
{
	static struct traffic t;

	run_traffic(&t, true);
	ck_assert_uint_eq(t.wrong, 0);
	ck_assert_uint_gt(t.answered, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("page requests on a real kernel, threads");
	TCase *tcase = guest_case(suite, "many");

	tcase_add_test(tcase, nobody_sleeps_through_a_fault);
	tcase_add_test(tcase, while_routes_move_each_is_answered_or_stale);
	guest_run(suite);
}
