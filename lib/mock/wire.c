/* SPDX-License-Identifier: MIT */
/*
 * Numbers of PASIDs on the wire: see wire.h. What a device's route has is the mark of the route's
 * entry among those that the device is attached by. It must not know who translates a guest's
 * PASID, nor how DMA is done.
 */
#include "wire.h"
#include "../error.h"
#include "track.h"
#include <errno.h>

/* A table gives the lowest number first. */
static uint32_t wire_of(uint32_t number)
{
	return (1u << IOASID_PASID_BITS) - number;
}

static uint32_t number_of(uint32_t wire)
{
	return (1u << IOASID_PASID_BITS) - wire;
}

/* One space has the same number on all such devices: a processor does not ask which it sends to. */
static bool is_global(const struct ioasid_mock_device *device)
{
	return mock_wire_is_picked(device) && device->opts.flags & IOASID_MOCK_DEVICE_ENQCMD;
}

static struct maptree_entry *entry_of(const struct ioasid_mock_device *device, uint32_t pasid)
{
	return maptree_find(&device->attached, pasid);
}

/* Of a space */

int mock_wire_hold(struct mock_space *space)
{
	uint32_t number;
	int err = 0;

	if (!space->wire_users) {
		err = table_put(&space->owner->mock->wires, space, &number);
		space->wire = err ? 0 : wire_of(number);
	}
	if (err == -ENOSPC)
		return error_reason(err, "the platform has no PASID left for space %u", space->id);
	space->wire_users += !err;
	return err;
}

void mock_wire_let_go(struct mock_space *space)
{
	if (!--space->wire_users)
		table_drop(&space->owner->mock->wires, number_of(space->wire));
}

/* Of a route */

static int take_own(struct ioasid_mock_device *device, uint32_t *wire)
{
	uint32_t number;
	int err = table_put(&device->wires, device, &number);

	if (err == -ENOSPC)
		return error_reason(
			err, "device %u of the platform has no PASID left", device->number);
	if (!err)
		*wire = wire_of(number);
	return err;
}

int mock_wire_take(
	struct ioasid_mock_device *device, struct mock_space *space, uint32_t pasid, uint32_t *wire)
{
	int err;

	*wire = pasid;
	if (!mock_wire_is_picked(device))
		return 0;
	if (!is_global(device))
		return take_own(device, wire);
	err = mock_wire_hold(space);
	*wire = space->wire;
	return err;
}

void mock_wire_give(struct ioasid_mock_device *device, struct mock_space *space, uint32_t wire)
{
	if (is_global(device))
		mock_wire_let_go(space);
	else if (mock_wire_is_picked(device))
		table_drop(&device->wires, number_of(wire));
}

bool mock_wire_needs_hold(const struct ioasid_mock_device *device, uint32_t pasid)
{
	return is_global(device) && entry_of(device, pasid);
}

void mock_wire_move(struct ioasid_mock_device *device, uint32_t pasid, struct mock_space *from,
	struct mock_space *to)
{
	if (!mock_wire_needs_hold(device, pasid))
		return;
	mock_wire_hold(to); /* as it is held already, this only counts */
	entry_of(device, pasid)->mark = to->wire;
	mock_wire_let_go(from);
}

/* Of a device */

static bool has(const struct ioasid_mock_device *device, uint32_t pasid, uint32_t wire)
{
	const struct maptree_entry *entry = entry_of(device, pasid);

	return entry && entry->mark == wire;
}

bool mock_wire_find(const struct ioasid_mock_device *device, uint32_t wire, uint32_t *pasid)
{
	const struct mock_space *space = table_get(&device->mock->wires, number_of(wire));

	if (!mock_wire_is_picked(device)) {
		*pasid = wire;
		return true;
	}
	if (has(device, *pasid, wire))
		return true;
	if (!space)
		return false;
	list_each(link, &space->routes)
	{
		const struct mock_route *route = list_entry(link, struct mock_route, link);

		if (!has(device, route->pasid, wire))
			continue;
		*pasid = route->pasid;
		return true;
	}
	return false;
}

/* What is not picked travels wherever it leads: by a mate's route, or a guest's PASID table. */
static bool travels(struct ioasid_mock_device *device, uint32_t pasid)
{
	struct mock_access access = {.device = device, .pasid = pasid};

	return !mock_wire_is_picked(device) && mock_track_lead(&access);
}

static int look_up(struct ioasid_mock_device *device, uint32_t pasid, uint32_t *wire)
{
	const struct maptree_entry *entry = entry_of(device, pasid);

	if (!entry && !travels(device, pasid))
		return -ENODEV;
	*wire = entry ? entry->mark : pasid;
	return 0;
}

int ioasid_mock_wire_pasid(struct ioasid_mock_device *device, uint32_t pasid, uint32_t *wire)
{
	int err;

	if (!device || !wire)
		return error_set(
			-EINVAL, "ioasid_mock_wire_pasid: %s is NULL", device ? "wire" : "device");
	pthread_rwlock_rdlock(&device->mock->world);
	err = look_up(device, pasid, wire);
	pthread_rwlock_unlock(&device->mock->world);
	if (!err)
		return 0;
	return error_set(err, "ioasid_mock_wire_pasid: device %u, PASID 0x%x: it leads to no space",
		device->number, pasid);
}
