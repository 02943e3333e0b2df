/* SPDX-License-Identifier: MIT */
/*
 * Registered memory: a private IOAS without devices holds each range at its process address, and
 * maps are copies out of it, so that all of them share its pages and these are accounted once. To
 * register pins nothing yet: the kernel pins when a device first reaches the pages.
 */
#include "iommufd.h"
#include <errno.h>

static int open_memory(struct iommufd *leaf)
{
	uint32_t id;
	int err = leaf->memory ? 0 : iommufd_ioas_new(leaf, &id);

	if (!err && !leaf->memory)
		__atomic_store_n(&leaf->memory, id, __ATOMIC_RELAXED);
	return err;
}

void iommufd_memory_end(struct iommufd *leaf)
{
	if (leaf->memory)
		iommufd_destroy_object(leaf, leaf->memory);
	__atomic_store_n(&leaf->memory, 0, __ATOMIC_RELAXED);
}

static void close_if_empty(struct iommufd *leaf)
{
	if (!leaf->memory_ranges)
		iommufd_memory_end(leaf);
}

int iommufd_memory_register(struct backend *be, uint64_t addr, uint64_t length)
{
	struct iommufd *leaf = iommufd_of(be);
	struct backend_map map = {
		.iova = addr,
		.length = length,
		.addr = addr,
		.flags = IOASID_MAP_RW,
	};
	struct iommufd_ioas_map call = {
		.size = sizeof(call),
		.flags = IOMMUFD_MAP_FIXED_IOVA | IOMMUFD_MAP_READABLE | IOMMUFD_MAP_WRITEABLE,
		.user_va = addr,
		.length = length,
		.iova = addr,
	};
	int err = open_memory(leaf);

	if (err)
		return err;
	call.ioas_id = leaf->memory;
	err = iommufd_call(leaf->fd, IOMMUFD_IOAS_MAP, &call);
	leaf->memory_ranges += !err;
	close_if_empty(leaf);
	return err ? iommufd_explain_map(leaf, err, &map) : 0;
}

int iommufd_memory_unregister(struct backend *be, uint64_t addr, uint64_t length)
{
	struct iommufd *leaf = iommufd_of(be);
	struct iommufd_ioas_unmap call = {
		.size = sizeof(call),
		.ioas_id = leaf->memory,
		.iova = addr,
		.length = length,
	};
	int err = iommufd_call(leaf->fd, IOMMUFD_IOAS_UNMAP, &call);

	if (err)
		return iommufd_explain_unmap(err);
	leaf->memory_ranges--;
	close_if_empty(leaf);
	return 0;
}
