/* SPDX-License-Identifier: MIT */
/*
 * What the user sees at the end: see report.h.
 */
#include "report.h"
#include <inttypes.h>
#include <stdio.h>

static double microseconds(const struct ledger *ledger, unsigned int percent)
{
	return (double)ledger_percentile(ledger, percent) / 1e3;
}

int report_summary(const struct report *report, struct ledger *ledger)
{
	double seconds = (double)report->nanoseconds / 1e9;
	double mib = (double)report->bytes / (1 << 20);

	ledger_sort_by_time(ledger);
	printf("%" PRIu64 " bytes, %" PRIu64 " faults, %" PRIu64 " groups, %" PRIu64 " pages, "
	       "%.3f s, %.1f MiB/s, fault to answer in us: p50 %.1f p90 %.1f p99 %.1f max %.1f\n",
		report->bytes, report->faults, report->groups, report->pages, seconds,
		seconds > 0 ? mib / seconds : 0, microseconds(ledger, 50), microseconds(ledger, 90),
		microseconds(ledger, 99), microseconds(ledger, 100));
	return fflush(stdout) ? -1 : 0;
}
