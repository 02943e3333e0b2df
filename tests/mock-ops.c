/* SPDX-License-Identifier: MIT */
/*
 * Of the mock, what only the core sees of it: its operations called directly, by numbers, where
 * the core would not let a user go; and the table that gives those numbers.
 */
#include "mock/iommu.h"
#include "mock/platform.h"
#include "mock/table.h"
#include "mockkit.h"
#include <stdio.h>
#include <unistd.h>

/* The table */

START_TEST(the_lowest_free_number_is_given_at_once)
{
	struct table table = {0};
	uint32_t number;
	int object;

	ck_assert_ptr_null(table_get(&table, 1));
	for (uint32_t i = 1; i <= 5000; i++) {
		ck_assert_int_eq(table_put(&table, &object, &number), 0);
		ck_assert_uint_eq(number, i);
	}
	ck_assert_uint_eq(table.count, 5000);
	table_drop(&table, 4097);
	table_drop(&table, 64);
	table_drop(&table, 4999);
	ck_assert_ptr_null(table_get(&table, 64));
	ck_assert_int_eq(table_put(&table, &object, &number), 0);
	ck_assert_uint_eq(number, 64);
	ck_assert_int_eq(table_put(&table, &object, &number), 0);
	ck_assert_uint_eq(number, 4097);
	ck_assert_int_eq(table_put(&table, &object, &number), 0);
	ck_assert_uint_eq(number, 4999);
	ck_assert_int_eq(table_put(&table, &object, &number), 0);
	ck_assert_uint_eq(number, 5001);
	table_free(&table);
}
END_TEST

START_TEST(a_table_with_a_limit_keeps_to_it)
{
	struct table table = {.limit = 100};
	uint32_t number, sum = 0;
	int object;

	ck_assert_int_eq(table_reserve(&table, 100), 0);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(table_put(&table, &object, &number), 0);
	number = 7;
	ck_assert_int_eq(table_put(&table, &object, &number), -ENOSPC);
	ck_assert_uint_eq(number, 7);
	ck_assert_ptr_null(table_get(&table, 0));
	ck_assert_ptr_null(table_get(&table, 101));
	ck_assert_ptr_null(table_get(&table, UINT32_MAX));
	for (number = 0; table_next(&table, &number); table_drop(&table, number))
		sum += number;
	ck_assert_uint_eq(sum, 5050);
	ck_assert_uint_eq(table.count, 0);
	table_free(&table);
}
END_TEST

/* An IOMMU */

START_TEST(nothing_is_usable_from_within_a_window_up_to_the_last_address)
{
	const struct mock_iommu iommu = {
		.aperture = {0x1000, UINT64_MAX},
		.reserved = {{0x8000, UINT64_MAX}},
		.reserved_count = 1,
	};
	struct ioasid_range range;

	ck_assert(iommu_usable(&iommu, 0, &range));
	ck_assert_uint_eq(range.first, 0x1000);
	ck_assert_uint_eq(range.last, 0x7fff);
	ck_assert(!iommu_usable(&iommu, 0x8000, &range));
	ck_assert(!iommu_covers(&iommu, 0, 0xfff));
}
END_TEST

/* The operations, on a backend without a core */

struct bench {
	struct ioasid_mock *mock;
	struct mock_backend be;
	struct ioasid_mock_device *hw[2]; /* without PASIDs */
	int fd[2];
	uint32_t device[2];
	uint32_t space[2];
};

static int bind(struct bench *bench, int i)
{
	struct backend_device is;
	int err = mock_ops.device_bind(&bench->be.base, bench->fd[i], 0, &is);

	bench->device[i] = err ? 0 : is.id;
	return err;
}

static void bench_begin(struct bench *bench, uint32_t flags)
{
	struct ioasid_mock_opts opts = {.size = sizeof(opts), .flags = flags};
	struct ioasid_mock_device_opts device = {
		.size = sizeof(device), .group = 1, .group_pages = 4};
	struct backend_space intent = {0};

	device.flags = IOASID_MOCK_DEVICE_PRI;
	*bench = (struct bench){0};
	ok(ioasid_mock_new(&opts, &bench->mock));
	bench->be.mock = bench->mock;
	bench->be.base.ops = &mock_ops;
	bench->be.base.extensions = UINT64_C(1) << IOASID_EXT_NEST_SOFTWARE;
	for (int i = 0; i < 2; i++) {
		ok(ioasid_mock_device_new(bench->mock, &device, &bench->hw[i]));
		bench->fd[i] = ok(ioasid_mock_device_fd(bench->hw[i]));
	}
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(bind(bench, i), 0);
		ck_assert_int_eq(mock_ops.space_new(&bench->be.base, &intent, &bench->space[i]), 0);
	}
}

static void bench_end(struct bench *bench)
{
	mock_ops.close(&bench->be.base);
	table_free(&bench->be.spaces);
	table_free(&bench->be.devices);
	table_free(&bench->be.queues);
	maptree_clear(&bench->be.registered);
	close(bench->fd[0]);
	close(bench->fd[1]);
	ioasid_mock_free(bench->mock);
}

static int attach(struct bench *bench, int device, int space)
{
	struct backend_route route = {bench->device[device], IOASID_PASID_NONE};

	return mock_ops.attach(&bench->be.base, route, bench->space[space]);
}

static int detach(struct bench *bench, int device)
{
	struct backend_route route = {bench->device[device], IOASID_PASID_NONE};

	return mock_ops.detach(&bench->be.base, route);
}

static int map(struct bench *bench, int space, uint64_t iova, const unsigned char *memory)
{
	struct backend_map map = {
		.iova = iova, .length = PAGE, .addr = (uintptr_t)memory, .flags = IOASID_MAP_READ};

	return mock_ops.map(&bench->be.base, bench->space[space], &map);
}

static int peek(struct bench *bench, int device, uint64_t iova)
{
	unsigned char byte = 0;
	struct ioasid_mock_dma dma = {.pasid = NOBODY, .iova = iova, .buffer = &byte, .length = 1};
	int err = ioasid_mock_dma(bench->hw[device], &dma);

	return err ? err : byte;
}

START_TEST(a_group_has_one_table_for_all_its_devices)
{
	unsigned char *memory = support_memory(2 * PAGE, 1);
	struct bench bench;

	bench_begin(&bench, 0);
	ck_assert_int_eq(map(&bench, 0, 0, memory), 0);
	ck_assert_int_eq(map(&bench, 1, 0, memory + PAGE), 0);
	ck_assert_int_eq(attach(&bench, 0, 0), 0);
	ck_assert_int_eq(peek(&bench, 1, 3), memory[3]);
	ck_assert_int_eq(attach(&bench, 0, 0), -EEXIST);
	ck_assert_int_eq(attach(&bench, 1, 1), -EINVAL);
	ck_assert_int_eq(attach(&bench, 1, 0), 0);
	ck_assert_int_eq(mock_ops.replace(&bench.be.base,
				 (struct backend_route){bench.device[0], NOBODY}, bench.space[1]),
		0);
	ck_assert_int_eq(peek(&bench, 1, 3), memory[PAGE + 3]);
	ck_assert_int_eq(detach(&bench, 0), 0);
	ck_assert_int_eq(detach(&bench, 0), -ENOENT);
	ck_assert_int_eq(peek(&bench, 0, 3), memory[PAGE + 3]);
	ck_assert_int_eq(detach(&bench, 1), 0);
	ck_assert_int_eq(peek(&bench, 1, 3), -ENODEV);
	bench_end(&bench);
	free(memory);
}
END_TEST

START_TEST(strictly_a_space_wants_a_device_and_dma_the_whole_group)
{
	unsigned char *memory = support_memory(PAGE, 1);
	struct ioasid_range range;
	struct bench bench;
	struct backend_hardware is;

	bench_begin(&bench, IOASID_MOCK_STRICT);
	ck_assert_int_eq(map(&bench, 0, 0, memory), -ENXIO);
	ck_assert_int_eq(mock_ops.space_ranges(&bench.be.base, bench.space[0], &range, 1), -ENXIO);
	ck_assert_int_eq(mock_ops.space_hardware(&bench.be.base, bench.space[0], &is), -ENXIO);
	ck_assert_int_eq(mock_ops.space_allow(&bench.be.base, bench.space[0], NULL, 0), -ENXIO);
	ck_assert_int_eq(attach(&bench, 0, 0), 0);
	ck_assert_int_eq(mock_ops.space_ranges(&bench.be.base, bench.space[0], &range, 1), 1);
	ck_assert_int_eq(map(&bench, 0, 0, memory), 0);
	ck_assert_int_eq(peek(&bench, 0, 3), -ENODEV);
	ck_assert_int_eq(attach(&bench, 1, 1), 0);
	ck_assert_int_eq(peek(&bench, 0, 3), -ENODEV);
	ck_assert_int_eq(detach(&bench, 1), 0);
	ck_assert_int_eq(attach(&bench, 1, 0), 0);
	ck_assert_int_eq(peek(&bench, 0, 3), memory[3]);
	ck_assert_int_eq(peek(&bench, 1, 3), memory[3]);
	ck_assert_int_eq(detach(&bench, 1), 0);
	ck_assert_int_eq(peek(&bench, 0, 3), -ENODEV);
	bench_end(&bench);
	free(memory);
}
END_TEST

START_TEST(windows_are_held_against_each_iommu_that_comes_or_is_there)
{
	const struct ioasid_range beyond = {UINT64_C(1) << 48, (UINT64_C(1) << 48) + PAGE - 1};
	const struct ioasid_range low = {0, PAGE - 1};
	struct bench bench;
	struct backend *be = &bench.be.base;

	bench_begin(&bench, 0);
	ck_assert_int_eq(mock_ops.space_allow(be, bench.space[0], &beyond, 1), 0);
	ck_assert_int_eq(attach(&bench, 0, 0), -EADDRINUSE);
	ck_assert_int_eq(mock_ops.space_allow(be, bench.space[0], NULL, 0), 0);
	ck_assert_int_eq(attach(&bench, 0, 0), 0);
	ck_assert_int_eq(mock_ops.space_allow(be, bench.space[0], &beyond, 1), -EADDRINUSE);
	ck_assert_int_eq(mock_ops.space_allow(be, bench.space[0], &low, 1), 0);
	ck_assert_int_eq(mock_ops.space_allow(be, 77, &low, 1), -ENOENT);
	ck_assert_int_eq(detach(&bench, 0), 0);
	bench_end(&bench);
}
END_TEST

START_TEST(a_copy_keeps_the_pages_of_its_source)
{
	unsigned char *memory = support_memory(2 * PAGE, 1);
	struct ioasid_mock_stats stats = {.size = sizeof(stats)};
	struct backend_copy copy = {.flags = IOASID_MAP_READ, .from = 0x800000, .iova = 0x1000};
	struct bench bench;

	bench_begin(&bench, 0);
	copy.source = bench.space[0];
	copy.length = 2 * PAGE;
	ck_assert_int_eq(attach(&bench, 0, 1), 0);
	ck_assert_int_eq(map(&bench, 0, 0x800000, memory + PAGE), 0);
	/* half of it is no map, and nothing stays */
	ck_assert_int_eq(mock_ops.copy(&bench.be.base, bench.space[1], &copy), -ENOENT);
	ck_assert_int_eq(peek(&bench, 0, 0x1003), -EFAULT);
	ck_assert_int_eq(map(&bench, 0, 0x801000, memory), 0);
	ck_assert_int_eq(mock_ops.copy(&bench.be.base, bench.space[1], &copy), 0);
	mock_ops.space_destroy(&bench.be.base, bench.space[0]);
	ck_assert_int_eq(peek(&bench, 0, 0x1003), memory[PAGE + 3]);
	ck_assert_int_eq(peek(&bench, 0, 0x2003), memory[3]);
	ok(ioasid_mock_stats(bench.mock, &stats));
	ck_assert_uint_eq(stats.pinned, 2 * PAGE);
	ck_assert_int_eq(mock_ops.unmap(&bench.be.base, bench.space[1], 0x1000, 3 * PAGE - 1), 0);
	ok(ioasid_mock_stats(bench.mock, &stats));
	ck_assert_uint_eq(stats.pinned, 0);
	bench_end(&bench);
	free(memory);
}
END_TEST

START_TEST(a_copy_gives_no_more_than_was_pinned)
{
	unsigned char *memory = support_memory(PAGE, 1);
	struct backend_copy copy = {.flags = IOASID_MAP_RW, .iova = 0x1000, .length = PAGE};
	struct bench bench;

	bench_begin(&bench, 0);
	copy.source = bench.space[0];
	ck_assert_int_eq(map(&bench, 0, 0, memory), 0);
	ck_assert_int_eq(mock_ops.copy(&bench.be.base, bench.space[1], &copy), -EPERM);
	copy.flags = IOASID_MAP_READ;
	ck_assert_int_eq(mock_ops.copy(&bench.be.base, bench.space[1], &copy), 0);
	ck_assert_int_eq(mock_ops.copy(&bench.be.base, bench.space[1], &copy), -EEXIST);
	bench_end(&bench);
	free(memory);
}
END_TEST

START_TEST(cookies_are_used_again_lowest_first_and_strange_ones_refused)
{
	const struct ioasid_faultq_opts opts = {
		.records = 64, .group_max = 64, .max_outstanding = 64};
	struct backend_space intent = {0};
	struct backend_answer answers[3] = {{.cookie = 2, .code = 1}, {.cookie = 2, .code = 1}};
	struct ioasid_mock_dma dma[4];
	struct backend_faultq queue;
	unsigned char byte;
	struct bench bench;

	bench_begin(&bench, 0);
	ck_assert_int_eq(mock_ops.faultq_new(&bench.be.base, &opts, &queue), 0);
	intent.faultq = queue.id;
	ck_assert_int_eq(mock_ops.space_new(&bench.be.base, &intent, &bench.space[0]), 0);
	ck_assert_int_eq(attach(&bench, 0, 0), 0);
	for (unsigned int i = 0; i < 4; i++) {
		dma[i] = (struct ioasid_mock_dma){
			.pasid = NOBODY, .iova = i * PAGE, .buffer = &byte, .length = 1};
		if (i == 3) {
			/* the second of these was answered by the first: the count is short */
			ck_assert_int_eq(mock_ops.answer(&bench.be.base, queue.id, answers, 2), 1);
			ck_assert_int_eq(
				mock_ops.answer(&bench.be.base, queue.id, answers, 1), -EINVAL);
		}
		ok(ioasid_mock_dma_start(bench.hw[0], &dma[i]));
		ok(ioasid_mock_pump(bench.mock));
	}
	ck_assert_int_eq(dma[1].status, -EFAULT);
	/* 2 is the fourth's by now */
	ck_assert_int_eq(mock_ops.answer(&bench.be.base, queue.id, answers, 1), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(bench.mock)), 2);
	ck_assert_int_eq(dma[3].status, -EFAULT);
	answers[0] = (struct backend_answer){.cookie = 1, .code = 2};
	ck_assert_int_eq(mock_ops.answer(&bench.be.base, queue.id, answers, 1), -EINVAL);
	answers[0] = (struct backend_answer){.cookie = UINT64_MAX, .code = 1};
	ck_assert_int_eq(mock_ops.answer(&bench.be.base, queue.id, answers, 1), -EINVAL);
	ck_assert_int_eq(mock_ops.answer(&bench.be.base, queue.id + 1, answers, 1), -ENOENT);
	mock_ops.close(&bench.be.base);
	mock_ops.faultq_free(&bench.be.base, &queue);
	ck_assert_int_eq(ok(ioasid_mock_pump(bench.mock)), 0);
	ck_assert_int_eq(dma[0].status, -EFAULT);
	bench_end(&bench);
}
END_TEST

START_TEST(a_group_is_no_larger_than_its_queue_takes)
{
	const struct ioasid_faultq_opts opts = {
		.records = 64, .group_max = 3, .max_outstanding = 64};
	struct ioasid_mock_dma dma = {.pasid = NOBODY, .length = 4 * PAGE};
	struct ioasid_mock_stats stats = {.size = sizeof(stats)};
	struct backend_space intent = {0};
	struct backend_faultq queue;
	unsigned char buffer[4 * 4096];
	struct bench bench;

	bench_begin(&bench, 0);
	ck_assert_int_eq(mock_ops.faultq_new(&bench.be.base, &opts, &queue), 0);
	intent.faultq = queue.id;
	ck_assert_int_eq(mock_ops.space_new(&bench.be.base, &intent, &bench.space[0]), 0);
	ck_assert_int_eq(attach(&bench, 0, 0), 0);
	dma.buffer = buffer;
	ok(ioasid_mock_dma_start(bench.hw[0], &dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(bench.mock)), 1);
	ok(ioasid_mock_stats(bench.mock, &stats));
	ck_assert_uint_eq(stats.requests, 3);
	ck_assert_uint_eq(stats.groups, 1);
	mock_ops.close(&bench.be.base);
	mock_ops.faultq_free(&bench.be.base, &queue);
	ck_assert_int_eq(ok(ioasid_mock_pump(bench.mock)), 0);
	bench_end(&bench);
}
END_TEST

START_TEST(a_device_without_pasids_has_no_route_by_pasid_0)
{
	struct backend_route route;
	struct bench bench;

	bench_begin(&bench, 0);
	route = (struct backend_route){.device = bench.device[0], .pasid = 0};
	ck_assert_int_eq(mock_ops.attach(&bench.be.base, route, bench.space[0]), -EINVAL);
	route.device = 77;
	ck_assert_int_eq(mock_ops.attach(&bench.be.base, route, bench.space[0]), -ENOENT);
	route = (struct backend_route){.device = bench.device[0], .pasid = NOBODY};
	ck_assert_int_eq(mock_ops.attach(&bench.be.base, route, 77), -ENOENT);
	bench_end(&bench);
}
END_TEST

START_TEST(an_injected_failure_comes_before_any_change)
{
	unsigned char *memory = support_memory(PAGE, 1);
	struct ioasid_mock_stats stats = {.size = sizeof(stats)};
	struct bench bench;

	bench_begin(&bench, 0);
	ok(ioasid_mock_fail(bench.mock, IOASID_MOCK_OP_ATTACH, 1, -EIO));
	ck_assert_int_eq(attach(&bench, 0, 0), -EIO);
	ck_assert_int_eq(peek(&bench, 0, 0), -ENODEV);
	ok(ioasid_mock_fail(bench.mock, IOASID_MOCK_OP_MAP, 1, -EIO));
	ck_assert_int_eq(map(&bench, 0, 0, memory), -EIO);
	ok(ioasid_mock_stats(bench.mock, &stats));
	ck_assert_uint_eq(stats.pinned, 0);
	ck_assert_int_eq(map(&bench, 0, 0, memory), 0);
	ck_assert_int_eq(attach(&bench, 0, 0), 0);
	ok(ioasid_mock_fail(bench.mock, IOASID_MOCK_OP_UNMAP, 1, -EIO));
	ck_assert_int_eq(mock_ops.unmap(&bench.be.base, bench.space[0], 0, PAGE - 1), -EIO);
	ok(ioasid_mock_fail(bench.mock, IOASID_MOCK_OP_DETACH, 1, -EIO));
	ck_assert_int_eq(detach(&bench, 0), -EIO);
	ck_assert_int_eq(peek(&bench, 0, 3), memory[3]);
	bench_end(&bench);
	free(memory);
}
END_TEST

void add_ops_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "ops");

	tcase_add_test(tcase, the_lowest_free_number_is_given_at_once);
	tcase_add_test(tcase, a_table_with_a_limit_keeps_to_it);
	tcase_add_test(tcase, nothing_is_usable_from_within_a_window_up_to_the_last_address);
	tcase_add_test(tcase, a_group_has_one_table_for_all_its_devices);
	tcase_add_test(tcase, strictly_a_space_wants_a_device_and_dma_the_whole_group);
	tcase_add_test(tcase, windows_are_held_against_each_iommu_that_comes_or_is_there);
	tcase_add_test(tcase, a_copy_keeps_the_pages_of_its_source);
	tcase_add_test(tcase, a_copy_gives_no_more_than_was_pinned);
	tcase_add_test(tcase, cookies_are_used_again_lowest_first_and_strange_ones_refused);
	tcase_add_test(tcase, a_group_is_no_larger_than_its_queue_takes);
	tcase_add_test(tcase, a_device_without_pasids_has_no_route_by_pasid_0);
	tcase_add_test(tcase, an_injected_failure_comes_before_any_change);
}
