/* SPDX-License-Identifier: MIT */
/*
 * A fault queue of the leaf: the kernel's half (a fault object and its descriptor) and ours (ring,
 * pending table, the descriptor that callers poll). Private to the files of queues: queue.c makes
 * and ends them, fill.c reads the kernel, answer.c writes to it, watch.c says when to come.
 *
 * Locks, in the order they are taken: the core's guard of the queue; filling; the leaf's; watching;
 * the producer's own.
 */
#ifndef IOMMUFD_QUEUE_H
#define IOMMUFD_QUEUE_H

#include "../producer.h"
#include "batch.h"
#include "iommufd.h"

struct iommufd_queue {
	struct list link;
	struct iommufd *leaf;
	uint32_t id;
	int fd;              /* the kernel's half; -1: it is gone */
	unsigned int tables; /* that name it; this and the next two under the leaf's lock */
	bool detached;       /* nobody reads it any more */
	bool freed;          /* only the kernel's half is left, until its last table goes */
	uint32_t group_max;
	struct producer producer;
	pthread_mutex_t filling;    /* of the one who moves records from the kernel into the ring */
	struct iommufd_batch batch; /* under filling, or with the guard held exclusively */
	pthread_mutex_t watching;
	int pollfd;    /* an epoll set of the producer's eventfd and fd */
	bool aside;    /* fd is not watched; under watching */
	bool hopeless; /* the kernel has a group that no buffer can hold; atomic */
};

/* answer.c: how many were taken, in order; the next one failed if that is less than n. If it was
 * the first, -errno. */
int iommufd_queue_send(const struct iommufd_queue *queue, const struct iommufd_response *responses,
	unsigned int n);

/* watch.c */
int iommufd_watch_open(struct iommufd_queue *queue); /* sets pollfd */
/* After what may have filled or made room in the ring: callers' polls see the kernel's descriptor
 * if, and only if, a pull would read it. */
void iommufd_watch(struct iommufd_queue *queue);

#endif
