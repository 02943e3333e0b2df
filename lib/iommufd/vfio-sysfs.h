/* SPDX-License-Identifier: MIT */
/*
 * What sysfs tells of a VFIO device file, by its device number: the IOMMU group and who else is in
 * it. All of it may be unknown, where sysfs is not mounted for one. Knows libc alone.
 */
#ifndef IOMMUFD_VFIO_SYSFS_H
#define IOMMUFD_VFIO_SYSFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define VFIO_SYSFS "/sys/dev/char" /* a folder for each number, as 246:0 */

struct vfio_sysfs {
	bool foreign; /* it is known to be no VFIO device file */
	bool grouped; /* the next two are known */
	uint32_t group;
	uint32_t group_size;
	bool mediated;
	/* A device of the group that a driver of the kernel's uses, and that driver; or "". */
	char mate[32];
	char driver[32];
};

/* 0, whatever is known; -EMFILE, -ENFILE or -ENOMEM: it could not look, which is no answer. */
int vfio_sysfs_read(const char *root, dev_t number, struct vfio_sysfs *is);

#endif
