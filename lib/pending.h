/* SPDX-License-Identifier: MIT */
/*
 * The table of page request groups that wait for an answer: id to group, and (label, PASID, group
 * index) to id. A slot's state word decides who ends a group: complete, cancel and the reader
 * compete for it by compare-and-swap, one wins. Preallocated; knows libc and plain structs alone,
 * not the ring, nor who sends an answer.
 *
 *   FREE -> RESERVED -> RAISED -> DELIVERED -> ANSWERING -> FREE   a reader takes, an answer ends
 *            RAISED -> ANSWERING                          answered before it was read
 *            RAISED -> FREE, DELIVERED -> CANCELLED -> FREE   a detach ends
 */
#ifndef PENDING_H
#define PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pending;

struct pending_group {
	uint64_t id; /* generation << 16 | slot */
	uint64_t label;
	uint64_t addr;
	uint64_t
		cookie; /* the leaf's name of the raw fault; may be in use again after the answer */
	uint64_t time;
	uint32_t device;
	uint32_t space;
	uint32_t pasid;
	uint32_t group;
	uint32_t pages;
	uint32_t flags;
};

struct pending *pending_new(unsigned int slots); /* 1 to 65,536; NULL: no memory */
void pending_free(struct pending *);
size_t pending_bytes(const struct pending *);
unsigned int pending_count(struct pending *); /* raised or delivered */

/* The producer: a slot for the group, whose id it returns; 0 if all are taken. Nobody else finds
 * the group before pending_show(); from then on it may be answered, and its owner end it. */
uint64_t pending_reserve(struct pending *, const struct pending_group *);
void pending_show(struct pending *, uint64_t id);

/* Both at once. */
uint64_t pending_raise(struct pending *, const struct pending_group *);

/* The reader: true if the group may be handed out, false if it was ended meanwhile. */
bool pending_deliver(struct pending *, uint64_t id);

/* The answerer: 0 and *cookie, and only this caller may go on to pending_retire() or
 * pending_unclaim(); -ESTALE it was ended before, -EINVAL no such id was ever given. */
int pending_claim(struct pending *, uint64_t id, uint64_t *cookie);

/* The answer could not be sent: the group is DELIVERED again, even if nobody read it yet; who
 * tried to answer it knows its id. */
void pending_unclaim(struct pending *, uint64_t id);

/* Detach: true if the group had been handed out: it becomes CANCELLED, and holds its slot until
 * the reader was told and calls pending_dismiss(). */
bool pending_cancel(struct pending *, uint64_t id);

/* What a CANCELLED group was; valid until it is retired. */
const struct pending_group *pending_cancelled(struct pending *, uint64_t id);

/* The reader was told of the cancellation: true, and the slot is free; false: no such group. */
bool pending_dismiss(struct pending *, uint64_t id);

/* The answer was sent: frees the slot. */
void pending_retire(struct pending *, uint64_t id);

/* 0 and *id; -ENOENT, -ENOTUNIQ. */
int pending_find(struct pending *, uint64_t label, uint32_t pasid, uint32_t group, uint64_t *id);

/* The next group at or after *cursor that is raised or delivered; false at the end. */
bool pending_next(struct pending *, uint64_t *cursor, struct pending_group *group);

#endif
