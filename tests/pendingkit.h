/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the pending table share: a table of their own, groups by name, an answer.
 */
#ifndef PENDINGKIT_H
#define PENDINGKIT_H

#include "pending.h"
#include "support.h"

static struct pending *table;

#define SLOTS 64

static inline void set_up(void)
{
	table = pending_new(SLOTS, 0);
	ck_assert_ptr_nonnull(table);
}

static inline void tear_down(void)
{
	pending_free(table);
}

static inline uint64_t raise_named(uint64_t label, uint32_t pasid, uint32_t group)
{
	const struct pending_group known = {
		.label = label, .pasid = pasid, .group = group, .cookie = label * 1000 + group};
	uint64_t id = pending_raise(table, &known);

	ck_assert_uint_ne(id, 0);
	return id;
}

static inline uint64_t raise_one(void)
{
	return raise_named(7, 8, 9);
}

static inline void answer(uint64_t id)
{
	uint64_t cookie;

	ck_assert_int_eq(pending_claim(table, id, &cookie), 0);
	pending_retire(table, id, PENDING_ANSWERED, 0);
}

#endif
