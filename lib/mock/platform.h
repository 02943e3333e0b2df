/* SPDX-License-Identifier: MIT */
/*
 * The platform that contexts are opened on, what a context sees of it, and its locks.
 *
 * Order of locks: world, faults, a producer's own; a cache's, or that of stale uses, last. The
 * world is what DMA is translated by: each page of a DMA holds it shared, a change holds it
 * exclusively, so that no DMA reaches what a change took away. Page requests are raised while it is
 * still held: no detach comes in between.
 */
#ifndef MOCK_PLATFORM_H
#define MOCK_PLATFORM_H

#include "../backend.h"
#include "../list.h"
#include "../maptree.h"
#include "pump.h"
#include "stale.h"
#include "table.h"
#include <ioasid/mock.h>
#include <pthread.h>

struct mock_failure {
	uint32_t nth; /* 0: not armed */
	int error;
};

struct ioasid_mock {
	struct ioasid_mock_opts opts;
	unsigned int refs;    /* the user's handle and each open context; atomic */
	uint64_t dma_bytes;   /* atomic */
	uint64_t pasid_reads; /* atomic */

	pthread_rwlock_t world;
	bool gone; /* ioasid_mock_free() was called */
	struct table iommus;
	struct list devices;
	struct list groups;
	uint32_t device_count; /* ever made; numbers them in texts */
	struct table pages;
	uint64_t pinned;
	struct table wires;    /* PASIDs on the wire that are a space's; see wire.h */
	struct list vms;       /* see vm.h */
	uint32_t vm_count;     /* ever made */
	uint32_t pasid_tables; /* bound, in all contexts */

	pthread_mutex_t faults;
	struct mock_pump pump;
	uint64_t requests;
	uint64_t raised;
	uint64_t answers;

	struct mock_stale stale;

	pthread_mutex_t control; /* taken alone */
	uint32_t armed;          /* failures; atomic, changed under the lock */
	struct mock_failure failures[IOASID_MOCK_OP_COUNT];
	uint64_t failed;
	void (*hook)(void *arg);
	void *hook_arg;
};

/* A context on the platform. */
struct mock_backend {
	struct backend base;
	struct ioasid_mock *mock;
	struct table spaces;       /* under the world */
	struct table devices;      /* under the world */
	struct table queues;       /* under faults */
	struct maptree registered; /* process memory; mark: the pages' number; under the world */
};

static inline struct mock_backend *mock_backend(struct backend *be)
{
	return (struct mock_backend *)be;
}

void mock_ref(struct ioasid_mock *mock);
void mock_unref(struct ioasid_mock *mock);

static inline bool mock_is_strict(const struct ioasid_mock *mock)
{
	return mock->opts.flags & IOASID_MOCK_STRICT;
}

/* failure.c: the error that this operation was told to fail with, or 0 */
int mock_injected(struct ioasid_mock *mock, uint32_t op);

/* failure.c: runs the user's hook, if there is one */
void mock_before_answer(struct ioasid_mock *mock);

/* ops.c */
extern const struct backend_ops mock_ops;

#endif
