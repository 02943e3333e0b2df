/* SPDX-License-Identifier: MIT */
/*
 * A lock that many pass at a time, or one alone: as a pthread_rwlock_t, but to pass takes an
 * addition and to leave another, since every map and unmap does so. Who wants it alone comes first:
 * it shuts the gate, and waits until those inside have left. Not recursive. Knows libc alone.
 */
#ifndef GATE_H
#define GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define GATE_SHUT (UINT32_C(1) << 31) /* somebody is, or wants to be, alone */

struct gate {
	uint32_t state;       /* how many are inside, GATE_SHUT; atomic */
	bool alone;           /* who is inside is alone; for those inside */
	pthread_mutex_t turn; /* of who wants to be alone; those who wait for that one to go */
	pthread_mutex_t lock; /* of the condition that the last one inside has left */
	pthread_cond_t empty;
};

void gate_init(struct gate *gate);
void gate_destroy(struct gate *gate);

/* Where the short way is not open. */
void gate_wait(struct gate *gate);
void gate_wake(struct gate *gate);
void gate_open(struct gate *gate);

/* Comes in, with others. Acquire: pairs with the release of gate_open(). */
static inline void gate_enter(struct gate *gate)
{
	if (__atomic_fetch_add(&gate->state, 1, __ATOMIC_ACQUIRE) & GATE_SHUT)
		gate_wait(gate);
}

/* Comes in, alone. */
void gate_shut(struct gate *gate);

/* Leaves, having come in with others. Release: as below. */
static inline void gate_leave_shared(struct gate *gate)
{
	if (__atomic_fetch_sub(&gate->state, 1, __ATOMIC_RELEASE) & GATE_SHUT)
		gate_wake(gate);
}

/* Leaves, whichever way it came in. Release: pairs with the acquire of gate_shut(). */
static inline void gate_leave(struct gate *gate)
{
	if (gate->alone)
		gate_open(gate);
	else
		gate_leave_shared(gate);
}

#endif
