/* SPDX-License-Identifier: MIT */
/*
 * What may be bound: page tables and PASID tables that the mock walks, and the reasons for which it
 * does not. The rules of each format are tested in files of their own.
 */
#include "error.h"
#include "walk.h"
#include <errno.h>

struct walk_answer walk_now(
	struct walkkit *kit, const struct walk_context *context, uint64_t addr, uint32_t access)
{
	struct walk_ask ask = {.addr = addr, .access = access};
	struct walk_answer answer;

	walkkit_forget(kit);
	walk(&kit->memory, context, &ask, &answer);
	return answer;
}

/* ---- page tables ---- */

static int bind(struct ioasid_pgtable table)
{
	struct walk_context context;
	int err;

	table.size = sizeof(table);
	err = walk_context_of(&table, &context);
	return err ? error_from(err, "bind") : 0;
}

START_TEST(a_format_that_is_unknown_is_refused)
{
	fails(-EINVAL, "format 9",
		bind((struct ioasid_pgtable){.format = 9, .addr = PAGE, .addr_width = 48}));
}
END_TEST

START_TEST(a_page_table_has_no_words)
{
	fails(-EINVAL, "words",
		bind((struct ioasid_pgtable){.format = IOASID_PGTABLE_VTD_S1,
			.addr = PAGE,
			.addr_width = 48,
			.words = {0, 0, 0, 1}}));
}
END_TEST

START_TEST(long_mode_tables_translate_48_or_57_bits)
{
	struct ioasid_pgtable table = {.addr = PAGE};

	for (uint32_t format = 1; format <= 3; format += 2) {
		table.format = format;
		for (uint32_t width = 0; width <= 64; width++) {
			table.addr_width = width;
			if (width == 48 || width == 57)
				ok(bind(table));
			else
				fails(-EINVAL, "48 or 57", bind(table));
		}
	}
}
END_TEST

START_TEST(a_long_mode_root_is_page_aligned_and_of_52_bits)
{
	struct ioasid_pgtable table = {.format = IOASID_PGTABLE_VTD_S1, .addr_width = 48};

	table.addr = PAGE / 2;
	fails(-EINVAL, "0x800 is not aligned", bind(table));
	table.addr = BIT(52);
	fails(-EINVAL, "52 bits", bind(table));
	table.addr = BIT(52) - PAGE;
	ok(bind(table));
}
END_TEST

START_TEST(each_format_has_flags_of_its_own)
{
	uint32_t vtd = IOASID_PGTABLE_SUPERVISOR | IOASID_PGTABLE_EXT_ACCESSED |
		       IOASID_PGTABLE_WRITE_PROTECT;
	uint32_t arm = IOASID_PGTABLE_HW_ACCESSED | IOASID_PGTABLE_HW_DIRTY;
	struct ioasid_pgtable table = {.addr = PAGE, .addr_width = 48};

	table.format = IOASID_PGTABLE_VTD_S1;
	table.flags = vtd;
	ok(bind(table));
	table.flags = vtd | IOASID_PGTABLE_HW_ACCESSED;
	fails(-EINVAL, "flags 0x8", bind(table));
	table.format = IOASID_PGTABLE_AMD_V2;
	table.flags = IOASID_PGTABLE_SUPERVISOR;
	fails(-EINVAL, "flags 0x1", bind(table));
	table.format = IOASID_PGTABLE_SMMUV3_S1;
	fails(-EINVAL, "flags 0x1", bind(table));
	table.flags = arm;
	ok(bind(table));
	table.flags = IOASID_PGTABLE_HW_ACCESSED;
	ok(bind(table));
	table.flags = IOASID_PGTABLE_HW_DIRTY;
	fails(-EINVAL, "HW_ACCESSED", bind(table));
}
END_TEST

START_TEST(arm_tables_translate_25_to_48_bits)
{
	struct ioasid_pgtable table = {.format = IOASID_PGTABLE_SMMUV3_S1, .addr = PAGE};

	for (uint32_t width = 0; width <= 64; width++) {
		table.addr_width = width;
		if (width >= 25 && width <= 48)
			ok(bind(table));
		else
			fails(-EINVAL, "25 to 48", bind(table));
	}
}
END_TEST

START_TEST(an_arm_root_is_aligned_to_its_size)
{
	/* bits beyond those that the lower levels translate: 12 + 9 * levels */
	static const struct {
		uint32_t width;
		uint64_t size;
	} root[] = {{25, 128}, {30, 4096}, {31, 16}, {39, 4096}, {40, 16}, {48, 4096}};
	struct ioasid_pgtable table = {.format = IOASID_PGTABLE_SMMUV3_S1};

	for (unsigned int i = 0; i < sizeof(root) / sizeof(root[0]); i++) {
		table.addr_width = root[i].width;
		table.addr = root[i].size;
		ok(bind(table));
		table.addr = root[i].size / 2;
		fails(-EINVAL, "aligned", bind(table));
	}
	table.addr = BIT(48);
	fails(-EINVAL, "48 bits", bind(table));
}
END_TEST

/* ---- PASID tables ---- */

static int bind_pasids(uint32_t format, uint64_t word0, uint64_t word1, uint64_t word2)
{
	struct ioasid_pgtable table = {
		.size = sizeof(table), .format = format, .words = {word0, word1, word2}};
	struct walk_pasids pasids;
	int err = walk_pasids_of(&table, &pasids);

	return err ? error_from(err, "bind") : 0;
}

START_TEST(a_pasid_table_is_of_arm_or_amd)
{
	fails(-EINVAL, "format 1", bind_pasids(IOASID_PGTABLE_VTD_S1, 1, 0, 0));
	fails(-EINVAL, "format 7", bind_pasids(7, 1, 0, 0));
}
END_TEST

START_TEST(a_pasid_table_is_told_by_words_alone)
{
	struct ioasid_pgtable table = {.format = IOASID_PGTABLE_SMMUV3_S1, .words = {1 | 5 << 1}};
	struct walk_pasids pasids;

	ck_assert_int_eq(walk_pasids_of(&table, &pasids), 0);
	table.addr_width = 48;
	ck_assert_int_eq(walk_pasids_of(&table, &pasids), -EINVAL);
	table.addr_width = 0;
	table.addr = PAGE;
	ck_assert_int_eq(walk_pasids_of(&table, &pasids), -EINVAL);
	table.addr = 0;
	table.flags = 1;
	ck_assert_int_eq(walk_pasids_of(&table, &pasids), -EINVAL);
	table.flags = 0;
	table.words[3] = 1;
	ck_assert_int_eq(walk_pasids_of(&table, &pasids), -EINVAL);
	table.words[3] = 0;
	table.words[2] = 1;
	fails(-EINVAL, "two words", error_from(walk_pasids_of(&table, &pasids), "bind"));
}
END_TEST

static int bind_ste(uint64_t word0, uint64_t word1)
{
	return bind_pasids(IOASID_PGTABLE_SMMUV3_S1, word0, word1, 0);
}

START_TEST(a_stream_table_entry_translates_stage_1)
{
	fails(-EINVAL, "V is to be set", bind_ste(5 << 1, 0));
	for (uint64_t config = 0; config < 8; config++) {
		if (config == 5)
			ok(bind_ste(1 | config << 1, 0));
		else
			fails(-EINVAL, "Config", bind_ste(1 | config << 1, 0));
	}
}
END_TEST

START_TEST(a_stream_table_entry_has_20_bits_of_substreams_at_most)
{
	ok(bind_ste(1 | 5 << 1 | UINT64_C(20) << 59, 0));
	fails(-EINVAL, "S1CDMax is 21", bind_ste(1 | 5 << 1 | UINT64_C(21) << 59, 0));
}
END_TEST

START_TEST(a_stream_of_another_regime_is_refused)
{
	for (unsigned int bit = 0; bit < 64; bit++) {
		if ((bit >= 30 && bit <= 31) || (bit >= 48 && bit <= 51))
			fails(-EINVAL, "STRW", bind_ste(1 | 5 << 1, BIT(bit)));
		else
			ok(bind_ste(1 | 5 << 1, BIT(bit)));
	}
}
END_TEST

#define DTE_GOOD (BIT(0) | BIT(1) | BIT(55))

static int bind_dte(uint64_t word0, uint64_t word2)
{
	return bind_pasids(IOASID_PGTABLE_AMD_V2, word0, 0, word2);
}

START_TEST(a_device_table_entry_has_guest_tables)
{
	ok(bind_dte(DTE_GOOD, 0));
	fails(-EINVAL, "V, TV and GV", bind_dte(DTE_GOOD & ~BIT(0), 0));
	fails(-EINVAL, "V, TV and GV", bind_dte(DTE_GOOD & ~BIT(1), 0));
	fails(-EINVAL, "V, TV and GV", bind_dte(DTE_GOOD & ~BIT(55), 0));
}
END_TEST

START_TEST(a_device_table_entry_with_a_host_table_is_refused)
{
	fails(-EINVAL, "nests once", bind_dte(DTE_GOOD | BIT(9), 0));
	fails(-EINVAL, "nests once", bind_dte(DTE_GOOD | BIT(11), 0));
	fails(-EINVAL, "nests once", bind_dte(DTE_GOOD | BIT(12), 0));
	fails(-EINVAL, "nests once", bind_dte(DTE_GOOD | BIT(51), 0));
}
END_TEST

START_TEST(a_device_table_entry_has_up_to_three_levels_and_two_modes)
{
	ok(bind_dte(DTE_GOOD | UINT64_C(2) << 56, BIT(54)));
	fails(-EINVAL, "GLX 3", bind_dte(DTE_GOOD | UINT64_C(3) << 56, 0));
	fails(-EINVAL, "GuestPagingMode 2", bind_dte(DTE_GOOD, BIT(55)));
}
END_TEST

START_TEST(what_a_device_table_entry_says_of_other_things_is_not_asked)
{
	/* HAD, PPR, GPRP, IR, IW and what is reserved */
	uint64_t more = BIT(7) | BIT(8) | BIT(52) | BIT(53) | BIT(61) | BIT(62) | BIT(63);

	ok(bind_dte(DTE_GOOD | more, ~(UINT64_C(3) << 54)));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("walks");
	TCase *tcase = support_case(suite, "page tables to bind");

	tcase_add_test(tcase, a_format_that_is_unknown_is_refused);
	tcase_add_test(tcase, a_page_table_has_no_words);
	tcase_add_test(tcase, long_mode_tables_translate_48_or_57_bits);
	tcase_add_test(tcase, a_long_mode_root_is_page_aligned_and_of_52_bits);
	tcase_add_test(tcase, each_format_has_flags_of_its_own);
	tcase_add_test(tcase, arm_tables_translate_25_to_48_bits);
	tcase_add_test(tcase, an_arm_root_is_aligned_to_its_size);

	tcase = support_case(suite, "PASID tables to bind");
	tcase_add_test(tcase, a_pasid_table_is_of_arm_or_amd);
	tcase_add_test(tcase, a_pasid_table_is_told_by_words_alone);
	tcase_add_test(tcase, a_stream_table_entry_translates_stage_1);
	tcase_add_test(tcase, a_stream_table_entry_has_20_bits_of_substreams_at_most);
	tcase_add_test(tcase, a_stream_of_another_regime_is_refused);
	tcase_add_test(tcase, a_device_table_entry_has_guest_tables);
	tcase_add_test(tcase, a_device_table_entry_with_a_host_table_is_refused);
	tcase_add_test(tcase, a_device_table_entry_has_up_to_three_levels_and_two_modes);
	tcase_add_test(tcase, what_a_device_table_entry_says_of_other_things_is_not_asked);

	walk_x86_suite(suite);
	walk_arm_suite(suite);
	walk_pasids_suite(suite);
	walk_race_suite(suite);
	return support_run(suite);
}
