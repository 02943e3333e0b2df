/* SPDX-License-Identifier: MIT */
/*
 * A guest with a virtual IOMMU and page tables of its own (the proposal's flow 5.4): its table is
 * bound above the monitor's maps, devices are translated by both, its invalidations are passed on,
 * and what devices write is noted, as a migration wants it. What a platform does not offer is said,
 * and the rest goes on.
 */
#include "must.h"
#include <errno.h>
#include <fcntl.h>
#include <ioasid/mock.h>
#include <ioasid/pgtable.h>
#include <unistd.h>

#define PAGE  UINT64_C(4096)
#define PAGES 32u
#define GIOVA UINT64_C(0x40000000)
#define ROOT  (8 * PAGE) /* where the guest has its tables, one a level, each a page */
#define DATA  (16 * PAGE)
#define OTHER (17 * PAGE)

struct machine {
	struct ioasid_mock *platform;
	struct ioasid_mock_device *hardware;
	struct ioasid_ctx *ctx;
	struct ioasid_device *nic;
	struct ioasid_space *gpa, *giova;
	struct ioasid_attachment *to_gpa, *to_giova, *with_pasid;
};

static _Alignas(4096) uint64_t ram[PAGES * PAGE / 8];

/* False, and says so, where the platform lacks it; ends the program on any other error. */
static int offered(int result, const char *what)
{
	if (result != -EOPNOTSUPP) {
		must_succeed(result, what);
		return 1;
	}
	printf("%s: not here\n    %s\n", what, ioasid_last_error());
	return 0;
}

static void build(struct machine *m)
{
	int fd;

	must(ioasid_mock_new(
		IOASID_OPTS(ioasid_mock_opts, .flags = IOASID_MOCK_CHECK_STALE), &m->platform));
	must(ioasid_mock_iommu_new(m->platform,
		IOASID_OPTS(ioasid_mock_iommu_opts,
			.flags = IOASID_MOCK_IOMMU_NESTING | IOASID_MOCK_IOMMU_DIRTY),
		NULL));
	must(ioasid_mock_device_new(
		m->platform, IOASID_OPTS(ioasid_mock_device_opts, .pasid_bits = 8), &m->hardware));
	must(ioasid_mock_open(m->platform, &m->ctx));
	fd = must(ioasid_mock_device_fd(m->hardware));
	must(ioasid_device_bind(
		m->ctx, fd, IOASID_OPTS(ioasid_device_opts, .name = "nic"), &m->nic));
	close(fd);
	must(ioasid_space_new(m->ctx,
		IOASID_OPTS(ioasid_space_opts,
			.flags = IOASID_SPACE_NEST_PARENT | IOASID_SPACE_DIRTY_TRACKING),
		&m->gpa));
	must(ioasid_space_map(m->gpa, &(struct ioasid_map){.addr = ram,
					      .length = sizeof(ram),
					      .flags = IOASID_MAP_RW | IOASID_MAP_FIXED}));
	must(ioasid_space_new_nested(m->gpa, NULL, &m->giova));
	must(ioasid_device_attach(m->nic, m->gpa, NULL, &m->to_gpa));
	must(ioasid_device_attach(m->nic, m->giova, NULL, &m->to_giova));
	must(ioasid_device_attach(m->nic, m->gpa,
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = 5),
		&m->with_pasid));
}

static void demolish(struct machine *m)
{
	must(ioasid_attachment_detach(m->with_pasid));
	must(ioasid_attachment_detach(m->to_giova));
	must(ioasid_attachment_detach(m->to_gpa));
	must(ioasid_space_destroy(m->giova));
	must(ioasid_space_destroy(m->gpa));
	must(ioasid_device_unbind(m->nic));
	ioasid_close(m->ctx);
	ioasid_mock_free(m->platform);
}

/* What the guest's driver does: four levels, so that the page at GIOVA is this one of its memory.
 * Present, writable, for user requests: as the processor's tables are. */
static void guest_maps(uint64_t page)
{
	for (uint64_t level = 0; level < 4; level++) {
		uint64_t next = level < 3 ? ROOT + (level + 1) * PAGE : page;
		uint64_t index = GIOVA >> (39 - 9 * level) & 511;

		ram[(ROOT + level * PAGE) / 8 + index] = next | 7;
	}
}

static struct ioasid_pgtable guest_table(void)
{
	return (struct ioasid_pgtable){
		.size = sizeof(struct ioasid_pgtable),
		.format = IOASID_PGTABLE_VTD_S1,
		.addr = ROOT,
		.addr_width = 48,
	};
}

/* What the device finds at GIOVA. */
static uint64_t device_reads(struct machine *m)
{
	uint64_t word = 0;
	struct ioasid_mock_dma dma = {.kind = IOASID_MOCK_DMA_READ,
		.pasid = IOASID_PASID_NONE,
		.iova = GIOVA,
		.buffer = &word,
		.length = sizeof(word)};

	must(ioasid_mock_dma(m->hardware, &dma));
	return word;
}

/* The guest has changed its table at GIOVA, and tells its IOMMU, which is the monitor. */
static void guest_invalidates(struct machine *m)
{
	struct ioasid_invalidation one = {.what = IOASID_INVALIDATE_RANGE,
		.flags = IOASID_INVALIDATE_LEAF,
		.addr = GIOVA,
		.length = PAGE};

	must_hold(must(ioasid_space_invalidate(m->giova, &one, 1)) == 1);
}

/* Where the tables, as they are in memory now, lead. */
static void look(struct machine *m)
{
	struct ioasid_mock_translation look = {
		.pasid = IOASID_PASID_NONE, .iova = GIOVA, .access = IOASID_FAULT_READ};

	must(ioasid_mock_translate(m->hardware, &look));
	printf("0x%llx is the guest's 0x%llx\n", (unsigned long long)look.iova,
		(unsigned long long)look.parent_addr);
}

/* The platform watches: a device was let through by what the table no longer says. */
static void told_of_stale_use(struct machine *m)
{
	struct ioasid_mock_stale use;

	must_hold(must(ioasid_mock_stale_read(m->platform, &use, 1)) == 1);
	must_hold(use.cache == IOASID_MOCK_STALE_IOTLB && use.addr == GIOVA);
	printf("a stale entry was used: 0x%llx of space %u\n", (unsigned long long)use.addr,
		use.space);
}

static void nest(struct machine *m)
{
	struct ioasid_pgtable table = guest_table();

	ram[DATA / 8] = 1;
	ram[OTHER / 8] = 2;
	guest_maps(DATA);
	must(ioasid_space_bind_pgtable(m->giova, &table));
	look(m);
	must_hold(device_reads(m) == 1);
	/* another page is there now, but the IOMMU remembers the first one until it is told */
	guest_maps(OTHER);
	look(m);
	must_hold(device_reads(m) == 1);
	told_of_stale_use(m);
	guest_invalidates(m);
	must_hold(device_reads(m) == 2);
	printf("the device reads %llu after the invalidation\n",
		(unsigned long long)device_reads(m));
}

/* One round of a migration: the pages that devices wrote since the last one, through the guest's
 * table too, as the guest's memory has them. */
static void migrate(struct machine *m)
{
	uint64_t bitmap = 0, word = 3;
	struct ioasid_mock_dma dma = {.kind = IOASID_MOCK_DMA_WRITE,
		.pasid = IOASID_PASID_NONE,
		.iova = GIOVA,
		.buffer = &word,
		.length = sizeof(word)};

	must(ioasid_mock_dma(m->hardware, &dma));
	must(ioasid_space_dirty_read(
		m->gpa, IOASID_OPTS(ioasid_dirty, .iova = 0, .length = sizeof(ram), .granule = PAGE,
				.bitmap = &bitmap)));
	printf("written pages: 0x%llx\n", (unsigned long long)bitmap);
	must_hold(ram[OTHER / 8] == 3 && bitmap >> (OTHER / PAGE) & 1);
	must_hold(!(bitmap >> (DATA / PAGE) & 1));
}

/* A guest that hands over all its tables at once: VT-d's are the host's. */
static void pasid_table(struct machine *m)
{
	struct ioasid_pgtable table = guest_table();

	if (offered(ioasid_space_bind_pasid_table(m->giova, &table), "a guest's PASID table"))
		must(ioasid_space_unbind_pasid_table(m->giova));
}

/* One that sends work by ENQCMD: the PASIDs of a device that is not mediated travel as they are. */
static void enqcmd(struct machine *m)
{
	const uint32_t wanted = IOASID_DEVICE_MEDIATED | IOASID_DEVICE_ENQCMD;
	struct ioasid_device_info info = {.size = sizeof(info)};
	int vm = open("/dev/null", O_RDWR | O_CLOEXEC); /* a real one is KVM_CREATE_VM's */

	must(ioasid_device_info(m->nic, &info));
	if ((info.flags & wanted) != wanted)
		printf("%s: no PASID to translate for ENQCMD\n", info.name);
	else if (offered(ioasid_kvm_map_pasid(m->with_pasid, vm), "a PASID for ENQCMD"))
		must(ioasid_kvm_unmap_pasid(m->with_pasid, vm));
	close(vm);
}

int main(void)
{
	struct machine machine;

	build(&machine);
	must(ioasid_space_dirty_start(machine.gpa));
	nest(&machine);
	migrate(&machine);
	must(ioasid_space_unbind_pgtable(machine.giova));
	must(ioasid_space_dirty_stop(machine.gpa));
	pasid_table(&machine);
	enqcmd(&machine);
	demolish(&machine);
	return EXIT_SUCCESS;
}
