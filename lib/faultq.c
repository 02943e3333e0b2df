/* SPDX-License-Identifier: MIT */
/*
 * Fault queues as the caller has them: made, asked, counted, released. Reading is read.c's,
 * answering complete.c's. The guard keeps answers and what cancels faults apart.
 */
#include "core.h"
#include "pending.h"
#include <string.h>

_Static_assert(PENDING_LATENCIES == IOASID_FAULTQ_LATENCIES, "the same buckets");

#define DEFAULT_RECORDS     1024u
#define DEFAULT_GROUP_MAX   64u
#define DEFAULT_OUTSTANDING 1024u

static void fill_defaults(struct ioasid_faultq_opts *opts)
{
	opts->size = sizeof(*opts);
	if (!opts->records)
		opts->records = DEFAULT_RECORDS;
	if (!opts->group_max)
		opts->group_max = DEFAULT_GROUP_MAX;
	if (!opts->max_outstanding)
		opts->max_outstanding = DEFAULT_OUTSTANDING;
}

static int check_deadline(const struct ioasid_faultq_opts *opts, const char *call)
{
	uint32_t code = opts->deadline_code;

	if (!opts->deadline_ns && code)
		return error_set(-EINVAL, "%s: deadline_code 0x%x without deadline_ns", call, code);
	if (!is_response_code(code))
		return error_set(-EINVAL, "%s: deadline_code 0x%x is no response code", call, code);
	return 0;
}

static int check_opts(const struct ioasid_faultq_opts *opts, const char *call)
{
	uint32_t records = opts->records;

	if (opts->flags & ~IOASID_FAULTQ_SINGLE_CONSUMER || opts->reserved)
		return error_set(-EINVAL, "%s: unknown flags 0x%x, or reserved is not 0", call,
			opts->flags & ~IOASID_FAULTQ_SINGLE_CONSUMER);
	if (opts->late > IOASID_FAULTQ_LATE_INVALID)
		return error_set(
			-EINVAL, "%s: late is 0x%x: no IOASID_FAULTQ_LATE_*", call, opts->late);
	if (records < IOASID_RING_COUNT_MIN || records > IOASID_RING_COUNT_MAX ||
		records & (records - 1))
		return error_set(-EINVAL, "%s: %u records: it must be a power of two, 64 to 2^20",
			call, records);
	if (opts->group_max > records)
		return error_set(-EINVAL, "%s: group_max %u is more than the ring's %u records",
			call, opts->group_max, records);
	if (opts->max_outstanding > IOASID_FAULTQ_OUTSTANDING_MAX)
		return error_set(-EINVAL, "%s: max_outstanding %u is more than %u", call,
			opts->max_outstanding, IOASID_FAULTQ_OUTSTANDING_MAX);
	return check_deadline(opts, call);
}

static struct ioasid_faultq *new_queue(
	struct ioasid_ctx *ctx, const struct ioasid_faultq_opts *opts)
{
	struct ioasid_faultq *queue = calloc(1, sizeof(*queue));

	if (!queue)
		return NULL;
	queue->ctx = ctx;
	queue->opts = *opts;
	queue->deadline.timer = queue->deadline.set = -1;
	writer_first(&queue->guard);
	ctx_ref(ctx);
	return queue;
}

static void release(struct ioasid_faultq *queue)
{
	struct ioasid_ctx *ctx = queue->ctx;

	deadline_close(queue);
	pthread_rwlock_destroy(&queue->guard);
	free(queue);
	ctx_unref(ctx);
}

static int open_ring(struct ioasid_faultq *queue)
{
	bool single = queue->opts.flags & IOASID_FAULTQ_SINGLE_CONSUMER;

	return ring_open(
		&queue->ring, queue->is.ring, queue->is.ring_size, queue->is.eventfd, single);
}

static int open_parts(struct ioasid_faultq *queue, const char *call)
{
	int err = open_ring(queue);

	if (err)
		return error_set(err,
			"%s: the backend's ring has a header this library does not know", call);
	err = deadline_open(queue);
	return err ? error_from(err, "%s: a timer for the deadline", call) : 0;
}

static int make_locked(struct ioasid_faultq *queue, const char *call)
{
	struct backend *be = queue->ctx->be;
	int err = be->ops->faultq_new(be, &queue->opts, &queue->is);

	if (err)
		return error_from(err, "%s: %u records, %u outstanding", call, queue->opts.records,
			queue->opts.max_outstanding);
	err = open_parts(queue, call);
	if (!err) {
		pending_number(queue->is.pending, queue->ctx->queues++);
		list_append(&queue->ctx->faultqs, &queue->link);
		return 0;
	}
	be->ops->faultq_detach(be, queue->is.id);
	be->ops->faultq_free(be, &queue->is);
	return err;
}

static int make(struct ioasid_faultq *queue, const char *call)
{
	int err = ctx_enter(queue->ctx, call);

	if (err)
		return err;
	err = make_locked(queue, call);
	ctx_leave(queue->ctx);
	return err;
}

int ioasid_faultq_new(
	struct ioasid_ctx *ctx, const struct ioasid_faultq_opts *given, struct ioasid_faultq **out)
{
	struct ioasid_faultq_opts opts;
	struct ioasid_faultq *queue;
	int err;

	if (!ctx || !out)
		return null_argument(__func__, ctx ? "queue" : "ctx");
	err = opts_copy(&opts, sizeof(opts), given, __func__);
	if (err)
		return err;
	fill_defaults(&opts);
	err = check_opts(&opts, __func__);
	if (err)
		return err;
	queue = new_queue(ctx, &opts);
	if (!queue)
		return error_set(-ENOMEM, "%s: no memory for a queue", __func__);
	err = make(queue, __func__);
	if (err)
		release(queue);
	else
		*out = queue;
	return err;
}

void faultq_stop(struct ioasid_faultq *queue)
{
	if (queue)
		pthread_rwlock_wrlock(&queue->guard);
}

void faultq_go_on(struct ioasid_faultq *queue)
{
	if (queue)
		pthread_rwlock_unlock(&queue->guard);
}

bool faultq_is_closed(const struct ioasid_faultq *queue)
{
	return __atomic_load_n(&queue->closed, __ATOMIC_RELAXED);
}

int faultq_refuse_closed(const char *call)
{
	return error_set(-ENODEV, "%s: the context was closed: only free the queue", call);
}

int faultq_enter(struct ioasid_faultq *queue, const char *call)
{
	pthread_rwlock_rdlock(&queue->guard);
	if (!queue->closed)
		return 0;
	faultq_leave(queue);
	return faultq_refuse_closed(call);
}

void faultq_leave(struct ioasid_faultq *queue)
{
	pthread_rwlock_unlock(&queue->guard);
}

void faultq_refill(struct ioasid_faultq *queue)
{
	struct backend *be = queue->ctx->be;

	pthread_rwlock_rdlock(&queue->guard);
	if (!queue->closed)
		be->ops->faultq_refill(be, queue->is.id);
	pthread_rwlock_unlock(&queue->guard);
}

void faultq_slots_freed(struct ioasid_faultq *queue)
{
	/* FENCE_FREED: between the slots that we freed and our look at BACKLOG. Pairs with
	 * FENCE_HOLD_BACK: either the producer finds the slots, or we see that it waits for them.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (ring_has_backlog(&queue->ring))
		faultq_refill(queue);
}

static void forget_in_spaces(struct ioasid_faultq *queue)
{
	list_each(link, &queue->ctx->spaces)
	{
		struct ioasid_space *space = list_entry(link, struct ioasid_space, link);

		if (space->faults == queue)
			space->faults = NULL;
	}
}

static void detach(struct ioasid_faultq *queue)
{
	struct backend *be = queue->ctx->be;

	faultq_stop(queue);
	be->ops->faultq_detach(be, queue->is.id);
	forget_in_spaces(queue);
	faultq_go_on(queue);
}

void ioasid_faultq_free(struct ioasid_faultq *queue)
{
	struct backend *be;

	if (!queue)
		return;
	pthread_mutex_lock(&queue->ctx->lock);
	if (!queue->ctx->closed)
		detach(queue);
	list_remove(&queue->link);
	pthread_mutex_unlock(&queue->ctx->lock);
	be = queue->ctx->be;
	be->ops->faultq_free(be, &queue->is);
	release(queue);
}

static uint64_t counter(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

static void fill_stats(struct ioasid_faultq *queue, struct ioasid_faultq_stats *stats)
{
	struct backend *be = queue->ctx->be;
	struct pending_stats table;

	pending_stats(queue->is.pending, &table);
	*stats = (struct ioasid_faultq_stats){
		.needed = __atomic_load_n(&queue->needed, __ATOMIC_RELAXED),
		.read = counter(&queue->read),
		.answered = table.ended[PENDING_ANSWERED],
		.expired = table.ended[PENDING_EXPIRED],
		.late = table.ended[PENDING_LATE],
		.cancelled = table.ended[PENDING_CANCELLED],
		.stale = counter(&queue->stale),
		.outstanding = table.outstanding,
	};
	memcpy(stats->latency, table.latency, sizeof(stats->latency));
	be->ops->faultq_stats(be, queue->is.id, stats);
}

int ioasid_faultq_stats(struct ioasid_faultq *queue, struct ioasid_faultq_stats *stats)
{
	struct ioasid_faultq_stats now;
	int err = queue ? opts_out_check(stats, __func__) : null_argument(__func__, "queue");

	if (!err)
		err = faultq_enter(queue, __func__);
	if (err)
		return err;
	fill_stats(queue, &now);
	faultq_leave(queue);
	opts_out(stats, &now, sizeof(now));
	return 0;
}
