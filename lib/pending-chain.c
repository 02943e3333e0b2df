/* SPDX-License-Identifier: MIT */
/*
 * The chains of the table of pending groups, see pending-slot.h. Whoever changes them holds the
 * latch; a look by name holds nothing, and begins again where a slot has left its chain meanwhile.
 */
#include "pending-slot.h"
#include <errno.h>
#include <sys/auxv.h>

/* Guests choose part of the names: which of them share a bucket is not for them to know. */
void chain_salt(struct pending *p)
{
	const unsigned char *random = (const void *)getauxval(AT_RANDOM);

	for (unsigned int i = 0; i < 16 && random; i++)
		((unsigned char *)p->salt)[i] = random[i];
	p->salt[0] ^= (uintptr_t)p;
	p->salt[1] |= 1;
}

/* Names are often small and in a row: mixed, and then spread by a factor nobody knows. The upper
 * half of a product depends on all bits. */
static uint32_t hash(const struct pending *p, uint64_t a, uint64_t b)
{
	uint64_t mixed = a * UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 32 ^ b ^ p->salt[0]) * UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)((mixed ^ mixed >> 32) * p->salt[1] >> 32);
}

static uint32_t top_bits(const struct pending *p, uint32_t hash)
{
	return (uint32_t)((uint64_t)hash * ((uint64_t)p->mask + 1) >> 32);
}

static struct slot_bucket *bucket_of(
	const struct pending *p, uint64_t label, uint32_t pasid, uint32_t group)
{
	return &p->names[top_bits(p, hash(p, label, (uint64_t)pasid << 32 | group))];
}

uint32_t *chain_route(struct pending *p, uint32_t device, uint32_t route)
{
	return &p->routes[top_bits(p, hash(p, (uint64_t)device << 32 | route, 0))];
}

/* RELEASE_LINK: who follows it to a slot sees what that is. Pairs with ACQUIRE_LINK. */
static void point(uint32_t *link, uint32_t index)
{
	__atomic_store_n(link, index, __ATOMIC_RELEASE);
}

static uint32_t follow(const uint32_t *link)
{
	/* ACQUIRE_LINK: pairs with RELEASE_LINK. */
	return __atomic_load_n(link, __ATOMIC_ACQUIRE);
}

static void put_first(struct pending *p, enum slot_chain chain, uint32_t *first, uint32_t index)
{
	struct slot_link *link = &p->slots[index].link[chain];

	link->prev = NO_SLOT;
	point(&link->next, *first);
	if (*first != NO_SLOT)
		p->slots[*first].link[chain].prev = index;
	point(first, index);
}

static void put_last(struct pending *p, uint32_t index)
{
	struct slot_link *link = &p->slots[index].link[BY_AGE];

	*link = (struct slot_link){.next = NO_SLOT, .prev = p->newest};
	if (p->newest == NO_SLOT)
		p->oldest = index;
	else
		p->slots[p->newest].link[BY_AGE].next = index;
	p->newest = index;
}

static void take_out(
	struct pending *p, enum slot_chain chain, uint32_t *first, uint32_t *last, uint32_t index)
{
	struct slot_link link = p->slots[index].link[chain];

	point(link.prev == NO_SLOT ? first : &p->slots[link.prev].link[chain].next, link.next);
	*(link.next == NO_SLOT ? last : &p->slots[link.next].link[chain].prev) = link.prev;
}

void chain_in(struct pending *p, uint32_t index)
{
	const struct slot *slot = &p->slots[index];

	put_first(p, BY_NAME, &bucket_of(p, slot->label, slot->pasid, slot->group)->first, index);
	put_first(p, BY_ROUTE, chain_route(p, slot->device, slot->route), index);
	if (p->deadline)
		put_last(p, index);
}

/* The slot may be written anew after RELEASE_REUSE, which pairs with ACQUIRE_SAME: a look that
 * misread it then sees the new version of the bucket. */
void chain_out(struct pending *p, uint32_t index)
{
	const struct slot *slot = &p->slots[index];
	struct slot_bucket *bucket = bucket_of(p, slot->label, slot->pasid, slot->group);
	uint32_t last;

	take_out(p, BY_NAME, &bucket->first, &last, index);
	/* RELEASE_VERSION: a look that begins with this version does not come by way of the link
	 * that went. Pairs with ACQUIRE_VERSION. */
	__atomic_store_n(&bucket->version, bucket->version + 1, __ATOMIC_RELEASE);
	take_out(p, BY_ROUTE, chain_route(p, slot->device, slot->route), &last, index);
	if (p->deadline)
		take_out(p, BY_AGE, &p->oldest, &p->newest, index);
}

void chain_to_end(struct pending *p, uint32_t index)
{
	take_out(p, BY_AGE, &p->oldest, &p->newest, index);
	put_last(p, index);
}

static bool has_name(const struct slot *slot, const struct pending_group *name)
{
	return __atomic_load_n(&slot->label, __ATOMIC_RELAXED) == name->label &&
	       __atomic_load_n(&slot->pasid, __ATOMIC_RELAXED) == name->pasid &&
	       __atomic_load_n(&slot->group, __ATOMIC_RELAXED) == name->group;
}

/* Of slots that are written meanwhile what is read makes no sense, but it ends. */
static int look_along(const struct pending *p, const struct slot_bucket *bucket,
	const struct pending_group *name, uint64_t *id)
{
	uint32_t at = follow(&bucket->first);
	int found = -ENOENT;

	for (uint32_t n = 0; at != NO_SLOT && n < p->count; n++) {
		const struct slot *slot = &p->slots[at];
		uint64_t word = slot_look(slot);

		if (slot_waits(word) && has_name(slot, name)) {
			if (!found)
				return -ENOTUNIQ;
			found = 0;
			*id = slot_id(word, at);
		}
		at = follow(&slot->link[BY_NAME].next);
	}
	return found;
}

int chain_find(struct pending *p, const struct pending_group *name, uint64_t *id)
{
	const struct slot_bucket *bucket = bucket_of(p, name->label, name->pasid, name->group);
	uint32_t version;
	int found;

	do {
		/* ACQUIRE_VERSION: pairs with RELEASE_VERSION. */
		version = __atomic_load_n(&bucket->version, __ATOMIC_ACQUIRE);
		found = look_along(p, bucket, name, id);
		/* ACQUIRE_SAME: pairs with RELEASE_REUSE. Who begins again does so because another
		 * thread got on. */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (__atomic_load_n(&bucket->version, __ATOMIC_RELAXED) != version);
	return found;
}
