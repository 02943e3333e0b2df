/* SPDX-License-Identifier: MIT */
/*
 * Fault queues: I/O page faults of devices, read from a shared ring, routed by the caller and
 * answered exactly once. Concepts: ioasid_faults(7). Needs a context of ioasid.h.
 */
#ifndef IOASID_FAULT_H
#define IOASID_FAULT_H

#include <ioasid/ring.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ioasid_ctx;
struct ioasid_faultq;

#define IOASID_FAULTQ_OUTSTANDING_MAX 65536u

/* struct ioasid_faultq_opts.flags */
#define IOASID_FAULTQ_SINGLE_CONSUMER (1u << 0) /* one thread at a time reads: cheaper reads */

/* struct ioasid_faultq_opts.late: what becomes of a group that finds no room in the ring */
#define IOASID_FAULTQ_LATE_KEEP    0u /* it waits until readers have made some */
#define IOASID_FAULTQ_LATE_SUCCESS 1u /* it is answered SUCCESS: the device asks again */
#define IOASID_FAULTQ_LATE_INVALID 2u /* it is answered INVALID: the access fails */

/**
 * struct ioasid_faultq_opts - how a fault queue is made; zero means the default
 * @size: sizeof(struct ioasid_faultq_opts)
 * @flags: IOASID_FAULTQ_*
 * @records: records in the ring, a power of two, 64 to 2^20 (1024)
 * @group_max: most records of one group, 1 to @records (64)
 * @max_outstanding: most groups unanswered at a time, 1 to 65,536 (1024)
 * @late: IOASID_FAULTQ_LATE_*
 * @deadline_ns: a group that has no answer so long after it was raised gets one, nanoseconds
 *	(no deadline)
 * @deadline_code: which, IOASID_RESPONSE_*
 * @reserved: zero
 */
struct ioasid_faultq_opts {
	uint32_t size;
	uint32_t flags;
	uint32_t records;
	uint32_t group_max;
	uint32_t max_outstanding;
	uint32_t late;
	uint64_t deadline_ns;
	uint32_t deadline_code;
	uint32_t reserved;
};

/* Response codes, PCIe's (PRG Response Message) */
#define IOASID_RESPONSE_SUCCESS 0x0u
#define IOASID_RESPONSE_INVALID 0x1u
#define IOASID_RESPONSE_FAILURE 0xfu

/* struct ioasid_response.flags, written by ioasid_faultq_complete() */
#define IOASID_RESPONSE_SENT_INVALID (1u << 0) /* the backend has no FAILURE: INVALID was sent */

/**
 * struct ioasid_response - one answer to one group
 * @id: the group, as in struct ioasid_fault
 * @code: IOASID_RESPONSE_SUCCESS, _INVALID or _FAILURE
 * @flags: out
 * @status: out: 0, or why this entry was not sent (-errno)
 * @reserved: zero
 */
struct ioasid_response {
	uint64_t id;
	uint32_t code;
	uint32_t flags;
	int32_t status;
	uint32_t reserved;
};

#define IOASID_FAULTQ_LATENCIES 40u

/**
 * struct ioasid_faultq_stats - counters since the queue was made, and gauges
 * @size: sizeof(struct ioasid_faultq_stats)
 * @needed: records of the group that last did not fit a read, 0 if none yet
 * @raised: groups that devices raised
 * @read: groups handed out, not counting cancellations
 * @answered: groups answered by ioasid_faultq_complete()
 * @expired: groups answered because of the deadline
 * @late: groups answered because they found no room
 * @cancelled: groups answered by a detach, a replace, or the end of queue or context; and those
 *	that were refused because no queue could hand them out
 * @stale: answers refused because the group had been answered before
 * @deferred: groups that had to wait behind a full ring or table
 * @signals: times the descriptor was made readable
 * @unsignalled: publications that nobody slept through: no descriptor was touched
 * @outstanding: gauge: groups unanswered now and not waiting
 * @waiting: gauge: groups that wait behind the full ring now
 * @latency: of those answered and expired, how many took 2^i nanoseconds or more, and less than
 *	twice that, from being raised; the last one has no upper bound
 */
struct ioasid_faultq_stats {
	uint32_t size;
	uint32_t needed;
	uint64_t raised;
	uint64_t read;
	uint64_t answered;
	uint64_t expired;
	uint64_t late;
	uint64_t cancelled;
	uint64_t stale;
	uint64_t deferred;
	uint64_t signals;
	uint64_t unsignalled;
	uint64_t outstanding;
	uint64_t waiting;
	uint64_t latency[IOASID_FAULTQ_LATENCIES];
};

/**
 * ioasid_faultq_new - make a queue that spaces name in their options
 * @ctx: an open context
 * @opts: NULL for the defaults
 * @queue: out; release with ioasid_faultq_free()
 *
 * Return: 0; -EINVAL bad option, -E2BIG options of a newer library, -EOPNOTSUPP the backend has
 * no faults, -ENOMEM, -EMFILE, -ENODEV closed. (design of the ring: ioasid/ring.h)
 */
int ioasid_faultq_new(struct ioasid_ctx *ctx, const struct ioasid_faultq_opts *opts,
	struct ioasid_faultq **queue);

/**
 * ioasid_faultq_free - release a queue, with everything outstanding answered INVALID
 * @queue: may be NULL; no other thread may use it
 *
 * Spaces that name the queue go on without it: later page requests are answered INVALID.
 */
void ioasid_faultq_free(struct ioasid_faultq *queue);

/**
 * ioasid_faultq_read - take whole groups from the ring, without blocking
 * @queue: the queue
 * @faults: out, @n records
 * @n: room in @faults, records, at least 1
 *
 * Return: the number of records, 0 when there is none; -EMSGSIZE the first group has more than
 * @n records (see the stats' needed), -EINVAL, -EBADMSG the ring is corrupt (for good),
 * -ENODEV closed.
 */
int ioasid_faultq_read(struct ioasid_faultq *queue, struct ioasid_fault *faults, unsigned int n);

/**
 * ioasid_faultq_wait - sleep until a read would find something
 * @queue: the queue
 * @timeout_ms: milliseconds; 0 only looks, -1 waits for ever
 *
 * Return: 1 something is there, 0 the time is over; -EINVAL, -EBADMSG, -ENODEV closed (also
 * when the context is closed meanwhile).
 */
int ioasid_faultq_wait(struct ioasid_faultq *queue, int timeout_ms);

/**
 * ioasid_faultq_get_fd - a descriptor for the caller's own event loop
 * @queue: the queue
 *
 * Readable (POLLIN) when a read may find something. A read that finds the ring empty clears it,
 * even if it then gets what came meanwhile: after each wake-up read until 0.
 * It stays the queue's: do not read, write or close it.
 *
 * Return: the descriptor; -EINVAL, -ENODEV closed.
 */
int ioasid_faultq_get_fd(struct ioasid_faultq *queue);

/**
 * ioasid_faultq_complete - answer groups
 * @queue: the queue
 * @responses: answers; flags and status of each are filled in
 * @n: how many, 0 to 2^20
 *
 * Every entry is tried, whatever became of those before it.
 *
 * Return: how many were answered; if none was, the first entry's error: -ESTALE answered before
 * (or cancelled), -EINVAL no such code or id; -ENODEV closed. (proposal 5.6, step 6)
 */
int ioasid_faultq_complete(
	struct ioasid_faultq *queue, struct ioasid_response *responses, unsigned int n);

/**
 * ioasid_faultq_expire - answer the groups whose deadline is over
 * @queue: the queue
 *
 * So do ioasid_faultq_read(), _wait() and _complete(); this is for who calls none of them.
 *
 * Return: how many were answered, 0 too if the queue has no deadline; if none could be, why;
 * -EINVAL, -ENODEV closed. (no part of the proposal: a guest may never answer)
 */
int ioasid_faultq_expire(struct ioasid_faultq *queue);

/**
 * ioasid_faultq_find - from what a guest's page response names to the group's id
 * @queue: the queue
 * @label: the device's label
 * @pasid: the user's PASID, or IOASID_PASID_NONE
 * @group: page request group index
 * @id: out
 *
 * Return: 0; -ENOENT nothing outstanding has that name, -ENOTUNIQ several have, -EINVAL,
 * -ENODEV closed. (proposal 5.6, step 6)
 */
int ioasid_faultq_find(
	struct ioasid_faultq *queue, uint64_t label, uint32_t pasid, uint32_t group, uint64_t *id);

/**
 * ioasid_faultq_pending - walk over the groups that are unanswered
 * @queue: the queue
 * @cursor: 0 to begin; moved on by each call
 * @faults: out: per group its first address, sum of pages, or of flags
 * @n: room in @faults, at least 1
 *
 * Return: how many were written, 0 at the end; -EINVAL, -ENODEV closed. Groups that come or go
 * during the walk may or may not be met; every other one is met once.
 */
int ioasid_faultq_pending(
	struct ioasid_faultq *queue, uint64_t *cursor, struct ioasid_fault *faults, unsigned int n);

/**
 * ioasid_faultq_stats - read the counters
 * @queue: the queue
 * @stats: out; @stats->size must be set
 *
 * Return: 0; -EINVAL, -ENODEV closed.
 */
int ioasid_faultq_stats(struct ioasid_faultq *queue, struct ioasid_faultq_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
