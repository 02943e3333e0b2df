/* SPDX-License-Identifier: MIT */
/*
 * What command lines have in common: see arguments.h.
 */
#include "arguments.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

int arguments_wrong(const char *what, const char *value)
{
	const char *program = program_invocation_short_name;

	fprintf(stderr, "%s: %s%s\nTry '%s --help'.\n", program, what, value, program);
	return -1;
}

/* strtoul() alone would take signs and spaces. */
int arguments_number(const char *text, struct arguments_range range, unsigned int *value)
{
	unsigned long parsed;
	char *end;

	errno = 0;
	parsed = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || parsed < range.least ||
		parsed > range.most) {
		fprintf(stderr, "%s: not a number from %u to %u: '%s'\n",
			program_invocation_short_name, range.least, range.most, text);
		return -1;
	}
	*value = (unsigned int)parsed;
	return 0;
}

int arguments_files(int argc, char **argv, const char *out)
{
	if (optind == argc || !*argv[optind])
		return arguments_wrong("which FILE?", "");
	if (optind + 1 < argc)
		return arguments_wrong("more than one FILE: ", argv[optind + 1]);
	if (!out || !*out)
		return arguments_wrong("where to? There is no -o OUT", "");
	return 0;
}
