/* SPDX-License-Identifier: MIT */
/*
 * The table of groups that wait for an answer, see pending.h: the steps from state to state, and
 * what is counted. A slot that was retired stays in its chains until its producer comes by, under
 * the latch, and takes all of them at once: to answer takes no lock.
 */
#include "pending-slot.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define END_BITS 3
#define END_MASK ((1u << END_BITS) - 1)
#define TOLD     PENDING_ENDS /* cancelled, and counted then */

/* The table */

static void thread_free_list(struct pending *p)
{
	for (uint32_t i = 0; i < p->count; i++) {
		p->slots[i].free = i + 1 < p->count ? i + 1 : NO_SLOT;
	}
	for (uint32_t i = 0; i <= p->mask; i++) {
		p->names[i].first = NO_SLOT;
		p->routes[i] = NO_SLOT;
	}
	p->oldest = p->newest = NO_SLOT;
	p->untold_first = p->untold_last = NO_SLOT;
	p->returned = NO_SLOT;
	p->due = PENDING_NEVER;
}

struct pending *pending_new(unsigned int slots, uint64_t deadline)
{
	struct pending *p = calloc(1, sizeof(*p));
	uint32_t buckets = 1;

	while (buckets <= slots / 2)
		buckets *= 2;
	if (!p)
		return NULL;
	p->slots = calloc(slots, sizeof(*p->slots));
	p->names = calloc(buckets, sizeof(*p->names));
	p->routes = calloc(buckets, sizeof(*p->routes));
	if (!p->slots || !p->names || !p->routes) {
		pending_free(p);
		return NULL;
	}
	p->count = slots;
	p->mask = buckets - 1;
	p->deadline = deadline;
	chain_salt(p);
	thread_free_list(p);
	pending_number(p, 0);
	return p;
}

/* So that tables begin as far from each other as can be, however many there come to be: a slot that
 * is used over and over has 2^32 generations behind it in an hour or two. */
static uint32_t reverse_bits(uint32_t number)
{
	uint32_t reversed = 0;

	for (unsigned int i = 0; i < 32; i++)
		reversed |= (number >> i & 1) << (31 - i);
	return reversed;
}

void pending_number(struct pending *p, uint32_t number)
{
	p->first_id = ((uint64_t)reverse_bits(number) << 16 | 1) << SLOT_BITS;
	for (uint32_t i = 0; i < p->count; i++)
		p->slots[i].word = slot_word(p->first_id, FREE);
}

void pending_free(struct pending *p)
{
	if (!p)
		return;
	free(p->slots);
	free(p->names);
	free(p->routes);
	free(p);
}

size_t pending_bytes(const struct pending *p)
{
	return sizeof(*p) + p->count * sizeof(*p->slots) +
	       (p->mask + (size_t)1) * (sizeof(*p->names) + sizeof(*p->routes));
}

/* What has come back */

/* Bucket of the histogram: the last one has no end. */
static unsigned int rank(uint64_t ns)
{
	unsigned int log = ns ? 63u - (unsigned int)__builtin_clzll(ns) : 0;

	return log < PENDING_LATENCIES ? log : PENDING_LATENCIES - 1;
}

static void count_end(struct pending *p, enum pending_end how, uint64_t raised, uint64_t now)
{
	p->stats.ended[how]++;
	if (how == PENDING_ANSWERED || how == PENDING_EXPIRED)
		p->stats.latency[rank(now > raised ? now - raised : 0)]++;
}

void slots_free(struct pending *p, uint32_t index)
{
	p->slots[index].free = p->free;
	p->free = index;
}

/* Under the latch: what was retired is counted, out of its chains, and free. */
void slots_take_back(struct pending *p)
{
	uint32_t at, next;

	if (__atomic_load_n(&p->returned, __ATOMIC_RELAXED) == NO_SLOT)
		return;
	/* ACQUIRE_RETURN: each slot is as its owner left it. Pairs with RELEASE_RETURN. */
	at = __atomic_exchange_n(&p->returned, NO_SLOT, __ATOMIC_ACQUIRE);
	for (; at != NO_SLOT; at = next) {
		struct slot *slot = &p->slots[at];

		next = slot->free;
		if (slot->ended == TOLD) {
			SLOT_WRITE(p, cancelled, p->cancelled - 1);
		} else {
			count_end(p, (enum pending_end)(slot->ended & END_MASK), slot->time,
				slot->ended >> END_BITS);
			chain_out(p, at);
		}
		slots_free(p, at);
	}
}

/* Of the slot's owner, and then it is no more. */
static void give_back(struct pending *p, struct slot *slot, uint64_t id)
{
	uint32_t index = slot_index(p, slot);
	uint64_t next = id + (UINT64_C(1) << SLOT_BITS);

	SLOT_WRITE(slot, word, slot_word(next, FREE));
	slot->free = __atomic_load_n(&p->returned, __ATOMIC_RELAXED);
	/* RELEASE_RETURN: pairs with ACQUIRE_RETURN, which takes all, so that nothing depends on
	 * whether the first one is still the same. */
	while (!__atomic_compare_exchange_n(
		&p->returned, &slot->free, index, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

static uint32_t outstanding(const struct pending *p)
{
	uint64_t shown = __atomic_load_n(&p->shown, __ATOMIC_RELAXED);

	for (unsigned int i = 0; i < PENDING_ENDS; i++)
		shown -= p->stats.ended[i];
	return (uint32_t)shown;
}

void pending_stats(struct pending *p, struct pending_stats *stats)
{
	latch_take(&p->latch);
	slots_take_back(p);
	*stats = p->stats;
	stats->outstanding = outstanding(p);
	latch_release(&p->latch);
}

unsigned int pending_count(struct pending *p)
{
	struct pending_stats stats;

	pending_stats(p, &stats);
	return stats.outstanding;
}

/* The producer */

/* Who walks by may be reading what was here. */
static void write_group(struct slot *slot, const struct pending_group *group)
{
	SLOT_WRITE(slot, label, group->label);
	SLOT_WRITE(slot, addr, group->addr);
	SLOT_WRITE(slot, cookie, group->cookie);
	SLOT_WRITE(slot, time, group->time);
	SLOT_WRITE(slot, device, group->device);
	SLOT_WRITE(slot, route, group->route);
	SLOT_WRITE(slot, space, group->space);
	SLOT_WRITE(slot, pasid, group->pasid);
	SLOT_WRITE(slot, group, group->group);
	SLOT_WRITE(slot, pages, group->pages);
	SLOT_WRITE(slot, flags, group->flags);
}

void slots_hint(struct pending *p, uint64_t due)
{
	__atomic_store_n(&p->due, due, __ATOMIC_RELAXED);
}

/* No earlier than those before it, so that the chain by age is in order. */
void slots_write_due(struct pending *p, struct slot *slot, uint64_t from)
{
	slot->due = p->deadline < PENDING_NEVER - from ? from + p->deadline : PENDING_NEVER - 1;
	if (p->newest != NO_SLOT && p->slots[p->newest].due > slot->due)
		slot->due = p->slots[p->newest].due;
	if (slot->due < p->due)
		slots_hint(p, slot->due);
}

static uint64_t fill_slot(struct pending *p, uint32_t index, const struct pending_group *group)
{
	struct slot *slot = &p->slots[index];
	uint64_t id = slot_id(slot_look(slot), index);

	p->free = slot->free;
	if (index >= p->used)
		SLOT_WRITE(p, used, index + 1);
	/* RELEASE_REUSE: pairs with ACQUIRE_SAME and ACQUIRE_STILL, of looks that have seen what is
	 * written now, and then see that the slot is another's. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	SLOT_WRITE(slot, word, slot_word(id, RESERVED));
	write_group(slot, group);
	if (p->deadline)
		slots_write_due(p, slot, group->time);
	chain_in(p, index);
	return id;
}

uint64_t pending_reserve(struct pending *p, const struct pending_group *group)
{
	uint64_t id = 0;

	latch_take(&p->latch);
	slots_take_back(p);
	if (p->free != NO_SLOT)
		id = fill_slot(p, p->free, group);
	latch_release(&p->latch);
	return id;
}

void pending_show(struct pending *p, uint64_t id)
{
	SLOT_WRITE(p, shown, p->shown + 1);
	/* RELEASE_SHOW: pairs with ACQUIRE_STEP: who wins RAISED sees the group. */
	__atomic_store_n(&slot_of(p, id)->word, slot_word(id, RAISED), __ATOMIC_RELEASE);
}

void pending_pass(struct pending *p, enum pending_end how, uint64_t raised, uint64_t now)
{
	SLOT_WRITE(p, shown, p->shown + 1);
	latch_take(&p->latch);
	count_end(p, how, raised, now);
	latch_release(&p->latch);
}

uint64_t pending_raise(struct pending *p, const struct pending_group *group)
{
	uint64_t id = pending_reserve(p, group);

	if (id)
		pending_show(p, id);
	return id;
}

/* The reader and the answerer */

bool pending_deliver(struct pending *p, uint64_t id)
{
	struct slot *slot = slot_of(p, id);

	return slot && slot_step(slot, id, RAISED, DELIVERED);
}

int pending_claim(struct pending *p, uint64_t id, uint64_t *cookie)
{
	struct slot *slot = slot_of(p, id);
	uint64_t word;
	struct pending_claim claim;

	if (!slot || id < p->first_id)
		return -EINVAL;
	if (slot_win(slot, id, &claim)) {
		*cookie = claim.cookie;
		return 0;
	}
	word = slot_look(slot);
	if (id >> SLOT_BITS > word >> STATE_BITS || word == slot_word(id, FREE) ||
		word == slot_word(id, RESERVED))
		return -EINVAL;
	return -ESTALE;
}

static void reopen(struct pending *p, uint64_t id)
{
	bool won = slot_step(slot_of(p, id), id, ANSWERING, DELIVERED);

	assert(won);
	(void)won;
}

void pending_unclaim(struct pending *p, uint64_t id)
{
	struct slot *slot = slot_of(p, id);

	latch_take(&p->latch);
	/* who looked for overdue ones may have passed it by */
	if (p->deadline && slot->due < p->due)
		slots_hint(p, slot->due);
	reopen(p, id);
	latch_release(&p->latch);
}

void pending_retire(struct pending *p, uint64_t id, enum pending_end how, uint64_t now)
{
	struct slot *slot = slot_of(p, id);

	assert(slot_look(slot) == slot_word(id, ANSWERING));
	slot->ended = now << END_BITS | how;
	give_back(p, slot, id);
}

bool pending_dismiss(struct pending *p, uint64_t id)
{
	struct slot *slot = slot_of(p, id);

	if (!slot || !slot_step(slot, id, CANCELLED, ANSWERING))
		return false;
	slot->ended = TOLD;
	give_back(p, slot, id);
	return true;
}
