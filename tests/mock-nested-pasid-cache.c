/* SPDX-License-Identifier: MIT */
/*
 * Of the mock, PASID tables of guests: what of them is kept. An entry, and what it led to, is used
 * until the guest says that it changed; which invalidation reaches what; and uses of entries that
 * were stale are noted.
 */
#include "pasidskit.h"

START_TEST(an_entry_is_read_once_and_kept)
{
	const struct guest_opts opts = pasids_kind(_i);
	struct pasids p;

	pasids_begin(&p, &opts);
	for (unsigned int i = 1; i < 9; i++) {
		pasids_set(&p, 1, i * PAGE, 10 + i);
		ck_assert_uint_eq(pasids_page(&p, 1, i * PAGE), 10 + i);
	}
	ck_assert_uint_eq(guest_stats(&p.guest).pasid_reads, 1);
	pasids_set(&p, 2, 0x1000, 30);
	ck_assert_uint_eq(pasids_page(&p, 2, 0x1000), 30);
	ck_assert_uint_eq(guest_stats(&p.guest).pasid_reads, 2);
	pasids_end(&p);
}
END_TEST

/* PASID 1 gets the table of PASID 2, which has other pages. */
static void change_entry(struct pasids *p)
{
	for (unsigned int i = 1; i < 4; i++) {
		pasids_set(p, 1, i * PAGE, 10 + i);
		pasids_set(p, 2, i * PAGE, 20 + i);
	}
	ck_assert_uint_eq(pasids_page(p, 1, 0x1000), 11);
	ck_assert_uint_eq(pasids_page(p, 2, 0x1000), 21);
	guest_set_pasid(&p->guest, 1, p->root[2]);
	/* neither what was translated nor, for other pages, the entry is new */
	ck_assert_uint_eq(pasids_page(p, 1, 0x1000), 11);
	ck_assert_uint_eq(pasids_page(p, 1, 0x2000), 12);
}

static const uint32_t forgets_entries[] = {
	IOASID_INVALIDATE_PASID, IOASID_INVALIDATE_SPACE, IOASID_INVALIDATE_DEVICE};

START_TEST(a_changed_entry_is_seen_once_it_is_invalidated)
{
	struct guest_opts opts = pasids_kind(_i % PASIDS_KINDS);
	uint32_t what = forgets_entries[_i / PASIDS_KINDS % 3];
	struct pasids p;

	if (_i / PASIDS_KINDS > 2)
		opts.device.flags = IOASID_MOCK_DEVICE_ATS;
	pasids_begin(&p, &opts);
	change_entry(&p);
	/* that of another PASID, or addresses, do not help */
	pasids_invalidate(&p, IOASID_INVALIDATE_PASID, 2, 0);
	pasids_invalidate(&p, IOASID_INVALIDATE_PASID, NOBODY, 0);
	ck_assert_uint_eq(pasids_page(&p, 1, 0x1000), 11);
	pasids_invalidate(&p, IOASID_INVALIDATE_RANGE, 1, 0x1000);
	ck_assert_uint_eq(pasids_page(&p, 1, 0x1000), 11);
	ck_assert_uint_eq(pasids_page(&p, 1, 0x3000), 13);
	pasids_invalidate(&p, what, what == IOASID_INVALIDATE_PASID ? 1 : 0, 0);
	for (unsigned int i = 1; i < 4; i++)
		ck_assert_uint_eq(pasids_page(&p, 1, i * PAGE), 20 + i);
	pasids_end(&p);
}
END_TEST

START_TEST(an_entry_that_is_gone_is_used_until_then)
{
	const struct guest_opts opts = pasids_kind(_i);
	struct pasids p;

	pasids_begin(&p, &opts);
	pasids_set(&p, 1, 0x1000, 5);
	pasids_set(&p, 1, 0x2000, 6);
	ck_assert_uint_eq(pasids_page(&p, 1, 0x1000), 5);
	guest_set_pasid(&p.guest, 1, 0);
	ck_assert_uint_eq(pasids_page(&p, 1, 0x1000), 5);
	ck_assert_uint_eq(pasids_page(&p, 1, 0x2000), 6);
	pasids_invalidate(&p, IOASID_INVALIDATE_PASID, 1, 0);
	ck_assert_uint_eq(pasids_fault(&p, 1, 0x1000, NULL), IOASID_MOCK_FAULT_PASID);
	/* and one that was not there needs nothing */
	guest_set_pasid(&p.guest, 1, p.root[1]);
	ck_assert_uint_eq(pasids_page(&p, 1, 0x1000), 5);
	pasids_end(&p);
}
END_TEST

START_TEST(addresses_are_invalidated_for_one_pasid)
{
	const struct guest_opts opts = pasids_kind(_i);
	struct pasids p;

	pasids_begin(&p, &opts);
	for (uint32_t pasid = 1; pasid < 3; pasid++) {
		pasids_set(&p, pasid, 0x1000, 10 * pasid);
		pasids_set(&p, pasid, 0x2000, 10 * pasid + 1);
		ck_assert_uint_eq(pasids_page(&p, pasid, 0x1000), 10 * pasid);
		ck_assert_uint_eq(pasids_page(&p, pasid, 0x2000), 10 * pasid + 1);
		pasids_set(&p, pasid, 0x1000, 10 * pasid + 5);
		pasids_set(&p, pasid, 0x2000, 10 * pasid + 6);
	}
	pasids_invalidate(&p, IOASID_INVALIDATE_RANGE, 2, 0x1000);
	ck_assert_uint_eq(pasids_page(&p, 1, 0x1000), 10);
	ck_assert_uint_eq(pasids_page(&p, 2, 0x1000), 25);
	ck_assert_uint_eq(pasids_page(&p, 2, 0x2000), 21);
	pasids_invalidate(&p, IOASID_INVALIDATE_PASID, 1, 0);
	ck_assert_uint_eq(pasids_page(&p, 1, 0x1000), 15);
	ck_assert_uint_eq(pasids_page(&p, 1, 0x2000), 16);
	ck_assert_uint_eq(pasids_page(&p, 2, 0x2000), 21);
	pasids_end(&p);
}
END_TEST

START_TEST(more_pasids_than_are_kept_are_read_again)
{
	const struct guest_opts opts = pasids_kind(_i);
	struct pasids p;

	/* 64 entries are kept: of AMD's 512 PASIDs two share a place */
	if (opts.format == ARM)
		return;
	pasids_begin(&p, &opts);
	guest_set_pasid(&p.guest, 65, p.root[2]);
	for (unsigned int i = 0; i < 4; i++) {
		pasids_set(&p, 1, i * PAGE, 10 + i);
		pasids_set(&p, 2, i * PAGE, 20 + i);
		ck_assert_uint_eq(pasids_page(&p, 1, i * PAGE), 10 + i);
		ck_assert_uint_eq(pasids_page(&p, 65, i * PAGE), 20 + i);
	}
	ck_assert_uint_eq(guest_stats(&p.guest).pasid_reads, 8);
	pasids_end(&p);
}
END_TEST

START_TEST(a_top_byte_that_does_not_matter_is_in_no_cache)
{
	const uint64_t tag = UINT64_C(0x5a) << 56;
	struct guest_opts opts = pasids_kind(_i * 2);
	struct pasids p;

	opts.device.flags = IOASID_MOCK_DEVICE_ATS;
	pasids_begin(&p, &opts);
	pasids_set(&p, 1, 0x1000, 5);
	pasids_set(&p, 2, 0x1000, 6);
	/* TBI0 of the first, not of the second */
	*guest_pasid(&p.guest, 1) |= UINT64_C(1) << 38;
	ck_assert_uint_eq(pasids_page(&p, 1, tag | 0x1000), 5);
	ck_assert_uint_eq(pasids_page(&p, 1, 0x1000), 5);
	ck_assert_uint_eq(pasids_page(&p, 1, (UINT64_C(0x25) << 56) | 0x1000), 5);
	ck_assert_uint_eq(guest_stats(&p.guest).device_tlb_hits, 2);
	ck_assert_uint_eq(pasids_page(&p, 2, 0x1000), 6);
	ck_assert_uint_eq(pasids_fault(&p, 2, tag | 0x1000, NULL), IOASID_MOCK_FAULT_TRANSLATION);
	ck_assert_uint_eq(guest_stats(&p.guest).device_tlb_entries, 2);
	/* one address is invalidated, whatever it is written like */
	pasids_set(&p, 1, 0x1000, 7);
	ck_assert_uint_eq(pasids_page(&p, 1, 0x1000), 5);
	pasids_invalidate(&p, IOASID_INVALIDATE_RANGE, 1, tag | 0x1000);
	ck_assert_uint_eq(pasids_page(&p, 1, 0x1000), 7);
	ck_assert_uint_eq(pasids_page(&p, 1, tag | 0x1000), 7);
	pasids_end(&p);
}
END_TEST

/* With a top byte that does not matter, high addresses are among those below 2^56 too. */
START_TEST(a_range_over_both_halves_reaches_the_high_one)
{
	const uint64_t high = UINT64_C(0xfffffffff000), size = UINT64_C(1) << 56;
	struct guest_opts opts = pasids_kind(_i * 2);
	struct ioasid_invalidation all = {
		.what = IOASID_INVALIDATE_RANGE, .length = size, .pasid = 1};
	uint64_t *entry;
	struct pasids p;

	opts.device.flags = IOASID_MOCK_DEVICE_ATS;
	pasids_begin(&p, &opts);
	pasids_set(&p, 1, high, 5);
	/* TTB1 instead of TTB0: T1SZ 16, TG1 of 4 KiB, TBI1 */
	entry = guest_pasid(&p.guest, 1);
	entry[2] = p.root[1];
	entry[0] = (entry[0] & ~(UINT64_C(1) << 30)) | UINT64_C(16) << 16 | UINT64_C(2) << 22 |
		   UINT64_C(1) << 39;
	ck_assert_uint_eq(pasids_page(&p, 1, size - PAGE), 5);
	pasids_set(&p, 1, high, 6);
	ck_assert_uint_eq(pasids_page(&p, 1, UINT64_MAX & ~(PAGE - 1)), 5);
	ck_assert_int_eq(ok(ioasid_space_invalidate(p.guest.giova, &all, 1)), 1);
	ck_assert_uint_eq(pasids_page(&p, 1, size - PAGE), 6);
	pasids_end(&p);
}
END_TEST

/* Each address of a half is in such a range, if not as it was cached, then with another top byte.
 */
START_TEST(a_range_that_ends_in_the_other_half_is_of_all_addresses)
{
	struct guest_opts opts = pasids_kind(_i * 2);
	struct ioasid_invalidation most = {.what = IOASID_INVALIDATE_RANGE,
		.addr = 0x2000,
		.length = UINT64_MAX - 0x2fff,
		.pasid = 1};
	struct pasids p;

	opts.device.flags = IOASID_MOCK_DEVICE_ATS;
	pasids_begin(&p, &opts);
	*guest_pasid(&p.guest, 1) |= UINT64_C(1) << 38; /* TBI0 */
	pasids_set(&p, 1, 0x1000, 5);
	ck_assert_uint_eq(pasids_page(&p, 1, (UINT64_C(1) << 56) | 0x1000), 5);
	pasids_set(&p, 1, 0x1000, 6);
	ck_assert_int_eq(ok(ioasid_space_invalidate(p.guest.giova, &most, 1)), 1);
	ck_assert_uint_eq(pasids_page(&p, 1, (UINT64_C(1) << 56) | 0x1000), 6);
	pasids_end(&p);
}
END_TEST

/* Stale uses */

START_TEST(the_use_of_a_stale_entry_is_noted)
{
	struct guest_opts opts = pasids_kind(_i);
	struct ioasid_mock_stale stale[3];
	struct pasids p;

	opts.platform |= IOASID_MOCK_CHECK_STALE;
	pasids_begin(&p, &opts);
	pasids_set(&p, 1, 0x1000, 11);
	pasids_set(&p, 1, 0x2000, 12);
	pasids_set(&p, 2, 0x2000, 22);
	ck_assert_uint_eq(pasids_page(&p, 1, 0x1000), 11);
	ck_assert_int_eq(ok(ioasid_mock_stale_read(p.guest.mock, stale, 3)), 0);
	guest_set_pasid(&p.guest, 1, p.root[2]);
	ck_assert_uint_eq(pasids_page(&p, 1, 0x2000), 12);
	ck_assert_int_eq(ok(ioasid_mock_stale_read(p.guest.mock, stale, 3)), 1);
	ck_assert_uint_eq(stale->cache, IOASID_MOCK_STALE_PASID_CACHE);
	ck_assert_uint_eq(stale->pasid, 1);
	ck_assert_uint_eq(stale->label, LABEL);
	ck_assert_uint_eq(stale->addr, 0x2000);
	ck_assert_uint_eq(stale->space, ioasid_space_id(p.guest.giova));
	/* what it led to is stale in turn */
	ck_assert_uint_eq(pasids_page(&p, 1, 0x2000), 12);
	ck_assert_int_eq(ok(ioasid_mock_stale_read(p.guest.mock, stale, 3)), 1);
	ck_assert_uint_eq(stale->cache, IOASID_MOCK_STALE_IOTLB);
	ck_assert_uint_eq(stale->pasid, 1);
	pasids_invalidate(&p, IOASID_INVALIDATE_PASID, 1, 0);
	ck_assert_uint_eq(pasids_page(&p, 1, 0x2000), 22);
	ck_assert_uint_eq(pasids_page(&p, 1, 0x2000), 22);
	ck_assert_int_eq(ok(ioasid_mock_stale_read(p.guest.mock, stale, 3)), 0);
	pasids_end(&p);
}
END_TEST

void add_nested_pasid_cache_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "pasid cache");

	tcase_add_loop_test(tcase, an_entry_is_read_once_and_kept, 0, PASIDS_KINDS);
	tcase_add_loop_test(
		tcase, a_changed_entry_is_seen_once_it_is_invalidated, 0, 6 * PASIDS_KINDS);
	tcase_add_loop_test(tcase, an_entry_that_is_gone_is_used_until_then, 0, PASIDS_KINDS);
	tcase_add_loop_test(tcase, addresses_are_invalidated_for_one_pasid, 0, PASIDS_KINDS);
	tcase_add_loop_test(tcase, more_pasids_than_are_kept_are_read_again, 0, PASIDS_KINDS);
	tcase_add_loop_test(
		tcase, a_top_byte_that_does_not_matter_is_in_no_cache, 0, PASIDS_KINDS / 2);
	tcase_add_loop_test(
		tcase, a_range_over_both_halves_reaches_the_high_one, 0, PASIDS_KINDS / 2);
	tcase_add_loop_test(tcase, a_range_that_ends_in_the_other_half_is_of_all_addresses, 0,
		PASIDS_KINDS / 2);
	tcase_add_loop_test(tcase, the_use_of_a_stale_entry_is_noted, 0, PASIDS_KINDS);
}
