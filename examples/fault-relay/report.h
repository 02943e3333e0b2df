/* SPDX-License-Identifier: MIT */
/*
 * What the user sees: a progress bar on a terminal, and one line at the end. Knows no threads.
 */
#ifndef REPORT_H
#define REPORT_H

#include "ledger.h"
#include <stdint.h>

struct report {
	uint64_t bytes;
	uint64_t faults;
	uint64_t groups;
	uint64_t pages;
	uint64_t nanoseconds;
};

/* On standard error, if that is a terminal; report_clear() takes it away. */
void report_progress(uint64_t done, uint64_t size);
void report_clear(void);

/* Sorts the ledger. 0, or -1 if standard output took it not. */
int report_summary(const struct report *report, struct ledger *ledger);

#endif
