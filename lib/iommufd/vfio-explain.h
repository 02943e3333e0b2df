/* SPDX-License-Identifier: MIT */
/*
 * What VFIO means by an errno, said with error_reason(): the cause, the object, what to do.
 */
#ifndef IOMMUFD_VFIO_EXPLAIN_H
#define IOMMUFD_VFIO_EXPLAIN_H

#include "vfio-sysfs.h"

/* BIND_IOMMUFD failed with err. bound: this open file is in an iommufd already. Returns what to say
 * instead of err. */
int vfio_explain_bind(int err, const struct vfio_sysfs *is, bool bound);

/* ATTACH_IOMMUFD_PT refused the flag for a PASID, with err. Returns -EOPNOTSUPP. */
int vfio_explain_pasid(int err);

#endif
