/* SPDX-License-Identifier: MIT */
/*
 * The guest's handler of page requests: a thread that hears of them as (v_rid, v_pasid, address),
 * has the pages brought, and answers (v_rid, v_pasid, group, code). Knows the guest's own names for
 * things alone: no id of the host's is ever seen here.
 */
#ifndef HANDLER_H
#define HANDLER_H

#include "mailbox.h"

struct handler {
	struct mailbox *requests;
	struct mailbox *answers;
	/* Brings the pages of a request; returns what to answer, IOASID_RESPONSE_*. */
	uint32_t (*serve)(void *guest, const struct message *request);
	void *guest;
	struct message wanted; /* pages asked for and not brought yet; pages may be 0 */
	uint32_t code;         /* of the group so far: the worst counts */
};

/* The thread: until the box of requests is closed and empty. */
void *handler_run(void *handler);

#endif
