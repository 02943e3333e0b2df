/* SPDX-License-Identifier: MIT */
/*
 * The VMM's thread: an event loop over the fault queue and the guest's answers. It moves faults to
 * the guest in the guest's names and answers to the library in the library's, and knows nothing
 * of files, pages and page tables.
 */
#ifndef VMM_H
#define VMM_H

#include "ledger.h"
#include "mailbox.h"
#include "trouble.h"
#include <ioasid/fault.h>
#include <ioasid/ioasid.h>

/* Faults it reads at a time, so that no group may have more. */
#define VMM_GROUP_MAX 512u

struct vmm {
	struct ioasid_ctx **ctx; /* the machine's */
	struct ioasid_faultq *queue;
	unsigned int group_pages; /* most faults of one group */
	struct mailbox *requests; /* to the guest; has room for a group */
	struct mailbox *answers;  /* from the guest */
	struct trouble *trouble;
	/* Has the machine a device of these names? */
	bool (*has)(const void *machine, uint64_t v_rid, uint32_t v_pasid);
	const void *machine;
	struct ledger ledger;
	uint64_t faults;
	uint64_t pages;
};

/* The thread: goes on until the box of answers is closed and empty. If it cannot, it closes the
 * context and leaves NULL there: that answers all devices, so that none waits for ever. */
void *vmm_run(void *vmm);

#endif
