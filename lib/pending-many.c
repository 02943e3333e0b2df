/* SPDX-License-Identifier: MIT */
/*
 * The table of pending groups asked for more than one: those of a route that ends, those that are
 * overdue, all of them. See pending.h; each costs as much as there are such groups, but for the
 * walk over all, which looks at every slot that was ever taken.
 */
#include "pending-slot.h"
#include <errno.h>

/* A route's end */

/* Under the latch. */
static void count_out(struct pending *p, uint32_t index)
{
	p->stats.ended[PENDING_CANCELLED]++;
	chain_out(p, index);
}

static void end_unread(struct pending *p, uint32_t index, uint64_t id)
{
	count_out(p, index);
	SLOT_WRITE(&p->slots[index], word, slot_word(id + (UINT64_C(1) << SLOT_BITS), FREE));
	slots_free(p, index);
}

static void end_delivered(struct pending *p, uint32_t index)
{
	count_out(p, index);
	SLOT_WRITE(p, cancelled, p->cancelled + 1);
	p->slots[index].free = NO_SLOT;
	if (p->untold_first == NO_SLOT)
		p->untold_first = index;
	else
		p->slots[p->untold_last].free = index;
	p->untold_last = index;
}

/* By way of ANSWERING, so that nobody else ends it between the two steps. */
static bool cancel(struct pending *p, uint32_t index, uint64_t id)
{
	struct slot *slot = &p->slots[index];

	if (slot_step(slot, id, RAISED, ANSWERING)) {
		end_unread(p, index, id);
		return false;
	}
	if (!slot_step(slot, id, DELIVERED, CANCELLED))
		return false;
	end_delivered(p, index);
	return true;
}

bool pending_cancel(struct pending *p, uint64_t id)
{
	bool told = false;

	latch_take(&p->latch);
	slots_take_back(p);
	if (slot_of(p, id))
		told = cancel(p, slot_index(p, slot_of(p, id)), id);
	latch_release(&p->latch);
	return told;
}

/* The last one of the chain was the first to be raised. */
static uint32_t oldest_of_route(const struct pending *p, uint32_t at)
{
	uint32_t last = at;

	for (; at != NO_SLOT; at = p->slots[at].link[BY_ROUTE].next)
		last = at;
	return last;
}

void pending_cancel_route(struct pending *p, uint32_t device, uint32_t route)
{
	uint32_t at, next;

	latch_take(&p->latch);
	slots_take_back(p);
	at = oldest_of_route(p, *chain_route(p, device, route));
	for (; at != NO_SLOT; at = next) {
		const struct slot *slot = &p->slots[at];

		next = slot->link[BY_ROUTE].prev;
		if (slot->device == device && slot->route == route)
			cancel(p, at, slot_id(slot_look(slot), at));
	}
	latch_release(&p->latch);
}

static void read_group(const struct slot *slot, struct pending_group *group)
{
	group->label = SLOT_READ(slot, label);
	group->addr = SLOT_READ(slot, addr);
	group->cookie = SLOT_READ(slot, cookie);
	group->time = SLOT_READ(slot, time);
	group->device = SLOT_READ(slot, device);
	group->route = SLOT_READ(slot, route);
	group->space = SLOT_READ(slot, space);
	group->pasid = SLOT_READ(slot, pasid);
	group->group = SLOT_READ(slot, group);
	group->pages = SLOT_READ(slot, pages);
	group->flags = SLOT_READ(slot, flags);
}

bool pending_has_cancelled(const struct pending *p)
{
	return SLOT_READ(p, cancelled);
}

bool pending_has_untold(const struct pending *p)
{
	return p->untold_first != NO_SLOT;
}

void pending_untold(const struct pending *p, struct pending_group *group)
{
	const struct slot *slot = &p->slots[p->untold_first];

	group->id = slot_id(slot_look(slot), p->untold_first);
	read_group(slot, group);
}

void pending_tell(struct pending *p)
{
	p->untold_first = p->slots[p->untold_first].free;
}

/* Overdue */

uint64_t pending_due_hint(const struct pending *p)
{
	return SLOT_READ(p, due);
}

static uint64_t due_of(const struct pending *p, uint32_t index)
{
	return index == NO_SLOT ? PENDING_NEVER : p->slots[index].due;
}

/* It waits, or is about to, or may come back from one who answers it. If it is overdue by then,
 * that one lowers the hint. */
static bool may_be_due(const struct slot *slot, uint64_t now)
{
	enum slot_state state = slot_state(slot_look(slot));

	if (state == ANSWERING)
		return slot->due > now;
	return state == RESERVED || state == RAISED || state == DELIVERED;
}

/* Under the latch: the oldest of those, from there on. */
static uint32_t oldest_from(const struct pending *p, uint32_t at, uint64_t now)
{
	while (at != NO_SLOT && !may_be_due(&p->slots[at], now))
		at = p->slots[at].link[BY_AGE].next;
	return at;
}

uint64_t pending_due(struct pending *p, uint64_t now)
{
	uint64_t due;

	latch_take(&p->latch);
	slots_take_back(p);
	due = due_of(p, oldest_from(p, p->oldest, now));
	slots_hint(p, due);
	latch_release(&p->latch);
	return due;
}

/* One that is not shown yet stays the next that is due. */
static bool is_overdue(const struct pending *p, uint32_t at, uint64_t now)
{
	return at != NO_SLOT && p->slots[at].due <= now &&
	       slot_state(slot_look(&p->slots[at])) != RESERVED;
}

unsigned int pending_overdue(
	struct pending *p, uint64_t now, struct pending_claim *claims, unsigned int n)
{
	unsigned int count = 0;
	uint32_t at;

	latch_take(&p->latch);
	slots_take_back(p);
	at = oldest_from(p, p->oldest, now);
	while (count < n && is_overdue(p, at, now)) {
		struct slot *slot = &p->slots[at];

		count += slot_win(slot, slot_id(slot_look(slot), at), &claims[count]);
		at = oldest_from(p, slot->link[BY_AGE].next, now);
	}
	slots_hint(p, due_of(p, at));
	latch_release(&p->latch);
	return count;
}

void pending_postpone(struct pending *p, const struct pending_claim *claim, uint64_t now)
{
	struct slot *slot = slot_of(p, claim->id);

	latch_take(&p->latch);
	slots_write_due(p, slot, now);
	chain_to_end(p, slot_index(p, slot));
	slot_step(slot, claim->id, ANSWERING, claim->unread ? RAISED : DELIVERED);
	latch_release(&p->latch);
}

/* Looks */

int pending_find(struct pending *p, uint64_t label, uint32_t pasid, uint32_t group, uint64_t *id)
{
	const struct pending_group name = {.label = label, .pasid = pasid, .group = group};
	uint64_t got = 0;
	int found = chain_find(p, &name, &got);

	if (!found)
		*id = got;
	return found;
}

/* True if it was one and the same group all the time, and waits. */
static bool look_at(const struct pending *p, uint32_t index, struct pending_group *group)
{
	const struct slot *slot = &p->slots[index];
	uint64_t word = slot_look(slot);

	if (!slot_waits(word))
		return false;
	group->id = slot_id(word, index);
	read_group(slot, group);
	/* ACQUIRE_STILL: pairs with RELEASE_REUSE. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	word = SLOT_READ(slot, word);
	return slot_waits(word) && slot_id(word, index) == group->id;
}

bool pending_next(struct pending *p, uint64_t *cursor, struct pending_group *group)
{
	uint32_t used = SLOT_READ(p, used);
	struct pending_group seen;

	while (*cursor < used) {
		if (!look_at(p, (uint32_t)(*cursor)++, &seen))
			continue;
		*group = seen;
		return true;
	}
	return false;
}
