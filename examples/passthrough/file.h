/* SPDX-License-Identifier: MIT */
/*
 * A file in memory that a device can be shown: whole pages. Ends the program on an error, as small
 * examples may. Knows no device.
 */
#ifndef PASSTHROUGH_FILE_H
#define PASSTHROUGH_FILE_H

#include <stddef.h>

struct content {
	unsigned char *bytes;
	size_t size; /* of the file */
	size_t room; /* whole pages, at least one */
};

/* Room for a file of this size, all zero. */
void content_new(struct content *content, size_t size);

/* The file, or where path is NULL 64 KiB of a pattern. */
void content_read(struct content *content, const char *path);

/* path may be NULL: nowhere. */
void content_write(const struct content *content, const char *path);

void content_free(struct content *content);

#endif
