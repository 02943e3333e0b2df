/* SPDX-License-Identifier: MIT */
/*
 * How many page requests a PCI device may have outstanding, read from configuration spaces that are
 * as VFIO shows them, and from some that no device should have.
 */
#include "fakekernel.h"
#include "iommufd/vfio-pci.h"
#include "iommufd/vfio-uapi.h"
#include "support.h"
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define AT   0x3000u /* of the configuration space in the device file */
#define SIZE 4096u
#define PRI  0x13u
#define ATS  0x0fu

static int device;
static uint64_t size;
static uint32_t flags;

static void set_up(void)
{
	fake_reset();
	size = SIZE;
	flags = VFIO_DEVICE_FLAGS_PCI;
	device = memfd_create("device", MFD_CLOEXEC);
	ck_assert_int_ge(device, 0);
	ck_assert_int_eq(ftruncate(device, AT + SIZE), 0);
}

static void tear_down(void)
{
	close(device);
}

static void put(uint32_t at, uint32_t word)
{
	unsigned char bytes[4];

	for (unsigned int i = 0; i < 4; i++)
		bytes[i] = (unsigned char)(word >> 8 * i);
	ck_assert_int_eq(pwrite(device, bytes, 4, AT + at), 4);
}

static void put_capability(uint32_t at, uint32_t id, uint32_t next)
{
	put(at, id | 1u << 16 | next << 20);
}

static void put_requests(uint32_t at, uint32_t control, uint32_t capacity, uint32_t allocated)
{
	put_capability(at, PRI, 0);
	put(at + 4, control);
	put(at + 8, capacity);
	put(at + 12, allocated);
}

static uint32_t credits(void)
{
	struct vfio_device_info info = {.argsz = sizeof(info), .flags = flags, .num_regions = 9};
	struct vfio_region_info region = {.argsz = sizeof(region),
		.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
		.size = size,
		.offset = AT};

	fake_reset();
	fake_says(VFIO_DEVICE_GET_INFO, 0, &info, sizeof(info));
	fake_says(VFIO_DEVICE_GET_REGION_INFO, 0, &region, sizeof(region));
	return vfio_pci_credits(device);
}

START_TEST(what_the_device_can_have_outstanding_is_read)
{
	struct vfio_region_info asked;

	put_capability(0x100, ATS, 0x140);
	put_requests(0x140, 0, 512, 0);
	ck_assert_uint_eq(credits(), 512);
	ck_assert_uint_eq(fake_heard(VFIO_DEVICE_GET_REGION_INFO, &asked, sizeof(asked)), 1);
	ck_assert_uint_eq(asked.index, 7);
}
END_TEST

START_TEST(what_is_allotted_counts_once_page_requests_are_on)
{
	put_requests(0x100, 0, 512, 32);
	ck_assert_uint_eq(credits(), 512);
	put_requests(0x100, 1, 512, 32);
	ck_assert_uint_eq(credits(), 32);
	put_requests(0x100, 1, 512, 0xffff);
	ck_assert_uint_eq(credits(), 512);
}
END_TEST

START_TEST(no_more_than_the_kernel_allots)
{
	put_requests(0x100, 0, 0xfffffffe, 0);
	ck_assert_uint_eq(credits(), 2048);
}
END_TEST

START_TEST(the_first_capability_may_be_hidden)
{
	put(0x100, 0x140u << 20);
	put_requests(0x140, 0, 16, 0);
	ck_assert_uint_eq(credits(), 16);
}
END_TEST

START_TEST(no_capability_is_0)
{
	ck_assert_uint_eq(credits(), 0);
	put_capability(0x100, ATS, 0);
	ck_assert_uint_eq(credits(), 0);
	put(0x100, UINT32_MAX);
	ck_assert_uint_eq(credits(), 0);
}
END_TEST

START_TEST(a_list_that_bites_its_tail_ends)
{
	put_capability(0x100, ATS, 0x200);
	put_capability(0x200, ATS, 0x100);
	ck_assert_uint_eq(credits(), 0);
	put_capability(0x200, ATS, 0x40);
	ck_assert_uint_eq(credits(), 0);
}
END_TEST

START_TEST(a_capability_that_is_cut_off_is_0)
{
	put_capability(0x100, ATS, 0xff8);
	put_capability(0xff8, PRI, 0);
	put(0xffc, 1);
	ck_assert_uint_eq(credits(), 0);
}
END_TEST

START_TEST(a_device_without_extended_space_is_not_read_past_its_end)
{
	put_requests(0x100, 0, 512, 0);
	size = 256;
	ck_assert_uint_eq(credits(), 0);
}
END_TEST

START_TEST(a_device_that_is_not_pci_has_no_such_space)
{
	put_requests(0x100, 0, 512, 0);
	flags = 0;
	ck_assert_uint_eq(credits(), 0);
}
END_TEST

START_TEST(a_kernel_that_does_not_tell_is_0)
{
	put_requests(0x100, 0, 512, 0);
	fake_reset();
	ck_assert_uint_eq(vfio_pci_credits(device), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vfio-pci");
	TCase *tcase = support_case(suite, "credits");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, what_the_device_can_have_outstanding_is_read);
	tcase_add_test(tcase, what_is_allotted_counts_once_page_requests_are_on);
	tcase_add_test(tcase, no_more_than_the_kernel_allots);
	tcase_add_test(tcase, the_first_capability_may_be_hidden);
	tcase_add_test(tcase, no_capability_is_0);
	tcase_add_test(tcase, a_list_that_bites_its_tail_ends);
	tcase_add_test(tcase, a_capability_that_is_cut_off_is_0);
	tcase_add_test(tcase, a_device_without_extended_space_is_not_read_past_its_end);
	tcase_add_test(tcase, a_device_that_is_not_pci_has_no_such_space);
	tcase_add_test(tcase, a_kernel_that_does_not_tell_is_0);
	return support_run(suite);
}
