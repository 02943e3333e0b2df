/* SPDX-License-Identifier: MIT */
/*
 * The table of outstanding groups, asked for many at a time: which are overdue, which are of a
 * route that ends, and what is counted of those that ended. Times are numbers here: no clock is
 * read.
 */
#include "pendingkit.h"
#include <errno.h>

#define DEADLINE 100

static void set_up_due(void)
{
	table = pending_new(SLOTS, DEADLINE);
	ck_assert_ptr_nonnull(table);
}

static uint64_t raise_at(uint64_t time, uint64_t cookie)
{
	const struct pending_group known = {.label = 1, .time = time, .cookie = cookie};
	uint64_t id = pending_raise(table, &known);

	ck_assert_uint_ne(id, 0);
	return id;
}

static struct pending_claim claims[SLOTS];

static unsigned int overdue(uint64_t now)
{
	return pending_overdue(table, now, claims, SLOTS);
}

static struct pending_stats stats(void)
{
	struct pending_stats now;

	pending_stats(table, &now);
	return now;
}

/* ---- overdue ---- */

START_TEST(what_is_due_is_claimed_in_the_order_it_was_raised)
{
	uint64_t first = raise_at(10, 71), second = raise_at(20, 72);

	raise_at(30, 73);
	ck_assert(pending_deliver(table, second));
	ck_assert_uint_eq(overdue(109), 0);
	ck_assert_uint_eq(overdue(120), 2);
	ck_assert_uint_eq(claims[0].id, first);
	ck_assert_uint_eq(claims[0].cookie, 71);
	ck_assert_uint_eq(claims[1].id, second);
	ck_assert_uint_eq(claims[1].cookie, 72);
	ck_assert_uint_eq(overdue(120), 0);
	ck_assert_uint_eq(overdue(1000), 1);
}
END_TEST

START_TEST(no_more_are_claimed_than_there_is_room_for)
{
	for (uint64_t i = 0; i < 5; i++)
		raise_at(i, i);
	ck_assert_uint_eq(pending_overdue(table, 1000, claims, 3), 3);
	ck_assert_uint_le(pending_due_hint(table), 103);
	ck_assert_uint_eq(pending_overdue(table, 1000, claims, 3), 2);
	ck_assert_uint_eq(claims[0].cookie, 3);
	ck_assert_uint_eq(pending_due_hint(table), PENDING_NEVER);
}
END_TEST

START_TEST(who_was_answered_is_never_overdue)
{
	uint64_t first = raise_at(10, 0), second = raise_at(20, 0);

	answer(first);
	ck_assert_uint_eq(pending_due(table, 0), 120);
	answer(second);
	ck_assert_uint_eq(pending_due(table, 0), PENDING_NEVER);
	ck_assert_uint_eq(pending_due_hint(table), PENDING_NEVER);
	ck_assert_uint_eq(overdue(PENDING_NEVER), 0);
}
END_TEST

START_TEST(who_was_cancelled_is_never_overdue)
{
	uint64_t first = raise_at(10, 0), second = raise_at(20, 0);

	ck_assert(pending_deliver(table, second));
	ck_assert(!pending_cancel(table, first));
	ck_assert(pending_cancel(table, second));
	ck_assert_uint_eq(pending_due(table, 0), PENDING_NEVER);
	ck_assert_uint_eq(overdue(1000), 0);
}
END_TEST

START_TEST(the_hint_is_never_late)
{
	uint64_t first;

	ck_assert_uint_eq(pending_due_hint(table), PENDING_NEVER);
	first = raise_at(10, 0);
	ck_assert_uint_eq(pending_due_hint(table), 110);
	raise_at(20, 0);
	ck_assert_uint_eq(pending_due_hint(table), 110);
	answer(first);
	ck_assert_uint_le(pending_due_hint(table), 120);
	ck_assert_uint_eq(overdue(115), 0);
	ck_assert_uint_eq(pending_due_hint(table), 120);
}
END_TEST

/* Its answerer has it in hands; then it is either ended, or overdue at once. */
START_TEST(who_is_being_answered_is_overdue_only_if_that_fails)
{
	uint64_t cookie, first = raise_at(10, 1);

	raise_at(20, 2);
	ck_assert_int_eq(pending_claim(table, first, &cookie), 0);
	ck_assert_uint_eq(pending_due(table, 50), 110);
	ck_assert_uint_eq(pending_due(table, 115), 120);
	ck_assert_uint_eq(overdue(115), 0);
	ck_assert_uint_eq(pending_due_hint(table), 120);
	pending_unclaim(table, first);
	ck_assert_uint_eq(pending_due_hint(table), 110);
	ck_assert_uint_eq(overdue(115), 1);
	ck_assert_uint_eq(claims[0].id, first);
}
END_TEST

START_TEST(who_was_claimed_for_its_deadline_is_nobody_elses)
{
	uint64_t cookie, id = raise_at(10, 0);

	ck_assert_uint_eq(overdue(110), 1);
	ck_assert_int_eq(pending_claim(table, id, &cookie), -ESTALE);
	ck_assert(!pending_deliver(table, id));
	ck_assert(!pending_cancel(table, id));
	ck_assert_uint_eq(pending_count(table), 1);
	pending_retire(table, id, PENDING_EXPIRED, 110);
	ck_assert_uint_eq(pending_count(table), 0);
	ck_assert_uint_eq(stats().ended[PENDING_EXPIRED], 1);
}
END_TEST

START_TEST(who_could_not_be_answered_in_time_is_overdue_again_later)
{
	uint64_t first = raise_at(10, 1);

	raise_at(20, 2);
	ck_assert_uint_eq(overdue(115), 1);
	pending_postpone(table, &claims[0], 115);
	ck_assert(pending_deliver(table, first));
	ck_assert_uint_eq(overdue(119), 0);
	ck_assert_uint_eq(overdue(214), 1);
	ck_assert_uint_eq(claims[0].cookie, 2);
	ck_assert_uint_eq(pending_due_hint(table), 215);
	ck_assert_uint_eq(overdue(215), 1);
	ck_assert_uint_eq(claims[0].id, first);
}
END_TEST

/* Clocks of two cores, or a postponed one before it. */
START_TEST(nobody_is_due_before_those_that_came_earlier)
{
	raise_at(50, 1);
	raise_at(20, 2);
	ck_assert_uint_eq(overdue(149), 0);
	ck_assert_uint_eq(overdue(150), 2);
	ck_assert_uint_eq(claims[0].cookie, 1);
}
END_TEST

START_TEST(who_is_not_shown_yet_stays_the_next_that_is_due)
{
	const struct pending_group known = {.time = 10};
	uint64_t id = pending_reserve(table, &known);

	raise_at(20, 2);
	ck_assert_uint_eq(overdue(1000), 0);
	ck_assert_uint_eq(pending_due_hint(table), 110);
	ck_assert_uint_eq(pending_due(table, 1000), 110);
	pending_show(table, id);
	ck_assert_uint_eq(overdue(1000), 2);
	ck_assert_uint_eq(claims[0].id, id);
}
END_TEST

START_TEST(a_deadline_may_be_beyond_all_time)
{
	raise_at(PENDING_NEVER - 50, 1);
	ck_assert_uint_lt(pending_due(table, 0), PENDING_NEVER);
	ck_assert_uint_eq(overdue(PENDING_NEVER - 2), 0);
	ck_assert_uint_eq(overdue(PENDING_NEVER), 1);
}
END_TEST

START_TEST(without_a_deadline_nothing_is_due)
{
	tear_down();
	set_up();
	raise_at(10, 0);
	ck_assert_uint_eq(pending_due_hint(table), PENDING_NEVER);
	ck_assert_uint_eq(pending_due(table, 1000), PENDING_NEVER);
	ck_assert_uint_eq(overdue(1000), 0);
}
END_TEST

/* ---- a route ends ---- */

static uint64_t raise_on(uint32_t device, uint32_t route, uint32_t index)
{
	const struct pending_group known = {
		.label = 1, .device = device, .route = route, .group = index};
	uint64_t id = pending_raise(table, &known);

	ck_assert_uint_ne(id, 0);
	return id;
}

START_TEST(a_route_takes_its_own_groups_along)
{
	uint64_t found;

	for (uint32_t i = 0; i < SLOTS; i++)
		raise_on(i % 4, i / 4 % 4, i);
	pending_cancel_route(table, 2, 1);
	ck_assert_uint_eq(pending_count(table), SLOTS - SLOTS / 16);
	for (uint32_t i = 0; i < SLOTS; i++)
		ck_assert_int_eq(pending_find(table, 1, 0, i, &found),
			i % 4 == 2 && i / 4 % 4 == 1 ? -ENOENT : 0);
	pending_cancel_route(table, 2, 1);
	pending_cancel_route(table, 7, 7);
	ck_assert_uint_eq(stats().ended[PENDING_CANCELLED], SLOTS / 16);
}
END_TEST

START_TEST(readers_are_told_in_the_order_in_which_groups_were_raised)
{
	struct pending_group group;
	uint64_t ids[4];

	for (uint32_t i = 0; i < 4; i++)
		ids[i] = raise_on(1, 1, i);
	for (uint32_t i = 0; i < 4; i++)
		ck_assert_uint_eq(pending_deliver(table, i == 2 ? 0 : ids[i]), i != 2);
	pending_cancel_route(table, 1, 1);
	for (uint32_t i = 0; i < 4; i++) {
		if (i == 2)
			continue;
		ck_assert(pending_has_untold(table));
		pending_untold(table, &group);
		ck_assert_uint_eq(group.id, ids[i]);
		ck_assert_uint_eq(group.group, i);
		pending_tell(table);
		ck_assert(pending_dismiss(table, ids[i]));
	}
	ck_assert(!pending_has_untold(table));
	ck_assert_uint_eq(stats().ended[PENDING_CANCELLED], 4);
	/* and all of their slots are free */
	for (uint32_t i = 0; i < SLOTS; i++)
		raise_on(2, 2, i);
}
END_TEST

START_TEST(cancelled_groups_that_nobody_has_read_of_are_no_more_in_the_way)
{
	struct pending_group group;
	uint64_t id, cursor = 0;

	for (uint32_t i = 0; i < SLOTS / 2; i++) {
		id = raise_on(1, 1, i);
		ck_assert(pending_deliver(table, id));
		pending_cancel_route(table, 1, 1);
	}
	ck_assert_int_eq(pending_find(table, 1, 0, 3, &id), -ENOENT);
	ck_assert(!pending_next(table, &cursor, &group));
	ck_assert_uint_eq(pending_count(table), 0);
	for (uint32_t i = 0; i < SLOTS / 2; i++)
		raise_on(1, 1, i);
	ck_assert_uint_eq(pending_raise(table, &group), 0);
}
END_TEST

/* ---- what is counted ---- */

static void end_after(uint64_t ns, enum pending_end how)
{
	uint64_t cookie, id = raise_at(1000, 0);

	ck_assert_int_eq(pending_claim(table, id, &cookie), 0);
	pending_retire(table, id, how, 1000 + ns);
}

START_TEST(a_latency_counts_in_the_bucket_of_its_logarithm)
{
	static const struct {
		uint64_t ns;
		unsigned int bucket;
	} some[] = {{0, 0}, {1, 0}, {2, 1}, {3, 1}, {4, 2}, {1023, 9}, {1024, 10}, {1025, 10},
		{(UINT64_C(1) << 39) - 1, 38}, {UINT64_C(1) << 39, 39}, {UINT64_C(1) << 40, 39},
		{UINT64_C(1) << 60, 39}};
	struct pending_stats now;

	for (unsigned int i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		uint64_t before = stats().latency[some[i].bucket];

		end_after(some[i].ns, i % 2 ? PENDING_ANSWERED : PENDING_EXPIRED);
		ck_assert_uint_eq(stats().latency[some[i].bucket], before + 1);
	}
	now = stats();
	ck_assert_uint_eq(now.ended[PENDING_ANSWERED], 6);
	ck_assert_uint_eq(now.ended[PENDING_EXPIRED], 6);
}
END_TEST

START_TEST(what_nobody_answered_has_no_latency)
{
	struct pending_stats now;
	uint64_t sum = 0;

	end_after(5, PENDING_CANCELLED);
	pending_cancel(table, raise_at(1, 1));
	pending_pass(table, PENDING_LATE, 0, 0);
	pending_pass(table, PENDING_CANCELLED, 0, 0);
	pending_pass(table, PENDING_EXPIRED, 10, 18);
	now = stats();
	for (unsigned int i = 0; i < PENDING_LATENCIES; i++)
		sum += now.latency[i];
	ck_assert_uint_eq(sum, 1);
	ck_assert_uint_eq(now.latency[3], 1);
	ck_assert_uint_eq(now.ended[PENDING_LATE], 1);
	ck_assert_uint_eq(now.ended[PENDING_CANCELLED], 3);
	ck_assert_uint_eq(now.outstanding, 0);
}
END_TEST

/* A clock that went back, or of another core. */
START_TEST(an_answer_before_its_question_took_no_time)
{
	uint64_t cookie, id = raise_at(1000, 0);

	ck_assert_int_eq(pending_claim(table, id, &cookie), 0);
	pending_retire(table, id, PENDING_ANSWERED, 999);
	ck_assert_uint_eq(stats().latency[0], 1);
}
END_TEST

/* ---- the suite ---- */

static TCase *new_case(Suite *suite, const char *name)
{
	TCase *tcase = support_case(suite, name);

	tcase_add_checked_fixture(tcase, set_up_due, tear_down);
	return tcase;
}

static void add_due_tests(TCase *tcase)
{
	tcase_add_test(tcase, what_is_due_is_claimed_in_the_order_it_was_raised);
	tcase_add_test(tcase, no_more_are_claimed_than_there_is_room_for);
	tcase_add_test(tcase, who_was_answered_is_never_overdue);
	tcase_add_test(tcase, who_was_cancelled_is_never_overdue);
	tcase_add_test(tcase, the_hint_is_never_late);
	tcase_add_test(tcase, who_is_being_answered_is_overdue_only_if_that_fails);
	tcase_add_test(tcase, who_was_claimed_for_its_deadline_is_nobody_elses);
	tcase_add_test(tcase, who_could_not_be_answered_in_time_is_overdue_again_later);
	tcase_add_test(tcase, nobody_is_due_before_those_that_came_earlier);
	tcase_add_test(tcase, who_is_not_shown_yet_stays_the_next_that_is_due);
	tcase_add_test(tcase, a_deadline_may_be_beyond_all_time);
	tcase_add_test(tcase, without_a_deadline_nothing_is_due);
}

int main(void)
{
	Suite *suite = suite_create("pending, many at a time");
	TCase *route = new_case(suite, "a route"), *counted = new_case(suite, "counted");

	add_due_tests(new_case(suite, "due"));
	tcase_add_test(route, a_route_takes_its_own_groups_along);
	tcase_add_test(route, readers_are_told_in_the_order_in_which_groups_were_raised);
	tcase_add_test(route, cancelled_groups_that_nobody_has_read_of_are_no_more_in_the_way);
	tcase_add_test(counted, a_latency_counts_in_the_bucket_of_its_logarithm);
	tcase_add_test(counted, what_nobody_answered_has_no_latency);
	tcase_add_test(counted, an_answer_before_its_question_took_no_time);
	return support_run(suite);
}
