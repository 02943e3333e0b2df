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
#include "gate.h"
#include "latch.h"
#include "list.h"
#include "lock.h"
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
	uint64_t others; /* MEMORY_OTHER for each map that uses none, MEMORY_USED; atomic */
};

#define MEMORY_USED  UINT64_C(1) /* memory was, or is being, registered */
#define MEMORY_OTHER UINT64_C(2)

struct ioasid_ctx {
	pthread_mutex_t lock;
	unsigned int refs; /* handles, and one while open; atomic */
	bool closed;       /* under the lock */
	struct backend *be;
	struct list spaces; /* oldest first, each */
	struct list devices;
	struct list faultqs;
	uint32_t queues;           /* that there ever were */
	unsigned int pasid_tables; /* bound, or being bound */
	struct memory memory;
};

/* A root and all that nests on it. */
struct tree {
	struct gate lock;
	unsigned int refs; /* under the context's lock */
	bool closed;       /* under the tree's */
};

/* Ascending, apart from each other. */
struct range_list {
	struct ioasid_range *list;
	unsigned int count;
};

/* The IOVAs that maps may use, as the backend said last. */
struct ranges {
	struct range_list usable;
	uint64_t page_sizes;
	bool valid;
	struct ioasid_range near; /* the one that the last map lies in; while valid, else empty */
	uint64_t mask;            /* of addresses in the least page */
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
	bool copies;       /* see nest_copies(); under the tree's lock */
	/* of the tree's lock and the context's, both to write, either to read */
	struct ioasid_pgtable table; /* a guest's, bound; size 0: none */
	bool pasids;                 /* it is one of PASIDs */
	bool dirty;                  /* written pages are noted */
	struct latch maps_lock;
	struct maptree maps; /* value: address; flags: permissions; mark: MAP_* */
	struct ranges ranges;
	struct range_list windows; /* that ioasid_space_allow() keeps; empty: none */
	uint64_t mapped;           /* bytes */
	uint64_t owned;            /* maps with MAP_OWNED */
};

/* struct maptree_entry.mark of a map */
#define MAP_BUSY       1u /* a thread is making or ending it */
#define MAP_REGISTERED 2u /* it uses registered memory */
#define MAP_OF_FILE    4u /* of a file: no memory that the caller accounts for */
#define MAP_OWNED      8u /* the library's own view of a file: unmapped from the process with it */

/* A map that is asked for. */
struct mapping {
	const char *call;
	uint64_t length;            /* at least 1 */
	struct maptree_entry entry; /* start and last: wherever it is fixed, or picked */
	uint32_t flags;             /* IOASID_MAP_*, as the caller has them */
	/* for the backend to map, entry.value being the offset; NULL: that is an address */
	const struct backend_file *file;
	struct maptree_place place; /* of the entry in the space's maps, once reserved */
};

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

/* Of a queue with one. Only a thread that sleeps needs the timer: see deadline.c. */
struct deadline {
	int timer;         /* -1, and so is the next: there is no deadline */
	int set;           /* an epoll set of the timer and of the leaf's descriptor */
	struct latch lock; /* of who sets the timer */
	uint64_t at;       /* what it is set to, CLOCK_MONOTONIC ns, 0: it is not; atomic */
	uint32_t sleepers; /* in ioasid_faultq_wait(); atomic */
	bool polled;       /* callers have the set, and may sleep on it; atomic */
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
	struct deadline deadline;
	uint64_t read; /* counters, atomic */
	uint64_t stale;
};

/* ctx.c */
int ctx_enter(struct ioasid_ctx *ctx, const char *call); /* takes the lock; -ENODEV closed */
void ctx_leave(struct ioasid_ctx *ctx);
void ctx_ref(struct ioasid_ctx *ctx);
void ctx_unref(struct ioasid_ctx *ctx);
int null_argument(const char *call, const char *what); /* -EINVAL with its text */

/* nest.c: are the space's maps, or its children's, copies that the core makes? */
static inline bool nest_copies(const struct ioasid_space *space)
{
	return space->copies;
}

/* tree.c */
struct tree *tree_new(void);
void tree_unref(struct tree *tree);
int tree_enter_alone(struct ioasid_space *space, const char *call);
int tree_enter_shared(struct ioasid_space *space, const char *call); /* what never copies */
void tree_lock(struct ioasid_space *space);                          /* exclusively */
int tree_enter_slowly(struct ioasid_space *space, const char *call);
static inline int tree_enter(struct ioasid_space *space, const char *call) /* as it needs */
{
	gate_enter(&space->tree->lock);
	return space->tree->closed || nest_copies(space) ? tree_enter_slowly(space, call) : 0;
}
static inline void tree_leave(struct ioasid_space *space)
{
	gate_leave(&space->tree->lock);
}
void tree_close(struct tree *tree);

/* range.c: under the tree's lock */
int range_load(struct ioasid_space *space, const char *call);
void range_forget(struct ioasid_space *space); /* they may have changed */
/* Under the maps lock: the map may lie where it says, or gets a free place. */
int range_place_slowly(struct ioasid_space *space, struct mapping *mapping);
static inline int range_place(struct ioasid_space *space, struct mapping *mapping)
{
	const struct ranges *ranges = &space->ranges;
	const struct maptree_entry *entry = &mapping->entry;

	if (mapping->flags & IOASID_MAP_FIXED && ranges->near.first <= entry->start &&
		entry->start <= entry->last && entry->last <= ranges->near.last &&
		!((entry->start | mapping->length | entry->value) & ranges->mask))
		return 0;
	return range_place_slowly(space, mapping);
}
/* The same, loaded: what of these addresses is not usable, the first of it; false: nothing. */
bool range_gap(const struct ioasid_space *space, const struct ioasid_range *wanted,
	struct ioasid_range *gap);
uint64_t range_least_page(const struct ioasid_space *space);

/* space.c */
bool space_is_ancestor(const struct ioasid_space *space, const struct ioasid_space *of); /* or it */
int space_refuse_unready(struct ioasid_space *space, const char *call);
static inline int space_ready(
	struct ioasid_space *space, const char *call) /* -ENXIO: attach first */
{
	if (backend_has(space->ctx->be, IOASID_EXT_MAP_BEFORE_ATTACH) ||
		__atomic_load_n(&space->attached, __ATOMIC_RELAXED))
		return 0;
	return space_refuse_unready(space, call);
}
int space_enter(struct ioasid_space *space, const char *call); /* ready, and its context locked */

/* pgtable.c: a table of pages, or one of PASIDs */
int pgtable_bind(struct ioasid_space *space, const struct ioasid_pgtable *given, bool pasids,
	const char *call);
int pgtable_unbind(struct ioasid_space *space, bool pasids, const char *call);
int pgtable_refuse(const struct ioasid_space *space, const char *call); /* -EBUSY: has one */

/* pasid.c: what a PASID table, and ENQCMD, want of the PASIDs of devices */
int pasid_check_bind(const struct ioasid_space *space, const char *call);
int pasid_check_lead(const struct ioasid_device *device, const struct ioasid_space *space,
	uint32_t pasid, const char *call);
int pasid_check_enqcmd(const struct ioasid_device *device, uint32_t pasid, const char *call);
/* a device that was just bound */
int pasid_check_mate(const struct ioasid_device *device, const char *call);
/* It leads nowhere itself: a PASID table does, and this says whose its faults are. */
bool pasid_is_tracked(const struct ioasid_attachment *attachment);

/* nest.c: software nesting by copies, under the tree's lock, exclusively */
int nest_show(struct ioasid_space *space, uint64_t first, uint64_t last);
int nest_hide(struct ioasid_space *space, uint64_t first, uint64_t last);
/* shared will do: what one copy made of a child at or after from, where one begins if anything does
 */
bool nest_extent(struct ioasid_space *space, uint64_t from, struct ioasid_range *extent);

/* memory.c */
int memory_use_slowly(struct ioasid_ctx *ctx, struct mapping *mapping);
void memory_drop_registered(struct ioasid_ctx *ctx, uint64_t addr);

/* A map of any memory, as long as none is registered. Relaxed: see begin_use(). */
static inline bool memory_use_any(struct memory *memory)
{
	if (!(__atomic_fetch_add(&memory->others, MEMORY_OTHER, __ATOMIC_RELAXED) & MEMORY_USED))
		return true;
	__atomic_fetch_sub(&memory->others, MEMORY_OTHER, __ATOMIC_RELAXED);
	return false;
}

static inline int memory_use(struct ioasid_ctx *ctx, struct mapping *mapping)
{
	return memory_use_any(&ctx->memory) ? 0 : memory_use_slowly(ctx, mapping);
}

static inline void memory_drop(struct ioasid_ctx *ctx, uint64_t addr, uint32_t mark)
{
	if (mark & MAP_REGISTERED)
		memory_drop_registered(ctx, addr);
	else
		__atomic_fetch_sub(&ctx->memory.others, MEMORY_OTHER, __ATOMIC_RELAXED);
}

/* window.c: -EADDRINUSE: a device that came to a child of copies past its parents does not suit
 * what these have mapped or allowed */
int window_check_parents(struct ioasid_space *child);

/* map.c */
/* Checks what the caller wants; of the mapping call, file and entry.mark are there. */
int map_check(
	const struct ioasid_space *space, const struct ioasid_map *map, struct mapping *mapping);
int map_make(struct ioasid_space *space, struct mapping *mapping);

/* unmap.c */
void map_drop_all(struct ioasid_space *space); /* the space goes, and its maps with it */
void map_close(struct ioasid_space *space);    /* no device reaches it: nor need the process */

/* Does such a map count among those of process memory? */
static inline bool map_counts(const struct ioasid_space *space, uint32_t mark)
{
	return !space->parent && !(mark & MAP_OF_FILE);
}

/* Nothing is special about maps of the space: others come in too, and nobody refuses. */
static inline bool map_is_plain(const struct ioasid_space *space)
{
	if (space->tree->closed || nest_copies(space) || space->table.size ||
		__atomic_load_n(&space->incomplete, __ATOMIC_RELAXED))
		return false;
	return backend_has(space->ctx->be, IOASID_EXT_MAP_BEFORE_ATTACH) ||
	       __atomic_load_n(&space->attached, __ATOMIC_RELAXED);
}

/* Is it the core that makes the space's maps, by copies? */
static inline bool map_is_copied(const struct ioasid_space *space)
{
	return space->parent && nest_copies(space);
}

static inline bool map_is_incomplete(const struct ioasid_space *space)
{
	return __atomic_load_n(&space->incomplete, __ATOMIC_RELAXED);
}

/* file.c */
void file_hide(uint64_t addr, uint64_t length); /* ends the library's own view */

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
void faultq_slots_freed(struct ioasid_faultq *queue); /* by answers: who waits for them comes in */

static inline bool is_response_code(uint32_t code)
{
	return code == IOASID_RESPONSE_SUCCESS || code == IOASID_RESPONSE_INVALID ||
	       code == IOASID_RESPONSE_FAILURE;
}

/* deadline.c */
int deadline_open(struct ioasid_faultq *queue); /* 0, -EMFILE, -ENOMEM; nothing without one */
void deadline_close(struct ioasid_faultq *queue);
int deadline_fd(struct ioasid_faultq *queue);     /* what polls, and becomes readable in time too */
void deadline_enter(struct ioasid_faultq *queue); /* the thread may go to sleep, until it leaves */
void deadline_leave(struct ioasid_faultq *queue);
void deadline_sleep(struct ioasid_faultq *queue, uint64_t now); /* it is about to */
uint64_t deadline_check_slowly(struct ioasid_faultq *queue);
void deadline_set_slowly(struct ioasid_faultq *queue, uint64_t now);

/* Answers what is overdue. What time it was, 0: it was not asked. */
static inline uint64_t deadline_check(struct ioasid_faultq *queue)
{
	return queue->opts.deadline_ns ? deadline_check_slowly(queue) : 0;
}

/* This thread may have taken groups that others sleep through: the timer wakes them in time. */
static inline void deadline_set(struct ioasid_faultq *queue, uint64_t now)
{
	if (queue->opts.deadline_ns)
		deadline_set_slowly(queue, now);
}

/* route.c: where routes of a device, or of its group, lead; under the context's lock */
/* Routes that lead to the space are about to move or to end, or have: no answer is on its way to
 * their devices. */
void route_stop(struct ioasid_space *from);
void route_go_on(struct ioasid_space *from);
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

/* collide.c: after the backend said -EADDRINUSE; says why with error_reason() if it can, returns it
 */
int collide_explain(const struct ioasid_device *device, struct ioasid_space *space);

/* intent.c */
int intent_check(struct ioasid_device *device, struct ioasid_space *space, const char *call);

#endif
