/* SPDX-License-Identifier: MIT */
/*
 * What tests of the fault ring share: a producer and a consumer on one ring, records whose every
 * field follows from a running number, and a ledger of what was seen. It does at the ring what a
 * leaf and the core do; it knows nothing of contexts, spaces or devices.
 *
 * Include it instead of ring.h: it lets a test stop a reader between its copy and its claim.
 */
#ifndef RINGKIT_H
#define RINGKIT_H

#include "producer.h"
#include <stdbool.h>
#include <stdint.h>

/* Called once, by the thread that set it, before it claims what it copied. */
extern _Thread_local void (*ringkit_before_claim)(void *arg);
extern _Thread_local void *ringkit_before_claim_arg;

static inline void ringkit_stop(void)
{
	void (*hook)(void *) = ringkit_before_claim;

	ringkit_before_claim = NULL;
	if (hook)
		hook(ringkit_before_claim_arg);
}

#define RING_BEFORE_CLAIM(ring) ((void)(ring), ringkit_stop())

#include "ring.h"

/* Where to begin: the indices, not so far away that a short test would not wrap. */
#define RINGKIT_BELOW_2_32 ((UINT64_C(1) << 32) - 1000000)
#define RINGKIT_BELOW_2_64 ((uint64_t)-1000000)

struct ringkit_plan {
	uint32_t records;
	uint32_t group_max;
	uint32_t outstanding; /* 0: 1024 */
	uint32_t stock;       /* groups that can be raised at a time; 0: 256 */
	uint64_t start;       /* of head and tail */
	bool single;
};

struct ringkit {
	struct producer producer;
	struct ring ring;
	uint32_t group_max;
	uint32_t stock;
	uint32_t next;                 /* where the pusher looks for a free group */
	struct producer_group *groups; /* the stock; a group's cookie is its number */
	struct ioasid_fault *records;
	unsigned char *busy; /* atomic: the group is not answered yet */
	bool given_up;       /* atomic */
};

void ringkit_open(struct ringkit *, const struct ringkit_plan *);
void ringkit_close(struct ringkit *);

/* The record with this number, at a position of a group of so many. */
struct ioasid_fault ringkit_record(uint64_t number, unsigned int at, unsigned int count);

/* Of one thread: raises a group of records number, number + 1, … and returns it. Waits for an
 * answer to an earlier one if the stock is used up; NULL if everybody has given up. */
struct producer_group *ringkit_push(struct ringkit *, uint64_t number, unsigned int count);

/* Reads as the queue does: an empty ring is armed, refilled, and looked at once more. */
int ringkit_take(struct ringkit *, struct ioasid_fault *out, unsigned int n);

/* Whole groups were read: leaves those in out that were not ended meanwhile, and frees the slots of
 * cancelled ones; how many records. */
unsigned int ringkit_deliver(struct ringkit *, struct ioasid_fault *out, unsigned int n);

/* Answers groups, those that nobody else has ended. */
void ringkit_answer(struct ringkit *, const struct ioasid_fault *faults, unsigned int n);

/* Of a reader that cannot go on: the pusher need not wait for answers any more. */
void ringkit_give_up(struct ringkit *);

/* The producer has ended and keeps nothing back: what is in the ring now is the rest. */
bool ringkit_is_over(struct ringkit *);

/* Whether a poll() would return now. */
bool ringkit_is_readable(const struct ringkit *);

/* What was seen: each number up to total once, in groups, ascending for each reader. Any thread;
 * the first thing that is wrong stays in the text. */
struct ringkit_ledger {
	uint64_t *bits;
	uint64_t total;
	uint64_t seen; /* atomic */
	int failed;    /* atomic */
	char text[128];
};

void ringkit_ledger_open(struct ringkit_ledger *, uint64_t total);
void ringkit_ledger_close(struct ringkit_ledger *);
void ringkit_ledger_fail(struct ringkit_ledger *, const char *what, uint64_t number);

/* Enters whole groups; *next is this reader's: no number below it may come. */
void ringkit_ledger_enter(
	struct ringkit_ledger *, const struct ioasid_fault *faults, unsigned int n, uint64_t *next);

/* Asserts that everything was seen once. */
void ringkit_ledger_assert(const struct ringkit_ledger *);

#endif
