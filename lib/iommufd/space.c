/* SPDX-License-Identifier: MIT */
/*
 * Spaces: each an IOAS, which the kernel numbers. What its IOMMUs allow is asked of the kernel each
 * time, since it changes with every attach and detach. Its tables are table.c's.
 */
#include "iommufd.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

_Static_assert(sizeof(struct ioasid_range) == sizeof(struct iommufd_iova_range), "one layout");
_Static_assert(offsetof(struct ioasid_range, last) == offsetof(struct iommufd_iova_range, last),
	"one layout");

struct iommufd_space *iommufd_space(struct iommufd *leaf, uint32_t id)
{
	list_each(link, &leaf->spaces)
	{
		struct iommufd_space *space = list_entry(link, struct iommufd_space, link);

		if (space->id == id)
			return space;
	}
	return NULL;
}

int iommufd_ioas_new(struct iommufd *leaf, uint32_t *id)
{
	struct iommufd_ioas_alloc alloc = {.size = sizeof(alloc)};
	int err = iommufd_call(leaf->fd, IOMMUFD_IOAS_ALLOC, &alloc);

	if (!err)
		*id = alloc.out_ioas_id;
	return err;
}

void iommufd_destroy_object(struct iommufd *leaf, uint32_t id)
{
	struct iommufd_destroy destroy = {.size = sizeof(destroy), .id = id};

	iommufd_call(leaf->fd, IOMMUFD_DESTROY, &destroy);
}

static int set_small_pages(struct iommufd *leaf, uint32_t id)
{
	struct iommufd_option option = {
		.size = sizeof(option),
		.option_id = IOMMUFD_OPTION_HUGE_PAGES,
		.op = IOMMUFD_OPTION_OP_SET,
		.object_id = id,
		.val64 = 0,
	};

	return iommufd_call(leaf->fd, IOMMUFD_OPTION, &option);
}

static int make(struct iommufd *leaf, struct iommufd_space *space)
{
	int err = iommufd_ioas_new(leaf, &space->id);

	if (err || !(space->flags & IOASID_SPACE_SMALL_PAGES))
		return err;
	err = set_small_pages(leaf, space->id);
	if (err)
		iommufd_destroy_object(leaf, space->id);
	return err;
}

/* What needs a table made on our word needs a kernel that makes them. */
static int check_kernel(const struct iommufd *leaf, const struct backend_space *wish)
{
	if (wish->flags & IOASID_SPACE_DIRTY_TRACKING && !(leaf->has & IOMMUFD_HAS_DIRTY))
		return error_reason(
			-EOPNOTSUPP, "this kernel has no dirty tracking (Linux 6.7 has)");
	if (wish->flags & IOASID_SPACE_NEST_PARENT && !(leaf->has & IOMMUFD_HAS_HWPT_ALLOC))
		return error_reason(
			-EOPNOTSUPP, "this kernel has no nesting parents (Linux 6.7 has)");
	return 0;
}

int iommufd_space_new(struct backend *be, const struct backend_space *wish, uint32_t *id)
{
	struct iommufd *leaf = iommufd_of(be);
	struct iommufd_space *space;
	int err = check_kernel(leaf, wish);

	if (err)
		return err;
	space = calloc(1, sizeof(*space));
	if (!space)
		return -ENOMEM;
	space->flags = wish->flags;
	space->queue = iommufd_queue(leaf, wish->faultq);
	list_init(&space->tables);
	err = make(leaf, space);
	if (err) {
		free(space);
		return err;
	}
	pthread_rwlock_wrlock(&leaf->lock);
	list_append(&leaf->spaces, &space->link);
	pthread_rwlock_unlock(&leaf->lock);
	*id = space->id;
	return 0;
}

void iommufd_space_drop_tables(struct iommufd *leaf, struct iommufd_space *space)
{
	space->dirty = false;
	while (!list_empty(&space->tables)) {
		struct iommufd_table *table =
			list_entry(space->tables.next, struct iommufd_table, of_space);

		iommufd_table_free(leaf, table);
	}
}

void iommufd_space_destroy(struct backend *be, uint32_t id)
{
	struct iommufd *leaf = iommufd_of(be);
	struct iommufd_space *space = iommufd_space(leaf, id);

	if (!space)
		return;
	iommufd_space_drop_tables(leaf, space);
	pthread_rwlock_wrlock(&leaf->lock);
	list_remove(&space->link);
	pthread_rwlock_unlock(&leaf->lock);
	iommufd_destroy_object(leaf, id);
	free(space);
}

/* 0, -EMSGSIZE with the needed count, or another error; the alignment if wanted. */
static int ask_ranges(struct iommufd *leaf, struct iommufd_ioas_iova_ranges *ask)
{
	ask->size = sizeof(*ask);
	return iommufd_call(leaf->fd, IOMMUFD_IOAS_IOVA_RANGES, ask);
}

int iommufd_space_ranges(
	struct backend *be, uint32_t id, struct ioasid_range *ranges, unsigned int n)
{
	struct iommufd_ioas_iova_ranges ask = {
		.ioas_id = id,
		.num_iovas = n,
		.allowed_iovas = (uintptr_t)ranges,
	};
	int err = ask_ranges(iommufd_of(be), &ask);

	return err && err != -EMSGSIZE ? err : (int)ask.num_iovas;
}

/* What all devices whose route leads there have in common; nothing without a device. */
static void add_formats(struct iommufd *leaf, uint32_t id, struct backend_hardware *hardware)
{
	bool first = true;

	list_each(link, &leaf->devices)
	{
		struct iommufd_device *device = list_entry(link, struct iommufd_device, link);
		bool leads = false;

		list_each(at, &device->routes)
		{
			leads |= list_entry(at, struct iommufd_route, of_device)->space->id == id;
		}
		if (!leads)
			continue;
		hardware->formats = first ? device->formats : hardware->formats & device->formats;
		if (first || device->addr_width < hardware->addr_width)
			hardware->addr_width = device->addr_width;
		first = false;
	}
}

/* The kernel does not say which pages its IOMMUs have, only the least one, and cuts maps as it
 * must: every power of two from there is as good as any. */
static uint64_t page_sizes(uint64_t alignment, bool small)
{
	uint64_t least = (uint64_t)sysconf(_SC_PAGESIZE);

	if (alignment > least)
		least = alignment;
	return small ? least : -least;
}

static bool wants_small_pages(struct iommufd *leaf, uint32_t id)
{
	const struct iommufd_space *space = iommufd_space(leaf, id);

	return space && space->flags & IOASID_SPACE_SMALL_PAGES;
}

int iommufd_space_hardware(struct backend *be, uint32_t id, struct backend_hardware *hardware)
{
	struct iommufd *leaf = iommufd_of(be);
	struct iommufd_ioas_iova_ranges ask = {.ioas_id = id};
	int err = ask_ranges(leaf, &ask);

	if (err && err != -EMSGSIZE)
		return err;
	*hardware = (struct backend_hardware){.formats = 0};
	pthread_rwlock_rdlock(&leaf->lock);
	hardware->page_sizes = page_sizes(ask.out_iova_alignment, wants_small_pages(leaf, id));
	add_formats(leaf, id, hardware);
	pthread_rwlock_unlock(&leaf->lock);
	return 0;
}

int iommufd_space_allow(
	struct backend *be, uint32_t id, const struct ioasid_range *ranges, unsigned int n)
{
	struct iommufd_ioas_allow_iovas allow = {
		.size = sizeof(allow),
		.ioas_id = id,
		.num_iovas = n,
		.allowed_iovas = (uintptr_t)ranges,
	};
	int err = iommufd_call(iommufd_of(be)->fd, IOMMUFD_IOAS_ALLOW_IOVAS, &allow);

	/* the kernel says so of a window that is reserved, and of one that it cannot keep */
	if (err == -EADDRINUSE || err == -EBUSY)
		return error_reason(-EADDRINUSE,
			"one of %u ranges is reserved for a device, or beyond the aperture", n);
	return err;
}
