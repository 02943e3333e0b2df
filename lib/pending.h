/* SPDX-License-Identifier: MIT */
/*
 * The table of page request groups that wait for an answer: id to group, and (label, PASID, group
 * index) to id. A slot's state word decides who ends a group: complete, expire, cancel and the
 * reader compete for it by compare-and-swap, one wins. Preallocated; each step costs the same
 * however many groups wait. Knows libc and plain structs alone, not the ring, nor who sends an
 * answer.
 *
 *   FREE -> RESERVED -> RAISED -> DELIVERED -> ANSWERING -> FREE   a reader takes, an answer ends
 *            RAISED -> ANSWERING                          answered before it was read
 *            RAISED -> FREE, DELIVERED -> CANCELLED -> FREE   a detach ends
 *
 * Steps of one group, and looks at any, take no lock. What is of the producer is done by one thread
 * at a time, which its lock sees to.
 */
#ifndef PENDING_H
#define PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PENDING_NEVER     UINT64_MAX /* a time that does not come */
#define PENDING_LATENCIES 40

struct pending;

struct pending_group {
	uint64_t id; /* generation << 16 | slot */
	uint64_t label;
	uint64_t addr;
	uint64_t cookie; /* the leaf's name of it; may be in use again after the answer */
	uint64_t time;   /* raised, CLOCK_MONOTONIC ns */
	uint32_t device; /* with route: whose end ends it, see pending_cancel_route() */
	uint32_t route;
	uint32_t space;
	uint32_t pasid;
	uint32_t group;
	uint32_t pages;
	uint32_t flags;
};

/* A group that its owner may answer. */
struct pending_claim {
	uint64_t id;
	uint64_t cookie;
	bool unread; /* nobody had read it */
};

enum pending_end {
	PENDING_ANSWERED,
	PENDING_EXPIRED,
	PENDING_LATE,      /* it found no room */
	PENDING_CANCELLED, /* by a detach, or by the platform itself */
	PENDING_ENDS
};

struct pending_stats {
	uint64_t ended[PENDING_ENDS];
	uint64_t latency[PENDING_LATENCIES]; /* answered or expired after 2^i ns or more */
	uint32_t outstanding;
};

/* 1 to 65,536 slots; groups are overdue so many ns after they were raised, 0: never. NULL: no
 * memory. */
struct pending *pending_new(unsigned int slots, uint64_t deadline);
void pending_free(struct pending *);

/* Before the first group: its ids will be others than those of tables with other numbers; where
 * these are below 2^k, for 2^(48 - k) groups in each slot. A new table has number 0. */
void pending_number(struct pending *, uint32_t number);
size_t pending_bytes(const struct pending *);

void pending_stats(struct pending *, struct pending_stats *stats);
unsigned int pending_count(struct pending *); /* unanswered and not cancelled */

/* The producer: a slot for the group, whose id it returns; 0 if all are taken. Nobody else finds
 * the group before pending_show(); from then on it may be answered, and its owner end it. */
uint64_t pending_reserve(struct pending *, const struct pending_group *);
void pending_show(struct pending *, uint64_t id);

/* A group that never got a slot has ended; raised at one time, ended at another. */
void pending_pass(struct pending *, enum pending_end how, uint64_t raised, uint64_t now);

/* Reserves and shows at once. */
uint64_t pending_raise(struct pending *, const struct pending_group *);

/* The reader: true if the group may be handed out, false if it was ended meanwhile. */
bool pending_deliver(struct pending *, uint64_t id);

/* The answerer: 0 and *cookie, and only this caller may go on to pending_retire() or
 * pending_unclaim(); -ESTALE it was ended before, -EINVAL no such id was ever given. */
int pending_claim(struct pending *, uint64_t id, uint64_t *cookie);

/* The answer could not be sent: the group is DELIVERED again, even if nobody read it yet; who
 * tried to answer it knows its id. */
void pending_unclaim(struct pending *, uint64_t id);

/* The answer was sent, at that time, or there is nothing to answer any more: the slot is free. */
void pending_retire(struct pending *, uint64_t id, enum pending_end how, uint64_t now);

/* The producer, on a detach: ends the groups of a route. Those that were handed out become
 * CANCELLED, and hold their slots until the reader was told and calls pending_dismiss(). */
void pending_cancel_route(struct pending *, uint32_t device, uint32_t route);

/* The same for one group: true if it became CANCELLED. */
bool pending_cancel(struct pending *, uint64_t id);

/* Some are CANCELLED and nobody was told. */
bool pending_has_untold(const struct pending *);
/* The one of them that waits longest; and it is about to be told. */
void pending_untold(const struct pending *, struct pending_group *group);
void pending_tell(struct pending *);

/* Cancelled ones hold slots, told of or not. Cheap. */
bool pending_has_cancelled(const struct pending *);

/* The reader was told of the cancellation: true, and the slot is free; false: no such group. */
bool pending_dismiss(struct pending *, uint64_t id);

/* No group is overdue before that time, if it returns one. Cheap, and may be early. */
uint64_t pending_due_hint(const struct pending *);
/* The same, and as late as can be said now. */
uint64_t pending_due(struct pending *, uint64_t now);
/* Claims at most n groups that are overdue; how many. */
unsigned int pending_overdue(
	struct pending *, uint64_t now, struct pending_claim *claims, unsigned int n);
/* It could not be answered: it is as it was, and overdue again after another deadline. */
void pending_postpone(struct pending *, const struct pending_claim *, uint64_t now);

/* 0 and *id; -ENOENT, -ENOTUNIQ. */
int pending_find(struct pending *, uint64_t label, uint32_t pasid, uint32_t group, uint64_t *id);

/* The next group at or after *cursor that is raised or delivered; false at the end. */
bool pending_next(struct pending *, uint64_t *cursor, struct pending_group *group);

#endif
