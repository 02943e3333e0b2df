/* SPDX-License-Identifier: MIT */
/*
 * A progress bar: see progress.h.
 */
#include "progress.h"
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define WIDTH 40

void progress_show(uint64_t done, uint64_t size)
{
	static const char bar[WIDTH + 1] = "########################################";
	int percent = size ? (int)(done * 100 / size) : 100;
	int filled = percent * WIDTH / 100;

	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r[%.*s%*s] %3d %% of %" PRIu64 " MiB ", filled, bar, WIDTH - filled, "",
		percent, size >> 20);
}

void progress_clear(void)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%*s\r", WIDTH + 30, "");
}
