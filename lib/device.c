/* SPDX-License-Identifier: MIT */
/*
 * Devices that were bound to a context: label, name, and a duplicate of the descriptor that
 * keeps the device bound whatever the caller does to its own. Where they lead is attachment.c's.
 */
#include "core.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME_MOST (sizeof(((struct ioasid_device *)NULL)->name) - 1)

/* It goes into lines of text: no control characters. */
static bool is_name(const char *name)
{
	size_t n = strnlen(name, NAME_MOST + 1);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
			return false;
	return n && n <= NAME_MOST;
}

static int check_opts(const struct ioasid_device_opts *opts, const char *call)
{
	if (opts->flags)
		return error_set(-EINVAL, "%s: unknown flags 0x%x", call, opts->flags);
	if (opts->name && !is_name(opts->name))
		return error_set(-EINVAL,
			"%s: the name must have 1 to %zu bytes and no control character", call,
			NAME_MOST);
	return 0;
}

void device_close(struct ioasid_device *device)
{
	if (device->fd >= 0)
		close(device->fd);
	device->fd = -1;
}

/* Takes a device that was never, or is no more, bound. */
static void release(struct ioasid_device *device)
{
	struct ioasid_ctx *ctx = device->ctx;

	device_close(device);
	free(device);
	ctx_unref(ctx);
}

/* Under the context's lock; after a close, in any order with its attachments. */
static void take_out(struct ioasid_device *device)
{
	struct backend *be = device->ctx->be;

	if (!device->ctx->closed)
		be->ops->device_unbind(be, device->is.id);
	list_drain(&device->attachments);
	list_remove(&device->link);
}

static int bind_locked(struct ioasid_device *device, const char *name, int fd, const char *call)
{
	struct backend *be = device->ctx->be;
	int err = be->ops->device_bind(be, device->fd, device->label, &device->is);

	if (err)
		return error_from(err, "%s: descriptor %d, label 0x%llx", call, fd,
			(unsigned long long)device->label);
	if (name)
		snprintf(device->name, sizeof(device->name), "%s", name);
	else
		snprintf(device->name, sizeof(device->name), "device %u", device->is.id);
	list_append(&device->ctx->devices, &device->link);
	err = pasid_check_mate(device, call);
	if (err)
		take_out(device);
	return err;
}

static int duplicate(struct ioasid_device *device, int fd, const char *call)
{
	device->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return device->fd < 0 ? error_from(-errno, "%s: descriptor %d", call, fd) : 0;
}

static struct ioasid_device *new_device(struct ioasid_ctx *ctx, uint64_t label)
{
	struct ioasid_device *device = calloc(1, sizeof(*device));

	if (!device)
		return NULL;
	device->ctx = ctx;
	device->fd = -1;
	device->label = label;
	list_init(&device->attachments);
	ctx_ref(ctx);
	return device;
}

static int bind_new(struct ioasid_device *device, const char *name, int fd, const char *call)
{
	int err = duplicate(device, fd, call);

	if (!err)
		err = ctx_enter(device->ctx, call);
	if (err)
		return err;
	err = bind_locked(device, name, fd, call);
	ctx_leave(device->ctx);
	return err;
}

int ioasid_device_bind(struct ioasid_ctx *ctx, int fd, const struct ioasid_device_opts *given,
	struct ioasid_device **out)
{
	struct ioasid_device_opts opts;
	struct ioasid_device *device;
	int err;

	if (!ctx || !out)
		return null_argument(__func__, ctx ? "device" : "ctx");
	err = opts_copy(&opts, sizeof(opts), given, __func__);
	if (!err)
		err = check_opts(&opts, __func__);
	if (err)
		return err;
	device = new_device(ctx, opts.label);
	if (!device)
		return error_set(-ENOMEM, "%s: no memory for a device", __func__);
	err = bind_new(device, opts.name, fd, __func__);
	if (err)
		release(device);
	else
		*out = device;
	return err;
}

static int refuse_attached(const struct ioasid_device *device, const char *call)
{
	const struct ioasid_attachment *first;

	if (list_empty(&device->attachments))
		return 0;
	first = list_entry(device->attachments.next, struct ioasid_attachment, of_device);
	return error_set(-EBUSY, "%s: %s is attached to space %u: detach it first", call,
		device->name, first->space->id);
}

int ioasid_device_unbind(struct ioasid_device *device)
{
	int err;

	if (!device)
		return 0;
	pthread_mutex_lock(&device->ctx->lock);
	err = device->ctx->closed ? 0 : refuse_attached(device, __func__);
	if (!err)
		take_out(device);
	pthread_mutex_unlock(&device->ctx->lock);
	if (!err)
		release(device);
	return err;
}

static void fill_info(const struct ioasid_device *device, struct ioasid_device_info *info)
{
	*info = (struct ioasid_device_info){
		.flags = device->is.flags,
		.label = device->label,
		.name = device->name,
		.group = device->is.group,
		.group_size = device->is.group_size,
		.pasid_bits = device->is.pasid_bits,
		.credits = device->is.credits,
		.group_pages = device->is.group_pages,
		.attachments = list_count(&device->attachments),
	};
}

int ioasid_device_info(struct ioasid_device *device, struct ioasid_device_info *info)
{
	struct ioasid_device_info now;
	int err = device ? opts_out_check(info, __func__) : null_argument(__func__, "device");

	if (err)
		return err;
	err = ctx_enter(device->ctx, __func__);
	if (err)
		return err;
	fill_info(device, &now);
	ctx_leave(device->ctx);
	opts_out(info, &now, sizeof(now));
	return 0;
}
