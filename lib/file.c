/* SPDX-License-Identifier: MIT */
/*
 * Maps of files. Where the backend maps a file itself it is handed the descriptor; elsewhere the
 * library keeps a view of the file in the process, which ends with the map. What may be done with a
 * file is found out here, so that no backend permits more than another.
 */
#include "core.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int refuse_access(const struct mapping *mapping, const char *why)
{
	return error_set(-EACCES, "%s: descriptor %d %s", mapping->call, mapping->file->fd, why);
}

/* A device that writes wants a file that may be written; and to be mapped at all, one that may be
 * read. */
static int check_mode(const struct mapping *mapping)
{
	bool writes = mapping->entry.flags & IOASID_MAP_WRITE;
	int mode = fcntl(mapping->file->fd, F_GETFL);

	if (mode < 0 || mode & O_PATH)
		return error_from(mode < 0 ? -errno : -EBADF, "%s: descriptor %d", mapping->call,
			mapping->file->fd);
	if ((mode & O_ACCMODE) == O_WRONLY)
		return refuse_access(mapping, "is open for writing only: open it O_RDWR");
	if (writes && (mode & O_ACCMODE) != O_RDWR)
		return refuse_access(mapping,
			"is open for reading only, and the map has IOASID_MAP_WRITE: open it O_RDWR");
	return 0;
}

static int check_seals(const struct mapping *mapping)
{
	int seals = fcntl(mapping->file->fd, F_GET_SEALS);

	if (seals < 0 || !(mapping->entry.flags & IOASID_MAP_WRITE))
		return 0; /* most files have no seals to ask for */
	if (!(seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)))
		return 0;
	return refuse_access(
		mapping, "is sealed against writing, and the map has IOASID_MAP_WRITE");
}

/* Beyond its end a file has no pages, and what reaches for them is killed. */
static int check_size(const struct mapping *mapping)
{
	uint64_t offset = mapping->file->offset, length = mapping->length;
	struct stat file;

	if (length > INT64_MAX || offset > INT64_MAX - length)
		return error_set(-EINVAL, "%s: offset 0x%llx, length 0x%llx: no file is so large",
			mapping->call, (unsigned long long)offset, (unsigned long long)length);
	if (fstat(mapping->file->fd, &file))
		return error_from(-errno, "%s: descriptor %d", mapping->call, mapping->file->fd);
	if (!S_ISREG(file.st_mode) && !S_ISCHR(file.st_mode) && !S_ISBLK(file.st_mode))
		return error_set(-ENODEV, "%s: descriptor %d is nothing that can be mapped",
			mapping->call, mapping->file->fd);
	if (!S_ISREG(file.st_mode) || offset + length <= (uint64_t)file.st_size)
		return 0;
	return error_set(-EINVAL,
		"%s: offset 0x%llx, length 0x%llx: descriptor %d has 0x%llx bytes: ftruncate it first",
		mapping->call, (unsigned long long)offset, (unsigned long long)length,
		mapping->file->fd, (unsigned long long)file.st_size);
}

static int check_file(const struct mapping *mapping)
{
	int err = check_mode(mapping);

	if (!err)
		err = check_seals(mapping);
	return err ? err : check_size(mapping);
}

/* What devices may do is the map's; that the process could read it takes nothing away, and not
 * every machine has memory that can only be written. */
static int protection(uint32_t flags)
{
	return PROT_READ | (flags & IOASID_MAP_WRITE ? PROT_WRITE : 0);
}

/* The library's own view, which becomes what the map leads to. */
static int show(struct mapping *mapping)
{
	const struct backend_file *file = mapping->file;
	void *addr = mmap(NULL, mapping->length, protection(mapping->entry.flags), MAP_SHARED,
		file->fd, (off_t)file->offset);

	if (addr == MAP_FAILED) /* older kernels let no sealed file be shared, not even to read */
		return error_from(errno == EPERM ? -EACCES : -errno,
			"%s: descriptor %d, offset 0x%llx, length 0x%llx cannot be mapped into the process",
			mapping->call, file->fd, (unsigned long long)file->offset,
			(unsigned long long)mapping->length);
	mapping->entry.value = (uintptr_t)addr;
	mapping->entry.mark |= MAP_OWNED;
	mapping->file = NULL;
	return 0;
}

void file_hide(uint64_t addr, uint64_t length)
{
	munmap((void *)(uintptr_t)addr, length);
}

/* A kernel takes files of memory alone, and says so only when a device first reaches their pages.
 * They are those that have seals. */
static bool is_native(const struct ioasid_space *space, const struct mapping *mapping)
{
	return backend_has(space->ctx->be, IOASID_EXT_MAP_FILE) &&
	       fcntl(mapping->file->fd, F_GET_SEALS) >= 0;
}

static int map_file(struct ioasid_space *space, struct mapping *mapping)
{
	bool native = is_native(space, mapping);
	int err = native ? 0 : show(mapping);

	if (err)
		return err;
	err = map_make(space, mapping);
	if (err && !native)
		file_hide(mapping->entry.value, mapping->length);
	return err;
}

static int check_wish(
	const struct ioasid_space *space, const struct ioasid_map *map, struct mapping *mapping)
{
	if (map->addr)
		return error_set(-EINVAL, "%s: map->addr is %p: a file's map has none",
			mapping->call, map->addr);
	if (space->parent)
		return error_set(-EINVAL,
			"%s: space %u is nested: its maps lead to addresses of space %u",
			mapping->call, space->id, space->parent->id);
	return map_check(space, map, mapping);
}

int ioasid_space_map_file(
	struct ioasid_space *space, int fd, uint64_t offset, struct ioasid_map *map)
{
	struct backend_file file = {.fd = fd, .offset = offset};
	struct mapping mapping = {
		.call = __func__, .file = &file, .entry.mark = MAP_BUSY | MAP_OF_FILE};
	int err;

	if (!space || !map)
		return null_argument(__func__, space ? "map" : "space");
	err = check_wish(space, map, &mapping);
	mapping.entry.value = offset;
	if (!err)
		err = check_file(&mapping);
	if (!err)
		err = map_file(space, &mapping);
	if (!err)
		map->iova = mapping.entry.start;
	return err;
}
