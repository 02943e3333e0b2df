/* SPDX-License-Identifier: MIT */
/*
 * Of the mock, PASID tables of guests, SMMUv3's and AMD's: each PASID by the page table that its
 * entry names, entries that are kept until the guest says they changed, and who is asked for what
 * they miss.
 */
#include "nestedkit.h"
#include <unistd.h>

/* A guest with a PASID table, and page tables of two PASIDs. */
struct pasids {
	struct guest guest;
	struct ioasid_pgtable table;
	uint64_t root[3];
};

#define KINDS 8 /* SMMUv3 and AMD, on each kind of platform */

static struct guest_opts kind(int i)
{
	struct guest_opts opts = guest_flavour(i / 2 * 3 + 1 + i % 2);

	opts.unbound = true;
	opts.device.pasid_bits = 8;
	return opts;
}

static void pasids_begin(struct pasids *p, const struct guest_opts *opts)
{
	guest_begin(&p->guest, opts);
	p->table = guest_new_pasids(&p->guest);
	for (uint32_t i = 1; i < 3; i++) {
		p->root[i] = guest_new_table(&p->guest);
		guest_set_pasid(&p->guest, i, p->root[i]);
	}
	ok(ioasid_space_bind_pasid_table(p->guest.giova, &p->table));
}

static void pasids_end(struct pasids *p)
{
	guest_end(&p->guest);
}

/* PASID 1 or 2 has this page at that address. */
static void set(struct pasids *p, uint32_t pasid, uint64_t iova, unsigned int page)
{
	guest_map_at(&p->guest, p->root[pasid], iova, page * PAGE, GUEST_RW, 12);
}

/* What an access ends with, and the page that it found. */
static uint32_t fault(struct pasids *p, uint32_t pasid, uint64_t iova, unsigned int *page)
{
	uint16_t number = 0;
	struct ioasid_mock_dma dma = guest_dma(IOASID_MOCK_DMA_READ, iova, &number, sizeof(number));

	dma.pasid = pasid;
	ck_assert_int_eq(ioasid_mock_dma(p->guest.hw, &dma), dma.fault ? -EFAULT : 0);
	if (page)
		*page = number;
	return dma.fault;
}

static unsigned int page_of(struct pasids *p, uint32_t pasid, uint64_t iova)
{
	unsigned int page;

	ck_assert_uint_eq(fault(p, pasid, iova, &page), IOASID_MOCK_FAULT_NONE);
	return page;
}

static void invalidate(struct pasids *p, uint32_t what, uint32_t pasid, uint64_t addr)
{
	struct ioasid_invalidation one = {.what = what,
		.addr = addr,
		.length = what == IOASID_INVALIDATE_RANGE ? PAGE : 0,
		.pasid = pasid};

	if (what == IOASID_INVALIDATE_DEVICE)
		one.device = p->guest.device;
	ck_assert_int_eq(ok(ioasid_space_invalidate(p->guest.giova, &one, 1)), 1);
}

START_TEST(each_pasid_is_translated_by_its_own_table)
{
	const struct guest_opts opts = kind(_i);
	struct pasids p;

	pasids_begin(&p, &opts);
	set(&p, 1, 0x1000, 5);
	set(&p, 2, 0x1000, 6);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(page_of(&p, 1, 0x1000), 5);
		ck_assert_uint_eq(page_of(&p, 2, 0x1000), 6);
		ck_assert_uint_eq(fault(&p, 1, 0x2000, NULL), IOASID_MOCK_FAULT_TRANSLATION);
	}
	ck_assert_uint_eq(guest_stats(&p.guest).iotlb_entries, 2);
	pasids_end(&p);
}
END_TEST

/* Nothing translates them on the way: the table is of what travels. */
START_TEST(work_by_enqcmd_finds_its_pasid_in_the_table)
{
	struct guest_opts opts = kind(_i);
	struct ioasid_mock_dma dma;
	uint16_t page = 0;
	uint32_t wire = 0;
	struct pasids p;
	int vm;

	opts.device.flags |= IOASID_MOCK_DEVICE_ENQCMD;
	pasids_begin(&p, &opts);
	set(&p, 1, 0x1000, 5);
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
	struct guest_opts opts = kind(_i);
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
	ck_assert_uint_eq(fault(&p, 200, 0x1000, NULL), IOASID_MOCK_FAULT_PASID);
	*guest_pasid(&p.guest, 3) = opts.format == ARM ? UINT64_C(1) << 31 : 0xff1;
	fails(-EFAULT, "PASID table is malformed", ioasid_mock_dma(p.guest.hw, &dma));
	ck_assert_uint_eq(dma.fault, IOASID_MOCK_FAULT_CONTEXT);
	ck_assert_uint_eq(guest_stats(&p.guest).groups, 0);
	/* neither was kept */
	guest_set_pasid(&p.guest, 3, p.root[2]);
	set(&p, 2, 0x1000, 7);
	ck_assert_uint_eq(page_of(&p, 3, 0x1000), 7);
	pasids_end(&p);
}
END_TEST

START_TEST(accesses_without_a_pasid_go_as_the_devices_entry_says)
{
	const struct guest_opts opts = kind(_i);
	struct pasids p;

	pasids_begin(&p, &opts);
	set(&p, 1, 0x1000, 5);
	guest_set_pasid(&p.guest, 0, p.root[1]);
	/* AMD's addresses are the parent's, SMMUv3 lets none pass */
	if (opts.format == ARM) {
		ck_assert_uint_eq(fault(&p, NOBODY, 0x1000, NULL), IOASID_MOCK_FAULT_PASID);
		ok(ioasid_space_unbind_pasid_table(p.guest.giova));
		p.table.words[1] = 1;
		ok(ioasid_space_bind_pasid_table(p.guest.giova, &p.table));
	}
	ck_assert_uint_eq(page_of(&p, NOBODY, 0x3000), 3);
	ck_assert_uint_eq(page_of(&p, NOBODY, 0x3000), 3);
	ck_assert_uint_eq(fault(&p, NOBODY, RAM_PAGES * PAGE, NULL), IOASID_MOCK_FAULT_PARENT);
	/* and both have a way to take the first entry */
	ok(ioasid_space_unbind_pasid_table(p.guest.giova));
	if (opts.format == ARM)
		p.table.words[1] = 2;
	else
		p.table.words[0] |= UINT64_C(1) << 54;
	ok(ioasid_space_bind_pasid_table(p.guest.giova, &p.table));
	ck_assert_uint_eq(page_of(&p, NOBODY, 0x1000), 5);
	ck_assert_uint_eq(fault(&p, NOBODY, 0x3000, NULL), IOASID_MOCK_FAULT_TRANSLATION);
	pasids_end(&p);
}
END_TEST

/* The cache of entries */

START_TEST(an_entry_is_read_once_and_kept)
{
	const struct guest_opts opts = kind(_i);
	struct pasids p;

	pasids_begin(&p, &opts);
	for (unsigned int i = 1; i < 9; i++) {
		set(&p, 1, i * PAGE, 10 + i);
		ck_assert_uint_eq(page_of(&p, 1, i * PAGE), 10 + i);
	}
	ck_assert_uint_eq(guest_stats(&p.guest).pasid_reads, 1);
	set(&p, 2, 0x1000, 30);
	ck_assert_uint_eq(page_of(&p, 2, 0x1000), 30);
	ck_assert_uint_eq(guest_stats(&p.guest).pasid_reads, 2);
	pasids_end(&p);
}
END_TEST

/* PASID 1 gets the table of PASID 2, which has other pages. */
static void change_entry(struct pasids *p)
{
	for (unsigned int i = 1; i < 4; i++) {
		set(p, 1, i * PAGE, 10 + i);
		set(p, 2, i * PAGE, 20 + i);
	}
	ck_assert_uint_eq(page_of(p, 1, 0x1000), 11);
	ck_assert_uint_eq(page_of(p, 2, 0x1000), 21);
	guest_set_pasid(&p->guest, 1, p->root[2]);
	/* neither what was translated nor, for other pages, the entry is new */
	ck_assert_uint_eq(page_of(p, 1, 0x1000), 11);
	ck_assert_uint_eq(page_of(p, 1, 0x2000), 12);
}

static const uint32_t forgets_entries[] = {
	IOASID_INVALIDATE_PASID, IOASID_INVALIDATE_SPACE, IOASID_INVALIDATE_DEVICE};

START_TEST(a_changed_entry_is_seen_once_it_is_invalidated)
{
	struct guest_opts opts = kind(_i % KINDS);
	uint32_t what = forgets_entries[_i / KINDS % 3];
	struct pasids p;

	if (_i / KINDS > 2)
		opts.device.flags = IOASID_MOCK_DEVICE_ATS;
	pasids_begin(&p, &opts);
	change_entry(&p);
	/* that of another PASID, or addresses, do not help */
	invalidate(&p, IOASID_INVALIDATE_PASID, 2, 0);
	invalidate(&p, IOASID_INVALIDATE_PASID, NOBODY, 0);
	ck_assert_uint_eq(page_of(&p, 1, 0x1000), 11);
	invalidate(&p, IOASID_INVALIDATE_RANGE, 1, 0x1000);
	ck_assert_uint_eq(page_of(&p, 1, 0x1000), 11);
	ck_assert_uint_eq(page_of(&p, 1, 0x3000), 13);
	invalidate(&p, what, what == IOASID_INVALIDATE_PASID ? 1 : 0, 0);
	for (unsigned int i = 1; i < 4; i++)
		ck_assert_uint_eq(page_of(&p, 1, i * PAGE), 20 + i);
	pasids_end(&p);
}
END_TEST

START_TEST(an_entry_that_is_gone_is_used_until_then)
{
	const struct guest_opts opts = kind(_i);
	struct pasids p;

	pasids_begin(&p, &opts);
	set(&p, 1, 0x1000, 5);
	set(&p, 1, 0x2000, 6);
	ck_assert_uint_eq(page_of(&p, 1, 0x1000), 5);
	guest_set_pasid(&p.guest, 1, 0);
	ck_assert_uint_eq(page_of(&p, 1, 0x1000), 5);
	ck_assert_uint_eq(page_of(&p, 1, 0x2000), 6);
	invalidate(&p, IOASID_INVALIDATE_PASID, 1, 0);
	ck_assert_uint_eq(fault(&p, 1, 0x1000, NULL), IOASID_MOCK_FAULT_PASID);
	/* and one that was not there needs nothing */
	guest_set_pasid(&p.guest, 1, p.root[1]);
	ck_assert_uint_eq(page_of(&p, 1, 0x1000), 5);
	pasids_end(&p);
}
END_TEST

START_TEST(addresses_are_invalidated_for_one_pasid)
{
	const struct guest_opts opts = kind(_i);
	struct pasids p;

	pasids_begin(&p, &opts);
	for (uint32_t pasid = 1; pasid < 3; pasid++) {
		set(&p, pasid, 0x1000, 10 * pasid);
		set(&p, pasid, 0x2000, 10 * pasid + 1);
		ck_assert_uint_eq(page_of(&p, pasid, 0x1000), 10 * pasid);
		ck_assert_uint_eq(page_of(&p, pasid, 0x2000), 10 * pasid + 1);
		set(&p, pasid, 0x1000, 10 * pasid + 5);
		set(&p, pasid, 0x2000, 10 * pasid + 6);
	}
	invalidate(&p, IOASID_INVALIDATE_RANGE, 2, 0x1000);
	ck_assert_uint_eq(page_of(&p, 1, 0x1000), 10);
	ck_assert_uint_eq(page_of(&p, 2, 0x1000), 25);
	ck_assert_uint_eq(page_of(&p, 2, 0x2000), 21);
	invalidate(&p, IOASID_INVALIDATE_PASID, 1, 0);
	ck_assert_uint_eq(page_of(&p, 1, 0x1000), 15);
	ck_assert_uint_eq(page_of(&p, 1, 0x2000), 16);
	ck_assert_uint_eq(page_of(&p, 2, 0x2000), 21);
	pasids_end(&p);
}
END_TEST

START_TEST(more_pasids_than_are_kept_are_read_again)
{
	const struct guest_opts opts = kind(_i);
	struct pasids p;

	/* 64 entries are kept: of AMD's 512 PASIDs two share a place */
	if (opts.format == ARM)
		return;
	pasids_begin(&p, &opts);
	guest_set_pasid(&p.guest, 65, p.root[2]);
	for (unsigned int i = 0; i < 4; i++) {
		set(&p, 1, i * PAGE, 10 + i);
		set(&p, 2, i * PAGE, 20 + i);
		ck_assert_uint_eq(page_of(&p, 1, i * PAGE), 10 + i);
		ck_assert_uint_eq(page_of(&p, 65, i * PAGE), 20 + i);
	}
	ck_assert_uint_eq(guest_stats(&p.guest).pasid_reads, 8);
	pasids_end(&p);
}
END_TEST

START_TEST(a_top_byte_that_does_not_matter_is_in_no_cache)
{
	const uint64_t tag = UINT64_C(0x5a) << 56;
	struct guest_opts opts = kind(_i * 2);
	struct pasids p;

	opts.device.flags = IOASID_MOCK_DEVICE_ATS;
	pasids_begin(&p, &opts);
	set(&p, 1, 0x1000, 5);
	set(&p, 2, 0x1000, 6);
	/* TBI0 of the first, not of the second */
	*guest_pasid(&p.guest, 1) |= UINT64_C(1) << 38;
	ck_assert_uint_eq(page_of(&p, 1, tag | 0x1000), 5);
	ck_assert_uint_eq(page_of(&p, 1, 0x1000), 5);
	ck_assert_uint_eq(page_of(&p, 1, (UINT64_C(0x25) << 56) | 0x1000), 5);
	ck_assert_uint_eq(guest_stats(&p.guest).device_tlb_hits, 2);
	ck_assert_uint_eq(page_of(&p, 2, 0x1000), 6);
	ck_assert_uint_eq(fault(&p, 2, tag | 0x1000, NULL), IOASID_MOCK_FAULT_TRANSLATION);
	ck_assert_uint_eq(guest_stats(&p.guest).device_tlb_entries, 2);
	/* one address is invalidated, whatever it is written like */
	set(&p, 1, 0x1000, 7);
	ck_assert_uint_eq(page_of(&p, 1, 0x1000), 5);
	invalidate(&p, IOASID_INVALIDATE_RANGE, 1, tag | 0x1000);
	ck_assert_uint_eq(page_of(&p, 1, 0x1000), 7);
	ck_assert_uint_eq(page_of(&p, 1, tag | 0x1000), 7);
	pasids_end(&p);
}
END_TEST

/* With a top byte that does not matter, high addresses are among those below 2^56 too. */
START_TEST(a_range_over_both_halves_reaches_the_high_one)
{
	const uint64_t high = UINT64_C(0xfffffffff000), size = UINT64_C(1) << 56;
	struct guest_opts opts = kind(_i * 2);
	struct ioasid_invalidation all = {
		.what = IOASID_INVALIDATE_RANGE, .length = size, .pasid = 1};
	uint64_t *entry;
	struct pasids p;

	opts.device.flags = IOASID_MOCK_DEVICE_ATS;
	pasids_begin(&p, &opts);
	set(&p, 1, high, 5);
	/* TTB1 instead of TTB0: T1SZ 16, TG1 of 4 KiB, TBI1 */
	entry = guest_pasid(&p.guest, 1);
	entry[2] = p.root[1];
	entry[0] = (entry[0] & ~(UINT64_C(1) << 30)) | UINT64_C(16) << 16 | UINT64_C(2) << 22 |
		   UINT64_C(1) << 39;
	ck_assert_uint_eq(page_of(&p, 1, size - PAGE), 5);
	set(&p, 1, high, 6);
	ck_assert_uint_eq(page_of(&p, 1, UINT64_MAX & ~(PAGE - 1)), 5);
	ck_assert_int_eq(ok(ioasid_space_invalidate(p.guest.giova, &all, 1)), 1);
	ck_assert_uint_eq(page_of(&p, 1, size - PAGE), 6);
	pasids_end(&p);
}
END_TEST

/* Each address of a half is in such a range, if not as it was cached, then with another top byte.
 */
START_TEST(a_range_that_ends_in_the_other_half_is_of_all_addresses)
{
	struct guest_opts opts = kind(_i * 2);
	struct ioasid_invalidation most = {.what = IOASID_INVALIDATE_RANGE,
		.addr = 0x2000,
		.length = UINT64_MAX - 0x2fff,
		.pasid = 1};
	struct pasids p;

	opts.device.flags = IOASID_MOCK_DEVICE_ATS;
	pasids_begin(&p, &opts);
	*guest_pasid(&p.guest, 1) |= UINT64_C(1) << 38; /* TBI0 */
	set(&p, 1, 0x1000, 5);
	ck_assert_uint_eq(page_of(&p, 1, (UINT64_C(1) << 56) | 0x1000), 5);
	set(&p, 1, 0x1000, 6);
	ck_assert_int_eq(ok(ioasid_space_invalidate(p.guest.giova, &most, 1)), 1);
	ck_assert_uint_eq(page_of(&p, 1, (UINT64_C(1) << 56) | 0x1000), 6);
	pasids_end(&p);
}
END_TEST

START_TEST(a_look_is_told_the_pasid)
{
	const struct guest_opts opts = kind(_i);
	struct ioasid_mock_translation look = {
		.pasid = 2, .iova = 0x1234, .access = IOASID_FAULT_READ};
	struct pasids p;

	pasids_begin(&p, &opts);
	set(&p, 2, 0x1000, 6);
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

/* Stale uses */

START_TEST(the_use_of_a_stale_entry_is_noted)
{
	struct guest_opts opts = kind(_i);
	struct ioasid_mock_stale stale[3];
	struct pasids p;

	opts.platform |= IOASID_MOCK_CHECK_STALE;
	pasids_begin(&p, &opts);
	set(&p, 1, 0x1000, 11);
	set(&p, 1, 0x2000, 12);
	set(&p, 2, 0x2000, 22);
	ck_assert_uint_eq(page_of(&p, 1, 0x1000), 11);
	ck_assert_int_eq(ok(ioasid_mock_stale_read(p.guest.mock, stale, 3)), 0);
	guest_set_pasid(&p.guest, 1, p.root[2]);
	ck_assert_uint_eq(page_of(&p, 1, 0x2000), 12);
	ck_assert_int_eq(ok(ioasid_mock_stale_read(p.guest.mock, stale, 3)), 1);
	ck_assert_uint_eq(stale->cache, IOASID_MOCK_STALE_PASID_CACHE);
	ck_assert_uint_eq(stale->pasid, 1);
	ck_assert_uint_eq(stale->label, LABEL);
	ck_assert_uint_eq(stale->addr, 0x2000);
	ck_assert_uint_eq(stale->space, ioasid_space_id(p.guest.giova));
	/* what it led to is stale in turn */
	ck_assert_uint_eq(page_of(&p, 1, 0x2000), 12);
	ck_assert_int_eq(ok(ioasid_mock_stale_read(p.guest.mock, stale, 3)), 1);
	ck_assert_uint_eq(stale->cache, IOASID_MOCK_STALE_IOTLB);
	ck_assert_uint_eq(stale->pasid, 1);
	invalidate(&p, IOASID_INVALIDATE_PASID, 1, 0);
	ck_assert_uint_eq(page_of(&p, 1, 0x2000), 22);
	ck_assert_uint_eq(page_of(&p, 1, 0x2000), 22);
	ck_assert_int_eq(ok(ioasid_mock_stale_read(p.guest.mock, stale, 3)), 0);
	pasids_end(&p);
}
END_TEST

/* Work that a process of the guest submits carries its PASID, which no route has. */
START_TEST(work_by_enqcmd_goes_by_the_pasid_table)
{
	struct guest_opts opts = kind(_i);
	struct ioasid_mock_dma dma;
	struct pasids p;
	uint16_t number = 0;
	int vm;

	opts.device.flags = IOASID_MOCK_DEVICE_ENQCMD;
	pasids_begin(&p, &opts);
	set(&p, 2, 0x1000, 6);
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
	struct guest_opts opts = kind(_i);
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
	set(&p, 1, 0x1000, 6);
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
	struct guest_opts opts = kind(_i);
	struct pasids p;
	uint32_t wire;

	opts.device.pasid_bits = 0;
	pasids_begin(&p, &opts);
	guest_set_pasid(&p.guest, 0, p.root[1]);
	set(&p, 1, 0x1000, 6);
	fails(-ENODEV, "PASID 0x0", ioasid_mock_translate(p.guest.hw, &look));
	fails(-ENODEV, "PASID 0x0", ioasid_mock_wire_pasid(p.guest.hw, 0, &wire));
	pasids_end(&p);
}
END_TEST

/* Binding */

START_TEST(a_pasid_table_that_an_iommu_does_not_take_is_refused_by_name)
{
	struct guest_opts opts = kind(_i);
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
	const struct guest_opts opts = kind(_i);
	struct pasids p;
	char byte;
	struct ioasid_mock_dma dma = guest_dma(IOASID_MOCK_DMA_READ, 0x1000, &byte, 1);

	pasids_begin(&p, &opts);
	set(&p, 1, 0x1000, 5);
	ck_assert_uint_eq(page_of(&p, 1, 0x1000), 5);
	ok(ioasid_space_unbind_pasid_table(p.guest.giova));
	ck_assert_uint_eq(guest_stats(&p.guest).iotlb_entries, 0);
	ck_assert_uint_eq(fault(&p, NOBODY, 0x1000, NULL), IOASID_MOCK_FAULT_TRANSLATION);
	dma.pasid = 1;
	fails(-ENODEV, "leads to no space", ioasid_mock_dma(p.guest.hw, &dma));
	/* another table begins with nothing kept */
	guest_set_pasid(&p.guest, 1, p.root[2]);
	set(&p, 2, 0x1000, 6);
	ok(ioasid_space_bind_pasid_table(p.guest.giova, &p.table));
	ck_assert_uint_eq(page_of(&p, 1, 0x1000), 6);
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
	struct guest_opts opts = kind(_i);
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
	set(&p, 2, 0x1000, 6);
	guest_answer(&p.guest, fault.id, IOASID_RESPONSE_SUCCESS);
	ck_assert_int_eq(ok(ioasid_mock_pump(p.guest.mock)), 0);
	ck_assert_int_eq(waiting[0].dma.status, 0);
	pasids_end(&p);
}
END_TEST

START_TEST(a_pasid_table_that_the_parent_lacks_is_the_monitors_to_bring)
{
	struct guest_opts opts = kind(_i);
	struct ioasid_fault fault;
	struct pasids p;

	opts.faults = true;
	pasids_begin(&p, &opts);
	set(&p, 1, 0x1000, 6);
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
	struct guest_opts opts = kind(_i % KINDS);
	struct ioasid_fault faults[4];
	struct pasids p;

	opts.faults = true;
	pasids_begin(&p, &opts);
	if (opts.format == AMD)
		guest_set_pasid(&p.guest, 3, p.root[2]);
	for (uint32_t i = 0; i < 3; i++)
		start(&p, i, i == 2 && opts.format == AMD ? 3 : i % 2 + 1, (i + 1) * PAGE);
	ck_assert_int_eq(ok(ioasid_faultq_read(p.guest.faults, faults, 2)), 2);
	ends[_i / KINDS](&p);
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

	tcase_add_loop_test(tcase, each_pasid_is_translated_by_its_own_table, 0, KINDS);
	tcase_add_loop_test(tcase, work_by_enqcmd_finds_its_pasid_in_the_table, 0, KINDS);
	tcase_add_loop_test(tcase, a_pasid_without_an_entry_ends_the_transfer, 0, KINDS);
	tcase_add_loop_test(tcase, accesses_without_a_pasid_go_as_the_devices_entry_says, 0, KINDS);
	tcase_add_loop_test(tcase, an_entry_is_read_once_and_kept, 0, KINDS);
	tcase_add_loop_test(tcase, a_changed_entry_is_seen_once_it_is_invalidated, 0, 6 * KINDS);
	tcase_add_loop_test(tcase, an_entry_that_is_gone_is_used_until_then, 0, KINDS);
	tcase_add_loop_test(tcase, addresses_are_invalidated_for_one_pasid, 0, KINDS);
	tcase_add_loop_test(tcase, more_pasids_than_are_kept_are_read_again, 0, KINDS);
	tcase_add_loop_test(tcase, a_top_byte_that_does_not_matter_is_in_no_cache, 0, KINDS / 2);
	tcase_add_loop_test(tcase, a_range_over_both_halves_reaches_the_high_one, 0, KINDS / 2);
	tcase_add_loop_test(
		tcase, a_range_that_ends_in_the_other_half_is_of_all_addresses, 0, KINDS / 2);
	tcase_add_loop_test(tcase, a_look_is_told_the_pasid, 0, KINDS);
	tcase_add_loop_test(tcase, the_use_of_a_stale_entry_is_noted, 0, KINDS);
	tcase_add_loop_test(tcase, work_by_enqcmd_goes_by_the_pasid_table, 0, KINDS);
	tcase_add_loop_test(tcase, a_device_has_no_pasids_beyond_its_bits, 0, KINDS);
	tcase_add_loop_test(tcase, a_device_without_pasids_has_not_even_the_first, 0, KINDS);
	tcase_add_loop_test(
		tcase, a_pasid_table_that_an_iommu_does_not_take_is_refused_by_name, 0, KINDS);
	tcase_add_loop_test(tcase, an_unbind_leaves_the_space_empty, 0, KINDS);
	tcase_add_loop_test(
		tcase, a_pasid_without_a_route_of_its_own_asks_by_the_default_one, 0, KINDS);
	tcase_add_loop_test(
		tcase, a_pasid_table_that_the_parent_lacks_is_the_monitors_to_bring, 0, KINDS);
	tcase_add_loop_test(
		tcase, what_any_pasid_waits_for_is_answered_when_the_table_goes, 0, 3 * KINDS);
}
