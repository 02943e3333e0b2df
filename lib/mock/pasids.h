/* SPDX-License-Identifier: MIT */
/*
 * A guest's PASID table, and what an IOMMU keeps of it: the entries it has read, direct-mapped by
 * PASID, until the guest says that one changed. It has its own lock; it must not know what an entry
 * means.
 */
#ifndef MOCK_PASIDS_H
#define MOCK_PASIDS_H

#include "walk.h"
#include <pthread.h>

#define MOCK_PASIDS 64u

struct mock_pasid {
	bool valid;
	uint32_t pasid; /* IOASID_PASID_NONE: of accesses without one */
	struct walk_entry entry;
};

struct mock_pasids {
	struct walk_pasids table;
	pthread_mutex_t lock;
	struct mock_pasid kept[MOCK_PASIDS];
};

/* 0; -EINVAL with a reason, -ENOMEM. */
int mock_pasids_new(const struct ioasid_pgtable *told, struct mock_pasids **pasids);
void mock_pasids_free(struct mock_pasids *pasids);

bool mock_pasids_find(struct mock_pasids *pasids, uint32_t pasid, struct walk_entry *entry);
void mock_pasids_fill(struct mock_pasids *pasids, uint32_t pasid, const struct walk_entry *entry);
void mock_pasids_drop(struct mock_pasids *pasids, uint32_t pasid);
void mock_pasids_drop_all(struct mock_pasids *pasids);

#endif
