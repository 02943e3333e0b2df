/* SPDX-License-Identifier: MIT */
/*
 * The devices at work, a thread each: they share FILE in pieces and copy each piece by DMA from
 * where they find FILE to where they find OUT. As hardware does, they know I/O addresses alone.
 */
#ifndef CREW_H
#define CREW_H

#include "../common/team.h"
#include "machine.h"
#include <stdatomic.h>

struct crew {
	struct machine *machine;
	struct trouble *trouble;
	struct team team;
	struct crew_member *members;
	uint64_t from; /* I/O addresses: FILE and OUT */
	uint64_t to;
	uint64_t size;
	uint64_t piece;
	_Atomic uint64_t next;  /* not taken by anyone yet */
	_Atomic uint64_t moved; /* bytes */
};

/* machine, trouble, from, to, size are filled in. 0, or -1 with the trouble noted, and then some
 * may be at work: crew_join() in any case. */
int crew_start(struct crew *crew);

/* Waits for so many milliseconds; true once all have ended. */
bool crew_has_ended(struct crew *crew, unsigned int timeout);

void crew_join(struct crew *crew);

#endif
