/* SPDX-License-Identifier: MIT */
/*
 * Mediated devices of VFIO over the library: the kernel's sample drivers mtty and mdpy. They have
 * no IOMMU, and no group in this kernel; the library says so, and they attach all the same.
 */
#include "guest.h"
#include "support.h"
#include <errno.h>
#include <fcntl.h>
#include <ioasid/fault.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PAGE    4096u
#define DRIVERS 2

static const struct {
	const char *type;
	const char *uuid;
} samples[DRIVERS] = {
	{"/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-2",
		"83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"},
	{"/sys/class/mdev_bus/mdpy/mdev_supported_types/mdpy-vga",
		"83b8f4f2-509f-382f-3c1e-e6bfe0fa1002"},
};

static _Alignas(PAGE) unsigned char memory[4 * PAGE];
static struct ioasid_ctx *ctx;
static struct ioasid_device *devices[DRIVERS];
static int fds[DRIVERS];

/* Device files are numbered as they come, and the first of this kernel's are ours. */
static void create(unsigned int i)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/create", samples[i].type);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	ck_assert_int_eq(write(fd, samples[i].uuid, strlen(samples[i].uuid)), 36);
	close(fd);
}

static void create_all(void)
{
	for (unsigned int i = 0; i < DRIVERS; i++)
		create(i);
}

static int open_device(unsigned int i)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/vfio/devices/vfio%u", i);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

static void set_up(void)
{
	ok(ioasid_open(NULL, &ctx));
	for (unsigned int i = 0; i < DRIVERS; i++) {
		fds[i] = open_device(i);
		ok(ioasid_device_bind(ctx, fds[i], NULL, &devices[i]));
	}
}

static void tear_down(void)
{
	for (unsigned int i = 0; i < DRIVERS; i++) {
		ioasid_device_unbind(devices[i]);
		close(fds[i]);
	}
	ioasid_close(ctx);
}

static struct ioasid_device_info info_of(unsigned int i)
{
	struct ioasid_device_info info = {.size = sizeof(info)};

	ok(ioasid_device_info(devices[i], &info));
	return info;
}

START_TEST(they_are_mediated_and_alone)
{
	struct ioasid_device_info mtty = info_of(0), mdpy = info_of(1);

	ck_assert_uint_eq(mtty.flags, IOASID_DEVICE_MEDIATED);
	ck_assert_uint_eq(mdpy.flags, IOASID_DEVICE_MEDIATED);
	ck_assert_uint_eq(mtty.group_size, 1);
	ck_assert_uint_ne(mtty.group, mdpy.group);
	ck_assert_uint_eq(mtty.pasid_bits | mtty.credits | mtty.group_pages, 0);
}
END_TEST

START_TEST(they_attach_map_move_and_detach)
{
	struct ioasid_attachment *routes[DRIVERS];
	struct ioasid_space *spaces[2];
	struct ioasid_map map = {.addr = memory, .length = sizeof(memory), .flags = IOASID_MAP_RW};

	for (unsigned int i = 0; i < 2; i++)
		ok(ioasid_space_new(ctx, NULL, &spaces[i]));
	for (unsigned int i = 0; i < DRIVERS; i++)
		ok(ioasid_device_attach(devices[i], spaces[i], NULL, &routes[i]));
	ok(ioasid_space_map(spaces[0], &map));
	ok(ioasid_attachment_replace(routes[1], spaces[0]));
	ck_assert_ptr_eq(ioasid_attachment_space(routes[1]), spaces[0]);
	ok(ioasid_space_destroy(spaces[1]));
	for (unsigned int i = 0; i < DRIVERS; i++) {
		fails(-EBUSY, "attach", ioasid_space_destroy(spaces[0]));
		ok(ioasid_attachment_detach(routes[i]));
	}
	ok(ioasid_space_destroy(spaces[0]));
}
END_TEST

START_TEST(they_nest_in_software)
{
	struct ioasid_attachment *below, *over;
	struct ioasid_space *parent, *child;
	struct ioasid_map map = {.addr = memory, .length = sizeof(memory), .flags = IOASID_MAP_RW};

	ok(ioasid_space_new(ctx, NULL, &parent));
	ok(ioasid_space_new_nested(parent, NULL, &child));
	ok(ioasid_device_attach(devices[0], parent, NULL, &below));
	ok(ioasid_device_attach(devices[0], child, NULL, &over));
	ok(ioasid_space_map(parent, &map));
	map.addr = (void *)(uintptr_t)map.iova;
	ok(ioasid_space_map(child, &map));
	ok(ioasid_attachment_detach(over));
	ok(ioasid_attachment_detach(below));
	ok(ioasid_space_destroy(child));
	ok(ioasid_space_destroy(parent));
}
END_TEST

static void refuses(const struct ioasid_space_opts *opts, const char *words)
{
	struct ioasid_attachment *route;
	struct ioasid_space *space;

	ok(ioasid_space_new(ctx, opts, &space));
	for (unsigned int i = 0; i < DRIVERS; i++)
		fails(-EOPNOTSUPP, words, ioasid_device_attach(devices[i], space, NULL, &route));
	ok(ioasid_space_destroy(space));
}

START_TEST(what_needs_a_table_is_refused_at_attach)
{
	struct ioasid_faultq *queue;

	ok(ioasid_faultq_new(ctx, NULL, &queue));
	refuses(IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_NEST_PARENT),
		"hardware nesting");
	refuses(IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_DIRTY_TRACKING),
		"dirty tracking");
	refuses(IOASID_OPTS(ioasid_space_opts, .faults = queue), "page requests");
	ioasid_faultq_free(queue);
}
END_TEST

START_TEST(they_are_bound_once)
{
	struct ioasid_device *device;
	int again = open_device(0);

	fails(-EBUSY, "this open file is bound already",
		ioasid_device_bind(ctx, fds[0], NULL, &device));
	fails(-EBUSY, "through another open file", ioasid_device_bind(ctx, again, NULL, &device));
	close(again);
}
END_TEST

/* Some answer to what VFIO is asked as one of its devices would that is bound already. */
START_TEST(other_device_files_are_none)
{
	static const char *const files[] = {"/dev/urandom", "/dev/null"};
	struct ioasid_device *device;

	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd = open(files[i], O_RDWR | O_CLOEXEC);

		ck_assert_int_ge(fd, 0);
		fails(-ENOTTY, "open its VFIO device file",
			ioasid_device_bind(ctx, fd, NULL, &device));
		close(fd);
	}
}
END_TEST

START_TEST(a_context_that_closes_lets_go_of_them)
{
	struct ioasid_attachment *route;
	struct ioasid_space *space;
	int fd;

	ok(ioasid_space_new(ctx, NULL, &space));
	ok(ioasid_device_attach(devices[0], space, NULL, &route));
	close(fds[0]);
	ioasid_close(ctx);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_device_unbind(devices[0]));
	ok(ioasid_space_destroy(space));
	ok(ioasid_device_unbind(devices[1]));
	devices[1] = NULL;

	ok(ioasid_open(NULL, &ctx));
	fd = fds[0] = open_device(0);
	ok(ioasid_device_bind(ctx, fd, NULL, &devices[0]));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mdev");
	TCase *tcase = support_case(suite, "mdev");

	tcase_add_unchecked_fixture(tcase, create_all, NULL);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, they_are_mediated_and_alone);
	tcase_add_test(tcase, they_attach_map_move_and_detach);
	tcase_add_test(tcase, they_nest_in_software);
	tcase_add_test(tcase, what_needs_a_table_is_refused_at_attach);
	tcase_add_test(tcase, they_are_bound_once);
	tcase_add_test(tcase, other_device_files_are_none);
	tcase_add_test(tcase, a_context_that_closes_lets_go_of_them);
	guest_run(suite);
}
