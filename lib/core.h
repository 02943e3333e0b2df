/* SPDX-License-Identifier: MIT */
/*
 * The core's objects and what its files ask of each other. Leaves never see this.
 *
 * Locks, in the order they are taken: the context's (structure: who is whose parent, bound,
 * attached); a queue's guard (shared: answers; exclusive: what cancels faults); a tree's lock
 * (shared: maps; exclusive: maps that are copied into children, and a new shape of the tree); a
 * space's maps lock (short: never across an operation that pins) and the memory lock (short, but
 * for the registering of memory itself).
 */
#ifndef CORE_H
#define CORE_H

#include "backend.h"
#include "ctx.h"
#include "error.h"
#include "list.h"
#include "maptree.h"
#include "opts.h"
#include "ring.h"
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

/* Process memory that was registered; an entry's value counts the maps that use it. */
struct memory {
	pthread_mutex_t lock;
	struct maptree ranges;
	uint64_t unregistered; /* maps that use none */
	bool used;
};

struct ioasid_ctx {
	pthread_mutex_t lock;
	unsigned int refs; /* handles, and one while open; atomic */
	bool closed;       /* under the lock */
	struct backend *be;
	struct list spaces; /* oldest first, each */
	struct list devices;
	struct list faultqs;
	struct memory memory;
};

/* A root and all that nests on it. */
struct tree {
	pthread_rwlock_t lock;
	unsigned int refs; /* under the context's lock */
	bool closed;       /* under the tree's */
};

/* The IOVAs that maps may use, as the backend said last. */
struct ranges {
	struct ioasid_range *list;
	unsigned int count;
	uint64_t page_sizes;
	bool valid;
};

struct ioasid_space {
	struct ioasid_ctx *ctx;
	struct list link;
	uint32_t id;
	uint32_t flags;
	struct ioasid_space *parent;
	struct list sibling;
	struct list children;
	struct list attachments;
	struct ioasid_faultq *faults;
	struct tree *tree;
	uint32_t attached; /* attachments; atomic */
	bool incomplete;   /* a device of a group is missing; atomic */
	pthread_mutex_t maps_lock;
	struct maptree maps; /* value: address; flags: permissions; mark: MAP_* */
	struct ranges ranges;
	uint64_t mapped; /* bytes */
};

/* struct maptree_entry.mark of a map */
#define MAP_BUSY       1u /* a thread is making or ending it */
#define MAP_REGISTERED 2u /* it uses registered memory */

struct ioasid_device {
	struct ioasid_ctx *ctx;
	struct list link;
	int fd;
	uint64_t label;
	char name[64];
	struct backend_device is;
	struct list attachments; /* of one route: the parent's before the child's */
};

struct ioasid_attachment {
	struct ioasid_ctx *ctx;
	struct list of_device;
	struct list of_space;
	struct ioasid_device *device;
	struct ioasid_space *space;
	uint32_t pasid;
};

struct ioasid_faultq {
	struct ioasid_ctx *ctx;
	struct list link;
	struct backend_faultq is;
	struct ioasid_faultq_opts opts;
	struct ring ring;
	pthread_rwlock_t guard;
	bool closed; /* atomic; set under the guard, exclusively */
	uint32_t needed;
	uint64_t read; /* counters, atomic */
	uint64_t answered;
	uint64_t stale;
};

/* ctx.c */
int ctx_enter(struct ioasid_ctx *ctx, const char *call); /* takes the lock; -ENODEV closed */
void ctx_leave(struct ioasid_ctx *ctx);
void ctx_ref(struct ioasid_ctx *ctx);
void ctx_unref(struct ioasid_ctx *ctx);
void writer_first(pthread_rwlock_t *lock); /* makes a lock whose writers do not starve */
int null_argument(const char *call, const char *what); /* -EINVAL with its text */

/* tree.c */
struct tree *tree_new(void);
void tree_unref(struct tree *tree);
int tree_enter(struct ioasid_space *space, const char *call); /* as exclusively as needed */
int tree_enter_alone(struct ioasid_space *space, const char *call);
void tree_lock(struct ioasid_space *space); /* exclusively */
void tree_leave(struct ioasid_space *space);
void tree_close(struct tree *tree);

/* range.c: under the tree's lock */
int range_load(struct ioasid_space *space, const char *call);
int range_check(struct ioasid_space *space, const char *call, const struct ioasid_map *map);
int range_pick(struct ioasid_space *space, const char *call, struct ioasid_map *map);
void range_forget(struct ioasid_space *space); /* they may have changed */

/* space.c */
bool space_is_ancestor(const struct ioasid_space *space, const struct ioasid_space *of); /* or it */
int space_ready(struct ioasid_space *space, const char *call); /* -ENXIO: attach first */

/* nest.c: software nesting by copies, under the tree's lock, exclusively */
bool nest_copies(const struct ioasid_space *space);
int nest_show(struct ioasid_space *space, uint64_t first, uint64_t last);
int nest_hide(struct ioasid_space *space, uint64_t first, uint64_t last);

/* memory.c */
int memory_use(
	struct ioasid_ctx *ctx, const char *call, const struct ioasid_map *map, bool *registered);
void memory_drop(struct ioasid_ctx *ctx, uint64_t addr, bool registered);

/* map.c */
void map_drop_all(struct ioasid_space *space); /* the space goes, and its maps with it */

/* device.c */
void device_close(struct ioasid_device *device); /* the context goes: so does the descriptor */

/* attachment.c */
bool device_is_attached(const struct ioasid_device *device, const struct ioasid_space *space);
/* -EBUSY: it is not on top of its route, or a child of its space rests on it */
int attachment_refuse_needed(const struct ioasid_attachment *attachment, const char *call);
void attachment_lead(struct ioasid_attachment *attachment, struct ioasid_space *space);

/* faultq.c: no answer of the queue is on its way from stop to go on; NULL is fine */
void faultq_stop(struct ioasid_faultq *queue);
void faultq_go_on(struct ioasid_faultq *queue);
int faultq_enter(struct ioasid_faultq *queue, const char *call); /* shares the guard; -ENODEV */
void faultq_leave(struct ioasid_faultq *queue);
bool faultq_is_closed(const struct ioasid_faultq *queue);
int faultq_refuse_closed(const char *call);
void faultq_refill(struct ioasid_faultq *queue);

/* route.c: where routes of a device, or of its group, lead; under the context's lock */
struct ioasid_attachment *route_top(const struct ioasid_device *device, uint32_t pasid);
struct ioasid_attachment *route_below(const struct ioasid_attachment *attachment);
struct ioasid_space *route_leads(const struct ioasid_device *device, uint32_t pasid,
	const struct ioasid_attachment *without);
/* one route in the backend: the same device, or one of its group where that moves as one */
bool route_is_shared(const struct ioasid_device *device, const struct ioasid_device *other);
int route_move(const struct ioasid_attachment *attachment, struct ioasid_space *from,
	struct ioasid_space *to);

/* group.c */
void group_check(struct ioasid_space *space);                   /* is a device missing? */
int group_refuse(struct ioasid_space *space, const char *call); /* -EDEADLK, naming it */

/* intent.c */
int intent_check(struct ioasid_device *device, struct ioasid_space *space, const char *call);

#endif
