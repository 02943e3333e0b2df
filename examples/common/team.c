/* SPDX-License-Identifier: MIT */
/*
 * Threads that do the same work: see team.h.
 */
#include "team.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct team_member {
	struct team *team;
	void *thing;
	pthread_t thread;
};

static void *run(void *arg)
{
	struct team_member *member = arg;
	struct team *team = member->team;

	team->work(member->thing);
	pthread_mutex_lock(&team->lock);
	if (!--team->running)
		pthread_cond_signal(&team->ended);
	pthread_mutex_unlock(&team->lock);
	return NULL;
}

static int hire(struct team *team, struct team_member *member)
{
	int error;

	pthread_mutex_lock(&team->lock);
	error = pthread_create(&member->thread, NULL, run, member);
	if (!error) {
		team->started++;
		team->running++;
	}
	pthread_mutex_unlock(&team->lock);
	return error ? trouble_add(team->trouble, "no thread: %s", strerror(error)) : 0;
}

int team_start(struct team *team, void *things, size_t size, unsigned int count)
{
	struct team_member *member;

	pthread_mutex_init(&team->lock, NULL);
	pthread_cond_init(&team->ended, NULL);
	team->members = calloc(count, sizeof(*team->members));
	if (!team->members)
		return trouble_add(team->trouble, "out of memory");
	for (unsigned int i = 0; i < count; i++) {
		member = &team->members[i];
		*member = (struct team_member){.team = team, .thing = (char *)things + i * size};
		if (hire(team, member))
			return -1;
	}
	return 0;
}

bool team_has_ended(struct team *team, unsigned int timeout)
{
	struct timespec until;
	int error = 0;
	bool ended;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)(timeout % 1000) * 1000000;
	until.tv_sec += timeout / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&team->lock);
	while (team->running && error != ETIMEDOUT)
		error = pthread_cond_timedwait(&team->ended, &team->lock, &until);
	ended = !team->running;
	pthread_mutex_unlock(&team->lock);
	return ended;
}

void team_join(struct team *team)
{
	for (unsigned int i = 0; i < team->started; i++)
		pthread_join(team->members[i].thread, NULL);
	free(team->members);
	pthread_cond_destroy(&team->ended);
	pthread_mutex_destroy(&team->lock);
}
