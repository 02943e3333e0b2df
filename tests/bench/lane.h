/* SPDX-License-Identifier: MIT */
/*
 * A lane: any way to bring records of 64 bytes from one core to another, ours, the peers', and the
 * limit. Every kind runs the same two loops, with its own steps compiled into them; each run begins
 * with an empty lane, and its consumer adds up what came, so that a lane that loses records has no
 * figures. It knows nothing of what a record means.
 */
#ifndef LANE_H
#define LANE_H

#include "bench.h"
#include <ioasid/ring.h>

#define LANE_RECORDS 1024u /* room in a ring of records */
#define LANE_BURST   64u   /* most records at a time */
#define LANE_STOCK   256u  /* different records */

/* One run. */
struct lane_run {
	uint64_t total;     /* records, a multiple of LANE_STOCK */
	unsigned int put;   /* records that are published at once, a divisor of LANE_BURST */
	unsigned int get;   /* most records that are read at once */
	unsigned int rests; /* of the core, where there is no room or nothing to read */
	uint64_t sum;       /* of the labels that came; atomic */
	bool over;          /* nothing more will come, and nothing is left; atomic */
};

/* One way. Its functions know where the lane is: there is one of each kind. */
struct lane {
	void (*open)(void); /* an empty one, after another or for the first time */
	void (*produce)(void *run);
	void (*consume)(void *run);
};

extern const struct lane lane_ring;        /* ours for a single consumer */
extern const struct lane lane_ring_burst;  /* the same; each record has a tail of its own */
extern const struct lane lane_ring_many;   /* ours for many consumers */
extern const struct lane lane_ring_two;    /* the same, and the producer is the second of them */
extern const struct lane lane_limit;       /* bare */
extern const struct lane lane_limit_ahead; /* lines are fetched before their turn */
extern const struct lane lane_pipe;
extern const struct lane lane_ck;
extern const struct lane lane_ck_two;
extern const struct lane lane_dpdk;

/* What is sent, again and again. Nobody writes to it. */
extern const struct ioasid_fault *lane_stock;

/* Moves up to n records and returns how many. */
typedef unsigned int lane_put(const struct ioasid_fault *records, unsigned int n);
typedef unsigned int lane_get(struct ioasid_fault *records, unsigned int n);

#define LANE_INLINE static inline __attribute__((always_inline))

/* Reads once; how many records. */
LANE_INLINE unsigned int lane_get_once(const struct lane_run *run, lane_get *get, uint64_t *sum)
{
	_Alignas(64) struct ioasid_fault records[LANE_BURST];
	unsigned int n = get(records, run->get);

	for (unsigned int i = 0; i < n; i++)
		*sum += records[i].label;
	return n;
}

/* Publishes once what is left of a burst; how many records. */
LANE_INLINE unsigned int lane_put_once(
	const struct lane_run *run, lane_put *put, uint64_t number, unsigned int sent)
{
	return put(&lane_stock[number % LANE_STOCK + sent], run->put - sent);
}

static inline void lane_add(struct lane_run *run, uint64_t sum)
{
	__atomic_fetch_add(&run->sum, sum, __ATOMIC_RELAXED);
}

/* ---- one thread produces, another one consumes ---- */

LANE_INLINE void lane_produce(const struct lane_run *run, lane_put *put)
{
	unsigned int sent, n;

	for (uint64_t number = 0; number < run->total; number += run->put)
		for (sent = 0; sent < run->put; sent += n) {
			n = lane_put_once(run, put, number, sent);
			if (!n)
				bench_relax(run->rests);
		}
}

LANE_INLINE void lane_consume(struct lane_run *run, lane_get *get)
{
	uint64_t seen = 0, sum = 0;
	unsigned int n;

	for (; seen < run->total; seen += n) {
		n = lane_get_once(run, get, &sum);
		if (!n)
			bench_relax(run->rests);
	}
	lane_add(run, sum);
}

/* ---- two consume, and one of them produces ---- */

LANE_INLINE void lane_do_both(struct lane_run *run, lane_put *put, lane_get *get)
{
	unsigned int sent;
	uint64_t sum = 0;

	for (uint64_t number = 0; number < run->total; number += run->put)
		for (sent = 0; sent < run->put;) {
			sent += lane_put_once(run, put, number, sent);
			lane_get_once(run, get, &sum);
		}
	while (lane_get_once(run, get, &sum))
		;
	lane_add(run, sum);
	__atomic_store_n(&run->over, true, __ATOMIC_RELEASE);
}

LANE_INLINE void lane_consume_rest(struct lane_run *run, lane_get *get)
{
	uint64_t sum = 0;

	while (!__atomic_load_n(&run->over, __ATOMIC_ACQUIRE))
		if (!lane_get_once(run, get, &sum))
			bench_relax(run->rests);
	lane_add(run, sum);
}

#endif
