/* SPDX-License-Identifier: MIT */
/*
 * Uses of stale entries: see stale.h. The first ones are kept: what comes after them is often what
 * they led to.
 */
#include "stale.h"
#include "../error.h"
#include "platform.h"
#include <errno.h>

void mock_stale_init(struct mock_stale *stale)
{
	pthread_mutex_init(&stale->lock, NULL);
}

void mock_stale_fini(struct mock_stale *stale)
{
	pthread_mutex_destroy(&stale->lock);
}

void mock_stale_note(struct mock_stale *stale, const struct ioasid_mock_stale *use)
{
	pthread_mutex_lock(&stale->lock);
	stale->total++;
	if (stale->count < STALE_MOST)
		stale->list[(stale->first + stale->count++) % STALE_MOST] = *use;
	pthread_mutex_unlock(&stale->lock);
}

uint64_t mock_stale_total(struct mock_stale *stale)
{
	uint64_t total;

	pthread_mutex_lock(&stale->lock);
	total = stale->total;
	pthread_mutex_unlock(&stale->lock);
	return total;
}

int ioasid_mock_stale_read(struct ioasid_mock *mock, struct ioasid_mock_stale *list, unsigned int n)
{
	unsigned int taken = 0;
	struct mock_stale *stale;

	if (!mock || (n && !list))
		return error_set(
			-EINVAL, "ioasid_mock_stale_read: %s is NULL", mock ? "list" : "mock");
	stale = &mock->stale;
	pthread_mutex_lock(&stale->lock);
	for (; taken < n && stale->count; stale->count--) {
		list[taken++] = stale->list[stale->first];
		stale->first = (stale->first + 1) % STALE_MOST;
	}
	pthread_mutex_unlock(&stale->lock);
	return (int)taken;
}
