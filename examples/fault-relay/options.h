/* SPDX-License-Identifier: MIT */
/*
 * The command line of fault-relay. Knows the formats of page tables by name and number.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_DEVICES_MAX     128u
#define OPTIONS_GROUP_PAGES_MAX 512u

struct options {
	const char *in;
	const char *out;
	unsigned int devices;
	unsigned int group_pages;
	uint32_t pgtable_format; /* of the virtual IOMMU, IOASID_PGTABLE_*; 0: none */
	bool help;               /* it was asked for, and printed */
};

/* 0, or -1 once the user was told what is wrong. */
int options_parse(struct options *options, int argc, char **argv);

#endif
