/* SPDX-License-Identifier: MIT */
/*
 * The allocator, made to fail on demand. Link with -Wl,--wrap for each function of allocator.c,
 * on the objects of the library: only what they and the tests call is wrapped, not libc's own.
 */
#ifndef ALLOCATOR_H
#define ALLOCATOR_H

#include <stdbool.h>

/* The nth allocation of this thread from now on fails, once; 0: none does. */
void allocator_fail(unsigned long nth);

/* True if one failed since; that ends it. */
bool allocator_failed(void);

#endif
