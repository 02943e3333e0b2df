/* SPDX-License-Identifier: MIT */
/*
 * The gate's long ways, see gate.h. Who shuts it holds the turn until it leaves, so that those who
 * find it shut wait for the turn and nothing else. Knows libc alone.
 */
#include "gate.h"

void gate_init(struct gate *gate)
{
	gate->state = 0;
	gate->alone = false;
	pthread_mutex_init(&gate->turn, NULL);
	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->empty, NULL);
}

void gate_destroy(struct gate *gate)
{
	pthread_cond_destroy(&gate->empty);
	pthread_mutex_destroy(&gate->lock);
	pthread_mutex_destroy(&gate->turn);
}

/* It may have been the last one that somebody waits for. Under the lock, so that the signal does
 * not come between that one's look and its sleep. */
void gate_wake(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	pthread_cond_signal(&gate->empty);
	pthread_mutex_unlock(&gate->lock);
}

void gate_wait(struct gate *gate)
{
	/* release: pairs with gate_shut(), as any leaving does */
	__atomic_fetch_sub(&gate->state, 1, __ATOMIC_RELEASE);
	gate_wake(gate);
	pthread_mutex_lock(&gate->turn);
	/* with the turn nobody can shut it; the mutex orders all else */
	__atomic_fetch_add(&gate->state, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&gate->turn);
}

void gate_shut(struct gate *gate)
{
	pthread_mutex_lock(&gate->turn);
	__atomic_fetch_or(&gate->state, GATE_SHUT, __ATOMIC_RELAXED);
	pthread_mutex_lock(&gate->lock);
	/* acquire: pairs with the release of each that left */
	while (__atomic_load_n(&gate->state, __ATOMIC_ACQUIRE) != GATE_SHUT)
		pthread_cond_wait(&gate->empty, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
	gate->alone = true;
}

void gate_open(struct gate *gate)
{
	gate->alone = false;
	/* release: pairs with the acquire of gate_enter() */
	__atomic_fetch_and(&gate->state, ~GATE_SHUT, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&gate->turn);
}
