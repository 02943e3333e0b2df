/* SPDX-License-Identifier: MIT */
/*
 * The file that is copied and the one it is copied to. The copy is written under another name in
 * the same directory, and takes its own only when it is whole. Knows nothing of devices.
 */
#ifndef FILES_H
#define FILES_H

#include "trouble.h"
#include <stddef.h>
#include <stdint.h>

/* Devices find FILE in an area of this size. */
#define FILES_SIZE_MAX (UINT64_C(1) << 44)

struct files {
	struct trouble *trouble;
	const char *in_path;
	char *out_path;  /* links followed */
	char *part_path; /* what it is called until it is whole */
	uint64_t size;
	int in;
	int out;
};

/* Each returns 0, or -1 with the trouble noted. files_close() takes it all back, in any case. */
int files_open(struct files *files, const char *in, const char *out, struct trouble *trouble);
void files_close(struct files *files);

/* length bytes at offset, both inside the file. */
int files_read(struct files *files, int fd, void *memory, size_t length, uint64_t offset);
int files_write(struct files *files, const void *memory, size_t length, uint64_t offset);

/* The copy is whole: give it its name. */
int files_commit(struct files *files);

#endif
