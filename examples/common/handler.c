/* SPDX-License-Identifier: MIT */
/*
 * The guest's handler of page requests: see handler.h.
 */
#include "handler.h"
#include <ioasid/fault.h>

#define BATCH 64u
#define PAGE  4096u

/* Brings the pages that are wanted so far. */
static void bring(struct handler *handler)
{
	uint32_t code;

	if (!handler->wanted.pages)
		return;
	code = handler->serve(handler->guest, &handler->wanted);
	if (code > handler->code)
		handler->code = code;
	handler->wanted.pages = 0;
}

/* A request may go on where the one before it ended: then both are one. */
static bool goes_on(const struct message *wanted, const struct message *message)
{
	return wanted->pages && wanted->write == message->write &&
	       wanted->addr + (uint64_t)wanted->pages * PAGE == message->addr;
}

static void hear(struct handler *handler, const struct message *message)
{
	struct message answer = *message;

	if (goes_on(&handler->wanted, message)) {
		handler->wanted.pages += message->pages;
	} else {
		bring(handler);
		handler->wanted = *message;
	}
	if (!message->last)
		return;
	bring(handler);
	answer.code = handler->code;
	handler->code = IOASID_RESPONSE_SUCCESS;
	mailbox_put(handler->answers, &answer, 1);
}

void *handler_run(void *arg)
{
	struct handler *handler = arg;
	struct message messages[BATCH];
	unsigned int n;

	while ((n = mailbox_take(handler->requests, messages, BATCH)) > 0)
		for (unsigned int i = 0; i < n; i++)
			hear(handler, &messages[i]);
	return NULL;
}
