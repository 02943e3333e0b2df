/* SPDX-License-Identifier: MIT */
/*
 * A lock for a few instructions at a time: as a pthread_mutex_t, but to take one that is free, and
 * to let go of one that nobody waits for, is an atomic instruction each. Every map and unmap takes
 * one twice. Not recursive; all zero is free. Knows libc alone.
 */
#ifndef LATCH_H
#define LATCH_H

#include <stdbool.h>
#include <stdint.h>

#define LATCH_FREE   0u
#define LATCH_TAKEN  1u
#define LATCH_WANTED 2u /* taken, and somebody may sleep */

struct latch {
	uint32_t state; /* LATCH_*; atomic */
};

/* Where the short way is not open. */
void latch_wait(struct latch *latch);
void latch_wake(struct latch *latch);

/* Acquire: pairs with the release of latch_release(). */
static inline void latch_take(struct latch *latch)
{
	uint32_t was = LATCH_FREE;

	if (!__atomic_compare_exchange_n(
		    &latch->state, &was, LATCH_TAKEN, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		latch_wait(latch);
}

/* Release: pairs with the acquire of latch_take() and latch_wait(). */
static inline void latch_release(struct latch *latch)
{
	if (__atomic_exchange_n(&latch->state, LATCH_FREE, __ATOMIC_RELEASE) == LATCH_WANTED)
		latch_wake(latch);
}

#endif
