/* SPDX-License-Identifier: MIT */
/*
 * The tree that each test of the map tree has to itself: see maptreekit.h. Knows the tree's public
 * face only.
 */
#include "maptreekit.h"
#include <errno.h>

const uint64_t seeds[SEEDS] = {1, 2, 3, 20240229, 0x9e3779b97f4a7c15};

struct maptree tree;

static void set_up(void)
{
	tree = (struct maptree){0};
}

static void tear_down(void)
{
	maptree_clear(&tree);
}

TCase *maptree_case(Suite *suite, const char *name)
{
	TCase *tcase = support_case(suite, name);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	return tcase;
}

int insert(uint64_t start, uint64_t last)
{
	struct maptree_entry entry = {.start = start, .last = last, .value = start ^ last};

	return maptree_insert(&tree, &entry, NULL);
}

void assert_no_room(uint64_t from, uint64_t to_last, uint64_t length, uint64_t align)
{
	uint64_t start = 77;

	ck_assert_int_eq(maptree_room(&tree, from, to_last, length, align, &start), -ENOSPC);
	ck_assert_uint_eq(start, 77);
}

uint64_t scaled(uint64_t full)
{
	uint64_t rounds = support_rounds(full);

	return rounds < full / 10 ? full / 10 : rounds;
}

uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}
