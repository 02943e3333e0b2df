/* SPDX-License-Identifier: MIT */
/*
 * What a space was said to be for, against what a device can do: asked at attach, so that the
 * reason is told there and not by a fault that never arrives.
 */
#include "core.h"

static int refuse(const struct ioasid_device *device, const struct ioasid_space *space,
	const char *call, const char *what)
{
	return error_set(-EOPNOTSUPP, "%s: space %u was made for %s, which %s cannot serve", call,
		space->id, what, device->name);
}

static bool uses_queue(const struct ioasid_device *device, const struct ioasid_faultq *queue)
{
	list_each(link,
		&device->attachments) if (list_entry(link, struct ioasid_attachment, of_device)
						  ->space->faults == queue) return true;
	return false;
}

/* Its IOMMU group moves as one, and a mate is on the queue, or is the device that comes. */
static bool is_taken_along(const struct ioasid_device *other, const struct ioasid_device *device,
	const struct ioasid_faultq *queue)
{
	if (other->is.group_size < 2)
		return false;
	list_each(link, &device->ctx->devices)
	{
		const struct ioasid_device *mate = list_entry(link, struct ioasid_device, link);

		if (route_is_shared(other, mate) && (mate == device || uses_queue(mate, queue)))
			return true;
	}
	return false;
}

/* May its page requests meet the queue, once the device is attached? */
static bool may_use(const struct ioasid_device *other, const struct ioasid_device *device,
	const struct ioasid_faultq *queue)
{
	if (other == device)
		return true;
	if (list_empty(&other->attachments) || !(other->is.flags & IOASID_DEVICE_PAGE_REQUESTS))
		return false;
	return uses_queue(other, queue) || is_taken_along(other, device, queue);
}

static int check_group_pages(
	const struct ioasid_device *device, const struct ioasid_space *space, const char *call)
{
	if (device->is.group_pages <= space->faults->opts.group_max)
		return 0;
	return error_set(-ENOSPC,
		"%s: %s asks for up to %u pages in a group, the fault queue of space %u takes %u: raise "
		"group_max",
		call, device->name, device->is.group_pages, space->id,
		space->faults->opts.group_max);
}

static int check_credits(uint64_t credits, const struct ioasid_device *device,
	const struct ioasid_space *space, const char *call)
{
	if (credits <= space->faults->opts.max_outstanding)
		return 0;
	return error_set(-ENOSPC,
		"%s: with %s the fault queue of space %u may meet %llu page requests at a time, it takes "
		"%u: raise max_outstanding",
		call, device->name, space->id, (unsigned long long)credits,
		space->faults->opts.max_outstanding);
}

static int check_queue(
	const struct ioasid_device *device, const struct ioasid_space *space, const char *call)
{
	uint64_t credits = 0;

	if (!(device->is.flags & IOASID_DEVICE_PAGE_REQUESTS))
		return refuse(device, space, call, "page requests");
	list_each(link, &device->ctx->devices)
	{
		const struct ioasid_device *other = list_entry(link, struct ioasid_device, link);

		if (!may_use(other, device, space->faults))
			continue;
		if (check_group_pages(other, space, call))
			return -ENOSPC;
		credits += other->is.credits;
	}
	return check_credits(credits, device, space, call);
}

int intent_check(struct ioasid_device *device, struct ioasid_space *space, const char *call)
{
	uint32_t can = device->is.flags;

	if (space->flags & IOASID_SPACE_NEST_PARENT && !(can & IOASID_DEVICE_NESTING))
		return refuse(device, space, call, "hardware nesting");
	if (space->flags & IOASID_SPACE_DIRTY_TRACKING && !(can & IOASID_DEVICE_DIRTY))
		return refuse(device, space, call, "dirty tracking");
	return space->faults ? check_queue(device, space, call) : 0;
}
