/* SPDX-License-Identifier: MIT */
/*
 * Is the machine what the tests of devices need: an IOMMU that lets DMA through where a map is and
 * nowhere else, groups of one device and of two? Speaks to the kernel directly, not by the library.
 */
#include "guest.h"
#include "iommufd/uapi.h"
#include "iommufd/vfio-uapi.h"
#include "passthrough/edu.h"
#include "passthrough/find.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u
#define IOVA 0x100000u
#define SIZE 2000u
/* of the places: alone, alone, together, together */
#define ALONE       0
#define FIRST_MATE  2
#define SECOND_MATE 3

static struct edu_place places[4];
static unsigned char *memory;
static int iommufd;
static uint32_t ioas;

static void map_two_pages(void)
{
	struct iommufd_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMUFD_MAP_FIXED_IOVA | IOMMUFD_MAP_READABLE | IOMMUFD_MAP_WRITEABLE,
		.ioas_id = ioas,
		.user_va = (uintptr_t)memory,
		.length = 2 * PAGE,
		.iova = IOVA,
	};

	ck_assert_int_eq(guest_ioctl(iommufd, IOMMUFD_IOAS_MAP, &map), 0);
}

static void unmap_all(void)
{
	struct iommufd_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = ioas, .length = UINT64_MAX};

	ck_assert_int_eq(guest_ioctl(iommufd, IOMMUFD_IOAS_UNMAP, &unmap), 0);
}

/* Memory of two pages, the first full of bytes and the second empty, and a space that has it. */
static void set_up(void)
{
	struct iommufd_ioas_alloc alloc = {.size = sizeof(alloc)};

	ck_assert_uint_eq(edu_find(places, 4), 4);
	memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(memory, MAP_FAILED);
	for (size_t i = 0; i < PAGE; i++)
		memory[i] = (unsigned char)(i * 7 + 1);
	iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(iommufd, 0);
	ck_assert_int_eq(guest_ioctl(iommufd, IOMMUFD_IOAS_ALLOC, &alloc), 0);
	ioas = alloc.out_ioas_id;
	map_two_pages();
}

static void tear_down(void)
{
	close(iommufd);
	munmap(memory, 2 * PAGE);
}

static int open_and_bind(unsigned int place)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = iommufd};
	int device = open(places[place].file, O_RDWR | O_CLOEXEC);

	ck_assert_int_ge(device, 0);
	ck_assert_int_eq(guest_ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind), 0);
	return device;
}

static void attach(int device)
{
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach), .pt_id = ioas};

	ck_assert_int_eq(guest_ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach), 0);
}

/* From the first page into the device and on into the second page. */
static void copy_through(int device)
{
	struct edu edu;

	ck_assert_int_eq(edu_open(&edu, device), 0);
	ck_assert_int_eq(edu_from_memory(&edu, IOVA, 0, SIZE), 0);
	ck_assert_int_eq(edu_to_memory(&edu, IOVA + PAGE, 0, SIZE), 0);
	edu_close(&edu);
}

static bool second_page_is_empty(void)
{
	static const unsigned char empty[PAGE];

	return !memcmp(memory + PAGE, empty, PAGE);
}

START_TEST(two_devices_are_alone_and_two_share_a_group)
{
	ck_assert_int_ne(places[0].group, places[1].group);
	ck_assert_int_ne(places[0].group, places[FIRST_MATE].group);
	ck_assert_int_ne(places[1].group, places[FIRST_MATE].group);
	ck_assert_int_eq(places[FIRST_MATE].group, places[SECOND_MATE].group);
}
END_TEST

START_TEST(dma_moves_bytes_where_a_map_is)
{
	int device = open_and_bind(ALONE);

	attach(device);
	ck_assert(second_page_is_empty());
	copy_through(device);
	ck_assert_mem_eq(memory + PAGE, memory, SIZE);
	ck_assert_uint_eq(memory[PAGE + SIZE], 0);
	close(device);
}
END_TEST

START_TEST(dma_moves_nothing_where_no_map_is)
{
	int device = open_and_bind(ALONE);

	attach(device);
	unmap_all();
	copy_through(device);
	ck_assert(second_page_is_empty());
	close(device);
}
END_TEST

START_TEST(dma_of_a_mate_goes_where_the_group_is_attached)
{
	int first = open_and_bind(FIRST_MATE), second = open_and_bind(SECOND_MATE);

	copy_through(second);
	ck_assert(second_page_is_empty());
	attach(first);
	copy_through(second);
	ck_assert_mem_eq(memory + PAGE, memory, SIZE);
	close(second);
	close(first);
}
END_TEST

START_TEST(a_transfer_out_of_reach_is_refused)
{
	int device = open_and_bind(ALONE);
	struct edu edu;

	ck_assert_int_eq(edu_open(&edu, device), 0);
	ck_assert_int_eq(edu_from_memory(&edu, IOVA, 0, 0), -EINVAL);
	ck_assert_int_eq(edu_from_memory(&edu, IOVA, 1, EDU_BUFFER - 1), -EINVAL);
	ck_assert_int_eq(edu_to_memory(&edu, IOVA, EDU_BUFFER, 1), -EINVAL);
	ck_assert_int_eq(edu_to_memory(&edu, EDU_IOVA_END - 1, 0, 2), -EINVAL);
	ck_assert_int_eq(edu_to_memory(&edu, IOVA, 0, EDU_BUFFER - 1), 0);
	edu_close(&edu);
	close(device);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("edu");
	TCase *tcase = guest_case(suite, "edu");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, two_devices_are_alone_and_two_share_a_group);
	tcase_add_test(tcase, dma_moves_bytes_where_a_map_is);
	tcase_add_test(tcase, dma_moves_nothing_where_no_map_is);
	tcase_add_test(tcase, dma_of_a_mate_goes_where_the_group_is_attached);
	tcase_add_test(tcase, a_transfer_out_of_reach_is_refused);
	guest_run(suite);
}
