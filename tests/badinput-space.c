/* SPDX-License-Identifier: MIT */
/*
 * Rows of bad input for contexts, registered memory and spaces.
 */
#include "badinput.h"
#include <stdlib.h>

void bad_ioasid_last_error(struct badinput *b)
{
	/* It takes nothing that could be bad; its text is kept by other calls' success. */
	const char *text = ioasid_last_error();

	GIVES(b, text, ioasid_last_error, );
	ck_assert_ptr_nonnull(text);
}

void bad_ioasid_close(struct badinput *b)
{
	IGNORES(b, ioasid_close, NULL);
}

void bad_ioasid_check_extension(struct badinput *b)
{
	REFUSES(b, -EINVAL, "ctx", ioasid_check_extension, NULL, IOASID_EXT_FAULT_QUEUE);
	GIVES(b, 0, ioasid_check_extension, b->here.ctx, 0);
	GIVES(b, 0, ioasid_check_extension, b->here.ctx, UINT32_MAX);
}

static const void *at(uint64_t addr)
{
	return (const void *)(uintptr_t)addr;
}

void bad_ioasid_memory_register(struct badinput *b)
{
	struct ioasid_ctx *ctx = b->here.ctx;
	unsigned char *spare = support_memory(4 * PAGE, 11);

	REFUSES(b, -EINVAL, "ctx", ioasid_memory_register, NULL, spare, PAGE);
	REFUSES(b, -EINVAL, "addr", ioasid_memory_register, ctx, NULL, PAGE);
	REFUSES(b, -EINVAL, "0x0", ioasid_memory_register, ctx, spare, 0);
	REFUSES(b, -EINVAL, "0x1001", ioasid_memory_register, ctx, spare, PAGE + 1);
	REFUSES(b, -EINVAL, "0x800", ioasid_memory_register, ctx, spare, PAGE / 2);
	REFUSES(b, -EINVAL, "0x1000", ioasid_memory_register, ctx, spare + 1, PAGE);
	REFUSES(b, -EINVAL, "wraps", ioasid_memory_register, ctx, at(0 - PAGE), 2 * PAGE);
	REFUSES(b, -EINVAL, "wraps", ioasid_memory_register, ctx, spare, 0 - PAGE);
	/* the fixture's map is of memory that was never registered */
	REFUSES(b, -EBUSY, "unmap", ioasid_memory_register, ctx, spare, PAGE);
	ok(ioasid_space_unmap(b->here.space, 0, UINT64_MAX));
	ok(ioasid_memory_register(ctx, spare + PAGE, 2 * PAGE));
	REFUSES(b, -EEXIST, "overlaps", ioasid_memory_register, ctx, spare + PAGE, 2 * PAGE);
	REFUSES(b, -EEXIST, "overlaps", ioasid_memory_register, ctx, spare, 2 * PAGE);
	REFUSES(b, -EEXIST, "overlaps", ioasid_memory_register, ctx, spare + 2 * PAGE, 2 * PAGE);
	ok(ioasid_memory_unregister(ctx, spare + PAGE, 2 * PAGE));
	free(spare);
}

void bad_ioasid_memory_unregister(struct badinput *b)
{
	struct ioasid_ctx *ctx = b->here.ctx;
	struct ioasid_map map = {.length = PAGE, .flags = IOASID_MAP_READ};
	unsigned char *spare = support_memory(4 * PAGE, 12);

	REFUSES(b, -EINVAL, "ctx", ioasid_memory_unregister, NULL, spare, PAGE);
	REFUSES(b, -EINVAL, "addr", ioasid_memory_unregister, ctx, NULL, PAGE);
	REFUSES(b, -EINVAL, "0x0", ioasid_memory_unregister, ctx, spare, 0);
	REFUSES(b, -EINVAL, "0x1000", ioasid_memory_unregister, ctx, spare + 1, PAGE);
	REFUSES(b, -EINVAL, "wraps", ioasid_memory_unregister, ctx, spare, 0 - PAGE);
	REFUSES(b, -ENOENT, "0x1000", ioasid_memory_unregister, ctx, spare, PAGE);
	ok(ioasid_space_unmap(b->here.space, 0, UINT64_MAX));
	ok(ioasid_memory_register(ctx, spare, 2 * PAGE));
	REFUSES(b, -ENOENT, "0x1000", ioasid_memory_unregister, ctx, spare, PAGE);
	REFUSES(b, -ENOENT, "0x3000", ioasid_memory_unregister, ctx, spare, 3 * PAGE);
	REFUSES(b, -ENOENT, "0x1000", ioasid_memory_unregister, ctx, spare + PAGE, PAGE);
	REFUSES(b, -ENOENT, "0x2000", ioasid_memory_unregister, b->other.ctx, spare, 2 * PAGE);
	map.addr = spare;
	ok(ioasid_space_map(b->here.space, &map));
	REFUSES(b, -EBUSY, "unmap", ioasid_memory_unregister, ctx, spare, 2 * PAGE);
	ok(ioasid_space_unmap(b->here.space, 0, UINT64_MAX));
	ok(ioasid_memory_unregister(ctx, spare, 2 * PAGE));
	free(spare);
}

void bad_ioasid_dump(struct badinput *b)
{
	FILE *full = fopen("/dev/full", "we");
	FILE *null = fopen("/dev/null", "we");

	ck_assert_ptr_nonnull(full);
	ck_assert_ptr_nonnull(null);
	REFUSES(b, -EINVAL, "ctx", ioasid_dump, NULL, IOASID_DUMP_TEXT, null);
	REFUSES(b, -EINVAL, "out", ioasid_dump, b->here.ctx, IOASID_DUMP_TEXT, NULL);
	REFUSES(b, -EINVAL, "2", ioasid_dump, b->here.ctx, 2, null);
	REFUSES(b, -EINVAL, "4294967295", ioasid_dump, b->here.ctx, UINT32_MAX, null);
	REFUSES(b, -EIO, "", ioasid_dump, b->here.ctx, IOASID_DUMP_TEXT, full);
	REFUSES(b, -EIO, "", ioasid_dump, b->here.ctx, IOASID_DUMP_GRAPHVIZ, full);
	fclose(full);
	fclose(null);
}

void bad_ioasid_space_new(struct badinput *b)
{
	struct ioasid_ctx *ctx = b->here.ctx;
	struct ioasid_space *space = NULL;
	TOO_NEW(newer, ioasid_space_opts);

	REFUSES(b, -EINVAL, "ctx", ioasid_space_new, NULL, NULL, &space);
	REFUSES(b, -EINVAL, "space", ioasid_space_new, ctx, NULL, NULL);
	REFUSES(b, -EINVAL, "size", ioasid_space_new, ctx, &(struct ioasid_space_opts){0}, &space);
	REFUSES(b, -EINVAL, "size", ioasid_space_new, ctx, &(struct ioasid_space_opts){.size = 4},
		&space);
	REFUSES(b, -EINVAL, "size", ioasid_space_new, ctx,
		&(struct ioasid_space_opts){.size = UINT32_MAX}, &space);
	REFUSES(b, -E2BIG, "options", ioasid_space_new, ctx, &newer.known, &space);
	REFUSES(b, -EINVAL, "0x80000000", ioasid_space_new, ctx,
		IOASID_OPTS(ioasid_space_opts, .flags = 1u << 31), &space);
	REFUSES(b, -EINVAL, "context", ioasid_space_new, ctx,
		IOASID_OPTS(ioasid_space_opts, .faults = b->other.queue), &space);
	REFUSES(b, -EINVAL, "", ioasid_space_new, ctx,
		IOASID_OPTS(ioasid_space_opts, .faults = b->gone.queue), &space);
	REFUSES(b, -EOPNOTSUPP, "nesting parent", ioasid_space_new, ctx,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_NEST_PARENT,
			.faults = b->here.queue),
		&space);
	ck_assert_ptr_null(space);
}

void bad_ioasid_space_new_nested(struct badinput *b)
{
	struct ioasid_space *parent = b->here.space, *space = NULL;
	TOO_NEW(newer, ioasid_space_opts);

	REFUSES(b, -EINVAL, "parent", ioasid_space_new_nested, NULL, NULL, &space);
	REFUSES(b, -EINVAL, "space", ioasid_space_new_nested, parent, NULL, NULL);
	REFUSES(b, -EINVAL, "size", ioasid_space_new_nested, parent, &(struct ioasid_space_opts){0},
		&space);
	REFUSES(b, -E2BIG, "options", ioasid_space_new_nested, parent, &newer.known, &space);
	REFUSES(b, -EINVAL, "0x80000000", ioasid_space_new_nested, parent,
		IOASID_OPTS(ioasid_space_opts, .flags = 1u << 31), &space);
	REFUSES(b, -EINVAL, "context", ioasid_space_new_nested, parent,
		IOASID_OPTS(ioasid_space_opts, .faults = b->other.queue), &space);
	REFUSES(b, -EOPNOTSUPP, "nesting parent", ioasid_space_new_nested, parent,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_NEST_PARENT,
			.faults = b->here.queue),
		&space);
	REFUSES(b, -ENODEV, "closed", ioasid_space_new_nested, b->gone.space, NULL, &space);
	ck_assert_ptr_null(space);
}

void bad_ioasid_space_destroy(struct badinput *b)
{
	struct ioasid_space *alone;

	GIVES(b, 0, ioasid_space_destroy, NULL);
	REFUSES(b, -EBUSY, "child", ioasid_space_destroy, b->here.space);
	ok(ioasid_space_destroy(b->here.child));
	b->here.child = NULL;
	REFUSES(b, -EBUSY, "disk0", ioasid_space_destroy, b->here.space);
	ok(ioasid_space_new_nested(b->here.space, NULL, &alone));
	ok(ioasid_space_destroy(alone));
}

void bad_ioasid_space_id(struct badinput *b)
{
	GIVES(b, 0u, ioasid_space_id, NULL);
}

void bad_ioasid_space_parent(struct badinput *b)
{
	GIVES(b, NULL, ioasid_space_parent, NULL);
	GIVES(b, NULL, ioasid_space_parent, b->gone.child);
	GIVES(b, NULL, ioasid_space_parent, b->here.space);
}

void bad_ioasid_space_children(struct badinput *b)
{
	struct ioasid_space *children[1] = {NULL};

	REFUSES(b, -EINVAL, "space", ioasid_space_children, NULL, children, 1);
	REFUSES(b, -EINVAL, "children", ioasid_space_children, b->here.space, NULL, 1);
	REFUSES(b, -ENODEV, "closed", ioasid_space_children, b->gone.space, children, 1);
	ck_assert_ptr_null(children[0]);
}

void bad_ioasid_space_info(struct badinput *b)
{
	struct ioasid_space_info info = {.size = sizeof(info)}, small = {.size = 4}, zero = {0};
	struct ioasid_space_info huge = {.size = UINT32_MAX};

	REFUSES(b, -EINVAL, "space", ioasid_space_info, NULL, &info);
	REFUSES(b, -EINVAL, "NULL", ioasid_space_info, b->here.space, NULL);
	REFUSES(b, -EINVAL, "size", ioasid_space_info, b->here.space, &zero);
	REFUSES(b, -EINVAL, "4", ioasid_space_info, b->here.space, &small);
	REFUSES(b, -EINVAL, "4294967295", ioasid_space_info, b->here.space, &huge);
	REFUSES(b, -ENODEV, "closed", ioasid_space_info, b->gone.space, &info);
	ck_assert_uint_eq(info.id, 0);
	ck_assert_uint_eq(zero.id, 0);
}

void bad_ioasid_space_ranges(struct badinput *b)
{
	struct ioasid_range range = {7, 7};

	REFUSES(b, -EINVAL, "space", ioasid_space_ranges, NULL, &range, 1);
	REFUSES(b, -EINVAL, "ranges", ioasid_space_ranges, b->here.space, NULL, 1);
	REFUSES(b, -ENODEV, "closed", ioasid_space_ranges, b->gone.space, &range, 1);
	ck_assert_uint_eq(range.first, 7);
	ck_assert_uint_eq(range.last, 7);
}
