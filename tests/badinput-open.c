/* SPDX-License-Identifier: MIT */
/*
 * Rows of bad input for opening the kernel. None gets as far as a device file, so that they hold on
 * machines with one too.
 */
#include "badinput.h"
#include <fcntl.h>
#include <unistd.h>

static void bad_options(struct badinput *b, struct ioasid_ctx **ctx)
{
	TOO_NEW(newer, ioasid_open_opts);

	REFUSES(b, -EINVAL, "size", ioasid_open, &(struct ioasid_open_opts){0}, ctx);
	REFUSES(b, -EINVAL, "size", ioasid_open, &(struct ioasid_open_opts){.size = 4}, ctx);
	REFUSES(b, -E2BIG, "options", ioasid_open, &newer.known, ctx);
	REFUSES(b, -EINVAL, "0x80000000", ioasid_open,
		IOASID_OPTS(ioasid_open_opts, .flags = 1u << 31), ctx);
	REFUSES(b, -EINVAL, "reserved", ioasid_open, IOASID_OPTS(ioasid_open_opts, .reserved = 1),
		ctx);
	REFUSES(b, -EINVAL, "ADOPT", ioasid_open, IOASID_OPTS(ioasid_open_opts, .fd = 1), ctx);
	REFUSES(b, -EINVAL, "ADOPT", ioasid_open, IOASID_OPTS(ioasid_open_opts, .fd = -1), ctx);
}

static void bad_descriptors(struct badinput *b, struct ioasid_ctx **ctx)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	ck_assert_int_ge(null, 0);
	REFUSES(b, -EBADF, "descriptor -1", ioasid_open,
		IOASID_OPTS(ioasid_open_opts, .flags = IOASID_OPEN_ADOPT, .fd = -1), ctx);
	REFUSES(b, -EBADF, "descriptor 1048577", ioasid_open,
		IOASID_OPTS(ioasid_open_opts, .flags = IOASID_OPEN_ADOPT, .fd = 1048577), ctx);
	REFUSES(b, -ENOTTY, "no /dev/iommu", ioasid_open,
		IOASID_OPTS(ioasid_open_opts, .flags = IOASID_OPEN_ADOPT, .fd = null), ctx);
	REFUSES(b, -ENOTTY, "no /dev/iommu", ioasid_open,
		IOASID_OPTS(ioasid_open_opts,
			.flags = IOASID_OPEN_ADOPT | IOASID_OPEN_ACCOUNT_PROCESS, .fd = null),
		ctx);
	close(null);
}

void bad_ioasid_open(struct badinput *b)
{
	struct ioasid_ctx *ctx = NULL;

	REFUSES(b, -EINVAL, "ctx", ioasid_open, NULL, NULL);
	bad_options(b, &ctx);
	bad_descriptors(b, &ctx);
	ck_assert_ptr_null(ctx);
}
