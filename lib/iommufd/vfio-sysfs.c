/* SPDX-License-Identifier: MIT */
/*
 * What sysfs tells of a VFIO device file: see vfio-sysfs.h. Follows links from one open folder, so
 * that all answers are of one device.
 */
#include "vfio-sysfs.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FOLDER (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* What is not there is not known; but what could not be looked at for want of something may be. */
static int shortage(void)
{
	return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -errno : 0;
}

/* Where the link leads, its last part alone; false: there is no such link, or it is too long. */
static bool last_part(int folder, const char *link, char *name, size_t size)
{
	char target[PATH_MAX];
	const char *slash;
	ssize_t length;

	errno = 0; /* for shortage() */
	length = readlinkat(folder, link, target, sizeof(target) - 1);
	if (length < 0)
		return false;
	target[length] = '\0';
	slash = strrchr(target, '/');
	return snprintf(name, size, "%s", slash ? slash + 1 : target) < (int)size;
}

static bool read_group(int device, uint32_t *group)
{
	char name[16], *end;
	unsigned long number;

	if (!last_part(device, "iommu_group", name, sizeof(name)))
		return false;
	number = strtoul(name, &end, 10);
	*group = (uint32_t)number;
	return end != name && !*end && number <= INT_MAX;
}

/* Drivers that leave DMA to whoever owns the group do not stand in the way. */
static bool leaves_dma_alone(const char *driver)
{
	return strstr(driver, "vfio") || !strcmp(driver, "pcieport") || !strcmp(driver, "pci-stub");
}

static void look_at(int members, const char *member, struct vfio_sysfs *is)
{
	char link[NAME_MAX + sizeof("/driver")], driver[sizeof(is->driver)];

	is->group_size++;
	snprintf(link, sizeof(link), "%s/driver", member);
	if (is->driver[0] || !last_part(members, link, driver, sizeof(driver)) ||
		leaves_dma_alone(driver))
		return;
	snprintf(is->mate, sizeof(is->mate), "%.*s", (int)sizeof(is->mate) - 1, member);
	memcpy(is->driver, driver, sizeof(driver));
}

/* fd is the folder of the group's members, and closed. */
static int walk(int fd, struct vfio_sysfs *is)
{
	DIR *members = fdopendir(fd);
	const struct dirent *entry;
	int err = 0;

	if (!members) {
		err = shortage();
		close(fd);
		return err;
	}
	for (errno = 0; (entry = readdir(members)); errno = 0)
		if (entry->d_name[0] != '.')
			look_at(fd, entry->d_name, is);
	err = shortage();
	closedir(members);
	return err;
}

static int read_device(int device, struct vfio_sysfs *is)
{
	char bus[16] = "";
	int members, err;

	if (!last_part(device, "subsystem", bus, sizeof(bus)) && shortage())
		return shortage();
	is->mediated = !strcmp(bus, "mdev");
	if (!read_group(device, &is->group))
		return shortage();
	members = openat(device, "iommu_group/devices", FOLDER);
	err = members < 0 ? shortage() : walk(members, is);
	is->grouped = is->group_size;
	return err;
}

/* Of all character devices, those alone are in this class. */
static int read_class(int file, struct vfio_sysfs *is)
{
	char class[16];

	if (!last_part(file, "subsystem", class, sizeof(class)))
		return shortage();
	is->foreign = strcmp(class, "vfio-dev");
	return 0;
}

static int read_file(int file, struct vfio_sysfs *is)
{
	int err = read_class(file, is), device;

	if (err || is->foreign)
		return err;
	device = openat(file, "device", FOLDER);
	if (device < 0)
		return shortage();
	err = read_device(device, is);
	close(device);
	return err;
}

int vfio_sysfs_read(const char *root, dev_t number, struct vfio_sysfs *is)
{
	char path[PATH_MAX];
	int file, err;

	*is = (struct vfio_sysfs){.grouped = false};
	snprintf(path, sizeof(path), "%s/%u:%u", root, major(number), minor(number));
	file = open(path, FOLDER);
	if (file < 0)
		return shortage();
	err = read_file(file, is);
	close(file);
	return err;
}
