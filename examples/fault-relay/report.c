/* SPDX-License-Identifier: MIT */
/*
 * What the user sees: see report.h.
 */
#include "report.h"
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define WIDTH 40

void report_progress(uint64_t done, uint64_t size)
{
	static const char bar[WIDTH + 1] = "########################################";
	int percent = size ? (int)(done * 100 / size) : 100;
	int filled = percent * WIDTH / 100;

	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r[%.*s%*s] %3d %% of %" PRIu64 " MiB ", filled, bar, WIDTH - filled, "",
		percent, size >> 20);
}

void report_clear(void)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%*s\r", WIDTH + 30, "");
}

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
