/* SPDX-License-Identifier: MIT */
/*
 * The command line of vsva. Knows libc alone.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

struct options {
	const char *in;
	const char *out;
	unsigned int processes;
	unsigned int frames;
	unsigned int forget; /* the invalidation that is lost; 0: none */
	bool help;           /* it was asked for, and printed */
};

/* 0, or -1 once the user was told what is wrong. */
int options_parse(struct options *options, int argc, char **argv);

#endif
