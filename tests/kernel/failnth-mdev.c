/* SPDX-License-Identifier: MIT */
/*
 * Failures inside of the kernel, one after the other: of a mediated device of VFIO, the kernel's
 * sample mtty. Its descriptor is a new one each time, since the kernel lets go of a device with it.
 */
#include "failnth.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define CREATE "/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-2/create"
#define UUID   "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"
#define DEVICE "/dev/vfio/devices/vfio0"

static void create(void)
{
	ssize_t length = sizeof(UUID) - 1;
	int fd = open(CREATE, O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, UUID, (size_t)length), length);
	close(fd);
}

static void opened(struct stage *stage)
{
	rig_open(&stage->r, 0);
	stage->memory = support_memory(2 * LENGTH, 11);
	stage->fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(stage->fd, 0);
}

static int bind(struct stage *stage)
{
	return ioasid_device_bind(stage->r.ctx, stage->fd,
		IOASID_OPTS(ioasid_device_opts, .name = "mtty"), &stage->r.device[0]);
}

static void is_mediated(struct stage *stage)
{
	struct ioasid_device_info info = {.size = sizeof(info)};

	stage->r.devices = 1;
	ok(ioasid_device_info(stage->r.device[0], &info));
	ck_assert_uint_eq(info.flags, IOASID_DEVICE_MEDIATED);
}

static void bound(struct stage *stage)
{
	opened(stage);
	ok(bind(stage));
	stage->r.devices = 1;
	stage->space[0] = rig_space(&stage->r, 0);
	ok(rig_map(stage->space[0], AT(0), stage->memory, LENGTH, RW));
}

static int attach(struct stage *stage)
{
	return ioasid_device_attach(stage->r.device[0], stage->space[0], NULL, &stage->route[0]);
}

/* It reaches pages when it wants to: none is pinned yet. */
static void is_attached(struct stage *stage)
{
	ck_assert_ptr_eq(ioasid_attachment_space(stage->route[0]), stage->space[0]);
	ck_assert_uint_eq(selftest_pinned(), stage->r.pinned);
}

static const struct scenario binding = {opened, bind, is_mediated, stage_clear, 1, false};
static const struct scenario attaching = {bound, attach, is_attached, stage_clear, 1, false};

START_TEST(the_bind_of_a_mediated_device)
{
	sweep(&binding);
}
END_TEST

START_TEST(the_attach_of_a_mediated_device)
{
	sweep(&attaching);
}
END_TEST

void failnth_add_mdev(Suite *suite)
{
	TCase *tcase = support_case(suite, "mediated devices");

	tcase_add_unchecked_fixture(tcase, create, NULL);
	tcase_add_test(tcase, the_bind_of_a_mediated_device);
	tcase_add_test(tcase, the_attach_of_a_mediated_device);
}
