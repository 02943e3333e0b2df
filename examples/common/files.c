/* SPDX-License-Identifier: MIT */
/*
 * The file that is copied and the one it is copied to: see files.h.
 */
#include "files.h"
#include "leftover.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As many as the kernel follows. */
#define LINKS_MAX 40

static int failed(struct files *files, const char *path, const char *what)
{
	return trouble_add(files->trouble, "%s: %s: %s", path, what, strerror(errno));
}

static int no_memory(struct files *files, const char *path)
{
	return trouble_add(files->trouble, "%s: out of memory", path);
}

static int open_in(struct files *files, struct stat *in)
{
	files->in = open(files->in_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (files->in < 0 || fstat(files->in, in))
		return failed(files, files->in_path, "cannot be opened");
	if (!S_ISREG(in->st_mode))
		return trouble_add(files->trouble, "%s: %s", files->in_path,
			S_ISDIR(in->st_mode) ? "is a directory" : "is not a regular file");
	files->size = (uint64_t)in->st_size;
	if (files->size > FILES_SIZE_MAX)
		return trouble_add(files->trouble, "%s: is too large", files->in_path);
	return 0;
}

/* There is a file of that name already: may it be replaced? */
static int check_out(
	struct files *files, const char *path, const struct stat *in, const struct stat *out)
{
	if (S_ISDIR(out->st_mode))
		return trouble_add(files->trouble, "%s: is a directory", path);
	if (!S_ISREG(out->st_mode))
		return trouble_add(files->trouble, "%s: is not a regular file", path);
	if (in->st_dev == out->st_dev && in->st_ino == out->st_ino)
		return trouble_add(
			files->trouble, "%s and %s are the same file", files->in_path, path);
	if (access(path, W_OK))
		return failed(files, path, "cannot be written");
	files->out_path = realpath(path, NULL);
	return files->out_path ? 0 : failed(files, path, "cannot be resolved");
}

/* out_path is a link: now it is what the link names, seen from the link's directory. */
static int follow(struct files *files)
{
	char target[PATH_MAX], *link = files->out_path, *path;
	const char *slash = strrchr(link, '/');
	ssize_t length = readlink(link, target, sizeof(target));
	int directory;

	if (length <= 0 || length == sizeof(target))
		return failed(files, link, "cannot be followed");
	directory = slash && *target != '/' ? (int)(slash - link) + 1 : 0;
	if (asprintf(&path, "%.*s%.*s", directory, link, (int)length, target) < 0)
		return no_memory(files, link);
	free(link);
	files->out_path = path;
	return 0;
}

/* There is no file of that name, but there may be links that end in none. */
static int name_new(struct files *files, const char *path)
{
	struct stat entry;
	int links = 0;

	files->out_path = strdup(path);
	if (!files->out_path)
		return no_memory(files, path);
	while (!lstat(files->out_path, &entry) && S_ISLNK(entry.st_mode)) {
		if (++links > LINKS_MAX)
			return trouble_add(files->trouble, "%s: too many links", path);
		if (follow(files))
			return -1;
	}
	return 0;
}

/* The name that the copy will have, and what it replaces: all zero if nothing. */
static int find_out(
	struct files *files, const char *path, const struct stat *in, struct stat *replaced)
{
	if (!stat(path, replaced))
		return check_out(files, path, in, replaced);
	*replaced = (struct stat){0};
	if (errno != ENOENT)
		return failed(files, path, "cannot be examined");
	return name_new(files, path);
}

/* What is replaced hands on its mode, whatever the umask; nobody is let in before. */
static int create_part(struct files *files, const char *path, const struct stat *replaced)
{
	files->out = leftover_create(path, replaced->st_mode ? 0600 : 0666);
	if (files->out < 0)
		return failed(files, path, "cannot be created");
	if (replaced->st_mode && fchmod(files->out, replaced->st_mode & 0777))
		return failed(files, path, "cannot be given the mode of OUT");
	if (ftruncate(files->out, (off_t)files->size))
		return failed(files, path, "cannot be made as large as FILE");
	return 0;
}

static int open_part(struct files *files, const struct stat *replaced)
{
	if (asprintf(&files->part_path, "%s.%ld.part", files->out_path, (long)getpid()) < 0) {
		files->part_path = NULL;
		return no_memory(files, files->out_path);
	}
	return create_part(files, files->part_path, replaced);
}

int files_open(struct files *files, const char *in, const char *out, struct trouble *trouble)
{
	struct stat of_in, replaced;

	*files = (struct files){.trouble = trouble, .in_path = in, .in = -1, .out = -1};
	if (open_in(files, &of_in) || find_out(files, out, &of_in, &replaced))
		return -1;
	return open_part(files, &replaced);
}

void files_close(struct files *files)
{
	leftover_remove();
	if (files->out >= 0)
		close(files->out);
	if (files->in >= 0)
		close(files->in);
	free(files->part_path);
	free(files->out_path);
}

int files_read(struct files *files, int fd, void *memory, size_t length, uint64_t offset)
{
	const char *path = fd == files->in ? files->in_path : files->part_path;
	char *to = memory;
	ssize_t got;

	while (length) {
		got = pread(fd, to, length, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return failed(files, path, "cannot be read");
		if (got == 0)
			return trouble_add(files->trouble, "%s: became shorter meanwhile", path);
		to += got;
		offset += (uint64_t)got;
		length -= (size_t)got;
	}
	return 0;
}

int files_write(struct files *files, const void *memory, size_t length, uint64_t offset)
{
	const char *from = memory;
	ssize_t put;

	while (length) {
		put = pwrite(files->out, from, length, (off_t)offset);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return failed(files, files->part_path, "cannot be written");
		from += put;
		offset += (uint64_t)put;
		length -= (size_t)put;
	}
	return 0;
}

/* Also where a file does not tell its size, as in /proc. */
static int check_in(struct files *files)
{
	char byte;
	ssize_t got = pread(files->in, &byte, 1, (off_t)files->size);

	if (got < 0)
		return failed(files, files->in_path, "cannot be read");
	if (got)
		return trouble_add(
			files->trouble, "%s: has more bytes than it said at first", files->in_path);
	return 0;
}

int files_commit(struct files *files)
{
	int fd = files->out;

	if (check_in(files))
		return -1;
	files->out = -1;
	if (close(fd))
		return failed(files, files->part_path, "cannot be written");
	if (rename(files->part_path, files->out_path))
		return failed(files, files->out_path, "cannot be put in place");
	return 0;
}
