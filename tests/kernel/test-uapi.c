/* SPDX-License-Identifier: MIT */
/*
 * Are our definitions of the kernel's structures the kernel's? Each is used against a kernel that
 * nobody here wrote, for its good case and for an error whose number only the right layout gives.
 */
#include "guest.h"
#include "iommufd/uapi.h"
#include "iommufd/vfio-uapi.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u
#define MTTY "/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-2/create"
#define UUID "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"

static int iommufd = -1;
static unsigned char *memory;

static void open_iommufd(void)
{
	iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(iommufd, 0);
	memory = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(memory, MAP_FAILED);
}

static void close_iommufd(void)
{
	munmap(memory, 16 * PAGE);
	close(iommufd);
}

static uint32_t new_ioas(void)
{
	struct iommufd_ioas_alloc alloc = {.size = sizeof(alloc)};

	ck_assert_int_eq(guest_ioctl(iommufd, IOMMUFD_IOAS_ALLOC, &alloc), 0);
	ck_assert_uint_ne(alloc.out_ioas_id, 0);
	return alloc.out_ioas_id;
}

static int destroy(uint32_t id)
{
	struct iommufd_destroy destroy = {.size = sizeof(destroy), .id = id};

	return guest_ioctl(iommufd, IOMMUFD_DESTROY, &destroy);
}

static int map_at(uint32_t ioas, uint64_t iova, uint64_t length)
{
	struct iommufd_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMUFD_MAP_FIXED_IOVA | IOMMUFD_MAP_READABLE | IOMMUFD_MAP_WRITEABLE,
		.ioas_id = ioas,
		.user_va = (uintptr_t)memory,
		.length = length,
		.iova = iova,
	};

	return guest_ioctl(iommufd, IOMMUFD_IOAS_MAP, &map);
}

static int unmap(uint32_t ioas, uint64_t iova, uint64_t *length)
{
	struct iommufd_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = ioas, .iova = iova, .length = *length};
	int err = guest_ioctl(iommufd, IOMMUFD_IOAS_UNMAP, &unmap);

	*length = unmap.length;
	return err;
}

START_TEST(ioas_alloc_and_destroy)
{
	uint32_t ioas = new_ioas();

	ck_assert_uint_ne(new_ioas(), ioas);
	ck_assert_int_eq(destroy(ioas), 0);
	ck_assert_int_eq(destroy(ioas), -ENOENT);
}
END_TEST

START_TEST(map_and_unmap_give_the_bytes)
{
	uint32_t ioas = new_ioas();
	uint64_t length = 3 * PAGE;

	ck_assert_int_eq(map_at(ioas, 16 * PAGE, 3 * PAGE), 0);
	ck_assert_int_eq(map_at(ioas, 17 * PAGE, PAGE), -EEXIST);
	ck_assert_int_eq(unmap(ioas, 16 * PAGE, &length), 0);
	ck_assert_uint_eq(length, 3 * PAGE);
	ck_assert_int_eq(unmap(ioas, 16 * PAGE, &length), -ENOENT);
}
END_TEST

START_TEST(unmap_of_everything_is_0_to_the_end)
{
	uint32_t ioas = new_ioas();
	uint64_t length = UINT64_MAX;

	ck_assert_int_eq(map_at(ioas, 16 * PAGE, PAGE), 0);
	ck_assert_int_eq(map_at(ioas, 32 * PAGE, 2 * PAGE), 0);
	ck_assert_int_eq(unmap(ioas, 0, &length), 0);
	ck_assert_uint_eq(length, 3 * PAGE);
}
END_TEST

START_TEST(copy_shares_a_map_and_a_hole_is_not_found)
{
	uint32_t from = new_ioas(), to = new_ioas();
	uint64_t length = PAGE;
	struct iommufd_ioas_copy copy = {
		.size = sizeof(copy),
		.flags = IOMMUFD_MAP_FIXED_IOVA | IOMMUFD_MAP_READABLE,
		.dst_ioas_id = to,
		.src_ioas_id = from,
		.length = PAGE,
		.dst_iova = 64 * PAGE,
		.src_iova = 16 * PAGE,
	};

	ck_assert_int_eq(map_at(from, 16 * PAGE, PAGE), 0);
	ck_assert_int_eq(guest_ioctl(iommufd, IOMMUFD_IOAS_COPY, &copy), 0);
	ck_assert_int_eq(unmap(to, 64 * PAGE, &length), 0);
	copy.src_iova = 17 * PAGE;
	ck_assert_int_eq(guest_ioctl(iommufd, IOMMUFD_IOAS_COPY, &copy), -ENOENT);
}
END_TEST

START_TEST(ranges_say_how_much_room_they_need)
{
	struct iommufd_iova_range range = {1, 1};
	struct iommufd_ioas_iova_ranges ranges = {.size = sizeof(ranges), .ioas_id = new_ioas()};

	ck_assert_int_eq(guest_ioctl(iommufd, IOMMUFD_IOAS_IOVA_RANGES, &ranges), -EMSGSIZE);
	ck_assert_uint_eq(ranges.num_iovas, 1);
	ranges.allowed_iovas = (uintptr_t)&range;
	ck_assert_int_eq(guest_ioctl(iommufd, IOMMUFD_IOAS_IOVA_RANGES, &ranges), 0);
	ck_assert_uint_eq(range.start, 0);
	ck_assert_uint_eq(range.last, UINT64_MAX);
	ck_assert_uint_ne(ranges.out_iova_alignment, 0);
}
END_TEST

START_TEST(rlimit_mode_must_come_first)
{
	struct iommufd_option option = {
		.size = sizeof(option),
		.option_id = IOMMUFD_OPTION_RLIMIT_MODE,
		.op = IOMMUFD_OPTION_OP_SET,
		.val64 = 1,
	};

	ck_assert_int_eq(guest_ioctl(iommufd, IOMMUFD_OPTION, &option), 0);
	option.op = IOMMUFD_OPTION_OP_GET;
	option.val64 = 0;
	ck_assert_int_eq(guest_ioctl(iommufd, IOMMUFD_OPTION, &option), 0);
	ck_assert_uint_eq(option.val64, 1);
	new_ioas();
	option.op = IOMMUFD_OPTION_OP_SET;
	ck_assert_int_eq(guest_ioctl(iommufd, IOMMUFD_OPTION, &option), -EBUSY);
}
END_TEST

START_TEST(what_the_kernel_does_not_know_is_told_apart)
{
	struct {
		struct iommufd_ioas_alloc known;
		uint32_t unknown;
	} larger = {.known.size = sizeof(larger), .unknown = 1};
	struct iommufd_destroy none = {.size = sizeof(none)};

	ck_assert_int_eq(guest_ioctl(iommufd, IOMMUFD_IOAS_ALLOC, &larger), -E2BIG);
	ck_assert_int_eq(guest_ioctl(iommufd, _IO(IOMMUFD_TYPE, 0x9f), &none), -ENOTTY);
}
END_TEST

START_TEST(an_empty_fault_queue_reads_as_0_bytes)
{
	struct iommufd_fault_queue_alloc alloc = {.size = sizeof(alloc)};
	struct iommufd_response response = {.cookie = 1, .code = IOMMUFD_RESPONSE_SUCCESS};
	struct iommufd_fault faults[4];
	int fd;

	ck_assert_int_eq(guest_ioctl(iommufd, IOMMUFD_FAULT_QUEUE_ALLOC, &alloc), 0);
	fd = (int)alloc.out_fault_fd;
	ck_assert_int_eq(read(fd, faults, sizeof(faults)), 0);
	ck_assert_int_eq(write(fd, &response, sizeof(response)), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(destroy(alloc.out_fault_id), -EBUSY);
	close(fd);
	ck_assert_int_eq(destroy(alloc.out_fault_id), 0);
}
END_TEST

START_TEST(table_and_hardware_calls_look_for_their_device)
{
	struct iommufd_hwpt_alloc alloc = {
		.size = sizeof(alloc), .dev_id = 77, .pt_id = new_ioas()};
	struct iommufd_get_hw_info info = {.size = sizeof(info), .dev_id = 77};

	ck_assert_int_eq(guest_ioctl(iommufd, IOMMUFD_HWPT_ALLOC, &alloc), -ENOENT);
	ck_assert_int_eq(guest_ioctl(iommufd, IOMMUFD_GET_HW_INFO, &info), -ENOENT);
}
END_TEST

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

START_TEST(a_mediated_device_binds_attaches_and_detaches)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = iommufd};
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach), .pt_id = new_ioas()};
	struct vfio_device_detach_iommufd_pt detach = {.argsz = sizeof(detach)};
	uint32_t ioas = attach.pt_id;
	int device;

	write_file(MTTY, UUID);
	device = open("/dev/vfio/devices/vfio0", O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(device, 0);
	ck_assert_int_eq(guest_ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind), 0);
	ck_assert_uint_ne(bind.out_devid, 0);
	ck_assert_int_eq(guest_ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind), -EINVAL);
	ck_assert_int_eq(guest_ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach), 0);
	ck_assert_int_eq(destroy(ioas), -EBUSY);
	ck_assert_int_eq(guest_ioctl(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach), 0);
	ck_assert_int_eq(destroy(ioas), 0);
	close(device);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("uapi");
	TCase *tcase = guest_case(suite, "uapi");

	tcase_add_checked_fixture(tcase, open_iommufd, close_iommufd);
	tcase_add_test(tcase, ioas_alloc_and_destroy);
	tcase_add_test(tcase, map_and_unmap_give_the_bytes);
	tcase_add_test(tcase, unmap_of_everything_is_0_to_the_end);
	tcase_add_test(tcase, copy_shares_a_map_and_a_hole_is_not_found);
	tcase_add_test(tcase, ranges_say_how_much_room_they_need);
	tcase_add_test(tcase, rlimit_mode_must_come_first);
	tcase_add_test(tcase, what_the_kernel_does_not_know_is_told_apart);
	tcase_add_test(tcase, an_empty_fault_queue_reads_as_0_bytes);
	tcase_add_test(tcase, table_and_hardware_calls_look_for_their_device);
	tcase_add_test(tcase, a_mediated_device_binds_attaches_and_detaches);
	guest_run(suite);
}
