/* SPDX-License-Identifier: MIT */
/*
 * pasid-table [--amd]: a guest hands over its whole PASID table (the proposal's flow 5.7). The
 * hardware finds the page table of a PASID there by itself; the VMM keeps a space per PASID that it
 * hears of, so that faults and invalidations still have one. Shown: two PASIDs at one address, a
 * page request that carries the PASID's space, a page that moved, and an entry of the PASID table
 * that changed.
 */
#include "../must.h"
#include "guest.h"
#include "machine.h"
#include <string.h>

#define PAGE    UINT64_C(4096)
#define GVA     UINT64_C(0x7f0000000000) /* in each process */
#define FRAMES  16u                      /* for tables; then pages of data */
#define DATA(n) ((FRAMES + (n)) * PAGE)

static _Alignas(4096) unsigned char ram[(FRAMES + 4) * PAGE];
static const char *const words[] = {"one", "two", "three", "four"}; /* in the pages of data */

/* The device begins to read; returns whether it waits for a page. */
static int start(struct machine *m, struct ioasid_mock_dma *dma, uint32_t pasid, char seen[16])
{
	*dma = (struct ioasid_mock_dma){.kind = IOASID_MOCK_DMA_READ,
		.pasid = pasid,
		.iova = GVA,
		.buffer = seen,
		.length = 16};
	must(ioasid_mock_dma_start(m->hardware, dma));
	return must(ioasid_mock_pump(m->platform));
}

/* The device reads under this PASID what is in page n of data. */
static void expect(struct machine *m, const char *what, uint32_t pasid, unsigned int n)
{
	struct ioasid_mock_dma dma;
	char seen[16] = "";

	must_hold(!start(m, &dma, pasid, seen) && dma.status == 0);
	printf("%-48s PASID %u reads: %s\n", what, pasid, seen);
	must_hold(!strcmp(seen, words[n]));
}

/* The process of PASID 2 has no page there yet: the guest hears of it, and brings one. */
static void fault(struct machine *m, struct pagetable *table)
{
	struct ioasid_response response = {.code = IOASID_RESPONSE_SUCCESS};
	struct ioasid_mock_dma dma;
	struct ioasid_fault record;
	char seen[16] = "";

	must_hold(start(m, &dma, 2, seen) == 1);
	must_hold(must(ioasid_faultq_read(m->faults, &record, 1)) == 1);
	printf("a page is missing: PASID %u, space %u\n", record.pasid, record.space);
	must_hold(record.pasid == 2 && record.addr == GVA);
	must_hold(record.space == ioasid_space_id(m->tracked[2]));
	must_hold(!pagetable_map(table, GVA, DATA(1), true));
	must(ioasid_faultq_find(
		m->faults, MACHINE_LABEL, record.pasid, record.group, &response.id));
	must_hold(ioasid_faultq_complete(m->faults, &response, 1) == 1);
	must_hold(!must(ioasid_mock_pump(m->platform)) && dma.status == 0);
	must_hold(!strcmp(seen, words[1]));
}

/* A page moves within a process: what its guest invalidates is passed on to the PASID's space. */
static void move_page(struct machine *m, struct pagetable *table)
{
	struct ioasid_invalidation page;

	pagetable_unmap(table, GVA);
	must_hold(!pagetable_map(table, GVA, DATA(3), true));
	expect(m, "its page moved, and nobody told the IOMMU:", 2, 1);
	page = pagetable_invalidation(table, GVA, PAGE);
	must_hold(ioasid_space_invalidate(m->tracked[2], &page, 1) == 1);
	pagetable_reclaim(table);
	expect(m, "the guest's invalidation was passed on:", 2, 3);
}

/* The PASID gets another page table: what its guest invalidates is an entry of the PASID table. */
static void change_entry(struct machine *m, struct guest *guest, const struct pagetable *table)
{
	struct ioasid_invalidation entry = {.what = IOASID_INVALIDATE_PASID, .pasid = 1};

	guest_set_pasid(guest, 1, table);
	expect(m, "the entry changed, and nobody told the IOMMU:", 1, 0);
	must_hold(ioasid_space_invalidate(m->pasids, &entry, 1) == 1);
	expect(m, "the guest's invalidation was passed on:", 1, 2);
	expect(m, "the other is as it was:", 2, 3);
}

/* tables: of PASID 1, of PASID 2, and later of PASID 1. */
static void tell(struct machine *m, struct guest *guest, struct pagetable tables[3])
{
	struct ioasid_pgtable entry = guest_device_entry(guest);
	struct ioasid_pgtable tracked[] = {
		pagetable_describe(&tables[0]), pagetable_describe(&tables[1])};

	must_hold(!pagetable_map(&tables[0], GVA, DATA(0), true));
	must_hold(!pagetable_map(&tables[2], GVA, DATA(2), true));
	guest_set_pasid(guest, 1, &tables[0]);
	guest_set_pasid(guest, 2, &tables[1]);
	must(ioasid_space_bind_pasid_table(m->pasids, &entry));
	machine_track(m, 1, &tracked[0]);
	machine_track(m, 2, &tracked[1]);
	expect(m, "the guest's PASID table is bound:", 1, 0);
	fault(m, &tables[1]);
	expect(m, "the guest has brought the page:", 2, 1);
	move_page(m, &tables[1]);
	change_entry(m, guest, &tables[2]);
}

/* 0: the command line is not understood. */
static uint32_t format_of(int argc, char **argv)
{
	if (argc == 1)
		return IOASID_PGTABLE_SMMUV3_S1;
	return argc == 2 && !strcmp(argv[1], "--amd") ? IOASID_PGTABLE_AMD_V2 : 0;
}

int main(int argc, char **argv)
{
	struct machine machine = {0};
	struct guest guest = {.format = format_of(argc, argv),
		.ram = ram,
		.frames = {.ram = ram, .count = FRAMES}};
	struct pagetable tables[3];

	if (!guest.format) {
		fprintf(stderr, "Usage: pasid-table [--amd]\n");
		return 2;
	}
	for (unsigned int i = 0; i < 4; i++)
		strcpy((char *)ram + DATA(i), words[i]);
	machine_build(&machine, guest.format, ram, sizeof(ram));
	must_hold(!guest_open(&guest));
	for (unsigned int i = 0; i < 3; i++)
		must_hold(!guest_open_table(&guest, &tables[i]));
	tell(&machine, &guest, tables);
	machine_destroy(&machine);
	for (unsigned int i = 0; i < 3; i++)
		pagetable_close(&tables[i]);
	guest_close(&guest);
	return EXIT_SUCCESS;
}
