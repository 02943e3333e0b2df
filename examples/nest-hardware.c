/* SPDX-License-Identifier: MIT */
/*
 * Hardware nesting (the proposal's flow 5.4): two devices see guest memory at its guest addresses.
 * Then the guest turns on its IOMMU for the disk: its page table, in guest memory, is bound, and
 * the hardware walks it and the monitor's maps below. What the guest changes there shows to the
 * disk only when the monitor has passed on the guest's invalidation.
 */
#include "must.h"
#include <ioasid/mock.h>
#include <ioasid/pgtable.h>
#include <string.h>
#include <unistd.h>

#define PAGE   UINT64_C(4096)
#define GIOVA  UINT64_C(0x7f40000000) /* what the guest's driver calls its buffer for the disk */
#define TABLES (1 * PAGE)             /* guest addresses: four tables, one a level, each a page; */
#define OLD    (8 * PAGE)             /* its buffer, */
#define NEW    (9 * PAGE)             /* and later this one */

struct part {
	struct ioasid_mock_device *hardware;
	struct ioasid_device *device;
	struct ioasid_attachment *to_gpa, *to_giova;
};

struct machine {
	struct ioasid_mock *platform;
	struct ioasid_ctx *ctx;
	struct ioasid_space *gpa, *giova;
	struct part nic, disk;
};

static _Alignas(4096) unsigned char ram[16 * PAGE];

static void plug(struct machine *m, struct part *part, const char *name)
{
	int fd;

	must(ioasid_mock_device_new(m->platform, NULL, &part->hardware));
	fd = must(ioasid_mock_device_fd(part->hardware));
	must(ioasid_device_bind(
		m->ctx, fd, IOASID_OPTS(ioasid_device_opts, .name = name), &part->device));
	close(fd);
	must(ioasid_device_attach(part->device, m->gpa, NULL, &part->to_gpa));
}

static void unplug(struct part *part)
{
	must(ioasid_attachment_detach(part->to_giova));
	must(ioasid_attachment_detach(part->to_gpa));
	must(ioasid_device_unbind(part->device));
}

/* That guests' tables will lie on top is said when the space of guest memory is made. */
static void build(struct machine *m)
{
	struct ioasid_map map = {ram, sizeof(ram), 0, IOASID_MAP_RW | IOASID_MAP_FIXED, 0};
	uint32_t nesting = IOASID_MOCK_IOMMU_NESTING, parent = IOASID_SPACE_NEST_PARENT;

	*m = (struct machine){0};
	must(ioasid_mock_new(NULL, &m->platform));
	must(ioasid_mock_iommu_new(
		m->platform, IOASID_OPTS(ioasid_mock_iommu_opts, .flags = nesting), NULL));
	must(ioasid_mock_open(m->platform, &m->ctx));
	must(ioasid_space_new(m->ctx, IOASID_OPTS(ioasid_space_opts, .flags = parent), &m->gpa));
	must(ioasid_space_map(m->gpa, &map));
	plug(m, &m->nic, "nic");
	plug(m, &m->disk, "disk");
}

static void demolish(struct machine *m)
{
	must(ioasid_space_unbind_pgtable(m->giova));
	unplug(&m->disk);
	unplug(&m->nic);
	must(ioasid_space_destroy(m->giova));
	must(ioasid_space_destroy(m->gpa));
	ioasid_close(m->ctx);
	ioasid_mock_free(m->platform);
}

/* The guest's driver makes GIOVA lead to gpa: present, writable, for user requests, as in the
 * processor's tables. The IOMMU may be walking there: each entry changes in one store. */
static void guest_maps(uint64_t gpa)
{
	for (unsigned int level = 0; level < 4; level++) {
		uint64_t *table = (uint64_t *)(void *)(ram + TABLES + level * PAGE);
		uint64_t next = level < 3 ? TABLES + (level + 1) * PAGE : gpa;

		__atomic_store_n(
			&table[GIOVA >> (39 - 9 * level) & 511], next | 7, __ATOMIC_RELEASE);
	}
}

/* The guest writes its IOMMU's registers: its table translates for the disk from now on. */
static void turn_on_iommu(struct machine *m)
{
	struct ioasid_pgtable table = {.size = sizeof(table),
		.format = IOASID_PGTABLE_VTD_S1,
		.addr = TABLES,
		.addr_width = 48};

	must(ioasid_space_new_nested(m->gpa, NULL, &m->giova));
	must(ioasid_device_attach(m->disk.device, m->giova, NULL, &m->disk.to_giova));
	must(ioasid_space_bind_pgtable(m->giova, &table));
}

/* The guest's invalidation traps into the monitor, which passes it on. */
static void guest_invalidates(struct machine *m)
{
	struct ioasid_invalidation page = {.what = IOASID_INVALIDATE_RANGE,
		.flags = IOASID_INVALIDATE_LEAF,
		.addr = GIOVA,
		.length = PAGE};

	must_hold(ioasid_space_invalidate(m->giova, &page, 1) == 1);
}

/* The device reads there and finds these words; NULL: nothing. */
static void expect(struct part *part, const char *what, uint64_t iova, const char *words)
{
	char seen[16] = "";
	struct ioasid_mock_dma dma = {.kind = IOASID_MOCK_DMA_READ,
		.pasid = IOASID_PASID_NONE,
		.iova = iova,
		.buffer = seen,
		.length = sizeof(seen)};
	int result = ioasid_mock_dma(part->hardware, &dma);

	printf("%-56s %s\n", what, result ? "-" : seen);
	must_hold((result == 0) == (words != NULL));
	must_hold(!words || !strcmp(seen, words));
}

int main(void)
{
	struct machine m;

	strcpy((char *)ram + OLD, "old");
	strcpy((char *)ram + NEW, "new");
	build(&m);
	expect(&m.disk, "the disk, at a guest address:", OLD, "old");
	guest_maps(OLD);
	turn_on_iommu(&m);
	expect(&m.disk, "the disk, through the guest's table:", GIOVA, "old");
	expect(&m.disk, "the disk, at a guest address now:", NEW, NULL);
	expect(&m.nic, "the nic, still at a guest address:", NEW, "new");
	guest_maps(NEW);
	expect(&m.disk, "the guest changed its table, and nobody told the IOMMU:", GIOVA, "old");
	guest_invalidates(&m);
	expect(&m.disk, "the guest's invalidation was passed on:", GIOVA, "new");
	demolish(&m);
	return EXIT_SUCCESS;
}
