/* SPDX-License-Identifier: MIT */
/*
 * The cache of one IOMMU: see iotlb.h. Of spaces it knows only who is nested on whom; it must not
 * know devices or page requests.
 */
#include "iotlb.h"
#include "space.h"
#include <errno.h>
#include <stdlib.h>

int iotlb_init(struct iotlb *tlb, uint32_t entries, unsigned int shift)
{
	*tlb = (struct iotlb){.mask = entries - 1, .shift = shift};
	tlb->entries = calloc(entries, sizeof(*tlb->entries));
	if (!tlb->entries)
		return -ENOMEM;
	pthread_mutex_init(&tlb->lock, NULL);
	return 0;
}

void iotlb_fini(struct iotlb *tlb)
{
	pthread_mutex_destroy(&tlb->lock);
	free(tlb->entries);
}

static struct iotlb_entry *slot_of(struct iotlb *tlb, const struct mock_space *space, uint64_t base)
{
	/* the number spreads equal addresses of different spaces */
	uint64_t hash = (base >> tlb->shift) + (uint64_t)space->id * 0x9e3779b1u;

	return &tlb->entries[hash & tlb->mask];
}

bool iotlb_find(
	struct iotlb *tlb, const struct mock_space *space, uint64_t base, struct mock_page *page)
{
	const struct iotlb_entry *entry = slot_of(tlb, space, base);
	bool hit;

	pthread_mutex_lock(&tlb->lock);
	hit = entry->space == space && entry->base == base;
	if (hit)
		*page = entry->page;
	tlb->hits += hit;
	tlb->misses += !hit;
	pthread_mutex_unlock(&tlb->lock);
	return hit;
}

void iotlb_fill(struct iotlb *tlb, const struct mock_space *space, uint64_t base,
	const struct mock_page *page)
{
	struct iotlb_entry *entry = slot_of(tlb, space, base);

	pthread_mutex_lock(&tlb->lock);
	tlb->valid += !entry->space;
	*entry = (struct iotlb_entry){.space = space, .base = base, .page = *page};
	pthread_mutex_unlock(&tlb->lock);
}

static void invalidate(struct iotlb *tlb, struct iotlb_entry *entry)
{
	entry->space = NULL;
	tlb->valid--;
}

static void drop_if(struct iotlb *tlb, struct iotlb_entry *entry, const struct mock_space *space,
	uint64_t first, uint64_t last)
{
	if (entry->space == space && entry->base >= first && entry->base <= last)
		invalidate(tlb, entry);
}

void iotlb_drop(struct iotlb *tlb, const struct mock_space *space, uint64_t first, uint64_t last)
{
	uint64_t size = UINT64_C(1) << tlb->shift, pages;

	first &= ~(size - 1);
	pages = ((last - first) >> tlb->shift) + 1;
	pthread_mutex_lock(&tlb->lock);
	if (pages > tlb->mask)
		for (uint64_t i = 0; i <= tlb->mask; i++)
			drop_if(tlb, &tlb->entries[i], space, first, last);
	else
		for (uint64_t i = 0; i < pages; i++)
			drop_if(tlb, slot_of(tlb, space, first + i * size), space, first, last);
	pthread_mutex_unlock(&tlb->lock);
}

void iotlb_drop_nested(struct iotlb *tlb, const struct mock_space *space)
{
	pthread_mutex_lock(&tlb->lock);
	for (uint64_t i = 0; i <= tlb->mask; i++) {
		struct iotlb_entry *entry = &tlb->entries[i];

		if (entry->space && entry->space != space && space_is_under(entry->space, space))
			invalidate(tlb, entry);
	}
	pthread_mutex_unlock(&tlb->lock);
}
