/* SPDX-License-Identifier: MIT */
/*
 * Of the mock: its own calls, and those of its platform, without memory. Each allocation of each
 * fails in turn; the call says so, leaves nothing behind, and works when it is tried again.
 */
#include "allocator.h"
#include "mockkit.h"
#include <unistd.h>

/* A platform as its user builds it. */
struct build {
	struct ioasid_mock *mock;
	struct ioasid_mock_device *hw[3];
	struct ioasid_ctx *ctx;
	struct ioasid_mock_dma dma[17];
	unsigned char byte;
};

static int new_platform(struct build *b)
{
	return ioasid_mock_new(NULL, &b->mock);
}

/* With IOMMU 0, which nobody made. */
static int new_device(struct build *b)
{
	return ioasid_mock_device_new(b->mock, NULL, &b->hw[0]);
}

static int new_iommu(struct build *b)
{
	return ioasid_mock_iommu_new(b->mock, NULL, NULL);
}

static int new_grouped_device(struct build *b)
{
	return ioasid_mock_device_new(b->mock,
		IOASID_OPTS(ioasid_mock_device_opts, .flags = IOASID_MOCK_DEVICE_ATS, .iommu = 1,
			.group = 7, .credits = 512),
		&b->hw[1]);
}

static int new_mate(struct build *b)
{
	return ioasid_mock_device_new(
		b->mock, IOASID_OPTS(ioasid_mock_device_opts, .iommu = 1, .group = 7), &b->hw[2]);
}

static int open_context(struct build *b)
{
	return ioasid_mock_open(b->mock, &b->ctx);
}

/* The first makes the circle of the pump, the last makes it larger. */
static int start_transfers(struct build *b)
{
	for (unsigned int i = 0; i < 17; i++) {
		if (b->dma[i].status == -EINPROGRESS)
			continue;
		b->dma[i] =
			(struct ioasid_mock_dma){.pasid = NOBODY, .buffer = &b->byte, .length = 1};
		int err = ioasid_mock_dma_start(b->hw[0], &b->dma[i]);

		if (err) {
			ck_assert_int_eq(b->dma[i].status, err);
			return err;
		}
	}
	return 0;
}

static const struct {
	int (*take)(struct build *b);
	unsigned long least; /* allocations that it makes */
} steps[] = {
	{new_platform, 1},
	{new_device, 5},
	{new_iommu, 2},
	{new_grouped_device, 5},
	{new_mate, 4},
	{open_context, 2},
	{start_transfers, 19},
};

#define STEPS ((int)(sizeof(steps) / sizeof(steps[0])))

/* Takes the step, whose nth allocation fails; false: it has not so many. */
static bool take(struct build *b, int step, unsigned long nth)
{
	unsigned int fds = support_open_fds();
	bool came;
	int err;

	allocator_fail(nth);
	err = steps[step].take(b);
	came = allocator_failed();
	if (!came) {
		ok(err);
		return false;
	}
	fails(-ENOMEM, "no memory", err);
	ck_assert_uint_eq(support_open_fds(), fds);
	ok(steps[step].take(b));
	return true;
}

static bool build(int failing, unsigned long nth)
{
	struct build b = {0};
	bool came = false;

	for (int step = 0; step < STEPS; step++)
		came |= take(&b, step, step == failing ? nth : 0);
	ck_assert_int_eq(ok(ioasid_mock_pump(b.mock)), 0);
	for (int i = 0; i < 17; i++)
		ck_assert_int_eq(b.dma[i].status, -ENODEV);
	ioasid_close(b.ctx);
	ioasid_mock_free(b.mock);
	return came;
}

START_TEST(each_allocation_of_a_constructor_may_fail)
{
	unsigned long met = 0;

	while (build(_i, met + 1))
		met++;
	ck_assert_uint_ge(met, steps[_i].least);
}
END_TEST

START_TEST(without_memory_a_group_has_one_page)
{
	struct rig_opts opts = {.faults = true, .device = {.group_pages = 4}};
	unsigned char buffer[4 * 4096];
	struct ioasid_mock_dma dma;
	struct rig rig;

	rig_begin(&rig, &opts);
	dma = rig_dma(&rig, IOASID_MOCK_DMA_READ, 0, buffer, sizeof(buffer));
	ok(ioasid_mock_dma_start(rig.hw, &dma));
	allocator_fail(1);
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 1);
	ck_assert(allocator_failed());
	rig_answer(&rig, rig_fault(&rig).id, IOASID_RESPONSE_INVALID);
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 0);
	ck_assert_uint_eq(rig_stats(&rig).requests, 1);
	rig_end(&rig);
}
END_TEST

void add_memfail_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "memfail");

	tcase_add_loop_test(tcase, each_allocation_of_a_constructor_may_fail, 0, STEPS);
	tcase_add_test(tcase, without_memory_a_group_has_one_page);
}
