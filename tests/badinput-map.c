/* SPDX-License-Identifier: MIT */
/*
 * Rows of bad input for maps.
 */
#include "badinput.h"

#define RWF (IOASID_MAP_RW | IOASID_MAP_FIXED)

/* A map that would do, but for what a row changes. */
static struct ioasid_map *good(struct badinput *b, struct ioasid_map *map)
{
	*map = (struct ioasid_map){
		.addr = b->memory, .length = PAGE, .iova = 0x80000, .flags = RWF};
	return map;
}

/* A refused map is as it was before. */
#define REFUSES_MAP(b, err, text, space, field, value)                                             \
	do {                                                                                       \
		struct ioasid_map map_, copy_;                                                     \
		good(b, &map_)->field = (value);                                                   \
		copy_ = map_;                                                                      \
		REFUSES(b, err, text, ioasid_space_map, space, &map_);                             \
		ck_assert_mem_eq(&map_, &copy_, sizeof(map_));                                     \
	} while (0)

static void bad_fields(struct badinput *b)
{
	struct ioasid_space *space = b->here.space;

	REFUSES_MAP(b, -EINVAL, "addr", space, addr, NULL);
	REFUSES_MAP(b, -EINVAL, "multiples", space, addr, b->memory + 1);
	REFUSES_MAP(b, -EINVAL, "wraps", space, length, 0 - PAGE);
	REFUSES_MAP(b, -EINVAL, "length is 0", space, length, 0);
	REFUSES_MAP(b, -EINVAL, "0x1001", space, length, PAGE + 1);
	REFUSES_MAP(b, -EINVAL, "0x80001", space, iova, 0x80001);
	REFUSES_MAP(b, -EINVAL, "0xfffffffffffff000", space, iova, 0 - PAGE);
	REFUSES_MAP(b, -EINVAL, "0x1000000000000", space, iova, UINT64_C(1) << 48);
	REFUSES_MAP(b, -EINVAL, "permit", space, flags, 0);
	REFUSES_MAP(b, -EINVAL, "permit", space, flags, IOASID_MAP_FIXED);
	REFUSES_MAP(b, -EINVAL, "0x80000000", space, flags, RWF | 1u << 31);
	REFUSES_MAP(b, -EINVAL, "reserved", space, reserved, 1);
	REFUSES_MAP(b, -EEXIST, "0x10000-0x13fff", space, iova, 0x13000);
}

static void bad_ranges(struct badinput *b)
{
	struct ioasid_map map, wide;

	good(b, &map)->iova = 0xfffffffff000;
	map.length = 2 * PAGE;
	REFUSES(b, -EINVAL, "0xfffffffff000", ioasid_space_map, b->here.space, &map);
	good(b, &map)->iova = 0 - PAGE;
	map.length = 2 * PAGE;
	REFUSES(b, -EINVAL, "wraps", ioasid_space_map, b->here.space, &map);
	/* more than any hole has */
	good(b, &wide);
	wide.length = UINT64_C(1) << 49;
	wide.flags = IOASID_MAP_RW;
	REFUSES(b, -ENOSPC, "0x2000000000000", ioasid_space_map, b->here.space, &wide);
	ck_assert_uint_eq(wide.iova, 0x80000);
}

static void unregistered(struct badinput *b)
{
	ok(ioasid_space_unmap(b->here.space, 0, UINT64_MAX));
	ok(ioasid_memory_register(b->here.ctx, b->memory, 4 * PAGE));
	REFUSES_MAP(b, -EINVAL, "registered", b->here.space, addr, b->memory + 6 * PAGE);
	REFUSES_MAP(b, -EINVAL, "registered", b->here.space, length, 5 * PAGE);
	ok(ioasid_memory_unregister(b->here.ctx, b->memory, 4 * PAGE));
}

void bad_ioasid_space_map(struct badinput *b)
{
	struct ioasid_map map;

	REFUSES(b, -EINVAL, "space", ioasid_space_map, NULL, good(b, &map));
	REFUSES(b, -EINVAL, "map", ioasid_space_map, b->here.space, NULL);
	REFUSES(b, -ENODEV, "closed", ioasid_space_map, b->gone.space, good(b, &map));
	REFUSES(b, -ENODEV, "closed", ioasid_space_map, b->gone.child, good(b, &map));
	bad_fields(b);
	bad_ranges(b);
	unregistered(b);
}

void bad_ioasid_space_unmap(struct badinput *b)
{
	struct ioasid_space *space = b->here.space;

	REFUSES(b, -EINVAL, "space", ioasid_space_unmap, NULL, 0x10000, PAGE);
	REFUSES(b, -EINVAL, "empty", ioasid_space_unmap, space, 0x10000, 0);
	REFUSES(b, -EINVAL, "wraps", ioasid_space_unmap, space, 0x10000, UINT64_MAX);
	REFUSES(b, -EINVAL, "wraps", ioasid_space_unmap, space, 0 - PAGE, 2 * PAGE);
	REFUSES(b, -EINVAL, "0x10000-0x13fff", ioasid_space_unmap, space, 0x10000, PAGE);
	REFUSES(b, -EINVAL, "0x10000-0x13fff", ioasid_space_unmap, space, 0x11000, 8 * PAGE);
	REFUSES(b, -EINVAL, "0x10000-0x13fff", ioasid_space_unmap, space, 0x10001, 4 * PAGE);
	REFUSES(b, -ENOENT, "0x20000", ioasid_space_unmap, space, 0x20000, PAGE);
	REFUSES(b, -ENOENT, "", ioasid_space_unmap, b->here.child, 0, UINT64_MAX);
	REFUSES(b, -ENODEV, "closed", ioasid_space_unmap, b->gone.space, 0, UINT64_MAX);
}
