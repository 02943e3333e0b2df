/* SPDX-License-Identifier: MIT */
/*
 * What one read() of a fault queue gave, and what became of it: groups for the ring, and groups
 * that are answered at once, since they are malformed, too large or too late. The memory for all of
 * it, as large as the read may be. Knows the kernel's records and the ring's, no queue.
 */
#ifndef IOMMUFD_BATCH_H
#define IOMMUFD_BATCH_H

#include "../producer.h"
#include "uapi.h"

/* Records asked for in one read: 81,920 bytes cover the credits of any device; and the most, for
 * groups that are larger than that. */
#define IOMMUFD_BATCH_LEAST 2048u
#define IOMMUFD_BATCH_MOST  (1u << 20)

struct iommufd_batch {
	unsigned int room; /* records that there is memory for */
	unsigned int ask;  /* records that the next read may give, at most room */
	struct iommufd_fault *raw;
	struct ioasid_fault *records;
	struct producer_group *groups; /* their records are the ones above */
	struct iommufd_response *answers;
	unsigned int group_count;
	unsigned int record_count;
	unsigned int answer_count; /* at once */
};

/* Zero at first. 0, -ENOMEM, -E2BIG beyond the most. What it held is gone. */
int iommufd_batch_open(struct iommufd_batch *);
int iommufd_batch_grow(struct iommufd_batch *);
void iommufd_batch_close(struct iommufd_batch *); /* twice does no harm */

/* What the kernel's record does not say of its group. */
struct iommufd_origin {
	uint64_t label;
	uint64_t time;
	uint32_t flags; /* IOASID_FAULT_LABEL_GROUP */
	uint32_t space;
	uint32_t group;       /* the IOMMU's, for which the kernel ends faults */
	uint32_t route_pasid; /* of the route that ends them; not always the record's */
};

/* How many records from the first on are one group's, at least 1 of n; *whole: it has its last one,
 * and all of them agree. */
unsigned int iommufd_batch_group(const struct iommufd_fault *first, unsigned int n, bool *whole);

void iommufd_batch_clear(struct iommufd_batch *);
void iommufd_batch_add(struct iommufd_batch *, const struct iommufd_fault *first,
	unsigned int count, const struct iommufd_origin *origin);
void iommufd_batch_answer(struct iommufd_batch *, uint32_t cookie, uint32_t code);

#endif
