/* SPDX-License-Identifier: MIT */
/*
 * A kernel that answers ioctls as it is told, for programs linked with -Wl,--wrap=ioctl: answers
 * are given in order, each once; what nobody foresaw is ENOTTY. Notes what it heard. Knows no ABI.
 */
#ifndef FAKEKERNEL_H
#define FAKEKERNEL_H

#include <stddef.h>

/* Forgets all of it. */
void fake_reset(void);

/* The next ioctl of this number returns result (at least 0, or -errno), and what it says is copied
 * over the caller's structure (size 0: that stays). */
void fake_says(unsigned long number, int result, const void *reply, size_t size);

/* As the caller passed it: the structure of the last ioctl of this number, its first size bytes.
 * Returns how many ioctls had that number. */
unsigned int fake_heard(unsigned long number, void *structure, size_t size);

/* Answers that nobody asked for. */
unsigned int fake_left(void);

#endif
