/* SPDX-License-Identifier: MIT */
/*
 * A guest that obeys nothing, above the mock: any bytes as page tables and PASID tables of any
 * format, DMA through them, lists of invalidations of any content, pages of the parent that come
 * and go. Each page is heap memory of its own, of exactly its size. How much of a list is handled
 * is what a plain model says; and once everything is invalidated, a device finds what a fresh look
 * at the tables does. A test with fixed seeds; built with -DFUZZ -fsanitize=fuzzer it is a
 * libFuzzer target.
 */
#include "support.h"
#include <errno.h>
#include <ioasid/pgtable.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE  UINT64_C(4096)
#define PAGES 10u
#define BASE  UINT64_C(0x40000)
#define LEADS 8u
#define FORMATS                                                                                    \
	(1u << IOASID_PGTABLE_VTD_S1 | 1u << IOASID_PGTABLE_SMMUV3_S1 | 1u << IOASID_PGTABLE_AMD_V2)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct scene {
	const uint8_t *data;
	size_t left;
	struct ioasid_mock *mock;
	struct ioasid_mock_device *hw;
	struct ioasid_ctx *ctx;
	struct ioasid_device *device;
	struct ioasid_space *gpa, *giova;
	struct ioasid_attachment *to_gpa, *to_giova; /* to_giova NULL: detached */
	uint64_t *page[PAGES];
	uint32_t mapped[PAGES]; /* how; 0: not */
	bool bound, pasids;
	uint32_t format;
	uint64_t root; /* page of the page table, or of the PASID table */
	unsigned int levels;
	uint64_t path[LEADS]; /* the last addresses that the guest meant to lead somewhere */
	uint32_t user[LEADS]; /* and whose they are */
	unsigned int paths;
};

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz-invalidate: %s: %s\n", what, ioasid_last_error());
	abort();
}

/* Zero when the input is used up. */
static uint64_t next(struct scene *s, unsigned int bytes)
{
	uint64_t value = 0;

	for (; bytes && s->left; bytes--, s->left--)
		value = value << 8 | *s->data++;
	return value;
}

static uint64_t gpa_of(uint64_t page)
{
	return BASE + page * PAGE;
}

/* What the guest writes */

static uint64_t any_page(struct scene *s)
{
	return gpa_of(next(s, 1) % PAGES);
}

/* Bits that make an entry of the format out of an address, mostly. */
static uint64_t dress(struct scene *s, uint64_t addr)
{
	static const uint64_t arm[] = {3, 0x443, 0x4c3, 0x401, UINT64_C(1) << 51 | 0x4c3};
	static const uint64_t x86[] = {7, 5, 0x87, 3, UINT64_C(1) << 63 | 7};
	uint64_t which = next(s, 1) % 5;

	return addr | (s->format == IOASID_PGTABLE_SMMUV3_S1 ? arm : x86)[which];
}

/* A context descriptor's first word, with whatever flags. */
static uint64_t descriptor(struct scene *s)
{
	uint64_t good =
		16 | UINT64_C(1) << 30 | UINT64_C(1) << 31 | UINT64_C(5) << 32 | UINT64_C(1) << 41;

	return good | next(s, 1) << 35;
}

/* Anywhere, anything. */
static void write_word(struct scene *s)
{
	uint64_t page = next(s, 1) % PAGES, place = next(s, 2) % 512;

	s->page[page][place] = next(s, 1) & 1 ? next(s, 8) : dress(s, any_page(s));
}

/* The entry of a PASID in a table of one level, and the page that it leads to. */
static uint64_t write_pasid(struct scene *s, uint32_t user)
{
	bool arm = s->format == IOASID_PGTABLE_SMMUV3_S1;
	uint64_t place = user == IOASID_PASID_NONE ? 0 : user, page = next(s, 1) % PAGES;

	if (arm) {
		s->page[s->root][place * 8] = descriptor(s);
		s->page[s->root][place * 8 + 1] = gpa_of(page);
	} else {
		s->page[s->root][place] = gpa_of(page) | 1;
	}
	return page;
}

/* From the root down, as a driver does: few places in each table, so that paths share some. */
static void write_path(struct scene *s)
{
	uint32_t user = s->pasids ? (uint32_t)next(s, 1) % 4 : IOASID_PASID_NONE;
	uint64_t page = s->pasids ? write_pasid(s, user) : s->root, addr = 0;
	uint64_t table = s->format == IOASID_PGTABLE_SMMUV3_S1 ? 3 : 7;

	for (unsigned int level = s->levels; level--;) {
		uint64_t place = next(s, 1) % 8, to = next(s, 1) % PAGES;

		s->page[page][place] = level ? gpa_of(to) | table : dress(s, gpa_of(to));
		addr = addr << 9 | place;
		page = to;
	}
	s->path[s->paths % LEADS] = addr << 12;
	s->user[s->paths++ % LEADS] = user;
}

struct target {
	uint64_t addr;
	uint32_t pasid;
};

/* One that was meant to lead somewhere, or near it, or any. */
static struct target aim(struct scene *s)
{
	uint64_t which = next(s, 1), odd = next(s, 1);
	struct target target = {s->path[which % LEADS] | next(s, 1) << 4, s->user[which % LEADS]};

	if (odd % 16 == 0)
		target.addr = next(s, 8);
	else if (odd % 16 == 1)
		target.addr ^= PAGE << odd / 16;
	else if (odd % 16 == 2)
		target.addr |= odd << 56;
	else if (odd % 16 == 3)
		target.pasid = s->pasids ? (uint32_t)next(s, 2) : IOASID_PASID_NONE;
	return target;
}

/* Tables */

static void bind_pgtable(struct scene *s)
{
	struct ioasid_pgtable table = {.size = sizeof(table), .format = s->format};

	s->root = next(s, 1) % PAGES;
	table.addr = next(s, 1) % 16 ? gpa_of(s->root) : next(s, 8);
	table.addr_width = next(s, 1) % 4 ? 48 : next(s, 1) & 1 ? 57 : (uint32_t)next(s, 1);
	s->levels = table.addr_width == 57 ? 5 : 4;
	table.flags = (uint32_t)next(s, 1) & (s->format == IOASID_PGTABLE_SMMUV3_S1 ? 0x18 : 7);
	if (s->format == IOASID_PGTABLE_AMD_V2)
		table.flags = 0;
	s->bound = !ioasid_space_bind_pgtable(s->giova, &table);
}

static void bind_pasids(struct scene *s)
{
	struct ioasid_pgtable table = {.size = sizeof(table), .format = s->format};
	uint64_t bits = next(s, 1), odd = next(s, 1) % 16 ? 0 : next(s, 8), root;

	s->root = next(s, 1) % PAGES;
	s->levels = 4;
	root = gpa_of(s->root);
	if (s->format == IOASID_PGTABLE_SMMUV3_S1) {
		table.words[0] = 1 | 5 << 1 | root | (bits % 8 ? 0 : bits >> 6) << 4 |
				 (bits % 8 ? 6 : bits >> 3) << 59;
		table.words[1] = next(s, 1) & 3;
	} else {
		table.words[0] = 3 | UINT64_C(1) << 55 | (bits & 1) << 54 |
				 (bits % 8 ? 0 : 1ull) << 56 | (root >> 12 & 7) << 58;
		table.words[1] = (root >> 15 & 0xffff) << 16 | root >> 31 << 43;
	}
	table.words[0] ^= odd;
	s->bound = s->pasids = !ioasid_space_bind_pasid_table(s->giova, &table);
}

static void bind(struct scene *s)
{
	s->format = (uint32_t)next(s, 1) % 3 + 1;
	s->pasids = false;
	if (s->format != IOASID_PGTABLE_VTD_S1 && next(s, 1) & 1)
		bind_pasids(s);
	else
		bind_pgtable(s);
}

static void unbind(struct scene *s)
{
	if (!s->bound)
		return;
	require(!(s->pasids ? ioasid_space_unbind_pasid_table : ioasid_space_unbind_pgtable)(
			s->giova),
		"unbind fails");
	s->bound = s->pasids = false;
}

static void rebind(struct scene *s)
{
	unbind(s);
	bind(s);
}

/* The monitor */

static void map(struct scene *s, uint64_t page, uint32_t flags)
{
	struct ioasid_map map = {.addr = s->page[page],
		.length = PAGE,
		.iova = gpa_of(page),
		.flags = flags | IOASID_MAP_FIXED};

	require(!ioasid_space_map(s->gpa, &map), "map fails");
	s->mapped[page] = flags;
}

static void change_map(struct scene *s)
{
	uint64_t page = next(s, 1) % PAGES;

	if (s->mapped[page])
		require(ioasid_space_unmap(s->gpa, gpa_of(page), PAGE) == (int64_t)PAGE,
			"unmap fails");
	s->mapped[page] = 0;
	if (next(s, 1) % 4)
		map(s, page, next(s, 1) % 4 ? IOASID_MAP_RW : IOASID_MAP_READ);
}

static void change_route(struct scene *s)
{
	if (s->to_giova) {
		require(!ioasid_attachment_detach(s->to_giova), "detach fails");
		s->to_giova = NULL;
	} else {
		require(!ioasid_device_attach(s->device, s->giova, NULL, &s->to_giova),
			"attach fails");
	}
}

/* Invalidations */

static struct ioasid_invalidation any_invalidation(struct scene *s)
{
	struct ioasid_invalidation one = {.what = (uint32_t)next(s, 1) % 4};
	uint64_t odd = next(s, 1);
	struct target target = aim(s);

	if (one.what == IOASID_INVALIDATE_RANGE) {
		one.addr = target.addr & ~(PAGE - 1);
		one.length = (next(s, 1) + 1) * PAGE;
		one.flags = (uint32_t)odd >> 7;
	}
	if (s->pasids &&
		(one.what == IOASID_INVALIDATE_RANGE || one.what == IOASID_INVALIDATE_PASID))
		one.pasid = target.pasid;
	if (one.what == IOASID_INVALIDATE_DEVICE)
		one.device = s->device;
	switch (odd % 32) { /* mostly none of these */
	case 0:
		one.what = (uint32_t)next(s, 4);
		break;
	case 1:
		one.flags = (uint32_t)next(s, 1);
		break;
	case 2:
		one.addr = next(s, 8);
		break;
	case 3:
		one.length = next(s, 8);
		break;
	case 4:
		one.pasid = (uint32_t)next(s, 4);
		break;
	case 5:
		one.device = one.device ? NULL : s->device;
		break;
	case 6:
		one.reserved = (uint32_t)next(s, 1);
		break;
	default:
		break;
	}
	return one;
}

/* The model: what may be asked for. */
static bool is_sound(const struct scene *s, const struct ioasid_invalidation *one)
{
	bool range = one->what == IOASID_INVALIDATE_RANGE;
	bool of_pasid = s->pasids && (range || one->what == IOASID_INVALIDATE_PASID);

	if (one->what > IOASID_INVALIDATE_DEVICE || one->flags & ~IOASID_INVALIDATE_LEAF ||
		one->reserved)
		return false;
	if (one->what == IOASID_INVALIDATE_PASID && !s->pasids)
		return false;
	if (of_pasid ? one->pasid != IOASID_PASID_NONE && one->pasid >> 20 : one->pasid != 0)
		return false;
	if (one->what == IOASID_INVALIDATE_DEVICE && (one->flags || !one->device || !s->to_giova))
		return false;
	if (one->what != IOASID_INVALIDATE_DEVICE && one->device)
		return false;
	if (!range)
		return !one->addr && !one->length;
	return one->length && !(one->addr % PAGE) && !(one->length % PAGE) &&
	       one->addr + (one->length - 1) >= one->addr;
}

static void invalidate(struct scene *s)
{
	struct ioasid_invalidation list[4];
	unsigned int n = (unsigned int)next(s, 1) % 5;
	int expected = 0, got;

	for (unsigned int i = 0; i < n; i++)
		list[i] = any_invalidation(s);
	while ((unsigned int)expected < n && is_sound(s, &list[expected]))
		expected++;
	if (n && !expected)
		expected = -EINVAL;
	if (!s->bound)
		expected = -ENOENT;
	got = ioasid_space_invalidate(s->giova, list, n);
	require(got == expected, "what was handled is not what the model says");
}

static void invalidate_all(struct scene *s)
{
	struct ioasid_invalidation one = {.what = IOASID_INVALIDATE_SPACE};

	if (s->bound)
		require(ioasid_space_invalidate(s->giova, &one, 1) == 1, "SPACE fails");
}

/* DMA */

static struct ioasid_mock_dma any_dma(struct scene *s, unsigned char *buffer, uint64_t length)
{
	struct target target = aim(s);
	struct ioasid_mock_dma dma = {.kind = (uint32_t)next(s, 1) % 3,
		.pasid = target.pasid,
		.iova = target.addr,
		.buffer = buffer,
		.length = next(s, 2) % length + 1};

	/* beyond what the device has */
	if (dma.pasid != IOASID_PASID_NONE)
		dma.pasid %= 1u << 20;
	dma.source = dma.kind == IOASID_MOCK_DMA_COPY ? aim(s).addr : 0;
	dma.flags = next(s, 1) % 4 ? 0 : (uint32_t)next(s, 1) & (dma.kind ? 2 : 3);
	if (dma.iova + dma.length < dma.iova || dma.source + dma.length < dma.source)
		dma.length = 0;
	return dma;
}

static void move(struct scene *s)
{
	unsigned char buffer[2 * 4096] = {0};
	struct ioasid_mock_dma dma = any_dma(s, buffer, sizeof(buffer));
	int got = ioasid_mock_dma(s->hw, &dma);

	require(got == 0 || got == -EFAULT || got == -ENODEV, "a strange end");
	require(dma.done <= dma.length && (got || dma.done == dma.length), "moved too much");
	require(!got == !dma.fault || got == -ENODEV, "a fault without an error, or an error "
						      "without a fault");
}

static uint32_t access_of(const struct ioasid_mock_dma *dma)
{
	return (dma->kind == IOASID_MOCK_DMA_READ ? IOASID_FAULT_READ : IOASID_FAULT_WRITE) |
	       (dma->flags & IOASID_MOCK_DMA_EXEC ? IOASID_FAULT_EXEC : 0) |
	       (dma->flags & IOASID_MOCK_DMA_PRIV ? IOASID_FAULT_PRIV : 0);
}

static bool is_of_guest(const struct scene *s, const void *host)
{
	for (unsigned int i = 0; i < PAGES; i++)
		if (s->mapped[i] && (uintptr_t)host - (uintptr_t)s->page[i] < (uintptr_t)PAGE)
			return true;
	return false;
}

/* A table that cannot be written, where an access wants to be noted: a look does not see that. */
static bool is_unwritable(const struct scene *s, const struct ioasid_mock_dma *dma)
{
	bool some = false;

	for (unsigned int i = 0; i < PAGES; i++)
		some |= s->mapped[i] == IOASID_MAP_READ;
	return some && dma->fault == IOASID_MOCK_FAULT_PARENT;
}

/* What is cached by now leads there too, unless noting the first access changed what is a table at
 * another level as well. */
static void compare_again(
	struct scene *s, struct ioasid_mock_dma *dma, struct ioasid_mock_translation *look)
{
	unsigned char *before = look->host;

	require(!ioasid_mock_translate(s->hw, look), "a second look fails");
	if (look->host != before)
		return;
	if (ioasid_mock_dma(s->hw, dma))
		require(is_unwritable(s, dma), "DMA works once");
	else
		require(*(unsigned char *)dma->buffer == *before, "DMA leads elsewhere at last");
}

/* With nothing cached, a byte of DMA is what a look at the tables says. */
static void compare(struct scene *s)
{
	unsigned char byte = 0x5a;
	struct ioasid_mock_dma dma = any_dma(s, &byte, 1);
	struct ioasid_mock_translation look = {.pasid = dma.pasid, .iova = dma.iova};
	int got;

	if (dma.kind == IOASID_MOCK_DMA_COPY || !dma.length)
		return;
	look.access = access_of(&dma);
	invalidate_all(s);
	got = ioasid_mock_translate(s->hw, &look);
	require(got == 0 || got == -ENODEV, "a look fails");
	require(got || !look.fault == !!look.host, "a fault that leads somewhere");
	require(!look.host || is_of_guest(s, look.host), "a look leads out of the guest");
	if (ioasid_mock_dma(s->hw, &dma) == -ENODEV) {
		require(got == -ENODEV, "DMA leads nowhere, a look somewhere");
		return;
	}
	if (!got && !look.fault && is_unwritable(s, &dma))
		return;
	require(!got && dma.fault == look.fault, "DMA and a look fault differently");
	if (!look.host)
		return;
	require(byte == *(unsigned char *)look.host, "DMA and a look lead elsewhere");
	compare_again(s, &dma, &look);
}

/* Rare: all that was built is gone. */
static void change(struct scene *s, uint64_t which)
{
	if (next(s, 1) % 4)
		return;
	if (which & 1 || !s->to_giova)
		change_route(s);
	else
		rebind(s);
}

static void step(struct scene *s)
{
	uint64_t which = next(s, 1) % 32;

	if (which < 2)
		write_word(s);
	else if (which < 10)
		write_path(s);
	else if (which < 18)
		move(s);
	else if (which < 23)
		compare(s);
	else if (which < 27)
		invalidate(s);
	else if (which < 30)
		change_map(s);
	else
		change(s, which);
}

/* The scene */

static void make_platform(struct scene *s)
{
	uint32_t flags = next(s, 1) & 1 ? IOASID_MOCK_NEST_COPY : 0;
	int fd;

	ok(ioasid_mock_new(
		IOASID_OPTS(ioasid_mock_opts, .flags = flags | IOASID_MOCK_CHECK_STALE), &s->mock));
	ok(ioasid_mock_iommu_new(s->mock,
		IOASID_OPTS(ioasid_mock_iommu_opts, .flags = IOASID_MOCK_IOMMU_NESTING,
			.pgtable_formats = FORMATS, .addr_width = 57, .iotlb_entries = 8),
		NULL));
	ok(ioasid_mock_device_new(s->mock,
		IOASID_OPTS(ioasid_mock_device_opts,
			.flags = next(s, 1) & 1 ? IOASID_MOCK_DEVICE_ATS : 0, .pasid_bits = 20),
		&s->hw));
	ok(ioasid_mock_open(s->mock, &s->ctx));
	fd = ok(ioasid_mock_device_fd(s->hw));
	ok(ioasid_device_bind(s->ctx, fd, NULL, &s->device));
	close(fd);
}

static void begin(struct scene *s)
{
	make_platform(s);
	ok(ioasid_space_new(s->ctx,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_NEST_PARENT), &s->gpa));
	ok(ioasid_device_attach(s->device, s->gpa, NULL, &s->to_gpa));
	ok(ioasid_space_new_nested(s->gpa, NULL, &s->giova));
	ok(ioasid_device_attach(s->device, s->giova, NULL, &s->to_giova));
	for (unsigned int i = 0; i < PAGES; i++) {
		s->page[i] = aligned_alloc(PAGE, PAGE);
		require(s->page[i], "no memory");
		memset(s->page[i], 0, PAGE);
		map(s, i, IOASID_MAP_RW);
	}
	bind(s);
}

static void end(struct scene *s)
{
	struct ioasid_mock_stats stats = {.size = sizeof(stats)};

	ok(ioasid_attachment_detach(s->to_giova));
	ok(ioasid_attachment_detach(s->to_gpa));
	ok(ioasid_mock_stats(s->mock, &stats));
	require(!stats.iotlb_entries && !stats.device_tlb_entries, "something stays cached");
	ioasid_close(s->ctx);
	ok(ioasid_space_destroy(s->giova));
	ok(ioasid_space_destroy(s->gpa));
	ok(ioasid_device_unbind(s->device));
	ioasid_mock_free(s->mock);
	for (unsigned int i = 0; i < PAGES; i++)
		free(s->page[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scene scene = {.data = data, .left = size};

	begin(&scene);
	while (scene.left)
		step(&scene);
	compare(&scene);
	end(&scene);
	return 0;
}

#ifndef FUZZ

#define INPUT_MAX 2048

static const uint64_t seeds[] = {1, 42, 20240229, 0x9e3779b97f4a7c15};

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A violation aborts, which check reports as this test's failure. */
START_TEST(a_hostile_guest_finds_what_its_tables_say)
{
	static uint8_t data[INPUT_MAX];
	uint64_t random = seeds[_i];
	size_t size;

	for (unsigned long round = support_rounds(12000); round; round--) {
		size = random_next(&random) % INPUT_MAX;
		for (size_t i = 0; i < size; i++)
			data[i] = (uint8_t)(random_next(&random) >> 32);
		LLVMFuzzerTestOneInput(data, size);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("invalidations, hostile");

	tcase_add_loop_test(support_case(suite, "random"),
		a_hostile_guest_finds_what_its_tables_say, 0,
		(int)(sizeof(seeds) / sizeof(seeds[0])));
	return support_run(suite);
}

#endif
