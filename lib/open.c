/* SPDX-License-Identifier: MIT */
/*
 * How a context of the kernel comes to be: which of its backends, on which descriptor. The one file
 * of the core that knows leaves, of each a function; and the one that looks at the environment,
 * which chooses among the kernel's backends and can lead to nothing else.
 */
#include "core.h"
#include "iommufd/open.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define VARIABLE    "LIBIOASID_BACKEND"
#define KNOWN_FLAGS (IOASID_OPEN_ADOPT | IOASID_OPEN_ACCOUNT_PROCESS)

struct kernel_backend {
	const char *name;
	const char *device;
	const char *absent; /* what to do where there is no such device */
	int (*open)(int fd, uint32_t flags, struct backend **be);
};

/* The first one is meant, unless the environment names another. */
static const struct kernel_backend backends[] = {
	{"iommufd", "/dev/iommu",
		"load the module iommufd, or boot a kernel built with CONFIG_IOMMUFD",
		iommufd_open},
};

#define NAMES "iommufd" /* of all, for people */

static int check_opts(const struct ioasid_open_opts *opts, const char *call)
{
	bool adopt = opts->flags & IOASID_OPEN_ADOPT;

	if (opts->flags & ~KNOWN_FLAGS || opts->reserved)
		return error_set(-EINVAL, "%s: unknown flags 0x%x, or reserved is not 0", call,
			opts->flags & ~KNOWN_FLAGS);
	if (!adopt && opts->fd)
		return error_set(
			-EINVAL, "%s: descriptor %d without IOASID_OPEN_ADOPT", call, opts->fd);
	if (adopt && fcntl(opts->fd, F_GETFD) < 0)
		return error_from(-errno, "%s: descriptor %d", call, opts->fd);
	return 0;
}

/* A process with more rights than its user has does not listen to that user. */
static int choose(const struct kernel_backend **backend, const char *call)
{
	const char *name = secure_getenv(VARIABLE);

	*backend = backends;
	if (!name || !*name)
		return 0;
	for (; *backend < backends + sizeof(backends) / sizeof(backends[0]); ++*backend)
		if (!strcmp(name, (*backend)->name))
			return 0;
	return error_set(-EINVAL,
		"%s: " VARIABLE " names \"%.32s\": the kernel's backends are: " NAMES, call, name);
}

static int refuse_device(const struct kernel_backend *backend, int err, const char *call)
{
	switch (err) {
	case -ENOENT:
	case -ENXIO: /* a node without a driver */
	case -ENODEV:
		return error_set(-ENOENT, "%s: no %s: %s", call, backend->device, backend->absent);
	case -EACCES:
	case -EPERM:
		return error_set(-EACCES,
			"%s: %s may not be opened by this user: see its owner, group and mode, or adopt "
			"a descriptor",
			call, backend->device);
	default:
		return error_from(err, "%s: %s", call, backend->device);
	}
}

static int open_device(const struct kernel_backend *backend, const char *call)
{
	int fd = open(backend->device, O_RDWR | O_CLOEXEC);

	return fd < 0 ? refuse_device(backend, -errno, call) : fd;
}

/* The context comes first: once the backend has the descriptor nothing can fail any more, so that
 * one which was adopted is never closed on failure. */
static int open_on(const struct kernel_backend *backend, int fd, uint32_t flags,
	struct ioasid_ctx **out, const char *call)
{
	struct ioasid_ctx *ctx;
	int err = ctx_new(NULL, &ctx);

	if (err)
		return error_set(err, "%s: no memory for a context", call);
	err = backend->open(fd, flags & ~IOASID_OPEN_ADOPT, &ctx->be);
	if (err) {
		ctx_unref(ctx);
		return error_from(err, "%s: descriptor %d as %s", call, fd, backend->device);
	}
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	*out = ctx;
	return 0;
}

static int open_new(const struct kernel_backend *backend, uint32_t flags, struct ioasid_ctx **ctx,
	const char *call)
{
	int fd = open_device(backend, call);
	int err;

	if (fd < 0)
		return fd;
	err = open_on(backend, fd, flags, ctx, call);
	if (err)
		close(fd);
	return err;
}

int ioasid_open(const struct ioasid_open_opts *given, struct ioasid_ctx **ctx)
{
	const struct kernel_backend *backend;
	struct ioasid_open_opts opts;
	int err = ctx ? opts_copy(&opts, sizeof(opts), given, __func__)
		      : null_argument(__func__, "ctx");

	if (!err)
		err = check_opts(&opts, __func__);
	if (!err)
		err = choose(&backend, __func__);
	if (err)
		return err;
	if (opts.flags & IOASID_OPEN_ADOPT)
		return open_on(backend, opts.fd, opts.flags, ctx, __func__);
	return open_new(backend, opts.flags, ctx, __func__);
}
