/* SPDX-License-Identifier: MIT */
/*
 * The producer of a fault ring, see producer.h: what finds no room, and how sleepers are woken. The
 * memory orders of the ring are in inlet.h and ring.h, but for one in hold_back().
 */
#include "producer.h"
#include "ring.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void write_constants(struct ioasid_ring *ring, const struct ioasid_faultq_opts *opts)
{
	ring->magic = IOASID_RING_MAGIC;
	ring->version = IOASID_RING_VERSION;
	ring->record_size = IOASID_RING_RECORD_SIZE;
	ring->count = opts->records;
	ring->group_max = opts->group_max;
	ring->armed = 1; /* a poller may be there before the first reader */
}

/* Page aligned and zero, so that records keep to their cache lines. */
static void *allocate_ring(size_t size)
{
	void *memory = NULL;

	if (posix_memalign(&memory, IOASID_RING_RECORDS, size))
		return NULL;
	return memset(memory, 0, size);
}

static int open_parts(struct producer *p, const struct ioasid_faultq_opts *opts)
{
	p->size = IOASID_RING_RECORDS + opts->records * sizeof(struct ioasid_fault);
	p->ring = allocate_ring(p->size);
	p->pending = pending_new(opts->max_outstanding, opts->deadline_ns);
	if (!p->ring || !p->pending)
		return -ENOMEM;
	p->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return p->eventfd < 0 ? -errno : 0;
}

int producer_open(struct producer *p, const struct ioasid_faultq_opts *opts)
{
	int err;

	memset(p, 0, sizeof(*p));
	p->eventfd = -1;
	p->late = opts->late;
	list_init(&p->waiting);
	pthread_mutex_init(&p->lock, NULL);
	err = open_parts(p, opts);
	if (err) {
		producer_close(p);
		return err;
	}
	write_constants(p->ring, opts);
	inlet_open(&p->inlet, p->ring);
	return 0;
}

void producer_close(struct producer *p)
{
	if (p->eventfd >= 0)
		close(p->eventfd);
	pending_free(p->pending);
	free(p->ring);
	pthread_mutex_destroy(&p->lock);
}

static void signal_consumers(struct producer *p)
{
	if (!inlet_disarm(&p->inlet)) {
		p->unsignalled++;
		return;
	}
	ring_signal(p->eventfd);
	p->signals++;
}

static void describe(const struct producer_group *group, struct pending_group *known)
{
	const struct ioasid_fault *first = &group->records[0];

	*known = (struct pending_group){
		.label = first->label,
		.addr = first->addr,
		.cookie = group->cookie,
		.time = first->time,
		.device = group->device,
		.route = group->route,
		.space = first->space,
		.pasid = first->pasid,
		.group = first->group,
	};
	for (unsigned int i = 0; i < group->count; i++) {
		known->pages += group->records[i].pages;
		known->flags |= group->records[i].flags;
	}
}

static void write_group(struct producer *p, const struct producer_group *group, uint64_t id)
{
	const uint32_t ours = IOASID_FAULT_LAST | IOASID_FAULT_CANCELLED;

	for (unsigned int i = 0; i < group->count; i++) {
		uint32_t flags = group->records[i].flags & ~ours;

		if (i + 1 == group->count)
			flags |= IOASID_FAULT_LAST;
		inlet_write(&p->inlet, &group->records[i], id, flags);
	}
}

/* Once it is shown the group may be answered, and its owner end it: no look at it after that. */
static bool publish_group(struct producer *p, const struct producer_group *group)
{
	struct pending_group known;
	uint64_t id;

	if (!inlet_has_room(&p->inlet, group->count))
		return false;
	describe(group, &known);
	id = pending_reserve(p->pending, &known);
	if (!id)
		return false;
	write_group(p, group, id);
	pending_show(p->pending, id);
	inlet_publish(&p->inlet);
	return true;
}

static void describe_cancelled(const struct pending_group *known, struct ioasid_fault *record)
{
	*record = (struct ioasid_fault){
		.id = known->id,
		.label = known->label,
		.addr = known->addr,
		.pages = known->pages,
		.flags = IOASID_FAULT_CANCELLED | IOASID_FAULT_LAST |
			 (known->flags & IOASID_FAULT_PASID_VALID),
		.space = known->space,
		.pasid = known->pasid,
		.group = known->group,
		.time = known->time,
	};
}

static bool publish_cancelled(struct producer *p)
{
	struct pending_group known;
	struct ioasid_fault record;

	if (!pending_has_untold(p->pending) || !inlet_has_room(&p->inlet, 1))
		return false;
	pending_untold(p->pending, &known);
	describe_cancelled(&known, &record);
	inlet_write(&p->inlet, &record, record.id, record.flags);
	/* first: its reader gives the slot back */
	pending_tell(p->pending);
	inlet_publish(&p->inlet);
	return true;
}

static bool publish_waiting(struct producer *p)
{
	struct producer_group *group = list_entry(p->waiting.next, struct producer_group, link);
	unsigned int count = group->count;

	/* Off the list first: once it is published, the group is its owner's again. */
	list_remove(&group->link);
	if (!publish_group(p, group)) {
		list_append(p->waiting.next, &group->link); /* before the first: where it was */
		return false;
	}
	__atomic_store_n(&p->ring->deferred, p->ring->deferred - count, __ATOMIC_RELAXED);
	p->kept--;
	return true;
}

static void fill(struct producer *p)
{
	uint64_t before = p->inlet.tail;

	while (publish_cancelled(p))
		;
	while (!pending_has_untold(p->pending) && !list_empty(&p->waiting) && publish_waiting(p))
		;
	if (p->inlet.tail != before)
		signal_consumers(p);
}

static bool keeps_back(const struct producer *p)
{
	return pending_has_untold(p->pending) || !list_empty(&p->waiting);
}

static void set_backlog(struct producer *p, bool on)
{
	uint32_t flags = p->ring->flags & ~IOASID_RING_BACKLOG;

	__atomic_store_n(&p->ring->flags, flags | (on ? IOASID_RING_BACKLOG : 0), __ATOMIC_RELAXED);
}

/* Something found no room: says so, and looks once more. */
static void hold_back(struct producer *p)
{
	set_backlog(p, true);
	/* FENCE_HOLD_BACK: between our BACKLOG and our look at head and the free slots. Pairs with
	 * FENCE_ARM, and with FENCE_FREED, which follows the retirement of an answered group:
	 * either they see BACKLOG, or we see the room that they made. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	fill(p);
	if (!keeps_back(p))
		set_backlog(p, false);
}

static void keep(struct producer *p, struct producer_group *group)
{
	list_append(&p->waiting, &group->link);
	p->kept++;
	p->deferred++;
	__atomic_store_n(&p->ring->deferred, p->ring->deferred + group->count, __ATOMIC_RELAXED);
	hold_back(p);
}

uint32_t producer_late_code(const struct producer *p)
{
	return p->late == IOASID_FAULTQ_LATE_INVALID ? IOASID_RESPONSE_INVALID
						     : IOASID_RESPONSE_SUCCESS;
}

/* There is room, and what is missing is a slot: no reader is to blame. Devices never ask for more
 * groups at a time than there are slots, so somebody has answered one, and gives its slot back
 * next. */
static bool waits_for_slot(struct producer *p, const struct producer_group *group)
{
	uint64_t records = p->ring->deferred + group->count;

	return !pending_has_cancelled(p->pending) && records <= p->inlet.count &&
	       inlet_has_room(&p->inlet, (unsigned int)records);
}

enum pushed { PUSHED_SEEN, PUSHED_KEPT, PUSHED_LATE };

static enum pushed push(struct producer *p, struct producer_group *group)
{
	p->raised++;
	if (!keeps_back(p) && publish_group(p, group))
		return PUSHED_SEEN;
	if (p->late != IOASID_FAULTQ_LATE_KEEP && !waits_for_slot(p, group)) {
		pending_pass(p->pending, PENDING_LATE, 0, 0);
		return PUSHED_LATE;
	}
	keep(p, group);
	return PUSHED_KEPT;
}

bool producer_push(struct producer *p, struct producer_group *group)
{
	return producer_push_all(p, group, 1);
}

unsigned int producer_push_all(struct producer *p, struct producer_group *groups, unsigned int n)
{
	unsigned int published = 0, i;

	pthread_mutex_lock(&p->lock);
	for (i = 0; i < n; i++) {
		enum pushed pushed = push(p, &groups[i]);

		if (pushed == PUSHED_LATE)
			break;
		/* who sleeps wakes up while the others are written */
		if (pushed == PUSHED_SEEN && !published++)
			signal_consumers(p);
	}
	if (published > 1)
		signal_consumers(p);
	pthread_mutex_unlock(&p->lock);
	return i;
}

static void drop(struct producer *p, struct producer_group *group)
{
	list_remove(&group->link);
	p->kept--;
	__atomic_store_n(&p->ring->deferred, p->ring->deferred - group->count, __ATOMIC_RELAXED);
	if (!keeps_back(p))
		set_backlog(p, false);
}

bool producer_drop(struct producer *p, struct producer_group *group)
{
	bool kept;

	pthread_mutex_lock(&p->lock);
	kept = !list_empty(&group->link);
	if (kept) {
		drop(p, group);
		pending_pass(p->pending, PENDING_CANCELLED, 0, 0);
	}
	pthread_mutex_unlock(&p->lock);
	return kept;
}

static struct producer_group *first_kept(const struct producer *p)
{
	return list_empty(&p->waiting) ? NULL
				       : list_entry(p->waiting.next, struct producer_group, link);
}

bool producer_overdue(struct producer *p, uint64_t before, uint64_t now, uint64_t *cookie)
{
	struct producer_group *group;
	bool overdue;

	pthread_mutex_lock(&p->lock);
	group = first_kept(p);
	overdue = group && group->records->time <= before;
	if (overdue) {
		*cookie = group->cookie;
		pending_pass(p->pending, PENDING_EXPIRED, group->records->time, now);
		drop(p, group);
	}
	pthread_mutex_unlock(&p->lock);
	return overdue;
}

uint64_t producer_oldest(struct producer *p)
{
	const struct producer_group *group;
	uint64_t oldest;

	pthread_mutex_lock(&p->lock);
	group = first_kept(p);
	oldest = group ? group->records->time : PENDING_NEVER;
	pthread_mutex_unlock(&p->lock);
	return oldest;
}

void producer_cancel(struct producer *p, uint32_t device, uint32_t route)
{
	pthread_mutex_lock(&p->lock);
	pending_cancel_route(p->pending, device, route);
	if (keeps_back(p))
		hold_back(p);
	pthread_mutex_unlock(&p->lock);
}

void producer_count_end(struct producer *p)
{
	pthread_mutex_lock(&p->lock);
	p->raised++;
	pending_pass(p->pending, PENDING_CANCELLED, 0, 0);
	pthread_mutex_unlock(&p->lock);
}

bool producer_refill(struct producer *p)
{
	bool waits;

	pthread_mutex_lock(&p->lock);
	if (keeps_back(p))
		hold_back(p);
	waits = keeps_back(p);
	pthread_mutex_unlock(&p->lock);
	return waits;
}

bool producer_waits(struct producer *p)
{
	bool waits;

	pthread_mutex_lock(&p->lock);
	waits = keeps_back(p);
	pthread_mutex_unlock(&p->lock);
	return waits;
}

void producer_end(struct producer *p)
{
	pthread_mutex_lock(&p->lock);
	/* Relaxed: each publication is followed by FENCE_SIGNAL, so that a consumer which acquires
	 * this sees the last tail. Its signal comes after it, by way of a lock in the kernel. */
	__atomic_fetch_or(&p->ring->flags, IOASID_RING_CLOSED, __ATOMIC_RELAXED);
	ring_signal(p->eventfd);
	pthread_mutex_unlock(&p->lock);
}

void producer_stats(struct producer *p, struct ioasid_faultq_stats *stats)
{
	pthread_mutex_lock(&p->lock);
	stats->raised = p->raised;
	stats->deferred = p->deferred;
	stats->signals = p->signals;
	stats->unsignalled = p->unsignalled;
	stats->waiting = p->kept;
	pthread_mutex_unlock(&p->lock);
}
