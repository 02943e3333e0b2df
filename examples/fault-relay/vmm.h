/* SPDX-License-Identifier: MIT */
/*
 * The VMM's thread: an event loop over the fault queue and the guest's answers. It moves faults to
 * the guest in the guest's names and answers to the library in the library's, and knows nothing
 * of files and pages.
 */
#ifndef VMM_H
#define VMM_H

#include "ledger.h"
#include "machine.h"
#include "mailbox.h"

/* Faults it reads at a time, so that no group may have more. */
#define VMM_GROUP_MAX 512u

struct vmm {
	struct machine *machine;
	struct mailbox *requests; /* to the guest; has room for a group */
	struct mailbox *answers;  /* from the guest */
	struct trouble *trouble;
	struct ledger ledger;
	uint64_t faults;
	uint64_t pages;
};

/* The thread: goes on until the box of answers is closed and empty. If it cannot, it closes the
 * context, which answers all devices, so that none waits for ever. */
void *vmm_run(void *vmm);

#endif
