/* SPDX-License-Identifier: MIT */
/*
 * Threads that do the same work, each on a thing of its own, and somebody who waits for them and
 * may look up now and then. Knows not what the work is.
 */
#ifndef TEAM_H
#define TEAM_H

#include "trouble.h"
#include <pthread.h>
#include <stddef.h>

struct team {
	struct trouble *trouble;
	void (*work)(void *thing);
	struct team_member *members;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	unsigned int started;
	unsigned int running;
};

/* work and trouble are filled in; things are count elements of this size, in a row. 0, or -1 with
 * the trouble noted, and then some may be at work: team_join() in any case. */
int team_start(struct team *team, void *things, size_t size, unsigned int count);

/* Waits for so many milliseconds; true once all have ended. */
bool team_has_ended(struct team *team, unsigned int timeout);

void team_join(struct team *team);

#endif
