/* SPDX-License-Identifier: MIT */
/*
 * Devices: options, groups, descriptors, bind and unbind. It must not know how DMA is done or page
 * requests are answered.
 */
#include "device.h"
#include "../error.h"
#include "../opts.h"
#include "wire.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CREDITS         32u
#define CREDITS_MAX     512u
#define RETRIES         16u
#define TLB_ENTRIES     64u
#define TLB_ENTRIES_MAX (1u << 20)
#define KNOWN_FLAGS                                                                                \
	(IOASID_MOCK_DEVICE_MDEV | IOASID_MOCK_DEVICE_PRI | IOASID_MOCK_DEVICE_ATS |               \
		IOASID_MOCK_DEVICE_ENQCMD)
#define OWN_GROUP_FIRST 1000u /* numbers of groups that nobody named */

/* Options */

static void fill_defaults(struct ioasid_mock_device_opts *opts)
{
	if (!opts->credits)
		opts->credits = CREDITS;
	if (!opts->group_pages)
		opts->group_pages = 1;
	if (!opts->retries)
		opts->retries = RETRIES;
	if (!opts->tlb_entries && opts->flags & IOASID_MOCK_DEVICE_ATS)
		opts->tlb_entries = TLB_ENTRIES;
}

static int check_tlb(const struct ioasid_mock_device_opts *opts, const char *call)
{
	uint32_t entries = opts->tlb_entries;

	if (entries && !(opts->flags & IOASID_MOCK_DEVICE_ATS))
		return error_set(-EINVAL,
			"%s: tlb_entries %u: only a device with IOASID_MOCK_DEVICE_ATS has a TLB",
			call, entries);
	if (entries > TLB_ENTRIES_MAX || (entries & (entries - 1)))
		return error_set(-EINVAL,
			"%s: tlb_entries %u: a power of two, at most %u, is wanted", call, entries,
			TLB_ENTRIES_MAX);
	return 0;
}

static int check_opts(const struct ioasid_mock_device_opts *opts, const char *call)
{
	if (opts->flags & ~KNOWN_FLAGS)
		return error_set(-EINVAL, "%s: unknown flags 0x%x", call, opts->flags);
	if (opts->pasid_bits > IOASID_PASID_BITS)
		return error_set(-EINVAL, "%s: pasid_bits %u: at most %u", call, opts->pasid_bits,
			IOASID_PASID_BITS);
	if (opts->flags & IOASID_MOCK_DEVICE_ENQCMD && !opts->pasid_bits)
		return error_set(-EINVAL,
			"%s: IOASID_MOCK_DEVICE_ENQCMD: work comes with a PASID, but pasid_bits is 0",
			call);
	if (opts->credits > CREDITS_MAX)
		return error_set(
			-EINVAL, "%s: credits %u: at most %u", call, opts->credits, CREDITS_MAX);
	if (opts->group_pages > opts->credits)
		return error_set(-EINVAL, "%s: group_pages %u: at most the credits, %u", call,
			opts->group_pages, opts->credits);
	return check_tlb(opts, call);
}

/* Groups */

static struct mock_group *find_group(const struct ioasid_mock *mock, uint32_t number)
{
	list_each(link, &mock->groups)
	{
		struct mock_group *group = list_entry(link, struct mock_group, link);

		if (group->number == number)
			return group;
	}
	return NULL;
}

static uint32_t free_number(const struct ioasid_mock *mock)
{
	uint32_t number = OWN_GROUP_FIRST;

	while (find_group(mock, number))
		number++;
	return number;
}

static struct mock_group *add_group(struct ioasid_mock *mock, uint32_t number)
{
	struct mock_group *group = calloc(1, sizeof(*group));

	if (!group)
		return NULL;
	group->own = !number;
	group->number = number ? number : free_number(mock);
	list_init(&group->devices);
	list_append(&mock->groups, &group->link);
	return group;
}

static void leave_group(struct ioasid_mock_device *device)
{
	struct mock_group *group = device->group;

	list_remove(&device->mate);
	if (--group->size)
		return;
	maptree_clear(&group->routes);
	list_remove(&group->link);
	free(group);
}

static bool group_is_bound(const struct mock_group *group)
{
	list_each(link, &group->devices)
	{
		if (list_entry(link, struct ioasid_mock_device, mate)->owner)
			return true;
	}
	return false;
}

static int check_group(const struct mock_group *group, const struct mock_iommu *iommu)
{
	if (group->own)
		return error_set(-EINVAL,
			"ioasid_mock_device_new: group %u is that of a device that named none",
			group->number);
	if (group->iommu != iommu)
		return error_set(-EINVAL,
			"ioasid_mock_device_new: iommu %u: group %u is behind IOMMU %u",
			iommu->index, group->number, group->iommu->index);
	if (group_is_bound(group))
		return error_set(-EBUSY, "ioasid_mock_device_new: a device of group %u is bound",
			group->number);
	return 0;
}

/* New devices */

static int find_iommu(struct ioasid_mock *mock, uint32_t index, struct mock_iommu **iommu)
{
	*iommu = index == UINT32_MAX ? NULL : table_get(&mock->iommus, index + 1);
	if (*iommu)
		return 0;
	if (index || mock->iommus.count)
		return error_set(-EINVAL, "ioasid_mock_device_new: iommu %u: there are %u", index,
			mock->iommus.count);
	if (iommu_add_default(mock, iommu))
		return error_set(-ENOMEM, "ioasid_mock_device_new: no memory for IOMMU 0");
	return 0;
}

static int join_group(struct ioasid_mock_device *device, struct mock_iommu *iommu)
{
	uint32_t number = device->opts.group;
	struct mock_group *group = number ? find_group(device->mock, number) : NULL;
	int err = group ? check_group(group, iommu) : 0;

	if (err)
		return err;
	if (!group)
		group = add_group(device->mock, number);
	if (!group)
		return error_set(-ENOMEM, "ioasid_mock_device_new: no memory for a group");
	group->iommu = iommu;
	group->size++;
	list_append(&group->devices, &device->mate);
	device->group = group;
	device->routes = mock_is_strict(device->mock) ? &device->attached : &group->routes;
	return 0;
}

static int join_platform(struct ioasid_mock_device *device)
{
	struct ioasid_mock *mock = device->mock;
	struct mock_iommu *iommu;
	int err;

	pthread_rwlock_wrlock(&mock->world);
	err = find_iommu(mock, device->opts.iommu, &iommu);
	if (!err)
		err = join_group(device, iommu);
	if (!err) {
		device->number = ++mock->device_count;
		list_append(&mock->devices, &device->link);
	}
	pthread_rwlock_unlock(&mock->world);
	return err;
}

static int open_fd(struct ioasid_mock_device *device)
{
	struct stat stat;
	int err;

	device->fd = memfd_create("ioasid-mock-device", MFD_CLOEXEC);
	if (device->fd < 0 || fstat(device->fd, &stat)) {
		err = -errno;
		return error_set(err, "ioasid_mock_device_new: no descriptor for the device");
	}
	device->dev = stat.st_dev;
	device->ino = stat.st_ino;
	return 0;
}

static int make_device(struct ioasid_mock *mock, const struct ioasid_mock_device_opts *opts,
	struct ioasid_mock_device **device)
{
	struct ioasid_mock_device *new = calloc(1, sizeof(*new));
	int err;

	if (!new)
		return error_set(-ENOMEM, "ioasid_mock_device_new: no memory for a device");
	new->mock = mock;
	new->opts = *opts;
	new->credits = opts->credits;
	new->fd = -1;
	list_init(&new->in_flight);
	list_init(&new->starved);
	list_init(&new->translated);
	new->wires.limit = MOCK_WIRE_COUNT;
	if (table_reserve(&new->prgs, opts->credits))
		err = error_set(-ENOMEM, "ioasid_mock_device_new: no memory for page requests");
	else if (opts->tlb_entries && iotlb_init(&new->tlb, opts->tlb_entries))
		err = error_set(-ENOMEM, "ioasid_mock_device_new: no memory for a TLB");
	else
		err = open_fd(new);
	if (!err)
		err = join_platform(new);
	if (err)
		mock_device_free(new);
	else
		*device = new;
	return err;
}

int ioasid_mock_device_new(struct ioasid_mock *mock, const struct ioasid_mock_device_opts *given,
	struct ioasid_mock_device **device)
{
	struct ioasid_mock_device_opts opts;
	int err;

	if (!mock || !device)
		return error_set(
			-EINVAL, "ioasid_mock_device_new: %s is NULL", mock ? "device" : "mock");
	err = opts_copy(&opts, sizeof(opts), given, "ioasid_mock_device_new");
	if (err)
		return err;
	fill_defaults(&opts);
	err = check_opts(&opts, "ioasid_mock_device_new");
	return err ? err : make_device(mock, &opts, device);
}

void mock_device_close(struct ioasid_mock_device *device)
{
	if (device->fd >= 0)
		close(device->fd);
	device->fd = -1;
}

void mock_device_free(struct ioasid_mock_device *device)
{
	mock_device_close(device);
	list_remove(&device->link);
	if (device->group)
		leave_group(device);
	table_free(&device->prgs);
	table_free(&device->wires);
	iotlb_fini(&device->tlb);
	maptree_clear(&device->attached);
	free(device);
}

int ioasid_mock_device_fd(struct ioasid_mock_device *device)
{
	int fd;

	if (!device)
		return error_set(-EINVAL, "ioasid_mock_device_fd: device is NULL");
	fd = fcntl(device->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0) {
		fd = -errno;
		return error_set(fd, "ioasid_mock_device_fd: no descriptor for device %u: %m",
			device->number);
	}
	return fd;
}

int ioasid_mock_device_reset(struct ioasid_mock_device *device)
{
	int err = 0;

	if (!device)
		return error_set(-EINVAL, "ioasid_mock_device_reset: device is NULL");
	pthread_mutex_lock(&device->mock->faults);
	if (list_empty(&device->in_flight))
		device->halted = false;
	else
		err = error_set(-EBUSY,
			"ioasid_mock_device_reset: device %u has page requests outstanding",
			device->number);
	pthread_mutex_unlock(&device->mock->faults);
	return err;
}

/* Bind */

static struct ioasid_mock_device *find_device(const struct ioasid_mock *mock, int fd)
{
	struct stat stat;

	if (fstat(fd, &stat))
		return NULL;
	list_each(link, &mock->devices)
	{
		struct ioasid_mock_device *device =
			list_entry(link, struct ioasid_mock_device, link);

		if (device->ino == stat.st_ino && device->dev == stat.st_dev)
			return device;
	}
	return NULL;
}

/* A group has one owner: the isolation between contexts hangs on it. */
static int check_owner(const struct mock_backend *be, const struct ioasid_mock_device *device)
{
	if (device->owner)
		return error_reason(
			-EBUSY, "device %u of the platform is bound already", device->number);
	list_each(link, &device->group->devices)
	{
		const struct ioasid_mock_device *mate =
			list_entry(link, struct ioasid_mock_device, mate);

		if (mate->owner && mate->owner != be)
			return error_reason(-EBUSY,
				"device %u of the same group, %u, is bound to another context",
				mate->number, device->group->number);
	}
	return 0;
}

static void describe(const struct ioasid_mock_device *device, struct backend_device *is)
{
	const struct mock_iommu *iommu = device->group->iommu;

	*is = (struct backend_device){
		.id = device->id,
		.group = device->group->number,
		.group_size = device->group->size,
		.pasid_bits = device->opts.pasid_bits,
		.credits = device->opts.credits,
		.group_pages = device->opts.group_pages,
	};
	if (device->opts.flags & IOASID_MOCK_DEVICE_MDEV)
		is->flags |= IOASID_DEVICE_MEDIATED;
	if (device->opts.flags & IOASID_MOCK_DEVICE_PRI)
		is->flags |= IOASID_DEVICE_PAGE_REQUESTS;
	if (device->opts.flags & IOASID_MOCK_DEVICE_ENQCMD)
		is->flags |= IOASID_DEVICE_ENQCMD;
	if (iommu->flags & IOASID_MOCK_IOMMU_NESTING)
		is->flags |= IOASID_DEVICE_NESTING;
	if (iommu->flags & IOASID_MOCK_IOMMU_DIRTY)
		is->flags |= IOASID_DEVICE_DIRTY;
}

static int take_device(struct mock_backend *be, int fd, uint64_t label, struct backend_device *is)
{
	struct ioasid_mock_device *device;
	int err;

	if (be->mock->gone)
		return error_reason(-ENODEV, "the platform is gone");
	device = find_device(be->mock, fd);
	if (!device)
		return error_reason(-ENOTTY, "descriptor %d is no device of this platform", fd);
	err = check_owner(be, device);
	if (!err)
		err = table_put(&be->devices, device, &device->id);
	if (err)
		return err;
	device->owner = be;
	device->label = label;
	describe(device, is);
	return 0;
}

int mock_device_bind(struct backend *base, int fd, uint64_t label, struct backend_device *is)
{
	struct mock_backend *be = mock_backend(base);
	int err = mock_injected(be->mock, IOASID_MOCK_OP_BIND);

	if (err)
		return err;
	pthread_rwlock_wrlock(&be->mock->world);
	err = take_device(be, fd, label, is);
	pthread_rwlock_unlock(&be->mock->world);
	return err;
}

void mock_device_release(struct ioasid_mock_device *device)
{
	table_drop(&device->owner->devices, device->id);
	device->owner = NULL;
}

void mock_device_unbind(struct backend *base, uint32_t id)
{
	struct mock_backend *be = mock_backend(base);
	struct ioasid_mock_device *device;

	pthread_rwlock_wrlock(&be->mock->world);
	device = table_get(&be->devices, id);
	if (device)
		mock_device_release(device);
	pthread_rwlock_unlock(&be->mock->world);
}
