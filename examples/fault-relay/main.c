/* SPDX-License-Identifier: MIT */
/*
 * fault-relay FILE -o OUT: I/O page faults from the device to the guest and back (the proposal's
 * flow 5.6), with real bytes. Devices copy a file by DMA through address spaces in which nothing
 * is mapped at first; each page comes when a device faults on it. This file builds the parts, lets
 * the threads run and ends them in order: the devices, the guest, the VMM.
 */
#include "audit.h"
#include "crew.h"
#include "guest.h"
#include "options.h"
#include "report.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAILBOX_SIZE 64u

_Static_assert(OPTIONS_GROUP_PAGES_MAX <= VMM_GROUP_MAX, "the VMM could not read a group");

struct relay {
	const struct options *options;
	struct trouble trouble;
	struct files files;
	struct machine machine;
	struct mailbox requests;
	struct mailbox answers;
	struct guest guest;
	struct vmm vmm;
	struct crew crew;
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int build_machine(struct relay *relay)
{
	const struct options *options = relay->options;
	struct machine_size size = {
		.devices = options->devices,
		.group_pages = options->group_pages,
		.ram = guest_memory(options->devices, options->group_pages),
	};

	return machine_build(&relay->machine, &size, &relay->trouble);
}

static int build_mailboxes(struct relay *relay)
{
	unsigned int two_groups = 2 * relay->options->group_pages;
	unsigned int requests = two_groups > MAILBOX_SIZE ? two_groups : MAILBOX_SIZE;

	if (mailbox_open(&relay->requests, requests) || mailbox_open(&relay->answers, MAILBOX_SIZE))
		return trouble_add(&relay->trouble, "no mailbox: out of memory or descriptors");
	return 0;
}

static int build(struct relay *relay)
{
	struct vmm *vmm = &relay->vmm;

	if (build_machine(relay) || build_mailboxes(relay))
		return -1;
	relay->guest.requests = vmm->requests = &relay->requests;
	relay->guest.answers = vmm->answers = &relay->answers;
	relay->guest.trouble = vmm->trouble = &relay->trouble;
	vmm->machine = &relay->machine;
	return guest_open(&relay->guest, &relay->machine, &relay->files);
}

static void destroy(struct relay *relay)
{
	guest_free(&relay->guest);
	ledger_free(&relay->vmm.ledger);
	mailbox_free(&relay->answers);
	mailbox_free(&relay->requests);
}

static int start(struct relay *relay, pthread_t *thread, void *(*run)(void *), void *arg)
{
	int error = pthread_create(thread, NULL, run, arg);

	return error ? trouble_add(&relay->trouble, "no thread: %s", strerror(error)) : 0;
}

/* The devices work; guest and VMM serve them. */
static void work(struct relay *relay)
{
	struct crew *crew = &relay->crew;

	*crew = (struct crew){
		.machine = &relay->machine,
		.trouble = &relay->trouble,
		.from = PAGER_IN,
		.to = PAGER_OUT,
		.size = relay->files.size,
	};
	crew_start(crew);
	while (!crew_has_ended(crew, 100))
		report_progress(crew->moved, crew->size);
	crew_join(crew);
	report_clear();
}

/* Each thread ends when nobody is left who could ask it for something. */
static void run(struct relay *relay)
{
	pthread_t vmm, guest;

	if (start(relay, &vmm, vmm_run, &relay->vmm))
		return;
	if (!start(relay, &guest, guest_run, &relay->guest)) {
		work(relay);
		mailbox_close(&relay->requests);
		pthread_join(guest, NULL);
	}
	mailbox_close(&relay->answers);
	pthread_join(vmm, NULL);
}

/* 0, or -1 with the trouble noted. */
static int conclude(struct relay *relay, uint64_t nanoseconds)
{
	struct vmm *vmm = &relay->vmm;
	struct report report = {
		.bytes = relay->crew.moved,
		.faults = vmm->faults,
		.groups = vmm->ledger.done.count,
		.pages = vmm->pages,
		.nanoseconds = nanoseconds,
	};

	if (trouble_any(&relay->trouble) || audit(vmm, relay->crew.moved, relay->files.size))
		return -1;
	if (machine_destroy(&relay->machine))
		return -1;
	if (files_commit(&relay->files))
		return -1;
	if (report_summary(&report, &vmm->ledger))
		return trouble_add(&relay->trouble, "standard output cannot be written");
	return 0;
}

/* 0, or -1 with the trouble noted. */
static int relay_file(struct relay *relay)
{
	uint64_t begin = now();
	int result = -1;

	if (files_open(&relay->files, relay->options->in, relay->options->out, &relay->trouble)) {
		files_close(&relay->files);
		return -1;
	}
	if (!build(relay)) {
		run(relay);
		result = conclude(relay, now() - begin);
	}
	machine_destroy(&relay->machine);
	destroy(relay);
	files_close(&relay->files);
	return result;
}

int main(int argc, char **argv)
{
	struct options options;
	struct relay relay = {.options = &options, .trouble = TROUBLE_NONE};

	if (options_parse(&options, argc, argv))
		return 2;
	if (options.help)
		return EXIT_SUCCESS;
	if (!relay_file(&relay))
		return EXIT_SUCCESS;
	fprintf(stderr, "fault-relay: %s\n", relay.trouble.text);
	return EXIT_FAILURE;
}
