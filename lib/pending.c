/* SPDX-License-Identifier: MIT */
/*
 * The table of groups that wait for an answer, see pending.h. State words move by
 * compare-and-swap; what else a slot holds, the index and the free list are under one short lock.
 */
#include "pending.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define SLOT_BITS  16
#define STATE_BITS 3
#define NO_SLOT    UINT32_MAX

enum state { FREE, RESERVED, RAISED, DELIVERED, ANSWERING, CANCELLED };

struct slot {
	uint64_t word; /* generation << STATE_BITS | state; atomic */
	struct pending_group group;
	uint32_t next; /* in the bucket, or in the free list */
};

struct pending {
	pthread_mutex_t lock;
	struct slot *slots;
	uint32_t *buckets; /* first slot of each, by hash; a power of two of them */
	uint32_t count;
	uint32_t bucket_mask;
	uint32_t free;    /* first free slot */
	uint32_t waiting; /* raised or delivered; atomic */
};

static uint64_t word_of(uint64_t id, enum state state)
{
	return id >> SLOT_BITS << STATE_BITS | state;
}

static enum state state_of(uint64_t word)
{
	return (enum state)(word & ((1u << STATE_BITS) - 1));
}

static struct slot *slot_of(struct pending *p, uint64_t id)
{
	uint32_t index = id & ((1u << SLOT_BITS) - 1);

	return index < p->count ? &p->slots[index] : NULL;
}

/* Acquire and release on each step: who wins a state sees what the loser of the last one wrote. */
static bool step(struct slot *slot, uint64_t id, enum state from, enum state to)
{
	uint64_t expected = word_of(id, from);

	return __atomic_compare_exchange_n(
		&slot->word, &expected, word_of(id, to), false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static uint64_t word_at(const struct slot *slot)
{
	/* Acquire: pairs with step(). */
	return __atomic_load_n(&slot->word, __ATOMIC_ACQUIRE);
}

static uint32_t *bucket_of(struct pending *p, uint64_t label, uint32_t pasid, uint32_t group)
{
	/* labels are often small and in a row, as group indices are: first one alone, then both */
	uint64_t hash = label * UINT64_C(0x9e3779b97f4a7c15);

	hash = (hash ^ hash >> 29 ^ ((uint64_t)pasid << 32 | group)) * UINT64_C(0xbf58476d1ce4e5b9);
	return &p->buckets[hash >> 32 & p->bucket_mask];
}

static void thread_free_list(struct pending *p)
{
	for (uint32_t i = 0; i < p->count; i++) {
		p->slots[i].word = word_of(UINT64_C(1) << SLOT_BITS, FREE);
		p->slots[i].next = i + 1 < p->count ? i + 1 : NO_SLOT;
	}
	for (uint32_t i = 0; i <= p->bucket_mask; i++)
		p->buckets[i] = NO_SLOT;
}

struct pending *pending_new(unsigned int slots)
{
	struct pending *p = calloc(1, sizeof(*p));
	uint32_t buckets = 1;

	while (buckets < slots)
		buckets *= 2;
	if (!p)
		return NULL;
	p->slots = calloc(slots, sizeof(*p->slots));
	p->buckets = calloc(buckets, sizeof(*p->buckets));
	pthread_mutex_init(&p->lock, NULL);
	if (!p->slots || !p->buckets) {
		pending_free(p);
		return NULL;
	}
	p->count = slots;
	p->bucket_mask = buckets - 1;
	thread_free_list(p);
	return p;
}

void pending_free(struct pending *p)
{
	if (!p)
		return;
	pthread_mutex_destroy(&p->lock);
	free(p->slots);
	free(p->buckets);
	free(p);
}

size_t pending_bytes(const struct pending *p)
{
	return sizeof(*p) + p->count * sizeof(*p->slots) +
	       (p->bucket_mask + (size_t)1) * sizeof(*p->buckets);
}

unsigned int pending_count(struct pending *p)
{
	return __atomic_load_n(&p->waiting, __ATOMIC_RELAXED);
}

static void count(struct pending *p, int by)
{
	__atomic_fetch_add(&p->waiting, (uint32_t)by, __ATOMIC_RELAXED);
}

static void fill_slot(struct pending *p, struct slot *slot, const struct pending_group *group)
{
	uint32_t *bucket = bucket_of(p, group->label, group->pasid, group->group);
	uint64_t generation = word_at(slot) >> STATE_BITS; /* a late deliver may look too */

	p->free = slot->next;
	slot->group = *group;
	slot->group.id = generation << SLOT_BITS | (uint64_t)(slot - p->slots);
	slot->next = *bucket;
	*bucket = (uint32_t)(slot - p->slots);
	__atomic_store_n(&slot->word, word_of(slot->group.id, RESERVED), __ATOMIC_RELAXED);
}

uint64_t pending_reserve(struct pending *p, const struct pending_group *group)
{
	uint64_t id = 0;

	pthread_mutex_lock(&p->lock);
	if (p->free != NO_SLOT) {
		struct slot *slot = &p->slots[p->free];

		fill_slot(p, slot, group);
		id = slot->group.id;
	}
	pthread_mutex_unlock(&p->lock);
	return id;
}

void pending_show(struct pending *p, uint64_t id)
{
	count(p, 1);
	/* Release: pairs with step(): who wins RAISED sees the group. */
	__atomic_store_n(&slot_of(p, id)->word, word_of(id, RAISED), __ATOMIC_RELEASE);
}

uint64_t pending_raise(struct pending *p, const struct pending_group *group)
{
	uint64_t id = pending_reserve(p, group);

	if (id)
		pending_show(p, id);
	return id;
}

bool pending_deliver(struct pending *p, uint64_t id)
{
	struct slot *slot = slot_of(p, id);

	return slot && step(slot, id, RAISED, DELIVERED);
}

int pending_claim(struct pending *p, uint64_t id, uint64_t *cookie)
{
	struct slot *slot = slot_of(p, id);
	uint64_t word, asked = id >> SLOT_BITS;

	if (!slot || !asked)
		return -EINVAL;
	if (!step(slot, id, DELIVERED, ANSWERING) && !step(slot, id, RAISED, ANSWERING) &&
		!step(slot, id, DELIVERED, ANSWERING)) {
		word = word_at(slot);
		if (asked > word >> STATE_BITS || word == word_of(id, FREE) ||
			word == word_of(id, RESERVED))
			return -EINVAL;
		return -ESTALE;
	}
	count(p, -1);
	*cookie = slot->group.cookie;
	return 0;
}

void pending_unclaim(struct pending *p, uint64_t id)
{
	bool won;

	count(p, 1);
	won = step(slot_of(p, id), id, ANSWERING, DELIVERED);
	assert(won);
	(void)won;
}

/* Under the lock: the slot is ended, its index entry goes, the next id of it is a new one. */
static void empty_slot(struct pending *p, struct slot *slot)
{
	const struct pending_group *group = &slot->group;
	uint32_t *link = bucket_of(p, group->label, group->pasid, group->group);
	uint32_t index = (uint32_t)(slot - p->slots);
	uint64_t next = group->id + (UINT64_C(1) << SLOT_BITS);

	while (*link != index)
		link = &p->slots[*link].next;
	*link = slot->next;
	slot->next = p->free;
	p->free = index;
	__atomic_store_n(&slot->word, word_of(next, FREE), __ATOMIC_RELEASE);
}

void pending_retire(struct pending *p, uint64_t id)
{
	struct slot *slot = slot_of(p, id);

	pthread_mutex_lock(&p->lock);
	assert(word_at(slot) == word_of(id, ANSWERING));
	empty_slot(p, slot);
	pthread_mutex_unlock(&p->lock);
}

bool pending_dismiss(struct pending *p, uint64_t id)
{
	struct slot *slot = slot_of(p, id);

	if (!slot || !step(slot, id, CANCELLED, ANSWERING))
		return false;
	pending_retire(p, id);
	return true;
}

bool pending_cancel(struct pending *p, uint64_t id)
{
	struct slot *slot = slot_of(p, id);

	/* by way of ANSWERING, so that nobody else ends it between the two steps */
	if (step(slot, id, RAISED, ANSWERING)) {
		count(p, -1);
		pending_retire(p, id);
		return false;
	}
	if (!step(slot, id, DELIVERED, CANCELLED))
		return false;
	count(p, -1);
	return true;
}

const struct pending_group *pending_cancelled(struct pending *p, uint64_t id)
{
	return &slot_of(p, id)->group;
}

static bool is_waiting(const struct slot *slot)
{
	enum state state = state_of(word_at(slot));

	return state == RAISED || state == DELIVERED;
}

static bool is_named(
	const struct pending_group *known, uint64_t label, uint32_t pasid, uint32_t group)
{
	return known->label == label && known->pasid == pasid && known->group == group;
}

static int find_locked(
	struct pending *p, uint64_t label, uint32_t pasid, uint32_t group, uint64_t *id)
{
	uint32_t at = *bucket_of(p, label, pasid, group);
	int found = -ENOENT;

	for (; at != NO_SLOT; at = p->slots[at].next) {
		const struct slot *slot = &p->slots[at];

		if (!is_named(&slot->group, label, pasid, group) || !is_waiting(slot))
			continue;
		if (!found)
			return -ENOTUNIQ;
		found = 0;
		*id = slot->group.id;
	}
	return found;
}

int pending_find(struct pending *p, uint64_t label, uint32_t pasid, uint32_t group, uint64_t *id)
{
	uint64_t got = 0;
	int found;

	pthread_mutex_lock(&p->lock);
	found = find_locked(p, label, pasid, group, &got);
	pthread_mutex_unlock(&p->lock);
	if (!found)
		*id = got;
	return found;
}

bool pending_next(struct pending *p, uint64_t *cursor, struct pending_group *group)
{
	bool found = false;

	pthread_mutex_lock(&p->lock);
	while (!found && *cursor < p->count) {
		const struct slot *slot = &p->slots[(*cursor)++];

		found = is_waiting(slot);
		if (found)
			*group = slot->group;
	}
	pthread_mutex_unlock(&p->lock);
	return found;
}
