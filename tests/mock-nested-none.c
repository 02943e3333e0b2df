/* SPDX-License-Identifier: MIT */
/*
 * Of the mock, accesses without a PASID where a guest's PASID table is bound: as the guest's device
 * entry says they are the parent's addresses, or go by the table's first entry, which the guest
 * calls PASID 0 when it invalidates.
 */
#include "nestedkit.h"

#define KINDS 16 /* SMMUv3 and AMD, on each kind of platform, without a device TLB and with one */

static struct guest_opts kind(int i)
{
	struct guest_opts opts = guest_flavour(i % 8 / 2 * 3 + 1 + i % 2);

	opts.unbound = true;
	opts.device.pasid_bits = 8;
	opts.device.flags = i < 8 ? 0 : IOASID_MOCK_DEVICE_ATS;
	opts.platform |= IOASID_MOCK_CHECK_STALE;
	return opts;
}

static unsigned int page_by(struct guest *g, uint32_t pasid, uint64_t iova)
{
	uint16_t number = 0;
	struct ioasid_mock_dma dma = guest_dma(IOASID_MOCK_DMA_READ, iova, &number, sizeof(number));

	dma.pasid = pasid;
	ok(ioasid_mock_dma(g->hw, &dma));
	return number;
}

/* An SMMUv3 strips the top byte of addresses in caches, but these are not the guest's to tag. */
START_TEST(a_parents_address_is_cached_with_its_top_byte)
{
	const uint64_t high = UINT64_C(1) << 56;
	struct guest_opts opts = kind(_i);
	struct ioasid_pgtable table;
	struct guest g;

	opts.iommu.aperture.last = UINT64_MAX;
	guest_begin(&g, &opts);
	table = guest_new_pasids(&g);
	table.words[1] |= opts.format == ARM; /* S1DSS: bypass, as AMD's without GIOV */
	ok(ioasid_space_map(g.gpa, &(struct ioasid_map){.addr = g.ram + 5 * PAGE,
					   .length = PAGE,
					   .iova = high | 0x1000,
					   .flags = IOASID_MAP_RW | IOASID_MAP_FIXED}));
	ok(ioasid_space_bind_pasid_table(g.giova, &table));
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(page_by(&g, NOBODY, high | 0x1000), 5);
		ck_assert_uint_eq(page_by(&g, NOBODY, 0x1000), 1);
	}
	ck_assert_uint_eq(guest_stats(&g).stale, 0);
	guest_end(&g);
}
END_TEST

/* By the table's first entry: S1DSS 2, or a table that has no other; GIOV. */
static void by_first(struct guest *g, struct ioasid_pgtable *table, bool alone)
{
	*table = guest_new_pasids(g);
	if (g->format == AMD)
		table->words[0] |= UINT64_C(1) << 54;
	else if (alone)
		table->words[0] &= UINT64_MAX >> 5;
	else
		table->words[1] |= 2;
}

static void invalidate(struct guest *g, uint32_t what, uint32_t pasid)
{
	struct ioasid_invalidation one = {.what = what, .pasid = pasid};

	if (what == IOASID_INVALIDATE_RANGE) {
		one.addr = 0x1000;
		one.length = PAGE;
	}
	ck_assert_int_eq(ok(ioasid_space_invalidate(g->giova, &one, 1)), 1);
}

/* Commands of either architecture name the first entry by its number. */
START_TEST(what_goes_by_the_first_entry_is_invalidated_as_pasid_0)
{
	static const uint32_t names[] = {0, NOBODY};
	const struct guest_opts opts = kind(_i % KINDS);
	uint32_t name = names[_i / KINDS % 2];
	struct ioasid_pgtable table;
	uint64_t root, other;
	struct guest g;

	guest_begin(&g, &opts);
	by_first(&g, &table, _i / KINDS > 1);
	root = guest_new_table(&g);
	other = guest_new_table(&g);
	guest_set_pasid(&g, 0, root);
	ok(ioasid_space_bind_pasid_table(g.giova, &table));
	guest_map_at(&g, root, 0x1000, 5 * PAGE, GUEST_RW, 12);
	ck_assert_uint_eq(page_by(&g, NOBODY, 0x1000), 5);
	guest_map_at(&g, root, 0x1000, 6 * PAGE, GUEST_RW, 12);
	invalidate(&g, IOASID_INVALIDATE_RANGE, name);
	ck_assert_uint_eq(page_by(&g, NOBODY, 0x1000), 6);
	guest_map_at(&g, other, 0x1000, 7 * PAGE, GUEST_RW, 12);
	guest_map_at(&g, other, 0x2000, 8 * PAGE, GUEST_RW, 12);
	guest_set_pasid(&g, 0, other);
	invalidate(&g, IOASID_INVALIDATE_PASID, name);
	ck_assert_uint_eq(page_by(&g, NOBODY, 0x1000), 7);
	ck_assert_uint_eq(page_by(&g, NOBODY, 0x2000), 8);
	ck_assert_uint_eq(guest_stats(&g).stale, 0);
	guest_end(&g);
}
END_TEST

/* AMD's PASID 0 is both: a name for one is a name for the other. */
START_TEST(amds_pasid_0_and_none_are_forgotten_together)
{
	struct guest_opts opts = kind(_i * 2 + 1);
	uint32_t name = _i / 8 ? 0 : NOBODY;
	struct ioasid_pgtable table;
	uint64_t root;
	struct guest g;

	opts.format = AMD;
	guest_begin(&g, &opts);
	by_first(&g, &table, false);
	root = guest_new_table(&g);
	guest_set_pasid(&g, 0, root);
	ok(ioasid_space_bind_pasid_table(g.giova, &table));
	guest_map_at(&g, root, 0x1000, 5 * PAGE, GUEST_RW, 12);
	ck_assert_uint_eq(page_by(&g, NOBODY, 0x1000), 5);
	ck_assert_uint_eq(page_by(&g, 0, 0x1000), 5);
	guest_map_at(&g, root, 0x1000, 6 * PAGE, GUEST_RW, 12);
	invalidate(&g, IOASID_INVALIDATE_RANGE, name);
	ck_assert_uint_eq(page_by(&g, NOBODY, 0x1000), 6);
	ck_assert_uint_eq(page_by(&g, 0, 0x1000), 6);
	guest_end(&g);
}
END_TEST

/* And where these go elsewhere, PASID 0 is not what they use. */
START_TEST(a_bypass_is_not_invalidated_as_pasid_0)
{
	const struct guest_opts opts = kind(_i);
	struct ioasid_pgtable table;
	struct guest g;

	guest_begin(&g, &opts);
	table = guest_new_pasids(&g);
	table.words[1] |= opts.format == ARM;
	ok(ioasid_space_bind_pasid_table(g.giova, &table));
	ck_assert_uint_eq(page_by(&g, NOBODY, 0x1000), 1);
	ck_assert_uint_eq(guest_stats(&g).iotlb_entries, 1);
	invalidate(&g, IOASID_INVALIDATE_PASID, 0);
	invalidate(&g, IOASID_INVALIDATE_RANGE, 0);
	ck_assert_uint_eq(guest_stats(&g).iotlb_entries, 1);
	guest_end(&g);
}
END_TEST

void add_nested_none_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "none");

	tcase_add_loop_test(tcase, a_parents_address_is_cached_with_its_top_byte, 0, KINDS);
	tcase_add_loop_test(
		tcase, what_goes_by_the_first_entry_is_invalidated_as_pasid_0, 0, 4 * KINDS);
	tcase_add_loop_test(tcase, amds_pasid_0_and_none_are_forgotten_together, 0, KINDS);
	tcase_add_loop_test(tcase, a_bypass_is_not_invalidated_as_pasid_0, 0, KINDS);
}
