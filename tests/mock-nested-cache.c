/* SPDX-License-Identifier: MIT */
/*
 * Of the mock, what caches show of a guest's table: a change is not seen until the guest says so,
 * whichever cache has it and however it says it; and what the monitor does itself drops all that
 * it made stale.
 */
#include "nestedkit.h"

/* Without and with a TLB of the device's own. */
#define CACHES (2 * FLAVOURS)

static struct guest_opts cached(int i)
{
	struct guest_opts opts = guest_flavour(i % FLAVOURS);

	if (i >= FLAVOURS)
		opts.device.flags = IOASID_MOCK_DEVICE_ATS;
	return opts;
}

START_TEST(a_changed_page_is_seen_once_its_address_is_invalidated)
{
	const struct guest_opts opts = cached(_i);
	struct guest guest;

	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW);
	guest_map(&guest, 0x2000, 6 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	ck_assert_uint_eq(guest_page(&guest, 0x2000), 6);
	guest_map(&guest, 0x1000, 7 * PAGE, GUEST_RW);
	guest_map(&guest, 0x2000, 8 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	/* another page's does not help, its own does, and takes no other along */
	guest_invalidate(&guest, 0x3000, PAGE);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	guest_invalidate(&guest, 0x1000, PAGE);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 7);
	ck_assert_uint_eq(guest_page(&guest, 0x2000), 6);
	guest_end(&guest);
}
END_TEST

START_TEST(a_page_that_is_gone_is_reached_until_it_is_invalidated)
{
	const struct guest_opts opts = cached(_i);
	struct guest guest;

	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	guest_unmap(&guest, 0x1000);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	guest_invalidate_all(&guest);
	ck_assert_uint_eq(guest_fault(&guest, 0x1000, false), IOASID_MOCK_FAULT_TRANSLATION);
	/* what was not there is not cached: there now, it needs no invalidation */
	guest_map(&guest, 0x1000, 6 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 6);
	guest_end(&guest);
}
END_TEST

START_TEST(a_permission_that_was_taken_away_is_used_until_then)
{
	const struct guest_opts opts = cached(_i);
	struct guest guest;

	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_fault(&guest, 0x1000, true), IOASID_MOCK_FAULT_NONE);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_READ);
	ck_assert_uint_eq(guest_fault(&guest, 0x1000, true), IOASID_MOCK_FAULT_NONE);
	guest_invalidate(&guest, 0x1000, PAGE);
	ck_assert_uint_eq(guest_fault(&guest, 0x1000, true), IOASID_MOCK_FAULT_PERMISSION);
	/* one that is given is seen at once: what lacks it is walked again */
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_fault(&guest, 0x1000, true), IOASID_MOCK_FAULT_NONE);
	guest_end(&guest);
}
END_TEST

START_TEST(of_a_leaf_only_the_leaf_is_said)
{
	const struct guest_opts opts = cached(_i);
	struct ioasid_invalidation list[] = {
		{.what = IOASID_INVALIDATE_RANGE,
			.flags = IOASID_INVALIDATE_LEAF,
			.addr = 0x1000,
			.length = PAGE},
		{.what = IOASID_INVALIDATE_RANGE,
			.flags = IOASID_INVALIDATE_LEAF,
			.addr = 0x8000,
			.length = 4 * PAGE},
	};
	struct guest guest;

	guest_begin(&guest, &opts);
	for (unsigned int i = 1; i < 12; i++) {
		guest_map(&guest, i * PAGE, (20 + i) * PAGE, GUEST_RW);
		ck_assert_uint_eq(guest_page(&guest, i * PAGE), 20 + i);
		guest_map(&guest, i * PAGE, (40 + i) * PAGE, GUEST_RW);
	}
	ck_assert_int_eq(ok(ioasid_space_invalidate(guest.giova, list, 2)), 2);
	for (unsigned int i = 1; i < 12; i++)
		ck_assert_uint_eq(guest_page(&guest, i * PAGE), (i == 1 || i >= 8 ? 40u : 20u) + i);
	guest_end(&guest);
}
END_TEST

START_TEST(any_address_of_a_large_page_invalidates_all_of_it)
{
	const struct guest_opts opts = cached(_i);
	struct guest guest;

	guest_begin(&guest, &opts);
	guest_map_at(&guest, guest.root, 0x600000, 0, GUEST_RW, 21);
	guest_map(&guest, 0x1000, 9 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_page(&guest, 0x601000), 1);
	ck_assert_uint_eq(guest_page(&guest, 0x7ff000), 511);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 9);
	guest_map_at(&guest, guest.root, 0x600000, 2 * MIB, GUEST_RW, 21);
	guest_map(&guest, 0x1000, 10 * PAGE, GUEST_RW);
	guest_invalidate(&guest, 0x702000, PAGE);
	ck_assert_uint_eq(guest_page(&guest, 0x601000), 513);
	ck_assert_uint_eq(guest_page(&guest, 0x7ff000), 1023);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 9);
	guest_end(&guest);
}
END_TEST

START_TEST(the_last_addresses_of_all_can_be_invalidated)
{
	struct guest_opts opts = cached(_i);
	uint64_t last = UINT64_MAX - PAGE + 1;
	struct guest guest;

	/* Arm's lower half, which is all that is bound, has no such address */
	if (opts.format == ARM)
		return;
	guest_begin(&guest, &opts);
	guest_map(&guest, last, 5 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_page(&guest, last), 5);
	guest_map(&guest, last, 6 * PAGE, GUEST_RW);
	guest_invalidate(&guest, 0x1000, last);
	ck_assert_uint_eq(guest_page(&guest, last), 6);
	guest_end(&guest);
}
END_TEST

/* What the monitor does itself */

static void map_ram(struct ioasid_space *space, void *memory, uint64_t gpa, uint64_t length)
{
	ok(ioasid_space_map(space, &(struct ioasid_map){.addr = memory,
					   .length = length,
					   .iova = gpa,
					   .flags = IOASID_MAP_RW | IOASID_MAP_FIXED}));
}

START_TEST(an_unmap_of_the_parent_is_seen_at_once)
{
	unsigned char *more = support_memory(2 * PAGE, 9), byte;
	const struct guest_opts opts = cached(_i);
	struct guest guest;

	guest_begin(&guest, &opts);
	map_ram(guest.gpa, more, MIB * 64, PAGE);
	guest_map(&guest, 0x1000, MIB * 64, GUEST_RW);
	ok(guest_read(&guest, 0x1001, &byte, 1));
	ck_assert_uint_eq(byte, more[1]);
	ok(ioasid_space_unmap(guest.gpa, MIB * 64, PAGE));
	ck_assert_uint_eq(guest_fault(&guest, 0x1000, false), IOASID_MOCK_FAULT_PARENT);
	map_ram(guest.gpa, more + PAGE, MIB * 64, PAGE);
	ok(guest_read(&guest, 0x1001, &byte, 1));
	ck_assert_uint_eq(byte, more[PAGE + 1]);
	guest_end(&guest);
	free(more);
}
END_TEST

START_TEST(another_table_is_seen_at_once)
{
	const struct guest_opts opts = cached(_i);
	struct ioasid_pgtable table;
	struct guest guest;

	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	ok(ioasid_space_unbind_pgtable(guest.giova));
	ck_assert_uint_eq(guest_stats(&guest).iotlb_entries, 0);
	ck_assert_uint_eq(guest_stats(&guest).device_tlb_entries, 0);
	ck_assert_uint_eq(guest_fault(&guest, 0x1000, false), IOASID_MOCK_FAULT_TRANSLATION);
	table = guest.table;
	table.addr = guest_new_table(&guest);
	guest_map_at(&guest, table.addr, 0x1000, 6 * PAGE, GUEST_RW, 12);
	ok(ioasid_space_bind_pgtable(guest.giova, &table));
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 6);
	guest_end(&guest);
}
END_TEST

START_TEST(a_route_that_leaves_takes_its_translations_along)
{
	const struct guest_opts opts = cached(_i);
	struct guest guest;

	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	ok(ioasid_attachment_detach(guest.to_giova));
	ck_assert_uint_eq(guest_stats(&guest).iotlb_entries, 0);
	ck_assert_uint_eq(guest_stats(&guest).device_tlb_entries, 0);
	/* now it is the parent that translates */
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 1);
	guest_map(&guest, 0x1000, 6 * PAGE, GUEST_RW);
	ok(ioasid_device_attach(guest.device, guest.giova, NULL, &guest.to_giova));
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 6);
	guest_end(&guest);
}
END_TEST

/* The caches of one IOMMU, and of one device: what each holds */

START_TEST(a_device_keeps_what_its_iommu_forgot)
{
	struct guest_opts opts = guest_flavour(_i);
	struct ioasid_mock_stats stats;
	struct guest guest;

	opts.iommu.iotlb_entries = 1;
	opts.device.flags = IOASID_MOCK_DEVICE_ATS;
	guest_begin(&guest, &opts);
	for (unsigned int i = 1; i < 5; i++)
		guest_map(&guest, i * PAGE, i * PAGE, GUEST_RW);
	for (unsigned int i = 1; i < 5; i++)
		ck_assert_uint_eq(guest_page(&guest, i * PAGE), i);
	guest_map(&guest, 0x1000, 9 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 1);
	stats = guest_stats(&guest);
	ck_assert_uint_eq(stats.iotlb_entries, 1);
	ck_assert_uint_eq(stats.device_tlb_entries, 4);
	ck_assert_uint_eq(stats.device_tlb_hits, 1);
	guest_invalidate(&guest, 0x1000, PAGE);
	ck_assert_uint_eq(guest_stats(&guest).device_tlb_entries, 3);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 9);
	guest_end(&guest);
}
END_TEST

/* Devices behind several IOMMUs, one with a TLB of its own, by one table. */
struct several {
	struct guest guest;
	struct ioasid_mock_device *hw[3];
	struct ioasid_device *device[3];
	struct ioasid_attachment *to_gpa[3], *to_giova[3];
};

static void several_begin(struct several *s, const struct guest_opts *opts)
{
	struct ioasid_mock_iommu_opts iommu = {.size = sizeof(iommu),
		.flags = IOASID_MOCK_IOMMU_NESTING,
		.pgtable_formats = ALL_FORMATS,
		.page_sizes = 0x10000};
	struct ioasid_mock_device_opts device = {.size = sizeof(device)};
	uint32_t index;

	guest_begin(&s->guest, opts);
	iommu.page_sizes = 0;
	ok(ioasid_mock_iommu_new(s->guest.mock, &iommu, &index));
	for (uint32_t i = 0; i < 3; i++) {
		device.iommu = i ? index : 0;
		device.flags = i == 2 ? IOASID_MOCK_DEVICE_ATS : 0;
		ok(ioasid_mock_device_new(s->guest.mock, &device, &s->hw[i]));
		s->device[i] = guest_bind(&s->guest, s->hw[i], 10 + i);
		ok(ioasid_device_attach(s->device[i], s->guest.gpa, NULL, &s->to_gpa[i]));
		ok(ioasid_device_attach(s->device[i], s->guest.giova, NULL, &s->to_giova[i]));
	}
}

static void several_end(struct several *s)
{
	for (uint32_t i = 0; i < 3; i++) {
		ok(ioasid_attachment_detach(s->to_giova[i]));
		ok(ioasid_attachment_detach(s->to_gpa[i]));
		ok(ioasid_device_unbind(s->device[i]));
	}
	guest_end(&s->guest);
}

static unsigned int page_of(struct several *s, uint32_t i, uint64_t iova)
{
	uint16_t number = 0;
	struct ioasid_mock_dma dma = guest_dma(IOASID_MOCK_DMA_READ, iova, &number, sizeof(number));

	ok(ioasid_mock_dma(s->hw[i], &dma));
	return number;
}

START_TEST(an_invalidation_reaches_every_device_of_the_space)
{
	const struct guest_opts opts = guest_flavour(_i);
	struct several s;

	several_begin(&s, &opts);
	guest_map(&s.guest, 0x1000, 5 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_page(&s.guest, 0x1000), 5);
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_uint_eq(page_of(&s, i, 0x1000), 5);
	guest_map(&s.guest, 0x1000, 6 * PAGE, GUEST_RW);
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_uint_eq(page_of(&s, i, 0x1000), 5);
	guest_invalidate(&s.guest, 0x1000, PAGE);
	ck_assert_uint_eq(guest_page(&s.guest, 0x1000), 6);
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_uint_eq(page_of(&s, i, 0x1000), 6);
	several_end(&s);
}
END_TEST

START_TEST(an_invalidation_of_a_device_takes_what_its_iommu_and_it_have)
{
	const struct guest_opts opts = guest_flavour(_i);
	struct ioasid_invalidation one = {.what = IOASID_INVALIDATE_DEVICE};
	struct several s;

	several_begin(&s, &opts);
	guest_map(&s.guest, 0x1000, 5 * PAGE, GUEST_RW);
	guest_map(&s.guest, 0x2000, 5 * PAGE, GUEST_RW);
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_uint_eq(page_of(&s, i, 0x1000), 5);
	guest_map(&s.guest, 0x1000, 6 * PAGE, GUEST_RW);
	one.device = s.device[1];
	ck_assert_int_eq(ok(ioasid_space_invalidate(s.guest.giova, &one, 1)), 1);
	/* its IOMMU's, not the other IOMMU's, nor another device's own */
	ck_assert_uint_eq(page_of(&s, 0, 0x1000), 5);
	ck_assert_uint_eq(page_of(&s, 1, 0x1000), 6);
	ck_assert_uint_eq(page_of(&s, 2, 0x1000), 5);
	one.device = s.device[2];
	ck_assert_int_eq(ok(ioasid_space_invalidate(s.guest.giova, &one, 1)), 1);
	ck_assert_uint_eq(page_of(&s, 2, 0x1000), 6);
	several_end(&s);
}
END_TEST

void add_nested_cache_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "cache");

	tcase_add_loop_test(
		tcase, a_changed_page_is_seen_once_its_address_is_invalidated, 0, CACHES);
	tcase_add_loop_test(
		tcase, a_page_that_is_gone_is_reached_until_it_is_invalidated, 0, CACHES);
	tcase_add_loop_test(tcase, a_permission_that_was_taken_away_is_used_until_then, 0, CACHES);
	tcase_add_loop_test(tcase, of_a_leaf_only_the_leaf_is_said, 0, CACHES);
	tcase_add_loop_test(tcase, any_address_of_a_large_page_invalidates_all_of_it, 0, CACHES);
	tcase_add_loop_test(tcase, the_last_addresses_of_all_can_be_invalidated, 0, CACHES);
	tcase_add_loop_test(tcase, an_unmap_of_the_parent_is_seen_at_once, 0, CACHES);
	tcase_add_loop_test(tcase, another_table_is_seen_at_once, 0, CACHES);
	tcase_add_loop_test(tcase, a_route_that_leaves_takes_its_translations_along, 0, CACHES);
	tcase_add_loop_test(tcase, a_device_keeps_what_its_iommu_forgot, 0, FLAVOURS);
	tcase_add_loop_test(tcase, an_invalidation_reaches_every_device_of_the_space, 0, FLAVOURS);
	tcase_add_loop_test(
		tcase, an_invalidation_of_a_device_takes_what_its_iommu_and_it_have, 0, FLAVOURS);
}
