/* SPDX-License-Identifier: MIT */
/*
 * What went wrong first, whichever thread it happened to. Everyone else looks here and stops.
 */
#ifndef TROUBLE_H
#define TROUBLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct trouble {
	pthread_mutex_t lock;
	atomic_bool any;
	char text[8192]; /* two paths and some words */
};

#define TROUBLE_NONE                                                                               \
	{                                                                                          \
		.lock = PTHREAD_MUTEX_INITIALIZER                                                  \
	}

/* Keeps the text if it is the first; returns -1, for callers to return. */
int trouble_add(struct trouble *trouble, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

bool trouble_any(struct trouble *trouble);

#endif
