/* SPDX-License-Identifier: MIT */
/*
 * The producer of a fault ring, where that is this process and no kernel: it publishes groups,
 * keeps those that do not fit, signals sleepers. Used by leaves; it knows the ring's ABI and the
 * pending table, not what a device is. Any thread; it takes its own lock.
 */
#ifndef PRODUCER_H
#define PRODUCER_H

#include "inlet.h"
#include "list.h"
#include "pending.h"
#include <ioasid/fault.h>
#include <ioasid/ring.h>
#include <pthread.h>

/* A group that a device raised. The caller's memory, until it is published or dropped. */
struct producer_group {
	struct list link;                   /* zero at first; the producer's */
	const struct ioasid_fault *records; /* id and LAST are filled in on the way */
	unsigned int count;                 /* 1 to group_max */
	uint32_t device;                    /* with route: whose, for producer_cancel() */
	uint32_t route;
	uint64_t cookie;
};

struct producer {
	pthread_mutex_t lock;
	struct ioasid_ring *ring;
	struct inlet inlet;
	size_t size;
	int eventfd;
	struct pending *pending;
	struct list waiting; /* groups that found no room */
	unsigned int kept;   /* how many */
	uint32_t late;       /* IOASID_FAULTQ_LATE_* */
	uint64_t raised;     /* counters under the lock */
	uint64_t deferred;
	uint64_t signals;
	uint64_t unsignalled;
};

/* opts are complete and in range. 0, -ENOMEM, -EMFILE. */
int producer_open(struct producer *, const struct ioasid_faultq_opts *opts);
void producer_close(struct producer *);

/* Publishes the group, or keeps it until there is room: true. False: it is late, and the caller
 * answers it with producer_late_code(). */
bool producer_push(struct producer *, struct producer_group *);
uint32_t producer_late_code(const struct producer *);

/* The same for n of them, in this order and for less, up to the first that is late: how many come
 * before that. Each is seen when it is published, by who looks; who sleeps is woken for the first
 * one, and after the last one if it went to sleep again. */
unsigned int producer_push_all(struct producer *, struct producer_group *groups, unsigned int n);

/* A group that nobody will answer: no longer kept, if it still was; true if so. */
bool producer_drop(struct producer *, struct producer_group *);

/* The same for the published groups of a route; their readers are told. */
void producer_cancel(struct producer *, uint32_t device, uint32_t route);

/* The platform has ended a group that never will be pushed. */
void producer_count_end(struct producer *);

/* The first group that is kept, if it was raised at that time or before: not kept any more, and
 * the caller answers it, by its cookie. */
bool producer_overdue(struct producer *, uint64_t before, uint64_t now, uint64_t *cookie);
/* When the first group that is kept was raised, PENDING_NEVER: none is. */
uint64_t producer_oldest(struct producer *);

/* Publishes what there is room for now; true if something still waits for room. */
bool producer_refill(struct producer *);

/* Something waits for room, and BACKLOG says so. */
bool producer_waits(struct producer *);

/* Nothing more will come: wakes the sleepers. */
void producer_end(struct producer *);

void producer_stats(struct producer *, struct ioasid_faultq_stats *stats);

#endif
