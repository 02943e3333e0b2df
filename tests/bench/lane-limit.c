/* SPDX-License-Identifier: MIT */
/*
 * What the machine can do at best: cache lines that go from core to core in batches of 32, with one
 * flag a batch. The flags are as many as the batches in the lane, so that the two cores meet
 * nowhere else: no index, no wake-up, no look at what a line holds.
 */
#include "lane.h"
#include <string.h>

#define BATCH   32u
#define BATCHES (LANE_RECORDS / BATCH)
#define AHEAD   8u

struct flag {
	_Alignas(64) bool full; /* atomic */
};

static _Alignas(64) struct ioasid_fault lines[LANE_RECORDS];
static struct flag flags[BATCHES];
static _Alignas(64) unsigned int next_full;
static _Alignas(64) unsigned int next_empty;

static void begin(void)
{
	memset(flags, 0, sizeof(flags));
	next_full = next_empty = 0;
}

/* Copies the batch from one place to the other if the flag was so, and turns it. */
LANE_INLINE unsigned int move(struct flag *flag, bool full, struct ioasid_fault *to,
	const struct ioasid_fault *from, unsigned int ahead)
{
	/* Acquire and release: the lines are handed over with the flag, each way. */
	if (__atomic_load_n(&flag->full, __ATOMIC_ACQUIRE) != full)
		return 0;
	for (unsigned int i = 0; i < BATCH; i++) {
		if (ahead)
			__builtin_prefetch(&lines[(to - lines + i + ahead) % LANE_RECORDS], 1);
		to[i] = from[i];
		__asm__ volatile(
			"" ::
				: "memory"); /* or it is a string instruction, which is slower */
	}
	__atomic_store_n(&flag->full, !full, __ATOMIC_RELEASE);
	return BATCH;
}

LANE_INLINE unsigned int put_batch(const struct ioasid_fault *records, unsigned int ahead)
{
	unsigned int at = next_empty, n;

	n = move(&flags[at], false, &lines[at * BATCH], records, ahead);
	next_empty = (at + (n > 0)) % BATCHES;
	return n;
}

/* These are asked for a batch. */

LANE_INLINE unsigned int put(const struct ioasid_fault *records, unsigned int n)
{
	return n == BATCH ? put_batch(records, 0) : 0;
}

LANE_INLINE unsigned int put_ahead(const struct ioasid_fault *records, unsigned int n)
{
	return n == BATCH ? put_batch(records, AHEAD) : 0;
}

LANE_INLINE unsigned int get(struct ioasid_fault *records, unsigned int n)
{
	unsigned int at = next_full;

	if (n != BATCH)
		return 0;
	n = move(&flags[at], true, records, &lines[at * BATCH], 0);
	next_full = (at + (n > 0)) % BATCHES;
	return n;
}

static void produce(void *run)
{
	lane_produce(run, put);
}

static void produce_ahead(void *run)
{
	lane_produce(run, put_ahead);
}

static void consume(void *run)
{
	lane_consume(run, get);
}

const struct lane lane_limit = {begin, produce, consume};
const struct lane lane_limit_ahead = {begin, produce_ahead, consume};
