/* SPDX-License-Identifier: MIT */
/*
 * Of the mock: memory that maps pin, the limit on it, registered memory, and the addresses and
 * pages that IOMMUs allow.
 */
#include "mockkit.h"

START_TEST(the_limit_on_pinned_memory_holds_for_the_platform)
{
	struct rig_opts opts = {.platform = {.memlock = 3 * PAGE}};
	unsigned char *memory = support_memory(4 * PAGE, 1);
	struct ioasid_map map = {.addr = memory, .length = 2 * PAGE, .iova = 0x10000};
	struct ioasid_space *space;
	struct ioasid_ctx *other;
	struct rig rig;

	map.flags = IOASID_MAP_RW | IOASID_MAP_FIXED;
	rig_begin(&rig, &opts);
	ok(ioasid_mock_open(rig.mock, &other));
	ok(ioasid_space_new(other, NULL, &space));
	rig_map(rig.space, 0, memory, 2 * PAGE, IOASID_MAP_RW);
	fails(-ENOMEM, "pinned 8192 bytes, asked for 8192, limit 12288",
		ioasid_space_map(space, &map));
	ck_assert_uint_eq(rig_stats(&rig).pinned, 2 * PAGE);
	map.length = PAGE;
	ok(ioasid_space_map(space, &map));
	ck_assert_uint_eq(rig_stats(&rig).pinned, 3 * PAGE);
	ok(ioasid_space_unmap(rig.space, 0, UINT64_MAX));
	ck_assert_uint_eq(rig_stats(&rig).pinned, PAGE);
	ok(ioasid_space_destroy(space));
	ck_assert_uint_eq(rig_stats(&rig).pinned, 0);
	ioasid_close(other);
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(memory_is_counted_for_each_map_unless_it_is_registered)
{
	unsigned char *memory = support_memory(4 * PAGE, 1);
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){0});
	rig_map(rig.space, 0, memory, 4 * PAGE, IOASID_MAP_RW);
	rig_map(rig.space, 0x10000, memory, 2 * PAGE, IOASID_MAP_RW);
	ck_assert_uint_eq(rig_stats(&rig).pinned, 6 * PAGE);
	ok(ioasid_space_unmap(rig.space, 0, UINT64_MAX));
	ok(ioasid_memory_register(rig.ctx, memory, 4 * PAGE));
	ck_assert_uint_eq(rig_stats(&rig).pinned, 4 * PAGE);
	rig_map(rig.space, 0, memory, 4 * PAGE, IOASID_MAP_RW);
	rig_map(rig.space, 0x10000, memory + PAGE, 2 * PAGE, IOASID_MAP_RW);
	ck_assert_uint_eq(rig_stats(&rig).pinned, 4 * PAGE);
	ok(ioasid_space_unmap(rig.space, 0, UINT64_MAX));
	ok(ioasid_memory_unregister(rig.ctx, memory, 4 * PAGE));
	ck_assert_uint_eq(rig_stats(&rig).pinned, 0);
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(registering_beyond_the_limit_fails)
{
	struct rig_opts opts = {.platform = {.memlock = PAGE}};
	unsigned char *memory = support_memory(2 * PAGE, 1);
	struct rig rig;

	rig_begin(&rig, &opts);
	fails(-ENOMEM, "limit 4096", ioasid_memory_register(rig.ctx, memory, 2 * PAGE));
	ok(ioasid_memory_register(rig.ctx, memory, PAGE));
	ok(ioasid_memory_unregister(rig.ctx, memory, PAGE));
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(close_unpins_maps_and_registered_memory)
{
	unsigned char *memory = support_memory(2 * PAGE, 1);
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){0});
	ok(ioasid_memory_register(rig.ctx, memory, 2 * PAGE));
	rig_map(rig.space, 0, memory, PAGE, IOASID_MAP_RW);
	ioasid_close(rig.ctx);
	rig.ctx = NULL;
	ck_assert_uint_eq(rig_stats(&rig).pinned, 0);
	ok(ioasid_attachment_detach(rig.route));
	ok(ioasid_space_destroy(rig.space));
	ok(ioasid_device_unbind(rig.device));
	ioasid_mock_free(rig.mock);
	free(memory);
}
END_TEST

/* A second device, behind an IOMMU of its own. */
static struct ioasid_device *second_device(
	struct rig *rig, const struct ioasid_mock_iommu_opts *given, struct ioasid_mock_device **hw)
{
	struct ioasid_mock_iommu_opts opts = *given;
	struct ioasid_mock_device_opts device = {.size = sizeof(device)};

	opts.size = sizeof(opts);
	ok(ioasid_mock_iommu_new(rig->mock, &opts, &device.iommu));
	ok(ioasid_mock_device_new(rig->mock, &device, hw));
	return rig_bind(rig, *hw, 2);
}

START_TEST(the_ranges_are_those_of_all_iommus_at_once)
{
	const struct ioasid_range first[] = {
		{0x3000, 0x3fff}, {0x8000, 0x9fff}, {0x20000, 0x20fff}};
	const struct ioasid_range second[] = {{0x0, 0xfff}, {0x9000, 0xbfff}, {0xf000, 0xffff}};
	const struct ioasid_range both[] = {{0x2000, 0x2fff}, {0x4000, 0x7fff}, {0xc000, 0xefff}};
	struct rig_opts opts = {.iommu = {.aperture = {0, 0xffff}, .reserved = first}};
	struct ioasid_mock_iommu_opts other = {.aperture = {0x2000, 0xfffff}, .reserved = second};
	struct ioasid_mock_device *hw;
	struct ioasid_attachment *route;
	struct ioasid_device *device;
	struct ioasid_range got[4];
	struct rig rig;

	opts.iommu.reserved_count = 3;
	other.reserved_count = 3;
	rig_begin(&rig, &opts);
	device = second_device(&rig, &other, &hw);
	ok(ioasid_device_attach(device, rig.space, NULL, &route));
	ck_assert_int_eq(ok(ioasid_space_ranges(rig.space, got, 4)), 3);
	ck_assert_mem_eq(got, both, sizeof(both));
	ok(ioasid_attachment_detach(route));
	ck_assert_int_eq(ok(ioasid_space_ranges(rig.space, got, 4)), 3);
	ck_assert_uint_eq(got[0].first, 0);
	/* a window may lie outside */
	ck_assert_uint_eq(got[2].last, 0xffff);
	ok(ioasid_device_unbind(device));
	rig_end(&rig);
}
END_TEST

START_TEST(a_map_made_for_smaller_pages_keeps_an_iommu_out)
{
	struct ioasid_mock_iommu_opts large = {.page_sizes = UINT64_C(1) << 16};
	struct rig_opts opts = {.iommu = {.page_sizes = UINT64_C(1) << 12 | UINT64_C(1) << 16}};
	struct ioasid_space_info info = {.size = sizeof(info)};
	unsigned char *memory = support_memory(PAGE, 1);
	struct ioasid_mock_device *hw;
	struct ioasid_attachment *route;
	struct ioasid_device *device;
	struct rig rig;

	rig_begin(&rig, &opts);
	device = second_device(&rig, &large, &hw);
	rig_map(rig.space, 0x10000, memory, PAGE, IOASID_MAP_RW);
	fails(-EADDRINUSE, "0x10000-0x10fff",
		ioasid_device_attach(device, rig.space, NULL, &route));
	ok(ioasid_space_unmap(rig.space, 0, UINT64_MAX));
	ok(ioasid_device_attach(device, rig.space, NULL, &route));
	ok(ioasid_space_info(rig.space, &info));
	ck_assert_uint_eq(info.page_sizes, UINT64_C(1) << 16);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_device_unbind(device));
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(memory_off_the_larger_pages_keeps_an_iommu_out_too)
{
	const uint64_t large = UINT64_C(1) << 16;
	struct ioasid_mock_iommu_opts other = {.page_sizes = large};
	struct rig_opts opts = {.iommu = {.page_sizes = UINT64_C(1) << 12 | large}};
	unsigned char *memory = aligned_alloc(large, 2 * large);
	struct ioasid_mock_device *hw;
	struct ioasid_attachment *route;
	struct ioasid_device *device;
	struct rig rig;

	ck_assert_ptr_nonnull(memory);
	rig_begin(&rig, &opts);
	device = second_device(&rig, &other, &hw);
	rig_map(rig.space, large, memory + PAGE, large, IOASID_MAP_RW);
	fails(-EADDRINUSE, "0x10000-0x1ffff",
		ioasid_device_attach(device, rig.space, NULL, &route));
	ok(ioasid_space_unmap(rig.space, 0, UINT64_MAX));
	rig_map(rig.space, large, memory, large, IOASID_MAP_RW);
	ok(ioasid_device_attach(device, rig.space, NULL, &route));
	ok(ioasid_attachment_detach(route));
	ok(ioasid_device_unbind(device));
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(an_unmap_empties_the_iotlbs_of_all_iommus)
{
	unsigned char *memory = support_memory(2 * PAGE, 1), byte;
	struct ioasid_mock_device *hw[2];
	struct ioasid_attachment *route;
	struct ioasid_device *device;
	struct ioasid_mock_dma dma;
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){0});
	device = second_device(&rig, &(struct ioasid_mock_iommu_opts){0}, &hw[1]);
	hw[0] = rig.hw;
	ok(ioasid_device_attach(device, rig.space, NULL, &route));
	dma = rig_dma(&rig, IOASID_MOCK_DMA_READ, 9, &byte, 1);
	for (unsigned int round = 0; round < 2; round++) {
		rig_map(rig.space, 0, memory + round * PAGE, PAGE, IOASID_MAP_READ);
		for (int i = 0; i < 2; i++) {
			ok(ioasid_mock_dma(hw[i], &dma));
			ck_assert_uint_eq(byte, memory[round * PAGE + 9]);
		}
		ck_assert_uint_eq(rig_stats(&rig).iotlb_entries, 2);
		ok(ioasid_space_unmap(rig.space, 0, PAGE));
		ck_assert_uint_eq(rig_stats(&rig).iotlb_entries, 0);
		for (int i = 0; i < 2; i++)
			fails(-EFAULT, "no translation", ioasid_mock_dma(hw[i], &dma));
	}
	ok(ioasid_attachment_detach(route));
	ok(ioasid_device_unbind(device));
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(copies_of_registered_memory_may_be_written)
{
	struct rig_opts opts = {.platform = {.flags = IOASID_MOCK_NEST_COPY}};
	unsigned char *memory = support_memory(PAGE, 1), byte = 0x5a;
	struct ioasid_attachment *route;
	struct ioasid_space *child;
	struct rig rig;

	rig_begin(&rig, &opts);
	ok(ioasid_memory_register(rig.ctx, memory, PAGE));
	rig_map(rig.space, 0x1000, memory, PAGE, IOASID_MAP_RW);
	ok(ioasid_space_new_nested(rig.space, NULL, &child));
	ok(ioasid_device_attach(rig.device, child, NULL, &route));
	rig_map(child, 0x9000, (void *)0x1000, PAGE, IOASID_MAP_RW);
	ok(rig_write(&rig, 0x9003, &byte, 1));
	ck_assert_uint_eq(memory[3], 0x5a);
	ck_assert_uint_eq(rig_stats(&rig).pinned, PAGE);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(child));
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(iommus_without_a_common_page_size_do_not_share_a_space)
{
	struct ioasid_mock_iommu_opts large = {.page_sizes = UINT64_C(1) << 16};
	struct ioasid_mock_device *hw;
	struct ioasid_attachment *route;
	struct ioasid_device *device;
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){0});
	device = second_device(&rig, &large, &hw);
	fails(-EINVAL, "page sizes 0x10000", ioasid_device_attach(device, rig.space, NULL, &route));
	ok(ioasid_device_unbind(device));
	rig_end(&rig);
}
END_TEST

void add_memory_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "memory");

	tcase_add_test(tcase, the_limit_on_pinned_memory_holds_for_the_platform);
	tcase_add_test(tcase, memory_is_counted_for_each_map_unless_it_is_registered);
	tcase_add_test(tcase, registering_beyond_the_limit_fails);
	tcase_add_test(tcase, close_unpins_maps_and_registered_memory);
	tcase_add_test(tcase, the_ranges_are_those_of_all_iommus_at_once);
	tcase_add_test(tcase, a_map_made_for_smaller_pages_keeps_an_iommu_out);
	tcase_add_test(tcase, memory_off_the_larger_pages_keeps_an_iommu_out_too);
	tcase_add_test(tcase, an_unmap_empties_the_iotlbs_of_all_iommus);
	tcase_add_test(tcase, copies_of_registered_memory_may_be_written);
	tcase_add_test(tcase, iommus_without_a_common_page_size_do_not_share_a_space);
}
