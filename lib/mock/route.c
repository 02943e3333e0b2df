/* SPDX-License-Identifier: MIT */
/*
 * Attach, detach, replace: see route.h. What is outstanding on a route that moves or ends is
 * answered INVALID, and the IOTLB forgets. It must not know how DMA is done.
 */
#include "route.h"
#include "../error.h"
#include "flush.h"
#include "track.h"
#include "vm.h"
#include "wire.h"
#include <errno.h>
#include <stdlib.h>

static struct mock_route *find(const struct maptree *routes, uint32_t pasid)
{
	const struct maptree_entry *entry = maptree_find(routes, pasid);

	return entry ? (struct mock_route *)(uintptr_t)entry->value : NULL;
}

static int file(struct maptree *routes, uint32_t pasid, struct mock_route *route, uint32_t wire)
{
	struct maptree_entry entry = {
		.start = pasid,
		.last = pasid,
		.value = (uint64_t)(uintptr_t)route,
		.mark = wire,
	};

	return maptree_insert(routes, &entry, NULL);
}

struct mock_route *mock_route_of(const struct ioasid_mock_device *device, uint32_t pasid)
{
	if (!device->owner)
		return NULL;
	/* what travels for a mediated device is picked when it is attached, not when mates are */
	return find(mock_wire_is_picked(device) ? &device->attached : device->routes, pasid);
}

struct mock_route *mock_route_attached(const struct ioasid_mock_device *device, uint32_t pasid)
{
	return find(&device->attached, pasid);
}

struct mock_route *mock_route_plain(const struct mock_route *route)
{
	return find(route->device ? &route->device->attached : &route->group->routes,
		IOASID_PASID_NONE);
}

static bool is_shared(const struct ioasid_mock_device *device)
{
	return device->routes != &device->attached;
}

/* Strictly, a space works for a device once the whole group is attached to it. */
static bool group_leads_to(
	const struct mock_group *group, uint32_t pasid, const struct mock_space *space)
{
	list_each(link, &group->devices)
	{
		const struct mock_route *route =
			find(list_entry(link, struct ioasid_mock_device, mate)->routes, pasid);

		if (!route || route->space != space)
			return false;
	}
	return true;
}

static void update_complete(const struct ioasid_mock_device *device, uint32_t pasid)
{
	const struct mock_group *group = device->group;

	if (is_shared(device))
		return;
	list_each(link, &group->devices)
	{
		struct mock_route *route =
			find(list_entry(link, struct ioasid_mock_device, mate)->routes, pasid);

		if (route)
			route->complete = group_leads_to(group, pasid, route->space);
	}
}

static int check_pasid(const struct ioasid_mock_device *device, uint32_t pasid)
{
	uint32_t bits = device->opts.pasid_bits;

	if (pasid == IOASID_PASID_NONE || (bits && !(pasid >> bits)))
		return 0;
	return error_reason(-EINVAL, "PASID %u: the device has %u bits of it", pasid, bits);
}

static int find_device(
	struct mock_backend *be, struct backend_route which, struct ioasid_mock_device **device)
{
	*device = table_get(&be->devices, which.device);
	if (!*device)
		return error_reason(-ENOENT, "no device %u", which.device);
	return check_pasid(*device, which.pasid);
}

/* Attach */

/* The route of the device, made if it is the first of its group. */
static int open_route(struct ioasid_mock_device *device, uint32_t pasid, struct mock_space *space,
	struct mock_route **route)
{
	struct mock_iommu *iommu = device->group->iommu;
	int err = mock_space_fits(space, iommu);

	if (err)
		return err;
	*route = calloc(1, sizeof(**route));
	if (!*route)
		return -ENOMEM;
	**route = (struct mock_route){
		.space = space,
		.group = device->group,
		.device = is_shared(device) ? NULL : device,
		.pasid = pasid,
		.complete = is_shared(device),
	};
	err = mock_space_reach(space, iommu);
	if (!err && is_shared(device)) {
		err = file(device->routes, pasid, *route, 0);
		if (err)
			mock_space_leave(space, iommu);
	}
	if (err)
		free(*route);
	else
		list_append(&space->routes, &(*route)->link);
	if (!err)
		mock_track_begin(*route);
	return err;
}

static void close_route(struct ioasid_mock_device *device, uint32_t pasid, struct mock_route *route)
{
	if (is_shared(device))
		maptree_remove(device->routes, pasid);
	mock_flush_route(route);
	list_remove(&route->link);
	mock_space_leave(route->space, device->group->iommu);
	free(route);
}

/* The device is attached by the route. */
static int join_route(struct ioasid_mock_device *device, uint32_t pasid, struct mock_route *route)
{
	uint32_t wire;
	int err = mock_wire_take(device, route->space, pasid, &wire);

	if (err)
		return err;
	err = file(&device->attached, pasid, route, wire);
	if (err)
		mock_wire_give(device, route->space, wire);
	else
		route->members++;
	return err;
}

static void leave_route(struct ioasid_mock_device *device, uint32_t pasid, struct mock_route *route)
{
	uint32_t wire = maptree_find(&device->attached, pasid)->mark;

	mock_vm_forget(device, pasid);
	maptree_remove(&device->attached, pasid);
	mock_wire_give(device, route->space, wire);
	route->members--;
}

static int attach(struct ioasid_mock_device *device, uint32_t pasid, struct mock_space *space)
{
	struct mock_route *route = find(device->routes, pasid);
	int err;

	if (find(&device->attached, pasid))
		return error_reason(-EEXIST, "the route leads to space %u", route->space->id);
	if (route && route->space != space)
		return error_reason(-EINVAL, "group %u is attached to space %u",
			device->group->number, route->space->id);
	err = route ? 0 : open_route(device, pasid, space, &route);
	if (err)
		return err;
	err = join_route(device, pasid, route);
	if (err && !route->members)
		close_route(device, pasid, route);
	if (!err)
		update_complete(device, pasid);
	return err;
}

/* Detach */

static void detach(struct ioasid_mock_device *device, uint32_t pasid, struct mock_route *route)
{
	leave_route(device, pasid, route);
	/* mates are not attached, or wait on: see has_listener() in request.c */
	mock_track_cancel_device(device, route);
	if (!route->members)
		close_route(device, pasid, route);
	update_complete(device, pasid);
}

int mock_detach(struct backend *base, struct backend_route which)
{
	struct mock_backend *be = mock_backend(base);
	int err = mock_injected(be->mock, IOASID_MOCK_OP_DETACH);
	struct ioasid_mock_device *device;
	struct mock_route *route;

	if (err)
		return err;
	pthread_rwlock_wrlock(&be->mock->world);
	err = find_device(be, which, &device);
	route = err ? NULL : find(&device->attached, which.pasid);
	if (route)
		detach(device, which.pasid, route);
	else if (!err)
		err = error_reason(-ENOENT, "the route leads nowhere");
	pthread_rwlock_unlock(&be->mock->world);
	return err;
}

void mock_route_end_all(struct ioasid_mock_device *device)
{
	const struct maptree_entry *entry;

	while ((entry = maptree_first(&device->attached, 0)))
		detach(device, (uint32_t)entry->start,
			(struct mock_route *)(uintptr_t)entry->value);
}

/* Replace */

/* A replace moves the route of the device, and where its group has one, that of all mates. */
static bool moves_too(
	const struct ioasid_mock_device *device, const struct ioasid_mock_device *mate)
{
	return mate == device || is_shared(device);
}

static bool needs_hold(const struct ioasid_mock_device *device, uint32_t pasid)
{
	list_each(link, &device->group->devices)
	{
		const struct ioasid_mock_device *mate =
			list_entry(link, struct ioasid_mock_device, mate);

		if (moves_too(device, mate) && mock_wire_needs_hold(mate, pasid))
			return true;
	}
	return false;
}

/* What processors send for it is this no more, even if what travels stays the same. */
static void renumber(struct ioasid_mock_device *device, uint32_t pasid, struct mock_space *from,
	struct mock_space *to)
{
	list_each(link, &device->group->devices)
	{
		struct ioasid_mock_device *mate = list_entry(link, struct ioasid_mock_device, mate);

		if (!moves_too(device, mate))
			continue;
		mock_vm_forget(mate, pasid);
		mock_wire_move(mate, pasid, from, to);
	}
}

/* The route leads to the space, which has a number on the wire if it needs one. */
static int move_held(
	struct ioasid_mock_device *device, struct mock_route *route, struct mock_space *space)
{
	struct mock_iommu *iommu = device->group->iommu;
	int err = mock_space_reach(space, iommu);

	if (err)
		return err;
	mock_track_cancel(route); /* by what it was, and by what it is */
	mock_flush_route(route);
	mock_space_leave(route->space, iommu);
	list_remove(&route->link);
	list_append(&space->routes, &route->link);
	renumber(device, route->pasid, route->space, space);
	route->space = space;
	mock_track_cancel(route);
	update_complete(device, route->pasid);
	return 0;
}

static int move_route(struct ioasid_mock_device *device, uint32_t pasid, struct mock_space *space)
{
	struct mock_route *route = find(&device->attached, pasid);
	bool hold = needs_hold(device, pasid);
	int err;

	if (!route)
		return error_reason(-ENOENT, "the route leads nowhere");
	if (route->space == space)
		return 0;
	err = mock_space_fits(space, device->group->iommu);
	if (!err && hold)
		err = mock_wire_hold(space);
	if (err)
		return err;
	err = move_held(device, route, space);
	if (hold)
		mock_wire_let_go(space);
	return err;
}

/* What attach and replace have in common: they differ in how. */
static int lead(struct mock_backend *be, struct backend_route which, uint32_t id,
	int (*how)(struct ioasid_mock_device *device, uint32_t pasid, struct mock_space *space))
{
	struct ioasid_mock_device *device;
	struct mock_space *space;
	int err;

	pthread_rwlock_wrlock(&be->mock->world);
	err = find_device(be, which, &device);
	space = table_get(&be->spaces, id);
	if (!err && !space)
		err = error_reason(-ENOENT, "no space %u", id);
	if (!err)
		err = how(device, which.pasid, space);
	pthread_rwlock_unlock(&be->mock->world);
	return err;
}

int mock_attach(struct backend *base, struct backend_route which, uint32_t space)
{
	struct mock_backend *be = mock_backend(base);
	int err = mock_injected(be->mock, IOASID_MOCK_OP_ATTACH);

	return err ? err : lead(be, which, space, attach);
}

int mock_replace(struct backend *base, struct backend_route which, uint32_t space)
{
	struct mock_backend *be = mock_backend(base);
	int err = mock_injected(be->mock, IOASID_MOCK_OP_REPLACE);

	return err ? err : lead(be, which, space, move_route);
}
