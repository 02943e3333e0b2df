/* SPDX-License-Identifier: MIT */
/*
 * Software nesting where the platform fails in the middle: the first, the second, … operation of
 * one call, until the call passes untouched. A call that failed has changed nothing that a device
 * sees, a dump shows or the platform pins, and works when it is tried again.
 */
#include "nest.h"
#include <stdlib.h>

#define RW IOASID_MAP_RW
#define R  IOASID_MAP_READ

#define FIRST UINT64_C(190) /* the pages of the child that are looked at */
#define COUNT UINT64_C(64)

/* What a device sees, page by page: the first bytes of it, or that it is refused. */
struct view {
	unsigned char seen[COUNT][9];
	char *dump;
	uint64_t pinned;
};

static void view_take(struct view *v, struct nest *n)
{
	memset(v, 0, sizeof(*v));
	for (uint64_t i = 0; i < COUNT; i++)
		v->seen[i][8] = (unsigned char)-contract_dma_read(
			&n->c, n->nic, NEST_AT(FIRST + i), v->seen[i], 8);
	v->dump = contract_dump(n->c.ctx);
	v->pinned = n->c.platform->pinned(n->c.machine);
}

static void view_is(const struct view *v, struct nest *n)
{
	struct view now;

	view_take(&now, n);
	for (uint64_t i = 0; i < COUNT; i++)
		ck_assert_mem_eq(now.seen[i], v->seen[i], sizeof(v->seen[i]));
	ck_assert_str_eq(now.dump, v->dump);
	ck_assert_uint_eq(now.pinned, v->pinned);
	free(now.dump);
}

static uint64_t failures(struct nest *n)
{
	struct ioasid_mock_stats stats = {.size = sizeof(stats)};

	ok(ioasid_mock_stats(contract_mock(&n->c), &stats));
	return stats.failed;
}

/* Several parent maps, children over them and over holes. */
static void furnish(struct nest *n)
{
	for (uint64_t i = 0; i < 4; i++)
		ok(nest_map_parent(n, 100 + 2 * i, i, 1, i % 2 ? R : RW));
	ok(nest_map_child(n, 200, 100, 8, RW));
	ok(nest_map_child(n, 210, 98, 12, R));
	ok(nest_map_child(n, 230, 104, 1, RW));
}

static int64_t map_child(struct nest *n)
{
	return nest_map_child(n, 240, 99, 10, RW);
}

static int64_t map_parent(struct nest *n)
{
	return nest_map_parent(n, 101, 9, 1, RW);
}

static int64_t unmap_child(struct nest *n)
{
	return nest_unmap(n->child, 200, 22);
}

static int64_t unmap_parent(struct nest *n)
{
	return nest_unmap(n->parent, 100, 5);
}

static int64_t unmap_all_of_the_parent(struct nest *n)
{
	return ioasid_space_unmap(n->parent, 0, UINT64_MAX);
}

/* How many operations of the call failed before it passed untouched. */
static unsigned int sweep(int platform, uint32_t op, int64_t (*step)(struct nest *))
{
	unsigned int nth = 0;
	bool untouched = false;

	while (!untouched) {
		struct nest n;
		struct view before;
		uint64_t failed;

		nest_begin(&n, platform);
		furnish(&n);
		view_take(&before, &n);
		failed = failures(&n);
		ok(ioasid_mock_fail(contract_mock(&n.c), op, ++nth, -ENOMEM));
		untouched = step(&n) >= 0;
		ok(ioasid_mock_fail(contract_mock(&n.c), op, 0, 0));
		ck_assert_uint_eq(failures(&n), failed + !untouched);
		if (!untouched) {
			view_is(&before, &n);
			ok(step(&n));
		}
		free(before.dump);
		nest_end(&n);
	}
	return nth - 1;
}

static void all_ops(int platform, int64_t (*step)(struct nest *))
{
	static const uint32_t ops[] = {
		IOASID_MOCK_OP_MAP, IOASID_MOCK_OP_COPY, IOASID_MOCK_OP_UNMAP};
	unsigned int failed = 0;

	for (unsigned int i = 0; i < 3; i++)
		failed += sweep(platform, ops[i], step);
	ck_assert_uint_ge(failed, 1);
	ck_assert_uint_ge(sweep(platform, IOASID_MOCK_OP_ANY, step), failed);
}

START_TEST(a_failed_map_of_a_child_changes_nothing)
{
	all_ops(_i, map_child);
}
END_TEST

START_TEST(a_failed_map_of_a_parent_changes_nothing)
{
	all_ops(_i, map_parent);
}
END_TEST

START_TEST(a_failed_unmap_of_a_child_changes_nothing)
{
	all_ops(_i, unmap_child);
}
END_TEST

START_TEST(a_failed_unmap_of_a_parent_changes_nothing)
{
	all_ops(_i, unmap_parent);
	all_ops(_i, unmap_all_of_the_parent);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nest, failing");
	TCase *tcase = support_case(suite, "nth operation");

	contract_test(tcase, a_failed_map_of_a_child_changes_nothing);
	contract_test(tcase, a_failed_map_of_a_parent_changes_nothing);
	contract_test(tcase, a_failed_unmap_of_a_child_changes_nothing);
	contract_test(tcase, a_failed_unmap_of_a_parent_changes_nothing);
	return support_run(suite);
}
