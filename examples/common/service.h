/* SPDX-License-Identifier: MIT */
/*
 * Two threads that serve page requests, the VMM's and the guest's, and the two queues between them.
 * They are started before the devices work and end after them: each when nobody is left who could
 * ask it for something.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include "handler.h"
#include "vmm.h"

struct service {
	struct vmm vmm;
	struct handler handler;
	struct mailbox requests;
	struct mailbox answers;
	pthread_t vmm_thread;
	pthread_t guest_thread;
};

/* Filled in are of vmm ctx, queue, group_pages, trouble, has and machine, of handler serve and
 * guest. 0, or -1 with the trouble noted; service_free() in any case. */
int service_start(struct service *service);

/* Only if it was started. The guest ends before the VMM. */
void service_end(struct service *service);

void service_free(struct service *service);

#endif
