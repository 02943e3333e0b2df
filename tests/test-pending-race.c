/* SPDX-License-Identifier: MIT */
/*
 * The table of outstanding groups among threads: of all who would hand out or end a group, one
 * does, whatever the others try meanwhile. Single steps are in test-pending.c.
 */
#include "pending.h"
#include "support.h"
#include <errno.h>
#include <pthread.h>

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
		pending_retire(table, id);
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

	table = pending_new(RACE);
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

int main(void)
{
	Suite *suite = suite_create("pending, races");

	tcase_add_test(support_case(suite, "threads"), of_all_who_would_end_a_group_one_does);
	return support_run(suite);
}
