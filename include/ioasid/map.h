/* SPDX-License-Identifier: MIT */
/*
 * The addresses of an I/O address space: which may be used, and what they lead to. Part of
 * ioasid.h, which includes it. Concepts: libioasid(7).
 */
#ifndef IOASID_MAP_H
#define IOASID_MAP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ioasid_space;

/**
 * struct ioasid_range - addresses, both ends included
 * @first: first address, bytes
 * @last: last address, bytes
 */
struct ioasid_range {
	uint64_t first;
	uint64_t last;
};

/**
 * ioasid_space_ranges - the IOVA ranges that maps may use now
 * @space: the space
 * @ranges: out, ascending; may be NULL if @n is 0
 * @n: room in @ranges
 *
 * They change with every attach and detach.
 *
 * Return: how many there are, of which at most @n were written; -EINVAL, -ENXIO as above, -ENODEV.
 */
int ioasid_space_ranges(struct ioasid_space *space, struct ioasid_range *ranges, unsigned int n);

/**
 * ioasid_space_allow - keep IOVA ranges free of reserved windows from now on
 * @space: the space
 * @ranges: ascending, apart from each other; may be NULL if @n is 0
 * @n: how many, at most 4096; 0: none is kept any more
 *
 * A device whose reserved windows or aperture would cut into one of them is refused at attach, so
 * that a hot-plug finds out there. Automatic addresses come from them alone. The last call counts.
 *
 * Return: 0; -EINVAL not ascending or misaligned, -EADDRINUSE a range is reserved or beyond the
 * aperture already, -ENXIO attach first, -ENOMEM, -ENODEV closed.
 */
int ioasid_space_allow(
	struct ioasid_space *space, const struct ioasid_range *ranges, unsigned int n);

/* Maps */

/* struct ioasid_map.flags */
#define IOASID_MAP_READ  (1u << 0) /* devices may read */
#define IOASID_MAP_WRITE (1u << 1) /* devices may write */
#define IOASID_MAP_FIXED (1u << 2) /* at iova; else the library picks and fills in iova */
#define IOASID_MAP_RW    (IOASID_MAP_READ | IOASID_MAP_WRITE)

/**
 * struct ioasid_map - a map: length bytes at iova lead to addr
 * @addr: process memory; of a nested space an address of its parent, cast; page aligned
 * @length: bytes, a multiple of the page size
 * @iova: I/O virtual address, page aligned; in or out by IOASID_MAP_FIXED
 * @flags: IOASID_MAP_*, READ or WRITE at least
 * @reserved: zero
 */
struct ioasid_map {
	void *addr;
	uint64_t length;
	uint64_t iova;
	uint32_t flags;
	uint32_t reserved;
};

/**
 * ioasid_space_map - let attached devices reach process memory, or a child's its parent
 * @space: the space
 * @map: range and permissions; @map->iova is filled in unless IOASID_MAP_FIXED (bytes)
 *
 * Return: 0; -EINVAL misaligned, wrapping, in a reserved window or outside registered memory,
 * -EEXIST overlap, -EBUSY a page table is bound, -ENOSPC no room, -ENOMEM memory or its locked
 * limit, -EDEADLK a device of the group is missing, -ENXIO attach first, -ENODEV closed. On error
 * @map is unchanged.
 * (proposal 2.1: MAP_DMA)
 */
int ioasid_space_map(struct ioasid_space *space, struct ioasid_map *map);

/**
 * ioasid_space_map_file - let attached devices reach the pages of a file
 * @space: a space without a parent
 * @fd: a file of memory (memfd), open for what @map permits; not kept
 * @offset: start in the file, bytes, page aligned
 * @map: as in ioasid_space_map(), @map->addr NULL
 *
 * Where the backend lacks IOASID_EXT_MAP_FILE, or @fd is no file of memory, the library maps the
 * file into the process until it is unmapped from the space.
 *
 * Return: 0; -EINVAL beyond the end of the file, or @space is nested, -EBADF, -EACCES @fd does not
 * permit it, -ENODEV closed, or @fd cannot be mapped; else as ioasid_space_map().
 */
int ioasid_space_map_file(
	struct ioasid_space *space, int fd, uint64_t offset, struct ioasid_map *map);

/**
 * ioasid_space_unmap - remove whole maps
 * @space: the space
 * @iova: start, bytes
 * @length: bytes; (0, UINT64_MAX) removes all maps
 *
 * Return: the bytes removed; -EINVAL the range cuts a map (nothing is removed) or wraps, -ENOENT
 * nothing there, -EBUSY another thread is at it, -EDEADLK, -ENXIO, -ENODEV closed.
 * (proposal 2.1: UNMAP_DMA)
 */
int64_t ioasid_space_unmap(struct ioasid_space *space, uint64_t iova, uint64_t length);

#ifdef __cplusplus
}
#endif

#endif
