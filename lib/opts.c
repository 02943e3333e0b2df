/* SPDX-License-Identifier: MIT */
/*
 * Structures that grow, see opts.h. The size is the first field, a uint32_t, in all of them.
 */
#include "opts.h"
#include "error.h"
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LEAST_SIZE 8u
#define MOST_SIZE  4096u

static uint32_t size_of(const void *given)
{
	uint32_t size;

	memcpy(&size, given, sizeof(size));
	return size;
}

static bool is_zero(const unsigned char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i])
			return false;
	return true;
}

static int check_size(uint32_t size, const char *call)
{
	if (size >= LEAST_SIZE && size <= MOST_SIZE)
		return 0;
	return error_set(
		-EINVAL, "%s: the structure's size is %u: set it to its sizeof", call, size);
}

int opts_copy(void *known, size_t known_size, const void *given, const char *call)
{
	uint32_t size = given ? size_of(given) : 0;

	memset(known, 0, known_size);
	if (!given)
		return 0;
	if (check_size(size, call))
		return -EINVAL;
	if (size > known_size &&
		!is_zero((const unsigned char *)given + known_size, size - known_size))
		return error_set(-E2BIG,
			"%s: the options have %u bytes, this library knows %zu, and the rest is not zero",
			call, size, known_size);
	memcpy(known, given, size < known_size ? size : known_size);
	return 0;
}

int opts_out_check(const void *given, const char *call)
{
	if (!given)
		return error_set(-EINVAL, "%s: the structure to fill in is NULL", call);
	return check_size(size_of(given), call);
}

void opts_out(void *given, const void *known, size_t known_size)
{
	uint32_t size = size_of(given);

	memset(given, 0, size);
	memcpy(given, known, size < known_size ? size : known_size);
	memcpy(given, &size, sizeof(size));
}
