/* SPDX-License-Identifier: MIT */
/*
 * The VFIO provider against a kernel that says what the test wants: what it asks of the kernel, and
 * that each errno becomes a text with the cause and the cure.
 */
#include "error.h"
#include "fakekernel.h"
#include "iommufd/provider.h"
#include "iommufd/vfio-explain.h"
#include "iommufd/vfio-uapi.h"
#include "support.h"
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define IOMMUFD 55
#define DEV_ID  7

static struct iommufd_device_handle handle;
static struct backend_device is;

static void set_up(void)
{
	fake_reset();
	handle = (struct iommufd_device_handle){.provider = &iommufd_vfio, .iommufd = IOMMUFD};
	handle.fd = memfd_create("device", MFD_CLOEXEC);
	ck_assert_int_ge(handle.fd, 0);
	is = (struct backend_device){.id = 0};
}

static void tear_down(void)
{
	close(handle.fd);
	ck_assert_uint_eq(fake_left(), 0);
}

/* As the core puts the reason after the call. */
static int told(int err)
{
	return err < 0 ? error_from(err, "call") : err;
}

static int bind(void)
{
	return told(iommufd_vfio.bind(&handle, &is));
}

static int attach(uint32_t pasid, uint32_t *pt_id)
{
	return told(iommufd_vfio.attach(&handle, pasid, pt_id));
}

/* ---- bind ---- */

static void bind_succeeds(void)
{
	struct vfio_device_bind_iommufd reply = {
		.argsz = sizeof(reply), .iommufd = IOMMUFD, .out_devid = DEV_ID};

	fake_says(VFIO_DEVICE_BIND_IOMMUFD, 0, &reply, sizeof(reply));
	ok(bind());
}

START_TEST(bind_names_the_iommufd_and_learns_the_number)
{
	struct vfio_device_bind_iommufd asked;

	bind_succeeds();
	ck_assert_uint_eq(fake_heard(VFIO_DEVICE_BIND_IOMMUFD, &asked, sizeof(asked)), 1);
	ck_assert_uint_eq(asked.argsz, 16);
	ck_assert_uint_eq(asked.flags, 0);
	ck_assert_int_eq(asked.iommufd, IOMMUFD);
	ck_assert_uint_eq(handle.dev_id, DEV_ID);
}
END_TEST

START_TEST(what_is_not_known_of_a_device_is_0_and_it_is_alone)
{
	struct backend_device other;

	bind_succeeds();
	ck_assert_uint_eq(is.flags, 0);
	ck_assert_uint_eq(is.group_size, 1);
	ck_assert_uint_eq(is.pasid_bits | is.credits | is.group_pages, 0);
	other = is;
	handle.dev_id = 0;
	fake_says(VFIO_DEVICE_BIND_IOMMUFD, 0,
		&(struct vfio_device_bind_iommufd){.out_devid = DEV_ID + 1}, 16);
	ok(bind());
	ck_assert_uint_ne(is.group, other.group);
}
END_TEST

static void bind_fails_with(int err)
{
	fake_says(VFIO_DEVICE_BIND_IOMMUFD, err, NULL, 0);
}

START_TEST(what_is_no_device_of_vfio_is_left_to_other_providers)
{
	bind_fails_with(-ENOTTY);
	ck_assert_int_eq(bind(), -ENOTTY);
}
END_TEST

START_TEST(this_open_file_is_bound_already)
{
	struct vfio_device_info info = {.argsz = sizeof(info)};

	bind_fails_with(-EINVAL);
	fake_says(VFIO_DEVICE_GET_INFO, 0, &info, sizeof(info));
	fails(-EBUSY, "this open file is bound already", bind());
	support_error_has("open the device anew", "bind");
}
END_TEST

START_TEST(another_open_file_is_bound)
{
	bind_fails_with(-EINVAL);
	fake_says(VFIO_DEVICE_GET_INFO, -EINVAL, NULL, 0);
	fails(-EBUSY, "bound through another open file", bind());
	support_error_has("coherent", "bind");
}
END_TEST

START_TEST(a_group_file_is_open)
{
	bind_fails_with(-EBUSY);
	fails(-EBUSY, "group file of /dev/vfio", bind());
}
END_TEST

START_TEST(interrupts_are_not_isolated)
{
	bind_fails_with(-EPERM);
	fails(-EPERM, "does not isolate the device's interrupts", bind());
	support_error_has("allow_unsafe_interrupts", "bind");
}
END_TEST

START_TEST(a_virtual_function_wants_a_token)
{
	bind_fails_with(-EACCES);
	fails(-EACCES, "token of its physical function", bind());
}
END_TEST

START_TEST(the_device_is_going_away)
{
	bind_fails_with(-ENODEV);
	fails(-ENODEV, "going away", bind());
}
END_TEST

START_TEST(an_errno_that_speaks_for_itself_stays)
{
	bind_fails_with(-ENOMEM);
	fails(-ENOMEM, "Cannot allocate memory", bind());
}
END_TEST

START_TEST(what_sysfs_says_of_the_group_is_in_the_text)
{
	struct vfio_sysfs group = {.grouped = true, .group = 12, .group_size = 2};

	fails(-EBUSY, "/dev/vfio/12", told(vfio_explain_bind(-EBUSY, &group, false)));
	fails(-EPERM, "another device of its IOMMU group 12",
		told(vfio_explain_bind(-EPERM, &group, false)));
	strcpy(group.mate, "0000:00:1f.3");
	strcpy(group.driver, "snd_hda_intel");
	fails(-EPERM, "0000:00:1f.3 of its IOMMU group 12",
		told(vfio_explain_bind(-EPERM, &group, false)));
	support_error_has("driver snd_hda_intel", "bind");
}
END_TEST

/* ---- attach and detach ---- */

static void attach_becomes(uint32_t pt_id)
{
	struct vfio_device_attach_iommufd_pt reply = {.argsz = sizeof(reply), .pt_id = pt_id};

	fake_says(VFIO_DEVICE_ATTACH_IOMMUFD_PT, 0, &reply, 12);
}

START_TEST(attach_says_nothing_of_pasids_that_an_old_kernel_could_not_know)
{
	struct vfio_device_attach_iommufd_pt asked;
	uint32_t pt_id = 3;

	attach_becomes(4);
	ok(attach(IOASID_PASID_NONE, &pt_id));
	ck_assert_uint_eq(pt_id, 4);
	ck_assert_uint_eq(fake_heard(VFIO_DEVICE_ATTACH_IOMMUFD_PT, &asked, sizeof(asked)), 1);
	ck_assert_uint_eq(asked.flags, 0);
	ck_assert_uint_eq(asked.pt_id, 3);
	ck_assert_uint_eq(asked.pasid, 0);
}
END_TEST

START_TEST(attach_with_a_pasid_sets_flag_and_field)
{
	struct vfio_device_attach_iommufd_pt asked;
	uint32_t pt_id = 3;

	attach_becomes(3);
	ok(attach(0x1234, &pt_id));
	ck_assert_uint_eq(fake_heard(VFIO_DEVICE_ATTACH_IOMMUFD_PT, &asked, sizeof(asked)), 1);
	ck_assert_uint_eq(asked.argsz, 16);
	ck_assert_uint_eq(asked.flags, 1);
	ck_assert_uint_eq(asked.pasid, 0x1234);
}
END_TEST

START_TEST(a_kernel_without_pasids_is_asked_for_nothing_and_named)
{
	struct vfio_device_attach_iommufd_pt asked;
	uint32_t pt_id = 3;

	fake_says(VFIO_DEVICE_ATTACH_IOMMUFD_PT, -EINVAL, NULL, 0);
	fake_says(VFIO_DEVICE_ATTACH_IOMMUFD_PT, -EINVAL, NULL, 0);
	fails(-EOPNOTSUPP, "Linux 6.15", attach(5, &pt_id));
	ck_assert_uint_eq(pt_id, 3);
	ck_assert_uint_eq(fake_heard(VFIO_DEVICE_ATTACH_IOMMUFD_PT, &asked, sizeof(asked)), 2);
	ck_assert_uint_eq(asked.pt_id, 0); /* no object: nothing could have changed */
	ck_assert_uint_eq(asked.flags, 1);
}
END_TEST

START_TEST(a_kernel_with_pasids_means_its_einval)
{
	uint32_t pt_id = 3;

	fake_says(VFIO_DEVICE_ATTACH_IOMMUFD_PT, -EINVAL, NULL, 0);
	fake_says(VFIO_DEVICE_ATTACH_IOMMUFD_PT, -ENOENT, NULL, 0);
	ck_assert_int_eq(attach(5, &pt_id), -EINVAL);
}
END_TEST

START_TEST(a_driver_without_pasids_is_told_apart)
{
	uint32_t pt_id = 3;

	fake_says(VFIO_DEVICE_ATTACH_IOMMUFD_PT, -EOPNOTSUPP, NULL, 0);
	fails(-EOPNOTSUPP, "driver of this VFIO device", attach(5, &pt_id));
}
END_TEST

START_TEST(without_a_pasid_einval_is_not_looked_into)
{
	struct vfio_device_attach_iommufd_pt asked;
	uint32_t pt_id = 3;

	fake_says(VFIO_DEVICE_ATTACH_IOMMUFD_PT, -EINVAL, NULL, 0);
	ck_assert_int_eq(attach(IOASID_PASID_NONE, &pt_id), -EINVAL);
	ck_assert_uint_eq(fake_heard(VFIO_DEVICE_ATTACH_IOMMUFD_PT, &asked, sizeof(asked)), 1);
	ck_assert_uint_eq(pt_id, 3);
}
END_TEST

START_TEST(detach_names_the_route)
{
	struct vfio_device_detach_iommufd_pt asked;

	fake_says(VFIO_DEVICE_DETACH_IOMMUFD_PT, 0, NULL, 0);
	ck_assert_int_eq(iommufd_vfio.detach(&handle, IOASID_PASID_NONE), 0);
	fake_heard(VFIO_DEVICE_DETACH_IOMMUFD_PT, &asked, sizeof(asked));
	ck_assert_uint_eq(asked.argsz, 12);
	ck_assert_uint_eq(asked.flags | asked.pasid, 0);

	fake_says(VFIO_DEVICE_DETACH_IOMMUFD_PT, -EIO, NULL, 0);
	ck_assert_int_eq(iommufd_vfio.detach(&handle, 9), -EIO);
	fake_heard(VFIO_DEVICE_DETACH_IOMMUFD_PT, &asked, sizeof(asked));
	ck_assert_uint_eq(asked.flags, 1);
	ck_assert_uint_eq(asked.pasid, 9);
}
END_TEST

START_TEST(unbind_leaves_the_descriptor_to_its_owner)
{
	iommufd_vfio.unbind(&handle);
	ck_assert_int_eq(lseek(handle.fd, 0, SEEK_CUR), 0);
}
END_TEST

static void add_binds(Suite *suite)
{
	TCase *tcase = support_case(suite, "bind");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, bind_names_the_iommufd_and_learns_the_number);
	tcase_add_test(tcase, what_is_not_known_of_a_device_is_0_and_it_is_alone);
	tcase_add_test(tcase, what_is_no_device_of_vfio_is_left_to_other_providers);
	tcase_add_test(tcase, this_open_file_is_bound_already);
	tcase_add_test(tcase, another_open_file_is_bound);
	tcase_add_test(tcase, a_group_file_is_open);
	tcase_add_test(tcase, interrupts_are_not_isolated);
	tcase_add_test(tcase, a_virtual_function_wants_a_token);
	tcase_add_test(tcase, the_device_is_going_away);
	tcase_add_test(tcase, an_errno_that_speaks_for_itself_stays);
	tcase_add_test(tcase, what_sysfs_says_of_the_group_is_in_the_text);
}

static void add_attaches(Suite *suite)
{
	TCase *tcase = support_case(suite, "attach");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, attach_says_nothing_of_pasids_that_an_old_kernel_could_not_know);
	tcase_add_test(tcase, attach_with_a_pasid_sets_flag_and_field);
	tcase_add_test(tcase, a_kernel_without_pasids_is_asked_for_nothing_and_named);
	tcase_add_test(tcase, a_kernel_with_pasids_means_its_einval);
	tcase_add_test(tcase, a_driver_without_pasids_is_told_apart);
	tcase_add_test(tcase, without_a_pasid_einval_is_not_looked_into);
	tcase_add_test(tcase, detach_names_the_route);
	tcase_add_test(tcase, unbind_leaves_the_descriptor_to_its_owner);
}

int main(void)
{
	Suite *suite = suite_create("vfio");

	add_binds(suite);
	add_attaches(suite);
	return support_run(suite);
}
