/* SPDX-License-Identifier: MIT */
/*
 * The guest: its memory holds nothing at first. It hears of page requests as (v_rid, v_pasid,
 * address), brings the pages, and answers (v_rid, v_pasid, group, code). Knows its own names for
 * things alone: no id of the host's is ever seen here.
 */
#ifndef GUEST_H
#define GUEST_H

#include "../common/mailbox.h"
#include "pager.h"

struct guest {
	struct mailbox *requests;
	struct mailbox *answers;
	struct trouble *trouble;
	struct pager *pagers; /* one a device */
	unsigned int count;
	struct message wanted; /* pages asked for and not brought yet; pages may be 0 */
	uint32_t code;         /* of the group so far: the worst counts */
};

/* Bytes of memory that a guest with that many devices needs. */
uint64_t guest_memory(const struct machine *machine, unsigned int devices);

/* requests, answers and trouble are filled in. 0, or -1 with the trouble noted. */
int guest_open(struct guest *guest, struct machine *machine, struct files *files);
void guest_free(struct guest *guest);

/* The thread: serves requests until the box is closed, then brings everything to disk. */
void *guest_run(void *guest);

#endif
