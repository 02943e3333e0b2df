/* SPDX-License-Identifier: MIT */
/*
 * The fixture of the tests of the producer: a small ring, groups of a record each that are pushed
 * to it, what a reader takes of them, and what is kept back. It answers nothing by itself.
 */
#ifndef PRODUCERKIT_H
#define PRODUCERKIT_H

#include "ringkit.h"
#include "support.h"

#define COUNT 64 /* records in the ring */

extern struct ringkit producerkit;
extern struct ioasid_fault producerkit_out[2 * COUNT]; /* what was taken last */

/* A case around whose tests the kit is open, with 1024 slots. */
TCase *producerkit_case(Suite *suite, const char *name);

/* A test that wants another number of slots closes the kit and opens it again. */
void producerkit_open(uint32_t outstanding);
void producerkit_close(void);

struct ioasid_faultq_stats producerkit_stats(void);

/* Groups of one record each, from this number on: one by one, or all at once. */
void producerkit_push(uint64_t number, unsigned int n);
void producerkit_push_batch(uint64_t number, unsigned int n);

/* Reads and delivers, answers nothing. */
unsigned int producerkit_take(unsigned int n);
/* Of up to n records so many come, from this number on. */
void producerkit_assert_takes(unsigned int n, uint64_t number, unsigned int expected);

/* So much is kept back, and the ring says so. */
void producerkit_assert_waiting(uint64_t groups, uint64_t records);

#endif
