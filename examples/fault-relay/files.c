/* SPDX-License-Identifier: MIT */
/*
 * The file that is copied and the one it is copied to: see files.h.
 */
#include "files.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Devices find FILE and OUT in areas of this size: see pager.h. */
#define SIZE_MAX_SUPPORTED (UINT64_C(1) << 44)

static int failed(struct files *files, const char *path, const char *what)
{
	return trouble_add(files->trouble, "%s: %s: %s", path, what, strerror(errno));
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
	if (files->size > SIZE_MAX_SUPPORTED)
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

static int open_part(struct files *files, mode_t mode)
{
	char *path;

	if (asprintf(&path, "%s.%ld.part", files->out_path, (long)getpid()) < 0)
		return trouble_add(files->trouble, "%s: out of memory", files->out_path);
	files->out = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (files->out < 0) {
		failed(files, path, "cannot be created");
		free(path);
		return -1;
	}
	files->part_path = path;
	if (ftruncate(files->out, (off_t)files->size))
		return failed(files, path, "cannot be made as large as FILE");
	return 0;
}

int files_open(struct files *files, const char *in, const char *out, struct trouble *trouble)
{
	struct stat of_in, of_out;
	mode_t mode = 0666;

	*files = (struct files){.trouble = trouble, .in_path = in, .in = -1, .out = -1};
	if (open_in(files, &of_in))
		return -1;
	if (!stat(out, &of_out)) {
		mode = of_out.st_mode & 0777;
		if (check_out(files, out, &of_in, &of_out))
			return -1;
	} else {
		files->out_path = strdup(out);
		if (!files->out_path)
			return trouble_add(trouble, "%s: out of memory", out);
	}
	return open_part(files, mode);
}

void files_close(struct files *files)
{
	if (files->part_path)
		unlink(files->part_path);
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
	free(files->part_path);
	files->part_path = NULL;
	return 0;
}
