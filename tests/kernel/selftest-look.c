/* SPDX-License-Identifier: MIT */
/*
 * What tests ask the kernel about a self-test device that is bound, and what they let it do: see
 * selftest.h. Each is one ioctl; none changes where the device's route leads.
 */
#include "selftest.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

uint32_t selftest_ioas(const struct selftest_device *device)
{
	const struct iommufd_device *of;

	if (!device->handle || !device->hwpt)
		return 0;
	of = list_entry(device->handle, struct iommufd_device, handle);
	list_each(link, &of->routes)
	{
		const struct iommufd_route *route =
			list_entry(link, struct iommufd_route, of_device);

		if (route->pasid == IOASID_PASID_NONE)
			return route->space->id;
	}
	return 0;
}

int selftest_check_map(
	const struct selftest_device *device, uint64_t iova, uint64_t length, const void *addr)
{
	struct selftest_cmd cmd = {.op = SELFTEST_OP_MD_CHECK_MAP, .id = device->hwpt};

	if (!device->handle || !device->hwpt)
		return -ENODEV;
	cmd.check_map.iova = iova;
	cmd.check_map.length = length;
	cmd.check_map.addr = (uintptr_t)addr;
	return selftest_command(device->handle->iommufd, &cmd);
}

int selftest_check_iotlb(const struct selftest_device *device, uint32_t index, uint32_t value)
{
	struct selftest_cmd cmd = {.op = SELFTEST_OP_MD_CHECK_IOTLB, .id = device->hwpt};

	if (!device->handle || !device->hwpt)
		return -ENODEV;
	cmd.check_iotlb.index = index;
	cmd.check_iotlb.value = value;
	return selftest_command(device->handle->iommufd, &cmd);
}

int selftest_check_refs(int iommufd, const void *addr, uint64_t length, uint32_t refs)
{
	struct selftest_cmd cmd = {.op = SELFTEST_OP_MD_CHECK_REFS};

	cmd.check_refs.addr = (uintptr_t)addr;
	cmd.check_refs.length = length;
	cmd.check_refs.refs = refs;
	return selftest_command(iommufd, &cmd);
}

int selftest_fault(const struct selftest_device *device, const struct selftest_fault *fault)
{
	struct selftest_cmd cmd = {.op = SELFTEST_OP_TRIGGER_IOPF};

	if (!device->handle)
		return -ENODEV;
	cmd.fault.dev_id = device->handle->dev_id;
	cmd.fault.grpid = fault->group;
	cmd.fault.perm = fault->perm;
	cmd.fault.addr = fault->addr;
	return selftest_command(device->handle->iommufd, &cmd);
}

int selftest_dirty(const struct selftest_device *device, uint64_t iova, uint64_t length,
	const uint64_t *bitmap)
{
	struct selftest_cmd cmd = {.op = SELFTEST_OP_DIRTY, .id = device->hwpt};
	int err;

	if (!device->handle || !device->hwpt)
		return -ENODEV;
	cmd.dirty.iova = iova;
	cmd.dirty.length = length;
	cmd.dirty.page_size = SELFTEST_IO_PAGE;
	cmd.dirty.bitmap = (uintptr_t)bitmap;
	err = selftest_command(device->handle->iommufd, &cmd);
	return err ? err : (int)cmd.dirty.out_dirty;
}

int selftest_rw(int iommufd, uint32_t ioas, const struct selftest_rw *rw)
{
	struct selftest_cmd access = {.op = SELFTEST_OP_CREATE_ACCESS, .id = ioas};
	struct selftest_cmd cmd = {.op = SELFTEST_OP_ACCESS_RW};
	int err = selftest_command(iommufd, &access);

	if (err)
		return err;
	cmd.id = access.access.out_fd;
	cmd.rw.iova = rw->iova;
	cmd.rw.length = rw->length;
	cmd.rw.buffer = (uintptr_t)rw->buffer;
	cmd.rw.flags = rw->flags;
	err = selftest_command(iommufd, &cmd);
	close((int)access.access.out_fd);
	return err;
}

int selftest_memory_limit(int iommufd, uint32_t bytes)
{
	struct selftest_cmd cmd = {.op = SELFTEST_OP_SET_MEMORY_LIMIT};

	cmd.limit.bytes = bytes;
	return selftest_command(iommufd, &cmd);
}

uint64_t selftest_pinned(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[128];
	uint64_t kilobytes = 0;

	if (!status)
		return UINT64_MAX;
	while (fgets(line, sizeof(line), status))
		if (sscanf(line, "VmPin: %" SCNu64, &kilobytes) == 1)
			break;
	fclose(status);
	return kilobytes * 1024;
}
