/* SPDX-License-Identifier: MIT */
/*
 * A cache of translations: see iotlb.h. A guest's page that is larger than what is cached is here
 * in pieces, each of which knows its size: an invalidation that touches the page drops them all. It
 * must not know devices or page requests.
 */
#include "iotlb.h"
#include "space.h"
#include <errno.h>
#include <stdlib.h>

int iotlb_init(struct iotlb *tlb, uint32_t entries)
{
	*tlb = (struct iotlb){.mask = entries - 1};
	tlb->entries = calloc(entries, sizeof(*tlb->entries));
	if (!tlb->entries)
		return -ENOMEM;
	pthread_mutex_init(&tlb->lock, NULL);
	return 0;
}

void iotlb_fini(struct iotlb *tlb)
{
	if (!tlb->entries)
		return;
	pthread_mutex_destroy(&tlb->lock);
	free(tlb->entries);
}

static struct iotlb_entry *slot_of(struct iotlb *tlb, const struct iotlb_tag *tag, uint64_t base)
{
	/* the numbers spread equal addresses of different spaces, and PASIDs */
	uint64_t hash = (base >> tag->shift) + (uint64_t)tag->space->id * 0x9e3779b1u +
			(uint64_t)tag->pasid * 0x85ebca6bu;

	return &tlb->entries[hash & tlb->mask];
}

static bool is_same(const struct iotlb_tag *a, const struct iotlb_tag *b)
{
	return a->space == b->space && a->pasid == b->pasid;
}

static bool holds(const struct iotlb_entry *entry, const struct iotlb_tag *tag, uint64_t base)
{
	return is_same(&entry->tag, tag) && entry->base == base && entry->tag.mode == tag->mode;
}

bool iotlb_find(struct iotlb *tlb, const struct iotlb_tag *tag, uint64_t base, uint32_t want,
	struct mock_page *page)
{
	const struct iotlb_entry *entry = slot_of(tlb, tag, base);
	bool hit;

	pthread_mutex_lock(&tlb->lock);
	hit = holds(entry, tag, base) && (entry->page.perms & want) == want;
	if (hit)
		*page = entry->page;
	tlb->hits += hit;
	tlb->misses += !hit;
	pthread_mutex_unlock(&tlb->lock);
	return hit;
}

static void count(struct iotlb *tlb, unsigned int shift, int more)
{
	tlb->valid += (uint64_t)(int64_t)more;
	tlb->sizes[shift] += (uint32_t)more;
	if (tlb->sizes[shift])
		tlb->shifts |= UINT64_C(1) << shift;
	else
		tlb->shifts &= ~(UINT64_C(1) << shift);
}

static void invalidate(struct iotlb *tlb, struct iotlb_entry *entry)
{
	entry->tag.space = NULL;
	count(tlb, entry->page.shift, -1);
}

void iotlb_fill(
	struct iotlb *tlb, const struct iotlb_tag *tag, uint64_t base, const struct mock_page *page)
{
	struct iotlb_entry *entry = slot_of(tlb, tag, base);

	pthread_mutex_lock(&tlb->lock);
	if (entry->tag.space)
		invalidate(tlb, entry);
	*entry = (struct iotlb_entry){.tag = *tag, .base = base, .page = *page};
	count(tlb, page->shift, 1);
	pthread_mutex_unlock(&tlb->lock);
}

/* The addresses that are part of a page with one of first to last. */
struct extent {
	uint64_t first;
	uint64_t last;
};

static struct extent widen(uint64_t first, uint64_t last, unsigned int shift)
{
	uint64_t mask = (UINT64_C(1) << shift) - 1;

	return (struct extent){first & ~mask, last | mask};
}

static bool overlaps(const struct iotlb_entry *entry, uint64_t first, uint64_t last)
{
	struct extent page = widen(entry->base, entry->base, entry->page.shift);

	return page.first <= last && page.last >= first;
}

/* Something is valid. */
static unsigned int largest_shift(const struct iotlb *tlb)
{
	return 63 - (unsigned int)__builtin_clzll(tlb->shifts);
}

static void drop(struct iotlb *tlb, const struct iotlb_tag *tag, uint64_t first, uint64_t last)
{
	unsigned int shift = largest_shift(tlb);
	struct extent near = widen(first, last, shift > tag->shift ? shift : tag->shift);
	uint64_t pages = ((near.last - near.first) >> tag->shift) + 1;

	for (uint64_t i = 0; i < pages && i <= tlb->mask; i++) {
		struct iotlb_entry *entry = &tlb->entries[i];

		/* the places where they can be, or all if that is less */
		if (pages <= tlb->mask)
			entry = slot_of(tlb, tag, near.first + (i << tag->shift));
		if (is_same(&entry->tag, tag) && overlaps(entry, first, last))
			invalidate(tlb, entry);
	}
}

void iotlb_drop(struct iotlb *tlb, const struct iotlb_tag *tag, uint64_t first, uint64_t last)
{
	pthread_mutex_lock(&tlb->lock);
	if (tlb->valid)
		drop(tlb, tag, first, last);
	pthread_mutex_unlock(&tlb->lock);
}

void iotlb_drop_if(
	struct iotlb *tlb, bool (*goes)(const struct iotlb_tag *, const void *arg), const void *arg)
{
	pthread_mutex_lock(&tlb->lock);
	for (uint64_t i = 0; tlb->valid && i <= tlb->mask; i++) {
		struct iotlb_entry *entry = &tlb->entries[i];

		if (entry->tag.space && goes(&entry->tag, arg))
			invalidate(tlb, entry);
	}
	pthread_mutex_unlock(&tlb->lock);
}
