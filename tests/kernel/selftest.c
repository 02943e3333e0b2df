/* SPDX-License-Identifier: MIT */
/*
 * The provider of self-test devices: see selftest.h. A device of these is attached from its first
 * moment on, so that one whose route leads nowhere is in a scratch IOAS of its own.
 */
#include "selftest.h"
#include "ctx.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC   UINT64_C(0x6d6d6f6964657674)
#define CREDITS 32u

/* What a token file holds: it never leaves the process. */
struct token {
	uint64_t magic;
	struct selftest_device *device;
};

int selftest_fd(struct selftest_device *device)
{
	struct token token = {MAGIC, device};
	int fd = memfd_create("self-test device", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, &token, sizeof(token)) == sizeof(token))
		return fd;
	close(fd);
	return -EIO;
}

/* NULL: no such file. Another device's file is not read: that could do something. */
static struct selftest_device *device_of(int fd)
{
	struct stat is;
	struct token token;

	if (fstat(fd, &is) || !S_ISREG(is.st_mode) || is.st_size != sizeof(token))
		return NULL;
	if (pread(fd, &token, sizeof(token), 0) != sizeof(token) || token.magic != MAGIC)
		return NULL;
	return token.device;
}

int selftest_command(int iommufd, struct selftest_cmd *cmd)
{
	cmd->size = sizeof(*cmd);
	return iommufd_call(iommufd, SELFTEST_CMD, cmd);
}

static void destroy(int iommufd, uint32_t id)
{
	struct iommufd_destroy destroy = {.size = sizeof(destroy), .id = id};

	iommufd_call(iommufd, IOMMUFD_DESTROY, &destroy);
}

/* The kernel's device, in its scratch IOAS. */
static int make(struct iommufd_device_handle *handle, struct selftest_device *device)
{
	struct iommufd_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct selftest_cmd cmd = {.op = SELFTEST_OP_MOCK_DOMAIN_FLAGS};
	int err = iommufd_call(handle->iommufd, IOMMUFD_IOAS_ALLOC, &alloc);

	if (err)
		return err;
	cmd.id = alloc.out_ioas_id;
	cmd.domain.flags = device->flags;
	err = selftest_command(handle->iommufd, &cmd);
	if (err) {
		destroy(handle->iommufd, alloc.out_ioas_id);
		return err;
	}
	device->scratch = alloc.out_ioas_id;
	device->stdev = cmd.domain.out_stdev_id;
	handle->dev_id = cmd.domain.out_idev_id;
	return 0;
}

/* Several contexts may want the device at once: the first has it. */
static bool claim(struct selftest_device *device, struct iommufd_device_handle *handle)
{
	struct iommufd_device_handle *none = NULL;

	return __atomic_compare_exchange_n(
		&device->handle, &none, handle, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void release(struct selftest_device *device)
{
	__atomic_store_n(&device->handle, NULL, __ATOMIC_RELEASE);
}

static int selftest_bind(struct iommufd_device_handle *handle, struct backend_device *is)
{
	struct selftest_device *device = device_of(handle->fd);
	int err;

	if (!device)
		return -ENOTTY;
	if (!claim(device, handle))
		return error_reason(-EBUSY, "the device is bound to an iommufd already");
	err = make(handle, device);
	if (err) {
		release(device);
		return err;
	}
	handle->state = device;
	device->hwpt = 0;
	is->flags |= IOASID_DEVICE_PAGE_REQUESTS;
	is->group = device->stdev;
	is->group_size = 1;
	is->credits = device->credits ? device->credits : CREDITS;
	is->group_pages = 1;
	return 0;
}

static void selftest_unbind(struct iommufd_device_handle *handle)
{
	struct selftest_device *device = handle->state;

	destroy(handle->iommufd, device->stdev);
	destroy(handle->iommufd, device->scratch);
	device->hwpt = 0;
	release(device);
}

static int replace(const struct iommufd_device_handle *handle, uint32_t *pt_id)
{
	const struct selftest_device *device = handle->state;
	struct selftest_cmd cmd = {.op = SELFTEST_OP_DOMAIN_REPLACE, .id = device->stdev};
	int err;

	cmd.replace.pt_id = *pt_id;
	err = selftest_command(handle->iommufd, &cmd);
	if (!err)
		*pt_id = cmd.replace.pt_id;
	return err;
}

static int reserve(int iommufd, uint32_t ioas, const struct ioasid_range *window)
{
	struct selftest_cmd cmd = {.op = SELFTEST_OP_ADD_RESERVED, .id = ioas};

	cmd.window.start = window->first;
	cmd.window.length = window->last - window->first + 1;
	return selftest_command(iommufd, &cmd);
}

/* A table's IOAS has them already, or the windows came with the attach to it. */
static int reserve_windows(const struct iommufd_device_handle *handle, uint32_t pt_id)
{
	const struct selftest_device *device = handle->state;

	for (unsigned int i = 0; i < 3 && device->windows[i].last; i++) {
		int err = reserve(handle->iommufd, pt_id, &device->windows[i]);

		if (err && err != -ENOENT)
			return err;
	}
	return 0;
}

static int selftest_attach(struct iommufd_device_handle *handle, uint32_t pasid, uint32_t *pt_id)
{
	struct selftest_device *device = handle->state;
	int err;

	if (pasid != IOASID_PASID_NONE)
		return error_reason(-EOPNOTSUPP, "self-test devices of this kernel have no PASID");
	err = reserve_windows(handle, *pt_id);
	if (!err)
		err = replace(handle, pt_id);
	if (!err)
		device->hwpt = *pt_id;
	return err;
}

static int selftest_detach(struct iommufd_device_handle *handle, uint32_t pasid)
{
	struct selftest_device *device = handle->state;
	uint32_t pt_id = device->scratch;
	int err;

	if (pasid != IOASID_PASID_NONE)
		return -EOPNOTSUPP;
	/* the detach of a real device needs no memory and cannot fail: once more */
	err = replace(handle, &pt_id);
	if (err)
		err = replace(handle, &pt_id);
	if (!err)
		device->hwpt = 0;
	return err;
}

static uint32_t selftest_formats(struct iommufd_device_handle *handle, uint32_t *addr_width)
{
	(void)handle;
	*addr_width = 48;
	return 1u << IOASID_PGTABLE_VTD_S1;
}

/* A table's address is what the IOTLB is filled with, so that a test can see it. */
static int selftest_table_data(const struct ioasid_pgtable *table, struct iommufd_table_data *data)
{
	struct selftest_table filled = {.iotlb = (uint32_t)table->addr};

	if (table->format != IOASID_PGTABLE_VTD_S1)
		return error_reason(-EOPNOTSUPP,
			"self-test devices take VT-d tables, not format %u", table->format);
	data->type = SELFTEST_TABLE_TYPE;
	data->length = sizeof(filled);
	memcpy(data->bytes, &filled, sizeof(filled));
	return 0;
}

/* Page n is IOTLB entry n, of a range the first. */
static int selftest_invalidation_data(const struct ioasid_pgtable *table,
	const struct ioasid_invalidation *list, unsigned int n,
	struct iommufd_invalidation_data *data)
{
	(void)table;
	data->type = SELFTEST_INVALIDATE_TYPE;
	data->entry_length = sizeof(struct selftest_invalidation);
	for (unsigned int i = 0; i < n; i++) {
		bool all = list[i].what == IOASID_INVALIDATE_SPACE;
		struct selftest_invalidation entry = {
			.flags = all ? SELFTEST_INVALIDATE_ALL : 0,
			.iotlb = all ? 0 : (uint32_t)(list[i].addr / 4096),
		};

		memcpy(data->entries + i * sizeof(entry), &entry, sizeof(entry));
	}
	return 0;
}

const struct iommufd_provider selftest_provider = {
	.name = "self-test",
	.bind = selftest_bind,
	.unbind = selftest_unbind,
	.attach = selftest_attach,
	.detach = selftest_detach,
	.formats = selftest_formats,
	.table_data = selftest_table_data,
	.invalidation_data = selftest_invalidation_data,
};

const struct iommufd_provider *const selftest_providers[] = {
	&selftest_provider,
	&iommufd_vfio,
	NULL,
};

int selftest_open(uint32_t flags, struct ioasid_ctx **ctx, struct backend **out)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	struct backend *be;
	int err;

	if (fd < 0)
		return -errno;
	err = iommufd_new(fd, flags, selftest_providers, &be);
	if (err) {
		close(fd);
		return err;
	}
	err = ctx_new(be, ctx);
	if (err) {
		be->ops->close(be);
		be->ops->release(be);
	} else if (out) {
		*out = be;
	}
	return err;
}
