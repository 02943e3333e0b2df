/* SPDX-License-Identifier: MIT */
/*
 * Frames of guest memory: see frames.h.
 */
#include "frames.h"
#include <stdlib.h>
#include <string.h>

int frames_open(struct frames *frames)
{
	frames->left = 0;
	frames->free = calloc(frames->count, sizeof(*frames->free));
	if (!frames->free)
		return -1;
	for (unsigned int i = frames->count; i > 0; i--)
		frames_give(frames, frames->first + (uint64_t)(i - 1) * FRAMES_SIZE);
	return 0;
}

void frames_close(struct frames *frames)
{
	free(frames->free);
	frames->free = NULL;
}

uint64_t frames_take(struct frames *frames)
{
	uint64_t gpa = frames->free[--frames->left];

	memset(frames->ram + gpa, 0, FRAMES_SIZE);
	return gpa;
}

void frames_give(struct frames *frames, uint64_t gpa)
{
	frames->free[frames->left++] = gpa;
}
