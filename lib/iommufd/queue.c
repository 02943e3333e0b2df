/* SPDX-License-Identifier: MIT */
/*
 * Fault queues of the leaf: made, looked up, cancelled in, ended. The kernel's order is kept, so
 * that no call ever meets EBUSY: routes leave the tables that report to a queue, those tables go,
 * then the descriptor, then the fault object. What is in a queue is fill.c's and answer.c's.
 */
#include "queue.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct iommufd_queue *iommufd_queue(struct iommufd *leaf, uint32_t id)
{
	struct iommufd_queue *found = NULL;

	pthread_rwlock_rdlock(&leaf->lock);
	list_each(link, &leaf->queues)
	{
		struct iommufd_queue *queue = list_entry(link, struct iommufd_queue, link);

		/* the kernel may have given the number of one that was detached to another */
		if (queue->id != id || queue->detached)
			continue;
		found = queue;
		break;
	}
	pthread_rwlock_unlock(&leaf->lock);
	return found;
}

uint32_t iommufd_queue_id(const struct iommufd_queue *queue)
{
	return queue->id;
}

/* The kernel's half, made and ended. */

static int open_kernel(struct iommufd_queue *queue)
{
	struct iommufd_fault_queue_alloc alloc = {.size = sizeof(alloc)};
	int err = iommufd_call(queue->leaf->fd, IOMMUFD_FAULT_QUEUE_ALLOC, &alloc);

	if (err)
		return err;
	queue->id = alloc.out_fault_id;
	queue->fd = (int)alloc.out_fault_fd;
	/* it is already, with the kernels that there are */
	return fcntl(queue->fd, F_SETFD, FD_CLOEXEC) ? -errno : 0;
}

static void close_kernel(struct iommufd_queue *queue)
{
	if (queue->fd < 0)
		return;
	close(queue->fd);
	queue->fd = -1;
	iommufd_destroy_object(queue->leaf, queue->id);
}

/* Our half. */

static void close_own(struct iommufd_queue *queue)
{
	if (queue->pollfd >= 0)
		close(queue->pollfd);
	producer_close(&queue->producer);
	iommufd_batch_close(&queue->batch);
	pthread_mutex_destroy(&queue->watching);
	pthread_mutex_destroy(&queue->filling);
}

static struct iommufd_queue *new_queue(
	struct iommufd *leaf, const struct ioasid_faultq_opts *opts, int *err)
{
	struct iommufd_queue *queue = calloc(1, sizeof(*queue));

	*err = queue ? producer_open(&queue->producer, opts) : -ENOMEM;
	if (*err) {
		free(queue);
		return NULL;
	}
	queue->leaf = leaf;
	queue->fd = -1;
	queue->pollfd = -1;
	queue->group_max = opts->group_max;
	pthread_mutex_init(&queue->filling, NULL);
	pthread_mutex_init(&queue->watching, NULL);
	return queue;
}

static int open_parts(struct iommufd_queue *queue)
{
	int err = iommufd_batch_open(&queue->batch);

	if (!err)
		err = open_kernel(queue);
	return err ? err : iommufd_watch_open(queue);
}

static void describe(const struct iommufd_queue *queue, struct backend_faultq *is)
{
	*is = (struct backend_faultq){
		.id = queue->id,
		.pulls = true,
		.eventfd = queue->producer.eventfd,
		.pollfd = queue->pollfd,
		.ring = queue->producer.ring,
		.ring_size = queue->producer.size,
		.pending = queue->producer.pending,
	};
}

static void enlist(struct iommufd_queue *queue)
{
	pthread_rwlock_wrlock(&queue->leaf->lock);
	list_append(&queue->leaf->queues, &queue->link);
	pthread_rwlock_unlock(&queue->leaf->lock);
}

int iommufd_faultq_new(
	struct backend *be, const struct ioasid_faultq_opts *opts, struct backend_faultq *is)
{
	struct iommufd *leaf = iommufd_of(be);
	struct iommufd_queue *queue;
	int err;

	if (!(leaf->has & IOMMUFD_HAS_FAULTS))
		return error_reason(
			-EOPNOTSUPP, "this kernel has no fault queues (Linux 6.11 has)");
	queue = new_queue(leaf, opts, &err);
	if (!queue)
		return err;
	err = open_parts(queue);
	if (err) {
		close_kernel(queue);
		close_own(queue);
		free(queue);
		return err;
	}
	enlist(queue);
	describe(queue, is);
	return 0;
}

/* A table keeps the kernel's half, and of ours the structure. */

void iommufd_queue_use(struct iommufd_queue *queue)
{
	if (!queue)
		return;
	pthread_rwlock_wrlock(&queue->leaf->lock);
	queue->tables++;
	pthread_rwlock_unlock(&queue->leaf->lock);
}

void iommufd_queue_unuse(struct iommufd *leaf, struct iommufd_queue *queue)
{
	bool last;

	if (!queue)
		return;
	pthread_rwlock_wrlock(&leaf->lock);
	last = !--queue->tables;
	if (last && queue->detached)
		close_kernel(queue);
	last = last && queue->freed;
	pthread_rwlock_unlock(&leaf->lock);
	if (last)
		free(queue);
}

/* Spaces go on without the queue, and so do the routes to their tables: each moves to a table that
 * reports to nobody, and the kernel answers what was outstanding INVALID. */

static void forget_in_spaces(struct iommufd *leaf, const struct iommufd_queue *queue)
{
	list_each(link, &leaf->spaces)
	{
		struct iommufd_space *space = list_entry(link, struct iommufd_space, link);

		if (space->queue == queue)
			space->queue = NULL;
	}
}

static void refresh_routes(
	struct iommufd *leaf, struct iommufd_device *device, const struct iommufd_queue *queue)
{
	list_each(link, &device->routes)
	{
		struct iommufd_route *route = list_entry(link, struct iommufd_route, of_device);

		/* for want of memory it may stay: the table then keeps the kernel's half */
		if (route->table && route->table->queue == queue &&
			iommufd_route_refresh(leaf, device, route))
			error_forget();
	}
}

void iommufd_faultq_detach(struct backend *be, uint32_t id)
{
	struct iommufd *leaf = iommufd_of(be);
	struct iommufd_queue *queue = iommufd_queue(leaf, id);

	if (!queue)
		return;
	pthread_rwlock_wrlock(&leaf->lock);
	queue->detached = true;
	forget_in_spaces(leaf, queue);
	pthread_rwlock_unlock(&leaf->lock);
	pthread_rwlock_wrlock(&leaf->reading);
	list_each(link, &leaf->devices)
		refresh_routes(leaf, list_entry(link, struct iommufd_device, link), queue);
	pthread_rwlock_unlock(&leaf->reading);
	pthread_rwlock_wrlock(&leaf->lock);
	if (!queue->tables)
		close_kernel(queue);
	pthread_rwlock_unlock(&leaf->lock);
}

/* The one with this ring: its number may be another's by now. */
static struct iommufd_queue *take_off(struct iommufd *leaf, const void *ring, bool *last)
{
	list_each(link, &leaf->queues)
	{
		struct iommufd_queue *queue = list_entry(link, struct iommufd_queue, link);

		if (queue->producer.ring != ring)
			continue;
		list_remove(&queue->link);
		queue->freed = true;
		*last = !queue->tables;
		return queue;
	}
	return NULL;
}

void iommufd_faultq_free(struct backend *be, struct backend_faultq *is)
{
	struct iommufd *leaf = iommufd_of(be);
	struct iommufd_queue *queue;
	bool last = false;

	pthread_rwlock_wrlock(&leaf->lock);
	queue = take_off(leaf, is->ring, &last);
	if (queue)
		close_own(queue);
	pthread_rwlock_unlock(&leaf->lock);
	if (last)
		free(queue);
}

void iommufd_queue_end_all(struct iommufd *leaf)
{
	pthread_rwlock_wrlock(&leaf->lock);
	list_each(link, &leaf->queues)
	{
		struct iommufd_queue *queue = list_entry(link, struct iommufd_queue, link);

		close_kernel(queue);
		producer_end(&queue->producer);
	}
	pthread_rwlock_unlock(&leaf->lock);
}

void iommufd_faultq_refill(struct backend *be, uint32_t id)
{
	struct iommufd_queue *queue = iommufd_queue(iommufd_of(be), id);

	if (!queue)
		return;
	producer_refill(&queue->producer);
	iommufd_watch(queue);
}

void iommufd_faultq_stats(struct backend *be, uint32_t id, struct ioasid_faultq_stats *stats)
{
	struct iommufd_queue *queue = iommufd_queue(iommufd_of(be), id);

	if (queue)
		producer_stats(&queue->producer, stats);
}

/* Groups that a route's end has ended. */

static void drop_waiting(struct iommufd_queue *queue, uint32_t group, uint32_t pasid)
{
	struct iommufd_batch *batch = &queue->batch;

	if (!producer_waits(&queue->producer))
		return;
	for (unsigned int i = 0; i < batch->group_count; i++)
		if (batch->groups[i].device == group && batch->groups[i].route == pasid)
			producer_drop(&queue->producer, &batch->groups[i]);
}

/* With the guard held exclusively: nobody fills or answers. */
void iommufd_queue_cancel(struct iommufd_queue *queue, uint32_t id, uint32_t pasid)
{
	const struct iommufd_device *device;

	/* nobody is there to be told, and the kernel has answered */
	if (!queue || queue->detached)
		return;
	device = iommufd_device(queue->leaf, id);
	if (!device)
		return;
	drop_waiting(queue, device->is.group, pasid);
	producer_cancel(&queue->producer, device->is.group, pasid);
	/* it may have been this route's: the next pull finds out */
	__atomic_store_n(&queue->hopeless, false, __ATOMIC_RELAXED);
	iommufd_watch(queue);
}
