/* SPDX-License-Identifier: MIT */
/*
 * Software nesting beside a naive model: long random streams of maps and unmaps of three levels,
 * and after each what a device reads and may write at random addresses. Fixed seeds.
 */
#include "nest.h"
#include <stdlib.h>

#define LEVELS 3
#define PAGES  UINT64_C(48) /* of each level; addresses are pages from BASE on */
#define BASE   (AT(0x100000) / PAGE)

/* A page of a level: where it leads, a page of the level below or of memory. */
struct cell {
	uint32_t flags; /* 0: not mapped */
	uint64_t to;
	uint64_t map; /* first page of its map */
	uint64_t pages;
};

struct model {
	struct nest n;
	struct ioasid_space *space[LEVELS]; /* root first */
	struct ioasid_attachment *top;
	struct cell cell[LEVELS][PAGES];
	uint64_t random;
};

static uint64_t draw(struct model *m, uint64_t below)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return m->random % below;
}

static void model_begin(struct model *m, int platform, uint64_t seed)
{
	memset(m, 0, sizeof(*m));
	m->random = seed;
	nest_begin(&m->n, platform);
	m->space[0] = m->n.parent;
	m->space[1] = m->n.child;
	m->space[2] = contract_child(m->n.child);
	m->top = contract_attach(m->n.nic, m->space[2]);
}

static void model_end(struct model *m)
{
	ok(ioasid_attachment_detach(m->top));
	ok(ioasid_space_destroy(m->space[2]));
	nest_end(&m->n);
}

static bool any_mapped(const struct cell *cell, uint64_t pages)
{
	for (uint64_t i = 0; i < pages; i++)
		if (cell[i].flags)
			return true;
	return false;
}

static void map_something(struct model *m)
{
	uint64_t level = draw(m, LEVELS), first = draw(m, PAGES), pages = 1 + draw(m, 9), to;
	uint32_t flags = 1 + (uint32_t)draw(m, 5);
	uint64_t limit = level ? PAGES : NEST_PAGES;
	int r;

	flags = flags > IOASID_MAP_RW ? IOASID_MAP_RW : flags;
	pages = first + pages > PAGES ? PAGES - first : pages;
	to = draw(m, limit - pages + 1);
	r = contract_map(m->space[level], (BASE + first) * PAGE,
		level ? (void *)(uintptr_t)((BASE + to) * PAGE) : nest_page(&m->n, to),
		pages * PAGE, flags);
	if (any_mapped(&m->cell[level][first], pages)) {
		ck_assert_int_eq(r, -EEXIST);
		return;
	}
	ck_assert_msg(!r, "%s", ioasid_last_error());
	for (uint64_t i = 0; i < pages; i++)
		m->cell[level][first + i] = (struct cell){flags, to + i, first, pages};
}

/* Bytes that an unmap removes, or an error, as the model has it. */
static int64_t expected_unmap(const struct cell *cell, uint64_t first, uint64_t pages)
{
	int64_t bytes = 0;

	for (uint64_t i = first; i < first + pages; i++) {
		if (!cell[i].flags)
			continue;
		if (cell[i].map < first || cell[i].map + cell[i].pages > first + pages)
			return -EINVAL;
		bytes += (int64_t)PAGE;
	}
	return bytes ? bytes : -ENOENT;
}

static void unmap_something(struct model *m)
{
	uint64_t level = draw(m, LEVELS), first = draw(m, PAGES), pages;
	struct cell *cell = m->cell[level];
	int64_t expected;

	pages = 1 + draw(m, 16);
	pages = first + pages > PAGES ? PAGES - first : pages;
	if (cell[first].flags && draw(m, 2)) {
		pages = cell[first].pages;
		first = cell[first].map;
	}
	expected = expected_unmap(cell, first, pages);
	ck_assert_int_eq(
		ioasid_space_unmap(m->space[level], (BASE + first) * PAGE, pages * PAGE), expected);
	if (expected > 0)
		memset(&cell[first], 0, pages * sizeof(*cell));
}

/* The page of memory behind a page of the top level, and what a device may do there. */
static uint32_t resolve(const struct model *m, uint64_t page, uint64_t *memory)
{
	uint32_t flags = IOASID_MAP_RW;

	for (int level = LEVELS - 1; level >= 0; level--) {
		flags &= m->cell[level][page].flags;
		page = m->cell[level][page].to;
		if (!flags)
			return 0;
	}
	*memory = page;
	return flags;
}

static void check_page(struct model *m, uint64_t page)
{
	unsigned char bytes[16] = {0}, written;
	uint64_t memory = 0, offset = draw(m, PAGE - sizeof(bytes));
	uint64_t iova = (BASE + page) * PAGE + offset;
	uint32_t flags = resolve(m, page, &memory);
	unsigned char *real = m->n.memory + memory * PAGE + offset;
	int r = contract_dma_read(&m->n.c, m->n.nic, iova, bytes, sizeof(bytes));

	ck_assert_int_eq(r, flags & IOASID_MAP_READ ? 0 : -EFAULT);
	if (!r)
		ck_assert_mem_eq(bytes, real, sizeof(bytes));
	written = (unsigned char)~*real;
	r = contract_dma_write(&m->n.c, m->n.nic, iova, &written, 1);
	ck_assert_int_eq(r, flags & IOASID_MAP_WRITE ? 0 : -EFAULT);
	if (!r)
		ck_assert_uint_eq(*real, written);
}

static void check_totals(struct model *m)
{
	struct ioasid_space_info info = {.size = sizeof(info)};

	for (int level = 0; level < LEVELS; level++) {
		uint64_t mapped = 0;

		for (uint64_t i = 0; i < PAGES; i++)
			mapped += m->cell[level][i].flags ? PAGE : 0;
		ok(ioasid_space_info(m->space[level], &info));
		ck_assert_uint_eq(info.mapped, mapped);
	}
}

static void stream(int platform, uint64_t seed)
{
	struct model m;
	unsigned long rounds = support_rounds(4000);

	model_begin(&m, platform, seed);
	for (unsigned long i = 0; i < rounds; i++) {
		if (draw(&m, 5) < 3)
			map_something(&m);
		else
			unmap_something(&m);
		for (int look = 0; look < 6; look++)
			check_page(&m, draw(&m, PAGES));
		if (i % 64 == 0)
			check_totals(&m);
	}
	for (uint64_t page = 0; page < PAGES; page++)
		check_page(&m, page);
	model_end(&m);
}

START_TEST(a_device_sees_what_the_model_says)
{
	static const uint64_t seeds[] = {1, 20240229, UINT64_C(0x9e3779b97f4a7c15)};

	for (unsigned int i = 0; i < 3; i++)
		stream(_i, seeds[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nest, beside a model");

	contract_test(support_case(suite, "random"), a_device_sees_what_the_model_says);
	return support_run(suite);
}
