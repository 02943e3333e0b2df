/* SPDX-License-Identifier: MIT */
/*
 * The fault ring under load: one thread raises groups, three or more take them, and each record
 * must come out once, whole, as it went in. Nothing is timed; a lost wake-up is a test that does
 * not end. The single steps are in test-ring.c, what the indices order is in stress-ring-order.c.
 */
#include "ringkit.h"
#include "stress.h"
#include "support.h"
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>

#define READERS  3
#define READ_MAX 256

struct load {
	struct ringkit kit;
	struct ringkit_ledger ledger;
	unsigned int group_max; /* of what is pushed */
	unsigned int read_max;  /* records a read asks for */
	unsigned int burst;     /* most records that are pushed before all were seen */
	bool poll;              /* sleep, and read once for each wake-up */
	sem_t stopped;
	sem_t go;
};

/*
 * The great run, for each place to begin: 50 million records; 2 million under ThreadSanitizer; at a
 * SUPPORT_SCALE of 1, as under valgrind, 200,000; at one of 2000 a thousand million, which is the
 * target stress-billion.
 */
#define GREAT         50000000
#define GREAT_TSAN    2000000
#define GREAT_SLOWEST 200000

static uint64_t great_records(void)
{
	return support_rounds(100) > 1 ? stress_records(GREAT, GREAT_TSAN) : GREAT_SLOWEST;
}

/* A million records before the indices pass 2^32 or 2^64, or half way where there are not so many:
 * no run is without the passage. */
static uint64_t start_of(uint64_t start, uint64_t records)
{
	const uint64_t before = 1000000;

	return records / 2 < before ? start + before - records / 2 : start;
}

static void load_open(struct load *load, const struct ringkit_plan *plan, uint64_t records)
{
	struct ringkit_plan near = *plan;

	near.start = start_of(plan->start, records);
	ringkit_open(&load->kit, &near);
	ringkit_ledger_open(&load->ledger, records);
	load->group_max = plan->group_max;
	load->read_max = READ_MAX;
	load->burst = plan->group_max * 5 / 2 + 35;
	sem_init(&load->stopped, 0, 0);
	sem_init(&load->go, 0, 0);
}

static void load_close(struct load *load)
{
	ringkit_ledger_assert(&load->ledger);
	ck_assert_uint_eq(pending_count(load->kit.producer.pending), 0);
	ck_assert_uint_eq(load->kit.producer.ring->deferred, 0);
	ringkit_ledger_close(&load->ledger);
	ringkit_close(&load->kit);
	sem_destroy(&load->stopped);
	sem_destroy(&load->go);
}

/* ---- the readers ---- */

static void rest(struct load *load)
{
	struct pollfd poller = {.fd = load->kit.ring.eventfd, .events = POLLIN};

	if (load->poll)
		poll(&poller, 1, -1);
	else
		sched_yield();
}

static void serve(struct load *load, struct ioasid_fault *faults, int got, uint64_t *next)
{
	unsigned int n = ringkit_deliver(&load->kit, faults, (unsigned int)got);

	if (n != (unsigned int)got)
		ringkit_ledger_fail(&load->ledger, "not to be delivered", faults[0].id);
	ringkit_ledger_enter(&load->ledger, faults, n, next);
	ringkit_answer(&load->kit, faults, n);
}

/* One read, and a rest where none or one read is all there is to do; false at the end. */
static bool read_once(struct load *load, struct ioasid_fault *faults, uint64_t *next)
{
	bool over = ringkit_is_over(&load->kit);
	int got = ringkit_take(&load->kit, faults, load->read_max);

	if (got > 0)
		serve(load, faults, got, next);
	if (got < 0) {
		ringkit_ledger_fail(&load->ledger, "read failed", (uint64_t)-got);
		ringkit_give_up(&load->kit);
		return false;
	}
	if (!got && over)
		return false;
	if (!got || load->poll)
		rest(load);
	return true;
}

static void *read_all(void *arg)
{
	struct ioasid_fault faults[READ_MAX];
	struct load *load = arg;
	uint64_t next = 0;

	while (read_once(load, faults, &next))
		;
	return NULL;
}

static void stop_here(void *arg)
{
	struct load *load = arg;

	sem_post(&load->stopped);
	sem_wait(&load->go);
}

/* Copies what is there first, and comes to claim it when all is over: then it is not there. */
static void *read_and_stop(void *arg)
{
	struct ioasid_fault faults[READ_MAX];
	struct load *load = arg;
	unsigned int needed;
	int got = 0;

	ringkit_before_claim_arg = load;
	ringkit_before_claim = stop_here;
	while (ringkit_before_claim && !got) {
		got = ring_read(&load->kit.ring, faults, READ_MAX, &needed);
		sched_yield();
	}
	if (got)
		ringkit_ledger_fail(&load->ledger, "a late claim was granted", (uint64_t)got);
	return NULL;
}

/* ---- the pusher ---- */

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void push_until(struct load *load, uint64_t *number, uint64_t end, uint64_t *random)
{
	while (*number < end) {
		uint64_t count = random_next(random) % load->group_max + 1;

		if (count > end - *number)
			count = end - *number;
		if (!ringkit_push(&load->kit, *number, (unsigned int)count))
			return;
		*number += count;
	}
}

static void push_all(struct load *load)
{
	uint64_t number = 0, random = 88172645463325252;

	push_until(load, &number, load->ledger.total, &random);
	producer_end(&load->kit.producer);
}

static void start_readers(struct load *load, pthread_t *threads, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_all, load), 0);
}

static void join_readers(pthread_t *threads, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}

static void run(const struct ringkit_plan *plan, uint64_t records, unsigned int readers)
{
	pthread_t threads[READERS];
	struct load load = {0};

	load_open(&load, plan, records);
	start_readers(&load, threads, readers);
	push_all(&load);
	join_readers(threads, readers);
	load_close(&load);
}

/* ---- the tests ---- */

static const uint64_t starts[] = {RINGKIT_BELOW_2_32, RINGKIT_BELOW_2_64};

START_TEST(three_readers_see_each_record_once)
{
	const struct ringkit_plan plan = {.records = 1024, .group_max = 64, .start = starts[_i]};

	run(&plan, great_records(), READERS);
}
END_TEST

START_TEST(a_single_reader_sees_each_record_once)
{
	const struct ringkit_plan plan = {
		.records = 1024, .group_max = 64, .start = starts[_i], .single = true};

	run(&plan, stress_records(10000000, 1000000), 1);
}
END_TEST

START_TEST(small_groups_are_seen_once)
{
	const struct ringkit_plan plan = {.records = 128, .group_max = 3, .start = starts[_i]};

	run(&plan, stress_records(4000000, 400000), READERS);
}
END_TEST

/* The ring is full most of the time, and groups may fill it alone. */
START_TEST(a_producer_that_is_always_ahead_loses_nothing)
{
	const struct ringkit_plan plan = {
		.records = 64, .group_max = 64, .start = starts[_i], .stock = 512};

	run(&plan, stress_records(10000000, 400000), READERS);
}
END_TEST

/* There is room in the ring, but not in the table of what is outstanding. */
START_TEST(a_full_table_loses_nothing)
{
	const struct ringkit_plan plan = {
		.records = 1024, .group_max = 2, .start = starts[_i], .outstanding = 7};

	run(&plan, stress_records(1000000, 100000), READERS);
}
END_TEST

START_TEST(a_reader_stopped_for_ever_holds_up_nobody)
{
	const struct ringkit_plan plan = {.records = 64, .group_max = 8, .start = starts[_i]};
	uint64_t number = 0, random = 1;
	pthread_t threads[READERS], stopped;
	struct load load = {0};

	load_open(&load, &plan, stress_records(4000000, 400000));
	ck_assert_int_eq(pthread_create(&stopped, NULL, read_and_stop, &load), 0);
	push_until(&load, &number, 40, &random);
	sem_wait(&load.stopped);
	start_readers(&load, threads, READERS);
	push_until(&load, &number, load.ledger.total, &random);
	producer_end(&load.kit.producer);
	join_readers(threads, READERS);
	sem_post(&load.go);
	ck_assert_int_eq(pthread_join(stopped, NULL), 0);
	load_close(&load);
}
END_TEST

/* Any length of time, so that the next record comes at any step of a reader on its way to sleep. */
static void pause_for(uint64_t turns)
{
	while (turns--)
		__asm__ volatile("" ::: "memory");
}

/* Nothing more comes before all of it was seen: who sleeps too well stays asleep. */
static void wait_until_seen(struct load *load, uint64_t end)
{
	while (__atomic_load_n(&load->ledger.seen, __ATOMIC_RELAXED) < end &&
		!__atomic_load_n(&load->kit.given_up, __ATOMIC_RELAXED))
		sched_yield();
}

static void push_bursts(struct load *load)
{
	uint64_t number = 0, end, random = 2463534242;

	while (number < load->ledger.total) {
		end = number + 1 + (random_next(&random) & 1 ? 0 : random % load->burst);
		if (end > load->ledger.total)
			end = load->ledger.total;
		push_until(load, &number, end, &random);
		wait_until_seen(load, end);
		pause_for(random % 4096);
	}
	producer_end(&load->kit.producer);
}

static void run_pollers(const struct ringkit_plan *plan, unsigned int n, unsigned int read_max)
{
	pthread_t threads[READERS];
	struct load load = {0};

	load_open(&load, plan, stress_records(1000000, 50000));
	load.read_max = read_max;
	load.poll = true;
	start_readers(&load, threads, n);
	push_bursts(&load);
	join_readers(threads, n);
	ck_assert_uint_gt(load.kit.producer.signals, 0);
	load_close(&load);
}

/* Alone, it is on its way to sleep whenever something comes. */
static const unsigned int pollers[] = {1, READERS};

/* Each wake-up reads one batch, which is less than what is there. */
START_TEST(pollers_miss_no_wake_up)
{
	const struct ringkit_plan plan = {
		.records = 64, .group_max = 2, .start = RINGKIT_BELOW_2_32};

	run_pollers(&plan, pollers[_i], 3);
}
END_TEST

/* The end of a burst waits behind a full ring, and nothing but its readers brings it in. */
START_TEST(pollers_miss_no_backlog)
{
	const struct ringkit_plan plan = {
		.records = 64, .group_max = 64, .start = RINGKIT_BELOW_2_64};

	run_pollers(&plan, pollers[_i], 64);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ring under load");
	TCase *great = support_case(suite, "great");
	TCase *load = support_case(suite, "load");
	TCase *sleep = support_case(suite, "sleep");

	tcase_add_loop_test(great, three_readers_see_each_record_once, 0, 2);
	tcase_add_loop_test(load, a_single_reader_sees_each_record_once, 0, 2);
	tcase_add_loop_test(load, small_groups_are_seen_once, 0, 2);
	tcase_add_loop_test(load, a_producer_that_is_always_ahead_loses_nothing, 0, 2);
	tcase_add_loop_test(load, a_full_table_loses_nothing, 0, 2);
	tcase_add_loop_test(load, a_reader_stopped_for_ever_holds_up_nobody, 0, 2);
	tcase_add_loop_test(sleep, pollers_miss_no_wake_up, 0, 2);
	tcase_add_loop_test(sleep, pollers_miss_no_backlog, 0, 2);
	return support_run(suite);
}
