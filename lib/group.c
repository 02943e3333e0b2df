/* SPDX-License-Identifier: MIT */
/*
 * IOMMU groups where the backend is strict about them: a space takes no command until every
 * device of each group in it is attached to it. Finds out, and names who is missing.
 */
#include "core.h"

static unsigned int count_members(const struct ioasid_space *space, uint32_t group)
{
	unsigned int n = 0;

	list_each(link, &space->ctx->devices)
	{
		const struct ioasid_device *device = list_entry(link, struct ioasid_device, link);

		n += device->is.group == group && device_is_attached(device, space);
	}
	return n;
}

/* A device of a group of which others are missing, or NULL. */
static const struct ioasid_device *lonely_device(const struct ioasid_space *space)
{
	list_each(link, &space->attachments)
	{
		const struct ioasid_device *device =
			list_entry(link, struct ioasid_attachment, of_space)->device;

		if (count_members(space, device->is.group) < device->is.group_size)
			return device;
	}
	return NULL;
}

void group_check(struct ioasid_space *space)
{
	bool strict = backend_has(space->ctx->be, IOASID_EXT_GROUP_STRICT);

	__atomic_store_n(&space->incomplete, strict && lonely_device(space), __ATOMIC_RELAXED);
}

static const struct ioasid_device *missing_mate(
	const struct ioasid_space *space, const struct ioasid_device *device)
{
	list_each(link, &space->ctx->devices)
	{
		const struct ioasid_device *mate = list_entry(link, struct ioasid_device, link);

		if (mate->is.group == device->is.group && !device_is_attached(mate, space))
			return mate;
	}
	return NULL;
}

static int name_missing(const struct ioasid_space *space, const char *call)
{
	const struct ioasid_device *device = lonely_device(space), *mate;

	if (!device)
		return 0;
	mate = missing_mate(space, device);
	if (mate)
		return error_set(-EDEADLK,
			"%s: %s, of IOMMU group %u as is %s, is not attached to space %u: attach it first",
			call, mate->name, mate->is.group, device->name, space->id);
	return error_set(-EDEADLK,
		"%s: IOMMU group %u of %s has %u devices, %u are attached to space %u: bind and attach the "
		"rest first",
		call, device->is.group, device->name, device->is.group_size,
		count_members(space, device->is.group), space->id);
}

int group_refuse(struct ioasid_space *space, const char *call)
{
	int err = ctx_enter(space->ctx, call);

	if (err)
		return err;
	err = name_missing(space, call);
	ctx_leave(space->ctx);
	return err;
}
