/* SPDX-License-Identifier: MIT */
/*
 * Of the mock: the pump, whose order is one and the same in every run.
 */
#include "mockkit.h"

#define TRANSFERS 6
#define PAGES     3
#define MISSES    (TRANSFERS * PAGES)

/* The addresses in the order in which a run asks for them; each transfer has its own. */
static void record_order(uint64_t seed, uint64_t order[MISSES])
{
	struct rig_opts opts = {
		.platform = {.seed = seed}, .faults = true, .device = {.retries = 1}};
	unsigned char *memory = support_memory(PAGE, 1), buffer[PAGES * 4096];
	struct ioasid_mock_dma dma[TRANSFERS];
	struct ioasid_fault faults[TRANSFERS];
	unsigned int asked = 0;
	struct rig rig;

	rig_begin(&rig, &opts);
	for (unsigned int i = 0; i < TRANSFERS; i++) {
		dma[i] = rig_dma(&rig, IOASID_MOCK_DMA_READ, i << 20, buffer, sizeof(buffer));
		ok(ioasid_mock_dma_start(rig.hw, &dma[i]));
	}
	while (ok(ioasid_mock_pump(rig.mock))) {
		int n = ok(ioasid_faultq_read(rig.faults, faults, TRANSFERS));

		ck_assert_int_gt(n, 0);
		for (int i = 0; i < n; i++) {
			ck_assert_uint_lt(asked, MISSES);
			order[asked++] = faults[i].addr;
			rig_map(rig.space, faults[i].addr, memory, PAGE, IOASID_MAP_RW);
			rig_answer(&rig, faults[i].id, IOASID_RESPONSE_SUCCESS);
		}
	}
	ck_assert_uint_eq(asked, MISSES);
	for (unsigned int i = 0; i < TRANSFERS; i++)
		ck_assert_uint_eq(dma[i].done, sizeof(buffer));
	rig_end(&rig);
	free(memory);
}

START_TEST(transfers_take_turns_in_the_order_of_their_start)
{
	uint64_t order[MISSES];

	record_order(0, order);
	for (unsigned int i = 0; i < MISSES; i++)
		ck_assert_uint_eq(order[i], (i % TRANSFERS << 20) + i / TRANSFERS * PAGE);
}
END_TEST

START_TEST(a_seed_gives_one_order_and_another_seed_another)
{
	uint64_t first[MISSES], again[MISSES], other[MISSES], plain[MISSES];

	record_order(42, first);
	record_order(42, again);
	record_order(43, other);
	record_order(0, plain);
	ck_assert_mem_eq(first, again, sizeof(first));
	ck_assert_mem_ne(first, other, sizeof(first));
	ck_assert_mem_ne(first, plain, sizeof(first));
}
END_TEST

START_TEST(a_turn_is_a_page)
{
	unsigned char *memory = support_memory(2 * PAGE, 1), *buffer = support_memory(8, 2);
	struct ioasid_mock_dma to, from;
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){0});
	rig_map(rig.space, 0, memory, 2 * PAGE, IOASID_MAP_RW);
	/* writes the last four bytes of one page, then the first four of the next */
	to = rig_dma(&rig, IOASID_MOCK_DMA_WRITE, PAGE - 4, buffer, 8);
	/* a read between the two turns sees the second page as it was */
	unsigned char seen[8], before[4];
	memcpy(before, memory + PAGE, 4);
	from = rig_dma(&rig, IOASID_MOCK_DMA_READ, PAGE, seen, 4);
	ok(ioasid_mock_dma_start(rig.hw, &to));
	ok(ioasid_mock_dma_start(rig.hw, &from));
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 0);
	ck_assert_mem_eq(seen, before, 4);
	ck_assert_mem_eq(memory + PAGE, buffer + 4, 4);
	rig_end(&rig);
	free(buffer);
	free(memory);
}
END_TEST

START_TEST(a_thousand_transfers_of_a_few_credits_all_end)
{
	struct rig_opts opts = {.faults = true, .device = {.credits = 5, .group_pages = 3}};
	unsigned char *memory = support_memory(PAGE, 1), *buffers = support_memory(4000 * PAGE, 2);
	struct ioasid_mock_dma *dma = calloc(1000, sizeof(*dma));
	struct ioasid_fault faults[64];
	struct rig rig;

	ck_assert_ptr_nonnull(dma);
	opts.platform.seed = 7;
	rig_begin(&rig, &opts);
	for (unsigned int i = 0; i < 1000; i++) {
		dma[i] = rig_dma(&rig, IOASID_MOCK_DMA_READ, i * 16 * PAGE, buffers + i * 4 * PAGE,
			4 * PAGE);
		ok(ioasid_mock_dma_start(rig.hw, &dma[i]));
		/* later, when room is made, those who are ready do not begin at the beginning */
		if (i == 10)
			ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 11);
	}
	while (ok(ioasid_mock_pump(rig.mock))) {
		int n = ok(ioasid_faultq_read(rig.faults, faults, 64));

		ck_assert_int_gt(n, 0);
		ck_assert_int_le(n, 5);
		for (int i = 0; i < n; i++) {
			rig_map(rig.space, faults[i].addr, memory, PAGE, IOASID_MAP_RW);
			if (faults[i].flags & IOASID_FAULT_LAST)
				rig_answer(&rig, faults[i].id, IOASID_RESPONSE_SUCCESS);
		}
	}
	for (unsigned int i = 0; i < 1000; i++)
		ck_assert_int_eq(dma[i].status, 0);
	for (unsigned int i = 0; i < 4000; i++)
		ck_assert_mem_eq(buffers + i * PAGE, memory, PAGE);
	ck_assert_uint_eq(rig_stats(&rig).requests, 4000);
	ck_assert_uint_eq(rig_stats(&rig).unanswered, 0);
	rig_end(&rig);
	free(dma);
	free(buffers);
	free(memory);
}
END_TEST

void add_pump_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "pump");

	tcase_add_test(tcase, transfers_take_turns_in_the_order_of_their_start);
	tcase_add_test(tcase, a_seed_gives_one_order_and_another_seed_another);
	tcase_add_test(tcase, a_turn_is_a_page);
	tcase_add_test(tcase, a_thousand_transfers_of_a_few_credits_all_end);
}
