/* SPDX-License-Identifier: MIT */
/*
 * Fault queues of a context: made, detached, freed; and answers, from a cookie to the page request
 * that has it. It must not know how page requests come about, nor what a ring looks like.
 */
#include "queue.h"
#include "../error.h"
#include "request.h"
#include "space.h"
#include <errno.h>
#include <stdlib.h>

struct mock_queue *mock_queue_find(struct mock_backend *be, uint32_t id)
{
	struct mock_queue *queue;

	pthread_mutex_lock(&be->mock->faults);
	queue = table_get(&be->queues, id);
	pthread_mutex_unlock(&be->mock->faults);
	return queue;
}

static void free_queue(struct mock_queue *queue)
{
	table_free(&queue->cookies);
	free(queue);
}

/* All cookies there can be, so that to raise a page request needs no memory. */
static struct mock_queue *make_queue(const struct ioasid_faultq_opts *opts)
{
	struct mock_queue *queue = calloc(1, sizeof(*queue));

	if (!queue)
		return NULL;
	queue->group_max = opts->group_max;
	queue->cookies.limit = IOASID_FAULTQ_OUTSTANDING_MAX;
	if (!table_reserve(&queue->cookies, IOASID_FAULTQ_OUTSTANDING_MAX))
		return queue;
	free_queue(queue);
	return NULL;
}

static int file_queue(struct mock_backend *be, struct mock_queue *queue)
{
	int err;

	pthread_mutex_lock(&be->mock->faults);
	err = table_put(&be->queues, queue, &queue->id);
	pthread_mutex_unlock(&be->mock->faults);
	return err;
}

static void describe(struct mock_queue *queue, struct backend_faultq *is)
{
	*is = (struct backend_faultq){
		.id = queue->id,
		.eventfd = queue->producer.eventfd,
		.pollfd = queue->producer.eventfd,
		.ring = queue->producer.ring,
		.ring_size = queue->producer.size,
		.pending = queue->producer.pending,
	};
}

int mock_faultq_new(
	struct backend *base, const struct ioasid_faultq_opts *opts, struct backend_faultq *is)
{
	struct mock_backend *be = mock_backend(base);
	int err = mock_injected(be->mock, IOASID_MOCK_OP_FAULTQ_NEW);
	struct mock_queue *queue;

	if (err)
		return err;
	queue = make_queue(opts);
	if (!queue)
		return -ENOMEM;
	err = producer_open(&queue->producer, opts);
	if (err) {
		free_queue(queue);
		return err;
	}
	err = file_queue(be, queue);
	if (err) {
		producer_close(&queue->producer);
		free_queue(queue);
		return err;
	}
	describe(queue, is);
	return 0;
}

void mock_queue_answer_all(struct mock_queue *queue)
{
	struct mock_request *request;
	uint32_t cookie = 0;

	while ((request = table_next(&queue->cookies, &cookie))) {
		producer_drop(&queue->producer, &request->group);
		mock_request_end(request, IOASID_RESPONSE_INVALID);
	}
}

void mock_faultq_detach(struct backend *base, uint32_t id)
{
	struct mock_backend *be = mock_backend(base);
	struct mock_queue *queue = mock_queue_find(be, id);
	struct mock_space *space;
	uint32_t number = 0;

	if (!queue)
		return;
	pthread_rwlock_wrlock(&be->mock->world);
	while ((space = table_next(&be->spaces, &number)))
		if (space->queue == queue)
			space->queue = NULL;
	pthread_mutex_lock(&be->mock->faults);
	mock_queue_answer_all(queue);
	list_each(link, &be->mock->devices)
		mock_request_let_go(list_entry(link, struct ioasid_mock_device, link), queue);
	pthread_mutex_unlock(&be->mock->faults);
	pthread_rwlock_unlock(&be->mock->world);
}

void mock_faultq_free(struct backend *base, struct backend_faultq *is)
{
	struct mock_backend *be = mock_backend(base);
	struct mock_queue *queue = mock_queue_find(be, is->id);

	if (!queue)
		return;
	pthread_mutex_lock(&be->mock->faults);
	table_drop(&be->queues, is->id);
	pthread_mutex_unlock(&be->mock->faults);
	producer_close(&queue->producer);
	free_queue(queue);
}

void mock_faultq_refill(struct backend *base, uint32_t id)
{
	struct mock_queue *queue = mock_queue_find(mock_backend(base), id);

	if (queue)
		producer_refill(&queue->producer);
}

unsigned int mock_faultq_expire(
	struct backend *base, uint32_t id, const struct backend_expiry *expiry, uint64_t *oldest)
{
	struct mock_backend *be = mock_backend(base);
	struct mock_queue *queue;
	unsigned int n = 0;
	uint64_t cookie;

	pthread_mutex_lock(&be->mock->faults);
	queue = table_get(&be->queues, id);
	for (; queue && producer_overdue(&queue->producer, expiry->before, expiry->now, &cookie);
		n++)
		mock_request_end(table_get(&queue->cookies, (uint32_t)cookie), expiry->code);
	*oldest = queue ? producer_oldest(&queue->producer) : PENDING_NEVER;
	pthread_mutex_unlock(&be->mock->faults);
	return n;
}

void mock_faultq_stats(struct backend *base, uint32_t id, struct ioasid_faultq_stats *stats)
{
	struct mock_queue *queue = mock_queue_find(mock_backend(base), id);

	if (queue)
		producer_stats(&queue->producer, stats);
}

/* Answers */

static int answer_one(struct mock_queue *queue, const struct backend_answer *answer)
{
	struct mock_request *request = NULL;

	if (answer->code != IOASID_RESPONSE_SUCCESS && answer->code != IOASID_RESPONSE_INVALID &&
		answer->code != IOASID_RESPONSE_FAILURE)
		return error_reason(-EINVAL, "0x%x is no response code", answer->code);
	if (answer->cookie <= UINT32_MAX)
		request = table_get(&queue->cookies, (uint32_t)answer->cookie);
	if (!request)
		return error_reason(-EINVAL, "no page request 0x%llx waits on queue %u",
			(unsigned long long)answer->cookie, queue->id);
	mock_request_end(request, answer->code);
	return 0;
}

static int answer_all(struct mock_queue *queue, struct backend_answer *answers, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		int err = answer_one(queue, &answers[i]);

		if (err)
			return i ? (int)i : err;
		answers[i].flags = 0;
	}
	return (int)n;
}

int mock_answer(struct backend *base, uint32_t id, struct backend_answer *answers, unsigned int n)
{
	struct mock_backend *be = mock_backend(base);
	int err = mock_injected(be->mock, IOASID_MOCK_OP_ANSWER);
	struct mock_queue *queue;

	if (err)
		return err;
	mock_before_answer(be->mock);
	pthread_mutex_lock(&be->mock->faults);
	queue = table_get(&be->queues, id);
	err = queue ? answer_all(queue, answers, n) : error_reason(-ENOENT, "no queue %u", id);
	pthread_mutex_unlock(&be->mock->faults);
	return err;
}
