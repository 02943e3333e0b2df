/* SPDX-License-Identifier: MIT */
/*
 * Devices: taken in by the first provider that knows the descriptor, and asked what their IOMMU
 * can do. Where they lead is route.c's.
 */
#include "iommufd.h"
#include <errno.h>
#include <stdlib.h>

struct iommufd_device *iommufd_device(struct iommufd *leaf, uint32_t id)
{
	list_each(link, &leaf->devices)
	{
		struct iommufd_device *device = list_entry(link, struct iommufd_device, link);

		if (device->is.id == id)
			return device;
	}
	return NULL;
}

static int take_in(struct iommufd *leaf, struct iommufd_device *device)
{
	struct iommufd_device_handle *handle = &device->handle;

	for (unsigned int i = 0; leaf->providers[i]; i++) {
		int err = leaf->providers[i]->bind(handle, &device->is);

		handle->provider = leaf->providers[i];
		if (err != -ENOTTY)
			return err;
		error_forget();
	}
	return error_reason(-ENOTTY,
		"it is no device that can be bound: open its VFIO device file, "
		"/dev/vfio/devices/vfioN");
}

/* Makes such a table, only to see whether it can be made. */
static int try_table(struct iommufd *leaf, const struct iommufd_device *device, uint32_t ioas,
	uint32_t flags, bool *can)
{
	struct iommufd_hwpt_alloc alloc = {
		.size = sizeof(alloc),
		.flags = flags,
		.dev_id = device->is.id,
		.pt_id = ioas,
	};
	int err = iommufd_call(leaf->fd, IOMMUFD_HWPT_ALLOC, &alloc);

	*can = !err;
	if (!err)
		iommufd_destroy_object(leaf, alloc.out_hwpt_id);
	/* a driver says no with one of these; anything else is no answer */
	return err == -EOPNOTSUPP || err == -EINVAL || err == -ENODEV ? 0 : err;
}

static int try_tables(struct iommufd *leaf, struct iommufd_device *device, uint32_t ioas)
{
	bool can = false;
	int err = try_table(leaf, device, ioas, IOMMUFD_HWPT_NEST_PARENT, &can);

	if (!err && can)
		device->is.flags |= IOASID_DEVICE_NESTING;
	if (!err && leaf->has & IOMMUFD_HAS_DIRTY)
		err = try_table(leaf, device, ioas, IOMMUFD_HWPT_DIRTY_TRACKING, &can);
	else
		can = false;
	if (!err && can)
		device->is.flags |= IOASID_DEVICE_DIRTY;
	return err;
}

static int ask_tables(struct iommufd *leaf, struct iommufd_device *device)
{
	uint32_t ioas;
	int err;

	/* a mediated device knows no table */
	if (device->is.flags & IOASID_DEVICE_MEDIATED || !(leaf->has & IOMMUFD_HAS_HWPT_ALLOC))
		return 0;
	err = iommufd_ioas_new(leaf, &ioas);
	if (err)
		return err;
	err = try_tables(leaf, device, ioas);
	iommufd_destroy_object(leaf, ioas);
	return err;
}

static int ask_pasids(struct iommufd *leaf, struct iommufd_device *device)
{
	struct iommufd_get_hw_info info = {.size = sizeof(info), .dev_id = device->is.id};
	int err = iommufd_call(leaf->fd, IOMMUFD_GET_HW_INFO, &info);

	if (!err && info.out_max_pasid_log2 <= 20)
		device->is.pasid_bits = info.out_max_pasid_log2;
	return err == -ENOMEM ? err : 0;
}

static int ask(struct iommufd *leaf, struct iommufd_device *device)
{
	struct iommufd_device_handle *handle = &device->handle;
	int err = ask_tables(leaf, device);

	if (!err && !device->is.pasid_bits)
		err = ask_pasids(leaf, device);
	if (err)
		return err;
	device->pasids = device->is.pasid_bits && leaf->has & IOMMUFD_HAS_HWPT_ALLOC;
	if (leaf->has & IOMMUFD_HAS_INVALIDATE)
		device->formats = handle->provider->formats(handle, &device->addr_width);
	return 0;
}

static int bind(struct iommufd *leaf, struct iommufd_device *device)
{
	int err = take_in(leaf, device);

	if (err)
		return err;
	device->is.id = device->handle.dev_id;
	err = ask(leaf, device);
	if (err)
		device->handle.provider->unbind(&device->handle);
	return err;
}

int iommufd_device_bind(struct backend *be, int fd, uint64_t label, struct backend_device *is)
{
	struct iommufd *leaf = iommufd_of(be);
	struct iommufd_device *device = calloc(1, sizeof(*device));
	int err;

	if (!device)
		return -ENOMEM;
	device->label = label;
	device->handle.fd = fd;
	device->handle.iommufd = leaf->fd;
	list_init(&device->routes);
	err = bind(leaf, device);
	if (err) {
		free(device);
		return err;
	}
	pthread_rwlock_wrlock(&leaf->lock);
	list_append(&leaf->devices, &device->link);
	pthread_rwlock_unlock(&leaf->lock);
	*is = device->is;
	return 0;
}

void iommufd_device_unbind(struct backend *be, uint32_t id)
{
	struct iommufd *leaf = iommufd_of(be);
	struct iommufd_device *device = iommufd_device(leaf, id);

	if (!device)
		return;
	pthread_rwlock_wrlock(&leaf->lock);
	list_remove(&device->link);
	pthread_rwlock_unlock(&leaf->lock);
	device->handle.provider->unbind(&device->handle);
	free(device);
}

/* It is led to an empty IOAS for a moment, where nothing is mapped. */
static int ranges_alone(struct iommufd *leaf, struct iommufd_device *device, uint32_t ioas,
	struct ioasid_range *ranges, unsigned int n)
{
	struct iommufd_device_handle *handle = &device->handle;
	uint32_t pt_id = ioas;
	int got = handle->provider->attach(handle, IOASID_PASID_NONE, &pt_id);

	if (got)
		return got;
	got = iommufd_space_ranges(&leaf->base, ioas, ranges, n);
	handle->provider->detach(handle, IOASID_PASID_NONE);
	return got;
}

int iommufd_device_ranges(
	struct backend *be, uint32_t id, struct ioasid_range *ranges, unsigned int n)
{
	struct iommufd *leaf = iommufd_of(be);
	struct iommufd_device *device = iommufd_device(leaf, id);
	uint32_t ioas;
	int got;

	if (!device || iommufd_route(device, IOASID_PASID_NONE))
		return -EBUSY;
	got = iommufd_ioas_new(leaf, &ioas);
	if (got)
		return got;
	got = ranges_alone(leaf, device, ioas, ranges, n);
	iommufd_destroy_object(leaf, ioas);
	return got;
}
