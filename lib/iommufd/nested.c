/* SPDX-License-Identifier: MIT */
/*
 * Page tables of guests. While one is bound, the routes of its space lead to tables that the kernel
 * nests on the parent's, one for each IOMMU; what the guest invalidates goes to all of them. How a
 * format is written down is the provider's to know, which tables there are table.c's.
 */
#include "iommufd.h"
#include <errno.h>
#include <limits.h>

#define BATCH       128u
#define ENTRY_BYTES 32u

static int check_kernel(const struct iommufd *leaf)
{
	if (leaf->has & IOMMUFD_HAS_INVALIDATE)
		return 0;
	return error_reason(
		-EOPNOTSUPP, "this kernel does not nest page tables of guests (Linux 6.8 does)");
}

/* Before there is a device: is it a table at all that one could take? */
static int check_format(const struct iommufd *leaf, const struct ioasid_pgtable *table)
{
	struct iommufd_table_data data;
	int err = -EOPNOTSUPP;

	for (unsigned int i = 0; err && leaf->providers[i]; i++) {
		err = leaf->providers[i]->table_data(table, &data);
		if (!err)
			error_forget();
	}
	return err;
}

/* Routes of the space to what serves it now: at most so many, and how many those were. */
struct moving {
	struct iommufd *leaf;
	const struct iommufd_space *space;
	unsigned int limit;
	unsigned int done;
};

static int move_routes_of(struct moving *moving, struct iommufd_device *device)
{
	list_each(link, &device->routes)
	{
		struct iommufd_route *route = list_entry(link, struct iommufd_route, of_device);
		int err;

		if (route->space != moving->space || moving->done == moving->limit)
			continue;
		err = iommufd_route_refresh(moving->leaf, device, route);
		if (err)
			return err;
		moving->done++;
	}
	return 0;
}

static int move_routes(struct moving *moving)
{
	int err = 0;

	list_each(link, &moving->leaf->devices)
	{
		err = move_routes_of(moving, list_entry(link, struct iommufd_device, link));
		if (err)
			break;
	}
	return err;
}

struct binding {
	struct iommufd_space *parent;
	struct ioasid_pgtable table;
};

static void set_binding(struct iommufd_space *space, const struct binding *binding)
{
	space->parent = binding->parent;
	space->bound = binding->table;
}

/* All routes move, or all are where they were. */
static int rebind(struct iommufd *leaf, struct iommufd_space *space, const struct binding *now)
{
	struct binding before = {space->parent, space->bound};
	struct moving there = {.leaf = leaf, .space = space, .limit = UINT_MAX};
	struct moving back = {.leaf = leaf, .space = space};
	int err;

	set_binding(space, now);
	err = move_routes(&there);
	if (!err)
		return 0;
	set_binding(space, &before);
	back.limit = there.done;
	if (back.limit && move_routes(&back))
		return error_reason(-EIO,
			"errno %d half-way, and a device could not go back: detach the devices of the space",
			-err);
	return err;
}

int iommufd_pgtable_bind(
	struct backend *be, uint32_t id, uint32_t parent, const struct ioasid_pgtable *table)
{
	struct iommufd *leaf = iommufd_of(be);
	struct binding binding = {iommufd_space(leaf, parent), *table};
	int err = check_kernel(leaf);

	if (!err)
		err = check_format(leaf, table);
	return err ? err : rebind(leaf, iommufd_space(leaf, id), &binding);
}

int iommufd_pasid_table_bind(
	struct backend *be, uint32_t id, uint32_t parent, const struct ioasid_pgtable *table)
{
	(void)be, (void)id, (void)parent, (void)table;
	return error_reason(-EOPNOTSUPP,
		"a kernel takes a guest's PASID table only through a virtual IOMMU of its own (Linux 6.13, "
		"of Arm's SMMUv3), which this library does not make");
}

int iommufd_pgtable_unbind(struct backend *be, uint32_t id)
{
	struct iommufd *leaf = iommufd_of(be);
	struct iommufd_space *space = iommufd_space(leaf, id);
	struct iommufd_queue *queue = space->queue;
	struct binding none = {.parent = NULL};
	int err = rebind(leaf, space, &none);

	if (err != -EOPNOTSUPP || !queue)
		return err;
	/* up to Linux 6.12 only a guest's table has page requests: the empty space does without */
	error_forget();
	space->queue = NULL;
	err = rebind(leaf, space, &none);
	space->queue = queue;
	return err;
}

static bool leads_to(const struct iommufd_device *device, const struct iommufd_table *table)
{
	list_each(link,
		&device->routes) if (list_entry(link, struct iommufd_route, of_device)->table ==
				     table) return true;
	return false;
}

/* NULL: the last route has just been taken off it. */
static const struct iommufd_provider *provider_of(
	const struct iommufd *leaf, const struct iommufd_table *table)
{
	list_each(link, &leaf->devices)
	{
		const struct iommufd_device *device = list_entry(link, struct iommufd_device, link);

		if (leads_to(device, table))
			return device->handle.provider;
	}
	return NULL;
}

static int explain(int err, const struct ioasid_invalidation *first)
{
	unsigned long long addr = first->addr, length = first->length;

	if (err == -EINVAL || err == -EOPNOTSUPP)
		return error_reason(err,
			"the IOMMU's driver refuses to invalidate address 0x%llx, length 0x%llx",
			addr, length);
	return error_reason(-EIO,
		"the IOMMU did not invalidate address 0x%llx, length 0x%llx (errno %d)", addr,
		length, -err);
}

/* How many, at least one, or why not the first. */
static int send(struct iommufd *leaf, const struct iommufd_table *table,
	const struct iommufd_invalidation_data *data, unsigned int n)
{
	struct iommufd_hwpt_invalidate call = {
		.size = sizeof(call),
		.hwpt_id = table->id,
		.data_uptr = (uintptr_t)data->entries,
		.data_type = data->type,
		.entry_len = data->entry_length,
		.entry_num = n,
	};
	int err = iommufd_call(leaf->fd, IOMMUFD_HWPT_INVALIDATE, &call);

	if (call.entry_num && call.entry_num <= n && (!err || call.entry_num < n))
		return (int)call.entry_num;
	return err ? err : -EIO;
}

static int invalidate_table(struct iommufd *leaf, const struct iommufd_table *table,
	const struct ioasid_invalidation *list, unsigned int n)
{
	unsigned char entries[BATCH * ENTRY_BYTES];
	struct iommufd_invalidation_data data = {.entries = entries};
	const struct iommufd_provider *provider = provider_of(leaf, table);
	int err;

	if (!provider)
		return (int)n;
	err = provider->invalidation_data(&table->space->bound, list, n, &data);
	if (err && n > 1) /* which of them? */
		return invalidate_table(leaf, table, list, 1);
	if (err)
		return err;
	err = send(leaf, table, &data, n);
	return err < 0 ? explain(err, list) : err;
}

/* The least that a table of the space has handled. */
static int invalidate_all(struct iommufd *leaf, const struct iommufd_space *space,
	const struct ioasid_invalidation *list, unsigned int n)
{
	int least = (int)n;

	list_each(link, &space->tables)
	{
		const struct iommufd_table *table =
			list_entry(link, struct iommufd_table, of_space);
		int got = table->parent ? invalidate_table(leaf, table, list, n) : (int)n;

		if (got < 0)
			return got;
		if (got < least)
			least = got;
	}
	return least;
}

/* One that fails after others is tried once more, as the first, so that its reason is known. */
static int invalidate_list(struct iommufd *leaf, const struct iommufd_space *space,
	const struct ioasid_invalidation *list, unsigned int n)
{
	unsigned int done = 0;

	while (done < n) {
		unsigned int batch = n - done < BATCH ? n - done : BATCH;
		int got = invalidate_all(leaf, space, list + done, batch);

		if (got < 0)
			return done ? (int)done : got;
		done += (unsigned int)got;
	}
	return (int)done;
}

int iommufd_invalidate(
	struct backend *be, uint32_t id, const struct ioasid_invalidation *list, unsigned int n)
{
	struct iommufd *leaf = iommufd_of(be);
	int got;

	/* a detach may take a table's last route meanwhile, but not destroy it */
	pthread_rwlock_rdlock(&leaf->lock);
	got = invalidate_list(leaf, iommufd_space(leaf, id), list, n);
	pthread_rwlock_unlock(&leaf->lock);
	return got;
}

/* Its routes before this one lead to that table too. */
static bool led_before(const struct iommufd_device *device, const struct iommufd_route *route)
{
	list_each(link, &device->routes)
	{
		const struct iommufd_route *before =
			list_entry(link, struct iommufd_route, of_device);

		if (before == route)
			break;
		if (before->table == route->table)
			return true;
	}
	return false;
}

/* The kernel forgets by table, for all its devices and in them; it has no word for one device. */
int iommufd_device_invalidate(struct backend *be, uint32_t id)
{
	static const struct ioasid_invalidation all = {.what = IOASID_INVALIDATE_SPACE};
	struct iommufd *leaf = iommufd_of(be);
	struct iommufd_device *device = iommufd_device(leaf, id);

	list_each(link, &device->routes)
	{
		const struct iommufd_route *route =
			list_entry(link, struct iommufd_route, of_device);
		int got;

		if (!route->table || !route->table->parent || led_before(device, route))
			continue;
		got = invalidate_table(leaf, route->table, &all, 1);
		if (got < 0)
			return got;
	}
	return 0;
}
