/* SPDX-License-Identifier: MIT */
/*
 * What the user sees at the end: see report.h.
 */
#include "report.h"
#include <inttypes.h>
#include <stdio.h>

int report_summary(const struct report *report)
{
	double seconds = (double)report->nanoseconds / 1e9;
	double mib = (double)report->bytes / (1 << 20);

	printf("%" PRIu64 " bytes, %" PRIu64 " pages requested, %" PRIu64 " groups, "
	       "%" PRIu64 " pages touched before, %" PRIu64 " of them requested, "
	       "%" PRIu64 " processor faults, %" PRIu64 " invalidations, %.3f s, %.1f MiB/s\n",
		report->bytes, report->requests, report->groups, report->touches, report->needless,
		report->cpu_faults, report->invalidations, seconds,
		seconds > 0 ? mib / seconds : 0);
	return fflush(stdout) ? -1 : 0;
}
