/* SPDX-License-Identifier: MIT */
/*
 * What command lines have in common: numbers are checked, and who got one wrong is told. Knows libc
 * alone.
 */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

struct arguments_range {
	unsigned int least;
	unsigned int most;
};

/* Says what is wrong, and where help is; returns -1, for callers to return. */
int arguments_wrong(const char *what, const char *value);

/* A decimal number in the range. 0, or -1 once the user was told. */
int arguments_number(const char *text, struct arguments_range range, unsigned int *value);

/* Exactly one FILE is left after the options, and there is a name for the output. 0, or -1 once the
 * user was told. */
int arguments_files(int argc, char **argv, const char *out);

#endif
