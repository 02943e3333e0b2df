/* SPDX-License-Identifier: MIT */
/*
 * The VMM's thread: see vmm.h. Each function returns 1 if it did something, 0 if there was
 * nothing to do, -1 to end.
 */
#include "vmm.h"
#include "clock.h"
#include <errno.h>
#include <poll.h>
#include <string.h>

#define ANSWERS 64u

/* In the guest's names: the label was chosen to be the v_rid when the device was bound. */
static struct message message_of(const struct ioasid_fault *fault)
{
	return (struct message){
		.v_rid = (uint32_t)fault->label,
		.v_pasid = fault->pasid,
		.group = fault->group,
		.addr = fault->addr,
		.pages = fault->pages,
		.write = fault->flags & IOASID_FAULT_WRITE,
		.last = fault->flags & IOASID_FAULT_LAST,
	};
}

/* Is it one to be injected? Notes it in the books. */
static int check(struct vmm *vmm, const struct ioasid_fault *fault)
{
	if (!vmm->has(vmm->machine, fault->label, fault->pasid))
		return trouble_add(vmm->trouble, "a fault of no device: label %llu",
			(unsigned long long)fault->label);
	if (fault->flags & (IOASID_FAULT_CANCELLED | IOASID_FAULT_STAGE2))
		return trouble_add(
			vmm->trouble, "a fault that is not the guest's: flags 0x%x", fault->flags);
	if (fault->flags & IOASID_FAULT_LAST && ledger_read(&vmm->ledger, fault->id, fault->time))
		return trouble_add(vmm->trouble, "out of memory");
	vmm->faults++;
	vmm->pages += fault->pages;
	return 0;
}

/* Reads no more than the guest has room for: the VMM never waits for the guest. */
static int relay_faults(struct vmm *vmm)
{
	struct ioasid_fault faults[VMM_GROUP_MAX];
	struct message messages[VMM_GROUP_MAX];
	unsigned int room = mailbox_room(vmm->requests);
	int n;

	if (room < vmm->group_pages)
		return 0;
	if (room > VMM_GROUP_MAX)
		room = VMM_GROUP_MAX;
	n = ioasid_faultq_read(vmm->queue, faults, room);
	if (n < 0)
		return trouble_add(vmm->trouble, "%s", ioasid_last_error());
	for (int i = 0; i < n; i++) {
		if (check(vmm, &faults[i]))
			return -1;
		messages[i] = message_of(&faults[i]);
	}
	mailbox_put(vmm->requests, messages, (unsigned int)n);
	return n > 0;
}

/* From the guest's names to the pending fault. */
static int find(struct vmm *vmm, const struct message *message, struct ioasid_response *response)
{
	*response = (struct ioasid_response){.code = message->code};
	if (ioasid_faultq_find(
		    vmm->queue, message->v_rid, message->v_pasid, message->group, &response->id))
		return trouble_add(vmm->trouble, "%s", ioasid_last_error());
	return 0;
}

static int complete(struct vmm *vmm, struct ioasid_response *responses, unsigned int n)
{
	uint64_t done;

	if (ioasid_faultq_complete(vmm->queue, responses, n) < 0)
		return trouble_add(vmm->trouble, "%s", ioasid_last_error());
	done = clock_now();
	for (unsigned int i = 0; i < n; i++) {
		if (responses[i].status)
			return trouble_add(vmm->trouble, "an answer was refused: %s",
				strerror(-responses[i].status));
		if (ledger_answer(&vmm->ledger, responses[i].id, done))
			return trouble_add(vmm->trouble, "a group was answered and never read");
	}
	return 0;
}

static int relay_answers(struct vmm *vmm)
{
	struct message messages[ANSWERS];
	struct ioasid_response responses[ANSWERS];
	int n = mailbox_drain(vmm->answers, messages, ANSWERS);

	if (n <= 0)
		return n;
	for (int i = 0; i < n; i++)
		if (find(vmm, &messages[i], &responses[i]))
			return -1;
	return complete(vmm, responses, (unsigned int)n) ? -1 : 1;
}

/* Sleeps until a fault or an answer comes. While the guest has no room for faults it has some to
 * answer: then its answer is waited for. */
static int doze(struct vmm *vmm)
{
	struct pollfd events[] = {
		{.fd = vmm->answers->doorbell, .events = POLLIN},
		{.fd = ioasid_faultq_get_fd(vmm->queue), .events = POLLIN},
	};
	bool room = mailbox_room(vmm->requests) >= vmm->group_pages;

	if (events[1].fd < 0)
		return trouble_add(vmm->trouble, "%s", ioasid_last_error());
	if (poll(events, room ? 2 : 1, -1) < 0 && errno != EINTR)
		return trouble_add(vmm->trouble, "poll: %s", strerror(errno));
	return 0;
}

static int step(struct vmm *vmm)
{
	int answers = relay_answers(vmm), faults;

	if (answers < 0)
		return -1;
	faults = relay_faults(vmm);
	if (faults < 0)
		return -1;
	return answers || faults ? 0 : doze(vmm);
}

void *vmm_run(void *arg)
{
	struct vmm *vmm = arg;

	while (!step(vmm))
		;
	mailbox_close(vmm->answers);
	if (trouble_any(vmm->trouble)) {
		ioasid_close(*vmm->ctx);
		*vmm->ctx = NULL;
	}
	return NULL;
}
