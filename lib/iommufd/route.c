/* SPDX-License-Identifier: MIT */
/*
 * Routes: which table a device, or a device with a PASID, leads to. An IOMMU group has one table
 * in the kernel: a move takes all of its devices along, and its faults end with the last of them.
 * Which moves are allowed is the core's to know.
 */
#include "iommufd.h"
#include <errno.h>
#include <stdlib.h>

struct iommufd_route *iommufd_route(struct iommufd_device *device, uint32_t pasid)
{
	list_each(link, &device->routes)
	{
		struct iommufd_route *route = list_entry(link, struct iommufd_route, of_device);

		if (route->pasid == pasid)
			return route;
	}
	return NULL;
}

static struct iommufd_device *device_at(struct list *link)
{
	return list_entry(link, struct iommufd_device, link);
}

/* The same route of a device of the group that a link of the list of devices is, or NULL. */
static struct iommufd_route *mate_at(
	struct list *link, const struct iommufd_device *device, uint32_t pasid)
{
	struct iommufd_device *mate = device_at(link);

	return mate->is.group == device->is.group ? iommufd_route(mate, pasid) : NULL;
}

static bool is_last_of_group(struct iommufd *leaf, struct iommufd_device *device, uint32_t pasid)
{
	list_each(link, &leaf->devices) if (device_at(link) != device &&
					    mate_at(link, device, pasid)) return false;
	return true;
}

/* The kernel names one device of a group, and not always the one that leaves last. */
static void cancel_group(struct iommufd *leaf, const struct iommufd_device *device, uint32_t pasid,
	struct iommufd_queue *queue)
{
	list_each(link, &leaf->devices)
	{
		const struct iommufd_device *mate = device_at(link);

		if (mate->is.group == device->is.group)
			iommufd_queue_cancel(queue, mate->is.id, pasid);
	}
}

static struct iommufd_queue *queue_of(const struct iommufd_table *table)
{
	return table ? table->queue : NULL;
}

/* Found by faults from here on; not found any more. */
static void link_in(
	struct iommufd *leaf, struct iommufd_device *device, struct iommufd_route *route)
{
	pthread_rwlock_wrlock(&leaf->lock);
	list_append(&device->routes, &route->of_device);
	pthread_rwlock_unlock(&leaf->lock);
}

static void link_out(struct iommufd *leaf, struct iommufd_route *route)
{
	pthread_rwlock_wrlock(&leaf->lock);
	list_remove(&route->of_device);
	pthread_rwlock_unlock(&leaf->lock);
	free(route);
}

static int find_pair(
	struct iommufd *leaf, struct backend_route route, uint32_t space, struct iommufd_lead *lead)
{
	lead->device = iommufd_device(leaf, route.device);
	lead->space = iommufd_space(leaf, space);
	lead->pasid = route.pasid;
	if (lead->device && lead->space)
		return 0;
	return error_reason(-ENOENT, "no device %u or no space %u", route.device, space);
}

int iommufd_attach(struct backend *be, struct backend_route wish, uint32_t space)
{
	struct iommufd *leaf = iommufd_of(be);
	struct iommufd_lead lead;
	struct iommufd_route *route;
	int err = find_pair(leaf, wish, space, &lead);

	if (err)
		return err;
	route = calloc(1, sizeof(*route));
	if (!route)
		return -ENOMEM;
	route->pasid = wish.pasid;
	route->space = lead.space;
	/* first: a fault may be there before the call is back */
	link_in(leaf, lead.device, route);
	err = iommufd_table_lead(leaf, &lead, &route->table);
	if (err)
		link_out(leaf, route);
	return err;
}

static struct iommufd_route *find_route(struct iommufd *leaf, struct backend_route wish)
{
	struct iommufd_device *device = iommufd_device(leaf, wish.device);

	return device ? iommufd_route(device, wish.pasid) : NULL;
}

/* The kernel has let go of it. */
static void forget(struct iommufd *leaf, struct iommufd_device *device, struct iommufd_route *route)
{
	struct iommufd_table *table = route->table;

	if (is_last_of_group(leaf, device, route->pasid))
		cancel_group(leaf, device, route->pasid, queue_of(table));
	link_out(leaf, route);
	iommufd_table_drop(leaf, table);
}

int iommufd_detach(struct backend *be, struct backend_route wish)
{
	struct iommufd *leaf = iommufd_of(be);
	struct iommufd_device *device = iommufd_device(leaf, wish.device);
	struct iommufd_route *route = find_route(leaf, wish);
	int err;

	if (!route)
		return error_reason(-ENOENT, "the route of device %u leads nowhere", wish.device);
	err = device->handle.provider->detach(&device->handle, wish.pasid);
	if (!err)
		forget(leaf, device, route);
	return err;
}

void iommufd_route_end(
	struct iommufd *leaf, struct iommufd_device *device, struct iommufd_route *route)
{
	device->handle.provider->detach(&device->handle, route->pasid);
	error_forget();
	forget(leaf, device, route);
}

/* Where faults that come from now on are from. */
static void name_space(
	struct iommufd *leaf, const struct iommufd_lead *lead, struct iommufd_space *space)
{
	pthread_rwlock_wrlock(&leaf->lock);
	list_each(link, &leaf->devices)
	{
		struct iommufd_route *route = mate_at(link, lead->device, lead->pasid);

		if (route)
			route->space = space;
	}
	pthread_rwlock_unlock(&leaf->lock);
}

static struct iommufd_table *swap_table(
	struct iommufd *leaf, struct iommufd_route *route, struct iommufd_table *table)
{
	struct iommufd_table *old = route->table;

	pthread_rwlock_wrlock(&leaf->lock);
	route->table = table;
	pthread_rwlock_unlock(&leaf->lock);
	if (table)
		table->users++;
	return old;
}

static void move_group(
	struct iommufd *leaf, const struct iommufd_lead *lead, struct iommufd_table *table)
{
	list_each(link, &leaf->devices)
	{
		struct iommufd_route *route = mate_at(link, lead->device, lead->pasid);

		if (route)
			iommufd_table_drop(leaf, swap_table(leaf, route, table));
	}
}

/* Nothing moves in the kernel where the table stays, and it cancels nothing then. The space comes
 * first: a fault may be there before the call is back, and none of the old ones is read meanwhile.
 */
static int move(struct iommufd *leaf, const struct iommufd_lead *lead, struct iommufd_route *route)
{
	struct iommufd_space *from = route->space;
	struct iommufd_table *old = route->table, *table;
	int err;

	name_space(leaf, lead, lead->space);
	err = iommufd_table_lead(leaf, lead, &table);
	if (err) {
		name_space(leaf, lead, from);
		return err;
	}
	if (old != table)
		cancel_group(leaf, lead->device, lead->pasid, queue_of(old));
	move_group(leaf, lead, table);
	if (table)
		table->users--; /* each route is counted by now */
	return 0;
}

int iommufd_replace(struct backend *be, struct backend_route wish, uint32_t space)
{
	struct iommufd *leaf = iommufd_of(be);
	struct iommufd_route *route = find_route(leaf, wish);
	struct iommufd_lead lead;
	int err = find_pair(leaf, wish, space, &lead);

	if (!err && !route)
		err = error_reason(-ENOENT, "the route of device %u leads nowhere", wish.device);
	return err ? err : move(leaf, &lead, route);
}

int iommufd_route_refresh(
	struct iommufd *leaf, struct iommufd_device *device, struct iommufd_route *route)
{
	struct iommufd_lead lead = {
		.device = device,
		.space = route->space,
		.pasid = route->pasid,
	};

	return move(leaf, &lead, route);
}
