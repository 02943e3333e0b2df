/* SPDX-License-Identifier: MIT */
/*
 * What the user sees at the end: one line. Knows no threads.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdint.h>

struct report {
	uint64_t bytes;
	uint64_t requests; /* pages that the device asked for */
	uint64_t groups;   /* in which it asked for them */
	uint64_t touches;  /* pages that the processor had touched before */
	uint64_t needless; /* of those, pages that the device asked for */
	uint64_t cpu_faults;
	uint64_t invalidations;
	uint64_t nanoseconds;
};

/* 0, or -1 if standard output took it not. */
int report_summary(const struct report *report);

#endif
