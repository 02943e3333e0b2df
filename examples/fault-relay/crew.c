/* SPDX-License-Identifier: MIT */
/*
 * The devices at work: see crew.h.
 */
#include "crew.h"
#include <stdlib.h>
#include <string.h>

#define PIECE_PAGES 64u

struct crew_member {
	struct crew *crew;
	struct machine_device *device;
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

static void work(void *arg)
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
}

int crew_start(struct crew *crew)
{
	unsigned int pages = crew->machine->group_pages, count = crew->machine->count;

	crew->piece = (uint64_t)(pages > PIECE_PAGES ? pages : PIECE_PAGES) * MACHINE_PAGE;
	crew->team = (struct team){.trouble = crew->trouble, .work = work};
	crew->members = calloc(count, sizeof(*crew->members));
	for (unsigned int i = 0; crew->members && i < count; i++)
		crew->members[i] = (struct crew_member){crew, &crew->machine->devices[i]};
	if (team_start(
		    &crew->team, crew->members, sizeof(*crew->members), crew->members ? count : 0))
		return -1;
	return crew->members ? 0 : trouble_add(crew->trouble, "out of memory");
}

bool crew_has_ended(struct crew *crew, unsigned int timeout)
{
	return team_has_ended(&crew->team, timeout);
}

void crew_join(struct crew *crew)
{
	team_join(&crew->team);
	free(crew->members);
}
