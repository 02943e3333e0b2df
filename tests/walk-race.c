/* SPDX-License-Identifier: MIT */
/*
 * Walks on two threads while the guest takes the page away and puts it back on a third: what is
 * taken away stays away, whatever is just being marked, and a walk tells one of the two pages or
 * that there is none.
 */
#include "walk.h"
#include <pthread.h>
#include <sched.h>

#define GOOD UINT64_C(7) /* present, writable, the user's */
#define ONE  (UINT64_C(0x111000) | GOOD)
#define TWO  (UINT64_C(0x222000) | GOOD)

#define WALKERS 2

struct race {
	struct walkkit kit; /* its words; each thread has a kit of its own around them */
	uint64_t *entry;
	struct walk_context context;
	unsigned int walkers; /* that are not done */
};

/* Between the reading of an entry and its mark is where it hurts, and little time. */
static void let_others_run(struct walkkit *kit, uint64_t addr)
{
	(void)kit, (void)addr;
	sched_yield();
}

static void *walk_it(void *arg)
{
	struct race *race = arg;
	struct walkkit kit = race->kit;
	uintptr_t strange = 0;

	kit.on_change = let_others_run;
	for (unsigned long round = support_rounds(200000); round; round--) {
		struct walk_answer answer = walk_now(&kit, &race->context, 0x123, WRITE);
		uint64_t page = answer.addr & ~UINT64_C(0xfff);

		if (answer.fault ? answer.fault != TRANSLATION
				 : page != (ONE & ~GOOD) && page != (TWO & ~GOOD))
			strange++;
	}
	__atomic_sub_fetch(&race->walkers, 1, __ATOMIC_RELAXED);
	return (void *)strange;
}

static void change_it(struct race *race)
{
	uint64_t page = ONE, was;

	while (__atomic_load_n(&race->walkers, __ATOMIC_RELAXED)) {
		was = __atomic_exchange_n(race->entry, page, __ATOMIC_ACQ_REL);
		if (was)
			ck_abort_msg("0x%llx came back", (unsigned long long)was);
		was = __atomic_exchange_n(race->entry, 0, __ATOMIC_ACQ_REL);
		if ((was & ~UINT64_C(0x60)) != page)
			ck_abort_msg("0x%llx was there", (unsigned long long)was);
		page ^= ONE ^ TWO;
	}
}

START_TEST(an_entry_that_is_taken_away_stays_away)
{
	struct race race = {.walkers = WALKERS};
	struct ioasid_pgtable table = {
		.format = IOASID_PGTABLE_VTD_S1, .addr = TABLE(0), .addr_width = 48};
	pthread_t thread[WALKERS];
	void *strange;

	walkkit_begin(&race.kit, BASE, 4);
	for (unsigned int i = 0; i < 3; i++)
		*walkkit_word(&race.kit, TABLE(i)) = TABLE(i + 1) | GOOD;
	race.entry = walkkit_word(&race.kit, TABLE(3));
	ck_assert_int_eq(walk_context_of(&table, &race.context), 0);
	for (unsigned int i = 0; i < WALKERS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, walk_it, &race), 0);
	change_it(&race);
	for (unsigned int i = 0; i < WALKERS; i++) {
		ck_assert_int_eq(pthread_join(thread[i], &strange), 0);
		ck_assert_uint_eq((uintptr_t)strange, 0);
	}
	walkkit_end(&race.kit);
}
END_TEST

void walk_race_suite(Suite *suite)
{
	TCase *tcase = support_case(suite, "race");

	tcase_add_test(tcase, an_entry_that_is_taken_away_stays_away);
}
