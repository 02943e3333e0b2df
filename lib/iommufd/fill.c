/* SPDX-License-Identifier: MIT */
/*
 * From the kernel's descriptor into the ring. There is no thread for it: a reader who finds the
 * ring empty pulls, and the lock that it tries elects one. What the kernel does oddly stays in here
 * and in batch.c: a read that gives 0 is an empty queue, or a group too large for the buffer.
 *
 * Nobody sleeps through a fault. A sleeper has armed the ring, found it empty, and polls a set of
 * the producer's eventfd and the kernel's descriptor (watch.c). A fault is
 *  - in the kernel: its descriptor is readable, and stays so until it was read; or, where it is set
 *    aside, something waits for room in the ring (below);
 *  - in the hands of the one who fills, whose lock kept the sleeper from pulling: it is published
 *    after the sleeper armed, which the producer sees and signals, or before, and then the sleeper
 *    found it (ring_arm());
 *  - waiting for room: BACKLOG is set, and whoever makes room refills, as with any producer. Only
 *    then is the kernel's descriptor set aside, so that no poll spins on it, and the refill that
 *    lets the last one in takes it back.
 */
#include "../clock.h"
#include "queue.h"
#include <errno.h>
#include <poll.h>
#include <unistd.h>

static ssize_t read_once(const struct iommufd_queue *queue)
{
	const struct iommufd_batch *batch = &queue->batch;
	ssize_t got;

	do
		got = read(queue->fd, batch->raw, batch->ask * sizeof(*batch->raw));
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

static bool is_readable(int fd)
{
	struct pollfd kernel = {.fd = fd, .events = POLLIN};

	return poll(&kernel, 1, 0) == 1 && kernel.revents & POLLIN;
}

/* The first group does not fit: newer kernels say EINVAL, older ones 0 while they poll readable. It
 * may also have come just now; then the next read has it, and one step too far does no harm. */
static bool was_too_small(const struct iommufd_queue *queue, ssize_t got)
{
	return got == -EINVAL || (!got && is_readable(queue->fd));
}

/* How many records, 0: none. It does not block: the kernel's read never does. */
static unsigned int read_kernel(struct iommufd_queue *queue)
{
	struct iommufd_batch *batch = &queue->batch;
	unsigned int records;
	ssize_t got;

	while (got = read_once(queue), was_too_small(queue, got)) {
		int err = iommufd_batch_grow(batch);

		__atomic_store_n(&queue->hopeless, err == -E2BIG, __ATOMIC_RELAXED);
		if (err)
			return 0; /* no memory now: the descriptor stays readable */
	}
	__atomic_store_n(&queue->hopeless, false, __ATOMIC_RELAXED);
	records = got > 0 ? (unsigned int)((size_t)got / sizeof(*batch->raw)) : 0;
	records = records < batch->ask ? records : batch->ask;
	batch->ask = IOMMUFD_BATCH_LEAST;
	return records;
}

/* The route of a device's group; any of its devices will do, they lead to one table. */
static const struct iommufd_route *route_of_group(
	struct iommufd *leaf, uint32_t group, uint32_t pasid)
{
	list_each(link, &leaf->devices)
	{
		struct iommufd_device *device = list_entry(link, struct iommufd_device, link);
		const struct iommufd_route *route;

		if (device->is.group != group)
			continue;
		route = iommufd_route(device, pasid);
		if (route)
			return route;
	}
	return NULL;
}

/* Where the guest has the PASID table, faults with any PASID are the default route's. */
static const struct iommufd_route *route_of(
	struct iommufd *leaf, const struct iommufd_device *device, const struct iommufd_fault *raw)
{
	const struct iommufd_route *route = NULL;

	if (raw->flags & IOMMUFD_FAULT_PASID_VALID)
		route = route_of_group(leaf, device->is.group, raw->pasid);
	if (!route)
		route = route_of_group(leaf, device->is.group, IOASID_PASID_NONE);
	return route;
}

static bool has_mate(const struct iommufd *leaf, const struct iommufd_device *device)
{
	list_each(link, &leaf->devices)
	{
		const struct iommufd_device *mate = list_entry(link, struct iommufd_device, link);

		if (mate != device && mate->is.group == device->is.group)
			return true;
	}
	return false;
}

/* Under the leaf's lock, shared. False: the kernel names a device that leads nowhere. */
static bool find_origin(
	struct iommufd *leaf, const struct iommufd_fault *raw, struct iommufd_origin *origin)
{
	const struct iommufd_device *device = iommufd_device(leaf, raw->dev_id);
	const struct iommufd_route *route = device ? route_of(leaf, device, raw) : NULL;

	if (!route)
		return false;
	origin->label = device->label;
	origin->flags = has_mate(leaf, device) ? IOASID_FAULT_LABEL_GROUP : 0;
	origin->space = route->space->id;
	origin->group = device->is.group;
	origin->route_pasid = route->pasid;
	return true;
}

static void sort(struct iommufd_queue *queue, unsigned int n)
{
	struct iommufd_batch *batch = &queue->batch;
	struct iommufd_origin origin = {.time = clock_now()};
	unsigned int count;
	bool whole;

	for (unsigned int at = 0; at < n; at += count) {
		const struct iommufd_fault *first = &batch->raw[at];

		count = iommufd_batch_group(first, n - at, &whole);
		if (whole && count <= queue->group_max && find_origin(queue->leaf, first, &origin))
			iommufd_batch_add(batch, first, count, &origin);
		else
			iommufd_batch_answer(batch, first->cookie, IOMMUFD_RESPONSE_INVALID);
	}
}

/* One that the kernel does not know stops it no longer than itself. */
static void send_answers(struct iommufd_queue *queue)
{
	struct iommufd_batch *batch = &queue->batch;
	unsigned int at = 0;

	while (at < batch->answer_count) {
		int sent = iommufd_queue_send(queue, &batch->answers[at], batch->answer_count - at);

		at += 1 + (sent > 0 ? (unsigned int)sent : 0);
	}
	batch->answer_count = 0;
}

static void send_refusals(struct iommufd_queue *queue)
{
	for (unsigned int i = 0; i < queue->batch.answer_count; i++)
		producer_count_end(&queue->producer);
	send_answers(queue);
}

/* Into the ring, or, where nobody is to wait for that, back to the device. */
static void push(struct iommufd_queue *queue)
{
	struct producer *producer = &queue->producer;
	struct iommufd_batch *batch = &queue->batch;
	uint32_t code = producer_late_code(producer) == IOASID_RESPONSE_SUCCESS
				? IOMMUFD_RESPONSE_SUCCESS
				: IOMMUFD_RESPONSE_INVALID;

	for (unsigned int i = 0; i < batch->group_count; i++) {
		i += producer_push_all(producer, batch->groups + i, batch->group_count - i);
		if (i < batch->group_count)
			iommufd_batch_answer(batch, (uint32_t)batch->groups[i].cookie, code);
	}
	send_answers(queue);
}

/* The batch is used anew only when nothing of the last one waits for room: the kernel keeps what it
 * has until then. */
static void fill(struct iommufd_queue *queue)
{
	struct iommufd_batch *batch = &queue->batch;
	unsigned int n;

	if (producer_refill(&queue->producer))
		return;
	n = read_kernel(queue);
	if (!n)
		return;
	iommufd_batch_clear(batch);
	pthread_rwlock_rdlock(&queue->leaf->lock);
	sort(queue, n);
	pthread_rwlock_unlock(&queue->leaf->lock);
	send_refusals(queue);
	push(queue);
}

void iommufd_faultq_pull(struct backend *be, uint32_t id)
{
	struct iommufd_queue *queue = iommufd_queue(iommufd_of(be), id);

	if (!queue || pthread_mutex_trylock(&queue->filling))
		return;
	fill(queue);
	pthread_mutex_unlock(&queue->filling);
	iommufd_watch(queue);
}
