/* SPDX-License-Identifier: MIT */
/*
 * Routes: a device, or a device with a PASID, leads to one space. Where a child is attached over
 * its parent, both attachments stand on one route, the child's on top, and it leads to the child.
 * Where an attach moves a whole IOMMU group, the group has one route, which leads to the deepest
 * space that one of its devices has on top. All under the context's lock.
 */
#include "core.h"

struct ioasid_attachment *route_top(const struct ioasid_device *device, uint32_t pasid)
{
	struct ioasid_attachment *top = NULL;

	list_each(link, &device->attachments)
	{
		struct ioasid_attachment *attachment =
			list_entry(link, struct ioasid_attachment, of_device);

		if (attachment->pasid == pasid)
			top = attachment;
	}
	return top;
}

struct ioasid_attachment *route_below(const struct ioasid_attachment *attachment)
{
	struct ioasid_attachment *below = NULL;

	list_each(link, &attachment->device->attachments)
	{
		struct ioasid_attachment *other =
			list_entry(link, struct ioasid_attachment, of_device);

		if (other == attachment)
			break;
		if (other->pasid == attachment->pasid)
			below = other;
	}
	return below;
}

static unsigned int depth(const struct ioasid_space *space)
{
	unsigned int n = 0;

	for (; space; space = space->parent)
		n++;
	return n;
}

static struct ioasid_space *top_space(
	const struct ioasid_device *device, uint32_t pasid, const struct ioasid_attachment *without)
{
	struct ioasid_attachment *top = route_top(device, pasid);

	if (top && top == without)
		top = route_below(top);
	return top ? top->space : NULL;
}

bool route_is_shared(const struct ioasid_device *device, const struct ioasid_device *other)
{
	if (backend_has(device->ctx->be, IOASID_EXT_GROUP_STRICT))
		return device == other;
	return device->is.group == other->is.group;
}

struct ioasid_space *route_leads(
	const struct ioasid_device *device, uint32_t pasid, const struct ioasid_attachment *without)
{
	struct ioasid_space *deepest = NULL;

	list_each(link, &device->ctx->devices)
	{
		struct ioasid_device *mate = list_entry(link, struct ioasid_device, link);
		struct ioasid_space *space;

		if (!route_is_shared(device, mate))
			continue;
		space = top_space(mate, pasid, without);
		if (depth(space) > depth(deepest))
			deepest = space;
	}
	return deepest;
}

/* A PASID table sends what a device requests to any queue, by its PASID. */
static void each_queue(struct ioasid_space *from, void (*act)(struct ioasid_faultq *queue))
{
	if (!from->ctx->pasid_tables) {
		act(from->faults);
		return;
	}
	list_each(link, &from->ctx->faultqs) act(list_entry(link, struct ioasid_faultq, link));
}

void route_stop(struct ioasid_space *from)
{
	each_queue(from, faultq_stop);
}

void route_go_on(struct ioasid_space *from)
{
	each_queue(from, faultq_go_on);
}

int route_move(const struct ioasid_attachment *attachment, struct ioasid_space *from,
	struct ioasid_space *to)
{
	struct backend *be = attachment->ctx->be;
	struct backend_route route = {attachment->device->is.id, attachment->pasid};
	int err;

	if (from == to)
		return 0;
	route_stop(from);
	/* no map of a stale range may slip in between */
	tree_lock(to);
	range_forget(to);
	err = be->ops->replace(be, route, to->id);
	tree_leave(to);
	route_go_on(from);
	return err;
}
