/* SPDX-License-Identifier: MIT */
/*
 * The table of outstanding groups among threads: of all who would hand out or end a group, one
 * does, whatever the others try meanwhile; and who only looks sees what is there. Single steps are
 * in test-pending.c.
 */
#include "pending.h"
#include "support.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define RACERS 3
#define RACE   512

static struct pending *table;

static uint64_t raise_numbered(uint32_t number)
{
	const struct pending_group known = {.label = 1, .group = number, .cookie = 1000 + number};

	return pending_raise(table, &known);
}

struct race {
	pthread_barrier_t barrier;
	uint64_t ids[RACE];
	unsigned long rounds;
	unsigned char claims[RACERS][RACE];
	unsigned char cancels[RACE];
	unsigned char delivers[RACERS][RACE];
};

struct racer {
	struct race *race;
	unsigned int number;
};

/* Number 0 cancels, the others claim; all of them deliver first, where it is still to be done. */
static void race_for(const struct racer *racer, unsigned int i)
{
	struct race *race = racer->race;
	uint64_t cookie = 0, id = race->ids[i];

	race->delivers[racer->number][i] = (i & 1) && pending_deliver(table, id);
	if (!racer->number)
		race->cancels[i] = pending_cancel(table, id);
	else
		race->claims[racer->number][i] = !pending_claim(table, id, &cookie);
	if (race->claims[racer->number][i] && cookie != 1000 + i)
		race->claims[racer->number][i] = 2;
}

static void *race_all(void *arg)
{
	const struct racer *racer = arg;

	for (unsigned long round = 0; round < racer->race->rounds; round++) {
		pthread_barrier_wait(&racer->race->barrier);
		for (unsigned int i = 0; i < RACE; i++)
			race_for(racer, racer->number & 1 ? i : RACE - 1 - i);
		pthread_barrier_wait(&racer->race->barrier);
	}
	return NULL;
}

/* What is wrong with the outcome; NULL: nothing. No assertion a group: they are slow. */
static const char *judge(struct race *race, unsigned int i)
{
	unsigned int claims = 0, delivers = 0, cancels = race->cancels[i];
	uint64_t cookie, id = race->ids[i];

	for (unsigned int r = 0; r < RACERS; r++) {
		claims += race->claims[r][i];
		delivers += race->delivers[r][i];
	}
	if (delivers > 1)
		return "delivered twice";
	if (claims + cancels > 1)
		return "ended twice, or the cookie of another";
	/* neither is right if it was cancelled before anybody had it */
	if (!claims && !cancels && delivers)
		return "delivered, and not ended";
	if (claims)
		pending_retire(table, id, PENDING_ANSWERED, 0);
	if (pending_dismiss(table, id) != cancels)
		return "not as its cancellation said";
	return pending_claim(table, id, &cookie) == -ESTALE ? NULL : "not over";
}

static void run_race(struct race *race)
{
	const char *wrong = NULL;

	for (unsigned int i = 0; i < RACE; i++)
		race->ids[i] = raise_numbered(i);
	pthread_barrier_wait(&race->barrier);
	pthread_barrier_wait(&race->barrier);
	while (pending_has_untold(table))
		pending_tell(table);
	for (unsigned int i = 0; i < RACE && !wrong; i++)
		wrong = judge(race, i);
	ck_assert_msg(!wrong, "%s", wrong);
	ck_assert_uint_eq(pending_count(table), 0);
}

START_TEST(of_all_who_would_end_a_group_one_does)
{
	static struct race race;
	struct racer racers[RACERS];
	pthread_t threads[RACERS];

	table = pending_new(RACE, 0);
	race.rounds = support_rounds(10000);
	pthread_barrier_init(&race.barrier, NULL, RACERS + 1);
	for (unsigned int r = 0; r < RACERS; r++) {
		racers[r] = (struct racer){.race = &race, .number = r};
		ck_assert_int_eq(pthread_create(&threads[r], NULL, race_all, &racers[r]), 0);
	}
	for (unsigned long round = 0; round < race.rounds; round++)
		run_race(&race);
	for (unsigned int r = 0; r < RACERS; r++)
		pthread_join(threads[r], NULL);
	pthread_barrier_destroy(&race.barrier);
	pending_free(table);
}
END_TEST

/* ---- a life of groups: one thread raises and cancels, others answer, and let expire ---- */

#define LIVES  64 /* slots */
#define ROUTES 4

struct life {
	unsigned long groups;
	unsigned char *ends; /* of each: how often it was ended; atomic */
	uint64_t ids[LIVES]; /* where an answerer finds some; atomic */
	unsigned int wrong;  /* atomic */
	bool over;           /* atomic */
};

static void note_end(struct life *life, uint64_t cookie)
{
	__atomic_fetch_add(&life->ends[cookie], 1, __ATOMIC_RELAXED);
}

/* Every other one that is overdue cannot be answered and is put off. */
static void *let_expire(void *arg)
{
	struct life *life = arg;
	struct pending_claim claims[5];
	uint64_t turn = 0;

	while (!__atomic_load_n(&life->over, __ATOMIC_ACQUIRE)) {
		unsigned int n = pending_overdue(table, 1000, claims, 5);

		for (unsigned int i = 0; i < n; i++) {
			if (turn++ % 2) {
				pending_postpone(table, &claims[i], 0);
				continue;
			}
			note_end(life, claims[i].cookie);
			pending_retire(table, claims[i].id, PENDING_EXPIRED, 1000);
		}
		sched_yield();
	}
	return NULL;
}

static void *answer_some(void *arg)
{
	struct life *life = arg;
	uint64_t turn = 0;

	while (!__atomic_load_n(&life->over, __ATOMIC_ACQUIRE)) {
		uint64_t cookie, id = __atomic_load_n(&life->ids[turn % LIVES], __ATOMIC_RELAXED);

		pending_deliver(table, id);
		if (turn++ % 3 || pending_claim(table, id, &cookie))
			continue;
		if (turn % 2) {
			pending_unclaim(table, id);
			continue;
		}
		note_end(life, cookie);
		pending_retire(table, id, PENDING_ANSWERED, 1000);
	}
	return NULL;
}

/* The reader of cancellations, too. */
static void cancel_some(struct life *life, uint32_t route)
{
	struct pending_group group;

	pending_cancel_route(table, 1, route);
	while (pending_has_untold(table)) {
		pending_untold(table, &group);
		pending_tell(table);
		if (!pending_dismiss(table, group.id))
			__atomic_fetch_add(&life->wrong, 1, __ATOMIC_RELAXED);
	}
}

static uint64_t live(struct life *life, unsigned long number)
{
	const struct pending_group known = {.label = number % 7,
		.group = (uint32_t)(number % 5),
		.device = 1,
		.route = (uint32_t)(number % ROUTES),
		.cookie = number,
		.time = number % 2000};
	uint64_t id = pending_raise(table, &known);

	if (id)
		__atomic_store_n(&life->ids[id & 0xffff], id, __ATOMIC_RELAXED);
	return id;
}

static void raise_all(struct life *life)
{
	unsigned long number = 0;

	while (number < life->groups) {
		if (live(life, number))
			number++;
		else
			sched_yield();
		if (number % 256 == 0)
			cancel_some(life, (uint32_t)(number / 256 % ROUTES));
	}
}

START_TEST(each_group_is_ended_once_by_an_answer_its_deadline_or_a_detach)
{
	struct life life = {.groups = support_rounds(60000)};
	struct pending_stats stats;
	unsigned long ended = 0;
	pthread_t threads[3];

	table = pending_new(LIVES, 10);
	life.ends = calloc(life.groups, 1);
	ck_assert_int_eq(pthread_create(&threads[0], NULL, let_expire, &life), 0);
	ck_assert_int_eq(pthread_create(&threads[1], NULL, answer_some, &life), 0);
	ck_assert_int_eq(pthread_create(&threads[2], NULL, answer_some, &life), 0);
	raise_all(&life);
	__atomic_store_n(&life.over, true, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	for (uint32_t route = 0; route < ROUTES; route++)
		cancel_some(&life, route);
	pending_stats(table, &stats);
	for (unsigned long i = 0; i < life.groups; i++) {
		ended += life.ends[i];
		life.wrong += life.ends[i] > 1;
	}
	ck_assert_uint_eq(life.wrong, 0);
	ck_assert_uint_eq(stats.outstanding, 0);
	ck_assert_uint_eq(stats.ended[PENDING_ANSWERED] + stats.ended[PENDING_EXPIRED], ended);
	ck_assert_uint_eq(stats.ended[PENDING_CANCELLED], life.groups - ended);
	ck_assert_uint_eq(pending_due(table, 0), PENDING_NEVER);
	for (unsigned int i = 0; i < LIVES; i++)
		ck_assert_uint_ne(raise_numbered(i), 0);
	free(life.ends);
	pending_free(table);
}
END_TEST

/* ---- looks, while slots come and go in every chain ---- */

#define STAY 16

struct look {
	uint64_t ids[STAY]; /* of groups that are there all the time, named 1000 and so on */
	unsigned long found;
	unsigned long wrong;
	bool over; /* atomic */
};

static void look_once(struct look *look)
{
	bool met[STAY] = {false};
	struct pending_group group;
	uint64_t cursor = 0, id = 0;

	for (uint32_t i = 0; i < STAY; i++) {
		look->wrong += pending_find(table, 1, 0, 1000 + i, &id) || id != look->ids[i];
		look->found++;
	}
	while (pending_next(table, &cursor, &group)) {
		/* each of its members follows from the index */
		look->wrong += group.cookie != 1000 + group.group || group.addr != group.cookie;
		if (group.group >= 1000 && group.group < 1000 + STAY)
			met[group.group - 1000] = true;
	}
	for (unsigned int i = 0; i < STAY; i++)
		look->wrong += !met[i];
}

static void *look_all_the_time(void *arg)
{
	struct look *look = arg;

	while (!__atomic_load_n(&look->over, __ATOMIC_ACQUIRE))
		look_once(look);
	return NULL;
}

static uint64_t raise_index(uint32_t index)
{
	const struct pending_group known = {
		.label = 1, .group = index, .cookie = 1000 + index, .addr = 1000 + index};

	return pending_raise(table, &known);
}

START_TEST(who_is_there_all_the_time_is_found_each_time)
{
	struct look look = {.over = false};
	unsigned long rounds = support_rounds(40000);
	uint64_t cookie, ids[STAY];
	pthread_t thread;

	table = pending_new(2 * STAY, 0);
	for (uint32_t i = 0; i < STAY; i++)
		look.ids[i] = raise_index(1000 + i);
	ck_assert_int_eq(pthread_create(&thread, NULL, look_all_the_time, &look), 0);
	for (unsigned long round = 0; round < rounds; round++) {
		for (uint32_t i = 0; i < STAY; i++)
			ids[i] = raise_index((uint32_t)(round * STAY + i) % 1000);
		for (uint32_t i = 0; i < STAY; i++) {
			ck_assert_int_eq(pending_claim(table, ids[i], &cookie), 0);
			pending_retire(table, ids[i], PENDING_ANSWERED, 0);
		}
	}
	__atomic_store_n(&look.over, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(look.wrong, 0);
	ck_assert_uint_gt(look.found, 0);
	pending_free(table);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pending, races");
	TCase *tcase = support_case(suite, "threads");

	tcase_add_test(tcase, of_all_who_would_end_a_group_one_does);
	tcase_add_test(tcase, each_group_is_ended_once_by_an_answer_its_deadline_or_a_detach);
	tcase_add_test(tcase, who_is_there_all_the_time_is_found_each_time);
	return support_run(suite);
}
