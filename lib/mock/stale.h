/* SPDX-License-Identifier: MIT */
/*
 * Uses of cached entries that are no more what the tables say: noted, if the platform was made to
 * look for them. A bounded store of the oldest, and a count of all. It must not know how anything
 * is translated.
 */
#ifndef MOCK_STALE_H
#define MOCK_STALE_H

#include <ioasid/mock.h>
#include <pthread.h>

#define STALE_MOST 64u

struct mock_stale {
	pthread_mutex_t lock; /* no other is taken under it */
	struct ioasid_mock_stale list[STALE_MOST];
	unsigned int first;
	unsigned int count;
	uint64_t total; /* ever noted, also where there was no room */
};

void mock_stale_init(struct mock_stale *stale);
void mock_stale_fini(struct mock_stale *stale);
void mock_stale_note(struct mock_stale *stale, const struct ioasid_mock_stale *use);
uint64_t mock_stale_total(struct mock_stale *stale);

#endif
