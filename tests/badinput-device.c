/* SPDX-License-Identifier: MIT */
/*
 * Rows of bad input for devices and attachments.
 */
#include "badinput.h"
#include <fcntl.h>
#include <unistd.h>

void bad_ioasid_device_bind(struct badinput *b)
{
	struct ioasid_ctx *ctx = b->here.ctx;
	struct ioasid_mock_device *hw;
	struct ioasid_device *device = NULL;
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC), fd;
	TOO_NEW(newer, ioasid_device_opts);

	ok(ioasid_mock_device_new(b->mock, NULL, &hw));
	fd = ok(ioasid_mock_device_fd(hw));
	REFUSES(b, -EINVAL, "ctx", ioasid_device_bind, NULL, fd, NULL, &device);
	REFUSES(b, -EINVAL, "device", ioasid_device_bind, ctx, fd, NULL, NULL);
	REFUSES(b, -EBADF, "-1", ioasid_device_bind, ctx, -1, NULL, &device);
	REFUSES(b, -EBADF, "1000000", ioasid_device_bind, ctx, 1000000, NULL, &device);
	REFUSES(b, -ENOTTY, "", ioasid_device_bind, ctx, file, NULL, &device);
	REFUSES(b, -EINVAL, "size", ioasid_device_bind, ctx, fd, &(struct ioasid_device_opts){0},
		&device);
	REFUSES(b, -E2BIG, "options", ioasid_device_bind, ctx, fd, &newer.known, &device);
	REFUSES(b, -EINVAL, "0x1", ioasid_device_bind, ctx, fd,
		IOASID_OPTS(ioasid_device_opts, .flags = 1), &device);
	REFUSES(b, -EINVAL, "name", ioasid_device_bind, ctx, fd,
		IOASID_OPTS(ioasid_device_opts,
			.name = "0123456789012345678901234567890123456789012345678901234567890123"),
		&device);
	ok(ioasid_device_bind(b->other.ctx, fd, NULL, &device));
	REFUSES(b, -EBUSY, "bound", ioasid_device_bind, ctx, fd, NULL, &device);
	ok(ioasid_device_unbind(device));
	close(fd);
	close(file);
}

void bad_ioasid_device_unbind(struct badinput *b)
{
	GIVES(b, 0, ioasid_device_unbind, NULL);
	REFUSES(b, -EBUSY, "disk0", ioasid_device_unbind, b->here.device);
}

void bad_ioasid_device_info(struct badinput *b)
{
	struct ioasid_device_info info = {.size = sizeof(info)}, zero = {0}, small = {.size = 4};

	REFUSES(b, -EINVAL, "device", ioasid_device_info, NULL, &info);
	REFUSES(b, -EINVAL, "NULL", ioasid_device_info, b->here.device, NULL);
	REFUSES(b, -EINVAL, "size", ioasid_device_info, b->here.device, &zero);
	REFUSES(b, -EINVAL, "4", ioasid_device_info, b->here.device, &small);
	REFUSES(b, -ENODEV, "closed", ioasid_device_info, b->gone.device, &info);
	ck_assert_uint_eq(info.label, 0);
}

static void bad_options(struct badinput *b, struct ioasid_attachment **route)
{
	struct ioasid_device *idle = b->here.idle;
	struct ioasid_space *space = b->here.space;
	TOO_NEW(newer, ioasid_attach_opts);

	REFUSES(b, -EINVAL, "size", ioasid_device_attach, idle, space,
		&(struct ioasid_attach_opts){0}, route);
	REFUSES(b, -E2BIG, "options", ioasid_device_attach, idle, space, &newer.known, route);
	REFUSES(b, -EINVAL, "0x2", ioasid_device_attach, idle, space,
		IOASID_OPTS(ioasid_attach_opts, .flags = 2), route);
	REFUSES(b, -EINVAL, "PASID", ioasid_device_attach, idle, space,
		IOASID_OPTS(ioasid_attach_opts, .pasid = 5), route);
	REFUSES(b, -EINVAL, "reserved", ioasid_device_attach, idle, space,
		IOASID_OPTS(ioasid_attach_opts, .reserved = 1), route);
	REFUSES(b, -EINVAL, "256", ioasid_device_attach, idle, space,
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = 256), route);
	REFUSES(b, -EINVAL, "4294967295", ioasid_device_attach, idle, space,
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = NONE),
		route);
}

void bad_ioasid_device_attach(struct badinput *b)
{
	struct badinput_set *here = &b->here;
	struct ioasid_attachment *route = NULL;
	struct ioasid_space *fresh;

	REFUSES(b, -EINVAL, "device", ioasid_device_attach, NULL, here->space, NULL, &route);
	REFUSES(b, -EINVAL, "space", ioasid_device_attach, here->idle, NULL, NULL, &route);
	REFUSES(b, -EINVAL, "attachment", ioasid_device_attach, here->idle, here->space, NULL,
		NULL);
	bad_options(b, &route);
	REFUSES(b, -EINVAL, "context", ioasid_device_attach, here->idle, b->other.space, NULL,
		&route);
	REFUSES(b, -EINVAL, "context", ioasid_device_attach, here->idle, b->gone.space, NULL,
		&route);
	REFUSES(b, -ENODEV, "closed", ioasid_device_attach, b->gone.idle, b->gone.space, NULL,
		&route);
	REFUSES(b, -EINVAL, "disk1", ioasid_device_attach, here->idle, here->child, NULL, &route);
	REFUSES(b, -EEXIST, "disk0", ioasid_device_attach, here->device, here->space, NULL, &route);
	ok(ioasid_space_new(here->ctx, NULL, &fresh));
	REFUSES(b, -EBUSY, "disk0", ioasid_device_attach, here->device, fresh, NULL, &route);
	ok(ioasid_space_destroy(fresh));
	ck_assert_ptr_null(route);
}

void bad_ioasid_attachment_detach(struct badinput *b)
{
	struct ioasid_attachment *over;

	GIVES(b, 0, ioasid_attachment_detach, NULL);
	ok(ioasid_device_attach(b->here.device, b->here.child, NULL, &over));
	REFUSES(b, -EBUSY, "disk0", ioasid_attachment_detach, b->here.route);
	ok(ioasid_attachment_detach(over));
}

void bad_ioasid_attachment_replace(struct badinput *b)
{
	struct badinput_set *here = &b->here;
	struct ioasid_attachment *over;
	struct ioasid_space *fresh;

	REFUSES(b, -EINVAL, "attachment", ioasid_attachment_replace, NULL, here->space);
	REFUSES(b, -EINVAL, "space", ioasid_attachment_replace, here->route, NULL);
	REFUSES(b, -EINVAL, "context", ioasid_attachment_replace, here->route, b->other.space);
	REFUSES(b, -EINVAL, "context", ioasid_attachment_replace, here->route, b->gone.space);
	REFUSES(b, -ENODEV, "closed", ioasid_attachment_replace, b->gone.route, b->gone.child);
	GIVES(b, 0, ioasid_attachment_replace, here->route, here->space);
	REFUSES(b, -EINVAL, "disk0", ioasid_attachment_replace, here->route, here->child);
	ok(ioasid_device_attach(here->device, here->child, NULL, &over));
	ok(ioasid_space_new(here->ctx, NULL, &fresh));
	REFUSES(b, -EBUSY, "disk0", ioasid_attachment_replace, here->route, fresh);
	REFUSES(b, -EINVAL, "disk0", ioasid_attachment_replace, over, fresh);
	ok(ioasid_attachment_detach(over));
	ok(ioasid_space_destroy(fresh));
}

void bad_ioasid_attachment_space(struct badinput *b)
{
	GIVES(b, NULL, ioasid_attachment_space, NULL);
	GIVES(b, NULL, ioasid_attachment_space, b->gone.route);
}
