/* SPDX-License-Identifier: MIT */
/*
 * Of the mock, IOASID_MOCK_CHECK_STALE: a cached entry that is used although the guest's table says
 * otherwise by now is noted, each use of it, and nothing else is.
 */
#include "nestedkit.h"

static struct guest_opts checked(int i)
{
	struct guest_opts opts = guest_flavour(i % FLAVOURS);

	opts.platform |= IOASID_MOCK_CHECK_STALE;
	if (i >= FLAVOURS)
		opts.device.flags = IOASID_MOCK_DEVICE_ATS;
	return opts;
}

/* One use, and nothing more, of this page. */
static void expect_one(struct guest *guest, const struct guest_opts *opts, uint64_t addr)
{
	struct ioasid_mock_stale stale[2];

	ck_assert_int_eq(ok(ioasid_mock_stale_read(guest->mock, stale, 2)), 1);
	ck_assert_uint_eq(stale->cache, opts->device.flags & IOASID_MOCK_DEVICE_ATS
						? IOASID_MOCK_STALE_DEVICE_TLB
						: IOASID_MOCK_STALE_IOTLB);
	ck_assert_uint_eq(stale->pasid, NOBODY);
	ck_assert_uint_eq(stale->label, LABEL);
	ck_assert_uint_eq(stale->addr, addr);
	ck_assert_uint_eq(stale->space, ioasid_space_id(guest->giova));
	ck_assert_uint_eq(stale->reserved, 0);
}

static void expect_none(struct guest *guest)
{
	struct ioasid_mock_stale stale;

	ck_assert_int_eq(ok(ioasid_mock_stale_read(guest->mock, &stale, 1)), 0);
}

START_TEST(the_use_of_a_changed_page_is_noted_until_it_is_invalidated)
{
	const struct guest_opts opts = checked(_i);
	struct guest guest;

	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	expect_none(&guest);
	guest_map(&guest, 0x1000, 6 * PAGE, GUEST_RW);
	expect_none(&guest);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
		expect_one(&guest, &opts, 0x1000);
	}
	guest_invalidate(&guest, 0x1000, PAGE);
	for (int i = 0; i < 2; i++)
		ck_assert_uint_eq(guest_page(&guest, 0x1000), 6);
	expect_none(&guest);
	ck_assert_uint_eq(guest_stats(&guest).stale, 2);
	guest_end(&guest);
}
END_TEST

START_TEST(so_is_that_of_a_page_that_is_gone)
{
	const struct guest_opts opts = checked(_i);
	struct guest guest;

	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	guest_unmap(&guest, 0x1000);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	expect_one(&guest, &opts, 0x1000);
	guest_end(&guest);
}
END_TEST

START_TEST(and_of_a_permission_that_is_no_more)
{
	const struct guest_opts opts = checked(_i);
	struct guest guest;

	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_fault(&guest, 0x1000, true), IOASID_MOCK_FAULT_NONE);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_READ);
	/* a read would be refused to nobody, but the entry still lets writes through */
	ck_assert_uint_eq(guest_fault(&guest, 0x1000, false), IOASID_MOCK_FAULT_NONE);
	expect_one(&guest, &opts, 0x1000);
	ck_assert_uint_eq(guest_fault(&guest, 0x1000, true), IOASID_MOCK_FAULT_NONE);
	expect_one(&guest, &opts, 0x1000);
	guest_end(&guest);
}
END_TEST

START_TEST(a_dirty_bit_that_was_cleared_wants_an_invalidation)
{
	struct guest_opts opts = checked(_i);
	struct guest guest;

	if (opts.format == ARM)
		opts.table = IOASID_PGTABLE_HW_ACCESSED | IOASID_PGTABLE_HW_DIRTY;
	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW | GUEST_CLEAN);
	ck_assert_uint_eq(guest_fault(&guest, 0x1000, true), IOASID_MOCK_FAULT_NONE);
	ck_assert(guest_dirty(&guest, 0x1000));
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW | GUEST_CLEAN);
	ck_assert_uint_eq(guest_fault(&guest, 0x1000, true), IOASID_MOCK_FAULT_NONE);
	ck_assert(!guest_dirty(&guest, 0x1000));
	expect_one(&guest, &opts, 0x1000);
	guest_invalidate(&guest, 0x1000, PAGE);
	ck_assert_uint_eq(guest_fault(&guest, 0x1000, true), IOASID_MOCK_FAULT_NONE);
	ck_assert(guest_dirty(&guest, 0x1000));
	expect_none(&guest);
	guest_end(&guest);
}
END_TEST

START_TEST(what_lets_do_more_than_the_cache_knows_is_not_stale)
{
	const struct guest_opts opts = checked(_i);
	struct guest guest;

	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_READ);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	ck_assert_uint_eq(guest_fault(&guest, 0x1000, true), IOASID_MOCK_FAULT_NONE);
	guest_map(&guest, 0x2000, 6 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_page(&guest, 0x2000), 6);
	expect_none(&guest);
	guest_end(&guest);
}
END_TEST

START_TEST(a_look_at_the_table_notes_nothing_in_it)
{
	struct guest_opts opts = checked(_i);
	struct guest guest;

	if (opts.format == ARM)
		opts.table = IOASID_PGTABLE_HW_ACCESSED | IOASID_PGTABLE_HW_DIRTY;
	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW | GUEST_OLD | GUEST_CLEAN);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	/* the guest wants to know again whether it is accessed: not wrong, only late */
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW | GUEST_OLD | GUEST_CLEAN);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	ck_assert(!guest_accessed(&guest, 0x1000));
	expect_none(&guest);
	guest_end(&guest);
}
END_TEST

START_TEST(what_the_monitor_takes_away_is_never_stale)
{
	const struct guest_opts opts = checked(_i);
	struct guest guest;

	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	ok(ioasid_space_unmap(guest.gpa, 0, UINT64_MAX));
	ck_assert_uint_eq(guest_fault(&guest, 0x1000, false), IOASID_MOCK_FAULT_PARENT);
	expect_none(&guest);
	guest_end(&guest);
}
END_TEST

START_TEST(the_oldest_are_kept_and_all_are_counted)
{
	struct guest_opts opts = {.platform = IOASID_MOCK_CHECK_STALE};
	struct ioasid_mock_stale stale[100];
	struct guest guest;

	guest_begin(&guest, &opts);
	for (unsigned int i = 0; i < 100; i++) {
		guest_map(&guest, i * PAGE, 5 * PAGE, GUEST_RW);
		ck_assert_uint_eq(guest_page(&guest, i * PAGE), 5);
		guest_unmap(&guest, i * PAGE);
	}
	for (unsigned int i = 0; i < 80; i++)
		ck_assert_uint_eq(guest_page(&guest, i * PAGE), 5);
	ck_assert_uint_eq(guest_stats(&guest).stale, 80);
	ck_assert_int_eq(ok(ioasid_mock_stale_read(guest.mock, stale, 10)), 10);
	for (unsigned int i = 0; i < 10; i++)
		ck_assert_uint_eq(stale[i].addr, i * PAGE);
	for (unsigned int i = 80; i < 95; i++)
		ck_assert_uint_eq(guest_page(&guest, i * PAGE), 5);
	ck_assert_int_eq(ok(ioasid_mock_stale_read(guest.mock, stale, 100)), 64);
	for (unsigned int i = 0; i < 64; i++)
		ck_assert_uint_eq(stale[i].addr, (i < 54 ? 10 + i : 26 + i) * PAGE);
	ck_assert_uint_eq(guest_stats(&guest).stale, 95);
	ck_assert_int_eq(ok(ioasid_mock_stale_read(guest.mock, NULL, 0)), 0);
	guest_end(&guest);
}
END_TEST

START_TEST(nobody_looks_unless_told_to)
{
	struct ioasid_mock_stale stale;
	struct guest guest;

	guest_begin(&guest, &(struct guest_opts){0});
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	guest_unmap(&guest, 0x1000);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	ck_assert_uint_eq(guest_stats(&guest).stale, 0);
	expect_none(&guest);
	fails(-EINVAL, "mock is NULL", ioasid_mock_stale_read(NULL, &stale, 1));
	fails(-EINVAL, "list is NULL", ioasid_mock_stale_read(guest.mock, NULL, 1));
	guest_end(&guest);
}
END_TEST

void add_nested_stale_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "stale");
	const int kinds = 2 * FLAVOURS;

	tcase_add_loop_test(
		tcase, the_use_of_a_changed_page_is_noted_until_it_is_invalidated, 0, kinds);
	tcase_add_loop_test(tcase, so_is_that_of_a_page_that_is_gone, 0, kinds);
	tcase_add_loop_test(tcase, and_of_a_permission_that_is_no_more, 0, kinds);
	tcase_add_loop_test(tcase, a_dirty_bit_that_was_cleared_wants_an_invalidation, 0, kinds);
	tcase_add_loop_test(tcase, what_lets_do_more_than_the_cache_knows_is_not_stale, 0, kinds);
	tcase_add_loop_test(tcase, a_look_at_the_table_notes_nothing_in_it, 0, kinds);
	tcase_add_loop_test(tcase, what_the_monitor_takes_away_is_never_stale, 0, kinds);
	tcase_add_test(tcase, the_oldest_are_kept_and_all_are_counted);
	tcase_add_test(tcase, nobody_looks_unless_told_to);
}
