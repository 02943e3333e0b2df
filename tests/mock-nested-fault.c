/* SPDX-License-Identifier: MIT */
/*
 * Of the mock, page requests for what a guest's table does not have, or the parent below it: the
 * first are the guest's to serve, the second, which say so, the monitor's own.
 */
#include "nestedkit.h"

/* A transfer that the pump moves. */
struct transfer {
	struct ioasid_mock_dma dma;
	unsigned char bytes[16 * 4096];
};

static struct transfer transfer;

static void start(struct guest *guest, uint32_t kind, uint64_t iova, uint64_t length)
{
	transfer.dma = guest_dma(kind, iova, transfer.bytes, length);
	ok(ioasid_mock_dma_start(guest->hw, &transfer.dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(guest->mock)), 1);
}

static void finish(struct guest *guest, int status)
{
	ck_assert_int_eq(ok(ioasid_mock_pump(guest->mock)), 0);
	ck_assert_int_eq(transfer.dma.status, status);
}

START_TEST(a_page_that_the_guest_lacks_is_asked_for_at_the_devices_address)
{
	struct guest_opts opts = guest_flavour(_i);
	struct ioasid_fault fault;
	struct guest guest;

	opts.faults = true;
	guest_begin(&guest, &opts);
	start(&guest, IOASID_MOCK_DMA_READ, 0x123456, 4);
	fault = guest_next_fault(&guest);
	ck_assert_uint_eq(fault.addr, 0x123000);
	ck_assert_uint_eq(fault.pages, 1);
	ck_assert_uint_eq(fault.flags, IOASID_FAULT_READ | IOASID_FAULT_LAST);
	ck_assert_uint_eq(fault.space, ioasid_space_id(guest.giova));
	ck_assert_uint_eq(fault.label, LABEL);
	ck_assert_uint_eq(fault.parent_addr, 0);
	ck_assert_uint_eq(transfer.dma.fault, IOASID_MOCK_FAULT_TRANSLATION);
	/* no invalidation: what was not there is not cached */
	guest_map(&guest, 0x123000, 5 * PAGE, GUEST_READ);
	guest_answer(&guest, fault.id, IOASID_RESPONSE_SUCCESS);
	finish(&guest, 0);
	ck_assert_uint_eq(transfer.dma.fault, IOASID_MOCK_FAULT_NONE);
	ck_assert_mem_eq(transfer.bytes, guest.ram + 5 * PAGE + 0x456, 4);
	ck_assert_uint_eq(guest_stats(&guest).requests, 1);
	guest_end(&guest);
}
END_TEST

START_TEST(the_kind_of_access_is_in_the_request)
{
	struct guest_opts opts = guest_flavour(_i);
	struct ioasid_fault fault;
	struct guest guest;

	opts.faults = true;
	if (opts.format == VTD)
		opts.table = IOASID_PGTABLE_SUPERVISOR;
	guest_begin(&guest, &opts);
	transfer.dma = guest_dma(IOASID_MOCK_DMA_READ, 0x1000, transfer.bytes, 1);
	transfer.dma.flags = IOASID_MOCK_DMA_EXEC | IOASID_MOCK_DMA_PRIV;
	ok(ioasid_mock_dma_start(guest.hw, &transfer.dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 1);
	fault = guest_next_fault(&guest);
	ck_assert_uint_eq(fault.flags,
		IOASID_FAULT_READ | IOASID_FAULT_EXEC | IOASID_FAULT_PRIV | IOASID_FAULT_LAST);
	guest_answer(&guest, fault.id, IOASID_RESPONSE_INVALID);
	finish(&guest, -EFAULT);
	ck_assert_uint_eq(transfer.dma.fault, IOASID_MOCK_FAULT_TRANSLATION);
	guest_end(&guest);
}
END_TEST

START_TEST(a_permission_that_the_guest_gives_is_enough)
{
	struct guest_opts opts = guest_flavour(_i);
	struct ioasid_fault fault;
	struct guest guest;

	opts.faults = true;
	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_READ);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	start(&guest, IOASID_MOCK_DMA_WRITE, 0x1000, 4);
	ck_assert_uint_eq(transfer.dma.fault, IOASID_MOCK_FAULT_PERMISSION);
	fault = guest_next_fault(&guest);
	ck_assert_uint_eq(fault.flags, IOASID_FAULT_WRITE | IOASID_FAULT_LAST);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW);
	guest_answer(&guest, fault.id, IOASID_RESPONSE_SUCCESS);
	finish(&guest, 0);
	guest_end(&guest);
}
END_TEST

START_TEST(a_clear_access_flag_is_the_guests_to_set_where_the_iommu_does_not)
{
	struct guest_opts opts = {.format = ARM, .faults = true};
	struct ioasid_fault fault;
	struct guest guest;

	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW | GUEST_OLD);
	start(&guest, IOASID_MOCK_DMA_READ, 0x1000, 4);
	ck_assert_uint_eq(transfer.dma.fault, IOASID_MOCK_FAULT_ACCESS);
	fault = guest_next_fault(&guest);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW);
	guest_answer(&guest, fault.id, IOASID_RESPONSE_SUCCESS);
	finish(&guest, 0);
	guest_end(&guest);
}
END_TEST

START_TEST(a_group_has_the_pages_that_miss_in_the_guests_table)
{
	struct guest_opts opts = guest_flavour(_i);
	struct ioasid_fault faults[8];
	struct guest guest;

	opts.faults = true;
	opts.device.group_pages = 8;
	guest_begin(&guest, &opts);
	/* 0x10000 to 0x12000 miss, 0x13000 is there, 0x14000 only to be read, 0x15000 is there */
	guest_map(&guest, 0x13000, 3 * PAGE, GUEST_RW);
	guest_map(&guest, 0x14000, 4 * PAGE, GUEST_READ);
	guest_map(&guest, 0x15000, 5 * PAGE, GUEST_RW);
	start(&guest, IOASID_MOCK_DMA_WRITE, 0x10800, 6 * PAGE - 0x800);
	ck_assert_int_eq(ok(ioasid_faultq_read(guest.faults, faults, 8)), 3);
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_uint_eq(faults[i].addr, 0x10000 + i * PAGE);
		ck_assert_uint_eq(faults[i].flags & IOASID_FAULT_STAGE2, 0);
		guest_map(&guest, faults[i].addr, (10 + i) * PAGE, GUEST_RW);
	}
	guest_answer(&guest, faults[0].id, IOASID_RESPONSE_SUCCESS);
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(guest.faults, faults, 8)), 1);
	ck_assert_uint_eq(faults[0].addr, 0x14000);
	guest_map(&guest, 0x14000, 4 * PAGE, GUEST_RW);
	guest_answer(&guest, faults[0].id, IOASID_RESPONSE_SUCCESS);
	finish(&guest, 0);
	ck_assert_uint_eq(guest_stats(&guest).requests, 4);
	ck_assert_uint_eq(guest_stats(&guest).groups, 2);
	guest_end(&guest);
}
END_TEST

START_TEST(a_group_ends_before_what_the_parent_lacks)
{
	struct guest_opts opts = guest_flavour(_i);
	struct ioasid_fault faults[8];
	struct guest guest;

	opts.faults = true;
	opts.device.group_pages = 8;
	guest_begin(&guest, &opts);
	guest_map(&guest, 0x12000, 2000 * PAGE, GUEST_RW);
	start(&guest, IOASID_MOCK_DMA_READ, 0x10000, 4 * PAGE);
	ck_assert_int_eq(ok(ioasid_faultq_read(guest.faults, faults, 8)), 2);
	ck_assert_uint_eq(faults[1].addr, 0x11000);
	guest_answer(&guest, faults[0].id, IOASID_RESPONSE_INVALID);
	finish(&guest, -EFAULT);
	guest_end(&guest);
}
END_TEST

START_TEST(pages_that_the_guest_touched_before_raise_no_page_request)
{
	const unsigned int pages = 32;
	struct guest_opts opts = guest_flavour(_i);
	struct guest guest;

	opts.faults = true;
	opts.device.group_pages = 4;
	guest_begin(&guest, &opts);
	/* the processor has the same table: it filled in what it touched, and tells nobody */
	for (unsigned int i = 0; i < pages; i++)
		guest_map(&guest, 0x400000 + i * PAGE, (100 + i) * PAGE, GUEST_RW);
	for (unsigned int i = 0; i < pages; i++)
		ck_assert_uint_eq(guest_page(&guest, 0x400000 + i * PAGE), 100 + i);
	ck_assert_uint_eq(guest_stats(&guest).requests, 0);
	start(&guest, IOASID_MOCK_DMA_READ, 0x400000 + pages * PAGE, 1);
	ck_assert_uint_eq(guest_stats(&guest).requests, 1);
	guest_answer(&guest, guest_next_fault(&guest).id, IOASID_RESPONSE_INVALID);
	finish(&guest, -EFAULT);
	guest_end(&guest);
}
END_TEST

/* The parent misses */

static void lend(struct guest *guest, uint64_t gpa, unsigned int page, uint32_t flags)
{
	ok(ioasid_space_map(guest->gpa, &(struct ioasid_map){.addr = guest->ram + page * PAGE,
						.length = PAGE,
						.iova = gpa,
						.flags = flags | IOASID_MAP_FIXED}));
}

START_TEST(a_page_that_the_parent_lacks_is_the_monitors_to_bring)
{
	struct guest_opts opts = guest_flavour(_i);
	struct ioasid_fault fault;
	struct guest guest;

	opts.faults = true;
	opts.device.group_pages = 8;
	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 2000 * PAGE, GUEST_RW);
	guest_map(&guest, 0x2000, 2001 * PAGE, GUEST_RW);
	start(&guest, IOASID_MOCK_DMA_READ, 0x1800, PAGE);
	for (unsigned int i = 0; i < 2; i++) {
		fault = guest_next_fault(&guest);
		/* one page, however many the device asks for at a time */
		ck_assert_uint_eq(
			fault.flags, IOASID_FAULT_READ | IOASID_FAULT_STAGE2 | IOASID_FAULT_LAST);
		ck_assert_uint_eq(fault.addr, 0x1000 + i * PAGE);
		ck_assert_uint_eq(fault.parent_addr, (2000 + i) * PAGE);
		ck_assert_uint_eq(fault.space, ioasid_space_id(guest.giova));
		ck_assert_uint_eq(transfer.dma.fault, IOASID_MOCK_FAULT_PARENT);
		lend(&guest, fault.parent_addr, 20 + i, IOASID_MAP_RW);
		guest_answer(&guest, fault.id, IOASID_RESPONSE_SUCCESS);
		ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 1 - (int)i);
	}
	finish(&guest, 0);
	ck_assert_mem_eq(transfer.bytes, guest.ram + 20 * PAGE + 0x800, PAGE);
	ck_assert(opts.format == ARM || guest_accessed(&guest, 0x1000));
	guest_end(&guest);
}
END_TEST

START_TEST(a_table_that_the_parent_lacks_is_brought_level_by_level)
{
	struct guest_opts opts = guest_flavour(_i);
	struct ioasid_fault fault;
	struct guest guest;

	opts.faults = true;
	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW);
	/* the four tables are where nothing is mapped any more */
	ok(ioasid_space_unmap(guest.gpa, 0, UINT64_MAX));
	lend(&guest, 5 * PAGE, 5, IOASID_MAP_RW);
	start(&guest, IOASID_MOCK_DMA_READ, 0x1234, 4);
	for (unsigned int i = 0; i < 4; i++) {
		fault = guest_next_fault(&guest);
		ck_assert_uint_eq(fault.addr, 0x1000);
		ck_assert_uint_eq(fault.flags & IOASID_FAULT_STAGE2, IOASID_FAULT_STAGE2);
		ck_assert_uint_eq(fault.parent_addr, guest.root + i * PAGE);
		lend(&guest, fault.parent_addr, (unsigned int)(fault.parent_addr / PAGE),
			IOASID_MAP_RW);
		guest_answer(&guest, fault.id, IOASID_RESPONSE_SUCCESS);
		ok(ioasid_mock_pump(guest.mock));
	}
	finish(&guest, 0);
	ck_assert_mem_eq(transfer.bytes, guest.ram + 5 * PAGE + 0x234, 4);
	guest_end(&guest);
}
END_TEST

START_TEST(a_write_to_what_the_parent_only_lets_read_is_the_monitors)
{
	struct guest_opts opts = guest_flavour(_i);
	struct ioasid_fault fault;
	struct guest guest;

	opts.faults = true;
	guest_begin(&guest, &opts);
	lend(&guest, 2000 * PAGE, 20, IOASID_MAP_READ);
	guest_map(&guest, 0x1000, 2000 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 20);
	start(&guest, IOASID_MOCK_DMA_WRITE, 0x1000, 4);
	fault = guest_next_fault(&guest);
	ck_assert_uint_eq(
		fault.flags, IOASID_FAULT_WRITE | IOASID_FAULT_STAGE2 | IOASID_FAULT_LAST);
	ck_assert_uint_eq(fault.parent_addr, 2000 * PAGE);
	/* nothing was written: so says the guest's table */
	ck_assert(opts.format == ARM || !guest_dirty(&guest, 0x1000));
	ok(ioasid_space_unmap(guest.gpa, 2000 * PAGE, PAGE));
	lend(&guest, 2000 * PAGE, 20, IOASID_MAP_RW);
	guest_answer(&guest, fault.id, IOASID_RESPONSE_SUCCESS);
	finish(&guest, 0);
	ck_assert_mem_eq(guest.ram + 20 * PAGE, transfer.bytes, 4);
	guest_end(&guest);
}
END_TEST

/* A table that the parent lets only be read: what is to be noted there cannot be. */
START_TEST(a_table_that_cannot_be_written_is_the_monitors)
{
	struct guest_opts opts = guest_flavour(_i);
	struct ioasid_fault fault;
	struct guest guest;

	if (opts.format == ARM)
		opts.table = IOASID_PGTABLE_HW_ACCESSED | IOASID_PGTABLE_HW_DIRTY;
	opts.faults = true;
	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW | GUEST_OLD);
	ok(ioasid_space_unmap(guest.gpa, 0, UINT64_MAX));
	lend(&guest, 5 * PAGE, 5, IOASID_MAP_RW);
	for (unsigned int i = 0; i < 4; i++)
		lend(&guest, guest.root + i * PAGE, DATA_PAGES + i,
			i == 3 ? IOASID_MAP_READ : IOASID_MAP_RW);
	start(&guest, IOASID_MOCK_DMA_READ, 0x1000, 4);
	fault = guest_next_fault(&guest);
	ck_assert_uint_eq(fault.parent_addr, guest.root + 3 * PAGE);
	ck_assert_uint_eq(fault.flags & IOASID_FAULT_STAGE2, IOASID_FAULT_STAGE2);
	guest_answer(&guest, fault.id, IOASID_RESPONSE_INVALID);
	finish(&guest, -EFAULT);
	ck_assert(!guest_accessed(&guest, 0x1000));
	guest_end(&guest);
}
END_TEST

START_TEST(without_a_queue_the_answer_is_invalid_at_once)
{
	struct guest_opts opts = guest_flavour(_i);
	unsigned char byte = 0;
	struct guest guest;

	opts.device.flags = IOASID_MOCK_DEVICE_PRI;
	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 2000 * PAGE, GUEST_RW);
	fails(-EFAULT, "reach nobody: INVALID", guest_read(&guest, 0x1000, &byte, 1));
	fails(-EFAULT, "reach nobody: INVALID", guest_read(&guest, 0x2000, &byte, 1));
	ck_assert_uint_eq(guest_stats(&guest).answers, 2);
	guest_end(&guest);
}
END_TEST

START_TEST(a_guest_that_never_brings_the_page_is_asked_so_often)
{
	struct guest_opts opts = guest_flavour(_i);
	struct guest guest;

	opts.faults = true;
	opts.device.retries = 2;
	guest_begin(&guest, &opts);
	start(&guest, IOASID_MOCK_DMA_READ, 0x1000, 1);
	for (int i = 0; i < 3; i++) {
		guest_answer(&guest, guest_next_fault(&guest).id, IOASID_RESPONSE_SUCCESS);
		ok(ioasid_mock_pump(guest.mock));
	}
	finish(&guest, -EFAULT);
	ck_assert_uint_eq(guest_stats(&guest).requests, 3);
	guest_end(&guest);
}
END_TEST

void add_nested_fault_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "fault");

	tcase_add_loop_test(tcase, a_page_that_the_guest_lacks_is_asked_for_at_the_devices_address,
		0, FLAVOURS);
	tcase_add_loop_test(tcase, the_kind_of_access_is_in_the_request, 0, FLAVOURS);
	tcase_add_loop_test(tcase, a_permission_that_the_guest_gives_is_enough, 0, FLAVOURS);
	tcase_add_test(tcase, a_clear_access_flag_is_the_guests_to_set_where_the_iommu_does_not);
	tcase_add_loop_test(
		tcase, a_group_has_the_pages_that_miss_in_the_guests_table, 0, FLAVOURS);
	tcase_add_loop_test(tcase, a_group_ends_before_what_the_parent_lacks, 0, FLAVOURS);
	tcase_add_loop_test(
		tcase, pages_that_the_guest_touched_before_raise_no_page_request, 0, FLAVOURS);
	tcase_add_loop_test(
		tcase, a_page_that_the_parent_lacks_is_the_monitors_to_bring, 0, FLAVOURS);
	tcase_add_loop_test(
		tcase, a_table_that_the_parent_lacks_is_brought_level_by_level, 0, FLAVOURS);
	tcase_add_loop_test(
		tcase, a_write_to_what_the_parent_only_lets_read_is_the_monitors, 0, FLAVOURS);
	tcase_add_loop_test(tcase, a_table_that_cannot_be_written_is_the_monitors, 0, FLAVOURS);
	tcase_add_loop_test(tcase, without_a_queue_the_answer_is_invalid_at_once, 0, FLAVOURS);
	tcase_add_loop_test(
		tcase, a_guest_that_never_brings_the_page_is_asked_so_often, 0, FLAVOURS);
}
