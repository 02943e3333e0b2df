/* SPDX-License-Identifier: MIT */
/*
 * Attachments: which space a route of a device leads to, and the rules of who may come over whom.
 * The backend is told only where the route really moves.
 */
#include "core.h"

bool device_is_attached(const struct ioasid_device *device, const struct ioasid_space *space)
{
	list_each(link,
		&device->attachments) if (list_entry(link, struct ioasid_attachment, of_device)
						  ->space == space) return true;
	return false;
}

/* Its only attachment there, and it has one to a child of it. */
static struct ioasid_space *child_that_needs(const struct ioasid_attachment *attachment)
{
	struct ioasid_space *child = NULL;

	list_each(link, &attachment->device->attachments)
	{
		struct ioasid_attachment *other =
			list_entry(link, struct ioasid_attachment, of_device);

		if (other == attachment)
			continue;
		if (other->space == attachment->space)
			return NULL;
		if (other->space->parent == attachment->space)
			child = other->space;
	}
	return child;
}

static int refuse_elsewhere(const struct ioasid_device *device, const char *call,
	const struct ioasid_space *leads, const struct ioasid_space *space)
{
	return error_set(-EBUSY,
		"%s: the route of %s, or of its IOMMU group %u, leads to space %u, not to %u: detach or "
		"replace that first",
		call, device->name, device->is.group, leads->id, space->id);
}

static int refuse_parent(
	const struct ioasid_device *device, const char *call, const struct ioasid_space *space)
{
	return error_set(-EINVAL,
		"%s: %s is not attached to space %u, the parent of %u: attach it there first", call,
		device->name, space->parent->id, space->id);
}

/* The route's own attachments, and those of its group, leave room for one to this space. */
static int check_route(
	struct ioasid_device *device, struct ioasid_space *space, uint32_t pasid, const char *call)
{
	struct ioasid_attachment *top = route_top(device, pasid);
	struct ioasid_space *leads = route_leads(device, pasid, NULL);

	if (top && top->space == space)
		return error_set(-EEXIST, "%s: %s is attached to space %u by this route", call,
			device->name, space->id);
	if (top && top->space != space->parent)
		return refuse_elsewhere(device, call, top->space, space);
	if (top && leads != top->space && !space_is_ancestor(space, leads))
		return refuse_elsewhere(device, call, leads, space);
	if (!top && leads && !space_is_ancestor(space, leads))
		return refuse_elsewhere(device, call, leads, space);
	if (!top && space->parent && !device_is_attached(device, space->parent))
		return refuse_parent(device, call, space);
	return 0;
}

static int check_pasid(
	const struct ioasid_device *device, const struct ioasid_attach_opts *opts, const char *call)
{
	uint32_t bits = device->is.pasid_bits;

	if (opts->flags & ~IOASID_ATTACH_PASID || opts->reserved)
		return error_set(-EINVAL, "%s: unknown flags 0x%x, or reserved is not 0", call,
			opts->flags & ~IOASID_ATTACH_PASID);
	if (!(opts->flags & IOASID_ATTACH_PASID) && opts->pasid)
		return error_set(
			-EINVAL, "%s: PASID %u without IOASID_ATTACH_PASID", call, opts->pasid);
	if (opts->flags & IOASID_ATTACH_PASID && (!bits || opts->pasid >> bits))
		return error_set(-EINVAL, "%s: PASID %u does not fit the %u PASID bits of %s", call,
			opts->pasid, bits, device->name);
	return 0;
}

static void link_in(struct ioasid_attachment *attachment)
{
	struct ioasid_space *space = attachment->space;

	list_append(&space->attachments, &attachment->of_space);
	__atomic_fetch_add(&space->attached, 1, __ATOMIC_RELAXED);
	range_forget(space);
	group_check(space);
}

/* The attachment itself leads elsewhere already, or is off its device. */
static void link_out(struct ioasid_attachment *attachment, struct ioasid_space *from)
{
	list_remove(&attachment->of_space);
	__atomic_fetch_sub(&from->attached, 1, __ATOMIC_RELAXED);
	range_forget(from);
	group_check(from);
}

void attachment_lead(struct ioasid_attachment *attachment, struct ioasid_space *space)
{
	struct ioasid_space *from = attachment->space;

	attachment->space = space;
	link_out(attachment, from);
	link_in(attachment);
}

static int begin_route(const struct ioasid_attachment *attachment, struct ioasid_space *space)
{
	struct backend_route route = {attachment->device->is.id, attachment->pasid};
	struct backend *be = attachment->ctx->be;
	int err;

	/* no map of a stale range may slip in between */
	tree_lock(space);
	range_forget(space);
	err = be->ops->attach(be, route, space->id);
	tree_leave(space);
	return err == -EADDRINUSE ? collide_explain(attachment->device, space) : err;
}

static int end_route(const struct ioasid_attachment *attachment, struct ioasid_space *from)
{
	struct backend_route route = {attachment->device->is.id, attachment->pasid};
	struct backend *be = attachment->ctx->be;
	int err;

	route_stop(from);
	err = be->ops->detach(be, route);
	route_go_on(from);
	return err;
}

/* A mate of its group has led the route on to a child: the device is with that one's parents too,
 * though it never came by there. */
static int join_route(const struct ioasid_attachment *attachment, struct ioasid_space *leads)
{
	int err = begin_route(attachment, leads);

	if (err || !nest_copies(leads))
		return err;
	err = window_check_parents(leads);
	if (err && end_route(attachment, leads))
		return error_reason(
			-EIO, "errno %d, and the route leads to space %u now", -err, leads->id);
	return err;
}

static int make(struct ioasid_attachment *attachment)
{
	struct ioasid_device *device = attachment->device;
	struct ioasid_space *leads = route_leads(device, attachment->pasid, NULL);

	if (!leads)
		return begin_route(attachment, attachment->space);
	if (!route_top(device, attachment->pasid))
		return join_route(attachment, leads);
	if (space_is_ancestor(attachment->space, leads))
		return 0; /* a mate has led it there, or further, already */
	return route_move(attachment, leads, attachment->space);
}

/* The device must suit the space, and where its group has led the route on, that one too. */
static int check_intent(const struct ioasid_attachment *attachment, const char *call)
{
	struct ioasid_device *device = attachment->device;
	struct ioasid_space *leads = route_leads(device, attachment->pasid, NULL);
	int err = intent_check(device, attachment->space, call);

	if (err || !leads || !space_is_ancestor(attachment->space, leads))
		return err;
	return intent_check(device, leads, call);
}

static int attach_locked(struct ioasid_attachment *attachment,
	const struct ioasid_attach_opts *opts, const char *call)
{
	struct ioasid_device *device = attachment->device;
	struct ioasid_space *space = attachment->space;
	int err = check_pasid(device, opts, call);

	if (!err)
		err = check_route(device, space, attachment->pasid, call);
	if (!err)
		err = pasid_check_lead(device, space, attachment->pasid, call);
	if (!err)
		err = pasid_check_enqcmd(device, attachment->pasid, call);
	if (!err)
		err = check_intent(attachment, call);
	if (err)
		return err;
	err = make(attachment);
	if (err)
		return error_from(err, "%s: %s to space %u", call, device->name, space->id);
	list_append(&device->attachments, &attachment->of_device);
	link_in(attachment);
	return 0;
}

static int attach_new(struct ioasid_attachment *attachment, const struct ioasid_attach_opts *opts,
	const char *call)
{
	int err = ctx_enter(attachment->ctx, call);

	if (err)
		return err;
	err = attach_locked(attachment, opts, call);
	ctx_leave(attachment->ctx);
	return err;
}

static void release(struct ioasid_attachment *attachment)
{
	struct ioasid_ctx *ctx = attachment->ctx;

	free(attachment);
	ctx_unref(ctx);
}

static struct ioasid_attachment *new_attachment(struct ioasid_device *device,
	struct ioasid_space *space, const struct ioasid_attach_opts *opts)
{
	struct ioasid_attachment *attachment = calloc(1, sizeof(*attachment));

	if (!attachment)
		return NULL;
	attachment->ctx = device->ctx;
	attachment->device = device;
	attachment->space = space;
	attachment->pasid = opts->flags & IOASID_ATTACH_PASID ? opts->pasid : IOASID_PASID_NONE;
	ctx_ref(device->ctx);
	return attachment;
}

static int check_pair(
	const void *of, const void *device_ctx, const void *space_ctx, const char *call)
{
	if (!of)
		return null_argument(call, "attachment");
	if (device_ctx != space_ctx)
		return error_set(
			-EINVAL, "%s: the device and the space are of different contexts", call);
	return 0;
}

int ioasid_device_attach(struct ioasid_device *device, struct ioasid_space *space,
	const struct ioasid_attach_opts *given, struct ioasid_attachment **out)
{
	struct ioasid_attach_opts opts;
	struct ioasid_attachment *attachment;
	int err;

	if (!device || !space)
		return null_argument(__func__, device ? "space" : "device");
	err = check_pair(out, device->ctx, space->ctx, __func__);
	if (!err)
		err = opts_copy(&opts, sizeof(opts), given, __func__);
	if (err)
		return err;
	attachment = new_attachment(device, space, &opts);
	if (!attachment)
		return error_set(-ENOMEM, "%s: no memory for an attachment", __func__);
	err = attach_new(attachment, &opts, __func__);
	if (err)
		release(attachment);
	else
		*out = attachment;
	return err;
}

int attachment_refuse_needed(const struct ioasid_attachment *attachment, const char *call)
{
	struct ioasid_attachment *top = route_top(attachment->device, attachment->pasid);
	struct ioasid_space *child = top == attachment ? child_that_needs(attachment) : top->space;

	if (!child)
		return 0;
	return error_set(-EBUSY,
		"%s: %s is attached to space %u, which nests on %u: detach that first", call,
		attachment->device->name, child->id, attachment->space->id);
}

/* The route goes back to where it leads without this attachment, its group's mates considered. */
static int unmake(struct ioasid_attachment *attachment)
{
	struct ioasid_device *device = attachment->device;
	struct ioasid_space *from = route_leads(device, attachment->pasid, NULL);
	struct ioasid_space *rest = route_leads(device, attachment->pasid, attachment);
	int err = rest ? route_move(attachment, from, rest) : 0;

	if (err || route_below(attachment))
		return err;
	err = end_route(attachment, rest ? rest : from);
	if (err && rest && route_move(attachment, rest, from))
		return error_reason(
			-EIO, "errno %d, and the route leads to space %u now", -err, rest->id);
	return err;
}

static int detach_locked(struct ioasid_attachment *attachment, const char *call)
{
	int err = attachment_refuse_needed(attachment, call);

	if (err)
		return err;
	err = unmake(attachment);
	if (err)
		return error_from(err, "%s: %s from space %u", call, attachment->device->name,
			attachment->space->id);
	list_remove(&attachment->of_device);
	link_out(attachment, attachment->space);
	return 0;
}

int ioasid_attachment_detach(struct ioasid_attachment *attachment)
{
	struct ioasid_ctx *ctx = attachment ? attachment->ctx : NULL;
	int err = 0;

	if (!attachment)
		return 0;
	pthread_mutex_lock(&ctx->lock);
	if (!ctx->closed)
		err = detach_locked(attachment, __func__);
	if (!err) {
		list_remove(&attachment->of_device);
		list_remove(&attachment->of_space);
	}
	pthread_mutex_unlock(&ctx->lock);
	if (!err)
		release(attachment);
	return err;
}

struct ioasid_space *ioasid_attachment_space(const struct ioasid_attachment *attachment)
{
	struct ioasid_space *space;

	if (!attachment)
		return NULL;
	pthread_mutex_lock(&attachment->ctx->lock);
	space = attachment->ctx->closed ? NULL : attachment->space;
	pthread_mutex_unlock(&attachment->ctx->lock);
	return space;
}
