/* SPDX-License-Identifier: MIT */
/*
 * The guest: its memory holds nothing at first, and what devices ask for is brought. Knows its own
 * names for things alone: no id of the host's is ever seen here.
 */
#ifndef GUEST_H
#define GUEST_H

#include "../common/mailbox.h"
#include "pager.h"

struct guest {
	struct trouble *trouble;
	struct pager *pagers; /* one a device */
	unsigned int count;
};

/* Bytes of memory that a guest with that many devices needs. */
uint64_t guest_memory(const struct machine *machine, unsigned int devices);

/* trouble is filled in. 0, or -1 with the trouble noted. */
int guest_open(struct guest *guest, struct machine *machine, struct files *files);
void guest_free(struct guest *guest);

/* For the handler of page requests: brings the pages, returns what to answer. */
uint32_t guest_serve(void *guest, const struct message *request);

/* Nobody asks any more: everything to disk. 0, or -1 with the trouble noted. */
int guest_flush(struct guest *guest);

#endif
