/* SPDX-License-Identifier: MIT */
/*
 * The cache of one IOMMU: (space, page) to host memory and permissions, direct-mapped. A hit does
 * not walk, so whoever changes a translation must drop what became stale. It has its own lock; it
 * must not know devices or page requests.
 */
#ifndef MOCK_IOTLB_H
#define MOCK_IOTLB_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct mock_space;

/* Where a page of I/O addresses leads. */
struct mock_page {
	unsigned char *host;
	uint32_t perms; /* IOASID_MAP_READ, _WRITE */
};

struct iotlb_entry {
	const struct mock_space *space; /* NULL: invalid */
	uint64_t base;
	struct mock_page page;
};

struct iotlb {
	pthread_mutex_t lock;
	struct iotlb_entry *entries;
	uint32_t mask;
	unsigned int shift; /* of a page */
	uint64_t hits;
	uint64_t misses;
	uint64_t valid;
};

/* entries is a power of two. 0 or -ENOMEM. */
int iotlb_init(struct iotlb *tlb, uint32_t entries, unsigned int shift);
void iotlb_fini(struct iotlb *tlb);

/* base is the first address of a page; counts a hit or a miss. */
bool iotlb_find(
	struct iotlb *tlb, const struct mock_space *space, uint64_t base, struct mock_page *page);
void iotlb_fill(struct iotlb *tlb, const struct mock_space *space, uint64_t base,
	const struct mock_page *page);

/* Drops what overlaps first to last of the space. */
void iotlb_drop(struct iotlb *tlb, const struct mock_space *space, uint64_t first, uint64_t last);

/* Drops everything of the spaces nested on this one, at any depth. */
void iotlb_drop_nested(struct iotlb *tlb, const struct mock_space *space);

#endif
