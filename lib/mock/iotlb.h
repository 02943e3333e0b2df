/* SPDX-License-Identifier: MIT */
/*
 * A cache of translations, direct-mapped: that of one IOMMU, or that of a device which asks its
 * IOMMU for translations (ATS). A hit does not walk, so whoever changes a translation must drop
 * what became stale; what a guest changes stays until the guest says so. It has its own lock; of
 * spaces it knows their numbers alone, and it must not know devices or page requests.
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
	uint32_t perms;     /* IOASID_MAP_READ, _WRITE */
	unsigned int shift; /* of the page that a guest's table has there, or else the IOMMU */
	bool tagged;        /* whatever the top byte of the address is */
	const struct mock_space *noted; /* where writes are noted, should it track; see dirty.h */
	uint64_t at;                    /* the page's address there */
};

/* Whose translations, and of which accesses. */
struct iotlb_tag {
	const struct mock_space *space; /* whose table made it; NULL: invalid */
	uint32_t pasid; /* where the space has a table for each, else IOASID_PASID_NONE */
	uint16_t mode;  /* IOASID_FAULT_EXEC, _PRIV, where they matter */
	uint16_t shift; /* of the pages that are cached: a guest's may be larger */
};

struct iotlb_entry {
	struct iotlb_tag tag;
	uint64_t base;
	struct mock_page page;
};

struct iotlb {
	pthread_mutex_t lock;
	struct iotlb_entry *entries; /* NULL: none, and it is not asked */
	uint32_t mask;
	uint64_t hits;
	uint64_t misses;
	uint64_t valid;
	uint64_t shifts;    /* a bit for each size of page that has an entry */
	uint32_t sizes[64]; /* how many have it */
};

/* entries is a power of two. 0 or -ENOMEM. */
int iotlb_init(struct iotlb *tlb, uint32_t entries);
void iotlb_fini(struct iotlb *tlb);

/* base is the first address of a page. A hit has all permissions that are wanted; counts it, or a
 * miss. */
bool iotlb_find(struct iotlb *tlb, const struct iotlb_tag *tag, uint64_t base, uint32_t want,
	struct mock_page *page);
void iotlb_fill(struct iotlb *tlb, const struct iotlb_tag *tag, uint64_t base,
	const struct mock_page *page);

/* Drops the pages that overlap first to last, whatever their mode: all of a larger page that a
 * guest has there. */
void iotlb_drop(struct iotlb *tlb, const struct iotlb_tag *tag, uint64_t first, uint64_t last);

/* Drops what goes() says; it is called under the lock. */
void iotlb_drop_if(struct iotlb *tlb, bool (*goes)(const struct iotlb_tag *, const void *arg),
	const void *arg);

#endif
