/* SPDX-License-Identifier: MIT */
/*
 * Maps: an ioctl each, by the numbers that the core knows, with no lock and no look-up. Whole maps
 * and free addresses are the core's care.
 */
#include "iommufd.h"
#include <errno.h>

static uint32_t map_flags(uint32_t flags)
{
	return IOMMUFD_MAP_FIXED_IOVA | (flags & IOASID_MAP_READ ? IOMMUFD_MAP_READABLE : 0) |
	       (flags & IOASID_MAP_WRITE ? IOMMUFD_MAP_WRITEABLE : 0);
}

static int copy(const struct iommufd *leaf, uint32_t space, const struct backend_copy *copy)
{
	struct iommufd_ioas_copy call = {
		.size = sizeof(call),
		.flags = map_flags(copy->flags),
		.dst_ioas_id = space,
		.src_ioas_id = copy->source,
		.length = copy->length,
		.dst_iova = copy->iova,
		.src_iova = copy->from,
	};

	return iommufd_call(leaf->fd, IOMMUFD_IOAS_COPY, &call);
}

/* Registered memory is shared with the space that holds all of it, at its process addresses: that
 * one stays while a map uses it. */
static int map_registered(struct iommufd *leaf, uint32_t space, const struct backend_map *map)
{
	struct backend_copy from = {
		.source = __atomic_load_n(&leaf->memory, __ATOMIC_RELAXED),
		.flags = map->flags,
		.from = map->addr,
		.iova = map->iova,
		.length = map->length,
	};

	return copy(leaf, space, &from);
}

static int map_memory(struct iommufd *leaf, uint32_t space, const struct backend_map *map)
{
	struct iommufd_ioas_map call = {
		.size = sizeof(call),
		.flags = map_flags(map->flags),
		.ioas_id = space,
		.user_va = map->addr,
		.length = map->length,
		.iova = map->iova,
	};
	int err = iommufd_call_once(leaf->fd, IOMMUFD_IOAS_MAP, &call);

	return err == -EINTR ? iommufd_call(leaf->fd, IOMMUFD_IOAS_MAP, &call) : err;
}

int iommufd_map(struct backend *be, uint32_t space, const struct backend_map *map)
{
	struct iommufd *leaf = iommufd_of(be);
	int err = map->registered ? map_registered(leaf, space, map) : map_memory(leaf, space, map);

	return err ? iommufd_explain_map(leaf, err, map) : 0;
}

int iommufd_map_file(struct backend *be, uint32_t space, const struct backend_map *map,
	const struct backend_file *file)
{
	struct iommufd *leaf = iommufd_of(be);
	struct iommufd_ioas_map_file call = {
		.size = sizeof(call),
		.flags = map_flags(map->flags),
		.ioas_id = space,
		.fd = file->fd,
		.start = file->offset,
		.length = map->length,
		.iova = map->iova,
	};
	int err = iommufd_call(leaf->fd, IOMMUFD_IOAS_MAP_FILE, &call);

	return err ? iommufd_explain_map(leaf, err, map) : 0;
}

int iommufd_copy(struct backend *be, uint32_t space, const struct backend_copy *wish)
{
	int err = copy(iommufd_of(be), space, wish);

	return err ? iommufd_explain_copy(err, wish) : 0;
}

int iommufd_unmap(struct backend *be, uint32_t space, uint64_t first, uint64_t last)
{
	bool all = !first && last == UINT64_MAX;
	struct iommufd_ioas_unmap call = {
		.size = sizeof(call),
		.ioas_id = space,
		.iova = first,
		.length = all ? UINT64_MAX : last - first + 1,
	};
	int err = iommufd_call_once(iommufd_of(be)->fd, IOMMUFD_IOAS_UNMAP, &call);

	if (err == -EINTR)
		err = iommufd_call(iommufd_of(be)->fd, IOMMUFD_IOAS_UNMAP, &call);

	return err ? iommufd_explain_unmap(err) : 0;
}
