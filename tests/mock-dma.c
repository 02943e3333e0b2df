/* SPDX-License-Identifier: MIT */
/*
 * Of the mock: DMA that moves bytes through the translation, and the IOTLB, which must never show
 * what is no more.
 */
#include "mockkit.h"

START_TEST(bytes_move_through_scattered_maps)
{
	unsigned char *memory = support_memory(4 * PAGE, 1), *buffer = support_memory(3 * PAGE, 2);
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){0});
	/* one behind the other in the space, not in memory */
	rig_map(rig.space, 0x10000, memory + 2 * PAGE, PAGE, IOASID_MAP_RW);
	rig_map(rig.space, 0x11000, memory, PAGE, IOASID_MAP_RW);
	rig_map(rig.space, 0x12000, memory + 3 * PAGE, PAGE, IOASID_MAP_RW);
	ok(rig_write(&rig, 0x10ff0, buffer, PAGE + 32));
	ck_assert_mem_eq(memory + 3 * PAGE - 16, buffer, 16);
	ck_assert_mem_eq(memory, buffer + 16, PAGE);
	ck_assert_mem_eq(memory + 3 * PAGE, buffer + 16 + PAGE, 16);
	memset(buffer, 0, 3 * PAGE);
	ok(rig_read(&rig, 0x10001, buffer, 3 * PAGE - 1));
	ck_assert_mem_eq(buffer, memory + 2 * PAGE + 1, PAGE - 1);
	ck_assert_mem_eq(buffer + PAGE - 1, memory, PAGE);
	ck_assert_mem_eq(buffer + 2 * PAGE - 1, memory + 3 * PAGE, PAGE);
	ck_assert_uint_eq(rig_stats(&rig).dma_bytes, PAGE + 32 + 3 * PAGE - 1);
	rig_end(&rig);
	free(buffer);
	free(memory);
}
END_TEST

START_TEST(a_copy_translates_both_sides)
{
	unsigned char *memory = support_memory(5 * PAGE, 1);
	struct ioasid_mock_dma dma;
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){.pasid = 7, .device = {.pasid_bits = 4}});
	rig_map(rig.space, 0x1000, memory, 2 * PAGE, IOASID_MAP_READ);
	rig_map(rig.space, 0x8000, memory + 2 * PAGE, 3 * PAGE, IOASID_MAP_WRITE);
	dma = rig_dma(&rig, IOASID_MOCK_DMA_COPY, 0x8800, NULL, 0x1200);
	dma.source = 0x1f00;
	fails(-EFAULT, "IOVA 0x3000", ioasid_mock_dma(rig.hw, &dma));
	ck_assert_uint_eq(dma.done, 0x1100);
	ck_assert_mem_eq(memory + 2 * PAGE + 0x800, memory + 0xf00, 0x1100);
	dma.length = 0x1100;
	dma.source = 0x1800;
	dma.iova = 0x1000;
	fails(-EFAULT, "IOVA 0x1000", ioasid_mock_dma(rig.hw, &dma));
	ck_assert_uint_eq(dma.done, 0);
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(a_transfer_stops_where_the_translation_does)
{
	unsigned char *memory = support_memory(2 * PAGE, 1), buffer[2 * 4096] = {0};
	struct ioasid_mock_dma dma;
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){0});
	rig_map(rig.space, 0x1000, memory, PAGE, IOASID_MAP_RW);
	rig_map(rig.space, 0x2000, memory + PAGE, PAGE, IOASID_MAP_READ);
	dma = rig_dma(&rig, IOASID_MOCK_DMA_WRITE, 0x1800, buffer, PAGE);
	fails(-EFAULT, "IOVA 0x2000: no translation", ioasid_mock_dma(rig.hw, &dma));
	ck_assert_int_eq(dma.status, -EFAULT);
	ck_assert_uint_eq(dma.fault, IOASID_MOCK_FAULT_PERMISSION);
	ck_assert_uint_eq(dma.done, PAGE / 2);
	dma.kind = IOASID_MOCK_DMA_READ;
	ok(ioasid_mock_dma(rig.hw, &dma));
	ck_assert_int_eq(dma.status, 0);
	ck_assert_uint_eq(dma.fault, IOASID_MOCK_FAULT_NONE);
	ck_assert_uint_eq(dma.done, PAGE);
	dma.iova = 0x2800;
	fails(-EFAULT, "IOVA 0x3000: no translation", ioasid_mock_dma(rig.hw, &dma));
	ck_assert_uint_eq(dma.fault, IOASID_MOCK_FAULT_TRANSLATION);
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(bad_transfers_are_refused_and_move_nothing)
{
	unsigned char byte;
	struct ioasid_mock_dma good, dma;
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){.device = {.pasid_bits = 4}});
	good = rig_dma(&rig, IOASID_MOCK_DMA_READ, 0, &byte, 1);
	fails(-EINVAL, "ioasid_mock_dma: device is NULL", ioasid_mock_dma(NULL, &good));
	fails(-EINVAL, "ioasid_mock_dma_start: dma is NULL", ioasid_mock_dma_start(rig.hw, NULL));
#define BAD(words, field, value)                                                                   \
	do {                                                                                       \
		dma = good;                                                                        \
		dma.field = value;                                                                 \
		fails(-EINVAL, words, ioasid_mock_dma(rig.hw, &dma));                              \
		ck_assert_int_eq(dma.status, -EINVAL);                                             \
		fails(-EINVAL, words, ioasid_mock_dma_start(rig.hw, &dma));                        \
	} while (0)
	BAD("unknown kind", kind, 3);
	BAD("buffer is NULL", buffer, NULL);
	BAD("the PASID is wider", pasid, 0x10);
	BAD("reserved", reserved, 1);
	BAD("unknown flags", flags, 4);
	good.length = 2;
	BAD("iova and length wrap", iova, UINT64_MAX);
	good.kind = IOASID_MOCK_DMA_WRITE;
	good.iova = 0;
	BAD("only a read fetches", flags, IOASID_MOCK_DMA_EXEC);
	good.kind = IOASID_MOCK_DMA_COPY;
	BAD("only a read fetches", flags, IOASID_MOCK_DMA_EXEC);
	BAD("source and length wrap", source, UINT64_MAX);
#undef BAD
	ck_assert_int_eq(ioasid_mock_pump(rig.mock), 0);
	ck_assert_uint_eq(rig_stats(&rig).dma_bytes, 0);
	rig_end(&rig);
}
END_TEST

START_TEST(a_device_without_pasids_is_told_so_when_the_pasid_was_forgotten)
{
	unsigned char byte;
	struct ioasid_mock_dma dma = {.buffer = &byte, .length = 1};
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){0});
	fails(-EINVAL, "no PASIDs: set pasid to IOASID_PASID_NONE", ioasid_mock_dma(rig.hw, &dma));
	fails(-EINVAL, "no PASIDs", ioasid_mock_dma_start(rig.hw, &dma));
	rig_end(&rig);
}
END_TEST

START_TEST(the_last_byte_of_all_can_be_moved)
{
	struct rig_opts opts = {.iommu = {.aperture = {0, UINT64_MAX}}};
	unsigned char *memory = support_memory(PAGE, 1), byte = 0;
	struct rig rig;

	rig_begin(&rig, &opts);
	rig_map(rig.space, UINT64_MAX - PAGE + 1, memory, PAGE, IOASID_MAP_READ);
	ok(rig_read(&rig, UINT64_MAX, &byte, 1));
	ck_assert_uint_eq(byte, memory[PAGE - 1]);
	ok(rig_read(&rig, UINT64_MAX, NULL, 0));
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(an_unbound_or_detached_device_reaches_nothing)
{
	struct ioasid_mock_device *hw;
	struct ioasid_mock_dma dma;
	unsigned char byte;
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){0});
	ok(ioasid_mock_device_new(rig.mock, NULL, &hw));
	dma = rig_dma(&rig, IOASID_MOCK_DMA_READ, 0, &byte, 1);
	fails(-ENODEV, "leads to no space", ioasid_mock_dma(hw, &dma));
	ok(ioasid_attachment_detach(rig.route));
	rig.route = NULL;
	dma.fault = IOASID_MOCK_FAULT_PARENT;
	fails(-ENODEV, "leads to no space", ioasid_mock_dma(rig.hw, &dma));
	ck_assert_uint_eq(dma.fault, IOASID_MOCK_FAULT_NONE);
	rig_end(&rig);
}
END_TEST

START_TEST(reserved_windows_and_what_lies_outside_are_not_asked_for)
{
	const struct ioasid_range window = {0x4000, 0x4fff};
	struct rig_opts opts = {.faults = true, .iommu = {.aperture = {0x1000, 0x7fff}}};
	unsigned char byte;
	struct rig rig;

	opts.iommu.reserved = &window;
	opts.iommu.reserved_count = 1;
	rig_begin(&rig, &opts);
	fails(-EFAULT, "IOVA 0x4008", rig_read(&rig, 0x4008, &byte, 1));
	fails(-EFAULT, "IOVA 0xfff", rig_read(&rig, 0xfff, &byte, 1));
	fails(-EFAULT, "IOVA 0x8000", rig_read(&rig, 0x8000, &byte, 1));
	ck_assert_uint_eq(rig_stats(&rig).groups, 0);
	rig_end(&rig);
}
END_TEST

START_TEST(a_page_that_ends_beyond_the_aperture_is_not_asked_for)
{
	struct rig_opts opts = {.faults = true, .iommu = {.aperture = {0, 0x17fff}}};
	struct ioasid_mock_dma dma;
	unsigned char byte;
	struct rig rig;

	opts.iommu.page_sizes = 0x10000;
	rig_begin(&rig, &opts);
	dma = rig_dma(&rig, IOASID_MOCK_DMA_READ, 0x10000, &byte, 1);
	ok(ioasid_mock_dma_start(rig.hw, &dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 0);
	ck_assert_uint_eq(rig_stats(&rig).groups, 0);
	ck_assert_uint_eq(dma.fault, IOASID_MOCK_FAULT_ADDRESS);
	fails(-EFAULT, "out of the IOMMU's aperture", rig_read(&rig, 0x10000, &byte, 1));
	rig_end(&rig);
}
END_TEST

START_TEST(a_pasid_has_its_own_route)
{
	struct rig_opts opts = {.device = {.pasid_bits = 20}, .pasid = 0xfffff};
	unsigned char *memory = support_memory(PAGE, 1), byte = 0;
	struct ioasid_mock_dma dma;
	struct rig rig;

	rig_begin(&rig, &opts);
	rig_map(rig.space, 0, memory, PAGE, IOASID_MAP_RW);
	ok(rig_read(&rig, 5, &byte, 1));
	ck_assert_uint_eq(byte, memory[5]);
	dma = rig_dma(&rig, IOASID_MOCK_DMA_READ, 5, &byte, 1);
	dma.pasid = NOBODY;
	fails(-ENODEV, "PASID 0xffffffff", ioasid_mock_dma(rig.hw, &dma));
	dma.pasid = 1;
	fails(-ENODEV, "PASID 0x1", ioasid_mock_dma(rig.hw, &dma));
	rig_end(&rig);
	free(memory);
}
END_TEST

/* The IOTLB */

START_TEST(a_hit_does_not_walk)
{
	unsigned char *memory = support_memory(2 * PAGE, 1), buffer[2 * 4096];
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){0});
	rig_map(rig.space, 0, memory, 2 * PAGE, IOASID_MAP_RW);
	for (int i = 0; i < 5; i++)
		ok(rig_read(&rig, 0, buffer, 2 * PAGE));
	ck_assert_uint_eq(rig_stats(&rig).iotlb_misses, 2);
	ck_assert_uint_eq(rig_stats(&rig).iotlb_hits, 8);
	ck_assert_uint_eq(rig_stats(&rig).iotlb_entries, 2);
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(an_unmap_drops_its_own_entries_and_no_others)
{
	unsigned char *memory = support_memory(4 * PAGE, 1), buffer[4 * 4096];
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){0});
	rig_map(rig.space, 0, memory, 2 * PAGE, IOASID_MAP_RW);
	rig_map(rig.space, 2 * PAGE, memory + 2 * PAGE, PAGE, IOASID_MAP_RW);
	ok(rig_read(&rig, 0, buffer, 3 * PAGE));
	ck_assert_uint_eq(rig_stats(&rig).iotlb_entries, 3);
	ok(ioasid_space_unmap(rig.space, 0, 2 * PAGE));
	ck_assert_uint_eq(rig_stats(&rig).iotlb_entries, 1);
	fails(-EFAULT, "IOVA 0x1000", rig_read(&rig, PAGE, buffer, 1));
	rig_map(rig.space, PAGE, memory + 3 * PAGE, PAGE, IOASID_MAP_RW);
	ok(rig_read(&rig, PAGE, buffer, PAGE));
	ck_assert_mem_eq(buffer, memory + 3 * PAGE, PAGE);
	ok(ioasid_space_unmap(rig.space, 0, UINT64_MAX));
	ck_assert_uint_eq(rig_stats(&rig).iotlb_entries, 0);
	fails(-EFAULT, "IOVA 0x2000", rig_read(&rig, 2 * PAGE, buffer, 1));
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(an_iotlb_with_one_entry_still_tells_spaces_apart)
{
	struct rig_opts opts = {.iommu = {.iotlb_entries = 1}, .device = {.pasid_bits = 8}};
	unsigned char *memory = support_memory(2 * PAGE, 1), byte;
	struct ioasid_attach_opts route = {
		.size = sizeof(route), .flags = IOASID_ATTACH_PASID, .pasid = 3};
	struct ioasid_attachment *attachment;
	struct ioasid_space *space;
	struct ioasid_mock_dma dma;
	struct rig rig;

	rig_begin(&rig, &opts);
	ok(ioasid_space_new(rig.ctx, NULL, &space));
	ok(ioasid_device_attach(rig.device, space, &route, &attachment));
	rig_map(rig.space, 0, memory, PAGE, IOASID_MAP_RW);
	rig_map(space, 0, memory + PAGE, PAGE, IOASID_MAP_RW);
	for (int i = 0; i < 4; i++) {
		dma = rig_dma(&rig, IOASID_MOCK_DMA_READ, 9, &byte, 1);
		dma.pasid = i % 2 ? 3 : NOBODY;
		ok(ioasid_mock_dma(rig.hw, &dma));
		ck_assert_uint_eq(byte, memory[(i % 2) * PAGE + 9]);
		ck_assert_uint_eq(rig_stats(&rig).iotlb_entries, 1);
	}
	ck_assert_uint_eq(rig_stats(&rig).iotlb_misses, 4);
	ok(ioasid_attachment_detach(attachment));
	ok(ioasid_space_destroy(space));
	ck_assert_uint_eq(rig_stats(&rig).iotlb_entries, 0);
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(detach_and_replace_empty_the_iotlb_of_the_route)
{
	unsigned char *memory = support_memory(2 * PAGE, 1), byte;
	struct ioasid_space *space;
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){0});
	ok(ioasid_space_new(rig.ctx, NULL, &space));
	rig_map(rig.space, 0, memory, PAGE, IOASID_MAP_RW);
	rig_map(space, 0, memory + PAGE, PAGE, IOASID_MAP_RW);
	ok(rig_read(&rig, 0, &byte, 1));
	ok(ioasid_attachment_replace(rig.route, space));
	ck_assert_uint_eq(rig_stats(&rig).iotlb_entries, 0);
	ok(rig_read(&rig, 0, &byte, 1));
	ck_assert_uint_eq(byte, memory[PAGE]);
	ok(ioasid_attachment_detach(rig.route));
	rig.route = NULL;
	ck_assert_uint_eq(rig_stats(&rig).iotlb_entries, 0);
	ok(ioasid_space_destroy(space));
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(a_change_of_a_parent_reaches_the_grandchilds_entries)
{
	unsigned char *memory = support_memory(3 * PAGE, 1), byte;
	struct ioasid_attachment *route[2];
	struct ioasid_space *child, *grandchild;
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){0});
	ok(ioasid_space_new_nested(rig.space, NULL, &child));
	ok(ioasid_space_new_nested(child, NULL, &grandchild));
	ok(ioasid_device_attach(rig.device, child, NULL, &route[0]));
	ok(ioasid_device_attach(rig.device, grandchild, NULL, &route[1]));
	rig_map(rig.space, 0x1000, memory, PAGE, IOASID_MAP_RW);
	rig_map(child, 0x2000, (void *)0x1000, PAGE, IOASID_MAP_RW);
	rig_map(grandchild, 0x3000, (void *)0x2000, PAGE, IOASID_MAP_RW);
	ok(rig_read(&rig, 0x3001, &byte, 1));
	ck_assert_uint_eq(byte, memory[1]);
	ok(ioasid_space_unmap(rig.space, 0x1000, PAGE));
	fails(-EFAULT, "IOVA 0x3001", rig_read(&rig, 0x3001, &byte, 1));
	rig_map(rig.space, 0x1000, memory + PAGE, PAGE, IOASID_MAP_READ);
	ok(rig_read(&rig, 0x3001, &byte, 1));
	ck_assert_uint_eq(byte, memory[PAGE + 1]);
	fails(-EFAULT, "IOVA 0x3001", rig_write(&rig, 0x3001, &byte, 1));
	ok(ioasid_space_unmap(rig.space, 0x1000, PAGE));
	rig_map(rig.space, 0x1000, memory + PAGE, PAGE, IOASID_MAP_RW);
	ok(rig_write(&rig, 0x3001, &byte, 1));
	ok(ioasid_space_unmap(child, 0x2000, PAGE));
	rig_map(child, 0x2000, (void *)0x1000, PAGE, IOASID_MAP_READ);
	fails(-EFAULT, "IOVA 0x3001", rig_write(&rig, 0x3001, &byte, 1));
	ok(ioasid_attachment_detach(route[1]));
	ok(ioasid_attachment_detach(route[0]));
	ok(ioasid_space_destroy(grandchild));
	ok(ioasid_space_destroy(child));
	rig_end(&rig);
	free(memory);
}
END_TEST

void add_dma_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "dma");

	tcase_add_test(tcase, bytes_move_through_scattered_maps);
	tcase_add_test(tcase, a_copy_translates_both_sides);
	tcase_add_test(tcase, a_transfer_stops_where_the_translation_does);
	tcase_add_test(tcase, bad_transfers_are_refused_and_move_nothing);
	tcase_add_test(tcase, a_device_without_pasids_is_told_so_when_the_pasid_was_forgotten);
	tcase_add_test(tcase, the_last_byte_of_all_can_be_moved);
	tcase_add_test(tcase, an_unbound_or_detached_device_reaches_nothing);
	tcase_add_test(tcase, reserved_windows_and_what_lies_outside_are_not_asked_for);
	tcase_add_test(tcase, a_page_that_ends_beyond_the_aperture_is_not_asked_for);
	tcase_add_test(tcase, a_pasid_has_its_own_route);
	tcase_add_test(tcase, a_hit_does_not_walk);
	tcase_add_test(tcase, an_unmap_drops_its_own_entries_and_no_others);
	tcase_add_test(tcase, an_iotlb_with_one_entry_still_tells_spaces_apart);
	tcase_add_test(tcase, detach_and_replace_empty_the_iotlb_of_the_route);
	tcase_add_test(tcase, a_change_of_a_parent_reaches_the_grandchilds_entries);
}
