/* SPDX-License-Identifier: MIT */
/*
 * The table of outstanding groups, asked by name: what a guest's page response says, and what a
 * walk over all of them finds. States are in test-pending.c.
 */
#include "pendingkit.h"
#include <errno.h>
#include <ioasid/fault.h>
#include <stdlib.h>

/* ---- names ---- */

START_TEST(each_part_of_a_name_counts)
{
	uint64_t found, ids[4] = {raise_named(1, 2, 3), raise_named(4, 2, 3), raise_named(1, 4, 3),
				raise_named(1, 2, 4)};

	ck_assert_int_eq(pending_find(table, 1, 2, 3, &found), 0);
	ck_assert_uint_eq(found, ids[0]);
	ck_assert_int_eq(pending_find(table, 4, 2, 3, &found), 0);
	ck_assert_uint_eq(found, ids[1]);
	ck_assert_int_eq(pending_find(table, 1, 4, 3, &found), 0);
	ck_assert_uint_eq(found, ids[2]);
	ck_assert_int_eq(pending_find(table, 1, 2, 4, &found), 0);
	ck_assert_uint_eq(found, ids[3]);
	ck_assert_int_eq(pending_find(table, 4, 4, 3, &found), -ENOENT);
}
END_TEST

START_TEST(a_name_that_two_have_finds_none_until_one_is_left)
{
	uint64_t found = 55, first = raise_one(), second = raise_one(), third = raise_one();

	ck_assert_int_eq(pending_find(table, 7, 8, 9, &found), -ENOTUNIQ);
	answer(second);
	ck_assert_int_eq(pending_find(table, 7, 8, 9, &found), -ENOTUNIQ);
	ck_assert_uint_eq(found, 55);
	ck_assert(pending_deliver(table, third));
	ck_assert(pending_cancel(table, third));
	ck_assert_int_eq(pending_find(table, 7, 8, 9, &found), 0);
	ck_assert_uint_eq(found, first);
}
END_TEST

static bool finds(unsigned int i, uint64_t expected)
{
	uint32_t pasid = i & 1 ? IOASID_PASID_NONE : 0;
	uint64_t found = 0;
	int err = pending_find(table, i / 512, pasid, i % 512, &found);

	return err == (expected ? 0 : -ENOENT) && found == expected;
}

/* Every chain of the index is walked, and shortened at its begin, middle and end. */
START_TEST(a_full_table_finds_each)
{
	const unsigned int n = IOASID_FAULTQ_OUTSTANDING_MAX;
	uint64_t *ids = calloc(n, sizeof(*ids));
	unsigned int found = 0;

	tear_down();
	table = pending_new(n, 0);
	for (unsigned int i = 0; i < n; i++)
		ids[i] = raise_named(i / 512, i & 1 ? IOASID_PASID_NONE : 0, i % 512);
	for (unsigned int i = 0; i < n; i += 3) {
		answer(ids[i]);
		ids[i] = 0;
	}
	for (unsigned int i = 0; i < n; i++)
		found += finds(i, ids[i]);
	ck_assert_uint_eq(found, n);
	free(ids);
}
END_TEST

static bool is_same(const struct pending_group *a, const struct pending_group *b)
{
	return a->label == b->label && a->addr == b->addr && a->cookie == b->cookie &&
	       a->time == b->time && a->device == b->device && a->route == b->route &&
	       a->space == b->space && a->pasid == b->pasid && a->group == b->group &&
	       a->pages == b->pages && a->flags == b->flags;
}

START_TEST(a_walk_meets_each_once_with_all_it_knows)
{
	const struct pending_group expected = {.label = 1,
		.addr = 2,
		.cookie = 3,
		.time = 4,
		.device = 5,
		.space = 6,
		.pasid = 7,
		.group = 8,
		.pages = 9,
		.flags = 10,
		.route = 11};
	struct pending_group group;
	uint64_t cursor = 0, ids[SLOTS];
	unsigned int met = 0;

	for (unsigned int i = 0; i < SLOTS; i++)
		ids[i] = pending_raise(table, &expected);
	for (unsigned int i = 0; i < SLOTS; i += 2)
		answer(ids[i]);
	while (pending_next(table, &cursor, &group)) {
		ck_assert_uint_eq(group.id, ids[1 + 2 * met++]);
		ck_assert(is_same(&group, &expected));
	}
	ck_assert_uint_eq(met, SLOTS / 2);
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
	Suite *suite = suite_create("pending, names");
	TCase *tcase = support_case(suite, "names");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, each_part_of_a_name_counts);
	tcase_add_test(tcase, a_name_that_two_have_finds_none_until_one_is_left);
	tcase_add_test(tcase, a_full_table_finds_each);
	tcase_add_test(tcase, a_walk_meets_each_once_with_all_it_knows);
	return support_run(suite);
}
