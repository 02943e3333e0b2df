/* SPDX-License-Identifier: MIT */
/*
 * Rows of bad input for maps of files and for allowed windows.
 */
#include "badinput.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* A map that would do, but for what a row changes. */
static struct ioasid_map *good(struct ioasid_map *map)
{
	*map = (struct ioasid_map){
		.length = PAGE, .iova = 0x80000, .flags = IOASID_MAP_RW | IOASID_MAP_FIXED};
	return map;
}

/* A refused map is as it was before. */
#define REFUSES_FILE(b, err, text, fd, offset, field, to)                                          \
	do {                                                                                       \
		struct ioasid_map map_, copy_;                                                     \
		good(&map_)->field = (to);                                                         \
		copy_ = map_;                                                                      \
		REFUSES(b, err, text, ioasid_space_map_file, (b)->here.space, fd, offset, &map_);  \
		ck_assert_mem_eq(&map_, &copy_, sizeof(map_));                                     \
	} while (0)

static int open_file(void)
{
	int fd = memfd_create("ioasid-badinput", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)(4 * PAGE)), 0);
	return fd;
}

static void bad_fields(struct badinput *b, int fd)
{
	REFUSES_FILE(b, -EINVAL, "addr", fd, 0, addr, b->memory);
	REFUSES_FILE(b, -EINVAL, "length is 0", fd, 0, length, 0);
	REFUSES_FILE(b, -EINVAL, "0x1001", fd, 0, length, PAGE + 1);
	REFUSES_FILE(b, -EINVAL, "0x5000", fd, 0, length, 5 * PAGE);
	REFUSES_FILE(b, -EINVAL, "no file", fd, 0, length, UINT64_C(1) << 63);
	REFUSES_FILE(b, -EINVAL, "0x80001", fd, 0, iova, 0x80001);
	REFUSES_FILE(b, -EINVAL, "wraps", fd, 0, iova, 0 - PAGE + 1);
	REFUSES_FILE(b, -EINVAL, "0x1000000000000", fd, 0, iova, UINT64_C(1) << 48);
	REFUSES_FILE(b, -EINVAL, "permit", fd, 0, flags, IOASID_MAP_FIXED);
	REFUSES_FILE(b, -EINVAL, "0x80000000", fd, 0, flags, IOASID_MAP_RW | 1u << 31);
	REFUSES_FILE(b, -EINVAL, "reserved", fd, 0, reserved, 1);
	REFUSES_FILE(b, -EEXIST, "0x10000-0x13fff", fd, 0, iova, 0x13000);
}

static void bad_offsets(struct badinput *b, int fd)
{
	REFUSES_FILE(b, -EINVAL, "0x1", fd, 1, length, PAGE);
	REFUSES_FILE(b, -EINVAL, "0x4000", fd, 4 * PAGE, length, PAGE);
	REFUSES_FILE(b, -EINVAL, "no file", fd, UINT64_MAX - PAGE + 1, length, PAGE);
	REFUSES_FILE(b, -EINVAL, "no file", fd, INT64_MAX, length, PAGE);
}

static void bad_descriptors(struct badinput *b)
{
	int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int path = open("/", O_PATH | O_CLOEXEC);

	ck_assert_int_ge(directory, 0);
	ck_assert_int_ge(path, 0);
	REFUSES_FILE(b, -EBADF, "descriptor -1", -1, 0, length, PAGE);
	REFUSES_FILE(b, -EBADF, "descriptor", path, 0, length, PAGE);
	REFUSES_FILE(b, -EACCES, "reading only", directory, 0, length, PAGE);
	REFUSES_FILE(b, -ENODEV, "descriptor", directory, 0, flags, IOASID_MAP_READ);
	close(path);
	close(directory);
}

void bad_ioasid_space_map_file(struct badinput *b)
{
	struct ioasid_map map;
	int fd = open_file();

	REFUSES(b, -EINVAL, "space", ioasid_space_map_file, NULL, fd, 0, good(&map));
	REFUSES(b, -EINVAL, "map", ioasid_space_map_file, b->here.space, fd, 0, NULL);
	REFUSES(b, -ENODEV, "closed", ioasid_space_map_file, b->gone.space, fd, 0, good(&map));
	REFUSES(b, -EINVAL, "nested", ioasid_space_map_file, b->here.child, fd, 0, good(&map));
	bad_fields(b, fd);
	bad_offsets(b, fd);
	bad_descriptors(b);
	close(fd);
}

#define RANGE(...) (&(const struct ioasid_range){__VA_ARGS__})

static void bad_ranges(struct badinput *b, struct ioasid_space *space)
{
	const struct ioasid_range touching[] = {{0x2000, 0x3fff}, {0x3000, 0x4fff}};
	const struct ioasid_range falling[] = {{0x4000, 0x4fff}, {0x2000, 0x2fff}};

	REFUSES(b, -EINVAL, "0x3000-0x2fff", ioasid_space_allow, space, RANGE(0x3000, 0x2fff), 1);
	REFUSES(b, -EINVAL, "range 1", ioasid_space_allow, space, touching, 2);
	REFUSES(b, -EINVAL, "range 1", ioasid_space_allow, space, falling, 2);
	REFUSES(b, -EINVAL, "0x1000", ioasid_space_allow, space, RANGE(0x2001, 0x2fff), 1);
	REFUSES(b, -EINVAL, "0x1000", ioasid_space_allow, space, RANGE(0x2000, 0x2ffe), 1);
	REFUSES(b, -EINVAL, "0x1000", ioasid_space_allow, space, RANGE(0x2000, 0x3000), 1);
	REFUSES(b, -EADDRINUSE, "0x1000000000000", ioasid_space_allow, space,
		RANGE(0x2000, (UINT64_C(1) << 48) + PAGE - 1), 1);
	REFUSES(b, -EADDRINUSE, "0x1000000000000", ioasid_space_allow, space,
		RANGE(0 - PAGE, UINT64_MAX), 1);
}

void bad_ioasid_space_allow(struct badinput *b)
{
	struct ioasid_space *space = b->here.space;
	const struct ioasid_range good = {0x40000, 0x4ffff};

	ok(ioasid_space_allow(space, &good, 1));
	REFUSES(b, -EINVAL, "space", ioasid_space_allow, NULL, &good, 1);
	REFUSES(b, -EINVAL, "ranges", ioasid_space_allow, space, NULL, 1);
	REFUSES(b, -EINVAL, "4097", ioasid_space_allow, space, &good, 4097);
	REFUSES(b, -ENODEV, "closed", ioasid_space_allow, b->gone.space, &good, 1);
	REFUSES(b, -ENODEV, "closed", ioasid_space_allow, b->gone.space, NULL, 0);
	bad_ranges(b, space);
}
