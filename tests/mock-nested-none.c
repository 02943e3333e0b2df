/* SPDX-License-Identifier: MIT */
/*
 * Of the mock, accesses without a PASID where a guest's PASID table is bound: as the guest's device
 * entry says they are the parent's addresses.
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

void add_nested_none_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "none");

	tcase_add_loop_test(tcase, a_parents_address_is_cached_with_its_top_byte, 0, KINDS);
}
