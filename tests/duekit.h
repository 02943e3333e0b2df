/* SPDX-License-Identifier: MIT */
/*
 * What tests of deadlines share: a clock that stands still until the test moves it, a queue whose
 * groups have a second, and faults that raise a group each. Knows the mock, and no timer. Link with
 * --wrap=clock_gettime.
 */
#ifndef DUEKIT_H
#define DUEKIT_H

#include "faultq.h"

#define SECOND UINT64_C(1000000000)

extern uint64_t duekit_now; /* what time it is, ns; 0: what the machine says */
/* For a thread that looked at the clock and then had to wait. */
extern _Thread_local uint64_t duekit_slow;

void duekit_at_second(uint64_t second);

/* At second 100, with two devices; what is overdue is answered with the code. */
void duekit_begin(struct faultq *, uint32_t code);
/* The clock is the machine's again. */
void duekit_end(struct faultq *);

/* Faults of so many pages, of a group each: their transfers have the pages' numbers. */
extern struct faultq_transfer duekit_transfer[256];
void duekit_raise(struct faultq *, unsigned int first, unsigned int n);

#endif
