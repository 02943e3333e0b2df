/* SPDX-License-Identifier: MIT */
/*
 * Frames of guest memory that a guest's kernel hands out: the free ones of a range. One thread at a
 * time. Knows not what they are for.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdint.h>

#define FRAMES_SIZE 4096u

struct frames {
	unsigned char *ram; /* guest address 0 */
	uint64_t first;     /* guest address of the range */
	unsigned int count;
	unsigned int left;
	uint64_t *free; /* guest addresses; the first left of them are free */
};

/* ram, first and count are filled in. 0, or -1: out of memory. */
int frames_open(struct frames *frames);
void frames_close(struct frames *frames);

/* A frame of zeros, by its guest address; only while some are left. */
uint64_t frames_take(struct frames *frames);
void frames_give(struct frames *frames, uint64_t gpa);

#endif
