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

/* Page requests that the queue's devices may have outstanding, this one included. */
static uint64_t count_credits(const struct ioasid_device *device, const struct ioasid_faultq *queue)
{
	uint64_t credits = device->is.credits;

	list_each(link, &device->ctx->devices)
	{
		const struct ioasid_device *other = list_entry(link, struct ioasid_device, link);

		if (other != device && uses_queue(other, queue))
			credits += other->is.credits;
	}
	return credits;
}

static int check_queue(
	const struct ioasid_device *device, const struct ioasid_space *space, const char *call)
{
	uint64_t credits = count_credits(device, space->faults);
	uint32_t most = space->faults->opts.max_outstanding;

	if (!(device->is.flags & IOASID_DEVICE_PAGE_REQUESTS))
		return refuse(device, space, call, "page requests");
	if (credits > most)
		return error_set(-ENOSPC,
			"%s: with %s the fault queue of space %u may meet %llu page requests at a time, it takes "
			"%u: raise max_outstanding",
			call, device->name, space->id, (unsigned long long)credits, most);
	if (device->is.group_pages > space->faults->opts.group_max)
		return error_set(-ENOSPC,
			"%s: %s asks for up to %u pages in a group, the fault queue of space %u takes %u: "
			"raise group_max",
			call, device->name, device->is.group_pages, space->id,
			space->faults->opts.group_max);
	return 0;
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
