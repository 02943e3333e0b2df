/* SPDX-License-Identifier: MIT */
/*
 * What an errno of the kernel means, where one number has several causes or the cause can be told:
 * the limit on locked memory in figures, the feature that is missing, the window in the way. Called
 * after a failure only; it changes nothing.
 */
#include "iommufd.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static uint64_t accounts_process(const struct iommufd *leaf)
{
	struct iommufd_option option = {
		.size = sizeof(option),
		.option_id = IOMMUFD_OPTION_RLIMIT_MODE,
		.op = IOMMUFD_OPTION_OP_GET,
	};

	return iommufd_call(leaf->fd, IOMMUFD_OPTION, &option) ? 0 : option.val64;
}

static int explain_memory(const struct iommufd *leaf, int err, uint64_t need)
{
	char bytes[48] = "pages are locked at the first attach";
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY || err != -ENOMEM)
		return err;
	if (need)
		snprintf(bytes, sizeof(bytes), "it needs %llu bytes locked",
			(unsigned long long)need);
	return error_reason(err,
		"%s, RLIMIT_MEMLOCK is %llu for all of the %s: raise it, or memory is short", bytes,
		(unsigned long long)limit.rlim_cur, accounts_process(leaf) ? "process" : "user");
}

int iommufd_explain_map(const struct iommufd *leaf, int err, const struct backend_map *map)
{
	unsigned long long addr = map->addr;

	switch (err) {
	case -EFAULT:
		return error_reason(err,
			"at address 0x%llx the process has no memory with this permission, or a device's "
			"registers (a mapped BAR), which the kernel does not pin",
			addr);
	case -EEXIST:
	case -EADDRINUSE:
		return error_reason(-EEXIST,
			"the kernel has another map there, which this library did not make");
	default:
		return explain_memory(leaf, err, map->length);
	}
}

int iommufd_explain_copy(int err, const struct backend_copy *copy)
{
	unsigned long long from = copy->from;

	if (err == -ENOENT)
		return error_reason(
			err, "space %u has a hole behind address 0x%llx", copy->source, from);
	if (err == -EPERM)
		return error_reason(err,
			"writable, but the parent's memory at 0x%llx of space %u is read-only",
			from, copy->source);
	return err;
}

int iommufd_explain_unmap(int err)
{
	if (err == -EBUSY)
		return error_reason(err, "the kernel is still at a map there: try again");
	if (err == -ENOENT)
		return error_reason(
			-EIO, "the kernel has no map there: somebody else used the descriptor");
	if (err == -EDEADLK)
		return error_reason(err, "a mediated device does not let go of the pages");
	return err;
}

static int explain_einval(const struct iommufd_lead *lead)
{
	if (lead->pasid != IOASID_PASID_NONE)
		return error_reason(-EINVAL,
			"PASID %u is in use by the kernel, or not for this table", lead->pasid);
	if (lead->space->queue)
		return error_reason(-EINVAL,
			"IOMMU group %u leads to another table, or the device is a virtual function, which "
			"cannot have page requests",
			lead->device->is.group);
	return error_reason(-EINVAL,
		"its IOMMU does not suit the page table, or IOMMU group %u leads to another, or a mapped "
		"file is no file of memory",
		lead->device->is.group);
}

int iommufd_explain_attach(const struct iommufd *leaf, int err, const struct iommufd_lead *lead)
{
	switch (err) {
	case -EADDRINUSE:
		return error_reason(err,
			"maps or allowed windows of the space lie in a reserved region of the device or "
			"beyond its IOMMU's aperture");
	case -EINVAL:
		return explain_einval(lead);
	case -EBUSY:
		return error_reason(
			err, "the device is being reset, or its group is in other hands");
	case -EFAULT:
		return error_reason(err,
			"memory that was mapped before is gone, is a device's registers (a mapped BAR), or is "
			"registered and read-only: the first attach pins it");
	default:
		return explain_memory(leaf, err, 0);
	}
}

static int explain_unsupported(const struct iommufd_lead *lead)
{
	const struct iommufd_space *space = lead->space;

	if (space->bound.size)
		return error_reason(-EOPNOTSUPP,
			"the device's IOMMU does not take page tables of format %u",
			space->bound.format);
	if (lead->pasid != IOASID_PASID_NONE)
		return error_reason(-EOPNOTSUPP,
			"the device's IOMMU has no PASIDs, or none for tables with what the space was made for");
	if (space->queue)
		return error_reason(-EOPNOTSUPP,
			"up to Linux 6.12 page requests are served on nested tables only: give the queue to a "
			"child with a page table");
	return error_reason(-EOPNOTSUPP, "the device's IOMMU lacks %s",
		space->flags & IOASID_SPACE_NEST_PARENT ? "nesting" : "dirty tracking");
}

int iommufd_explain_table(const struct iommufd *leaf, int err, const struct iommufd_lead *lead)
{
	switch (err) {
	case -EOPNOTSUPP:
		return explain_unsupported(lead);
	case -ENOTTY:
		return error_reason(-EOPNOTSUPP,
			"this kernel makes no page tables on request (Linux 6.6 does)");
	case -EADDRINUSE:
		return iommufd_explain_attach(leaf, err, lead);
	case -EINVAL:
		return error_reason(err, "the kernel refuses the page table for this device");
	default:
		return explain_memory(leaf, err, 0);
	}
}
