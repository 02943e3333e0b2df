/* SPDX-License-Identifier: MIT */
/*
 * Rows of bad input for fault queues.
 */
#include "badinput.h"

static void bad_geometry(struct badinput *b, struct ioasid_faultq **queue)
{
	struct ioasid_ctx *ctx = b->here.ctx;

	REFUSES(b, -EINVAL, "63", ioasid_faultq_new, ctx,
		IOASID_OPTS(ioasid_faultq_opts, .records = 63), queue);
	REFUSES(b, -EINVAL, "32", ioasid_faultq_new, ctx,
		IOASID_OPTS(ioasid_faultq_opts, .records = 32), queue);
	REFUSES(b, -EINVAL, "96", ioasid_faultq_new, ctx,
		IOASID_OPTS(ioasid_faultq_opts, .records = 96), queue);
	REFUSES(b, -EINVAL, "2097152", ioasid_faultq_new, ctx,
		IOASID_OPTS(ioasid_faultq_opts, .records = 1u << 21), queue);
	REFUSES(b, -EINVAL, "65", ioasid_faultq_new, ctx,
		IOASID_OPTS(ioasid_faultq_opts, .records = 64, .group_max = 65), queue);
	REFUSES(b, -EINVAL, "4294967295", ioasid_faultq_new, ctx,
		IOASID_OPTS(ioasid_faultq_opts, .group_max = UINT32_MAX), queue);
	REFUSES(b, -EINVAL, "65537", ioasid_faultq_new, ctx,
		IOASID_OPTS(ioasid_faultq_opts, .max_outstanding = 65537), queue);
}

static void bad_deadline(struct badinput *b, struct ioasid_faultq **queue)
{
	struct ioasid_ctx *ctx = b->here.ctx;

	REFUSES(b, -EINVAL, "0x3", ioasid_faultq_new, ctx,
		IOASID_OPTS(ioasid_faultq_opts, .late = 3), queue);
	REFUSES(b, -EINVAL, "0xffffffff", ioasid_faultq_new, ctx,
		IOASID_OPTS(ioasid_faultq_opts, .late = UINT32_MAX), queue);
	REFUSES(b, -EINVAL, "without deadline_ns", ioasid_faultq_new, ctx,
		IOASID_OPTS(ioasid_faultq_opts, .deadline_code = IOASID_RESPONSE_INVALID), queue);
	REFUSES(b, -EINVAL, "0x2", ioasid_faultq_new, ctx,
		IOASID_OPTS(ioasid_faultq_opts, .deadline_ns = 1, .deadline_code = 2), queue);
}

void bad_ioasid_faultq_new(struct badinput *b)
{
	struct ioasid_ctx *ctx = b->here.ctx;
	struct ioasid_faultq *queue = NULL;
	TOO_NEW(newer, ioasid_faultq_opts);

	REFUSES(b, -EINVAL, "ctx", ioasid_faultq_new, NULL, NULL, &queue);
	REFUSES(b, -EINVAL, "queue", ioasid_faultq_new, ctx, NULL, NULL);
	REFUSES(b, -EINVAL, "size", ioasid_faultq_new, ctx, &(struct ioasid_faultq_opts){0},
		&queue);
	REFUSES(b, -E2BIG, "options", ioasid_faultq_new, ctx, &newer.known, &queue);
	REFUSES(b, -EINVAL, "0x80000000", ioasid_faultq_new, ctx,
		IOASID_OPTS(ioasid_faultq_opts, .flags = 1u << 31), &queue);
	REFUSES(b, -EINVAL, "reserved", ioasid_faultq_new, ctx,
		IOASID_OPTS(ioasid_faultq_opts, .reserved = 1), &queue);
	bad_geometry(b, &queue);
	bad_deadline(b, &queue);
	ck_assert_ptr_null(queue);
}

void bad_ioasid_faultq_free(struct badinput *b)
{
	IGNORES(b, ioasid_faultq_free, NULL);
}

void bad_ioasid_faultq_read(struct badinput *b)
{
	struct ioasid_fault fault = {.id = 7};

	REFUSES(b, -EINVAL, "queue", ioasid_faultq_read, NULL, &fault, 1);
	REFUSES(b, -EINVAL, "faults", ioasid_faultq_read, b->here.queue, NULL, 1);
	REFUSES(b, -EINVAL, "0", ioasid_faultq_read, b->here.queue, &fault, 0);
	REFUSES(b, -ENODEV, "closed", ioasid_faultq_read, b->gone.queue, &fault, 1);
	GIVES(b, 0, ioasid_faultq_read, b->here.queue, &fault, 1);
	ck_assert_uint_eq(fault.id, 7);
}

void bad_ioasid_faultq_wait(struct badinput *b)
{
	REFUSES(b, -EINVAL, "queue", ioasid_faultq_wait, NULL, 0);
	REFUSES(b, -EINVAL, "-2", ioasid_faultq_wait, b->here.queue, -2);
	REFUSES(b, -EINVAL, "-2147483648", ioasid_faultq_wait, b->here.queue, INT32_MIN);
	REFUSES(b, -ENODEV, "closed", ioasid_faultq_wait, b->gone.queue, -1);
	GIVES(b, 0, ioasid_faultq_wait, b->here.queue, 0);
}

void bad_ioasid_faultq_get_fd(struct badinput *b)
{
	REFUSES(b, -EINVAL, "queue", ioasid_faultq_get_fd, NULL);
	REFUSES(b, -ENODEV, "closed", ioasid_faultq_get_fd, b->gone.queue);
}

void bad_ioasid_faultq_complete(struct badinput *b)
{
	struct ioasid_faultq *queue = b->here.queue;
	struct ioasid_response never = {.id = 1}, zero = {0}, code = {.id = 1, .code = 2};
	struct ioasid_response reserved = {.id = 1, .reserved = 1}, ones = {.id = UINT64_MAX};

	REFUSES(b, -EINVAL, "queue", ioasid_faultq_complete, NULL, &never, 1);
	REFUSES(b, -EINVAL, "responses", ioasid_faultq_complete, queue, NULL, 1);
	REFUSES(b, -EINVAL, "1048577", ioasid_faultq_complete, queue, &never, (1u << 20) + 1);
	REFUSES(b, -EINVAL, "id", ioasid_faultq_complete, queue, &zero, 1);
	REFUSES(b, -EINVAL, "id", ioasid_faultq_complete, queue, &never, 1);
	REFUSES(b, -EINVAL, "id", ioasid_faultq_complete, queue, &ones, 1);
	REFUSES(b, -EINVAL, "code", ioasid_faultq_complete, queue, &code, 1);
	REFUSES(b, -EINVAL, "reserved", ioasid_faultq_complete, queue, &reserved, 1);
	REFUSES(b, -ENODEV, "closed", ioasid_faultq_complete, b->gone.queue, &never, 1);
	GIVES(b, 0, ioasid_faultq_complete, queue, NULL, 0);
	ck_assert_int_eq(zero.status, -EINVAL);
	ck_assert_int_eq(code.status, -EINVAL);
}

void bad_ioasid_faultq_expire(struct badinput *b)
{
	REFUSES(b, -EINVAL, "queue", ioasid_faultq_expire, NULL);
	REFUSES(b, -ENODEV, "closed", ioasid_faultq_expire, b->gone.queue);
	GIVES(b, 0, ioasid_faultq_expire, b->here.queue);
}

void bad_ioasid_faultq_find(struct badinput *b)
{
	struct ioasid_faultq *queue = b->here.queue;
	uint64_t id = 7;

	REFUSES(b, -EINVAL, "queue", ioasid_faultq_find, NULL, 0xd15c, NONE, 0, &id);
	REFUSES(b, -EINVAL, "id", ioasid_faultq_find, queue, 0xd15c, NONE, 0, NULL);
	REFUSES(b, -ENOENT, "0x100000", ioasid_faultq_find, queue, 0xd15c, 1u << 20, 0, &id);
	REFUSES(b, -ENOENT, "0xd15c", ioasid_faultq_find, queue, 0xd15c, NONE, 0, &id);
	REFUSES(b, -ENOENT, "0xffffffffffffffff", ioasid_faultq_find, queue, UINT64_MAX, 1,
		UINT32_MAX, &id);
	REFUSES(b, -ENODEV, "closed", ioasid_faultq_find, b->gone.queue, 0xd15c, NONE, 0, &id);
	ck_assert_uint_eq(id, 7);
}

void bad_ioasid_faultq_pending(struct badinput *b)
{
	struct ioasid_faultq *queue = b->here.queue;
	struct ioasid_fault fault = {.id = 7};
	uint64_t cursor = 0, far = UINT64_MAX;

	REFUSES(b, -EINVAL, "queue", ioasid_faultq_pending, NULL, &cursor, &fault, 1);
	REFUSES(b, -EINVAL, "cursor", ioasid_faultq_pending, queue, NULL, &fault, 1);
	REFUSES(b, -EINVAL, "faults", ioasid_faultq_pending, queue, &cursor, NULL, 1);
	REFUSES(b, -EINVAL, "0", ioasid_faultq_pending, queue, &cursor, &fault, 0);
	REFUSES(b, -ENODEV, "closed", ioasid_faultq_pending, b->gone.queue, &cursor, &fault, 1);
	GIVES(b, 0, ioasid_faultq_pending, queue, &far, &fault, 1);
	ck_assert_uint_eq(cursor, 0);
	ck_assert_uint_eq(fault.id, 7);
}

void bad_ioasid_faultq_stats(struct badinput *b)
{
	struct ioasid_faultq_stats stats = {.size = sizeof(stats)}, zero = {0}, small = {.size = 4};

	REFUSES(b, -EINVAL, "queue", ioasid_faultq_stats, NULL, &stats);
	REFUSES(b, -EINVAL, "NULL", ioasid_faultq_stats, b->here.queue, NULL);
	REFUSES(b, -EINVAL, "size", ioasid_faultq_stats, b->here.queue, &zero);
	REFUSES(b, -EINVAL, "4", ioasid_faultq_stats, b->here.queue, &small);
	REFUSES(b, -ENODEV, "closed", ioasid_faultq_stats, b->gone.queue, &stats);
}
