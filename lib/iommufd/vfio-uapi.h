/* SPDX-License-Identifier: MIT */
/*
 * The ABI of VFIO's device files (/dev/vfio/devices), as far as a provider of devices speaks it:
 * numbers and layouts are the kernel's (Linux 6.6 to 6.17), the definitions our own. Knows nothing
 * of what the iommufd does with a device that is bound to it.
 */
#ifndef IOMMUFD_VFIO_UAPI_H
#define IOMMUFD_VFIO_UAPI_H

#include "uapi.h"

#define VFIO_NUMBER 100

/* Each structure starts with argsz, its size in bytes: how much of it the caller knows. */
#define VFIO_DEVICE_GET_INFO          _IO(IOMMUFD_TYPE, VFIO_NUMBER + 7)
#define VFIO_DEVICE_GET_REGION_INFO   _IO(IOMMUFD_TYPE, VFIO_NUMBER + 8)
#define VFIO_DEVICE_RESET             _IO(IOMMUFD_TYPE, VFIO_NUMBER + 11)
#define VFIO_DEVICE_BIND_IOMMUFD      _IO(IOMMUFD_TYPE, VFIO_NUMBER + 18)
#define VFIO_DEVICE_ATTACH_IOMMUFD_PT _IO(IOMMUFD_TYPE, VFIO_NUMBER + 19)
#define VFIO_DEVICE_DETACH_IOMMUFD_PT _IO(IOMMUFD_TYPE, VFIO_NUMBER + 20)

#define VFIO_DEVICE_FLAGS_RESET (1u << 0)
#define VFIO_DEVICE_FLAGS_PCI   (1u << 1)

struct vfio_device_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t num_regions;
	uint32_t num_irqs;
};
UAPI_SIZE(vfio_device_info, 16);

/* Regions of a PCI device: six BARs and the expansion ROM, then its configuration space. */
#define VFIO_PCI_BAR0_REGION_INDEX   0u
#define VFIO_PCI_CONFIG_REGION_INDEX 7u

#define VFIO_REGION_INFO_FLAG_READ  (1u << 0)
#define VFIO_REGION_INFO_FLAG_WRITE (1u << 1)
#define VFIO_REGION_INFO_FLAG_MMAP  (1u << 2)

struct vfio_region_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t cap_offset;
	uint64_t size;
	uint64_t offset; /* of the device file */
};
UAPI_SIZE(vfio_region_info, 32);
UAPI_AT(vfio_region_info, size, 16);
UAPI_AT(vfio_region_info, offset, 24);

struct vfio_device_bind_iommufd {
	uint32_t argsz;
	uint32_t flags;
	int32_t iommufd;
	uint32_t out_devid;
};
UAPI_SIZE(vfio_device_bind_iommufd, 16);
UAPI_AT(vfio_device_bind_iommufd, iommufd, 8);
UAPI_AT(vfio_device_bind_iommufd, out_devid, 12);

/* Since 6.15: the route is the device with .pasid. Older kernels know no flag. */
#define VFIO_DEVICE_ATTACH_PASID (1u << 0)
#define VFIO_DEVICE_DETACH_PASID (1u << 0)

struct vfio_device_attach_iommufd_pt {
	uint32_t argsz;
	uint32_t flags;
	uint32_t pt_id; /* an IOAS or a table; out: the table that it became */
	uint32_t pasid;
};
UAPI_SIZE(vfio_device_attach_iommufd_pt, 16);
UAPI_AT(vfio_device_attach_iommufd_pt, pt_id, 8);
UAPI_AT(vfio_device_attach_iommufd_pt, pasid, 12);

struct vfio_device_detach_iommufd_pt {
	uint32_t argsz;
	uint32_t flags;
	uint32_t pasid;
};
UAPI_SIZE(vfio_device_detach_iommufd_pt, 12);
UAPI_AT(vfio_device_detach_iommufd_pt, pasid, 8);

#endif
