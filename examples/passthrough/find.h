/* SPDX-License-Identifier: MIT */
/*
 * Where QEMU's "edu" devices are, as sysfs tells. Knows sysfs alone.
 */
#ifndef PASSTHROUGH_FIND_H
#define PASSTHROUGH_FIND_H

#include <stddef.h>

struct edu_place {
	char address[16]; /* 0000:00:04.0 */
	char file[48];    /* /dev/vfio/devices/vfio0 */
	int group;        /* its IOMMU group */
};

/* The machine's edu devices that vfio-pci holds, by address; returns how many there are, of which
 * at most room were written. */
size_t edu_find(struct edu_place *places, size_t room);

#endif
