/* SPDX-License-Identifier: MIT */
/*
 * Long-mode tables, rule by rule: one address, with an entry at each level that a test spoils.
 */
#include "walk.h"
#include <string.h>

/* Of each level another index, so that a wrong one shows. */
#define ADDR (UINT64_C(1) << 39 | UINT64_C(2) << 30 | UINT64_C(3) << 21 | UINT64_C(4) << 12 | 0x567)
#define HIGH (UINT64_MAX << 47 | ADDR) /* its fellow of the upper half */

#define P    BIT(0)
#define RW   BIT(1)
#define US   BIT(2)
#define A    BIT(5)
#define D    BIT(6)
#define PS   BIT(7)
#define G    BIT(8)
#define EA   BIT(10)
#define XD   BIT(63)
#define GOOD (P | RW | US)
#define PAT  BIT(12)

#define OUT UINT64_C(0x9123456789000)

/* pml5 is page 4, the others in order: pml4 0, pdpt 1, pd 2, pt 3 */
static struct walkkit kit;
static struct walk_context context;

static uint64_t *entry(unsigned int level)
{
	static const uint64_t at[] = {0, TABLE(3) + 4 * 8, TABLE(2) + 3 * 8, TABLE(1) + 2 * 8,
		TABLE(0) + 1 * 8, TABLE(4)};

	return walkkit_word(&kit, at[level]);
}

static void bind(uint32_t format, uint32_t width, uint32_t flags)
{
	struct ioasid_pgtable table = {.size = sizeof(table),
		.format = format,
		.addr = width == 57 ? TABLE(4) : TABLE(0),
		.addr_width = width,
		.flags = flags};

	ck_assert_int_eq(walk_context_of(&table, &context), 0);
}

static void set_up(void)
{
	walkkit_begin(&kit, BASE, 5);
	*entry(5) = TABLE(0) | GOOD;
	*entry(4) = TABLE(1) | GOOD;
	*entry(3) = TABLE(2) | GOOD;
	*entry(2) = TABLE(3) | GOOD;
	*entry(1) = OUT | GOOD;
	bind(IOASID_PGTABLE_VTD_S1, 48, 0);
}

static void tear_down(void)
{
	walkkit_end(&kit);
}

static uint32_t fault(uint64_t addr, uint32_t access)
{
	return walk_now(&kit, &context, addr, access).fault;
}

static void leads(uint64_t addr, uint64_t to, unsigned int shift)
{
	struct walk_answer answer = walk_now(&kit, &context, addr, READ);

	ck_assert_uint_eq(answer.fault, NONE);
	ck_assert_uint_eq(answer.addr, to);
	ck_assert_uint_eq(answer.shift, shift);
}

/* ---- the way ---- */

START_TEST(pages_are_of_4_KiB_2_MiB_and_1_GiB)
{
	leads(ADDR, OUT | 0x567, 12);
	*entry(2) = (OUT & ~(BIT(21) - 1)) | GOOD | PS;
	leads(ADDR, (OUT & ~(BIT(21) - 1)) | (ADDR & (BIT(21) - 1)), 21);
	*entry(3) = (OUT & ~(BIT(30) - 1)) | GOOD | PS;
	leads(ADDR, (OUT & ~(BIT(30) - 1)) | (ADDR & (BIT(30) - 1)), 30);
}
END_TEST

START_TEST(each_level_is_read_once)
{
	leads(ADDR, OUT | 0x567, 12);
	ck_assert_uint_eq(kit.asked_count - kit.changes, 4);
	bind(IOASID_PGTABLE_VTD_S1, 57, 0);
	leads(ADDR, OUT | 0x567, 12);
	ck_assert_uint_eq(kit.asked_count - kit.changes, 5);
}
END_TEST

START_TEST(five_levels_have_an_index_of_their_own)
{
	bind(IOASID_PGTABLE_VTD_S1, 57, 0);
	leads(ADDR, OUT | 0x567, 12);
	ck_assert_uint_eq(fault(ADDR | BIT(48), READ), TRANSLATION);
	*walkkit_word(&kit, TABLE(4) + 7 * 8) = *entry(5);
	leads(ADDR | UINT64_C(7) << 48, OUT | 0x567, 12);
}
END_TEST

START_TEST(addresses_of_the_upper_half_are_walked_too)
{
	*walkkit_word(&kit, TABLE(0) + 257 * 8) = *entry(4);
	leads(HIGH, OUT | 0x567, 12);
	bind(IOASID_PGTABLE_VTD_S1, 57, 0);
	*walkkit_word(&kit, TABLE(4) + 511 * 8) = *entry(5);
	leads(HIGH, OUT | 0x567, 12);
}
END_TEST

START_TEST(addresses_that_are_not_canonical_are_refused_unread)
{
	static const uint64_t bad[] = {BIT(47), BIT(48), BIT(63), UINT64_MAX << 48};

	for (unsigned int i = 0; i < 4; i++) {
		ck_assert_uint_eq(fault(ADDR | bad[i], READ), ADDRESS);
		ck_assert_uint_eq(kit.asked_count, 0);
	}
	bind(IOASID_PGTABLE_VTD_S1, 57, 0);
	ck_assert_uint_eq(fault(ADDR | BIT(56), READ), ADDRESS);
	ck_assert_uint_eq(fault(ADDR | BIT(57), READ), ADDRESS);
	ck_assert_uint_eq(fault(ADDR | BIT(47), READ), TRANSLATION);
}
END_TEST

START_TEST(what_is_not_present_is_a_translation_fault)
{
	bind(IOASID_PGTABLE_VTD_S1, 57, 0);
	for (unsigned int level = 1; level <= 5; level++) {
		*entry(level) ^= P;
		ck_assert_uint_eq(fault(ADDR, READ), TRANSLATION);
		ck_assert_uint_eq(kit.asked_count, 6 - level);
		*entry(level) ^= P;
	}
	leads(ADDR, OUT | 0x567, 12);
}
END_TEST

START_TEST(a_table_that_leads_to_itself_ends)
{
	uint64_t same =
		UINT64_C(9) << 39 | UINT64_C(9) << 30 | UINT64_C(9) << 21 | UINT64_C(9) << 12;

	*walkkit_word(&kit, TABLE(0) + 9 * 8) = TABLE(0) | GOOD;
	leads(same, TABLE(0), 12);
}
END_TEST

/* ---- reserved bits ---- */

START_TEST(a_page_at_a_level_without_pages_is_reserved)
{
	for (uint32_t format = 1; format <= 3; format += 2) {
		bind(format, 57, 0);
		for (unsigned int level = 4; level <= 5; level++) {
			*entry(level) ^= PS;
			ck_assert_uint_eq(fault(ADDR, READ), RESERVED);
			*entry(level) ^= PS;
		}
		leads(ADDR, OUT | 0x567, 12);
	}
}
END_TEST

START_TEST(amd_reserves_bit_8_of_the_highest_levels)
{
	bind(IOASID_PGTABLE_AMD_V2, 57, 0);
	for (unsigned int level = 1; level <= 5; level++) {
		*entry(level) ^= G;
		ck_assert_uint_eq(fault(ADDR, READ), level >= 4 ? RESERVED : NONE);
		*entry(level) ^= G;
	}
	bind(IOASID_PGTABLE_VTD_S1, 57, 0);
	*entry(5) |= G;
	*entry(4) |= G;
	leads(ADDR, OUT | 0x567, 12);
}
END_TEST

/* Of level 2 or 3: each bit of the address below the page's size, but for PAT. */
static void reserve_low_bits(unsigned int level, unsigned int shift)
{
	*entry(level) = (OUT & ~(BIT(shift) - 1)) | GOOD | PS;
	for (unsigned int bit = 12; bit <= shift; bit++) {
		*entry(level) ^= BIT(bit);
		ck_assert_uint_eq(fault(ADDR, READ), bit == 12 || bit == shift ? NONE : RESERVED);
		*entry(level) ^= BIT(bit);
	}
}

START_TEST(the_low_bits_of_a_large_page_are_reserved)
{
	reserve_low_bits(2, 21);
	reserve_low_bits(3, 30);
}
END_TEST

START_TEST(the_pat_bit_of_a_large_page_is_none_of_the_address)
{
	*entry(2) = (OUT & ~(BIT(21) - 1)) | GOOD | PS | PAT;
	leads(ADDR & ~(BIT(13) - 1), (OUT & ~(BIT(21) - 1)) | (ADDR & (BIT(21) - BIT(13))), 21);
}
END_TEST

START_TEST(an_entry_that_is_not_present_reserves_nothing)
{
	*entry(4) = PS;
	ck_assert_uint_eq(fault(ADDR, READ), TRANSLATION);
}
END_TEST

START_TEST(bits_that_are_the_systems_are_ignored)
{
	for (unsigned int level = 1; level <= 4; level++)
		*entry(level) |=
			BIT(9) | BIT(10) | BIT(11) | UINT64_C(0x7ff) << 52 | BIT(3) | BIT(4);
	leads(ADDR, OUT | 0x567, 12);
}
END_TEST

/* ---- rights ---- */

START_TEST(a_user_needs_the_user_bit_at_every_level)
{
	bind(IOASID_PGTABLE_VTD_S1, 48, IOASID_PGTABLE_SUPERVISOR);
	for (unsigned int level = 1; level <= 4; level++) {
		*entry(level) ^= US;
		ck_assert_uint_eq(fault(ADDR, READ), PERMISSION);
		ck_assert_uint_eq(fault(ADDR, READ | PRIV), NONE);
		*entry(level) ^= US;
		ck_assert_uint_eq(fault(ADDR, READ), NONE);
	}
}
END_TEST

START_TEST(a_write_needs_the_write_bit_at_every_level)
{
	for (unsigned int level = 1; level <= 4; level++) {
		*entry(level) ^= RW;
		ck_assert_uint_eq(fault(ADDR, WRITE), PERMISSION);
		ck_assert_uint_eq(walk_now(&kit, &context, ADDR, READ).allowed, IOASID_MAP_READ);
		*entry(level) ^= RW;
		ck_assert_uint_eq(fault(ADDR, WRITE), NONE);
	}
}
END_TEST

START_TEST(a_privileged_access_wants_supervisor_requests)
{
	ck_assert_uint_eq(fault(ADDR, READ | PRIV), PERMISSION);
	ck_assert_uint_eq(kit.asked_count, 0);
	bind(IOASID_PGTABLE_VTD_S1, 48, IOASID_PGTABLE_SUPERVISOR);
	ck_assert_uint_eq(fault(ADDR, READ | PRIV), NONE);
	bind(IOASID_PGTABLE_AMD_V2, 48, 0);
	ck_assert_uint_eq(fault(ADDR, READ | PRIV), NONE);
}
END_TEST

START_TEST(a_privileged_write_heeds_read_only_pages_with_write_protect)
{
	*entry(1) ^= RW;
	bind(IOASID_PGTABLE_VTD_S1, 48, IOASID_PGTABLE_SUPERVISOR);
	ck_assert_uint_eq(fault(ADDR, WRITE | PRIV), NONE);
	ck_assert_uint_eq(fault(ADDR, WRITE), PERMISSION);
	bind(IOASID_PGTABLE_VTD_S1, 48, IOASID_PGTABLE_SUPERVISOR | IOASID_PGTABLE_WRITE_PROTECT);
	ck_assert_uint_eq(fault(ADDR, WRITE | PRIV), PERMISSION);
	bind(IOASID_PGTABLE_AMD_V2, 48, 0);
	ck_assert_uint_eq(fault(ADDR, WRITE | PRIV), PERMISSION);
}
END_TEST

START_TEST(no_execute_at_any_level_forbids_the_fetch_alone)
{
	for (unsigned int level = 1; level <= 4; level++) {
		*entry(level) ^= XD;
		ck_assert_uint_eq(fault(ADDR, READ | EXEC), PERMISSION);
		ck_assert_uint_eq(fault(ADDR, EXEC), PERMISSION);
		ck_assert_uint_eq(fault(ADDR, READ | WRITE), NONE);
		*entry(level) ^= XD;
		ck_assert_uint_eq(fault(ADDR, READ | EXEC), NONE);
	}
}
END_TEST

START_TEST(a_hole_is_told_before_a_missing_permission)
{
	*entry(4) ^= US;
	*entry(1) ^= P;
	ck_assert_uint_eq(fault(ADDR, READ), TRANSLATION);
}
END_TEST

/* ---- accessed and dirty ---- */

static void marks_are(uint64_t tables, uint64_t page)
{
	for (unsigned int level = 1; level <= 4; level++)
		ck_assert_uint_eq(*entry(level) & (A | D | EA), level == 1 ? page : tables);
}

START_TEST(a_read_marks_all_it_used_as_accessed)
{
	ck_assert_uint_eq(fault(ADDR, READ), NONE);
	marks_are(A, A);
	ck_assert_uint_eq(kit.changes, 4);
	ck_assert_uint_eq(fault(ADDR, READ), NONE);
	ck_assert_uint_eq(kit.changes, 0);
}
END_TEST

START_TEST(a_write_marks_the_page_as_dirty)
{
	ck_assert_uint_eq(fault(ADDR, WRITE), NONE);
	marks_are(A, A | D);
	ck_assert_uint_eq(fault(ADDR, WRITE), NONE);
	ck_assert_uint_eq(kit.changes, 0);
}
END_TEST

START_TEST(a_large_page_has_a_dirty_bit_of_its_own)
{
	*entry(2) = (OUT & ~(BIT(21) - 1)) | GOOD | PS;
	ck_assert_uint_eq(fault(ADDR, WRITE), NONE);
	ck_assert_uint_eq(*entry(2) & (A | D), A | D);
	ck_assert_uint_eq(*entry(3) & (A | D), A);
}
END_TEST

START_TEST(extended_accessed_is_marked_where_it_is_enabled)
{
	bind(IOASID_PGTABLE_VTD_S1, 48, IOASID_PGTABLE_EXT_ACCESSED);
	*entry(3) |= A;
	ck_assert_uint_eq(fault(ADDR, WRITE), NONE);
	marks_are(A | EA, A | EA | D);
}
END_TEST

START_TEST(nothing_is_marked_where_a_walk_faults)
{
	*entry(1) ^= RW;
	ck_assert_uint_eq(fault(ADDR, WRITE), PERMISSION);
	marks_are(0, 0);
	*entry(1) ^= P;
	ck_assert_uint_eq(fault(ADDR, READ), TRANSLATION);
	marks_are(0, 0);
}
END_TEST

START_TEST(nothing_is_marked_by_a_quiet_walk)
{
	struct walk_ask ask = {.addr = ADDR, .access = WRITE, .quiet = true};
	struct walk_answer answer;

	walk(&kit.memory, &context, &ask, &answer);
	ck_assert_uint_eq(answer.fault, NONE);
	ck_assert_uint_eq(answer.allowed, IOASID_MAP_RW);
	ck_assert_uint_eq(answer.perms, IOASID_MAP_READ);
	ck_assert_uint_eq(kit.changes, 0);
	marks_are(0, 0);
}
END_TEST

START_TEST(a_clean_page_is_cached_for_reads_alone)
{
	struct walk_answer answer = walk_now(&kit, &context, ADDR, READ);

	ck_assert_uint_eq(answer.allowed, IOASID_MAP_RW);
	ck_assert_uint_eq(answer.perms, IOASID_MAP_READ);
	answer = walk_now(&kit, &context, ADDR, WRITE);
	ck_assert_uint_eq(answer.perms, IOASID_MAP_RW);
	answer = walk_now(&kit, &context, ADDR, READ);
	ck_assert_uint_eq(answer.perms, IOASID_MAP_RW);
}
END_TEST

/* ---- the parent ---- */

static void lacks(uint32_t access, uint64_t addr)
{
	struct walk_answer answer = walk_now(&kit, &context, ADDR, access);

	ck_assert_uint_eq(answer.fault, PARENT);
	ck_assert_uint_eq(answer.addr, addr);
	marks_are(0, 0);
}

START_TEST(a_table_that_the_parent_lacks_is_named)
{
	kit.state[2] = WALKKIT_GONE;
	lacks(READ, TABLE(2) + 3 * 8);
	*entry(3) = UINT64_C(0xfffffffff000) | GOOD;
	lacks(READ, UINT64_C(0xfffffffff000) + 3 * 8);
}
END_TEST

START_TEST(the_parent_is_asked_for_the_page_before_anything_is_marked)
{
	kit.rest_lacks = 1;
	for (uint32_t access = READ; access <= WRITE; access++)
		if (!walkkit_has(&kit, OUT, access))
			lacks(access, OUT | 0x567);
	ck_assert_uint_eq(kit.reached, 1);
	ck_assert_uint_eq(kit.reached_addr, OUT | 0x567);
	ck_assert_uint_eq(kit.reached_access, WRITE);
}
END_TEST

START_TEST(the_parent_is_not_asked_for_a_page_that_the_guest_refuses)
{
	*entry(1) ^= RW;
	ck_assert_uint_eq(fault(ADDR, WRITE), PERMISSION);
	ck_assert_uint_eq(kit.reached, 0);
}
END_TEST

START_TEST(tables_in_read_only_memory_cannot_be_marked)
{
	kit.state[3] = WALKKIT_READ_ONLY;
	lacks(READ, TABLE(3) + 4 * 8);
}
END_TEST

START_TEST(what_is_marked_already_may_be_read_only)
{
	*entry(1) |= A;
	kit.state[3] = WALKKIT_READ_ONLY;
	ck_assert_uint_eq(fault(ADDR, READ), NONE);
	ck_assert_uint_eq(fault(ADDR, WRITE), PARENT);
}
END_TEST

/* ---- a guest that changes its table meanwhile ---- */

static void move_once(struct walkkit *self, uint64_t addr)
{
	if (addr != TABLE(3) + 4 * 8)
		return;
	*entry(1) = (OUT + PAGE) | GOOD;
	self->on_change = NULL;
}

START_TEST(an_entry_that_changed_before_its_mark_is_read_again)
{
	kit.on_change = move_once;
	leads(ADDR, (OUT + PAGE) | 0x567, 12);
	ck_assert_uint_eq(*entry(1), (OUT + PAGE) | GOOD | A);
	ck_assert_uint_eq(kit.reached, 2);
}
END_TEST

static void take_away(struct walkkit *self, uint64_t addr)
{
	(void)self, (void)addr;
	*entry(1) = 0;
}

START_TEST(an_entry_that_is_taken_away_before_its_mark_stays_so)
{
	kit.on_change = take_away;
	ck_assert_uint_eq(fault(ADDR, WRITE), TRANSLATION);
	ck_assert_uint_eq(*entry(1), 0);
}
END_TEST

static void always_move(struct walkkit *self, uint64_t addr)
{
	(void)self, (void)addr;
	*entry(1) ^= PAGE;
}

START_TEST(a_guest_that_changes_it_always_holds_nobody)
{
	kit.on_change = always_move;
	*entry(1) &= ~A;
	for (unsigned int level = 2; level <= 4; level++)
		*entry(level) |= A;
	ck_assert_uint_eq(fault(ADDR, READ), TRANSLATION);
	ck_assert_uint_le(kit.asked_count, 16 * 5);
	ck_assert_uint_eq(*entry(1) & A, 0);
}
END_TEST

void walk_x86_suite(Suite *suite)
{
	TCase *tcase = support_case(suite, "long mode");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, pages_are_of_4_KiB_2_MiB_and_1_GiB);
	tcase_add_test(tcase, each_level_is_read_once);
	tcase_add_test(tcase, five_levels_have_an_index_of_their_own);
	tcase_add_test(tcase, addresses_of_the_upper_half_are_walked_too);
	tcase_add_test(tcase, addresses_that_are_not_canonical_are_refused_unread);
	tcase_add_test(tcase, what_is_not_present_is_a_translation_fault);
	tcase_add_test(tcase, a_table_that_leads_to_itself_ends);
	tcase_add_test(tcase, a_page_at_a_level_without_pages_is_reserved);
	tcase_add_test(tcase, amd_reserves_bit_8_of_the_highest_levels);
	tcase_add_test(tcase, the_low_bits_of_a_large_page_are_reserved);
	tcase_add_test(tcase, the_pat_bit_of_a_large_page_is_none_of_the_address);
	tcase_add_test(tcase, an_entry_that_is_not_present_reserves_nothing);
	tcase_add_test(tcase, bits_that_are_the_systems_are_ignored);
	tcase_add_test(tcase, a_user_needs_the_user_bit_at_every_level);
	tcase_add_test(tcase, a_write_needs_the_write_bit_at_every_level);
	tcase_add_test(tcase, a_privileged_access_wants_supervisor_requests);
	tcase_add_test(tcase, a_privileged_write_heeds_read_only_pages_with_write_protect);
	tcase_add_test(tcase, no_execute_at_any_level_forbids_the_fetch_alone);
	tcase_add_test(tcase, a_hole_is_told_before_a_missing_permission);
	tcase_add_test(tcase, a_read_marks_all_it_used_as_accessed);
	tcase_add_test(tcase, a_write_marks_the_page_as_dirty);
	tcase_add_test(tcase, a_large_page_has_a_dirty_bit_of_its_own);
	tcase_add_test(tcase, extended_accessed_is_marked_where_it_is_enabled);
	tcase_add_test(tcase, nothing_is_marked_where_a_walk_faults);
	tcase_add_test(tcase, nothing_is_marked_by_a_quiet_walk);
	tcase_add_test(tcase, a_clean_page_is_cached_for_reads_alone);
	tcase_add_test(tcase, a_table_that_the_parent_lacks_is_named);
	tcase_add_test(tcase, the_parent_is_asked_for_the_page_before_anything_is_marked);
	tcase_add_test(tcase, the_parent_is_not_asked_for_a_page_that_the_guest_refuses);
	tcase_add_test(tcase, tables_in_read_only_memory_cannot_be_marked);
	tcase_add_test(tcase, what_is_marked_already_may_be_read_only);
	tcase_add_test(tcase, an_entry_that_changed_before_its_mark_is_read_again);
	tcase_add_test(tcase, an_entry_that_is_taken_away_before_its_mark_stays_so);
	tcase_add_test(tcase, a_guest_that_changes_it_always_holds_nobody);
}
