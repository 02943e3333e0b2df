/* SPDX-License-Identifier: MIT */
/*
 * Of the mock, PASID tables of guests, SMMUv3's and AMD's: each PASID by the page table that its
 * entry names, which tables are taken, and who is asked for what they miss. Entries that are kept
 * are mock-nested-pasid-cache.c.
 */
#include "pasidskit.h"
#include <unistd.h>

START_TEST(each_pasid_is_translated_by_its_own_table)
{
	const struct guest_opts opts = pasids_kind(_i);
	struct pasids p;

	pasids_begin(&p, &opts);
	pasids_set(&p, 1, 0x1000, 5);
	pasids_set(&p, 2, 0x1000, 6);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(pasids_page(&p, 1, 0x1000), 5);
		ck_assert_uint_eq(pasids_page(&p, 2, 0x1000), 6);
		ck_assert_uint_eq(pasids_fault(&p, 1, 0x2000, NULL), IOASID_MOCK_FAULT_TRANSLATION);
	}
	ck_assert_uint_eq(guest_stats(&p.guest).iotlb_entries, 2);
	pasids_end(&p);
}
END_TEST

/* Nothing translates them on the way: the table is of what travels. */
START_TEST(work_by_enqcmd_finds_its_pasid_in_the_table)
{
	struct guest_opts opts = pasids_kind(_i);
	struct ioasid_mock_dma dma;
	uint16_t page = 0;
	uint32_t wire = 0;
	struct pasids p;
	int vm;

	opts.device.flags |= IOASID_MOCK_DEVICE_ENQCMD;
	pasids_begin(&p, &opts);
	pasids_set(&p, 1, 0x1000, 5);
	vm = ok(ioasid_mock_vm_new(p.guest.mock));
	dma = guest_dma(IOASID_MOCK_DMA_READ, 0x1000, &page, sizeof(page));
	dma.pasid = 1;
	ok(ioasid_mock_enqcmd(p.guest.hw, vm, &dma));
	ck_assert_uint_eq(page, 5);
	dma.pasid = 3;
	ck_assert_int_eq(ioasid_mock_enqcmd(p.guest.hw, vm, &dma), -EFAULT);
	ck_assert_uint_eq(dma.fault, IOASID_MOCK_FAULT_PASID);
	ok(ioasid_mock_wire_pasid(p.guest.hw, 77, &wire));
	ck_assert_uint_eq(wire, 77);
	ok(ioasid_mock_wire_pasid(p.guest.hw, NOBODY, &wire));
	ck_assert_uint_eq(wire, NOBODY);
	fails(-ENODEV, "no space", ioasid_mock_wire_pasid(p.guest.hw, 0x100, &wire));
	close(vm);
	pasids_end(&p);
}
END_TEST

START_TEST(a_pasid_without_an_entry_ends_the_transfer)
{
	struct guest_opts opts = pasids_kind(_i);
	struct ioasid_mock_dma dma;
	struct pasids p;
	char byte;

	opts.faults = true;
	pasids_begin(&p, &opts);
	dma = guest_dma(IOASID_MOCK_DMA_READ, 0x1000, &byte, 1);
	dma.pasid = 3;
	fails(-EFAULT, "PASID table has no entry", ioasid_mock_dma(p.guest.hw, &dma));
	ck_assert_uint_eq(dma.fault, IOASID_MOCK_FAULT_PASID);
	/* beyond what the table has */
	ck_assert_uint_eq(pasids_fault(&p, 200, 0x1000, NULL), IOASID_MOCK_FAULT_PASID);
	*guest_pasid(&p.guest, 3) = opts.format == ARM ? UINT64_C(1) << 31 : 0xff1;
	fails(-EFAULT, "PASID table is malformed", ioasid_mock_dma(p.guest.hw, &dma));
	ck_assert_uint_eq(dma.fault, IOASID_MOCK_FAULT_CONTEXT);
	ck_assert_uint_eq(guest_stats(&p.guest).groups, 0);
	/* neither was kept */
	guest_set_pasid(&p.guest, 3, p.root[2]);
	pasids_set(&p, 2, 0x1000, 7);
	ck_assert_uint_eq(pasids_page(&p, 3, 0x1000), 7);
	pasids_end(&p);
}
END_TEST

START_TEST(accesses_without_a_pasid_go_as_the_devices_entry_says)
{
	const struct guest_opts opts = pasids_kind(_i);
	struct pasids p;

	pasids_begin(&p, &opts);
	pasids_set(&p, 1, 0x1000, 5);
	guest_set_pasid(&p.guest, 0, p.root[1]);
	/* AMD's addresses are the parent's, SMMUv3 lets none pass */
	if (opts.format == ARM) {
		ck_assert_uint_eq(pasids_fault(&p, NOBODY, 0x1000, NULL), IOASID_MOCK_FAULT_PASID);
		ok(ioasid_space_unbind_pasid_table(p.guest.giova));
		p.table.words[1] = 1;
		ok(ioasid_space_bind_pasid_table(p.guest.giova, &p.table));
	}
	ck_assert_uint_eq(pasids_page(&p, NOBODY, 0x3000), 3);
	ck_assert_uint_eq(pasids_page(&p, NOBODY, 0x3000), 3);
	ck_assert_uint_eq(
		pasids_fault(&p, NOBODY, RAM_PAGES * PAGE, NULL), IOASID_MOCK_FAULT_PARENT);
	/* and both have a way to take the first entry */
	ok(ioasid_space_unbind_pasid_table(p.guest.giova));
	if (opts.format == ARM)
		p.table.words[1] = 2;
	else
		p.table.words[0] |= UINT64_C(1) << 54;
	ok(ioasid_space_bind_pasid_table(p.guest.giova, &p.table));
	ck_assert_uint_eq(pasids_page(&p, NOBODY, 0x1000), 5);
	ck_assert_uint_eq(pasids_fault(&p, NOBODY, 0x3000, NULL), IOASID_MOCK_FAULT_TRANSLATION);
	pasids_end(&p);
}
END_TEST

START_TEST(a_look_is_told_the_pasid)
{
	const struct guest_opts opts = pasids_kind(_i);
	struct ioasid_mock_translation look = {
		.pasid = 2, .iova = 0x1234, .access = IOASID_FAULT_READ};
	struct pasids p;

	pasids_begin(&p, &opts);
	pasids_set(&p, 2, 0x1000, 6);
	ok(ioasid_mock_translate(p.guest.hw, &look));
	ck_assert_uint_eq(look.fault, IOASID_MOCK_FAULT_NONE);
	ck_assert_uint_eq(look.parent_addr, 6 * PAGE + 0x234);
	ck_assert_ptr_eq(look.host, p.guest.ram + 6 * PAGE + 0x234);
	look.pasid = 7;
	ok(ioasid_mock_translate(p.guest.hw, &look));
	ck_assert_uint_eq(look.fault, IOASID_MOCK_FAULT_PASID);
	ck_assert_uint_eq(guest_stats(&p.guest).pasid_reads, 0);
	pasids_end(&p);
}
END_TEST

/* Work that a process of the guest submits carries its PASID, which no route has. */
START_TEST(work_by_enqcmd_goes_by_the_pasid_table)
{
	struct guest_opts opts = pasids_kind(_i);
	struct ioasid_mock_dma dma;
	struct pasids p;
	uint16_t number = 0;
	int vm;

	opts.device.flags = IOASID_MOCK_DEVICE_ENQCMD;
	pasids_begin(&p, &opts);
	pasids_set(&p, 2, 0x1000, 6);
	vm = ok(ioasid_mock_vm_new(p.guest.mock));
	dma = guest_dma(IOASID_MOCK_DMA_READ, 0x1000, &number, sizeof(number));
	dma.pasid = 2;
	ok(ioasid_mock_enqcmd(p.guest.hw, vm, &dma));
	ck_assert_uint_eq(number, 6);
	dma.pasid = 3;
	fails(-EFAULT, "PASID table has no entry", ioasid_mock_enqcmd(p.guest.hw, vm, &dma));
	close(vm);
	pasids_end(&p);
}
END_TEST

/* A table may have entries for more PASIDs than the device. */
START_TEST(a_device_has_no_pasids_beyond_its_bits)
{
	struct guest_opts opts = pasids_kind(_i);
	struct ioasid_mock_translation look = {.pasid = 4, .iova = 0x1000};
	struct ioasid_mock_dma dma;
	struct pasids p;
	char byte;
	int vm;

	opts.device.flags = IOASID_MOCK_DEVICE_ENQCMD;
	opts.device.pasid_bits = 2;
	pasids_begin(&p, &opts);
	guest_set_pasid(&p.guest, 3, p.root[1]);
	guest_set_pasid(&p.guest, 4, p.root[1]);
	pasids_set(&p, 1, 0x1000, 6);
	vm = ok(ioasid_mock_vm_new(p.guest.mock));
	dma = guest_dma(IOASID_MOCK_DMA_READ, 0x1000, &byte, 1);
	dma.pasid = 3;
	ok(ioasid_mock_enqcmd(p.guest.hw, vm, &dma));
	dma.pasid = 4;
	fails(-EFAULT, "on the wire", ioasid_mock_enqcmd(p.guest.hw, vm, &dma));
	ck_assert_uint_eq(dma.fault, IOASID_MOCK_FAULT_PASID);
	fails(-ENODEV, "PASID 0x4", ioasid_mock_translate(p.guest.hw, &look));
	look.pasid = 3;
	ok(ioasid_mock_translate(p.guest.hw, &look));
	ck_assert_uint_eq(look.fault, IOASID_MOCK_FAULT_NONE);
	close(vm);
	pasids_end(&p);
}
END_TEST

START_TEST(a_device_without_pasids_has_not_even_the_first)
{
	struct ioasid_mock_translation look = {.pasid = 0, .iova = 0x1000};
	struct guest_opts opts = pasids_kind(_i);
	struct pasids p;
	uint32_t wire;

	opts.device.pasid_bits = 0;
	pasids_begin(&p, &opts);
	guest_set_pasid(&p.guest, 0, p.root[1]);
	pasids_set(&p, 1, 0x1000, 6);
	fails(-ENODEV, "PASID 0x0", ioasid_mock_translate(p.guest.hw, &look));
	fails(-ENODEV, "PASID 0x0", ioasid_mock_wire_pasid(p.guest.hw, 0, &wire));
	pasids_end(&p);
}
END_TEST

/* Binding */

START_TEST(a_pasid_table_that_an_iommu_does_not_take_is_refused_by_name)
{
	struct guest_opts opts = pasids_kind(_i);
	struct guest guest;
	struct ioasid_pgtable table;

	opts.iommu.pgtable_formats = 1u << VTD;
	guest_begin(&guest, &opts);
	table = guest_new_pasids(&guest);
	fails(-EOPNOTSUPP, "IOMMU 0 takes no page tables of format",
		ioasid_space_bind_pasid_table(guest.giova, &table));
	guest_end(&guest);
	opts.iommu.pgtable_formats = ALL_FORMATS;
	guest_begin(&guest, &opts);
	table = guest_new_pasids(&guest);
	table.words[0] &= ~UINT64_C(1);
	fails(-EINVAL, opts.format == ARM ? "stream table entry" : "device table entry",
		ioasid_space_bind_pasid_table(guest.giova, &table));
	table = guest_new_pasids(&guest);
	/* page tables of five levels */
	table.words[2] = UINT64_C(1) << 54;
	if (opts.format == AMD)
		fails(-EOPNOTSUPP, "48 bits by guests' tables, not 57",
			ioasid_space_bind_pasid_table(guest.giova, &table));
	guest_end(&guest);
}
END_TEST

START_TEST(an_unbind_leaves_the_space_empty)
{
	const struct guest_opts opts = pasids_kind(_i);
	struct pasids p;
	char byte;
	struct ioasid_mock_dma dma = guest_dma(IOASID_MOCK_DMA_READ, 0x1000, &byte, 1);

	pasids_begin(&p, &opts);
	pasids_set(&p, 1, 0x1000, 5);
	ck_assert_uint_eq(pasids_page(&p, 1, 0x1000), 5);
	ok(ioasid_space_unbind_pasid_table(p.guest.giova));
	ck_assert_uint_eq(guest_stats(&p.guest).iotlb_entries, 0);
	ck_assert_uint_eq(pasids_fault(&p, NOBODY, 0x1000, NULL), IOASID_MOCK_FAULT_TRANSLATION);
	dma.pasid = 1;
	fails(-ENODEV, "leads to no space", ioasid_mock_dma(p.guest.hw, &dma));
	/* another table begins with nothing kept */
	guest_set_pasid(&p.guest, 1, p.root[2]);
	pasids_set(&p, 2, 0x1000, 6);
	ok(ioasid_space_bind_pasid_table(p.guest.giova, &p.table));
	ck_assert_uint_eq(pasids_page(&p, 1, 0x1000), 6);
	pasids_end(&p);
}
END_TEST

/* Page requests */

struct waiting {
	struct ioasid_mock_dma dma;
	unsigned char byte;
};

static struct waiting waiting[3];

static void start(struct pasids *p, unsigned int i, uint32_t pasid, uint64_t iova)
{
	waiting[i].dma = guest_dma(IOASID_MOCK_DMA_READ, iova, &waiting[i].byte, 1);
	waiting[i].dma.pasid = pasid;
	ok(ioasid_mock_dma_start(p->guest.hw, &waiting[i].dma));
	ok(ioasid_mock_pump(p->guest.mock));
	ck_assert_int_eq(waiting[i].dma.status, -EINPROGRESS);
}

START_TEST(a_pasid_without_a_route_of_its_own_asks_by_the_default_one)
{
	struct guest_opts opts = pasids_kind(_i);
	struct ioasid_fault fault;
	struct pasids p;

	opts.faults = true;
	pasids_begin(&p, &opts);
	start(&p, 0, 2, 0x1000);
	fault = guest_next_fault(&p.guest);
	ck_assert_uint_eq(fault.space, ioasid_space_id(p.guest.giova));
	ck_assert_uint_eq(fault.pasid, 2);
	ck_assert_uint_eq(
		fault.flags, IOASID_FAULT_READ | IOASID_FAULT_PASID_VALID | IOASID_FAULT_LAST);
	pasids_set(&p, 2, 0x1000, 6);
	guest_answer(&p.guest, fault.id, IOASID_RESPONSE_SUCCESS);
	ck_assert_int_eq(ok(ioasid_mock_pump(p.guest.mock)), 0);
	ck_assert_int_eq(waiting[0].dma.status, 0);
	pasids_end(&p);
}
END_TEST

START_TEST(a_pasid_table_that_the_parent_lacks_is_the_monitors_to_bring)
{
	struct guest_opts opts = pasids_kind(_i);
	struct ioasid_fault fault;
	struct pasids p;

	opts.faults = true;
	pasids_begin(&p, &opts);
	pasids_set(&p, 1, 0x1000, 6);
	ok(ioasid_space_unmap(p.guest.gpa, 0, UINT64_MAX));
	start(&p, 0, 1, 0x1000);
	fault = guest_next_fault(&p.guest);
	ck_assert_uint_eq(fault.flags & IOASID_FAULT_STAGE2, IOASID_FAULT_STAGE2);
	ck_assert_uint_eq(fault.addr, 0x1000);
	ck_assert_uint_eq(fault.parent_addr, p.guest.pasids);
	ck_assert_uint_eq(fault.pasid, 1);
	ok(ioasid_space_map(p.guest.gpa, &(struct ioasid_map){.addr = p.guest.ram,
						 .length = RAM_PAGES * PAGE,
						 .flags = IOASID_MAP_RW | IOASID_MAP_FIXED}));
	guest_answer(&p.guest, fault.id, IOASID_RESPONSE_SUCCESS);
	ck_assert_int_eq(ok(ioasid_mock_pump(p.guest.mock)), 0);
	ck_assert_int_eq(waiting[0].dma.status, 0);
	pasids_end(&p);
}
END_TEST

static void unbind(struct pasids *p)
{
	ok(ioasid_space_unbind_pasid_table(p->guest.giova));
}

static void detach(struct pasids *p)
{
	ok(ioasid_attachment_detach(p->guest.to_giova));
	p->guest.to_giova = NULL;
}

static void close_all(struct pasids *p)
{
	ioasid_close(p->guest.ctx);
	p->guest.ctx = NULL;
	ok(ioasid_attachment_detach(p->guest.to_giova));
	ok(ioasid_attachment_detach(p->guest.to_gpa));
}

static void (*const ends[])(struct pasids *p) = {unbind, detach, close_all};

START_TEST(what_any_pasid_waits_for_is_answered_when_the_table_goes)
{
	struct guest_opts opts = pasids_kind(_i % PASIDS_KINDS);
	struct ioasid_fault faults[4];
	struct pasids p;

	opts.faults = true;
	pasids_begin(&p, &opts);
	if (opts.format == AMD)
		guest_set_pasid(&p.guest, 3, p.root[2]);
	for (uint32_t i = 0; i < 3; i++)
		start(&p, i, i == 2 && opts.format == AMD ? 3 : i % 2 + 1, (i + 1) * PAGE);
	ck_assert_int_eq(ok(ioasid_faultq_read(p.guest.faults, faults, 2)), 2);
	ends[_i / PASIDS_KINDS](&p);
	ck_assert_int_eq(ok(ioasid_mock_pump(p.guest.mock)), 0);
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_int_eq(waiting[i].dma.status, -EFAULT);
	ck_assert_uint_eq(guest_stats(&p.guest).unanswered, 0);
	/* those that were read are taken back, the third is never shown */
	if (p.guest.ctx) {
		ck_assert_int_eq(ok(ioasid_faultq_read(p.guest.faults, faults, 4)), 2);
		for (int i = 0; i < 2; i++)
			ck_assert_uint_eq(
				faults[i].flags & IOASID_FAULT_CANCELLED, IOASID_FAULT_CANCELLED);
	}
	pasids_end(&p);
}
END_TEST

void add_nested_pasid_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "pasid");

	tcase_add_loop_test(tcase, each_pasid_is_translated_by_its_own_table, 0, PASIDS_KINDS);
	tcase_add_loop_test(tcase, work_by_enqcmd_finds_its_pasid_in_the_table, 0, PASIDS_KINDS);
	tcase_add_loop_test(tcase, a_pasid_without_an_entry_ends_the_transfer, 0, PASIDS_KINDS);
	tcase_add_loop_test(
		tcase, accesses_without_a_pasid_go_as_the_devices_entry_says, 0, PASIDS_KINDS);
	tcase_add_loop_test(tcase, a_look_is_told_the_pasid, 0, PASIDS_KINDS);
	tcase_add_loop_test(tcase, work_by_enqcmd_goes_by_the_pasid_table, 0, PASIDS_KINDS);
	tcase_add_loop_test(tcase, a_device_has_no_pasids_beyond_its_bits, 0, PASIDS_KINDS);
	tcase_add_loop_test(tcase, a_device_without_pasids_has_not_even_the_first, 0, PASIDS_KINDS);
	tcase_add_loop_test(tcase, a_pasid_table_that_an_iommu_does_not_take_is_refused_by_name, 0,
		PASIDS_KINDS);
	tcase_add_loop_test(tcase, an_unbind_leaves_the_space_empty, 0, PASIDS_KINDS);
	tcase_add_loop_test(
		tcase, a_pasid_without_a_route_of_its_own_asks_by_the_default_one, 0, PASIDS_KINDS);
	tcase_add_loop_test(tcase, a_pasid_table_that_the_parent_lacks_is_the_monitors_to_bring, 0,
		PASIDS_KINDS);
	tcase_add_loop_test(tcase, what_any_pasid_waits_for_is_answered_when_the_table_goes, 0,
		3 * PASIDS_KINDS);
}
