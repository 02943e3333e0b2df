/* SPDX-License-Identifier: MIT */
/*
 * Of the mock's hardware nesting, what only the core sees: its operations called directly, by
 * numbers, where the core would not let a user go, and what they leave behind.
 */
#include "mock/bound.h"
#include "nestedkit.h"
#include <unistd.h>

/* A backend without a core: a parent, a child without a parent as on a platform that does not nest,
 * one nested on the parent, and a device. */
struct bench {
	struct ioasid_mock *mock;
	struct mock_backend be;
	struct ioasid_mock_device *hw;
	uint32_t device, parent, root, nested;
	struct ioasid_pgtable table;
};

static uint32_t new_space(struct bench *bench, uint32_t parent)
{
	struct backend_space intent = {.parent = parent};
	uint32_t id;

	ck_assert_int_eq(mock_ops.space_new(&bench->be.base, &intent, &id), 0);
	return id;
}

static void bench_begin(struct bench *bench)
{
	struct backend_device is;
	int fd;

	*bench = (struct bench){.table = {.format = VTD, .addr = 0x1000, .addr_width = 48}};
	ok(ioasid_mock_new(NULL, &bench->mock));
	ok(ioasid_mock_iommu_new(bench->mock,
		IOASID_OPTS(ioasid_mock_iommu_opts, .flags = IOASID_MOCK_IOMMU_NESTING,
			.pgtable_formats = ALL_FORMATS),
		NULL));
	ok(ioasid_mock_device_new(bench->mock,
		IOASID_OPTS(
			ioasid_mock_device_opts, .flags = IOASID_MOCK_DEVICE_PRI, .pasid_bits = 8),
		&bench->hw));
	bench->be.mock = bench->mock;
	bench->be.base.ops = &mock_ops;
	bench->be.base.extensions = UINT64_C(1) << IOASID_EXT_NEST_SOFTWARE;
	fd = ok(ioasid_mock_device_fd(bench->hw));
	ck_assert_int_eq(mock_ops.device_bind(&bench->be.base, fd, 0, &is), 0);
	close(fd);
	bench->device = is.id;
	bench->parent = new_space(bench, 0);
	bench->root = new_space(bench, 0);
	bench->nested = new_space(bench, bench->parent);
}

static void bench_end(struct bench *bench)
{
	mock_ops.close(&bench->be.base);
	table_free(&bench->be.spaces);
	table_free(&bench->be.devices);
	table_free(&bench->be.queues);
	ioasid_mock_free(bench->mock);
}

static int attach(struct bench *bench, uint32_t space)
{
	struct backend_route route = {bench->device, NOBODY};

	return mock_ops.attach(&bench->be.base, route, space);
}

static int bind(struct bench *bench, uint32_t space, uint32_t parent)
{
	return mock_ops.pgtable_bind(&bench->be.base, space, parent, &bench->table);
}

static int unbind(struct bench *bench, uint32_t space)
{
	return mock_ops.pgtable_unbind(&bench->be.base, space);
}

static int map_far(struct bench *bench, const unsigned char *memory)
{
	struct backend_map map = {
		.iova = UINT64_C(1) << 50, .length = PAGE, .addr = (uintptr_t)memory};

	return mock_ops.map(&bench->be.base, bench->parent, &map);
}

static const struct mock_space *space_of(struct bench *bench, uint32_t id)
{
	return table_get(&bench->be.spaces, id);
}

static uint32_t routes_of(struct bench *bench, uint32_t id)
{
	const struct mock_space *space = space_of(bench, id);
	uint32_t routes = 0;

	for (uint32_t i = 0; i < space->reach_count; i++)
		routes += space->reach[i].routes;
	return routes;
}

START_TEST(strange_numbers_are_refused)
{
	struct ioasid_invalidation one = {.what = IOASID_INVALIDATE_SPACE};
	struct bench bench;

	bench_begin(&bench);
	ck_assert_int_eq(bind(&bench, 77, bench.parent), -ENOENT);
	ck_assert_int_eq(bind(&bench, bench.root, 77), -ENOENT);
	ck_assert_int_eq(bind(&bench, bench.nested, bench.root), -EINVAL);
	ck_assert_int_eq(unbind(&bench, 77), -ENOENT);
	ck_assert_int_eq(unbind(&bench, bench.root), -ENOENT);
	ck_assert_int_eq(mock_ops.invalidate(&bench.be.base, 77, &one, 1), -ENOENT);
	ck_assert_int_eq(mock_ops.invalidate(&bench.be.base, bench.root, &one, 1), -ENOENT);
	ck_assert_int_eq(mock_ops.device_invalidate(&bench.be.base, 77), -ENOENT);
	ck_assert_int_eq(bind(&bench, bench.nested, bench.parent), 0);
	ck_assert_int_eq(bind(&bench, bench.nested, bench.parent), -EBUSY);
	ck_assert_int_eq(mock_ops.invalidate(&bench.be.base, bench.nested, &one, 1), 1);
	ck_assert_int_eq(unbind(&bench, bench.nested), 0);
	ck_assert_int_eq(unbind(&bench, bench.nested), -ENOENT);
	bench_end(&bench);
}
END_TEST

START_TEST(a_space_has_its_parent_as_long_as_the_table)
{
	struct bench bench;

	bench_begin(&bench);
	ck_assert_int_eq(attach(&bench, bench.root), 0);
	ck_assert_int_eq(bind(&bench, bench.root, bench.parent), 0);
	ck_assert_ptr_eq(space_of(&bench, bench.root)->parent, space_of(&bench, bench.parent));
	ck_assert_uint_eq(space_of(&bench, bench.parent)->children, 2);
	ck_assert_uint_eq(routes_of(&bench, bench.parent), 1);
	ck_assert_int_eq(unbind(&bench, bench.root), 0);
	ck_assert_ptr_null(space_of(&bench, bench.root)->parent);
	ck_assert_uint_eq(space_of(&bench, bench.parent)->children, 1);
	ck_assert_uint_eq(routes_of(&bench, bench.parent), 0);
	ck_assert_uint_eq(routes_of(&bench, bench.root), 1);
	/* routes that come and go meanwhile */
	ck_assert_int_eq(bind(&bench, bench.root, bench.parent), 0);
	ck_assert_int_eq(
		mock_ops.detach(&bench.be.base, (struct backend_route){bench.device, NOBODY}), 0);
	ck_assert_uint_eq(routes_of(&bench, bench.parent), 0);
	ck_assert_int_eq(attach(&bench, bench.root), 0);
	ck_assert_uint_eq(routes_of(&bench, bench.parent), 1);
	ck_assert_int_eq(unbind(&bench, bench.root), 0);
	ck_assert_uint_eq(routes_of(&bench, bench.parent), 0);
	bench_end(&bench);
}
END_TEST

START_TEST(a_parent_beyond_the_iommus_reach_is_refused)
{
	unsigned char *memory = support_memory(PAGE, 1);
	struct bench bench;

	bench_begin(&bench);
	ck_assert_int_eq(map_far(&bench, memory), 0);
	/* no device yet: the first one is refused */
	ck_assert_int_eq(bind(&bench, bench.nested, bench.parent), 0);
	ck_assert_int_eq(attach(&bench, bench.nested), -EADDRINUSE);
	ck_assert_int_eq(routes_of(&bench, bench.parent), 0);
	/* a device: the table is, and leaves all as it was */
	ck_assert_int_eq(attach(&bench, bench.root), 0);
	ck_assert_int_eq(bind(&bench, bench.root, bench.parent), -EADDRINUSE);
	ck_assert_ptr_null(space_of(&bench, bench.root)->parent);
	ck_assert_ptr_null(space_of(&bench, bench.root)->bound);
	ck_assert_uint_eq(space_of(&bench, bench.parent)->children, 1);
	bench_end(&bench);
	free(memory);
}
END_TEST

START_TEST(an_injected_failure_of_a_table_comes_before_any_change)
{
	struct ioasid_invalidation one = {.what = IOASID_INVALIDATE_SPACE};
	struct bench bench;

	bench_begin(&bench);
	ok(ioasid_mock_fail(bench.mock, IOASID_MOCK_OP_BIND_PGTABLE, 1, -EIO));
	ck_assert_int_eq(bind(&bench, bench.root, bench.parent), -EIO);
	ck_assert_ptr_null(space_of(&bench, bench.root)->bound);
	ck_assert_int_eq(bind(&bench, bench.root, bench.parent), 0);
	ok(ioasid_mock_fail(bench.mock, IOASID_MOCK_OP_INVALIDATE, 1, -EIO));
	ck_assert_int_eq(mock_ops.invalidate(&bench.be.base, bench.root, &one, 1), -EIO);
	ok(ioasid_mock_fail(bench.mock, IOASID_MOCK_OP_INVALIDATE, 1, -EIO));
	ck_assert_int_eq(mock_ops.device_invalidate(&bench.be.base, bench.device), -EIO);
	ck_assert_int_eq(mock_ops.device_invalidate(&bench.be.base, bench.device), 0);
	ok(ioasid_mock_fail(bench.mock, IOASID_MOCK_OP_UNBIND_PGTABLE, 1, -EIO));
	ck_assert_int_eq(unbind(&bench, bench.root), -EIO);
	ck_assert_ptr_nonnull(space_of(&bench, bench.root)->bound);
	ck_assert_int_eq(unbind(&bench, bench.root), 0);
	bench_end(&bench);
}
END_TEST

/* The core leads a device to a child by way of the parent; a leaf need not count on it. */
START_TEST(a_default_route_that_begins_at_a_pasid_table_takes_over_what_waits)
{
	const struct ioasid_faultq_opts opts = {
		.records = 64, .group_max = 1, .max_outstanding = 64};
	struct ioasid_pgtable pasids = {
		.format = AMD, .words = {3 | UINT64_C(1) << 55 | UINT64_C(1) << 58}};
	struct backend_space intent = {0};
	struct backend_faultq queue;
	struct ioasid_mock_dma dma;
	struct bench bench;
	uint32_t tracks;
	char byte;

	bench_begin(&bench);
	ck_assert_int_eq(mock_ops.faultq_new(&bench.be.base, &opts, &queue), 0);
	intent = (struct backend_space){.parent = bench.parent, .faultq = queue.id};
	ck_assert_int_eq(mock_ops.space_new(&bench.be.base, &intent, &tracks), 0);
	ck_assert_int_eq(
		mock_ops.attach(&bench.be.base, (struct backend_route){bench.device, 1}, tracks),
		0);
	dma = guest_dma(IOASID_MOCK_DMA_READ, 0x1000, &byte, 1);
	dma.pasid = 1;
	ok(ioasid_mock_dma_start(bench.hw, &dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(bench.mock)), 1);
	ck_assert_int_eq(
		mock_ops.pasid_table_bind(&bench.be.base, bench.nested, bench.parent, &pasids), 0);
	ck_assert_int_eq(ok(ioasid_mock_pump(bench.mock)), 1);
	ck_assert_int_eq(attach(&bench, bench.nested), 0);
	ck_assert_int_eq(ok(ioasid_mock_pump(bench.mock)), 0);
	ck_assert_int_eq(dma.status, -EFAULT);
	mock_ops.close(&bench.be.base);
	mock_ops.faultq_free(&bench.be.base, &queue);
	bench_end(&bench);
}
END_TEST

/* Who asks where accesses lead looks for one only where there is one. */
START_TEST(a_pasid_table_is_counted_as_long_as_its_context_is_open)
{
	const struct ioasid_pgtable pasids = {
		.format = ARM, .words = {1 | 5 << 1 | UINT64_C(8) << 59}};
	struct bench bench;

	bench_begin(&bench);
	ck_assert_int_eq(
		mock_ops.pasid_table_bind(&bench.be.base, bench.nested, bench.parent, &pasids), 0);
	ck_assert_uint_eq(bench.mock->pasid_tables, 1);
	ck_assert_int_eq(unbind(&bench, bench.nested), 0);
	ck_assert_uint_eq(bench.mock->pasid_tables, 0);
	ck_assert_int_eq(
		mock_ops.pasid_table_bind(&bench.be.base, bench.nested, bench.parent, &pasids), 0);
	ck_assert_int_eq(bind(&bench, bench.root, bench.parent), 0);
	mock_ops.close(&bench.be.base);
	ck_assert_uint_eq(bench.mock->pasid_tables, 0);
	bench_end(&bench);
}
END_TEST

void add_nested_ops_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "ops");

	tcase_add_test(tcase, strange_numbers_are_refused);
	tcase_add_test(tcase, a_space_has_its_parent_as_long_as_the_table);
	tcase_add_test(tcase, a_parent_beyond_the_iommus_reach_is_refused);
	tcase_add_test(tcase, an_injected_failure_of_a_table_comes_before_any_change);
	tcase_add_test(tcase, a_default_route_that_begins_at_a_pasid_table_takes_over_what_waits);
	tcase_add_test(tcase, a_pasid_table_is_counted_as_long_as_its_context_is_open);
}
