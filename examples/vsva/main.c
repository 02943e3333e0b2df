/* SPDX-License-Identifier: MIT */
/*
 * vsva FILE -o OUT: shared virtual addressing for a guest's processes (the proposal's flow 5.5),
 * with real bytes. The device gets nothing but addresses of a process and its PASID; one page
 * table of the guest's serves processor and device. This file builds the parts, lets the processes
 * work while guest and VMM serve the device, and draws the conclusion.
 */
#include "../common/audit.h"
#include "../common/clock.h"
#include "../common/progress.h"
#include "../common/service.h"
#include "../common/team.h"
#include "kernel.h"
#include "options.h"
#include "report.h"
#include <stdio.h>
#include <stdlib.h>

struct vsva {
	const struct options *options;
	struct trouble trouble;
	struct files files;
	struct machine machine;
	struct viommu viommu;
	struct kernel kernel;
	struct service service;
};

static int build(struct vsva *vsva)
{
	const struct options *options = vsva->options;

	vsva->machine.ram_size = kernel_memory(options->processes, options->frames);
	vsva->viommu = (struct viommu){.machine = &vsva->machine, .forget = options->forget};
	vsva->kernel = (struct kernel){
		.viommu = &vsva->viommu,
		.files = &vsva->files,
		.trouble = &vsva->trouble,
		.count = options->processes,
		.frames = options->frames,
	};
	return machine_build(&vsva->machine) || kernel_open(&vsva->kernel) ? -1 : 0;
}

static int start_service(struct vsva *vsva)
{
	vsva->service = (struct service){
		.vmm = {.ctx = &vsva->machine.ctx,
			.queue = vsva->machine.faults,
			.group_pages = machine_group_pages(),
			.trouble = &vsva->trouble,
			.has = machine_has,
			.machine = &vsva->machine},
		.handler = {.serve = kernel_serve, .guest = &vsva->kernel},
	};
	return service_start(&vsva->service);
}

static void work(struct vsva *vsva)
{
	struct team team = {.trouble = &vsva->trouble, .work = process_run};
	struct kernel *kernel = &vsva->kernel;

	team_start(&team, kernel->processes, sizeof(*kernel->processes), kernel->count);
	while (!team_has_ended(&team, 100))
		progress_show(kernel_moved(kernel), vsva->files.size);
	team_join(&team);
	progress_clear();
}

static struct report report_of(const struct vsva *vsva, uint64_t nanoseconds)
{
	struct kernel_totals totals = kernel_totals(&vsva->kernel);

	return (struct report){
		.bytes = totals.moved,
		.requests = totals.requests,
		.groups = vsva->service.vmm.ledger.done.count,
		.touches = totals.touches,
		.needless = totals.needless,
		.cpu_faults = totals.cpu_faults,
		.invalidations = vsva->viommu.invalidations,
		.nanoseconds = nanoseconds,
	};
}

/* An invalidation was to be forgotten, and it did no harm. */
static int check_forgotten(struct vsva *vsva)
{
	unsigned int forget = vsva->options->forget;

	if (forget > vsva->viommu.invalidations)
		return trouble_add(&vsva->trouble, "there is no invalidation number %u", forget);
	return trouble_add(&vsva->trouble,
		"invalidation number %u was forgotten, but nothing stale was used", forget);
}

/* All that was to be done was done, and once. 0, or -1 with the trouble noted. */
static int check(struct vsva *vsva, const struct report *report)
{
	if (trouble_any(&vsva->trouble) || viommu_check_stale(&vsva->viommu))
		return -1;
	if (vsva->options->forget)
		return check_forgotten(vsva);
	if (audit(&vsva->service.vmm, vsva->machine.platform))
		return -1;
	if (report->bytes != vsva->files.size)
		return trouble_add(&vsva->trouble, "%llu bytes moved, not %llu",
			(unsigned long long)report->bytes, (unsigned long long)vsva->files.size);
	if (report->needless)
		return trouble_add(&vsva->trouble,
			"the device asked for %llu pages that its process had touched",
			(unsigned long long)report->needless);
	return 0;
}

/* 0, or -1 with the trouble noted. */
static int conclude(struct vsva *vsva, uint64_t nanoseconds)
{
	struct report report = report_of(vsva, nanoseconds);

	if (check(vsva, &report) || kernel_close(&vsva->kernel) || machine_destroy(&vsva->machine))
		return -1;
	if (files_commit(&vsva->files))
		return -1;
	if (report_summary(&report))
		return trouble_add(&vsva->trouble, "standard output cannot be written");
	return 0;
}

/* 0, or -1 with the trouble noted. */
static int copy_file(struct vsva *vsva)
{
	uint64_t begin = clock_now();

	if (files_open(&vsva->files, vsva->options->in, vsva->options->out, &vsva->trouble))
		return -1;
	if (build(vsva) || start_service(vsva))
		return -1;
	work(vsva);
	service_end(&vsva->service);
	return conclude(vsva, clock_now() - begin);
}

static void destroy(struct vsva *vsva)
{
	kernel_close(&vsva->kernel);
	machine_destroy(&vsva->machine);
	service_free(&vsva->service);
	files_close(&vsva->files);
}

int main(int argc, char **argv)
{
	struct options options;
	struct vsva vsva = {.options = &options, .trouble = TROUBLE_NONE, .machine = {.vm = -1}};
	int result;

	if (options_parse(&options, argc, argv))
		return 2;
	if (options.help)
		return EXIT_SUCCESS;
	vsva.machine.trouble = &vsva.trouble;
	result = copy_file(&vsva);
	destroy(&vsva);
	if (!result)
		return EXIT_SUCCESS;
	fprintf(stderr, "vsva: %s\n", vsva.trouble.text);
	return EXIT_FAILURE;
}
