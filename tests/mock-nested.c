/* SPDX-License-Identifier: MIT */
/*
 * Of the mock: DMA through a guest's own page table and the parent space below it, in each format
 * and on each kind of platform; accessed and dirty bits; and what ioasid_mock_translate() tells.
 */
#include "nestedkit.h"

START_TEST(bytes_move_where_the_guests_table_says)
{
	unsigned char *buffer = support_memory(3 * PAGE, 2);
	const struct guest_opts opts = guest_flavour(_i);
	struct guest guest;

	guest_begin(&guest, &opts);
	guest_map(&guest, 0x10000, 7 * PAGE, GUEST_RW);
	guest_map(&guest, 0x11000, 3 * PAGE, GUEST_RW);
	guest_map(&guest, 0x7fffffffe000, 9 * PAGE, GUEST_RW);
	ok(guest_write(&guest, 0x10ff0, buffer, 32));
	ck_assert_mem_eq(guest.ram + 8 * PAGE - 16, buffer, 16);
	ck_assert_mem_eq(guest.ram + 3 * PAGE, buffer + 16, 16);
	ok(guest_read(&guest, 0x10001, buffer, 2 * PAGE - 1));
	ck_assert_mem_eq(buffer, guest.ram + 7 * PAGE + 1, PAGE - 1);
	ck_assert_mem_eq(buffer + PAGE - 1, guest.ram + 3 * PAGE, PAGE);
	ok(guest_read(&guest, 0x7fffffffefff, buffer, 1));
	ck_assert_uint_eq(*buffer, guest.ram[10 * PAGE - 1]);
	guest_end(&guest);
	free(buffer);
}
END_TEST

START_TEST(a_copy_reads_and_writes_through_the_table)
{
	const struct guest_opts opts = guest_flavour(_i);
	struct ioasid_mock_dma dma = guest_dma(IOASID_MOCK_DMA_COPY, 0x8800, NULL, PAGE);
	struct guest guest;

	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_READ);
	guest_map(&guest, 0x8000, 2 * PAGE, GUEST_RW);
	guest_map(&guest, 0x9000, 8 * PAGE, GUEST_RW);
	dma.source = 0x1000;
	ok(ioasid_mock_dma(guest.hw, &dma));
	ck_assert_mem_eq(guest.ram + 2 * PAGE + 0x800, guest.ram + 5 * PAGE, 0x800);
	ck_assert_mem_eq(guest.ram + 8 * PAGE, guest.ram + 5 * PAGE + 0x800, 0x800);
	guest_end(&guest);
}
END_TEST

/* Pages of 2 MiB, which the guest has from 0 on, and of 1 GiB, of which it has the beginning. */
START_TEST(large_pages_translate_all_their_addresses)
{
	struct guest_opts opts = guest_flavour(_i);
	struct guest guest;

	guest_begin(&guest, &opts);
	guest_map_at(&guest, guest.root, 0x40000000, 0, GUEST_RW, 30);
	guest_map_at(&guest, guest.root, 0x600000, 2 * MIB, GUEST_RW, 21);
	ck_assert_uint_eq(guest_page(&guest, 0x40000000), 0);
	ck_assert_uint_eq(guest_page(&guest, 0x40000000 + 1000 * PAGE), 1000);
	ck_assert_uint_eq(guest_page(&guest, 0x600000), 512);
	ck_assert_uint_eq(guest_page(&guest, 0x7ff000), 1023);
	ck_assert_uint_eq(guest_fault(&guest, 0x800000, false), IOASID_MOCK_FAULT_TRANSLATION);
	ck_assert_uint_eq(guest_fault(&guest, 0x40000000 + RAM_PAGES * PAGE, false),
		IOASID_MOCK_FAULT_PARENT);
	guest_end(&guest);
}
END_TEST

/* What a transfer of one byte with these flags ends with. */
static uint32_t fault_of(struct guest *guest, uint32_t kind, uint64_t iova, uint32_t flags)
{
	unsigned char byte = 0;
	struct ioasid_mock_dma dma = guest_dma(kind, iova, &byte, 1);

	dma.flags = flags;
	ck_assert_int_eq(ioasid_mock_dma(guest->hw, &dma), dma.fault ? -EFAULT : 0);
	return dma.fault;
}

START_TEST(the_tables_permissions_hold_for_each_kind_of_access)
{
	const uint32_t read = IOASID_MOCK_DMA_READ, write = IOASID_MOCK_DMA_WRITE;
	const uint32_t exec = IOASID_MOCK_DMA_EXEC, priv = IOASID_MOCK_DMA_PRIV;
	const uint32_t refused = IOASID_MOCK_FAULT_PERMISSION;
	struct guest_opts opts = guest_flavour(_i);
	struct guest guest;

	if (opts.format == VTD)
		opts.table = IOASID_PGTABLE_SUPERVISOR;
	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, PAGE, GUEST_READ);
	guest_map(&guest, 0x2000, 2 * PAGE, GUEST_READ | GUEST_DATA);
	guest_map(&guest, 0x3000, 3 * PAGE, GUEST_RW | GUEST_PRIV | GUEST_DATA);
	/* twice: by walking, and with what that cached */
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(fault_of(&guest, read, 0x1000, 0), 0);
		ck_assert_uint_eq(fault_of(&guest, read, 0x1000, exec), 0);
		ck_assert_uint_eq(fault_of(&guest, write, 0x1000, 0), refused);
		ck_assert_uint_eq(fault_of(&guest, read, 0x2000, 0), 0);
		ck_assert_uint_eq(fault_of(&guest, read, 0x2000, exec), refused);
		ck_assert_uint_eq(fault_of(&guest, read, 0x3000, 0), refused);
		ck_assert_uint_eq(fault_of(&guest, write, 0x3000, 0), refused);
		ck_assert_uint_eq(fault_of(&guest, read, 0x3000, priv), 0);
		ck_assert_uint_eq(fault_of(&guest, write, 0x3000, priv), 0);
		ck_assert_uint_eq(fault_of(&guest, read, 0x3000, priv | exec), refused);
	}
	guest_end(&guest);
}
END_TEST

START_TEST(what_nobody_can_bring_ends_the_transfer)
{
	struct guest_opts opts = guest_flavour(_i);
	unsigned char byte = 0;
	struct guest guest;

	opts.faults = true;
	/* Arm tells both as something that is not there */
	if (opts.format == ARM)
		return;
	guest_begin(&guest, &opts);
	fails(-EFAULT, "IOVA 0x800000000000: no translation",
		guest_read(&guest, 0x800000000000, &byte, 1));
	ck_assert_uint_eq(guest_fault(&guest, 0x800000000000, false), IOASID_MOCK_FAULT_ADDRESS);
	/* the bit of a large page at a level that has none */
	*guest_entry(&guest, guest.root, 0x8000000000, 39) = 0x87;
	fails(-EFAULT, "entry of the guest's table is malformed",
		guest_read(&guest, 0x8000000000, &byte, 1));
	ck_assert_uint_eq(guest_fault(&guest, 0x8000000000, true), IOASID_MOCK_FAULT_RESERVED);
	ck_assert_uint_eq(guest_stats(&guest).groups, 0);
	guest_end(&guest);
}
END_TEST

START_TEST(an_access_is_noted_in_the_table)
{
	struct guest_opts opts = guest_flavour(_i);
	unsigned char byte = 1;
	struct guest guest;

	if (opts.format == ARM)
		opts.table = IOASID_PGTABLE_HW_ACCESSED | IOASID_PGTABLE_HW_DIRTY;
	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, PAGE, GUEST_RW | GUEST_OLD | GUEST_CLEAN);
	guest_map(&guest, 0x2000, 2 * PAGE, GUEST_RW | GUEST_OLD | GUEST_CLEAN);
	ck_assert(!guest_accessed(&guest, 0x1000) && !guest_dirty(&guest, 0x1000));
	ok(guest_read(&guest, 0x1000, &byte, 1));
	ck_assert(guest_accessed(&guest, 0x1000) && !guest_dirty(&guest, 0x1000));
	ck_assert(!guest_accessed(&guest, 0x2000));
	ok(guest_write(&guest, 0x2000, &byte, 1));
	ck_assert(guest_accessed(&guest, 0x2000) && guest_dirty(&guest, 0x2000));
	guest_end(&guest);
}
END_TEST

/* The words of the tables are memory of the guest's, which a migration must not miss. */
START_TEST(what_is_noted_in_the_table_is_written_memory)
{
	struct guest_opts opts = guest_flavour(_i);
	uint64_t bitmap[RAM_PAGES / 64] = {0};
	unsigned char byte = 1;
	struct guest guest;

	if (opts.format == ARM)
		opts.table = IOASID_PGTABLE_HW_ACCESSED | IOASID_PGTABLE_HW_DIRTY;
	opts.iommu.flags = IOASID_MOCK_IOMMU_DIRTY;
	opts.parent = IOASID_SPACE_DIRTY_TRACKING;
	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW | GUEST_OLD | GUEST_CLEAN);
	ok(ioasid_space_dirty_start(guest.gpa));
	for (int i = 0; i < 3; i++) {
		memset(bitmap, 0, sizeof(bitmap));
		if (i < 2)
			ok(guest_read(&guest, 0x1000, &byte, 1));
		else
			ok(guest_write(&guest, 0x1000, &byte, 1));
		ok(ioasid_space_dirty_read(
			guest.gpa, IOASID_OPTS(ioasid_dirty, .length = RAM_PAGES * PAGE,
					   .granule = PAGE, .bitmap = bitmap)));
		/* x86's tables on the way are accessed too, the first time */
		ck_assert_uint_eq(bitmap[DATA_PAGES / 64], i == 1                         ? 0
							   : opts.format == ARM || i == 2 ? 8
											  : 15);
		ck_assert_uint_eq(bitmap[0], i == 2 ? 1 << 5 : 0);
	}
	ok(ioasid_space_dirty_stop(guest.gpa));
	guest_end(&guest);
}
END_TEST

START_TEST(a_write_by_an_entry_that_was_cached_clean_is_noted)
{
	struct guest_opts opts = guest_flavour(_i);
	unsigned char byte = 1;
	struct guest guest;

	if (opts.format == ARM)
		opts.table = IOASID_PGTABLE_HW_ACCESSED | IOASID_PGTABLE_HW_DIRTY;
	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, PAGE, GUEST_RW | GUEST_CLEAN);
	ok(guest_read(&guest, 0x1000, &byte, 1));
	ck_assert_uint_eq(guest_stats(&guest).iotlb_entries, 1);
	ok(guest_write(&guest, 0x1000, &byte, 1));
	ck_assert(guest_dirty(&guest, 0x1000));
	ck_assert_uint_eq(guest_stats(&guest).iotlb_hits, 0);
	/* from then on it need not be noted again: the cache knows */
	ok(guest_write(&guest, 0x1000, &byte, 1));
	ck_assert_uint_eq(guest_stats(&guest).iotlb_hits, 1);
	guest_end(&guest);
}
END_TEST

START_TEST(small_pages_of_a_guest_lie_on_large_ones_of_the_iommu)
{
	struct guest_opts opts = guest_flavour(_i);
	struct guest guest;

	opts.iommu.page_sizes = 0x10000;
	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 21 * PAGE, GUEST_RW);
	guest_map(&guest, 0x2000, 5 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 21);
	ck_assert_uint_eq(guest_page(&guest, 0x2000), 5);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 21);
	ck_assert_uint_eq(guest_fault(&guest, 0x3000, false), IOASID_MOCK_FAULT_TRANSLATION);
	guest_end(&guest);
}
END_TEST

/* ioasid_mock_translate() */

static struct ioasid_mock_translation look(struct guest *guest, uint64_t iova, uint32_t access)
{
	struct ioasid_mock_translation look = {.pasid = NOBODY, .iova = iova, .access = access};

	ok(ioasid_mock_translate(guest->hw, &look));
	return look;
}

START_TEST(a_look_tells_where_an_access_would_lead)
{
	const struct guest_opts opts = guest_flavour(_i);
	struct ioasid_mock_translation t;
	struct guest guest;

	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_READ);
	guest_map_at(&guest, guest.root, 0x600000, 2 * MIB, GUEST_RW, 21);
	t = look(&guest, 0x1234, IOASID_FAULT_READ);
	ck_assert_uint_eq(t.fault, IOASID_MOCK_FAULT_NONE);
	ck_assert_uint_eq(t.parent_addr, 0x5234);
	ck_assert_ptr_eq(t.host, guest.ram + 0x5234);
	ck_assert_uint_eq(t.page_size, PAGE);
	ck_assert_uint_eq(t.perms, IOASID_MAP_READ);
	t = look(&guest, 0x654321, 0);
	ck_assert_uint_eq(t.parent_addr, 0x254321);
	ck_assert_uint_eq(t.page_size, 2 * MIB);
	ck_assert_uint_eq(t.perms, IOASID_MAP_RW);
	t = look(&guest, 0x1234, IOASID_FAULT_WRITE);
	ck_assert_uint_eq(t.fault, IOASID_MOCK_FAULT_PERMISSION);
	ck_assert_ptr_null(t.host);
	ck_assert_uint_eq(t.page_size | t.perms, 0);
	ck_assert_uint_eq(
		look(&guest, 0x2000, IOASID_FAULT_READ).fault, IOASID_MOCK_FAULT_TRANSLATION);
	guest_end(&guest);
}
END_TEST

START_TEST(a_look_leaves_no_trace_and_heeds_no_cache)
{
	const struct guest_opts opts = guest_flavour(_i);
	struct ioasid_mock_translation t;
	struct ioasid_mock_stats before;
	struct guest guest;

	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	guest_map(&guest, 0x1000, 6 * PAGE, GUEST_RW);
	before = guest_stats(&guest);
	t = look(&guest, 0x1000, IOASID_FAULT_WRITE);
	ck_assert_ptr_eq(t.host, guest.ram + 6 * PAGE);
	ck_assert(opts.format == ARM || !guest_accessed(&guest, 0x1000));
	ck_assert(opts.format == ARM || !guest_dirty(&guest, 0x1000));
	look(&guest, 0x2000, IOASID_FAULT_WRITE);
	ck_assert_uint_eq(guest_stats(&guest).iotlb_entries, before.iotlb_entries);
	ck_assert_uint_eq(guest_stats(&guest).iotlb_misses, before.iotlb_misses);
	ck_assert_uint_eq(guest_stats(&guest).groups, 0);
	guest_end(&guest);
}
END_TEST

START_TEST(a_look_tells_what_the_parent_lacks)
{
	const struct guest_opts opts = guest_flavour(_i);
	struct ioasid_mock_translation t;
	struct guest guest;

	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 2000 * PAGE, GUEST_RW);
	t = look(&guest, 0x1234, IOASID_FAULT_READ);
	ck_assert_uint_eq(t.fault, IOASID_MOCK_FAULT_PARENT);
	ck_assert_uint_eq(t.parent_addr & ~(PAGE - 1), 2000 * PAGE);
	/* a table where nothing is: its word */
	*guest_entry(&guest, guest.root, 0x40000000, 30) = 3000 * PAGE | 7;
	t = look(&guest, 0x40000000 + 3 * 2 * MIB, IOASID_FAULT_READ);
	ck_assert_uint_eq(t.fault, IOASID_MOCK_FAULT_PARENT);
	ck_assert_uint_eq(t.parent_addr, 3000 * PAGE + 3 * 8);
	guest_end(&guest);
}
END_TEST

START_TEST(a_look_through_maps_says_the_same_as_dma)
{
	struct guest_opts opts = guest_flavour(_i);
	struct ioasid_mock_translation t = {.pasid = NOBODY, .iova = 0x3456};
	struct guest guest;

	opts.unbound = true;
	guest_begin(&guest, &opts);
	ok(ioasid_space_map(guest.giova, &(struct ioasid_map){.addr = (void *)0x7000,
						 .length = PAGE,
						 .iova = 0x3000,
						 .flags = IOASID_MAP_READ | IOASID_MAP_FIXED}));
	t.access = IOASID_FAULT_READ;
	ok(ioasid_mock_translate(guest.hw, &t));
	ck_assert_uint_eq(t.fault, IOASID_MOCK_FAULT_NONE);
	ck_assert_ptr_eq(t.host, guest.ram + 0x7456);
	ck_assert_uint_eq(t.perms, IOASID_MAP_READ);
	ck_assert_uint_eq(t.parent_addr, 0);
	t.access = IOASID_FAULT_WRITE;
	ok(ioasid_mock_translate(guest.hw, &t));
	ck_assert_uint_eq(t.fault, IOASID_MOCK_FAULT_PERMISSION);
	t.iova = UINT64_MAX;
	ok(ioasid_mock_translate(guest.hw, &t));
	ck_assert_uint_eq(t.fault, IOASID_MOCK_FAULT_ADDRESS);
	guest_end(&guest);
}
END_TEST

START_TEST(a_look_without_a_route_or_with_bad_arguments_is_refused)
{
	struct ioasid_mock_translation t = {.pasid = NOBODY};
	struct ioasid_mock_device *hw;
	struct guest guest;

	guest_begin(&guest, &(struct guest_opts){0});
	fails(-EINVAL, "device is NULL", ioasid_mock_translate(NULL, &t));
	fails(-EINVAL, "translation is NULL", ioasid_mock_translate(guest.hw, NULL));
	t.access = IOASID_FAULT_LAST;
	fails(-EINVAL, "access 0x20", ioasid_mock_translate(guest.hw, &t));
	t = (struct ioasid_mock_translation){.pasid = NOBODY, .reserved = 1};
	fails(-EINVAL, "reserved", ioasid_mock_translate(guest.hw, &t));
	t.reserved = 0;
	t.pasid = 3;
	fails(-ENODEV, "PASID 0x3", ioasid_mock_translate(guest.hw, &t));
	ok(ioasid_mock_device_new(guest.mock, NULL, &hw));
	t.pasid = NOBODY;
	fails(-ENODEV, "leads to no space", ioasid_mock_translate(hw, &t));
	guest_end(&guest);
}
END_TEST

void add_nested_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "translate");

	tcase_add_loop_test(tcase, bytes_move_where_the_guests_table_says, 0, FLAVOURS);
	tcase_add_loop_test(tcase, a_copy_reads_and_writes_through_the_table, 0, FLAVOURS);
	tcase_add_loop_test(tcase, large_pages_translate_all_their_addresses, 0, FLAVOURS);
	tcase_add_loop_test(
		tcase, the_tables_permissions_hold_for_each_kind_of_access, 0, FLAVOURS);
	tcase_add_loop_test(tcase, what_nobody_can_bring_ends_the_transfer, 0, FLAVOURS);
	tcase_add_loop_test(tcase, an_access_is_noted_in_the_table, 0, FLAVOURS);
	tcase_add_loop_test(tcase, what_is_noted_in_the_table_is_written_memory, 0, FLAVOURS);
	tcase_add_loop_test(tcase, a_write_by_an_entry_that_was_cached_clean_is_noted, 0, FLAVOURS);
	tcase_add_loop_test(
		tcase, small_pages_of_a_guest_lie_on_large_ones_of_the_iommu, 0, FLAVOURS);
	tcase_add_loop_test(tcase, a_look_tells_where_an_access_would_lead, 0, FLAVOURS);
	tcase_add_loop_test(tcase, a_look_leaves_no_trace_and_heeds_no_cache, 0, FLAVOURS);
	tcase_add_loop_test(tcase, a_look_tells_what_the_parent_lacks, 0, FLAVOURS);
	tcase_add_loop_test(tcase, a_look_through_maps_says_the_same_as_dma, 0, FLAVOURS);
	tcase_add_test(tcase, a_look_without_a_route_or_with_bad_arguments_is_refused);
}
