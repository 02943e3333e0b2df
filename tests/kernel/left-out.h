/* SPDX-License-Identifier: MIT */
/*
 * Tests that are run on every platform, but not on the kernel's self-test devices: each is named by
 * its program, with what is wanting. One that is left out without being named fails, and so does a
 * name that is left out no more.
 */
#ifndef LEFT_OUT_H
#define LEFT_OUT_H

struct left_out {
	const char *test;
	unsigned int times;
};

/* Up to a row without a name. */
extern struct left_out left_outs[];

#endif
