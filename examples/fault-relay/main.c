/* SPDX-License-Identifier: MIT */
/*
 * fault-relay FILE -o OUT: I/O page faults from the device to the guest and back (the proposal's
 * flow 5.6), with real bytes. Devices copy a file by DMA through address spaces in which nothing
 * is mapped at first; each page comes when a device faults on it. This file builds the parts, lets
 * the devices work while guest and VMM serve them, and draws the conclusion.
 */
#include "../common/audit.h"
#include "../common/clock.h"
#include "../common/progress.h"
#include "../common/service.h"
#include "crew.h"
#include "guest.h"
#include "options.h"
#include "report.h"
#include <stdio.h>
#include <stdlib.h>

_Static_assert(OPTIONS_GROUP_PAGES_MAX <= VMM_GROUP_MAX, "the VMM could not read a group");

struct relay {
	const struct options *options;
	struct trouble trouble;
	struct files files;
	struct machine machine;
	struct service service;
	struct guest guest;
	struct crew crew;
};

static int build_machine(struct relay *relay)
{
	const struct options *options = relay->options;
	struct machine *machine = &relay->machine;

	*machine = (struct machine){
		.trouble = &relay->trouble,
		.count = options->devices,
		.group_pages = options->group_pages,
		.pgtable_format = options->pgtable_format,
	};
	machine->ram_size = guest_memory(machine, options->devices);
	return machine_build(machine);
}

static bool has(const void *machine, uint64_t v_rid, uint32_t v_pasid)
{
	return machine_find(machine, v_rid, v_pasid) != NULL;
}

static int start_service(struct relay *relay)
{
	relay->service = (struct service){
		.vmm = {.ctx = &relay->machine.ctx,
			.queue = relay->machine.faults,
			.group_pages = relay->machine.group_pages,
			.trouble = &relay->trouble,
			.has = has,
			.machine = &relay->machine},
		.handler = {.serve = guest_serve, .guest = &relay->guest},
	};
	return service_start(&relay->service);
}

static int build(struct relay *relay)
{
	if (build_machine(relay))
		return -1;
	relay->guest.trouble = &relay->trouble;
	return guest_open(&relay->guest, &relay->machine, &relay->files);
}

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
		progress_show(crew->moved, crew->size);
	crew_join(crew);
	progress_clear();
}

/* All that was to be done was done, and once. 0, or -1 with the trouble noted. */
static int check(struct relay *relay)
{
	if (trouble_any(&relay->trouble) || audit(&relay->service.vmm, relay->machine.platform))
		return -1;
	if (relay->crew.moved != relay->files.size)
		return trouble_add(&relay->trouble, "%llu bytes moved, not %llu",
			(unsigned long long)relay->crew.moved,
			(unsigned long long)relay->files.size);
	return 0;
}

/* 0, or -1 with the trouble noted. */
static int conclude(struct relay *relay, uint64_t nanoseconds)
{
	struct vmm *vmm = &relay->service.vmm;
	struct report report = {
		.bytes = relay->crew.moved,
		.faults = vmm->faults,
		.groups = vmm->ledger.done.count,
		.pages = vmm->pages,
		.nanoseconds = nanoseconds,
	};

	if (check(relay) || machine_destroy(&relay->machine) || files_commit(&relay->files))
		return -1;
	if (report_summary(&report, &vmm->ledger))
		return trouble_add(&relay->trouble, "standard output cannot be written");
	return 0;
}

/* 0, or -1 with the trouble noted. */
static int relay_file(struct relay *relay)
{
	uint64_t begin = clock_now();

	if (files_open(&relay->files, relay->options->in, relay->options->out, &relay->trouble))
		return -1;
	if (build(relay) || start_service(relay))
		return -1;
	work(relay);
	service_end(&relay->service);
	guest_flush(&relay->guest);
	return conclude(relay, clock_now() - begin);
}

static void destroy(struct relay *relay)
{
	machine_destroy(&relay->machine);
	guest_free(&relay->guest);
	service_free(&relay->service);
	files_close(&relay->files);
}

int main(int argc, char **argv)
{
	struct options options;
	struct relay relay = {.options = &options, .trouble = TROUBLE_NONE};
	int result;

	if (options_parse(&options, argc, argv))
		return 2;
	if (options.help)
		return EXIT_SUCCESS;
	relay.machine.trouble = &relay.trouble;
	result = relay_file(&relay);
	destroy(&relay);
	if (!result)
		return EXIT_SUCCESS;
	fprintf(stderr, "fault-relay: %s\n", relay.trouble.text);
	return EXIT_FAILURE;
}
