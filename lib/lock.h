/* SPDX-License-Identifier: MIT */
/*
 * Reader-writer locks whose writers come first: readers are many and never leave it alone, and who
 * changes something must not wait for ever. Not recursive. Knows libc alone.
 */
#ifndef LOCK_H
#define LOCK_H

#include <pthread.h>

static inline void writer_first(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
#ifdef __GLIBC__
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
	pthread_rwlock_init(lock, &attr);
	pthread_rwlockattr_destroy(&attr);
}

#endif
