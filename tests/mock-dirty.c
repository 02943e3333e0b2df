/* SPDX-License-Identifier: MIT */
/*
 * Of the mock: which pages devices wrote. What is noted, where, in which pages, and how long. That
 * what fails changes nothing is mock-dirty-fail.c; many threads at a time are mock-dirty-threads.c.
 */
#include "noteskit.h"
#include <ioasid/pgtable.h>

#define KIB16 (4 * PAGE)

START_TEST(writes_are_noted_page_by_page_and_reads_are_not)
{
	unsigned char buffer[3 * 4096] = {1};
	struct notes t;

	notes_begin(&t, 0);
	notes_map(&t, 0, 32, IOASID_MAP_RW);
	ok(ioasid_space_dirty_start(t.rig.space));
	ok(rig_read(&t.rig, 0, buffer, sizeof(buffer)));
	HAS(t.rig.space, 0);
	ok(rig_write(&t.rig, 4 * PAGE - 1, buffer, 2)); /* two pages, a byte of each */
	ok(rig_write(&t.rig, 8 * PAGE, buffer, PAGE));
	ok(rig_write(&t.rig, 16 * PAGE + 1, buffer, 2 * PAGE));
	HAS(t.rig.space, 3 << 3 | 1 << 8 | 7 << 16);
	HAS(t.rig.space, 0);
	notes_end(&t);
}
END_TEST

/* What is to be done before bytes of a DMA move to its memory; then it is done. */
static struct notes *moving;

void *__real_memmove(void *to, const void *from, size_t length);
void *__wrap_memmove(void *to, const void *from, size_t length);

void *__wrap_memmove(void *to, const void *from, size_t length)
{
	struct notes *t = moving;

	if (t && (unsigned char *)to == t->memory + PAGE) {
		moving = NULL;
		HAS(t->rig.space, 0);
	}
	return __real_memmove(to, from, length);
}

/* Who copies the pages that are noted would else copy this one before its bytes have come. */
START_TEST(a_page_is_noted_after_its_bytes_have_moved)
{
	char here[] = "here";
	struct notes t;

	notes_begin(&t, 0);
	notes_map(&t, 0, 4, IOASID_MAP_RW);
	ok(ioasid_space_dirty_start(t.rig.space));
	moving = &t;
	ok(rig_write(&t.rig, PAGE, here, sizeof(here)));
	ck_assert_ptr_null(moving);
	HAS(t.rig.space, 1 << 1);
	ck_assert_mem_eq(t.memory + PAGE, here, sizeof(here));
	notes_end(&t);
}
END_TEST

START_TEST(a_copy_notes_its_destination_alone)
{
	struct ioasid_mock_dma dma;
	struct notes t;

	notes_begin(&t, 0);
	notes_map(&t, 0, 32, IOASID_MAP_RW);
	ok(ioasid_space_dirty_start(t.rig.space));
	dma = rig_dma(&t.rig, IOASID_MOCK_DMA_COPY, 20 * PAGE + 8, NULL, PAGE);
	dma.source = 2 * PAGE;
	ok(ioasid_mock_dma(t.rig.hw, &dma));
	HAS(t.rig.space, 3 << 20);
	notes_end(&t);
}
END_TEST

START_TEST(only_what_was_moved_is_noted)
{
	unsigned char buffer[3 * 4096] = {1};
	struct notes t;

	notes_begin(&t, 0);
	notes_map(&t, 0, 2, IOASID_MAP_RW);
	notes_map(&t, 2, 1, IOASID_MAP_READ);
	ok(ioasid_space_dirty_start(t.rig.space));
	fails(-EFAULT, "0x2000", rig_write(&t.rig, PAGE, buffer, sizeof(buffer)));
	HAS(t.rig.space, 1 << 1);
	notes_end(&t);
}
END_TEST

START_TEST(what_the_iotlb_knows_is_noted_again_after_a_read)
{
	struct ioasid_mock_stats before, after;
	struct notes t;

	notes_begin(&t, 0);
	notes_map(&t, 0, 4, IOASID_MAP_RW);
	notes_write_page(&t, 2); /* by now it knows the page, from before the start */
	before = rig_stats(&t.rig);
	ok(ioasid_space_dirty_start(t.rig.space));
	HAS(t.rig.space, 0);
	for (int i = 0; i < 3; i++) {
		notes_write_page(&t, 2);
		HAS(t.rig.space, 1 << 2);
	}
	after = rig_stats(&t.rig);
	ck_assert_uint_eq(after.iotlb_hits, before.iotlb_hits + 3);
	notes_end(&t);
}
END_TEST

START_TEST(holes_and_granules_of_any_size_hide_nothing)
{
	struct notes t;

	notes_begin(&t, 0);
	notes_map(&t, 2, 3, IOASID_MAP_RW);
	notes_map(&t, 5, 1, IOASID_MAP_RW);
	notes_map(&t, 31, 3, IOASID_MAP_RW);
	notes_map(&t, 63, 1, IOASID_MAP_RW);
	ok(ioasid_space_dirty_start(t.rig.space));
	notes_write_page(&t, 4);
	notes_write_page(&t, 5);
	notes_write_page(&t, 32);
	notes_write_page(&t, 63);
	for (unsigned int shift = 0; shift <= 6; shift++) {
		uint64_t bits = UINT64_C(1) << (63 >> shift) | UINT64_C(1) << (32 >> shift) |
				UINT64_C(1) << (5 >> shift) | UINT64_C(1) << (4 >> shift);

		ck_assert_uint_eq(
			LOOK(t.rig.space, .granule = PAGE << shift, .flags = IOASID_DIRTY_KEEP),
			bits);
	}
	ck_assert_uint_eq(LOOK(t.rig.space, .granule = NOTES_PAGES * PAGE), 1);
	HAS(t.rig.space, 0);
	notes_end(&t);
}
END_TEST

START_TEST(a_map_that_a_read_cuts_keeps_its_notes)
{
	struct notes t;

	notes_begin(&t, 0);
	notes_map(&t, 0, 16, IOASID_MAP_RW);
	notes_map(&t, 16, 16, IOASID_MAP_RW);
	ok(ioasid_space_dirty_start(t.rig.space));
	notes_write_page(&t, 3);
	notes_write_page(&t, 12);
	notes_write_page(&t, 20);
	ck_assert_uint_eq(LOOK(t.rig.space, .first = 8, .pages = 24), 1 << 4 | 1 << 12);
	HAS(t.rig.space, 1 << 3 | 1 << 12);
	HAS(t.rig.space, 0);
	notes_end(&t);
}
END_TEST

START_TEST(of_small_pages_any_part_is_cleared_alone)
{
	struct notes t;

	notes_begin(&t, IOASID_SPACE_SMALL_PAGES);
	notes_map(&t, 0, 32, IOASID_MAP_RW);
	ok(ioasid_space_dirty_start(t.rig.space));
	for (unsigned int page = 6; page <= 10; page++)
		notes_write_page(&t, page);
	ck_assert_uint_eq(LOOK(t.rig.space, .first = 7, .pages = 3), 7);
	HAS(t.rig.space, 1 << 6 | 1 << 10);
	HAS(t.rig.space, 0);
	notes_end(&t);
}
END_TEST

START_TEST(notes_come_and_go_with_their_map)
{
	struct notes t;

	notes_begin(&t, 0);
	notes_map(&t, 0, 4, IOASID_MAP_RW);
	notes_map(&t, 4, 4, IOASID_MAP_RW);
	ok(ioasid_space_dirty_start(t.rig.space));
	notes_map(&t, 8, 4, IOASID_MAP_RW);
	for (unsigned int page = 1; page < 12; page += 4)
		notes_write_page(&t, page);
	ck_assert_int_eq(ok(ioasid_space_unmap(t.rig.space, 4 * PAGE, 4 * PAGE)), 4 * PAGE);
	ck_assert_uint_eq(LOOK(t.rig.space, .flags = IOASID_DIRTY_KEEP), 1 << 1 | 1 << 9);
	notes_map(&t, 4, 2, IOASID_MAP_RW);
	HAS(t.rig.space, 1 << 1 | 1 << 9);
	notes_write_page(&t, 5);
	HAS(t.rig.space, 1 << 5);
	notes_end(&t);
}
END_TEST

START_TEST(a_stop_forgets_and_a_new_start_knows_nothing)
{
	struct ioasid_space_info info = {.size = sizeof(info)};
	struct notes t;

	notes_begin(&t, 0);
	notes_map(&t, 0, 4, IOASID_MAP_RW);
	for (int i = 0; i < 2; i++) {
		ok(ioasid_space_dirty_start(t.rig.space));
		fails(-EALREADY, "already", ioasid_space_dirty_start(t.rig.space));
		ok(ioasid_space_info(t.rig.space, &info));
		ck_assert_uint_ne(info.flags & IOASID_SPACE_INFO_DIRTY, 0);
		HAS(t.rig.space, 0);
		notes_write_page(&t, 1);
		ok(ioasid_space_dirty_stop(t.rig.space));
		notes_write_page(&t, 2);
		notes_map(&t, 4 + 2 * (unsigned int)i, 2, IOASID_MAP_RW);
		ok(ioasid_space_info(t.rig.space, &info));
		ck_assert_uint_eq(info.flags & IOASID_SPACE_INFO_DIRTY, 0);
	}
	notes_end(&t);
}
END_TEST

START_TEST(a_route_with_a_pasid_is_noted_where_it_leads)
{
	struct ioasid_mock_dma dma;
	struct ioasid_space *other;
	struct ioasid_attachment *route;
	struct rig_opts opts = notes_opts(0);
	struct notes t;

	opts.device.pasid_bits = 4;
	notes_begin_with(&t, &opts);
	ok(ioasid_space_new(t.rig.ctx,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_DIRTY_TRACKING), &other));
	ok(ioasid_device_attach(t.rig.device, other,
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = 5), &route));
	notes_map(&t, 0, 8, IOASID_MAP_RW);
	rig_map(other, 0, t.memory, 8 * PAGE, IOASID_MAP_RW);
	ok(ioasid_space_dirty_start(t.rig.space));
	ok(ioasid_space_dirty_start(other));
	notes_write_page(&t, 1);
	dma = rig_dma(&t.rig, IOASID_MOCK_DMA_WRITE, 2 * PAGE, (unsigned char[]){1}, 1);
	dma.pasid = 5;
	ok(ioasid_mock_dma(t.rig.hw, &dma));
	HAS(t.rig.space, 1 << 1);
	HAS(other, 1 << 2);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(other));
	notes_end(&t);
}
END_TEST

/* Nested by the platform, or by the library with copies. */
START_TEST(a_child_notes_at_its_own_addresses_and_its_parent_nothing)
{
	struct rig_opts opts = notes_opts(0);
	struct ioasid_attachment *above;
	struct ioasid_space *child;
	struct notes t;

	opts.platform.flags = _i ? IOASID_MOCK_NEST_COPY : 0;
	notes_begin_with(&t, &opts);
	notes_map(&t, 0, 4, IOASID_MAP_RW);
	notes_map(&t, 8, 24, IOASID_MAP_RW);
	ok(ioasid_space_new_nested(t.rig.space,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_DIRTY_TRACKING), &child));
	ok(ioasid_device_attach(t.rig.device, child, NULL, &above));
	ok(ioasid_space_dirty_start(t.rig.space));
	ok(ioasid_space_dirty_start(child));
	/* over a hole, and over what is mapped later */
	rig_map(child, 40 * PAGE, NULL, 16 * PAGE, IOASID_MAP_RW);
	notes_write_page(&t, 41);
	notes_write_page(&t, 50);
	fails(-EFAULT, "0x2d000", rig_write(&t.rig, 45 * PAGE, t.memory, 1));
	notes_map(&t, 4, 4, IOASID_MAP_RW);
	notes_write_page(&t, 45);
	HAS(t.rig.space, 0);
	ck_assert_uint_eq(LOOK(child, .flags = IOASID_DIRTY_KEEP),
		UINT64_C(1) << 41 | UINT64_C(1) << 45 | UINT64_C(1) << 50);
	ck_assert_int_eq(ok(ioasid_space_unmap(child, 40 * PAGE, 16 * PAGE)), 16 * PAGE);
	HAS(child, 0);
	ok(ioasid_attachment_detach(above));
	ok(ioasid_space_destroy(child));
	notes_end(&t);
}
END_TEST

/* A device comes whose IOMMU has no pages below 16 KiB, and goes again. */
START_TEST(a_note_is_of_the_least_page_that_all_devices_have)
{
	struct rig_opts opts = notes_opts(0);
	unsigned char *memory = aligned_alloc(KIB16, 8 * KIB16), bytes[2] = {1, 2};
	struct ioasid_attachment *route;
	struct ioasid_mock_device *hw;
	struct ioasid_device *device;
	struct notes t;

	opts.iommu.page_sizes = PAGE | KIB16;
	notes_begin_with(&t, &opts);
	ok(ioasid_mock_iommu_new(t.rig.mock,
		IOASID_OPTS(ioasid_mock_iommu_opts, .flags = IOASID_MOCK_IOMMU_DIRTY,
			.page_sizes = KIB16),
		NULL));
	ok(ioasid_mock_device_new(
		t.rig.mock, IOASID_OPTS(ioasid_mock_device_opts, .iommu = 1), &hw));
	device = rig_bind(&t.rig, hw, 2);
	rig_map(t.rig.space, 0, memory, 8 * KIB16, IOASID_MAP_RW);
	ok(ioasid_space_dirty_start(t.rig.space));
	notes_write_page(&t, 5);
	notes_write_page(&t, 30);
	ck_assert_uint_eq(
		LOOK(t.rig.space, .flags = IOASID_DIRTY_KEEP, .pages = 32), 1 << 5 | 1 << 30);
	ok(ioasid_device_attach(device, t.rig.space, NULL, &route));
	fails(-EINVAL, "granule 0x1000 is less",
		ioasid_space_dirty_read(
			t.rig.space, IOASID_OPTS(ioasid_dirty, .length = KIB16, .granule = PAGE,
					     .bitmap = &(uint64_t){0})));
	ck_assert_uint_eq(LOOK(t.rig.space, .granule = KIB16, .pages = 32), 1 << 1 | 1 << 7);
	t.rig.hw = hw;
	ok(rig_write(&t.rig, 18 * PAGE - 1, bytes, 2));
	ok(ioasid_attachment_detach(route));
	ck_assert_uint_eq(LOOK(t.rig.space, .pages = 32), 3 << 17);
	ok(ioasid_device_unbind(device));
	notes_end(&t);
	free(memory);
}
END_TEST

START_TEST(the_last_page_of_64_bits_is_noted)
{
	struct rig_opts opts = notes_opts(0);
	unsigned char byte = 1;
	uint64_t bits = 0;
	struct notes t;

	opts.iommu.aperture = (struct ioasid_range){0, UINT64_MAX};
	notes_begin_with(&t, &opts);
	rig_map(t.rig.space, 0 - 2 * PAGE, t.memory, 2 * PAGE, IOASID_MAP_RW);
	ok(ioasid_space_dirty_start(t.rig.space));
	ok(rig_write(&t.rig, UINT64_MAX, &byte, 1));
	ok(ioasid_space_dirty_read(
		t.rig.space, IOASID_OPTS(ioasid_dirty, .iova = 0 - 4 * PAGE, .length = 4 * PAGE,
				     .granule = PAGE, .bitmap = &bits)));
	ck_assert_uint_eq(bits, 1 << 3);
	notes_end(&t);
}
END_TEST

void add_dirty_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "dirty");

	tcase_add_test(tcase, writes_are_noted_page_by_page_and_reads_are_not);
	tcase_add_test(tcase, a_page_is_noted_after_its_bytes_have_moved);
	tcase_add_test(tcase, a_copy_notes_its_destination_alone);
	tcase_add_test(tcase, only_what_was_moved_is_noted);
	tcase_add_test(tcase, what_the_iotlb_knows_is_noted_again_after_a_read);
	tcase_add_test(tcase, holes_and_granules_of_any_size_hide_nothing);
	tcase_add_test(tcase, a_map_that_a_read_cuts_keeps_its_notes);
	tcase_add_test(tcase, of_small_pages_any_part_is_cleared_alone);
	tcase_add_test(tcase, notes_come_and_go_with_their_map);
	tcase_add_test(tcase, a_stop_forgets_and_a_new_start_knows_nothing);
	tcase_add_test(tcase, a_route_with_a_pasid_is_noted_where_it_leads);
	tcase_add_loop_test(tcase, a_child_notes_at_its_own_addresses_and_its_parent_nothing, 0, 2);
	tcase_add_test(tcase, a_note_is_of_the_least_page_that_all_devices_have);
	tcase_add_test(tcase, the_last_page_of_64_bits_is_noted);
}
