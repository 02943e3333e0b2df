/* SPDX-License-Identifier: MIT */
/*
 * How long a stress program runs: as SUPPORT_SCALE says, and no longer under ThreadSanitizer than
 * that can bear. It knows nothing of what is put under stress.
 */
#ifndef STRESS_H
#define STRESS_H

#include "support.h"
#include <stdint.h>

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif

/* A full run may be as long as it likes, an instrumented one not. */
static inline uint64_t stress_records(unsigned long full, unsigned long tsan)
{
	unsigned long records = support_rounds(full);

#ifdef UNDER_TSAN
	return records > tsan ? tsan : records;
#else
	(void)tsan;
	return records;
#endif
}

#endif
