/* SPDX-License-Identifier: MIT */
/*
 * PASID tables, rule by rule: context descriptors of an SMMUv3 in each of their tables, and what
 * makes one illegal; the GCR3 table of AMD's in each of its depths.
 */
#include "walk.h"
#include <string.h>

#define NOBODY IOASID_PASID_NONE

static struct walkkit kit;
static struct walk_pasids pasids;
static struct walk_entry entry;

static void set_up(void)
{
	walkkit_begin(&kit, BASE, 16);
}

static void tear_down(void)
{
	walkkit_end(&kit);
}

static void bind(uint32_t format, uint64_t word0, uint64_t word1, uint64_t word2)
{
	struct ioasid_pgtable table = {
		.size = sizeof(table), .format = format, .words = {word0, word1, word2}};

	ck_assert_int_eq(walk_pasids_of(&table, &pasids), 0);
}

static uint32_t look(uint32_t pasid)
{
	walkkit_forget(&kit);
	return walk_pasid(&kit.memory, &pasids, pasid, &entry);
}

/* ---- context descriptors ---- */

#define LINEAR   UINT64_C(0)
#define LEAF_4K  UINT64_C(1)
#define LEAF_64K UINT64_C(2)

#define TERMINATE UINT64_C(0)
#define BYPASS    UINT64_C(1)
#define FIRST     UINT64_C(2)

#define CD_OFF0  BIT(14)
#define CD_BIG   BIT(15)
#define CD_4K1   (UINT64_C(2) << 22)
#define CD_OFF1  BIT(30)
#define CD_VALID BIT(31)
#define CD_IPS   (UINT64_C(5) << 32)
#define CD_AA64  BIT(41)
#define CD_STALL BIT(44)
/* 48 bits of TTB0, nothing of TTB1 */
#define CD_GOOD (16 | CD_OFF1 | CD_VALID | CD_IPS | CD_AA64)

static void bind_ste(uint64_t root, uint64_t bits, uint64_t format, uint64_t word1)
{
	bind(IOASID_PGTABLE_SMMUV3_S1, 1 | 5 << 1 | format << 4 | root | bits << 59, word1, 0);
}

/* A descriptor, and how it can be told from others. */
static uint64_t *put_cd(uint64_t addr, uint64_t ttb0)
{
	uint64_t *cd = walkkit_word(&kit, addr);

	cd[0] = CD_GOOD;
	cd[1] = ttb0;
	return cd;
}

static void finds(uint32_t pasid, uint64_t ttb0)
{
	ck_assert_uint_eq(look(pasid), NONE);
	ck_assert(!entry.bypass);
	ck_assert_uint_eq(entry.context.half[0].root, ttb0);
}

START_TEST(a_stream_without_substreams_has_one_descriptor)
{
	bind_ste(TABLE(1) + 64, 0, LINEAR, TERMINATE);
	put_cd(TABLE(1) + 64, PAGE);
	finds(NOBODY, PAGE);
	ck_assert_uint_eq(look(0), PASID);
	ck_assert_uint_eq(look(1), PASID);
	ck_assert_uint_eq(kit.asked_count, 0);
}
END_TEST

START_TEST(a_linear_table_has_a_descriptor_for_each_substream)
{
	bind_ste(TABLE(2), 6, LINEAR, TERMINATE);
	put_cd(TABLE(2), PAGE);
	put_cd(TABLE(2) + 5 * 64, 2 * PAGE);
	put_cd(TABLE(2) + 63 * 64, 3 * PAGE);
	finds(0, PAGE);
	finds(5, 2 * PAGE);
	finds(63, 3 * PAGE);
	ck_assert_uint_eq(look(4), PASID);
	ck_assert_uint_eq(look(64), PASID);
	ck_assert_uint_eq(kit.asked_count, 0);
}
END_TEST

START_TEST(a_reserved_format_is_a_linear_table)
{
	bind_ste(TABLE(2), 6, 3, TERMINATE);
	put_cd(TABLE(2) + 5 * 64, 2 * PAGE);
	finds(5, 2 * PAGE);
}
END_TEST

START_TEST(a_linear_table_is_aligned_to_its_size)
{
	bind_ste(TABLE(3), 7, LINEAR, TERMINATE);
	put_cd(TABLE(2) + 5 * 64, PAGE);
	finds(5, PAGE);
}
END_TEST

START_TEST(a_leaf_of_4_KiB_has_64_descriptors)
{
	bind_ste(TABLE(1), 10, LEAF_4K, TERMINATE);
	*walkkit_word(&kit, TABLE(1) + 15 * 8) = TABLE(2) | 1;
	put_cd(TABLE(2) + 63 * 64, PAGE);
	finds(15 << 6 | 63, PAGE);
	ck_assert_uint_eq(kit.asked[0], TABLE(1) + 15 * 8);
	ck_assert_uint_eq(look(14 << 6 | 63), PASID);
	ck_assert_uint_eq(look(1 << 10), PASID);
	ck_assert_uint_eq(kit.asked_count, 0);
}
END_TEST

START_TEST(a_leaf_of_64_KiB_has_1024_descriptors)
{
	/* the sixteen pages are at a multiple of 64 KiB */
	bind_ste(TABLE(1), 20, LEAF_64K, TERMINATE);
	*walkkit_word(&kit, TABLE(0) + 3 * 8) = TABLE(7) | 1;
	put_cd(TABLE(0) + 1023 * 64, PAGE);
	finds(3 << 10 | 1023, PAGE);
	ck_assert_uint_eq(look(4 << 10 | 1023), PASID);
}
END_TEST

START_TEST(a_small_two_level_table_uses_its_first_descriptor)
{
	bind_ste(TABLE(1) + 64, 3, LEAF_4K, TERMINATE);
	*walkkit_word(&kit, TABLE(1) + 64) = TABLE(2) | 1;
	put_cd(TABLE(2) + 7 * 64, PAGE);
	finds(7, PAGE);
	ck_assert_uint_eq(look(8), PASID);
}
END_TEST

START_TEST(substreams_are_no_two_levels_where_there_are_none)
{
	bind_ste(TABLE(1), 0, LEAF_4K, TERMINATE);
	put_cd(TABLE(1), PAGE);
	finds(NOBODY, PAGE);
}
END_TEST

START_TEST(accesses_without_a_substream_are_terminated_bypass_or_use_the_first)
{
	bind_ste(TABLE(2), 6, LINEAR, TERMINATE);
	put_cd(TABLE(2), PAGE);
	ck_assert_uint_eq(look(NOBODY), PASID);
	finds(0, PAGE);
	bind_ste(TABLE(2), 6, LINEAR, 3);
	ck_assert_uint_eq(look(NOBODY), PASID);

	bind_ste(TABLE(2), 6, LINEAR, BYPASS);
	ck_assert_uint_eq(look(NOBODY), NONE);
	ck_assert(entry.bypass);
	ck_assert_uint_eq(kit.asked_count, 0);
	finds(0, PAGE);

	bind_ste(TABLE(2), 6, LINEAR, FIRST);
	finds(NOBODY, PAGE);
	ck_assert_uint_eq(look(0), PASID);
}
END_TEST

START_TEST(tables_of_descriptors_that_the_parent_lacks_are_named)
{
	bind_ste(TABLE(1), 10, LEAF_4K, TERMINATE);
	*walkkit_word(&kit, TABLE(1)) = BIT(50) | 1;
	ck_assert_uint_eq(look(3), PARENT);
	ck_assert_uint_eq(entry.missing, BIT(50) + 3 * 64);
	kit.state[1] = WALKKIT_GONE;
	ck_assert_uint_eq(look(3), PARENT);
	ck_assert_uint_eq(entry.missing, TABLE(1));
}
END_TEST

static uint64_t *only_cd(void)
{
	bind_ste(TABLE(1), 0, LINEAR, TERMINATE);
	return put_cd(TABLE(1), PAGE);
}

START_TEST(a_descriptor_that_is_not_valid_is_none)
{
	*only_cd() ^= CD_VALID;
	ck_assert_uint_eq(look(NOBODY), PASID);
}
END_TEST

START_TEST(a_descriptor_is_of_little_endian_aarch64_tables_of_4_KiB)
{
	static const uint64_t bad[] = {CD_AA64, CD_BIG, BIT(6), BIT(7)};
	uint64_t *cd = only_cd();

	for (unsigned int i = 0; i < 4; i++) {
		*cd ^= bad[i];
		ck_assert_uint_eq(look(NOBODY), CONTEXT);
		*cd ^= bad[i];
	}
	ck_assert_uint_eq(look(NOBODY), NONE);
}
END_TEST

START_TEST(a_descriptor_has_sizes_from_16_to_39)
{
	uint64_t *cd = only_cd();

	for (uint64_t size = 0; size < 64; size++) {
		*cd = (CD_GOOD & ~UINT64_C(63)) | size;
		ck_assert_uint_eq(look(NOBODY), size < 16 || size > 39 ? CONTEXT : NONE);
		if (size >= 16 && size <= 39)
			ck_assert_uint_eq(entry.context.half[0].width, 64 - size);
		*cd = CD_OFF0 | CD_4K1 | CD_VALID | CD_IPS | CD_AA64 | size << 16;
		ck_assert_uint_eq(look(NOBODY), size < 16 || size > 39 ? CONTEXT : NONE);
	}
}
END_TEST

START_TEST(a_half_that_is_off_is_not_checked)
{
	uint64_t *cd = only_cd();

	*cd = CD_OFF0 | CD_OFF1 | CD_VALID | CD_AA64 | CD_BIG | 3 << 6 | 63 | 63 << 16;
	cd[1] = cd[2] = BIT(51);
	ck_assert_uint_eq(look(NOBODY), NONE);
	ck_assert_uint_eq(entry.context.half[0].flags & WALK_HALF_VALID, 0);
	ck_assert_uint_eq(entry.context.half[1].flags & WALK_HALF_VALID, 0);
	*cd ^= CD_OFF0;
	ck_assert_uint_eq(look(NOBODY), CONTEXT);
	*cd ^= CD_OFF0 | CD_OFF1;
	ck_assert_uint_eq(look(NOBODY), CONTEXT);
}
END_TEST

START_TEST(the_granules_of_the_halves_are_written_differently)
{
	uint64_t *cd = only_cd();

	for (uint64_t granule = 0; granule < 4; granule++) {
		*cd = CD_GOOD | granule << 6;
		ck_assert_uint_eq(look(NOBODY), granule == 0 ? NONE : CONTEXT);
		*cd = CD_OFF0 | CD_VALID | CD_IPS | CD_AA64 | 16 << 16 | granule << 22;
		ck_assert_uint_eq(look(NOBODY), granule == 2 ? NONE : CONTEXT);
	}
}
END_TEST

START_TEST(outputs_have_the_intermediate_size_and_48_bits_at_most)
{
	static const uint32_t bits[] = {32, 36, 40, 42, 44, 48, 48, 48};
	uint64_t *cd = only_cd();

	for (uint64_t ips = 0; ips < 8; ips++) {
		*cd = (CD_GOOD & ~(UINT64_C(7) << 32)) | ips << 32;
		cd[1] = BIT(bits[ips]) - PAGE;
		ck_assert_uint_eq(look(NOBODY), NONE);
		ck_assert_uint_eq(entry.context.out_bits, bits[ips]);
		cd[1] = BIT(bits[ips]);
		ck_assert_uint_eq(look(NOBODY), CONTEXT);
	}
}
END_TEST

START_TEST(the_low_bits_of_a_root_are_taken_as_zero)
{
	uint64_t *cd = only_cd();

	cd[1] = PAGE | 0xff0;
	finds(NOBODY, PAGE);
	*cd = (CD_GOOD & ~UINT64_C(63)) | 33; /* 31 bits: two entries */
	finds(NOBODY, PAGE | 0xff0);
	*cd = (CD_GOOD & ~UINT64_C(63)) | 39; /* 25 bits: sixteen */
	finds(NOBODY, PAGE | 0xf80);
}
END_TEST

START_TEST(stalls_are_illegal_where_the_stream_forbids_them)
{
	*only_cd() |= CD_STALL;
	ck_assert_uint_eq(look(NOBODY), NONE);
	bind_ste(TABLE(1), 0, LINEAR, BIT(27));
	ck_assert_uint_eq(look(NOBODY), CONTEXT);
}
END_TEST

static void flags_are(uint64_t bits, uint32_t flags)
{
	*only_cd() = CD_GOOD | bits;
	ck_assert_uint_eq(look(NOBODY), NONE);
	ck_assert_uint_eq(entry.context.flags, flags);
}

START_TEST(a_descriptor_tells_the_rules_of_its_tables)
{
	flags_are(0, 0);
	flags_are(BIT(35), WALK_ACCESS_FREE);
	flags_are(BIT(36), WALK_WRITE_NO_EXEC);
	flags_are(BIT(37), 0);
	flags_are(BIT(40), WALK_PRIV_NO_USER);
	flags_are(BIT(43), IOASID_PGTABLE_HW_ACCESSED);
	flags_are(BIT(42), 0);
	flags_are(BIT(43) | BIT(42), IOASID_PGTABLE_HW_ACCESSED | IOASID_PGTABLE_HW_DIRTY);
}
END_TEST

START_TEST(each_half_has_flags_of_its_own)
{
	static const struct {
		uint64_t bit[2];
		unsigned int word[2];
		uint32_t flag;
	} row[] = {{{BIT(38), BIT(39)}, {0, 0}, WALK_HALF_TAGGED},
		{{BIT(1), BIT(1)}, {1, 2}, WALK_HALF_FLAT},
		{{BIT(2), BIT(2)}, {1, 2}, WALK_HALF_PRIV}};
	uint64_t *cd;

	for (unsigned int i = 0; i < 3; i++) {
		for (unsigned int half = 0; half < 2; half++) {
			cd = only_cd();
			cd[0] = (CD_GOOD ^ CD_OFF1) | CD_4K1 | 16 << 16;
			cd[2] = 2 * PAGE;
			cd[row[i].word[half]] |= row[i].bit[half];
			ck_assert_uint_eq(look(NOBODY), NONE);
			ck_assert_uint_eq(
				entry.context.half[half].flags, WALK_HALF_VALID | row[i].flag);
			ck_assert_uint_eq(entry.context.half[!half].flags, WALK_HALF_VALID);
			ck_assert_uint_eq(entry.context.half[1].root, 2 * PAGE);
		}
	}
}
END_TEST

START_TEST(a_descriptor_leads_to_a_walk)
{
	struct walk_answer answer;

	only_cd()[1] = TABLE(2);
	*walkkit_word(&kit, TABLE(2)) = TABLE(3) | 3;
	*walkkit_word(&kit, TABLE(3)) = PAGE << 20 | 1 | BIT(6) | BIT(10);
	ck_assert_uint_eq(look(NOBODY), NONE);
	answer = walk_now(&kit, &entry.context, 0x1234567, READ);
	ck_assert_uint_eq(answer.fault, NONE);
	ck_assert_uint_eq(answer.addr, (PAGE << 20) + 0x1234567);
}
END_TEST

/* ---- the GCR3 table ---- */

static void bind_dte(uint64_t root, uint64_t levels, uint64_t more, uint64_t word2)
{
	uint64_t word0 = BIT(0) | BIT(1) | BIT(55) | levels << 56 | (root >> 12 & 7) << 58;
	uint64_t word1 = (root >> 15 & 0xffff) << 16 | root >> 31 << 43;

	bind(IOASID_PGTABLE_AMD_V2, word0 | more, word1, word2);
}

START_TEST(the_root_of_the_gcr3_table_is_in_three_pieces)
{
	for (unsigned int bit = 12; bit < 52; bit++) {
		bind_dte(BIT(bit), 0, 0, 0);
		ck_assert_uint_eq(pasids.root, BIT(bit));
	}
}
END_TEST

START_TEST(one_level_has_512_pasids)
{
	bind_dte(TABLE(1), 0, 0, 0);
	*walkkit_word(&kit, TABLE(1) + 511 * 8) = BIT(51) | 1;
	finds(511, BIT(51));
	ck_assert_uint_eq(entry.context.half[0].width, 48);
	ck_assert_uint_eq(look(510), PASID);
	ck_assert_uint_eq(look(512), PASID);
	ck_assert_uint_eq(kit.asked_count, 0);
}
END_TEST

START_TEST(two_levels_have_18_bits_of_pasids)
{
	bind_dte(TABLE(1), 1, 0, 0);
	*walkkit_word(&kit, TABLE(1) + 300 * 8) = TABLE(2) | 1;
	*walkkit_word(&kit, TABLE(2) + 200 * 8) = PAGE | 1;
	finds(300 << 9 | 200, PAGE);
	ck_assert_uint_eq(look(301 << 9 | 200), PASID);
	ck_assert_uint_eq(look(300 << 9 | 201), PASID);
	ck_assert_uint_eq(look(1 << 18), PASID);
	ck_assert_uint_eq(kit.asked_count, 0);
}
END_TEST

START_TEST(three_levels_have_20_bits_of_pasids)
{
	bind_dte(TABLE(1), 2, 0, 0);
	*walkkit_word(&kit, TABLE(1) + 3 * 8) = TABLE(2) | 1;
	*walkkit_word(&kit, TABLE(2) + 400 * 8) = TABLE(3) | 1;
	*walkkit_word(&kit, TABLE(3) + 8) = PAGE | 1;
	finds(3 << 18 | 400 << 9 | 1, PAGE);
	ck_assert_uint_eq(kit.asked_count, 3);
	ck_assert_uint_eq(look(1 << 20), PASID);
	ck_assert_uint_eq(kit.asked_count, 0);
}
END_TEST

START_TEST(reserved_bits_of_a_gcr3_entry_are_malformed)
{
	bind_dte(TABLE(1), 1, 0, 0);
	for (unsigned int bit = 1; bit < 64; bit++) {
		uint32_t fault = bit >= 12 && bit < 52 ? PARENT : CONTEXT;

		*walkkit_word(&kit, TABLE(1)) = BIT(bit) | 1; /* a table that is elsewhere */
		ck_assert_uint_eq(look(0), fault);
		*walkkit_word(&kit, TABLE(1)) = TABLE(2) | 1;
		*walkkit_word(&kit, TABLE(2)) = BIT(bit) | 1;
		ck_assert_uint_eq(look(0), fault == PARENT ? NONE : CONTEXT);
	}
}
END_TEST

START_TEST(accesses_without_a_pasid_bypass_or_are_pasid_0)
{
	bind_dte(TABLE(1), 0, 0, 0);
	*walkkit_word(&kit, TABLE(1)) = PAGE | 1;
	ck_assert_uint_eq(look(NOBODY), NONE);
	ck_assert(entry.bypass);
	bind_dte(TABLE(1), 0, BIT(54), 0);
	finds(NOBODY, PAGE);
	finds(0, PAGE);
}
END_TEST

START_TEST(guests_with_five_levels_translate_57_bits)
{
	bind_dte(TABLE(1), 0, 0, BIT(54));
	*walkkit_word(&kit, TABLE(1)) = PAGE | 1;
	finds(0, PAGE);
	ck_assert_uint_eq(entry.context.half[0].width, 57);
}
END_TEST

START_TEST(a_gcr3_table_that_the_parent_lacks_is_named)
{
	bind_dte(TABLE(1), 1, 0, 0);
	*walkkit_word(&kit, TABLE(1)) = BIT(40) | 1;
	ck_assert_uint_eq(look(7), PARENT);
	ck_assert_uint_eq(entry.missing, BIT(40) + 7 * 8);
}
END_TEST

START_TEST(a_gcr3_entry_leads_to_a_walk_of_an_amd_table)
{
	bind_dte(TABLE(1), 0, 0, 0);
	*walkkit_word(&kit, TABLE(1)) = TABLE(2) | 1;
	*walkkit_word(&kit, TABLE(2)) = TABLE(3) | BIT(8) | 7;
	ck_assert_uint_eq(look(0), NONE);
	ck_assert_uint_eq(walk_now(&kit, &entry.context, 0, READ | PRIV).fault, RESERVED);
}
END_TEST

void walk_pasids_suite(Suite *suite)
{
	TCase *tcase = support_case(suite, "context descriptors");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_stream_without_substreams_has_one_descriptor);
	tcase_add_test(tcase, a_linear_table_has_a_descriptor_for_each_substream);
	tcase_add_test(tcase, a_reserved_format_is_a_linear_table);
	tcase_add_test(tcase, a_linear_table_is_aligned_to_its_size);
	tcase_add_test(tcase, a_leaf_of_4_KiB_has_64_descriptors);
	tcase_add_test(tcase, a_leaf_of_64_KiB_has_1024_descriptors);
	tcase_add_test(tcase, a_small_two_level_table_uses_its_first_descriptor);
	tcase_add_test(tcase, substreams_are_no_two_levels_where_there_are_none);
	tcase_add_test(tcase, accesses_without_a_substream_are_terminated_bypass_or_use_the_first);
	tcase_add_test(tcase, tables_of_descriptors_that_the_parent_lacks_are_named);
	tcase_add_test(tcase, a_descriptor_that_is_not_valid_is_none);
	tcase_add_test(tcase, a_descriptor_is_of_little_endian_aarch64_tables_of_4_KiB);
	tcase_add_test(tcase, a_descriptor_has_sizes_from_16_to_39);
	tcase_add_test(tcase, a_half_that_is_off_is_not_checked);
	tcase_add_test(tcase, the_granules_of_the_halves_are_written_differently);
	tcase_add_test(tcase, outputs_have_the_intermediate_size_and_48_bits_at_most);
	tcase_add_test(tcase, the_low_bits_of_a_root_are_taken_as_zero);
	tcase_add_test(tcase, stalls_are_illegal_where_the_stream_forbids_them);
	tcase_add_test(tcase, a_descriptor_tells_the_rules_of_its_tables);
	tcase_add_test(tcase, each_half_has_flags_of_its_own);
	tcase_add_test(tcase, a_descriptor_leads_to_a_walk);

	tcase = support_case(suite, "GCR3 table");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, the_root_of_the_gcr3_table_is_in_three_pieces);
	tcase_add_test(tcase, one_level_has_512_pasids);
	tcase_add_test(tcase, two_levels_have_18_bits_of_pasids);
	tcase_add_test(tcase, three_levels_have_20_bits_of_pasids);
	tcase_add_test(tcase, reserved_bits_of_a_gcr3_entry_are_malformed);
	tcase_add_test(tcase, accesses_without_a_pasid_bypass_or_are_pasid_0);
	tcase_add_test(tcase, guests_with_five_levels_translate_57_bits);
	tcase_add_test(tcase, a_gcr3_table_that_the_parent_lacks_is_named);
	tcase_add_test(tcase, a_gcr3_entry_leads_to_a_walk_of_an_amd_table);
}
