/* SPDX-License-Identifier: MIT */
/*
 * Answers to the kernel, one write for a batch. The kernel takes them in order and stops where it
 * does not know a group, with a short count; it has SUCCESS and INVALID, and a group that is
 * answered with anything else would wait for ever. Who may answer a group is the core's to know.
 */
#include "queue.h"
#include <errno.h>
#include <unistd.h>

#define BATCH 64u

static int write_once(int fd, const struct iommufd_response *responses, unsigned int n)
{
	ssize_t sent;

	do
		sent = write(fd, responses, n * sizeof(*responses));
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : (int)((size_t)sent / sizeof(*responses));
}

int iommufd_queue_send(
	const struct iommufd_queue *queue, const struct iommufd_response *responses, unsigned int n)
{
	unsigned int done = 0;

	while (done < n) {
		int sent = write_once(queue->fd, &responses[done], n - done);

		if (sent <= 0)
			return done ? (int)done : sent ? sent : -EIO;
		done += (unsigned int)sent;
	}
	return (int)done;
}

static void translate(struct backend_answer *answer, struct iommufd_response *response)
{
	bool success = answer->code == IOASID_RESPONSE_SUCCESS;
	bool failure = answer->code == IOASID_RESPONSE_FAILURE;

	response->cookie = (uint32_t)answer->cookie;
	response->code = success ? IOMMUFD_RESPONSE_SUCCESS : IOMMUFD_RESPONSE_INVALID;
	answer->flags = failure ? IOASID_RESPONSE_SENT_INVALID : 0;
}

/* Only groups that the core has won come here, with a code that is one: what the kernel does not
 * take, it has ended by itself. */
static int explain(int err, struct iommufd_queue *queue, const struct iommufd_response *failed)
{
	if (err != -EINVAL)
		return err;
	return error_reason(-ESTALE, "the kernel has ended request %u of queue %u itself",
		failed->cookie, queue->id);
}

static int send_some(struct iommufd_queue *queue, struct backend_answer *answers, unsigned int n)
{
	struct iommufd_response responses[BATCH];
	int sent;

	for (unsigned int i = 0; i < n; i++)
		translate(&answers[i], &responses[i]);
	sent = iommufd_queue_send(queue, responses, n);
	return sent < 0 ? explain(sent, queue, responses) : sent;
}

int iommufd_answer(struct backend *be, uint32_t id, struct backend_answer *answers, unsigned int n)
{
	struct iommufd_queue *queue = iommufd_queue(iommufd_of(be), id);

	if (!queue)
		return error_reason(-ENOENT, "no queue %u", id);
	return send_some(queue, answers, n < BATCH ? n : BATCH);
}

unsigned int iommufd_faultq_expire(
	struct backend *be, uint32_t id, const struct backend_expiry *expiry, uint64_t *oldest)
{
	struct iommufd_queue *queue = iommufd_queue(iommufd_of(be), id);
	struct backend_answer answer = {.code = expiry->code};
	unsigned int n = 0;

	*oldest = PENDING_NEVER;
	if (!queue)
		return 0;
	/* what the kernel does not take, it has ended by itself */
	for (; producer_overdue(&queue->producer, expiry->before, expiry->now, &answer.cookie); n++)
		if (send_some(queue, &answer, 1) < 0)
			error_forget();
	*oldest = producer_oldest(&queue->producer);
	iommufd_watch(queue);
	return n;
}
