/* SPDX-License-Identifier: MIT */
/*
 * Arm's tables, rule by rule: one address below TTB0 and its fellow below TTB1, with a descriptor
 * at each level that a test spoils.
 */
#include "walk.h"

#define ADDR (UINT64_C(1) << 39 | UINT64_C(2) << 30 | UINT64_C(3) << 21 | UINT64_C(4) << 12 | 0x567)

#define TABLE_BITS UINT64_C(3)
#define PAGE_BITS  UINT64_C(3)
#define BLOCK      UINT64_C(1)
#define USER       BIT(6)
#define RO         BIT(7)
#define AF         BIT(10)
#define DBM        BIT(51)
#define PXN        BIT(53)
#define UXN        BIT(54)
#define PXN_TABLE  BIT(59)
#define UXN_TABLE  BIT(60)
#define NO_USER    BIT(61)
#define NO_WRITE   BIT(62)

#define OUT UINT64_C(0x923456789000)

#define HA IOASID_PGTABLE_HW_ACCESSED
#define HD (IOASID_PGTABLE_HW_ACCESSED | IOASID_PGTABLE_HW_DIRTY)

/* levels 0 to 3 are pages 0 to 3 */
static struct walkkit kit;
static struct walk_context context;

static uint64_t *entry(unsigned int level)
{
	return walkkit_word(&kit, TABLE(level) + (level + 1) * 8);
}

static void bind(uint32_t width, unsigned int level, uint32_t flags)
{
	struct ioasid_pgtable table = {.size = sizeof(table),
		.format = IOASID_PGTABLE_SMMUV3_S1,
		.addr = TABLE(level),
		.addr_width = width,
		.flags = flags};

	ck_assert_int_eq(walk_context_of(&table, &context), 0);
}

static void set_up(void)
{
	walkkit_begin(&kit, BASE, 4);
	*entry(0) = TABLE(1) | TABLE_BITS;
	*entry(1) = TABLE(2) | TABLE_BITS;
	*entry(2) = TABLE(3) | TABLE_BITS;
	*entry(3) = OUT | PAGE_BITS | USER | AF;
	bind(48, 0, 0);
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

/* What of "rwx" (reads, writes, fetches) users and the privileged may. */
static void may(const char *users, const char *privileged)
{
	static const uint32_t access[] = {READ, WRITE, READ | EXEC};

	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_uint_eq(fault(ADDR, access[i]), users[i] == '-' ? PERMISSION : NONE);
		ck_assert_uint_eq(
			fault(ADDR, access[i] | PRIV), privileged[i] == '-' ? PERMISSION : NONE);
	}
}

/* ---- the way ---- */

START_TEST(pages_are_of_4_KiB_and_blocks_of_2_MiB_and_1_GiB)
{
	leads(ADDR, OUT | 0x567, 12);
	*entry(2) = (OUT & ~(BIT(21) - 1)) | BLOCK | USER | AF;
	leads(ADDR, (OUT & ~(BIT(21) - 1)) | (ADDR & (BIT(21) - 1)), 21);
	*entry(1) = (OUT & ~(BIT(30) - 1)) | BLOCK | USER | AF;
	leads(ADDR, (OUT & ~(BIT(30) - 1)) | (ADDR & (BIT(30) - 1)), 30);
}
END_TEST

START_TEST(each_level_is_read_once)
{
	leads(ADDR, OUT | 0x567, 12);
	ck_assert_uint_eq(kit.asked_count, 4);
}
END_TEST

START_TEST(the_width_tells_the_level_at_which_a_walk_begins)
{
	for (uint32_t width = 25; width <= 48; width++) {
		unsigned int level = width > 39 ? 0 : width > 30 ? 1 : 2;
		uint64_t addr = ADDR & (BIT(width) - 1);

		bind(width, level, 0);
		*walkkit_word(&kit, TABLE(level) + (addr >> (39 - 9 * level)) * 8) = *entry(level);
		leads(addr, OUT | 0x567, 12);
		ck_assert_uint_eq(kit.asked_count, 4 - level);
		ck_assert_uint_eq(fault(ADDR | BIT(width), READ), TRANSLATION);
	}
}
END_TEST

START_TEST(an_invalid_descriptor_is_a_translation_fault)
{
	for (unsigned int level = 0; level < 4; level++) {
		*entry(level) ^= 1;
		ck_assert_uint_eq(fault(ADDR, READ), TRANSLATION);
		*entry(level) ^= 1;
		leads(ADDR, OUT | 0x567, 12);
	}
}
END_TEST

START_TEST(there_are_no_blocks_at_the_first_level_and_the_last)
{
	*entry(3) ^= 2;
	ck_assert_uint_eq(fault(ADDR, READ), TRANSLATION);
	*entry(3) ^= 2;
	*entry(0) ^= 2;
	ck_assert_uint_eq(fault(ADDR, READ), TRANSLATION);
}
END_TEST

START_TEST(a_table_that_leads_to_itself_ends)
{
	uint64_t same =
		UINT64_C(9) << 39 | UINT64_C(9) << 30 | UINT64_C(9) << 21 | UINT64_C(9) << 12;

	*walkkit_word(&kit, TABLE(0) + 9 * 8) = TABLE(0) | TABLE_BITS | USER | AF;
	leads(same, TABLE(0), 12);
}
END_TEST

START_TEST(the_low_bits_of_a_block_are_ignored)
{
	*entry(2) = (OUT & ~(BIT(21) - 1)) | (BIT(21) - BIT(12)) | BLOCK | USER | AF;
	leads(ADDR, (OUT & ~(BIT(21) - 1)) | (ADDR & (BIT(21) - 1)), 21);
}
END_TEST

/* ---- two halves ---- */

static void use_both_halves(uint32_t high_flags)
{
	context.half[1] = (struct walk_half){TABLE(0), 48, WALK_HALF_VALID | high_flags};
}

START_TEST(high_addresses_belong_to_the_second_table)
{
	uint64_t high = UINT64_MAX << 48 | ADDR;

	ck_assert_uint_eq(fault(high, READ), TRANSLATION);
	use_both_halves(0);
	leads(high, OUT | 0x567, 12);
	context.half[0].flags = 0;
	leads(high, OUT | 0x567, 12);
	ck_assert_uint_eq(fault(ADDR, READ), TRANSLATION);
	ck_assert_uint_eq(kit.asked_count, 0);
}
END_TEST

START_TEST(a_small_second_table_ends_at_the_highest_address)
{
	context.half[1] = (struct walk_half){TABLE(1), 39, WALK_HALF_VALID};
	leads(UINT64_MAX << 39 | (ADDR & (BIT(39) - 1)), OUT | 0x567, 12);
	ck_assert_uint_eq(fault(UINT64_MAX << 40 | (ADDR & (BIT(39) - 1)), READ), TRANSLATION);
}
END_TEST

START_TEST(between_the_halves_is_nothing)
{
	use_both_halves(0);
	for (unsigned int bit = 48; bit < 64; bit++) {
		ck_assert_uint_eq(fault(ADDR ^ BIT(bit), READ), TRANSLATION);
		ck_assert_uint_eq(fault((UINT64_MAX << 48 | ADDR) ^ BIT(bit), READ), TRANSLATION);
	}
}
END_TEST

START_TEST(the_top_byte_is_ignored_where_that_is_enabled)
{
	uint64_t high = UINT64_MAX << 48 | ADDR, tag = UINT64_C(0xa5) << 56;

	use_both_halves(WALK_HALF_TAGGED);
	leads(high ^ tag, OUT | 0x567, 12);
	ck_assert_uint_eq(fault(ADDR ^ tag, READ), TRANSLATION);
	context.half[0].flags |= WALK_HALF_TAGGED;
	leads(ADDR ^ tag, OUT | 0x567, 12);
	for (unsigned int bit = 48; bit < 55; bit++) {
		ck_assert_uint_eq(fault(ADDR ^ BIT(bit), READ), TRANSLATION);
		ck_assert_uint_eq(fault(high ^ BIT(bit), READ), TRANSLATION);
	}
}
END_TEST

START_TEST(a_half_for_the_privileged_is_no_translation_for_users)
{
	context.half[0].flags |= WALK_HALF_PRIV;
	ck_assert_uint_eq(fault(ADDR, READ), TRANSLATION);
	ck_assert_uint_eq(fault(ADDR, READ | PRIV), NONE);
}
END_TEST

/* ---- the size of outputs ---- */

START_TEST(outputs_beyond_the_intermediate_size_are_address_faults)
{
	context.out_bits = 40;
	ck_assert_uint_eq(fault(ADDR, READ), ADDRESS);
	*entry(3) = (BIT(40) - PAGE) | PAGE_BITS | USER | AF;
	leads(ADDR, (BIT(40) - PAGE) | 0x567, 12);
	for (unsigned int level = 0; level < 3; level++) {
		*entry(level) ^= BIT(40);
		ck_assert_uint_eq(fault(ADDR, READ), ADDRESS);
		ck_assert_uint_eq(kit.asked_count, level + 1);
		*entry(level) ^= BIT(40);
	}
}
END_TEST

START_TEST(bits_51_to_48_are_none_of_an_address)
{
	*entry(3) |= UINT64_C(7) << 48;
	leads(ADDR, OUT | 0x567, 12);
}
END_TEST

/* ---- the access flag ---- */

START_TEST(a_clear_access_flag_is_a_fault)
{
	*entry(3) ^= AF;
	ck_assert_uint_eq(fault(ADDR, READ), ACCESS);
	ck_assert_uint_eq(kit.changes, 0);
}
END_TEST

START_TEST(a_clear_access_flag_is_none_where_that_is_disabled)
{
	context.flags |= WALK_ACCESS_FREE;
	*entry(3) ^= AF;
	ck_assert_uint_eq(fault(ADDR, READ), NONE);
	ck_assert_uint_eq(kit.changes, 0);
	ck_assert_uint_eq(*entry(3) & AF, 0);
}
END_TEST

START_TEST(the_iommu_sets_the_access_flag_where_it_may)
{
	bind(48, 0, HA);
	*entry(3) ^= AF;
	ck_assert_uint_eq(fault(ADDR, READ), NONE);
	ck_assert_uint_eq(*entry(3), OUT | PAGE_BITS | USER | AF);
	ck_assert_uint_eq(kit.changes, 1);
	context.flags |= WALK_ACCESS_FREE;
	*entry(3) ^= AF;
	ck_assert_uint_eq(fault(ADDR, READ), NONE);
	ck_assert_uint_eq(*entry(3) & AF, AF);
}
END_TEST

START_TEST(an_access_fault_goes_before_one_of_permission)
{
	*entry(3) ^= AF | RO;
	ck_assert_uint_eq(fault(ADDR, WRITE), ACCESS);
	bind(48, 0, HA);
	ck_assert_uint_eq(fault(ADDR, WRITE), PERMISSION);
	ck_assert_uint_eq(*entry(3) & AF, 0);
}
END_TEST

/* ---- permissions ---- */

START_TEST(ap_tells_who_reads_and_who_writes)
{
	*entry(3) ^= USER;
	may("--x", "rwx");
	*entry(3) ^= RO;
	may("--x", "r-x");
	*entry(3) ^= USER;
	may("r-x", "r-x");
	*entry(3) ^= RO;
	may("rwx", "rw-");
}
END_TEST

START_TEST(tables_take_permissions_from_all_below_them)
{
	for (unsigned int level = 0; level < 3; level++) {
		*entry(level) |= NO_USER;
		may("--x", "rwx");
		*entry(level) |= NO_WRITE;
		may("--x", "r-x");
		*entry(level) ^= NO_USER;
		may("r-x", "r-x");
		*entry(level) ^= NO_WRITE;
	}
	may("rwx", "rw-");
}
END_TEST

START_TEST(execute_never_is_told_for_either)
{
	*entry(3) |= RO;
	*entry(3) ^= UXN;
	may("r--", "r-x");
	*entry(3) ^= UXN | PXN;
	may("r-x", "r--");
	*entry(3) ^= PXN;
	for (unsigned int level = 0; level < 3; level++) {
		*entry(level) ^= UXN_TABLE;
		may("r--", "r-x");
		*entry(level) ^= UXN_TABLE | PXN_TABLE;
		may("r-x", "r--");
		*entry(level) ^= PXN_TABLE;
	}
}
END_TEST

START_TEST(tables_take_nothing_where_hierarchy_is_disabled)
{
	context.half[0].flags |= WALK_HALF_FLAT;
	for (unsigned int level = 0; level < 3; level++)
		*entry(level) |= NO_USER | NO_WRITE | UXN_TABLE | PXN_TABLE;
	may("rwx", "rw-");
}
END_TEST

START_TEST(what_can_be_written_is_never_executed_with_wxn)
{
	context.flags |= WALK_WRITE_NO_EXEC;
	may("rw-", "rw-");
	*entry(3) ^= USER;
	may("--x", "rw-");
	*entry(3) ^= RO;
	may("--x", "r-x");
}
END_TEST

START_TEST(the_privileged_keep_off_users_pages_with_pan)
{
	context.flags |= WALK_PRIV_NO_USER;
	may("rwx", "---");
	*entry(3) |= RO;
	may("r-x", "--x");
	*entry(2) |= NO_USER;
	may("--x", "r-x");
	*entry(2) ^= NO_USER;
	*entry(3) ^= USER;
	may("--x", "r-x");
}
END_TEST

/* ---- the dirty state ---- */

static void can_be_cached(uint32_t access, uint32_t perms)
{
	struct walk_answer answer = walk_now(&kit, &context, ADDR, access);

	ck_assert_uint_eq(answer.fault, NONE);
	ck_assert_uint_eq(answer.perms, perms);
}

START_TEST(a_clean_page_is_made_dirty_by_a_write)
{
	bind(48, 0, HD);
	*entry(3) ^= RO | DBM | AF;
	can_be_cached(READ, IOASID_MAP_READ);
	ck_assert_uint_eq(*entry(3), OUT | PAGE_BITS | USER | AF | RO | DBM);
	can_be_cached(WRITE, IOASID_MAP_RW);
	ck_assert_uint_eq(*entry(3), OUT | PAGE_BITS | USER | AF | DBM);
	can_be_cached(READ, IOASID_MAP_RW);
	ck_assert_uint_eq(kit.changes, 0);
}
END_TEST

START_TEST(a_clean_page_is_read_only_where_the_iommu_notes_no_dirty_state)
{
	bind(48, 0, HA);
	*entry(3) ^= RO | DBM;
	ck_assert_uint_eq(fault(ADDR, WRITE), PERMISSION);
	context.flags = IOASID_PGTABLE_HW_DIRTY;
	ck_assert_uint_eq(fault(ADDR, WRITE), PERMISSION);
}
END_TEST

START_TEST(a_page_without_dbm_is_read_only)
{
	bind(48, 0, HD);
	*entry(3) ^= RO;
	ck_assert_uint_eq(fault(ADDR, WRITE), PERMISSION);
	can_be_cached(READ, IOASID_MAP_READ);
}
END_TEST

START_TEST(a_clean_page_below_a_read_only_table_stays_so)
{
	bind(48, 0, HD);
	*entry(3) ^= RO | DBM;
	*entry(1) |= NO_WRITE;
	ck_assert_uint_eq(fault(ADDR, WRITE), PERMISSION);
	ck_assert_uint_eq(*entry(3) & RO, RO);
}
END_TEST

START_TEST(a_clean_page_counts_as_writable_for_the_right_to_execute)
{
	bind(48, 0, HD);
	*entry(3) ^= RO | DBM;
	ck_assert_uint_eq(fault(ADDR, READ | EXEC | PRIV), PERMISSION);
	ck_assert_uint_eq(fault(ADDR, READ | EXEC), NONE);
	context.flags |= WALK_WRITE_NO_EXEC;
	ck_assert_uint_eq(fault(ADDR, READ | EXEC), PERMISSION);
}
END_TEST

START_TEST(a_quiet_walk_leaves_a_page_clean)
{
	struct walk_ask ask = {.addr = ADDR, .access = WRITE, .quiet = true};
	struct walk_answer answer;

	bind(48, 0, HD);
	*entry(3) ^= RO | DBM | AF;
	walk(&kit.memory, &context, &ask, &answer);
	ck_assert_uint_eq(answer.fault, NONE);
	ck_assert_uint_eq(answer.allowed, IOASID_MAP_RW);
	ck_assert_uint_eq(answer.perms, IOASID_MAP_READ);
	ck_assert_uint_eq(*entry(3), OUT | PAGE_BITS | USER | RO | DBM);
}
END_TEST

/* ---- the parent ---- */

START_TEST(a_table_that_the_parent_lacks_is_named)
{
	struct walk_answer answer;

	kit.state[1] = WALKKIT_GONE;
	answer = walk_now(&kit, &context, ADDR, READ);
	ck_assert_uint_eq(answer.fault, PARENT);
	ck_assert_uint_eq(answer.addr, TABLE(1) + 2 * 8);
}
END_TEST

START_TEST(a_page_that_the_parent_lacks_is_not_marked)
{
	struct walk_answer answer;

	bind(48, 0, HD);
	*entry(3) = TABLE(3) | PAGE_BITS | USER | RO | DBM;
	kit.state[3] = WALKKIT_READ_ONLY;
	answer = walk_now(&kit, &context, ADDR, WRITE);
	ck_assert_uint_eq(answer.fault, PARENT);
	ck_assert_uint_eq(answer.addr, TABLE(3) | 0x567);
	ck_assert_uint_eq(*entry(3), TABLE(3) | PAGE_BITS | USER | RO | DBM);
}
END_TEST

void walk_arm_suite(Suite *suite)
{
	TCase *tcase = support_case(suite, "arm");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, pages_are_of_4_KiB_and_blocks_of_2_MiB_and_1_GiB);
	tcase_add_test(tcase, each_level_is_read_once);
	tcase_add_test(tcase, the_width_tells_the_level_at_which_a_walk_begins);
	tcase_add_test(tcase, an_invalid_descriptor_is_a_translation_fault);
	tcase_add_test(tcase, there_are_no_blocks_at_the_first_level_and_the_last);
	tcase_add_test(tcase, a_table_that_leads_to_itself_ends);
	tcase_add_test(tcase, the_low_bits_of_a_block_are_ignored);
	tcase_add_test(tcase, high_addresses_belong_to_the_second_table);
	tcase_add_test(tcase, a_small_second_table_ends_at_the_highest_address);
	tcase_add_test(tcase, between_the_halves_is_nothing);
	tcase_add_test(tcase, the_top_byte_is_ignored_where_that_is_enabled);
	tcase_add_test(tcase, a_half_for_the_privileged_is_no_translation_for_users);
	tcase_add_test(tcase, outputs_beyond_the_intermediate_size_are_address_faults);
	tcase_add_test(tcase, bits_51_to_48_are_none_of_an_address);
	tcase_add_test(tcase, a_clear_access_flag_is_a_fault);
	tcase_add_test(tcase, a_clear_access_flag_is_none_where_that_is_disabled);
	tcase_add_test(tcase, the_iommu_sets_the_access_flag_where_it_may);
	tcase_add_test(tcase, an_access_fault_goes_before_one_of_permission);
	tcase_add_test(tcase, ap_tells_who_reads_and_who_writes);
	tcase_add_test(tcase, tables_take_permissions_from_all_below_them);
	tcase_add_test(tcase, execute_never_is_told_for_either);
	tcase_add_test(tcase, tables_take_nothing_where_hierarchy_is_disabled);
	tcase_add_test(tcase, what_can_be_written_is_never_executed_with_wxn);
	tcase_add_test(tcase, the_privileged_keep_off_users_pages_with_pan);
	tcase_add_test(tcase, a_clean_page_is_made_dirty_by_a_write);
	tcase_add_test(tcase, a_clean_page_is_read_only_where_the_iommu_notes_no_dirty_state);
	tcase_add_test(tcase, a_page_without_dbm_is_read_only);
	tcase_add_test(tcase, a_clean_page_below_a_read_only_table_stays_so);
	tcase_add_test(tcase, a_clean_page_counts_as_writable_for_the_right_to_execute);
	tcase_add_test(tcase, a_quiet_walk_leaves_a_page_clean);
	tcase_add_test(tcase, a_table_that_the_parent_lacks_is_named);
	tcase_add_test(tcase, a_page_that_the_parent_lacks_is_not_marked);
}
