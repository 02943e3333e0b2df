/* SPDX-License-Identifier: MIT */
/*
 * Texts for what VFIO answers: see vfio-explain.h. The kernel uses one number for several causes;
 * what sysfs tells of the group narrows them down. Knows no descriptor.
 */
#include "vfio-explain.h"
#include "../error.h"
#include <errno.h>

/* The kernel says EINVAL, but it is the same whichever file took the device. */
static int bound_already(bool bound)
{
	if (bound)
		return error_reason(-EBUSY,
			"this open file is bound already, and stays so until its last descriptor is "
			"closed: open the device anew, or came it from a group file?");
	return error_reason(-EBUSY,
		"the device is bound through another open file: end that user (or its IOMMU cannot keep "
		"caches coherent, and then no one can use it)");
}

static int group_is_open(const struct vfio_sysfs *is)
{
	if (is->grouped)
		return error_reason(-EBUSY,
			"its IOMMU group is in use through the group file /dev/vfio/%u: end that user",
			is->group);
	return error_reason(-EBUSY,
		"its IOMMU group is in use through a group file of /dev/vfio: end that user");
}

static int not_isolated(const struct vfio_sysfs *is)
{
	if (is->driver[0])
		return error_reason(-EPERM,
			"%s of its IOMMU group %u is used by the kernel's driver %s: give all devices of "
			"the group to vfio-pci, or to no driver",
			is->mate, is->group, is->driver);
	if (is->group_size > 1)
		return error_reason(-EPERM,
			"another device of its IOMMU group %u is bound to another context or process, or "
			"the platform does not isolate interrupts (parameter allow_unsafe_interrupts of "
			"iommufd)",
			is->group);
	return error_reason(-EPERM,
		"the platform does not isolate the device's interrupts: turn on interrupt remapping, or "
		"set allow_unsafe_interrupts of the module iommufd if its users are trusted");
}

int vfio_explain_bind(int err, const struct vfio_sysfs *is, bool bound)
{
	switch (-err) {
	case EINVAL:
		return bound_already(bound);
	case EBUSY:
		return group_is_open(is);
	case EPERM:
		return not_isolated(is);
	case EACCES:
		return error_reason(err,
			"it is a virtual function that wants the token of its physical function's user, "
			"which this library does not pass");
	case ENODEV:
		return error_reason(err, "the device is going away, or no IOMMU is in front of it");
	default:
		return err;
	}
}

int vfio_explain_pasid(int err)
{
	if (err == -EOPNOTSUPP)
		return error_reason(
			-EOPNOTSUPP, "the driver of this VFIO device attaches no PASIDs");
	return error_reason(
		-EOPNOTSUPP, "this kernel's VFIO attaches no PASIDs (Linux 6.15 and newer do)");
}
