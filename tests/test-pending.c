/* SPDX-License-Identifier: MIT */
/*
 * The table of outstanding groups: who may do what in which state, and what an id tells once its
 * group is gone. The index by name is in test-pending-names.c, threads are in test-pending-race.c.
 * Link with --wrap=calloc.
 */
#include "pendingkit.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- an allocator that fails ---- */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

static int allocations_left = -1; /* before one fails; negative: none does */

void *__wrap_calloc(size_t count, size_t size)
{
	if (allocations_left == 0)
		return NULL;
	if (allocations_left > 0)
		allocations_left--;
	return __real_calloc(count, size);
}

/* ---- every step from every state ---- */

static uint64_t make_raised(void)
{
	return raise_one();
}

static uint64_t make_delivered(void)
{
	uint64_t id = raise_one();

	ck_assert(pending_deliver(table, id));
	return id;
}

static uint64_t make_answering(void)
{
	uint64_t cookie, id = make_delivered();

	ck_assert_int_eq(pending_claim(table, id, &cookie), 0);
	return id;
}

static uint64_t make_unclaimed(void)
{
	uint64_t id = make_answering();

	pending_unclaim(table, id);
	return id;
}

static uint64_t make_cancelled(void)
{
	uint64_t id = make_delivered();

	ck_assert(pending_cancel(table, id));
	return id;
}

static uint64_t make_answered(void)
{
	uint64_t id = make_answering();

	pending_retire(table, id, PENDING_ANSWERED, 0);
	return id;
}

static uint64_t make_dismissed(void)
{
	uint64_t id = make_cancelled();

	ck_assert(pending_dismiss(table, id));
	return id;
}

static uint64_t make_cancelled_unread(void)
{
	uint64_t id = raise_one();

	ck_assert(!pending_cancel(table, id));
	return id;
}

/* The slot has a new owner, in the state where most is allowed. */
static uint64_t make_succeeded(void)
{
	uint64_t id = make_answered();
	uint64_t next = make_delivered();

	ck_assert_uint_eq(id & 0xffff, next & 0xffff);
	return id;
}

/* The id that the slot will give next. */
static uint64_t make_not_yet(void)
{
	return make_answered() + (1 << 16);
}

static uint64_t make_far_ahead(void)
{
	return make_delivered() + (UINT64_C(1000) << 16);
}

struct state {
	const char *name;
	uint64_t (*make)(void);
	bool deliver;
	int claim;
	bool cancel;
	bool dismiss;
	int find;           /* by the name that all of them have */
	unsigned int waits; /* the same */
	unsigned int count;
	unsigned int count_after_cancel;
};

static const struct state states[] = {
	/*                                 deliver claim  cancel dismiss find    waits counts */
	{"raised", make_raised, true, 0, false, false, 0, 1, 1, 0},
	{"delivered", make_delivered, false, 0, true, false, 0, 1, 1, 0},
	{"answering", make_answering, false, -ESTALE, false, false, -ENOENT, 0, 1, 1},
	{"unclaimed", make_unclaimed, false, 0, true, false, 0, 1, 1, 0},
	{"cancelled", make_cancelled, false, -ESTALE, false, true, -ENOENT, 0, 0, 0},
	{"answered", make_answered, false, -ESTALE, false, false, -ENOENT, 0, 0, 0},
	{"dismissed", make_dismissed, false, -ESTALE, false, false, -ENOENT, 0, 0, 0},
	{"cancelled unread", make_cancelled_unread, false, -ESTALE, false, false, -ENOENT, 0, 0, 0},
	{"succeeded", make_succeeded, false, -ESTALE, false, false, 0, 1, 1, 1},
	{"not yet", make_not_yet, false, -EINVAL, false, false, -ENOENT, 0, 0, 0},
	{"far ahead", make_far_ahead, false, -EINVAL, false, false, 0, 1, 1, 1},
};

#define STATES ((int)(sizeof(states) / sizeof(states[0])))

START_TEST(deliver_is_for_who_was_raised)
{
	const struct state *state = &states[_i];
	uint64_t id = state->make();

	ck_assert_msg(pending_deliver(table, id) == state->deliver, "%s", state->name);
	ck_assert_uint_eq(pending_count(table), state->count);
	ck_assert(!pending_deliver(table, id));
}
END_TEST

START_TEST(claim_is_won_once)
{
	const struct state *state = &states[_i];
	uint64_t id = state->make(), cookie = 55;

	ck_assert_msg(pending_claim(table, id, &cookie) == state->claim, "%s", state->name);
	ck_assert_uint_eq(cookie, state->claim ? 55 : 7009);
	ck_assert_uint_eq(pending_count(table), state->count); /* not answered yet */
	ck_assert_int_eq(pending_claim(table, id, &cookie), state->claim ? state->claim : -ESTALE);
}
END_TEST

START_TEST(cancel_tells_whether_the_reader_must_hear_of_it)
{
	const struct state *state = &states[_i];
	struct pending_group group;
	uint64_t id = state->make();

	ck_assert_msg(pending_cancel(table, id) == state->cancel, "%s", state->name);
	ck_assert_uint_eq(pending_count(table), state->count_after_cancel);
	ck_assert(!pending_cancel(table, id));
	ck_assert(!pending_deliver(table, id));
	if (!state->cancel)
		return;
	pending_untold(table, &group);
	pending_tell(table);
	ck_assert_uint_eq(group.id, id);
	ck_assert_uint_eq(group.label, 7);
	ck_assert(pending_dismiss(table, id));
}
END_TEST

START_TEST(dismiss_is_for_who_was_cancelled)
{
	const struct state *state = &states[_i];
	uint64_t id = state->make();

	ck_assert_msg(pending_dismiss(table, id) == state->dismiss, "%s", state->name);
	ck_assert_uint_eq(pending_count(table), state->count);
	ck_assert(!pending_dismiss(table, id));
}
END_TEST

START_TEST(find_and_next_meet_who_waits_for_an_answer)
{
	const struct state *state = &states[_i];
	uint64_t id = state->make(), found = 55, cursor = 0;
	struct pending_group group = {0};

	ck_assert_msg(pending_find(table, 7, 8, 9, &found) == state->find, "%s", state->name);
	ck_assert_msg((found == 55) == (state->find != 0), "%s", state->name);
	ck_assert_uint_eq(pending_next(table, &cursor, &group), state->waits);
	if (state->waits) {
		ck_assert_uint_eq(group.id, found);
		ck_assert_uint_eq(found == id, state->claim == 0);
	}
	ck_assert(!pending_next(table, &cursor, &group));
}
END_TEST

static const uint64_t nonsense[] = {0, 1, SLOTS, 0xffff, (1 << 16) | SLOTS, (1 << 16) | 0xffff,
	UINT64_MAX, UINT64_MAX << 16, UINT64_C(1) << 63, (UINT64_C(2) << 16)};

START_TEST(an_id_that_never_was_is_refused)
{
	uint64_t id = nonsense[_i], cookie = 55;

	make_delivered();
	ck_assert_int_eq(pending_claim(table, id, &cookie), -EINVAL);
	ck_assert_uint_eq(cookie, 55);
	ck_assert(!pending_deliver(table, id));
	ck_assert(!pending_dismiss(table, id));
	ck_assert_uint_eq(pending_count(table), 1);
}
END_TEST

/* ---- ids and slots ---- */

START_TEST(a_full_table_raises_nothing)
{
	const struct pending_group group = {.label = 1};
	uint64_t ids[SLOTS];

	for (unsigned int i = 0; i < SLOTS; i++)
		ids[i] = raise_one();
	ck_assert_uint_eq(pending_raise(table, &group), 0);
	ck_assert_uint_eq(pending_count(table), SLOTS);
	answer(ids[5]);
	ck_assert_uint_ne(pending_raise(table, &group), 0);
	ck_assert_uint_eq(pending_raise(table, &group), 0);
}
END_TEST

/* A cancelled group keeps its slot until its reader knows. */
START_TEST(a_slot_is_free_when_its_group_is_over)
{
	const struct pending_group group = {.label = 1};
	uint64_t ids[SLOTS];

	for (unsigned int i = 0; i < SLOTS; i++)
		ids[i] = make_delivered();
	ck_assert(pending_cancel(table, ids[3]));
	ck_assert_uint_eq(pending_raise(table, &group), 0);
	ck_assert(pending_dismiss(table, ids[3]));
	ck_assert_uint_ne(pending_raise(table, &group), 0);
}
END_TEST

START_TEST(ids_are_never_used_again)
{
	static uint64_t last[SLOTS];
	uint64_t ids[SLOTS];

	memset(last, 0, sizeof(last));
	for (unsigned int round = 0; round < 1000; round++) {
		for (unsigned int i = 0; i < SLOTS; i++) {
			ids[i] = raise_one();
			ck_assert_uint_gt(ids[i], last[ids[i] & 0xffff]);
			last[ids[i] & 0xffff] = ids[i];
		}
		for (unsigned int i = 0; i < SLOTS; i++)
			answer(ids[i * 5 % SLOTS]);
	}
	ck_assert_uint_eq(pending_count(table), 0);
}
END_TEST

static int compare_ids(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

static uint64_t first_id_of(uint32_t number)
{
	tear_down();
	set_up();
	pending_number(table, number);
	return raise_one();
}

/* One slot has 2^32 groups in an hour or two, where a million come a second. */
START_TEST(tables_are_far_from_each_other_by_their_ids)
{
	uint64_t ids[17], least = UINT64_MAX;

	for (uint32_t i = 0; i < 16; i++)
		ids[i] = first_id_of(i);
	qsort(ids, 16, sizeof(*ids), compare_ids);
	for (uint32_t i = 1; i < 16; i++)
		least = ids[i] - ids[i - 1] < least ? ids[i] - ids[i - 1] : least;
	ck_assert_uint_ge(least >> 16, UINT64_C(1) << 44);
	ids[16] = first_id_of(1u << 16);
	for (uint32_t i = 0; i < 16; i++)
		ck_assert_uint_ne(ids[16], ids[i]);
}
END_TEST

/* What a queue takes besides is less than a thousand counters would. */
START_TEST(a_group_takes_no_more_than_128_bytes)
{
	static const unsigned int slots[] = {64, 100, 1024, 1025, 32769, 65536};

	for (unsigned int i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		struct pending *p = pending_new(slots[i], 0);

		ck_assert_ptr_nonnull(p);
		ck_assert_uint_gt(pending_bytes(p), slots[i] * sizeof(struct pending_group));
		ck_assert_uint_le(pending_bytes(p), slots[i] * UINT64_C(128) + 1024);
		pending_free(p);
	}
}
END_TEST

START_TEST(a_table_without_memory_is_none)
{
	struct pending *p = NULL;
	int granted = 0;

	for (; !p; granted++) {
		ck_assert_int_lt(granted, 10);
		allocations_left = granted;
		p = pending_new(SLOTS, 0);
		allocations_left = -1;
	}
	ck_assert_int_gt(granted, 1);
	pending_free(p);
	pending_free(NULL);
}
END_TEST

/* ---- the suite ---- */

static TCase *new_case(Suite *suite, const char *name)
{
	TCase *tcase = support_case(suite, name);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	return tcase;
}

static void add_state_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, deliver_is_for_who_was_raised, 0, STATES);
	tcase_add_loop_test(tcase, claim_is_won_once, 0, STATES);
	tcase_add_loop_test(tcase, cancel_tells_whether_the_reader_must_hear_of_it, 0, STATES);
	tcase_add_loop_test(tcase, dismiss_is_for_who_was_cancelled, 0, STATES);
	tcase_add_loop_test(tcase, find_and_next_meet_who_waits_for_an_answer, 0, STATES);
	tcase_add_loop_test(tcase, an_id_that_never_was_is_refused, 0,
		(int)(sizeof(nonsense) / sizeof(nonsense[0])));
}

static void add_slot_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_full_table_raises_nothing);
	tcase_add_test(tcase, a_slot_is_free_when_its_group_is_over);
	tcase_add_test(tcase, ids_are_never_used_again);
	tcase_add_test(tcase, tables_are_far_from_each_other_by_their_ids);
	tcase_add_test(tcase, a_group_takes_no_more_than_128_bytes);
	tcase_add_test(tcase, a_table_without_memory_is_none);
}

int main(void)
{
	Suite *suite = suite_create("pending");

	add_state_tests(new_case(suite, "states"));
	add_slot_tests(new_case(suite, "slots"));
	return support_run(suite);
}
