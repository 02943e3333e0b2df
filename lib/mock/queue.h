/* SPDX-License-Identifier: MIT */
/*
 * A fault queue of a context: the producer's end of its ring, and the names of the page requests
 * that wait for an answer through it. It must not know how page requests come about.
 */
#ifndef MOCK_QUEUE_H
#define MOCK_QUEUE_H

#include "../producer.h"
#include "platform.h"

struct mock_queue {
	struct producer producer;
	struct table cookies; /* of struct mock_request; under faults */
	uint32_t id;
	uint32_t group_max;
};

struct mock_queue *mock_queue_find(struct mock_backend *be, uint32_t id);

int mock_faultq_new(
	struct backend *be, const struct ioasid_faultq_opts *opts, struct backend_faultq *is);
void mock_faultq_detach(struct backend *be, uint32_t queue);
void mock_faultq_free(struct backend *be, struct backend_faultq *is);
void mock_faultq_refill(struct backend *be, uint32_t queue);
unsigned int mock_faultq_expire(
	struct backend *be, uint32_t queue, const struct backend_expiry *expiry, uint64_t *oldest);
void mock_faultq_stats(struct backend *be, uint32_t queue, struct ioasid_faultq_stats *stats);
int mock_answer(struct backend *be, uint32_t queue, struct backend_answer *answers, unsigned int n);

/* Answers all that waits INVALID; the world is held exclusively, and faults. */
void mock_queue_answer_all(struct mock_queue *queue);

#endif
