/* SPDX-License-Identifier: MIT */
/*
 * Devices of VFIO: a device file (/dev/vfio/devices/vfioN) is bound to the iommufd and led to its
 * page tables. There is no call that unbinds: the kernel lets go of the device when the last
 * descriptor of the open file is closed, the caller's as well as the library's. Must not know
 * spaces, and of a table only its number.
 */
#include "call.h"
#include "provider.h"
#include "vfio-explain.h"
#include "vfio-pci.h"
#include "vfio-sysfs.h"
#include "vfio-uapi.h"
#include "vtd.h"
#include <errno.h>
#include <sys/stat.h>

/* Numbers of the kernel's groups are below it. */
#define OWN_GROUP (1u << 31)

/* A device in no group, as a mediated one may be, is alone: it gets a number of its own. */
static void fill_group(const struct vfio_sysfs *sysfs, uint32_t dev_id, struct backend_device *is)
{
	is->group = sysfs->grouped ? sysfs->group : OWN_GROUP | dev_id;
	is->group_size = sysfs->grouped ? sysfs->group_size : 1;
	if (sysfs->mediated)
		is->flags |= IOASID_DEVICE_MEDIATED;
}

/* A group of requests may be all of them: the device may finish it with the last one it has. */
static void fill_requests(int fd, struct backend_device *is)
{
	is->credits = vfio_pci_credits(fd);
	is->group_pages = is->credits;
	if (is->credits)
		is->flags |= IOASID_DEVICE_PAGE_REQUESTS;
}

static int read_sysfs(int fd, struct vfio_sysfs *sysfs)
{
	struct stat file = {.st_mode = 0};

	fstat(fd, &file);
	return vfio_sysfs_read(VFIO_SYSFS, S_ISCHR(file.st_mode) ? file.st_rdev : 0, sysfs);
}

static bool is_bound(int fd)
{
	struct vfio_device_info info = {.argsz = sizeof(info)};

	return !iommufd_call(fd, VFIO_DEVICE_GET_INFO, &info);
}

static int vfio_bind(struct iommufd_device_handle *handle, struct backend_device *is)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = handle->iommufd};
	struct vfio_sysfs sysfs;
	/* first: what is bound stays so, and a bind that fails now can be made again */
	int err = read_sysfs(handle->fd, &sysfs);

	/* other files would say anything to it, as EINVAL, which means much from one of VFIO's */
	if (!err && sysfs.foreign)
		err = -ENOTTY;
	if (err)
		return err;
	err = iommufd_call(handle->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	if (err)
		return vfio_explain_bind(err, &sysfs, err == -EINVAL && is_bound(handle->fd));
	handle->dev_id = bind.out_devid;
	fill_group(&sysfs, bind.out_devid, is);
	if (!sysfs.mediated)
		fill_requests(handle->fd, is);
	return 0;
}

static void vfio_unbind(struct iommufd_device_handle *handle)
{
	(void)handle;
}

static int ask_attach(struct iommufd_device_handle *handle, uint32_t pasid, uint32_t *pt_id)
{
	bool with_pasid = pasid != IOASID_PASID_NONE;
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.flags = with_pasid ? VFIO_DEVICE_ATTACH_PASID : 0,
		.pt_id = *pt_id,
		.pasid = with_pasid ? pasid : 0,
	};
	int err = iommufd_call(handle->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);

	if (!err)
		*pt_id = attach.pt_id;
	return err;
}

/* No object has number 0, so that nothing can change: -ENOENT from a kernel that understands. */
static bool kernel_has_pasids(struct iommufd_device_handle *handle, uint32_t pasid)
{
	uint32_t none = 0;

	return ask_attach(handle, pasid, &none) != -EINVAL;
}

static int vfio_attach(struct iommufd_device_handle *handle, uint32_t pasid, uint32_t *pt_id)
{
	int err = ask_attach(handle, pasid, pt_id);

	if (!err || pasid == IOASID_PASID_NONE)
		return err;
	if (err == -EOPNOTSUPP || (err == -EINVAL && !kernel_has_pasids(handle, pasid)))
		return vfio_explain_pasid(err);
	return err;
}

static int vfio_detach(struct iommufd_device_handle *handle, uint32_t pasid)
{
	bool with_pasid = pasid != IOASID_PASID_NONE;
	struct vfio_device_detach_iommufd_pt detach = {
		.argsz = sizeof(detach),
		.flags = with_pasid ? VFIO_DEVICE_DETACH_PASID : 0,
		.pasid = with_pasid ? pasid : 0,
	};

	return iommufd_call(handle->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
}

const struct iommufd_provider iommufd_vfio = {
	.name = "vfio",
	.bind = vfio_bind,
	.unbind = vfio_unbind,
	.attach = vfio_attach,
	.detach = vfio_detach,
	.formats = vtd_formats,
	.table_data = vtd_table_data,
	.invalidation_data = vtd_invalidation_data,
};
