/* SPDX-License-Identifier: MIT */
/*
 * Two threads that serve page requests: see service.h.
 */
#include "service.h"
#include <string.h>

#define ROOM 64u

static int open_boxes(struct service *service)
{
	struct vmm *vmm = &service->vmm;
	unsigned int requests = 2 * vmm->group_pages > ROOM ? 2 * vmm->group_pages : ROOM;

	if (mailbox_open(&service->requests, requests) || mailbox_open(&service->answers, ROOM))
		return trouble_add(vmm->trouble, "no mailbox: out of memory or descriptors");
	vmm->requests = service->handler.requests = &service->requests;
	vmm->answers = service->handler.answers = &service->answers;
	return 0;
}

static int start(struct service *service, pthread_t *thread, void *(*run)(void *), void *arg)
{
	int error = pthread_create(thread, NULL, run, arg);

	return error ? trouble_add(service->vmm.trouble, "no thread: %s", strerror(error)) : 0;
}

static void end(struct mailbox *box, pthread_t thread)
{
	mailbox_close(box);
	pthread_join(thread, NULL);
}

int service_start(struct service *service)
{
	if (open_boxes(service) || start(service, &service->vmm_thread, vmm_run, &service->vmm))
		return -1;
	if (!start(service, &service->guest_thread, handler_run, &service->handler))
		return 0;
	end(&service->answers, service->vmm_thread);
	return -1;
}

void service_end(struct service *service)
{
	end(&service->requests, service->guest_thread);
	end(&service->answers, service->vmm_thread);
}

void service_free(struct service *service)
{
	ledger_free(&service->vmm.ledger);
	mailbox_free(&service->answers);
	mailbox_free(&service->requests);
}
