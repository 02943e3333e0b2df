/* SPDX-License-Identifier: MIT */
/*
 * What the kernel refuses of real devices, and what the library makes of it: the cause and the
 * object, not an errno.
 */
#include "error.h"
#include "iommufd/provider.h"
#include "iommufd/vfio-uapi.h"
#include "passthroughkit.h"
#include "passthroughs.h"
#include <errno.h>
#include <fcntl.h>
#include <ioasid/fault.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Where VT-d takes writes for interrupts: no map may be there. */
#define INTERRUPTS UINT64_C(0xfee00000)

static struct seat seat;

static int bind_in(struct ioasid_ctx *ctx, int fd)
{
	struct ioasid_device *device;
	int err = ioasid_device_bind(ctx, fd, NULL, &device);

	if (!err)
		ok(ioasid_device_unbind(device));
	return err;
}

static int open_place(unsigned int place)
{
	int fd = open(kit.places[place].file, O_RDWR | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(a_device_is_bound_once)
{
	int again;

	seat_take(&seat, ALONE, NULL);
	fails(-EBUSY, "this open file is bound already", bind_in(kit.ctx, seat.fd));
	again = open_place(ALONE);
	fails(-EBUSY, "bound through another open file", bind_in(kit.ctx, again));
	close(again);
	seat_leave(&seat);
}
END_TEST

START_TEST(a_device_is_free_when_its_last_descriptor_is_closed)
{
	seat_take(&seat, ALONE, NULL);
	ok(ioasid_device_unbind(seat.device));
	seat.device = NULL;
	fails(-EBUSY, "open the device anew", bind_in(kit.ctx, seat.fd));
	seat_leave(&seat);
	seat_take(&seat, ALONE, kit.space);
	seat_leave(&seat);
}
END_TEST

START_TEST(a_group_belongs_to_one_context)
{
	struct ioasid_ctx *ctx;
	int mate = open_place(MATE_2);

	ok(ioasid_open(NULL, &ctx));
	seat_take(&seat, MATE, NULL);
	fails(-EPERM, "another device of its IOMMU group", bind_in(ctx, mate));
	seat_leave(&seat);
	ok(bind_in(ctx, mate));
	close(mate);
	ioasid_close(ctx);
}
END_TEST

START_TEST(what_is_no_device_is_not_taken_for_one)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	fails(-ENOTTY, "/dev/vfio/devices", bind_in(kit.ctx, null));
	close(null);
}
END_TEST

START_TEST(an_intent_that_the_iommu_lacks_is_refused_at_attach)
{
	const uint32_t intents[] = {IOASID_SPACE_NEST_PARENT, IOASID_SPACE_DIRTY_TRACKING};
	const char *const words[] = {"hardware nesting", "dirty tracking"};

	seat_take(&seat, ALONE, NULL);
	for (unsigned int i = 0; i < 2; i++) {
		struct ioasid_space *space;

		ok(ioasid_space_new(
			kit.ctx, IOASID_OPTS(ioasid_space_opts, .flags = intents[i]), &space));
		fails(-EOPNOTSUPP, words[i],
			ioasid_device_attach(seat.device, space, NULL, &seat.route));
		ok(ioasid_space_destroy(space));
	}
	seat_leave(&seat);
}
END_TEST

START_TEST(page_requests_of_a_device_without_them_are_refused_at_attach)
{
	struct ioasid_faultq *queue;
	struct ioasid_space *space;

	seat_take(&seat, ALONE, NULL);
	ok(ioasid_faultq_new(kit.ctx, NULL, &queue));
	ok(ioasid_space_new(kit.ctx, IOASID_OPTS(ioasid_space_opts, .faults = queue), &space));
	fails(-EOPNOTSUPP, "page requests",
		ioasid_device_attach(seat.device, space, NULL, &seat.route));
	ok(ioasid_space_destroy(space));
	ioasid_faultq_free(queue);
	seat_leave(&seat);
}
END_TEST

START_TEST(a_map_in_the_devices_reserved_window_is_in_its_way)
{
	kit_map(kit.space, INTERRUPTS, kit.copy, PAGE, IOASID_MAP_RW);
	seat_take(&seat, ALONE, NULL);
	fails(-EADDRINUSE, "0xfee00000",
		ioasid_device_attach(seat.device, kit.space, NULL, &seat.route));
	kit_unmap_all(kit.space);
	seat_lead(&seat, kit.space);
	seat_leave(&seat);
}
END_TEST

static int try_map(uint64_t iova, void *addr)
{
	struct ioasid_map map = {.addr = addr,
		.length = PAGE,
		.iova = iova,
		.flags = IOASID_MAP_RW | IOASID_MAP_FIXED};

	return ioasid_space_map(kit.space, &map);
}

START_TEST(a_map_in_a_reserved_window_is_refused)
{
	seat_take(&seat, ALONE, kit.space);
	fails(-EINVAL, "0xfee00000", try_map(INTERRUPTS, kit.copy));
	seat_leave(&seat);
}
END_TEST

START_TEST(registers_are_no_memory_for_dma)
{
	seat_take(&seat, ALONE, kit.space);
	fails(-EFAULT, "BAR", try_map(FILE_IOVA, (void *)(uintptr_t)seat.edu.registers));
	seat_leave(&seat);
}
END_TEST

/* The library's own provider, on an iommufd of its own. */
START_TEST(a_kernel_that_attaches_no_pasids_is_named)
{
	struct iommufd_device_handle handle = {.provider = &iommufd_vfio, .fd = open_place(ALONE)};
	struct iommufd_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct backend_device is = {.id = 0};
	int err;

	handle.iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(handle.iommufd, 0);
	ck_assert_int_eq(ioctl(handle.iommufd, IOMMUFD_IOAS_ALLOC, &alloc), 0);
	ck_assert_int_eq(iommufd_vfio.bind(&handle, &is), 0);
	err = iommufd_vfio.attach(&handle, 3, &alloc.out_ioas_id);
	fails(-EOPNOTSUPP, "Linux 6.15", error_from(err, "attach"));
	ck_assert_int_eq(iommufd_vfio.attach(&handle, IOASID_PASID_NONE, &alloc.out_ioas_id), 0);
	close(handle.fd);
	close(handle.iommufd);
}
END_TEST

void add_refusals(Suite *suite)
{
	TCase *tcase = kit_case(suite, "refusals");

	tcase_add_test(tcase, a_device_is_bound_once);
	tcase_add_test(tcase, a_device_is_free_when_its_last_descriptor_is_closed);
	tcase_add_test(tcase, a_group_belongs_to_one_context);
	tcase_add_test(tcase, what_is_no_device_is_not_taken_for_one);
	tcase_add_test(tcase, an_intent_that_the_iommu_lacks_is_refused_at_attach);
	tcase_add_test(tcase, page_requests_of_a_device_without_them_are_refused_at_attach);
	tcase_add_test(tcase, a_map_in_the_devices_reserved_window_is_in_its_way);
	tcase_add_test(tcase, a_map_in_a_reserved_window_is_refused);
	tcase_add_test(tcase, registers_are_no_memory_for_dma);
	tcase_add_test(tcase, a_kernel_that_attaches_no_pasids_is_named);
}
