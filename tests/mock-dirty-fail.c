/* SPDX-License-Identifier: MIT */
/*
 * Of the mock, pages that devices wrote, where something fails: an operation that is told to, the
 * nth allocation, and a read that comes to a hole. What was noted before is still known.
 */
#include "allocator.h"
#include "mock/dirty.h"
#include "mock/platform.h"
#include "noteskit.h"
#include <ioasid/pgtable.h>

START_TEST(an_operation_that_fails_changes_nothing)
{
	uint64_t bits = 0;
	struct notes t;

	notes_begin(&t, 0);
	notes_map(&t, 0, 4, IOASID_MAP_RW);
	ok(ioasid_mock_fail(t.rig.mock, IOASID_MOCK_OP_DIRTY_START, 1, -EIO));
	fails(-EIO, "injected", ioasid_space_dirty_start(t.rig.space));
	fails(-EALREADY, "notes no", ioasid_space_dirty_stop(t.rig.space));
	ok(ioasid_space_dirty_start(t.rig.space));
	notes_write_page(&t, 3);
	ok(ioasid_mock_fail(t.rig.mock, IOASID_MOCK_OP_DIRTY_READ, 1, -EIO));
	fails(-EIO, "injected",
		ioasid_space_dirty_read(t.rig.space, IOASID_OPTS(ioasid_dirty, .length = 4 * PAGE,
							     .granule = PAGE, .bitmap = &bits)));
	ck_assert_uint_eq(bits, 0);
	ok(ioasid_mock_fail(t.rig.mock, IOASID_MOCK_OP_DIRTY_STOP, 1, -EIO));
	fails(-EIO, "injected", ioasid_space_dirty_stop(t.rig.space));
	HAS(t.rig.space, 1 << 3);
	ck_assert_uint_eq(rig_stats(&t.rig).failed, 3);
	ok(ioasid_space_dirty_stop(t.rig.space));
	notes_end(&t);
}
END_TEST

/* The call, whose nth allocation fails, until it has no more. */
#define WITHOUT_MEMORY(met, call)                                                                  \
	for ((met) = 0;; (met)++) {                                                                \
		int err_;                                                                          \
		allocator_fail((met) + 1);                                                         \
		err_ = (call);                                                                     \
		if (!allocator_failed()) {                                                         \
			ok(err_);                                                                  \
			break;                                                                     \
		}                                                                                  \
		ck_assert_int_eq(err_, -ENOMEM);                                                   \
	}

START_TEST(without_memory_nothing_is_noted_and_no_map_is_made)
{
	struct ioasid_map late = {
		.length = 4 * PAGE, .iova = 8 * PAGE, .flags = IOASID_MAP_RW | IOASID_MAP_FIXED};
	unsigned int met;
	struct notes t;

	notes_begin(&t, 0);
	notes_map(&t, 0, 4, IOASID_MAP_RW);
	notes_map(&t, 4, 4, IOASID_MAP_RW);
	late.addr = t.memory + 8 * PAGE;
	allocator_fail(2);
	ck_assert_int_eq(ioasid_space_dirty_start(t.rig.space), -ENOMEM);
	notes_map(&t, 12, 4, IOASID_MAP_RW);
	ok(ioasid_space_dirty_start(t.rig.space));
	ok(ioasid_space_dirty_stop(t.rig.space));
	WITHOUT_MEMORY(met, ioasid_space_dirty_start(t.rig.space));
	ck_assert_uint_ge(met, 4);
	notes_write_page(&t, 1);
	WITHOUT_MEMORY(met, ioasid_space_map(t.rig.space, &late));
	ck_assert_uint_ge(met, 1);
	ck_assert_uint_eq(rig_stats(&t.rig).pinned, 16 * PAGE);
	notes_write_page(&t, 9);
	HAS(t.rig.space, 1 << 1 | 1 << 9);
	notes_end(&t);
}
END_TEST

/* What only the core's caller cannot do. */
START_TEST(a_read_goes_on_into_the_next_map_and_ends_at_a_hole)
{
	uint64_t bits = 0;
	struct backend_dirty wish = {
		.iova = 2 * PAGE, .length = 8 * PAGE, .page = PAGE, .bitmap = &bits};
	struct mock_backend be = {.base.ops = &mock_ops};
	struct backend_space intent = {0};
	struct backend_map one = {.length = 4 * PAGE, .flags = IOASID_MAP_RW};
	struct mock_space *space;
	struct notes t;

	notes_begin(&t, 0);
	be.mock = t.rig.mock;
	ck_assert_int_eq(mock_ops.space_new(&be.base, &intent, &(uint32_t){0}), 0);
	space = table_get(&be.spaces, 1);
	ck_assert_int_eq(mock_ops.dirty_start(&be.base, 1), 0);
	for (unsigned int i = 0; i < 2; i++) {
		one.iova = i * 4 * PAGE;
		one.addr = (uintptr_t)t.memory;
		ck_assert_int_eq(mock_ops.map(&be.base, 1, &one), 0);
	}
	mock_dirty_mark(space, 3 * PAGE, PAGE);
	mock_dirty_mark(space, 7 * PAGE + 5, 1);
	ck_assert_int_eq(mock_ops.dirty_read(&be.base, 1, &wish), -ENOENT);
	ck_assert_uint_eq(bits, 1 << 1 | 1 << 5);
	ck_assert_int_eq(mock_ops.dirty_read(&be.base, 2, &wish), -ENOENT);
	ck_assert_int_eq(mock_ops.dirty_start(&be.base, 2), -ENOENT);
	ck_assert_int_eq(mock_ops.dirty_stop(&be.base, 2), -ENOENT);
	mock_ops.close(&be.base);
	table_free(&be.spaces);
	notes_end(&t);
}
END_TEST

void add_dirty_fail_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "dirty, failures");

	tcase_add_test(tcase, an_operation_that_fails_changes_nothing);
	tcase_add_test(tcase, without_memory_nothing_is_noted_and_no_map_is_made);
	tcase_add_test(tcase, a_read_goes_on_into_the_next_map_and_ends_at_a_hole);
}
