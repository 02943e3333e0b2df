/* SPDX-License-Identifier: MIT */
/*
 * The command line of fault-relay. Knows libc alone.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

#define OPTIONS_DEVICES_MAX     128u
#define OPTIONS_GROUP_PAGES_MAX 512u

struct options {
	const char *in;
	const char *out;
	unsigned int devices;
	unsigned int group_pages;
	bool help; /* it was asked for, and printed */
};

/* 0, or -1 once the user was told what is wrong. */
int options_parse(struct options *options, int argc, char **argv);

#endif
