/* SPDX-License-Identifier: MIT */
/*
 * The contract, rule 5: maps never overlap, an unmap covers whole maps, and maps of different
 * spaces run side by side. Where a map may lie is in contract-iova.c.
 */
#include "contract.h"
#include <stdlib.h>

#define PAGES  16
#define LENGTH (PAGES * PAGE)

/* A space over a device, and memory to map in it. */
struct bench {
	struct contract_nic *nic;
	struct ioasid_space *space;
	struct ioasid_attachment *route;
	unsigned char *memory;
};

static void bench_begin(struct bench *b, struct contract *c)
{
	b->nic = contract_nic(c, "nic0", (struct contract_wish){0});
	b->space = contract_space(c);
	b->route = contract_attach(b->nic, b->space);
	b->memory = support_memory(LENGTH, 4);
}

static void bench_end(struct bench *b)
{
	ok(ioasid_attachment_detach(b->route));
	ok(ioasid_space_destroy(b->space));
	free(b->memory);
}

static int map(struct bench *b, uint64_t iova, uint64_t pages)
{
	return contract_map(b->space, iova, b->memory, pages * PAGE, IOASID_MAP_RW);
}

static uint64_t mapped(struct ioasid_space *space)
{
	struct ioasid_space_info info = {.size = sizeof(info)};

	ok(ioasid_space_info(space, &info));
	return info.mapped;
}

START_TEST(an_overlap_is_refused_naming_the_map_in_the_way)
{
	struct contract c;
	struct bench b;

	contract_begin(&c, _i);
	bench_begin(&b, &c);
	ok(map(&b, AT(0x10000), 4));
	fails(-EEXIST, "0x40010000-0x40013fff", map(&b, AT(0x10000), 4));
	fails(-EEXIST, "0x40010000-0x40013fff", map(&b, AT(0xf000), 2));
	fails(-EEXIST, "0x40010000-0x40013fff", map(&b, AT(0x13000), 2));
	fails(-EEXIST, "0x40010000-0x40013fff", map(&b, AT(0x11000), 1));
	fails(-EEXIST, "0x40010000-0x40013fff", map(&b, AT(0xf000), 6));
	ck_assert_uint_eq(mapped(b.space), 4 * PAGE);
	ok(map(&b, AT(0xf000), 1));
	ok(map(&b, AT(0x14000), 1));
	DMA_SEES(&c, b.nic, AT(0x10000), b.memory, 4 * PAGE);
	bench_end(&b);
	contract_end(&c);
}
END_TEST

START_TEST(an_unmap_that_cuts_a_map_removes_nothing)
{
	struct contract c;
	struct bench b;

	contract_begin(&c, _i);
	bench_begin(&b, &c);
	ok(map(&b, AT(0x10000), 4));
	ok(map(&b, AT(0x20000), 4));
	fails(-EINVAL, "0x40020000-0x40023fff", ioasid_space_unmap(b.space, AT(0x10000), 0x11000));
	fails(-EINVAL, "0x40010000-0x40013fff", ioasid_space_unmap(b.space, AT(0x11000), 0x13000));
	fails(-EINVAL, "0x40010000-0x40013fff", ioasid_space_unmap(b.space, AT(0x11000), 0x1000));
	ck_assert_uint_eq(mapped(b.space), 8 * PAGE);
	DMA_SEES(&c, b.nic, AT(0x10000), b.memory, 4 * PAGE);
	DMA_SEES(&c, b.nic, AT(0x20000), b.memory, 4 * PAGE);
	bench_end(&b);
	contract_end(&c);
}
END_TEST

START_TEST(an_unmap_returns_the_bytes_and_dma_ends)
{
	struct contract c;
	struct bench b;

	contract_begin(&c, _i);
	bench_begin(&b, &c);
	ok(map(&b, AT(0x10000), 4));
	ok(map(&b, AT(0x20000), 2));
	ok(map(&b, AT(0x30000), 1));
	DMA_SEES(&c, b.nic, AT(0x20000), b.memory, PAGE);
	/* holes around and between do not matter */
	ck_assert_int_eq(ok(ioasid_space_unmap(b.space, AT(0x8000), 0x20000)), 6 * (int64_t)PAGE);
	DMA_FAILS(&c, b.nic, AT(0x10000));
	DMA_FAILS(&c, b.nic, AT(0x20000));
	DMA_SEES(&c, b.nic, AT(0x30000), b.memory, PAGE);
	ck_assert_uint_eq(mapped(b.space), PAGE);
	fails(-ENOENT, "0x40010000", ioasid_space_unmap(b.space, AT(0x10000), 0x4000));
	ck_assert_int_eq(ok(ioasid_space_unmap(b.space, AT(0x30000), PAGE)), (int64_t)PAGE);
	ck_assert_uint_eq(mapped(b.space), 0);
	bench_end(&b);
	contract_end(&c);
}
END_TEST

START_TEST(unmap_of_everything_removes_all_maps)
{
	struct contract c;
	struct bench b;

	contract_begin(&c, _i);
	bench_begin(&b, &c);
	fails(-ENOENT, "ioasid_space_unmap", ioasid_space_unmap(b.space, 0, UINT64_MAX));
	for (uint64_t i = 0; i < 100; i++)
		ok(map(&b, AT(0x100000) + i * 0x10000, 1 + i % 4));
	ck_assert_int_eq(ok(ioasid_space_unmap(b.space, 0, UINT64_MAX)), 250 * (int64_t)PAGE);
	ck_assert_uint_eq(mapped(b.space), 0);
	for (uint64_t i = 0; i < 100; i++)
		DMA_FAILS(&c, b.nic, AT(0x100000) + i * 0x10000);
	bench_end(&b);
	contract_end(&c);
}
END_TEST

START_TEST(a_place_can_be_mapped_again)
{
	struct contract c;
	struct bench b;

	contract_begin(&c, _i);
	bench_begin(&b, &c);
	for (int i = 0; i < PAGES; i++) {
		const unsigned char *here = b.memory + (size_t)i * PAGE;

		ok(contract_map(b.space, AT(0x10000), here, PAGE, IOASID_MAP_RW));
		DMA_SEES(&c, b.nic, AT(0x10000), here, PAGE);
		ok(ioasid_space_unmap(b.space, AT(0x10000), PAGE));
		DMA_FAILS(&c, b.nic, AT(0x10000));
	}
	bench_end(&b);
	contract_end(&c);
}
END_TEST

START_TEST(what_may_only_be_read_is_not_written)
{
	struct contract c;
	struct bench b;
	unsigned char byte = 0;

	contract_begin(&c, _i);
	bench_begin(&b, &c);
	ok(contract_map(b.space, AT(0x10000), b.memory, PAGE, IOASID_MAP_READ));
	byte = (unsigned char)~b.memory[8];
	ck_assert_int_eq(contract_dma_write(&c, b.nic, AT(0x10008), &byte, 1), -EFAULT);
	ck_assert_uint_ne(b.memory[8], byte);
	ck_assert_int_eq(contract_dma_read(&c, b.nic, AT(0x10008), &byte, 1), 0);
	ck_assert_uint_eq(b.memory[8], byte);
	bench_end(&b);
	contract_end(&c);
}
END_TEST

static void write_only(struct contract *c, struct bench *b)
{
	unsigned char byte = (unsigned char)~b->memory[8];

	ok(contract_map(b->space, AT(0x10000), b->memory, PAGE, IOASID_MAP_WRITE));
	ck_assert_int_eq(contract_dma_write(c, b->nic, AT(0x10008), &byte, 1), 0);
	ck_assert_uint_eq(b->memory[8], byte);
}

START_TEST(what_may_be_written_is_written)
{
	struct contract c;
	struct bench b;

	contract_begin(&c, _i);
	bench_begin(&b, &c);
	write_only(&c, &b);
	bench_end(&b);
	contract_end(&c);
}
END_TEST

START_TEST(what_may_only_be_written_is_not_read)
{
	struct contract c;
	struct bench b;
	unsigned char byte;

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .no_read = true);
	bench_begin(&b, &c);
	write_only(&c, &b);
	ck_assert_int_eq(contract_dma_read(&c, b.nic, AT(0x10008), &byte, 1), -EFAULT);
	bench_end(&b);
	contract_end(&c);
}
END_TEST

START_TEST(pinned_memory_comes_and_goes_with_its_maps)
{
	struct contract c;
	struct bench b;
	uint64_t before;

	contract_begin(&c, _i);
	before = c.platform->pinned(c.machine);
	bench_begin(&b, &c);
	ok(map(&b, AT(0x10000), PAGES));
	if (before != UINT64_MAX)
		ck_assert_uint_eq(c.platform->pinned(c.machine), before + LENGTH);
	ok(ioasid_space_unmap(b.space, AT(0x10000), LENGTH));
	if (before != UINT64_MAX)
		ck_assert_uint_eq(c.platform->pinned(c.machine), before);
	ok(map(&b, AT(0x10000), PAGES));
	bench_end(&b);
	if (before != UINT64_MAX)
		ck_assert_uint_eq(c.platform->pinned(c.machine), before);
	contract_end(&c);
}
END_TEST

struct mapper {
	struct contract *contract;
	struct bench bench;
	pthread_t thread;
	unsigned long rounds;
	int failed;
};

/* The space is this thread's alone, so nothing may fail, whatever the others do. */
static void *map_and_unmap(void *arg)
{
	struct mapper *m = arg;
	unsigned char byte;

	for (unsigned long i = 0; i < m->rounds && !m->failed; i++) {
		uint64_t iova = AT(0x100000) + i % 64 * 0x10000, offset = i % LENGTH;

		m->failed |= map(&m->bench, iova, PAGES);
		m->failed |= contract_dma_read(m->contract, m->bench.nic, iova + offset, &byte, 1);
		m->failed |= byte != m->bench.memory[offset];
		if (i % 3 == 2)
			m->failed |= ioasid_space_unmap(m->bench.space, 0, UINT64_MAX) !=
				     3 * (int64_t)LENGTH;
	}
	return NULL;
}

START_TEST(maps_of_different_spaces_run_side_by_side)
{
	struct contract c;
	struct mapper mapper[4] = {{0}};

	contract_begin(&c, _i);
	for (int i = 0; i < 4; i++) {
		mapper[i].contract = &c;
		mapper[i].rounds = support_rounds(3000) / 3 * 3;
		bench_begin(&mapper[i].bench, &c);
	}
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(
			pthread_create(&mapper[i].thread, NULL, map_and_unmap, &mapper[i]), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_join(mapper[i].thread, NULL), 0);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(mapper[i].failed, 0);
		bench_end(&mapper[i].bench);
	}
	contract_end(&c);
}
END_TEST

struct claimant {
	struct ioasid_space *space;
	const unsigned char *memory;
	pthread_t thread;
	unsigned int won;
	int odd;
};

/* Many want the same places: each is had once. */
static void *claim(void *arg)
{
	struct claimant *claimant = arg;

	for (uint64_t i = 0; i < 64; i++) {
		int r = contract_map(claimant->space, AT(0x100000) + i * PAGE, claimant->memory,
			PAGE, IOASID_MAP_READ);

		claimant->won += !r;
		if (r && r != -EEXIST)
			claimant->odd = r;
	}
	return NULL;
}

START_TEST(a_place_wanted_by_many_threads_is_had_once)
{
	struct contract c;
	struct bench b;
	struct claimant claimant[4];
	unsigned int won = 0;

	contract_begin(&c, _i);
	bench_begin(&b, &c);
	for (int i = 0; i < 4; i++) {
		claimant[i] = (struct claimant){.space = b.space, .memory = b.memory};
		ck_assert_int_eq(pthread_create(&claimant[i].thread, NULL, claim, &claimant[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_join(claimant[i].thread, NULL), 0);
		ck_assert_int_eq(claimant[i].odd, 0);
		won += claimant[i].won;
	}
	ck_assert_uint_eq(won, 64);
	ck_assert_uint_eq(mapped(b.space), 64 * PAGE);
	bench_end(&b);
	contract_end(&c);
}
END_TEST

void contract_add_map(Suite *suite)
{
	TCase *tcase = support_case(suite, "rule 5: maps");

	contract_test(tcase, an_overlap_is_refused_naming_the_map_in_the_way);
	contract_test(tcase, an_unmap_that_cuts_a_map_removes_nothing);
	contract_test(tcase, an_unmap_returns_the_bytes_and_dma_ends);
	contract_test(tcase, unmap_of_everything_removes_all_maps);
	contract_test(tcase, a_place_can_be_mapped_again);
	contract_test(tcase, what_may_only_be_read_is_not_written);
	contract_test(tcase, what_may_be_written_is_written);
	contract_test(tcase, what_may_only_be_written_is_not_read);
	contract_test(tcase, pinned_memory_comes_and_goes_with_its_maps);
	contract_test(tcase, maps_of_different_spaces_run_side_by_side);
	contract_test(tcase, a_place_wanted_by_many_threads_is_had_once);
}
