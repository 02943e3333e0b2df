/* SPDX-License-Identifier: MIT */
/*
 * A guest that obeys nothing, above the mock: any bytes as page tables and PASID tables of any
 * format, DMA through them, lists of invalidations of any content, pages of the parent that come
 * and go. Each page is heap memory of its own, of exactly its size. How much of a list is handled
 * is what a plain model says; and once everything is invalidated, a device finds what a fresh look
 * at the tables does. The guest's side is in rogue.c. A test with fixed seeds; built with -DFUZZ
 * -fsanitize=fuzzer it is a libFuzzer target.
 */
#include "fuzzcorpus.h"
#include "rogue.h"
#include "support.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORMATS                                                                                    \
	(1u << IOASID_PGTABLE_VTD_S1 | 1u << IOASID_PGTABLE_SMMUV3_S1 | 1u << IOASID_PGTABLE_AMD_V2)

struct scene {
	struct rogue guest;
	struct ioasid_mock *mock;
	struct ioasid_mock_device *hw;
	struct ioasid_ctx *ctx;
	struct ioasid_device *device;
	struct ioasid_space *gpa, *giova;
	struct ioasid_attachment *to_gpa, *to_giova; /* to_giova NULL: detached */
	uint32_t mapped[ROGUE_PAGES];                /* how; 0: not */
	bool bound;
};

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz-invalidate: %s: %s\n", what, ioasid_last_error());
	abort();
}

static uint64_t next(struct scene *s, unsigned int bytes)
{
	return rogue_next(&s->guest, bytes);
}

/* Tables */

static void bind_pgtable(struct scene *s)
{
	struct ioasid_pgtable table = rogue_pgtable(&s->guest);

	s->bound = !ioasid_space_bind_pgtable(s->giova, &table);
}

static void bind_pasids(struct scene *s)
{
	struct ioasid_pgtable table = rogue_pasid_table(&s->guest);

	s->bound = s->guest.pasids = !ioasid_space_bind_pasid_table(s->giova, &table);
}

static void bind(struct scene *s)
{
	s->guest.format = (uint32_t)next(s, 1) % 3 + 1;
	s->guest.pasids = false;
	if (s->guest.format != IOASID_PGTABLE_VTD_S1 && next(s, 1) & 1)
		bind_pasids(s);
	else
		bind_pgtable(s);
}

static void unbind(struct scene *s)
{
	if (!s->bound)
		return;
	require(!(s->guest.pasids ? ioasid_space_unbind_pasid_table : ioasid_space_unbind_pgtable)(
			s->giova),
		"unbind fails");
	s->bound = s->guest.pasids = false;
}

static void rebind(struct scene *s)
{
	unbind(s);
	bind(s);
}

/* The monitor */

static void map(struct scene *s, uint64_t page, uint32_t flags)
{
	struct ioasid_map map = {.addr = s->guest.page[page],
		.length = PAGE,
		.iova = rogue_gpa(page),
		.flags = flags | IOASID_MAP_FIXED};

	require(!ioasid_space_map(s->gpa, &map), "map fails");
	s->mapped[page] = flags;
}

static void change_map(struct scene *s)
{
	uint64_t page = next(s, 1) % ROGUE_PAGES;

	if (s->mapped[page])
		require(ioasid_space_unmap(s->gpa, rogue_gpa(page), PAGE) == (int64_t)PAGE,
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

/* The model: what may be asked for. */
static bool is_sound(const struct scene *s, const struct ioasid_invalidation *one)
{
	bool range = one->what == IOASID_INVALIDATE_RANGE;
	bool of_pasid = s->guest.pasids && (range || one->what == IOASID_INVALIDATE_PASID);

	if (one->what > IOASID_INVALIDATE_DEVICE || one->flags & ~IOASID_INVALIDATE_LEAF ||
		one->reserved)
		return false;
	if (one->what == IOASID_INVALIDATE_PASID && !s->guest.pasids)
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
		list[i] = rogue_invalidation(&s->guest, s->device);
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
	struct rogue_target target = rogue_aim(&s->guest);
	struct ioasid_mock_dma dma = {.kind = (uint32_t)next(s, 1) % 3,
		.pasid = target.pasid,
		.iova = target.addr,
		.buffer = buffer,
		.length = next(s, 2) % length + 1};

	/* beyond what the device has */
	if (dma.pasid != IOASID_PASID_NONE)
		dma.pasid %= 1u << 20;
	dma.source = dma.kind == IOASID_MOCK_DMA_COPY ? rogue_aim(&s->guest).addr : 0;
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
	for (unsigned int i = 0; i < ROGUE_PAGES; i++)
		if (s->mapped[i] && (uintptr_t)host - (uintptr_t)s->guest.page[i] < (uintptr_t)PAGE)
			return true;
	return false;
}

/* A table that cannot be written, where an access wants to be noted: a look does not see that. */
static bool is_unwritable(const struct scene *s, const struct ioasid_mock_dma *dma)
{
	bool some = false;

	for (unsigned int i = 0; i < ROGUE_PAGES; i++)
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
		rogue_write_word(&s->guest);
	else if (which < 10)
		rogue_write_path(&s->guest);
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
	for (unsigned int i = 0; i < ROGUE_PAGES; i++) {
		s->guest.page[i] = aligned_alloc(PAGE, PAGE);
		require(s->guest.page[i], "no memory");
		memset(s->guest.page[i], 0, PAGE);
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
	for (unsigned int i = 0; i < ROGUE_PAGES; i++)
		free(s->guest.page[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scene scene = {.guest = {.data = data, .left = size}};

	begin(&scene);
	while (scene.guest.left)
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
	fuzzcorpus_suite(suite);
	return support_run(suite);
}

#endif
