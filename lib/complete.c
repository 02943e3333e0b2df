/* SPDX-License-Identifier: MIT */
/*
 * Answering page request groups: who wins a group's slot sends its answer, in batches, under the
 * queue's guard, so that no answer outlives a detach. Finding groups by name, and walking them.
 */
#include "clock.h"
#include "core.h"
#include "pending.h"

#define BATCH    64u
#define MOST     (1u << 20)
#define NO_ENTRY UINT32_MAX

/* One call's books. */
struct answering {
	struct ioasid_faultq *queue;
	const char *call;
	struct ioasid_response *all;
	unsigned int answered;
	unsigned int failed; /* the first entry that failed, or NO_ENTRY */
};

/* Answers that were won and wait to be sent. */
struct batch {
	struct backend_answer answers[BATCH];
	struct ioasid_response *of[BATCH];
	unsigned int count;
};

/* Why an entry was not even tried. */
static int describe_refusal(
	const struct answering *call, const struct ioasid_response *response, int err)
{
	unsigned long entry = (unsigned long)(response - call->all);
	unsigned long long id = response->id;

	if (err == -ESTALE)
		return error_set(err,
			"%s: entry %lu: the group 0x%llx was answered or cancelled before",
			call->call, entry, id);
	if (!is_response_code(response->code))
		return error_set(err, "%s: entry %lu: 0x%x is no response code", call->call, entry,
			response->code);
	if (response->reserved)
		return error_set(err, "%s: entry %lu: reserved is not 0", call->call, entry);
	return error_set(
		err, "%s: entry %lu: no group ever had the id 0x%llx", call->call, entry, id);
}

/* True if it is the first entry that failed so far, the one to be told. Entries are claimed ahead
 * of those that are sent: a later one may have failed before. */
static bool note_failure(struct answering *call, struct ioasid_response *response, int err)
{
	unsigned int entry = (unsigned int)(response - call->all);

	response->status = err;
	if (err == -ESTALE)
		__atomic_fetch_add(&call->queue->stale, 1, __ATOMIC_RELAXED);
	if (call->failed < entry)
		return false;
	call->failed = entry;
	return true;
}

static int claim(struct answering *call, struct ioasid_response *response, uint64_t *cookie)
{
	response->flags = 0;
	response->status = 0;
	if (!is_response_code(response->code) || response->reserved)
		return -EINVAL;
	return pending_claim(call->queue->is.pending, response->id, cookie);
}

static void add(struct answering *call, struct batch *batch, struct ioasid_response *response)
{
	uint64_t cookie;
	int err = claim(call, response, &cookie);

	if (err) {
		if (note_failure(call, response, err))
			describe_refusal(call, response, err);
		return;
	}
	batch->of[batch->count] = response;
	batch->answers[batch->count++] =
		(struct backend_answer){.cookie = cookie, .code = response->code};
}

static void finish(struct answering *call, struct batch *batch, unsigned int at, uint64_t now)
{
	struct ioasid_response *response = batch->of[at];

	response->flags = batch->answers[at].flags;
	pending_retire(call->queue->is.pending, response->id, PENDING_ANSWERED, now);
	call->answered++;
}

static void give_back(struct answering *call, struct batch *batch, unsigned int at, int err)
{
	struct ioasid_response *response = batch->of[at];

	/* a group that the platform has ended by itself will not be answered by a second try */
	if (err == -ESTALE)
		pending_retire(call->queue->is.pending, response->id, PENDING_CANCELLED, 0);
	else
		pending_unclaim(call->queue->is.pending, response->id);
	if (note_failure(call, response, err))
		error_from(err, "%s: entry %u: the group 0x%llx", call->call, call->failed,
			(unsigned long long)response->id);
	else
		error_forget();
}

/* A short count means that the next one failed: asked for alone, it says why. */
static void send(struct answering *call, struct batch *batch)
{
	struct backend *be = call->queue->ctx->be;
	unsigned int at = 0;

	while (at < batch->count) {
		int sent = be->ops->answer(
			be, call->queue->is.id, &batch->answers[at], batch->count - at);

		uint64_t now = clock_now();

		if (sent <= 0)
			give_back(call, batch, at++, sent ? sent : -EIO);
		for (; sent > 0; sent--)
			finish(call, batch, at++, now);
	}
	batch->count = 0;
}

static void answer_all(struct answering *call, unsigned int n)
{
	struct batch batch;

	batch.count = 0;
	for (unsigned int i = 0; i < n; i++) {
		add(call, &batch, &call->all[i]);
		if (batch.count == BATCH)
			send(call, &batch);
	}
	send(call, &batch);
}

static int result(const struct answering *call)
{
	if (!call->answered && call->failed != NO_ENTRY)
		return call->all[call->failed].status;
	return (int)call->answered;
}

int ioasid_faultq_complete(
	struct ioasid_faultq *queue, struct ioasid_response *responses, unsigned int n)
{
	struct answering call = {
		.queue = queue, .call = __func__, .all = responses, .failed = NO_ENTRY};
	uint64_t now;
	int err;

	if (!queue || (n && !responses))
		return null_argument(__func__, queue ? "responses" : "queue");
	if (n > MOST)
		return error_set(-EINVAL, "%s: n is %u, more than 2^20", __func__, n);
	err = faultq_enter(queue, __func__);
	if (err)
		return err;
	answer_all(&call, n);
	faultq_leave(queue);
	faultq_slots_freed(queue);
	now = deadline_check(queue);
	if (call.failed != NO_ENTRY)
		deadline_set(queue, now);
	return result(&call);
}

int ioasid_faultq_find(
	struct ioasid_faultq *queue, uint64_t label, uint32_t pasid, uint32_t group, uint64_t *id)
{
	int err;

	if (!queue || !id)
		return null_argument(__func__, queue ? "id" : "queue");
	if (faultq_is_closed(queue))
		return faultq_refuse_closed(__func__);
	err = pending_find(queue->is.pending, label, pasid, group, id);
	if (!err)
		return 0;
	return error_set(err, "%s: %s outstanding has label 0x%llx, PASID 0x%x, group %u", __func__,
		err == -ENOENT ? "nothing" : "more than one group", (unsigned long long)label,
		pasid, group);
}

static void describe_pending(const struct pending_group *group, struct ioasid_fault *fault)
{
	*fault = (struct ioasid_fault){
		.id = group->id,
		.label = group->label,
		.addr = group->addr,
		.pages = group->pages,
		.flags = group->flags | IOASID_FAULT_LAST,
		.space = group->space,
		.pasid = group->pasid,
		.group = group->group,
		.time = group->time,
	};
}

int ioasid_faultq_pending(
	struct ioasid_faultq *queue, uint64_t *cursor, struct ioasid_fault *faults, unsigned int n)
{
	struct pending_group group;
	unsigned int count = 0;

	if (!queue || !cursor || !faults)
		return null_argument(__func__, !queue ? "queue" : cursor ? "faults" : "cursor");
	if (!n)
		return error_set(-EINVAL, "%s: n is 0: there must be room for a record", __func__);
	if (faultq_is_closed(queue))
		return faultq_refuse_closed(__func__);
	while (count < n && count < IOASID_FAULTQ_OUTSTANDING_MAX &&
		pending_next(queue->is.pending, cursor, &group))
		describe_pending(&group, &faults[count++]);
	return (int)count;
}
