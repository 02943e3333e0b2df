/* SPDX-License-Identifier: MIT */
/*
 * The devices at work: see crew.h.
 */
#include "crew.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PIECE_PAGES 64u

struct crew_member {
	struct crew *crew;
	struct machine_device *device;
	pthread_t thread;
};

static int copy(struct crew_member *member, uint64_t offset, uint64_t length)
{
	struct crew *crew = member->crew;
	struct ioasid_mock_dma dma = {.kind = IOASID_MOCK_DMA_COPY,
		.pasid = member->device->v_pasid,
		.source = crew->from + offset,
		.iova = crew->to + offset,
		.length = length};
	int result = ioasid_mock_dma(member->device->hardware, &dma);

	crew->moved += dma.done;
	if (!result && dma.done == length)
		return 0;
	return trouble_add(crew->trouble, "DMA of device %x at offset %llu ended after %llu: %s",
		member->device->v_rid, (unsigned long long)offset, (unsigned long long)dma.done,
		strerror(-result));
}

static void *work(void *arg)
{
	struct crew_member *member = arg;
	struct crew *crew = member->crew;
	uint64_t at, left;

	while (!trouble_any(crew->trouble)) {
		at = atomic_fetch_add(&crew->next, crew->piece);
		if (at >= crew->size)
			break;
		left = crew->size - at;
		if (copy(member, at, left < crew->piece ? left : crew->piece))
			break;
	}
	pthread_mutex_lock(&crew->lock);
	if (!--crew->running)
		pthread_cond_signal(&crew->ended);
	pthread_mutex_unlock(&crew->lock);
	return NULL;
}

static int hire(struct crew *crew, unsigned int i)
{
	struct crew_member *member = &crew->members[i];
	int error;

	*member = (struct crew_member){.crew = crew, .device = &crew->machine->devices[i]};
	pthread_mutex_lock(&crew->lock);
	error = pthread_create(&member->thread, NULL, work, member);
	if (!error) {
		crew->started++;
		crew->running++;
	}
	pthread_mutex_unlock(&crew->lock);
	return error ? trouble_add(crew->trouble, "no thread: %s", strerror(error)) : 0;
}

int crew_start(struct crew *crew)
{
	unsigned int pages = crew->machine->group_pages;

	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->ended, NULL);
	crew->piece = (uint64_t)(pages > PIECE_PAGES ? pages : PIECE_PAGES) * MACHINE_PAGE;
	crew->members = calloc(crew->machine->count, sizeof(*crew->members));
	if (!crew->members)
		return trouble_add(crew->trouble, "out of memory");
	for (unsigned int i = 0; i < crew->machine->count; i++)
		if (hire(crew, i))
			return -1;
	return 0;
}

bool crew_has_ended(struct crew *crew, unsigned int timeout)
{
	struct timespec until;
	int error = 0;
	bool ended;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)(timeout % 1000) * 1000000;
	until.tv_sec += timeout / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&crew->lock);
	while (crew->running && error != ETIMEDOUT)
		error = pthread_cond_timedwait(&crew->ended, &crew->lock, &until);
	ended = !crew->running;
	pthread_mutex_unlock(&crew->lock);
	return ended;
}

void crew_join(struct crew *crew)
{
	for (unsigned int i = 0; i < crew->started; i++)
		pthread_join(crew->members[i].thread, NULL);
	free(crew->members);
	pthread_cond_destroy(&crew->ended);
	pthread_mutex_destroy(&crew->lock);
}
