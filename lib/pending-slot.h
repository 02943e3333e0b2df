/* SPDX-License-Identifier: MIT */
/*
 * The slots of the table of pending groups and the chains that they hang in: by name, by route, by
 * age. Chains change under the table's latch; the one by name is looked along without, so what such
 * a look reads is atomic. Private to the files of the table. It must not know how a group ends.
 */
#ifndef PENDING_SLOT_H
#define PENDING_SLOT_H

#include "latch.h"
#include "pending.h"

#define SLOT_BITS  16
#define STATE_BITS 3
#define NO_SLOT    UINT32_MAX

enum slot_state { FREE, RESERVED, RAISED, DELIVERED, ANSWERING, CANCELLED };

enum slot_chain { BY_NAME, BY_ROUTE, BY_AGE, SLOT_CHAINS };

struct slot_link {
	uint32_t next; /* NO_SLOT: it is the last, or the first, of its chain */
	uint32_t prev;
};

/* 112 bytes, what a look by name needs first. The group is written while the slot is RESERVED. */
struct slot {
	uint64_t word; /* generation << STATE_BITS | state; atomic */
	uint64_t label;
	uint32_t pasid;
	uint32_t group;
	struct slot_link link[SLOT_CHAINS];
	uint32_t free; /* the next one that is free, returned, or to be told of */
	uint32_t device;
	uint64_t cookie;
	uint64_t time;
	uint64_t due;   /* overdue from then on; under the latch */
	uint64_t ended; /* when, and enum pending_end; of who ends it */
	uint64_t addr;
	uint32_t route;
	uint32_t space;
	uint32_t pages;
	uint32_t flags;
};

/* Slots whose names have the same hash. A slot that leaves then changes the version, before it is
 * used again: who has seen the same one before and after was on one chain all the time. */
struct slot_bucket {
	uint32_t first;
	uint32_t version;
};

struct pending {
	struct slot *slots;
	struct slot_bucket *names;
	uint32_t *routes; /* first slot of each */
	uint32_t count;
	uint32_t mask; /* of names and routes: a power of two of them, less one */
	uint64_t deadline;
	uint64_t salt[2];
	uint64_t first_id; /* of the first generation */

	/* under the latch; who reads without it loads the atomic ones */
	struct latch latch;
	uint32_t free;
	uint32_t used; /* no slot from here on was ever taken; atomic */
	uint32_t oldest;
	uint32_t newest;
	uint64_t due;       /* atomic */
	uint32_t cancelled; /* slots that such groups hold; atomic */
	struct pending_stats stats;

	/* the producer's */
	uint64_t shown; /* atomic */
	uint32_t untold_first;
	uint32_t untold_last;

	uint8_t apart[64]; /* the rest is written by all who answer */
	uint32_t returned; /* slots that were retired and are in their chains yet; atomic */
};

static inline uint64_t slot_word(uint64_t id, enum slot_state state)
{
	return id >> SLOT_BITS << STATE_BITS | state;
}

static inline enum slot_state slot_state(uint64_t word)
{
	return (enum slot_state)(word & ((1u << STATE_BITS) - 1));
}

static inline uint64_t slot_look(const struct slot *slot)
{
	/* ACQUIRE_LOOK: who sees that the group was shown sees the group. Pairs with RELEASE_SHOW.
	 */
	return __atomic_load_n(&slot->word, __ATOMIC_ACQUIRE);
}

static inline bool slot_waits(uint64_t word)
{
	return slot_state(word) == RAISED || slot_state(word) == DELIVERED;
}

static inline uint32_t slot_index(const struct pending *p, const struct slot *slot)
{
	return (uint32_t)(slot - p->slots);
}

static inline uint64_t slot_id(uint64_t word, uint32_t index)
{
	return word >> STATE_BITS << SLOT_BITS | index;
}

static inline struct slot *slot_of(struct pending *p, uint64_t id)
{
	uint32_t index = id & ((1u << SLOT_BITS) - 1);

	return index < p->count ? &p->slots[index] : NULL;
}

/* ACQUIRE_STEP: who wins a state sees the group, whoever won it before. Pairs with RELEASE_SHOW,
 * for steps are links of the chain that it began. Not a release: who gives a group up does so under
 * the latch, and by that its looks at the slot go before what is written there next. */
static inline bool slot_step(
	struct slot *slot, uint64_t id, enum slot_state from, enum slot_state to)
{
	uint64_t expected = slot_word(id, from);

	return __atomic_compare_exchange_n(&slot->word, &expected, slot_word(id, to), false,
		__ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* The right to answer it. A reader may take it in between. */
static inline bool slot_win(struct slot *slot, uint64_t id, struct pending_claim *claim)
{
	claim->unread = false;
	if (!slot_step(slot, id, DELIVERED, ANSWERING)) {
		claim->unread = slot_step(slot, id, RAISED, ANSWERING);
		if (!claim->unread && !slot_step(slot, id, DELIVERED, ANSWERING))
			return false;
	}
	claim->id = id;
	claim->cookie = slot->cookie;
	return true;
}

#define SLOT_READ(slot, member)         __atomic_load_n(&(slot)->member, __ATOMIC_RELAXED)
#define SLOT_WRITE(slot, member, value) __atomic_store_n(&(slot)->member, (value), __ATOMIC_RELAXED)

/* pending.c: under the latch */
void slots_take_back(struct pending *p);            /* those that were retired */
void slots_free(struct pending *p, uint32_t index); /* it is in no chain */
void slots_hint(struct pending *p, uint64_t due);   /* nothing is overdue before */
void slots_write_due(struct pending *p, struct slot *slot, uint64_t from);

/* pending-chain.c: under the latch, but for the last */
void chain_salt(struct pending *p);
void chain_in(struct pending *p, uint32_t index);  /* the group and its due time are written */
void chain_out(struct pending *p, uint32_t index); /* a fence must follow, see there */
void chain_to_end(struct pending *p, uint32_t index);
uint32_t *chain_route(struct pending *p, uint32_t device, uint32_t route);
int chain_find(struct pending *p, const struct pending_group *name, uint64_t *id);

#endif
