/* SPDX-License-Identifier: MIT */
/*
 * The allocator, made to fail on demand: see allocator.h. Knows libc alone.
 */
#include "allocator.h"
#include <errno.h>
#include <stddef.h>

static _Thread_local unsigned long left;
static _Thread_local bool failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
int __real_posix_memalign(void **memory, size_t align, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
int __wrap_posix_memalign(void **memory, size_t align, size_t size);

void allocator_fail(unsigned long nth)
{
	left = nth;
	failed = false;
}

bool allocator_failed(void)
{
	left = 0;
	return failed;
}

static bool fails_now(void)
{
	if (!left || --left)
		return false;
	failed = true;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return fails_now() ? NULL : __real_realloc(memory, size);
}

int __wrap_posix_memalign(void **memory, size_t align, size_t size)
{
	return fails_now() ? ENOMEM : __real_posix_memalign(memory, align, size);
}
