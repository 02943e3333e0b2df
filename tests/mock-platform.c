/* SPDX-License-Identifier: MIT */
/*
 * Of the mock: platforms, IOMMUs, devices and groups, their options and their lifetimes; and
 * failures on order.
 */
#include "mockkit.h"
#include <fcntl.h>
#include <unistd.h>

struct bad_iommu {
	const char *words;
	struct ioasid_mock_iommu_opts opts;
};

static const struct ioasid_range upside_down = {0x2000, 0x1000};
static const struct ioasid_range touching[] = {{0x1000, 0x1fff}, {0x1fff, 0x2fff}};

static const struct bad_iommu bad_iommus[] = {
	{"size is 7", {.size = 7}},
	{"unknown flags 0x8", {.flags = 8}},
	{"page_sizes 0x800", {.page_sizes = 0x800}},
	{"page_sizes 0x20000", {.page_sizes = 0x20000}},
	{"aperture 0x2000-0x1000", {.aperture = {0x2000, 0x1000}}},
	{"iotlb_entries 3", {.iotlb_entries = 3}},
	{"iotlb_entries 2097152", {.iotlb_entries = 1u << 21}},
	{"reserved is NULL", {.reserved_count = 1}},
	{"17 reserved windows", {.reserved = touching, .reserved_count = 17}},
	{"window 0, 0x2000-0x1000", {.reserved = &upside_down, .reserved_count = 1}},
	{"window 1, 0x1fff-0x2fff", {.reserved = touching, .reserved_count = 2}},
};

START_TEST(an_iommus_bad_options_are_refused_by_name)
{
	struct ioasid_mock_iommu_opts opts = bad_iommus[_i].opts;
	struct ioasid_mock *mock;
	uint32_t index = 77;

	if (!opts.size)
		opts.size = sizeof(opts);
	ok(ioasid_mock_new(NULL, &mock));
	fails(-EINVAL, bad_iommus[_i].words, ioasid_mock_iommu_new(mock, &opts, &index));
	ck_assert_uint_eq(index, 77);
	ok(ioasid_mock_iommu_new(mock, NULL, &index));
	ck_assert_uint_eq(index, 0);
	ioasid_mock_free(mock);
}
END_TEST

struct bad_device {
	const char *words;
	struct ioasid_mock_device_opts opts;
};

static const struct bad_device bad_devices[] = {
	{"size is 4", {.size = 4}},
	{"unknown flags 0x10", {.flags = 0x10}},
	{"iommu 1: there are 1", {.iommu = 1}},
	{"iommu 4294967295", {.iommu = UINT32_MAX}},
	{"pasid_bits 21", {.pasid_bits = 21}},
	{"credits 513", {.credits = 513}},
	{"group_pages 33", {.group_pages = 33}},
	{"group_pages 5", {.credits = 4, .group_pages = 5}},
	{"tlb_entries 64: only a device with", {.tlb_entries = 64}},
	{"tlb_entries 48", {.flags = IOASID_MOCK_DEVICE_ATS, .tlb_entries = 48}},
	{"tlb_entries 2097152", {.flags = IOASID_MOCK_DEVICE_ATS, .tlb_entries = 1u << 21}},
};

START_TEST(a_devices_bad_options_are_refused_by_name)
{
	struct ioasid_mock_device_opts opts = bad_devices[_i].opts;
	struct ioasid_mock_device *device = NULL;
	struct ioasid_mock *mock;

	if (!opts.size)
		opts.size = sizeof(opts);
	ok(ioasid_mock_new(NULL, &mock));
	ok(ioasid_mock_iommu_new(mock, NULL, NULL));
	fails(-EINVAL, bad_devices[_i].words, ioasid_mock_device_new(mock, &opts, &device));
	ck_assert_ptr_null(device);
	ioasid_mock_free(mock);
}
END_TEST

START_TEST(nulls_are_refused_by_name)
{
	struct ioasid_mock_stats stats = {.size = 1};
	struct ioasid_mock_device *device;
	struct ioasid_mock *mock;
	struct ioasid_ctx *ctx;

	fails(-EINVAL, "ioasid_mock_new: mock", ioasid_mock_new(NULL, NULL));
	fails(-EINVAL, "ioasid_mock_iommu_new: mock", ioasid_mock_iommu_new(NULL, NULL, NULL));
	fails(-EINVAL, "ioasid_mock_device_new: mock", ioasid_mock_device_new(NULL, NULL, &device));
	fails(-EINVAL, "ioasid_mock_open: mock", ioasid_mock_open(NULL, &ctx));
	fails(-EINVAL, "ioasid_mock_device_fd: device", ioasid_mock_device_fd(NULL));
	fails(-EINVAL, "ioasid_mock_device_reset: device", ioasid_mock_device_reset(NULL));
	fails(-EINVAL, "ioasid_mock_pump: mock", ioasid_mock_pump(NULL));
	fails(-EINVAL, "ioasid_mock_fail: mock", ioasid_mock_fail(NULL, 0, 1, -EIO));
	fails(-EINVAL, "ioasid_mock_on_answer: mock", ioasid_mock_on_answer(NULL, NULL, NULL));
	fails(-EINVAL, "ioasid_mock_stats: mock", ioasid_mock_stats(NULL, &stats));
	ioasid_mock_free(NULL);
	ok(ioasid_mock_new(NULL, &mock));
	fails(-EINVAL, "device is NULL", ioasid_mock_device_new(mock, NULL, NULL));
	fails(-EINVAL, "ctx is NULL", ioasid_mock_open(mock, NULL));
	fails(-EINVAL, "NULL", ioasid_mock_stats(mock, NULL));
	fails(-EINVAL, "size is 1", ioasid_mock_stats(mock, &stats));
	ioasid_mock_free(mock);
}
END_TEST

START_TEST(options_of_older_and_newer_callers_are_understood)
{
	struct {
		struct ioasid_mock_opts known;
		uint64_t newer;
	} opts = {.known = {.size = sizeof(opts)}, .newer = 1};
	struct ioasid_mock *mock;

	fails(-E2BIG, "ioasid_mock_new", ioasid_mock_new(&opts.known, &mock));
	opts.newer = 0;
	ok(ioasid_mock_new(&opts.known, &mock));
	ioasid_mock_free(mock);
	/* an older one ends before memlock, which is poison here */
	opts.known = (struct ioasid_mock_opts){.size = 8, .memlock = 1};
	ok(ioasid_mock_new(&opts.known, &mock));
	ioasid_mock_free(mock);
	opts.known = (struct ioasid_mock_opts){.size = sizeof(opts.known), .flags = 1u << 31};
	fails(-EINVAL, "unknown flags 0x80000000", ioasid_mock_new(&opts.known, &mock));
}
END_TEST

START_TEST(stats_fill_what_the_caller_has)
{
	struct {
		struct ioasid_mock_stats stats;
		uint64_t guard;
	} given = {.stats = {.size = 16}, .guard = 5};
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){0});
	given.stats.iotlb_hits = 99;
	ok(ioasid_mock_stats(rig.mock, &given.stats));
	ck_assert_uint_eq(given.stats.size, 16);
	ck_assert_uint_eq(given.stats.iotlb_hits, 99);
	given.stats.size = sizeof(given);
	ok(ioasid_mock_stats(rig.mock, &given.stats));
	ck_assert_uint_eq(given.stats.iotlb_hits, 0);
	ck_assert_uint_eq(given.guard, 0);
	rig_end(&rig);
}
END_TEST

START_TEST(a_descriptor_is_new_each_time_and_close_on_exec)
{
	struct ioasid_mock_device *device;
	struct ioasid_mock *mock;
	int first, second;

	ok(ioasid_mock_new(NULL, &mock));
	ok(ioasid_mock_device_new(mock, NULL, &device));
	first = ok(ioasid_mock_device_fd(device));
	second = ok(ioasid_mock_device_fd(device));
	ck_assert_int_ne(first, second);
	ck_assert(fcntl(first, F_GETFD) & FD_CLOEXEC);
	close(first);
	close(second);
	ioasid_mock_free(mock);
}
END_TEST

START_TEST(another_platforms_device_is_no_device_here)
{
	struct ioasid_mock_device *stranger;
	struct ioasid_device *device;
	struct ioasid_mock *other;
	struct rig rig;
	int fd;

	rig_begin(&rig, &(struct rig_opts){0});
	ok(ioasid_mock_new(NULL, &other));
	ok(ioasid_mock_device_new(other, NULL, &stranger));
	fd = ok(ioasid_mock_device_fd(stranger));
	fails(-ENOTTY, "no device of this platform",
		ioasid_device_bind(rig.ctx, fd, NULL, &device));
	close(fd);
	ioasid_mock_free(other);
	rig_end(&rig);
}
END_TEST

START_TEST(a_group_is_behind_one_iommu_and_grows_while_nobody_is_bound)
{
	struct ioasid_mock_device_opts opts = {.size = sizeof(opts), .group = 5};
	struct ioasid_mock_device *hw;
	struct ioasid_device_info info = {.size = sizeof(info)};
	struct ioasid_device *device;
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){0});
	ok(ioasid_mock_iommu_new(rig.mock, NULL, NULL));
	ok(ioasid_mock_device_new(rig.mock, &opts, &hw));
	opts.iommu = 1;
	fails(-EINVAL, "group 5 is behind IOMMU 0", ioasid_mock_device_new(rig.mock, &opts, &hw));
	opts.iommu = 0;
	ok(ioasid_mock_device_new(rig.mock, &opts, &hw));
	device = rig_bind(&rig, hw, 1);
	ok(ioasid_device_info(device, &info));
	ck_assert_uint_eq(info.group, 5);
	ck_assert_uint_eq(info.group_size, 2);
	fails(-EBUSY, "group 5 is bound", ioasid_mock_device_new(rig.mock, &opts, &hw));
	ok(ioasid_device_unbind(device));
	/* that of the rig's device is nobody else's */
	ok(ioasid_device_info(rig.device, &info));
	ck_assert_uint_eq(info.group_size, 1);
	opts.group = info.group;
	fails(-EINVAL, "named none", ioasid_mock_device_new(rig.mock, &opts, &hw));
	rig_end(&rig);
}
END_TEST

START_TEST(a_group_belongs_to_one_context)
{
	struct ioasid_mock_device_opts opts = {.size = sizeof(opts), .group = 5};
	struct ioasid_mock_device *hw[2];
	struct ioasid_device *first, *second;
	struct ioasid_ctx *other;
	struct rig rig;
	int fd;

	rig_begin(&rig, &(struct rig_opts){0});
	ok(ioasid_mock_device_new(rig.mock, &opts, &hw[0]));
	ok(ioasid_mock_device_new(rig.mock, &opts, &hw[1]));
	ok(ioasid_mock_open(rig.mock, &other));
	first = rig_bind(&rig, hw[0], 1);
	fd = ok(ioasid_mock_device_fd(hw[1]));
	fails(-EBUSY, "bound to another context", ioasid_device_bind(other, fd, NULL, &second));
	ok(ioasid_device_unbind(first));
	ok(ioasid_device_bind(other, fd, NULL, &second));
	close(fd);
	ok(ioasid_device_unbind(second));
	ioasid_close(other);
	rig_end(&rig);
}
END_TEST

START_TEST(a_context_outlives_its_platform)
{
	unsigned char *memory = support_memory(PAGE, 1);
	struct ioasid_device *device;
	struct rig rig;
	int fd;

	rig_begin(&rig, &(struct rig_opts){0});
	rig_map(rig.space, 0, memory, PAGE, IOASID_MAP_RW);
	fd = ok(ioasid_mock_device_fd(rig.hw));
	ioasid_mock_free(rig.mock);
	rig.mock = NULL;
	fails(-ENODEV, "the platform is gone", ioasid_device_bind(rig.ctx, fd, NULL, &device));
	close(fd);
	ck_assert_int_eq(ok(ioasid_space_unmap(rig.space, 0, PAGE)), PAGE);
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(the_nth_operation_fails_once_and_is_counted)
{
	struct ioasid_space *space;
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){0});
	fails(-EINVAL, "no operation", ioasid_mock_fail(rig.mock, IOASID_MOCK_OP_COUNT, 1, -EIO));
	fails(-EINVAL, "error 5", ioasid_mock_fail(rig.mock, 1, 1, 5));
	fails(-EINVAL, "error -4096", ioasid_mock_fail(rig.mock, 1, 1, -4096));
	ok(ioasid_mock_fail(rig.mock, IOASID_MOCK_OP_SPACE_NEW, 2, -EILSEQ));
	ok(ioasid_space_new(rig.ctx, NULL, &space));
	ok(ioasid_space_destroy(space));
	fails(-EILSEQ, "injected", ioasid_space_new(rig.ctx, NULL, &space));
	ok(ioasid_space_new(rig.ctx, NULL, &space));
	ok(ioasid_space_destroy(space));
	ck_assert_uint_eq(rig_stats(&rig).failed, 1);
	ok(ioasid_mock_fail(rig.mock, IOASID_MOCK_OP_ANY, 1, -EXDEV));
	fails(-EXDEV, "injected", ioasid_space_new(rig.ctx, NULL, &space));
	ok(ioasid_mock_fail(rig.mock, IOASID_MOCK_OP_SPACE_NEW, 1, -EILSEQ));
	ok(ioasid_mock_fail(rig.mock, IOASID_MOCK_OP_SPACE_NEW, 0, 0));
	ok(ioasid_space_new(rig.ctx, NULL, &space));
	ok(ioasid_space_destroy(space));
	ck_assert_uint_eq(rig_stats(&rig).failed, 2);
	rig_end(&rig);
}
END_TEST

START_TEST(an_operation_that_fails_counts_for_any_too)
{
	struct ioasid_space *space;
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){0});
	ok(ioasid_mock_fail(rig.mock, IOASID_MOCK_OP_ANY, 2, -EXDEV));
	ok(ioasid_mock_fail(rig.mock, IOASID_MOCK_OP_SPACE_NEW, 1, -EILSEQ));
	fails(-EILSEQ, "injected", ioasid_space_new(rig.ctx, NULL, &space));
	fails(-EXDEV, "injected", ioasid_space_new(rig.ctx, NULL, &space));
	ok(ioasid_space_new(rig.ctx, NULL, &space));
	ck_assert_uint_eq(rig_stats(&rig).failed, 2);
	ok(ioasid_space_destroy(space));
	rig_end(&rig);
}
END_TEST

void add_platform_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "platform");

	tcase_add_loop_test(tcase, an_iommus_bad_options_are_refused_by_name, 0,
		(int)(sizeof(bad_iommus) / sizeof(bad_iommus[0])));
	tcase_add_loop_test(tcase, a_devices_bad_options_are_refused_by_name, 0,
		(int)(sizeof(bad_devices) / sizeof(bad_devices[0])));
	tcase_add_test(tcase, nulls_are_refused_by_name);
	tcase_add_test(tcase, options_of_older_and_newer_callers_are_understood);
	tcase_add_test(tcase, stats_fill_what_the_caller_has);
	tcase_add_test(tcase, a_descriptor_is_new_each_time_and_close_on_exec);
	tcase_add_test(tcase, another_platforms_device_is_no_device_here);
	tcase_add_test(tcase, a_group_is_behind_one_iommu_and_grows_while_nobody_is_bound);
	tcase_add_test(tcase, a_group_belongs_to_one_context);
	tcase_add_test(tcase, a_context_outlives_its_platform);
	tcase_add_test(tcase, the_nth_operation_fails_once_and_is_counted);
	tcase_add_test(tcase, an_operation_that_fails_counts_for_any_too);
}
