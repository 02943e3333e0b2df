/* SPDX-License-Identifier: MIT */
/*
 * What the user sees at the end: one line. Knows no threads.
 */
#ifndef REPORT_H
#define REPORT_H

#include "../common/ledger.h"
#include <stdint.h>

struct report {
	uint64_t bytes;
	uint64_t faults;
	uint64_t groups;
	uint64_t pages;
	uint64_t nanoseconds;
};

/* Sorts the ledger. 0, or -1 if standard output took it not. */
int report_summary(const struct report *report, struct ledger *ledger);

#endif
