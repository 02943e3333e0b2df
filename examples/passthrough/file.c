/* SPDX-License-Identifier: MIT */
/*
 * A file in memory: see file.h.
 */
#include "file.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATTERN_SIZE 65536u

static void give_up(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

void content_new(struct content *content, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	content->size = size;
	content->room = size ? (size + page - 1) / page * page : page;
	content->bytes = mmap(
		NULL, content->room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (content->bytes == MAP_FAILED)
		give_up("memory");
}

/* No two chunks of it are alike. */
static void fill(struct content *content)
{
	uint32_t state = 1;

	for (size_t i = 0; i < content->size; i++) {
		state = state * 1664525u + 1013904223u;
		content->bytes[i] = (unsigned char)(state >> 24);
	}
}

void content_read(struct content *content, const char *path)
{
	FILE *file;
	struct stat st;

	if (!path) {
		content_new(content, PATTERN_SIZE);
		fill(content);
		return;
	}
	file = fopen(path, "re");
	if (!file || fstat(fileno(file), &st))
		give_up(path);
	content_new(content, (size_t)st.st_size);
	if (fread(content->bytes, 1, content->size, file) != content->size)
		give_up(path);
	fclose(file);
}

void content_write(const struct content *content, const char *path)
{
	FILE *file;

	if (!path)
		return;
	file = fopen(path, "we");
	if (!file || fwrite(content->bytes, 1, content->size, file) != content->size ||
		fclose(file))
		give_up(path);
}

void content_free(struct content *content)
{
	munmap(content->bytes, content->room);
}
