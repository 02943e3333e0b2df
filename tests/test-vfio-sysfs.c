/* SPDX-License-Identifier: MIT */
/*
 * What is read of a device's IOMMU group, in folders that are as sysfs has them, and in some that
 * lack what is looked for.
 */
#include "iommufd/vfio-sysfs.h"
#include "support.h"
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NUMBER makedev(246, 3)

static char root[] = "/tmp/ioasid-sysfs-XXXXXX";
static struct vfio_sysfs is;

__attribute__((format(printf, 1, 2))) static void folder(const char *format, ...)
{
	char path[PATH_MAX];
	size_t used = (size_t)snprintf(path, sizeof(path), "%s/", root);
	va_list args;

	va_start(args, format);
	vsnprintf(path + used, sizeof(path) - used, format, args);
	va_end(args);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void link_to(const char *target, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	ck_assert_int_eq(symlink(target, path), 0);
}

/* ROOT/246:3/device is a PCI device. */
static void set_up(void)
{
	strcpy(root + sizeof(root) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	folder("246:3");
	folder("246:3/device");
	link_to("../../../../bus/pci", "246:3/device/subsystem");
}

static int remove_it(const char *path, const struct stat *st, int what, struct FTW *walk)
{
	(void)st, (void)what, (void)walk;
	return remove(path);
}

static void tear_down(void)
{
	ck_assert_int_eq(nftw(root, remove_it, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void put_group(const char *number)
{
	char target[64];

	folder("groups");
	folder("groups/%s", number);
	folder("groups/%s/devices", number);
	snprintf(target, sizeof(target), "../../groups/%s", number);
	link_to(target, "246:3/device/iommu_group");
}

/* A member of group 7, with a driver or without one. */
static void put_member(const char *name, const char *driver)
{
	char path[96], target[96];

	folder("groups/7/devices/%s", name);
	if (!driver)
		return;
	snprintf(path, sizeof(path), "groups/7/devices/%s/driver", name);
	snprintf(target, sizeof(target), "../../bus/pci/drivers/%s", driver);
	link_to(target, path);
}

static void look(void)
{
	memset(&is, 0xff, sizeof(is));
	vfio_sysfs_read(root, NUMBER, &is);
}

START_TEST(the_group_and_its_size)
{
	put_group("7");
	put_member("0000:00:04.0", "vfio-pci");
	put_member("0000:00:04.1", NULL);
	look();
	ck_assert(is.grouped);
	ck_assert_uint_eq(is.group, 7);
	ck_assert_uint_eq(is.group_size, 2);
	ck_assert(!is.mediated);
	ck_assert_str_eq(is.driver, "");
}
END_TEST

START_TEST(the_mate_that_the_kernel_uses_is_named)
{
	put_group("7");
	put_member("0000:00:1c.0", "pcieport");
	put_member("0000:00:04.0", "vfio-pci");
	put_member("0000:00:04.1", "pci-stub");
	put_member("0000:00:04.2", "mlx5_vfio_pci");
	put_member("0000:00:04.3", "e1000e");
	look();
	ck_assert_uint_eq(is.group_size, 5);
	ck_assert_str_eq(is.mate, "0000:00:04.3");
	ck_assert_str_eq(is.driver, "e1000e");
}
END_TEST

START_TEST(a_device_without_group)
{
	look();
	ck_assert(!is.grouped);
	ck_assert_uint_eq(is.group_size, 0);
}
END_TEST

START_TEST(a_group_that_is_no_number_is_none)
{
	put_group("noiommu-7");
	folder("groups/noiommu-7/devices/0000:00:04.0");
	look();
	ck_assert(!is.grouped);
}
END_TEST

START_TEST(a_number_beyond_the_kernels_is_none)
{
	put_group("2147483648");
	folder("groups/2147483648/devices/0000:00:04.0");
	look();
	ck_assert(!is.grouped);
}
END_TEST

START_TEST(a_group_whose_members_are_not_to_be_seen_is_none)
{
	link_to("../../groups/7", "246:3/device/iommu_group");
	look();
	ck_assert(!is.grouped);
}
END_TEST

START_TEST(a_mediated_device)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/246:3/device/subsystem", root);
	ck_assert_int_eq(unlink(path), 0);
	link_to("../../../bus/mdev", "246:3/device/subsystem");
	look();
	ck_assert(is.mediated);
	ck_assert(!is.grouped);
}
END_TEST

START_TEST(no_sysfs_no_knowledge)
{
	memset(&is, 0xff, sizeof(is));
	vfio_sysfs_read(root, makedev(246, 4), &is);
	ck_assert(!is.grouped && !is.mediated);
	memset(&is, 0xff, sizeof(is));
	vfio_sysfs_read("/nowhere", NUMBER, &is);
	ck_assert(!is.grouped && !is.mediated);
}
END_TEST

START_TEST(a_file_of_another_class_is_foreign)
{
	put_group("7");
	link_to("../../../class/vfio", "246:3/subsystem");
	look();
	ck_assert(is.foreign);
	ck_assert(!is.grouped);
}
END_TEST

START_TEST(a_file_of_the_class_and_one_of_none_may_be_a_device)
{
	put_group("7");
	put_member("0000:00:04.0", "vfio-pci");
	look();
	ck_assert(!is.foreign);
	link_to("../../../class/vfio-dev", "246:3/subsystem");
	look();
	ck_assert(!is.foreign);
	ck_assert(is.grouped);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vfio-sysfs");
	TCase *tcase = support_case(suite, "sysfs");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, the_group_and_its_size);
	tcase_add_test(tcase, the_mate_that_the_kernel_uses_is_named);
	tcase_add_test(tcase, a_device_without_group);
	tcase_add_test(tcase, a_group_that_is_no_number_is_none);
	tcase_add_test(tcase, a_number_beyond_the_kernels_is_none);
	tcase_add_test(tcase, a_group_whose_members_are_not_to_be_seen_is_none);
	tcase_add_test(tcase, a_mediated_device);
	tcase_add_test(tcase, a_file_of_another_class_is_foreign);
	tcase_add_test(tcase, a_file_of_the_class_and_one_of_none_may_be_a_device);
	tcase_add_test(tcase, no_sysfs_no_knowledge);
	return support_run(suite);
}
