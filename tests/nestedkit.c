/* SPDX-License-Identifier: MIT */
/*
 * A guest over the mock: see nestedkit.h.
 */
#include "nestedkit.h"
#include <unistd.h>

static void make_platform(struct guest *guest, struct guest_opts *opts)
{
	struct ioasid_mock_opts platform = {.size = sizeof(platform), .flags = opts->platform};

	opts->iommu.size = sizeof(opts->iommu);
	opts->iommu.flags |= IOASID_MOCK_IOMMU_NESTING;
	if (!opts->iommu.pgtable_formats)
		opts->iommu.pgtable_formats = ALL_FORMATS;
	opts->device.size = sizeof(opts->device);
	if (opts->faults)
		opts->device.flags |= IOASID_MOCK_DEVICE_PRI;
	ok(ioasid_mock_new(&platform, &guest->mock));
	ok(ioasid_mock_iommu_new(guest->mock, &opts->iommu, NULL));
	ok(ioasid_mock_device_new(guest->mock, &opts->device, &guest->hw));
	ok(ioasid_mock_open(guest->mock, &guest->ctx));
}

static void make_spaces(struct guest *guest, struct guest_opts *opts)
{
	struct ioasid_map map = {.addr = guest->ram,
		.length = RAM_PAGES * PAGE,
		.flags = IOASID_MAP_RW | IOASID_MAP_FIXED};

	opts->queue.size = sizeof(opts->queue);
	if (opts->faults)
		ok(ioasid_faultq_new(guest->ctx, &opts->queue, &guest->faults));
	ok(ioasid_space_new(guest->ctx,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_NEST_PARENT | opts->parent),
		&guest->gpa));
	guest->device = guest_bind(guest, guest->hw, LABEL);
	ok(ioasid_device_attach(guest->device, guest->gpa, NULL, &guest->to_gpa));
	ok(ioasid_space_map(guest->gpa, &map));
	ok(ioasid_space_new_nested(guest->gpa,
		IOASID_OPTS(ioasid_space_opts, .faults = guest->faults), &guest->giova));
	ok(ioasid_device_attach(guest->device, guest->giova, NULL, &guest->to_giova));
}

/* Aligned for IOMMUs whose least page is 64 KiB, too. */
static unsigned char *make_ram(void)
{
	unsigned char *pattern = support_memory(RAM_PAGES * PAGE, 1);
	unsigned char *ram = aligned_alloc(0x10000, RAM_PAGES * PAGE);

	ck_assert_ptr_nonnull(ram);
	memcpy(ram, pattern, RAM_PAGES * PAGE);
	free(pattern);
	return ram;
}

void guest_begin(struct guest *guest, const struct guest_opts *given)
{
	struct guest_opts opts = *given;

	*guest = (struct guest){.format = opts.format ? opts.format : VTD};
	guest->ram = make_ram();
	for (uint16_t i = 0; i < DATA_PAGES; i++)
		memcpy(guest->ram + i * PAGE, &i, sizeof(i));
	guest->tables = DATA_PAGES * PAGE;
	make_platform(guest, &opts);
	make_spaces(guest, &opts);
	guest->root = guest_new_table(guest);
	guest->table = (struct ioasid_pgtable){
		.size = sizeof(guest->table),
		.format = guest->format,
		.addr = guest->root,
		.addr_width = 48,
		.flags = opts.table,
	};
	if (!opts.unbound)
		ok(ioasid_space_bind_pgtable(guest->giova, &guest->table));
}

void guest_end(struct guest *guest)
{
	struct ioasid_mock_stats stats;

	if (guest->ctx) {
		ok(ioasid_attachment_detach(guest->to_giova));
		ok(ioasid_attachment_detach(guest->to_gpa));
		stats = guest_stats(guest);
		ck_assert_uint_eq(stats.iotlb_entries + stats.device_tlb_entries, 0);
	}
	ioasid_close(guest->ctx);
	ok(ioasid_space_destroy(guest->giova));
	ok(ioasid_space_destroy(guest->gpa));
	ok(ioasid_device_unbind(guest->device));
	ioasid_faultq_free(guest->faults);
	ioasid_mock_free(guest->mock);
	free(guest->ram);
}

#define FORMATS   3
#define PLATFORMS 4

int guest_flavours(void)
{
	return support_rounds(100) < 100 ? PLATFORMS : FORMATS * PLATFORMS;
}

/* The numbers have no common divisor: the first of all are of each platform and of each format. */
struct guest_opts guest_flavour(int i)
{
	static const uint32_t platforms[PLATFORMS] = {0, IOASID_MOCK_NEST_COPY, IOASID_MOCK_STRICT,
		IOASID_MOCK_STRICT | IOASID_MOCK_NEST_COPY};
	static const uint32_t formats[FORMATS] = {VTD, ARM, AMD};

	return (struct guest_opts){
		.format = formats[i % FORMATS], .platform = platforms[i % PLATFORMS]};
}

/* Tables */

static uint64_t *word_at(struct guest *guest, uint64_t gpa)
{
	ck_assert_uint_lt(gpa, RAM_PAGES * PAGE);
	return (uint64_t *)(void *)(guest->ram + gpa);
}

uint64_t guest_new_table(struct guest *guest)
{
	uint64_t table = guest->tables;

	guest->tables += PAGE;
	memset(word_at(guest, table), 0, PAGE);
	return table;
}

/* An IOMMU may be about to note an access there. */
static uint64_t load(const uint64_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

/* Tables themselves restrict nothing. */
static uint64_t table_entry(const struct guest *guest, uint64_t table)
{
	return table | (guest->format == ARM ? 3u : 7u);
}

static uint64_t arm_page(uint64_t gpa, uint32_t allows, unsigned int shift)
{
	uint64_t entry = gpa | (shift == 12 ? 3u : 1u);

	entry |= allows & GUEST_OLD ? 0 : UINT64_C(1) << 10;
	entry |= allows & GUEST_PRIV ? 0 : UINT64_C(1) << 6;
	entry |= allows & GUEST_WRITE && !(allows & GUEST_CLEAN) ? 0 : UINT64_C(1) << 7;
	entry |= allows & GUEST_CLEAN ? UINT64_C(1) << 51 : 0;
	entry |= allows & GUEST_DATA ? UINT64_C(3) << 53 : 0;
	return entry;
}

static uint64_t x86_page(uint64_t gpa, uint32_t allows, unsigned int shift)
{
	uint64_t entry = gpa | 1;

	entry |= allows & GUEST_WRITE ? 2 : 0;
	entry |= allows & GUEST_PRIV ? 0 : 4;
	entry |= shift > 12 ? UINT64_C(1) << 7 : 0;
	entry |= allows & GUEST_DATA ? UINT64_C(1) << 63 : 0;
	return entry;
}

uint64_t *guest_entry(struct guest *guest, uint64_t root, uint64_t iova, unsigned int shift)
{
	uint64_t table = root;

	for (unsigned int level = 39;; level -= 9) {
		uint64_t *entry = word_at(guest, table + (iova >> level & 511) * 8);

		if (level == shift)
			return entry;
		if (!load(entry))
			__atomic_store_n(entry, table_entry(guest, guest_new_table(guest)),
				__ATOMIC_RELEASE);
		table = load(entry) & UINT64_C(0xfffffffff000);
	}
}

void guest_map_at(struct guest *guest, uint64_t root, uint64_t iova, uint64_t gpa, uint32_t allows,
	unsigned int shift)
{
	uint64_t *entry = guest_entry(guest, root, iova, shift);
	uint64_t value =
		guest->format == ARM ? arm_page(gpa, allows, shift) : x86_page(gpa, allows, shift);

	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

void guest_map(struct guest *guest, uint64_t iova, uint64_t gpa, uint32_t allows)
{
	guest_map_at(guest, guest->root, iova, gpa, allows, 12);
}

void guest_unmap(struct guest *guest, uint64_t iova)
{
	__atomic_store_n(guest_entry(guest, guest->root, iova, 12), 0, __ATOMIC_RELEASE);
}

bool guest_accessed(struct guest *guest, uint64_t iova)
{
	uint64_t entry = load(guest_entry(guest, guest->root, iova, 12));

	return entry >> (guest->format == ARM ? 10 : 5) & 1;
}

bool guest_dirty(struct guest *guest, uint64_t iova)
{
	uint64_t entry = load(guest_entry(guest, guest->root, iova, 12));

	return guest->format == ARM ? !(entry >> 7 & 1) : entry >> 6 & 1;
}

/* Tables of PASIDs */

struct ioasid_pgtable guest_new_pasids(struct guest *guest)
{
	struct ioasid_pgtable table = {.size = sizeof(table), .format = guest->format};
	uint64_t root = guest->pasids = guest_new_table(guest);

	if (guest->format == ARM) {
		/* V, Config stage 1, one table of 2^6 descriptors */
		table.words[0] = 1 | 5 << 1 | root | UINT64_C(6) << 59;
		return table;
	}
	/* V, TV, GV, one level; the root in three pieces */
	table.words[0] = 3 | UINT64_C(1) << 55 | (root >> 12 & 7) << 58;
	table.words[1] = (root >> 15 & 0xffff) << 16 | (root >> 31) << 43;
	return table;
}

uint64_t *guest_pasid(struct guest *guest, uint32_t pasid)
{
	return word_at(guest, guest->pasids + pasid * (guest->format == ARM ? 64 : 8));
}

void guest_set_pasid(struct guest *guest, uint32_t pasid, uint64_t root)
{
	uint64_t *entry = guest_pasid(guest, pasid);
	/* 48 bits of TTB0, no TTB1, 48 bits to come out, AArch64, valid */
	uint64_t good =
		16 | UINT64_C(1) << 30 | UINT64_C(5) << 32 | UINT64_C(1) << 41 | UINT64_C(1) << 31;

	if (guest->format == ARM && root)
		__atomic_store_n(&entry[1], root, __ATOMIC_RELAXED);
	if (guest->format != ARM)
		good = root | 1;
	__atomic_store_n(entry, root ? good : 0, __ATOMIC_RELEASE);
}

/* Invalidations */

void guest_invalidate(struct guest *guest, uint64_t iova, uint64_t length)
{
	struct ioasid_invalidation one = {
		.what = IOASID_INVALIDATE_RANGE, .addr = iova, .length = length};

	ck_assert_int_eq(ok(ioasid_space_invalidate(guest->giova, &one, 1)), 1);
}

void guest_invalidate_all(struct guest *guest)
{
	struct ioasid_invalidation one = {.what = IOASID_INVALIDATE_SPACE};

	ck_assert_int_eq(ok(ioasid_space_invalidate(guest->giova, &one, 1)), 1);
}

/* DMA */

struct ioasid_mock_dma guest_dma(uint32_t kind, uint64_t iova, void *buffer, uint64_t length)
{
	return (struct ioasid_mock_dma){
		.kind = kind, .pasid = NOBODY, .iova = iova, .buffer = buffer, .length = length};
}

int guest_read(struct guest *guest, uint64_t iova, void *buffer, uint64_t length)
{
	struct ioasid_mock_dma dma = guest_dma(IOASID_MOCK_DMA_READ, iova, buffer, length);

	return ioasid_mock_dma(guest->hw, &dma);
}

int guest_write(struct guest *guest, uint64_t iova, void *buffer, uint64_t length)
{
	struct ioasid_mock_dma dma = guest_dma(IOASID_MOCK_DMA_WRITE, iova, buffer, length);

	return ioasid_mock_dma(guest->hw, &dma);
}

unsigned int guest_page(struct guest *guest, uint64_t iova)
{
	uint16_t number = 0;

	ok(guest_read(guest, iova, &number, sizeof(number)));
	return number;
}

uint32_t guest_fault(struct guest *guest, uint64_t iova, bool write)
{
	unsigned char byte = 0;
	struct ioasid_mock_dma dma =
		guest_dma(write ? IOASID_MOCK_DMA_WRITE : IOASID_MOCK_DMA_READ, iova, &byte, 1);

	ck_assert_int_eq(ioasid_mock_dma(guest->hw, &dma), dma.fault ? -EFAULT : 0);
	return dma.fault;
}

struct ioasid_mock_stats guest_stats(struct guest *guest)
{
	struct ioasid_mock_stats stats = {.size = sizeof(stats)};

	ok(ioasid_mock_stats(guest->mock, &stats));
	return stats;
}

struct ioasid_device *guest_bind(struct guest *guest, struct ioasid_mock_device *hw, uint64_t label)
{
	struct ioasid_device *device;
	int fd = ok(ioasid_mock_device_fd(hw));

	ok(ioasid_device_bind(
		guest->ctx, fd, IOASID_OPTS(ioasid_device_opts, .label = label), &device));
	close(fd);
	return device;
}

/* Faults */

struct ioasid_fault guest_next_fault(struct guest *guest)
{
	struct ioasid_fault faults[2];

	ck_assert_int_eq(ok(ioasid_faultq_read(guest->faults, faults, 2)), 1);
	return faults[0];
}

void guest_answer(struct guest *guest, uint64_t id, uint32_t code)
{
	struct ioasid_response response = {.id = id, .code = code};

	ck_assert_int_eq(ok(ioasid_faultq_complete(guest->faults, &response, 1)), 1);
}
