/* SPDX-License-Identifier: MIT */
/*
 * Reading a fault queue: records from the ring, less those whose group was ended meanwhile; and
 * sleeping until there is one. No lock on the way, but for asking the backend to refill, or to pull
 * where its platform knows no ring.
 */
#include "clock.h"
#include "core.h"
#include "pending.h"
#include <poll.h>

/* The groups' length in records, from at on. */
static unsigned int group_length(const struct ioasid_fault *faults, unsigned int at)
{
	unsigned int n = 1;

	while (!(faults[at + n - 1].flags & IOASID_FAULT_LAST))
		n++;
	return n;
}

/* May the caller have this group? A cancellation frees the slot that carried it here. */
static bool deliver_group(struct ioasid_faultq *queue, const struct ioasid_fault *first)
{
	if (first->flags & IOASID_FAULT_CANCELLED)
		return pending_dismiss(queue->is.pending, first->id);
	return pending_deliver(queue->is.pending, first->id);
}

/* Where one thread reads it needs no locked instruction. */
static void count_read(struct ioasid_faultq *queue, unsigned int groups)
{
	if (queue->ring.single)
		__atomic_store_n(&queue->read, queue->read + groups, __ATOMIC_RELAXED);
	else if (groups)
		__atomic_fetch_add(&queue->read, groups, __ATOMIC_RELAXED);
}

/* Closes up the groups that are left; returns how many records they have. */
static unsigned int deliver(
	struct ioasid_faultq *queue, struct ioasid_fault *faults, unsigned int n)
{
	unsigned int kept = 0, groups = 0, length;

	for (unsigned int at = 0; at < n; at += length) {
		length = group_length(faults, at);
		if (!deliver_group(queue, &faults[at]))
			continue;
		for (unsigned int i = 0; i < length; i++)
			faults[kept + i] = faults[at + i];
		kept += length;
		groups += !(faults[kept - 1].flags & IOASID_FAULT_CANCELLED);
	}
	count_read(queue, groups);
	return kept;
}

/* Where the records come by nothing else, an empty ring is no answer yet: one thread fetches what
 * the platform has. The others may find nothing then, and go to sleep: what that one holds in its
 * hands is published and signalled after they armed, or was there when they looked. */
static void pull(struct ioasid_faultq *queue)
{
	struct backend *be = queue->ctx->be;

	pthread_rwlock_rdlock(&queue->guard);
	if (!queue->closed)
		be->ops->faultq_pull(be, queue->is.id);
	pthread_rwlock_unlock(&queue->guard);
}

/* What the ring has; when that is nothing, what comes while it arms the descriptor. */
static int take(struct ioasid_faultq *queue, struct ioasid_fault *faults, unsigned int n,
	unsigned int *needed)
{
	int got = ring_read(&queue->ring, faults, n, needed);

	if (!got && queue->is.pulls) {
		pull(queue);
		got = ring_read(&queue->ring, faults, n, needed);
	}
	if (!got) {
		ring_arm(&queue->ring);
		got = ring_read(&queue->ring, faults, n, needed);
		if (got)
			ring_disarm(&queue->ring);
	}
	if (got || !ring_has_backlog(&queue->ring))
		return got;
	faultq_refill(queue);
	return ring_read(&queue->ring, faults, n, needed);
}

static int read_groups(struct ioasid_faultq *queue, struct ioasid_fault *faults, unsigned int n,
	unsigned int *needed)
{
	int got, kept;

	do {
		got = take(queue, faults, n, needed);
		kept = got > 0 ? (int)deliver(queue, faults, (unsigned int)got) : got;
		/* taking made room in the ring, a cancellation that was told a free slot; but a
		 * look at the producer's line for every read is dear to both */
		if (got > 0 && !ring_knows_more(&queue->ring) && ring_has_backlog(&queue->ring))
			faultq_refill(queue);
	} while (got > 0 && !kept);
	return kept;
}

static int explain(
	struct ioasid_faultq *queue, const char *call, int err, unsigned int n, unsigned int needed)
{
	if (err == -EBADMSG)
		return error_set(
			err, "%s: the ring of queue %u is corrupt: free it", call, queue->is.id);
	__atomic_store_n(&queue->needed, needed, __ATOMIC_RELAXED);
	return error_set(err, "%s: the first group has %u records, there is room for %u: read %u",
		call, needed, n, needed);
}

int ioasid_faultq_read(struct ioasid_faultq *queue, struct ioasid_fault *faults, unsigned int n)
{
	unsigned int needed = 0;
	uint64_t now;
	int got;

	if (!queue || !faults)
		return null_argument(__func__, queue ? "faults" : "queue");
	if (!n)
		return error_set(-EINVAL, "%s: n is 0: there must be room for a record", __func__);
	if (faultq_is_closed(queue))
		return faultq_refuse_closed(__func__);
	if (n > IOASID_RING_COUNT_MAX)
		n = IOASID_RING_COUNT_MAX;
	now = deadline_check(queue);
	got = read_groups(queue, faults, n, &needed);
	deadline_set(queue, now);
	return got < 0 ? explain(queue, __func__, got, n, needed) : got;
}

int ioasid_faultq_get_fd(struct ioasid_faultq *queue)
{
	if (!queue)
		return null_argument(__func__, "queue");
	if (faultq_is_closed(queue))
		return faultq_refuse_closed(__func__);
	return deadline_fd(queue);
}

static int64_t now_ms(void)
{
	return (int64_t)(clock_now() / (CLOCK_SECOND / 1000));
}

/* Empty, and the platform has given it what it had. */
static bool is_empty(struct ioasid_faultq *queue)
{
	if (ring_is_empty(&queue->ring) && queue->is.pulls)
		pull(queue);
	return ring_is_empty(&queue->ring);
}

/* Nothing there, and the descriptor will tell when something is. */
static bool is_idle(struct ioasid_faultq *queue)
{
	if (!is_empty(queue))
		return false;
	ring_arm(&queue->ring);
	if (ring_has_backlog(&queue->ring))
		faultq_refill(queue);
	if (ring_is_empty(&queue->ring))
		return true;
	ring_disarm(&queue->ring);
	return false;
}

/* Milliseconds to poll for: 0 is over. */
static int time_left(int timeout_ms, int64_t end)
{
	int64_t left = end - now_ms();

	if (timeout_ms < 0)
		return -1;
	return left > 0 ? (int)left : 0;
}

/* There is nothing, and nothing overdue: true, it is time to sleep. */
static bool may_sleep(struct ioasid_faultq *queue, uint64_t *now)
{
	*now = deadline_check(queue);
	return !faultq_is_closed(queue) && is_idle(queue);
}

static int wait_until(struct ioasid_faultq *queue, int timeout_ms, int64_t end)
{
	struct pollfd fd = {.fd = queue->is.pollfd, .events = POLLIN};
	uint64_t now;

	if (queue->deadline.set >= 0)
		fd.fd = queue->deadline.set;
	while (may_sleep(queue, &now)) {
		int left = time_left(timeout_ms, end);

		if (!left || faultq_is_closed(queue))
			return 0;
		deadline_sleep(queue, now);
		poll(&fd, 1, left);
	}
	/* another reader may have been quicker by now: the caller's read says so */
	return 1;
}

int ioasid_faultq_wait(struct ioasid_faultq *queue, int timeout_ms)
{
	int got;

	if (!queue)
		return null_argument(__func__, "queue");
	if (timeout_ms < -1)
		return error_set(-EINVAL, "%s: timeout %d: milliseconds, or -1 for ever", __func__,
			timeout_ms);
	deadline_enter(queue);
	got = wait_until(queue, timeout_ms, timeout_ms > 0 ? now_ms() + timeout_ms : 0);
	deadline_leave(queue);
	if (faultq_is_closed(queue))
		return faultq_refuse_closed(__func__);
	if (__atomic_load_n(&queue->ring.broken, __ATOMIC_RELAXED))
		return explain(queue, __func__, -EBADMSG, 0, 0);
	return got;
}
