/* SPDX-License-Identifier: MIT */
/*
 * Replace: an attachment, and where a group moves as one those of its mates, leads to another
 * space with nothing in between. All is checked before the backend moves anything.
 */
#include "core.h"

static int refuse_place(const struct ioasid_attachment *attachment,
	const struct ioasid_space *space, const char *call)
{
	const struct ioasid_attachment *below = route_below(attachment);
	const char *name = attachment->device->name;

	if (below && space->parent != below->space)
		return error_set(-EINVAL,
			"%s: %s leads through space %u, which is not the parent of %u: detach first",
			call, name, below->space->id, space->id);
	if (below || !space->parent)
		return 0;
	if (space->parent != attachment->space &&
		device_is_attached(attachment->device, space->parent))
		return 0;
	return error_set(-EINVAL,
		"%s: without this attachment %s is not attached to space %u, the parent of %u: attach "
		"instead",
		call, name, space->parent->id, space->id);
}

static int check_one(
	const struct ioasid_attachment *attachment, struct ioasid_space *space, const char *call)
{
	int err = attachment_refuse_needed(attachment, call);

	if (!err)
		err = refuse_place(attachment, space, call);
	if (!err)
		err = pasid_check_lead(attachment->device, space, attachment->pasid, call);
	return err ? err : intent_check(attachment->device, space, call);
}

/* The attachments that move: this one, or its group's to the same space by the same route. */
static bool moves(const struct ioasid_attachment *other, const struct ioasid_attachment *attachment)
{
	if (other->pasid != attachment->pasid || other->space != attachment->space)
		return false;
	return route_is_shared(other->device, attachment->device);
}

/* A mate that does not move must find its own space below the new one. */
static int check_mates(
	const struct ioasid_attachment *attachment, struct ioasid_space *space, const char *call)
{
	list_each(link, &attachment->ctx->devices)
	{
		const struct ioasid_device *mate = list_entry(link, struct ioasid_device, link);
		const struct ioasid_attachment *top = route_top(mate, attachment->pasid);

		if (!top || !route_is_shared(mate, attachment->device) || moves(top, attachment) ||
			space_is_ancestor(top->space, space))
			continue;
		return error_set(-EBUSY,
			"%s: %s, of the same IOMMU group %u, is attached to space %u, which does not lead "
			"to %u: detach it first",
			call, mate->name, mate->is.group, top->space->id, space->id);
	}
	return 0;
}

static int check_all(
	const struct ioasid_attachment *attachment, struct ioasid_space *space, const char *call)
{
	list_each(link, &attachment->space->attachments)
	{
		const struct ioasid_attachment *other =
			list_entry(link, struct ioasid_attachment, of_space);
		int err = moves(other, attachment) ? check_one(other, space, call) : 0;

		if (err)
			return err;
	}
	return 0;
}

/* A mate of the group has led the route on to a child. */
static int refuse_deeper(const struct ioasid_attachment *attachment, const char *call)
{
	struct ioasid_space *leads = route_leads(attachment->device, attachment->pasid, NULL);

	if (leads == attachment->space || attachment_refuse_needed(attachment, call))
		return leads == attachment->space ? 0 : -EBUSY;
	return error_set(-EBUSY,
		"%s: the route of IOMMU group %u leads to space %u, over %u: detach the other device first",
		call, attachment->device->is.group, leads->id, attachment->space->id);
}

static void move_all(struct ioasid_attachment *attachment, struct ioasid_space *space)
{
	struct ioasid_space *from = attachment->space;
	struct list *link = from->attachments.next, *next;

	for (; link != &from->attachments; link = next) {
		struct ioasid_attachment *other =
			list_entry(link, struct ioasid_attachment, of_space);

		next = link->next;
		if (other != attachment && moves(other, attachment))
			attachment_lead(other, space);
	}
	attachment_lead(attachment, space);
}

static int replace_locked(
	struct ioasid_attachment *attachment, struct ioasid_space *space, const char *call)
{
	struct ioasid_space *from = attachment->space;
	int err;

	if (from == space)
		return 0;
	err = refuse_deeper(attachment, call);
	if (!err)
		err = check_all(attachment, space, call);
	if (!err)
		err = check_mates(attachment, space, call);
	if (err)
		return err;
	err = route_move(attachment, from, space);
	if (err)
		return error_from(err, "%s: %s from space %u to %u", call, attachment->device->name,
			from->id, space->id);
	move_all(attachment, space);
	return 0;
}

int ioasid_attachment_replace(struct ioasid_attachment *attachment, struct ioasid_space *space)
{
	int err;

	if (!attachment || !space)
		return null_argument(__func__, attachment ? "space" : "attachment");
	if (attachment->ctx != space->ctx)
		return error_set(-EINVAL,
			"%s: the attachment and the space are of different contexts", __func__);
	err = ctx_enter(attachment->ctx, __func__);
	if (err)
		return err;
	err = replace_locked(attachment, space, __func__);
	ctx_leave(attachment->ctx);
	return err;
}
