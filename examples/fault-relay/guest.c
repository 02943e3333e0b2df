/* SPDX-License-Identifier: MIT */
/*
 * The guest: see guest.h.
 */
#include "guest.h"
#include <stdlib.h>

#define BATCH 64u

uint64_t guest_memory(const struct machine *machine, unsigned int devices)
{
	return devices * pager_memory(machine);
}

int guest_open(struct guest *guest, struct machine *machine, struct files *files)
{
	struct pager *pager;

	guest->count = machine->count;
	guest->pagers = calloc(guest->count, sizeof(*guest->pagers));
	for (unsigned int i = 0; guest->pagers && i < guest->count; i++) {
		pager = &guest->pagers[i];
		*pager = (struct pager){
			.machine = machine,
			.files = files,
			.v_rid = machine->devices[i].v_rid,
			.v_pasid = machine->devices[i].v_pasid,
			.gpa = guest_memory(machine, i),
		};
		if (pager_open(pager))
			return -1;
	}
	return guest->pagers ? 0 : trouble_add(guest->trouble, "out of memory");
}

void guest_free(struct guest *guest)
{
	for (unsigned int i = 0; guest->pagers && i < guest->count; i++)
		pager_free(&guest->pagers[i]);
	free(guest->pagers);
}

static struct pager *find(struct guest *guest, const struct message *message)
{
	for (unsigned int i = 0; i < guest->count; i++)
		if (guest->pagers[i].v_rid == message->v_rid &&
			guest->pagers[i].v_pasid == message->v_pasid)
			return &guest->pagers[i];
	trouble_add(guest->trouble, "the guest heard of a device that it has not: %x.%u",
		message->v_rid, message->v_pasid);
	return NULL;
}

/* Brings the pages that are wanted so far. */
static void bring(struct guest *guest)
{
	struct message *wanted = &guest->wanted;
	struct pager_request request = {wanted->addr, wanted->pages, wanted->write};
	struct pager *pager;
	uint32_t code = IOASID_RESPONSE_INVALID;

	if (!request.pages)
		return;
	pager = find(guest, wanted);
	if (pager)
		code = pager_serve(pager, &request);
	if (code > guest->code)
		guest->code = code;
	wanted->pages = 0;
}

/* A request may go on where the one before it ended: one read, one map for both. */
static bool goes_on(const struct message *wanted, const struct message *message)
{
	return wanted->pages && wanted->write == message->write &&
	       wanted->addr + (uint64_t)wanted->pages * PAGER_PAGE == message->addr;
}

static void hear(struct guest *guest, const struct message *message)
{
	struct message answer = *message;

	if (goes_on(&guest->wanted, message)) {
		guest->wanted.pages += message->pages;
	} else {
		bring(guest);
		guest->wanted = *message;
	}
	if (!message->last)
		return;
	bring(guest);
	answer.code = guest->code;
	guest->code = IOASID_RESPONSE_SUCCESS;
	mailbox_put(guest->answers, &answer, 1);
}

void *guest_run(void *arg)
{
	struct guest *guest = arg;
	struct message messages[BATCH];
	unsigned int n;

	while ((n = mailbox_take(guest->requests, messages, BATCH)) > 0)
		for (unsigned int i = 0; i < n; i++)
			hear(guest, &messages[i]);
	for (unsigned int i = 0; i < guest->count; i++)
		pager_flush(&guest->pagers[i]);
	return NULL;
}
