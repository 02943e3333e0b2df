/* SPDX-License-Identifier: MIT */
/*
 * Where accesses of a device really lead: see track.h.
 */
#include "track.h"
#include "bound.h"
#include "flush.h"
#include "request.h"

static bool has_pasids(const struct mock_space *space)
{
	return space->bound && space->bound->pasids;
}

/* By one route alone. */
static bool lead_by(const struct mock_route *route, struct mock_access *access)
{
	access->space = access->told = route && route->complete ? route->space : NULL;
	return access->space;
}

/* What the device itself is attached to by the PASID: a mate's page requests are not its. */
static struct mock_space *tracking(const struct ioasid_mock_device *device, uint32_t pasid)
{
	const struct mock_route *route = mock_route_attached(device, pasid);

	return route && pasid != IOASID_PASID_NONE ? route->space : NULL;
}

/* A guest's table may have entries for more. */
static bool has_pasid(const struct ioasid_mock_device *device, uint32_t pasid)
{
	uint32_t bits = device->opts.pasid_bits;

	return pasid == IOASID_PASID_NONE || (bits && !(pasid >> bits));
}

bool mock_track_lead(struct mock_access *access)
{
	const struct ioasid_mock_device *device = access->device;
	const struct mock_route *plain = NULL;
	struct mock_space *tracks;

	access->space = access->told = NULL;
	if (!has_pasid(device, access->pasid))
		return false;
	if (device->owner && device->mock->pasid_tables)
		plain = mock_route_of(device, IOASID_PASID_NONE);
	if (!plain || !has_pasids(plain->space))
		return lead_by(mock_route_of(device, access->pasid), access);
	if (!lead_by(plain, access))
		return false;
	tracks = tracking(device, access->pasid);
	if (tracks)
		access->told = tracks;
	return true;
}

uint32_t mock_track_by(const struct mock_access *access)
{
	return has_pasids(access->space) ? IOASID_PASID_NONE : access->pasid;
}

struct mock_space *mock_track_table(const struct mock_route *route)
{
	const struct mock_route *plain =
		route->pasid == IOASID_PASID_NONE ? NULL : mock_route_plain(route);

	return plain && has_pasids(plain->space) ? plain->space : NULL;
}

static bool is_of_all(const struct mock_route *route)
{
	return route->pasid == IOASID_PASID_NONE && has_pasids(route->space);
}

void mock_track_begin(const struct mock_route *route)
{
	if (is_of_all(route))
		mock_track_cancel(route);
}

/* What its PASIDs had by themselves: as long as the table is there, nobody invalidates that. */
static void forget_own(const struct ioasid_mock_device *device)
{
	const struct maptree_entry *entry = maptree_first(device->routes, 0);

	for (; entry; entry = maptree_first(device->routes, entry->last + 1))
		mock_flush_route((const struct mock_route *)(uintptr_t)entry->value);
}

void mock_track_cancel_device(struct ioasid_mock_device *device, const struct mock_route *route)
{
	if (!is_of_all(route)) {
		mock_request_cancel(device, route->pasid);
		return;
	}
	mock_request_cancel_all(device);
	forget_own(device);
}

void mock_track_cancel(const struct mock_route *route)
{
	if (route->device) {
		mock_track_cancel_device(route->device, route);
		return;
	}
	list_each(link, &route->group->devices)
		mock_track_cancel_device(list_entry(link, struct ioasid_mock_device, mate), route);
}
