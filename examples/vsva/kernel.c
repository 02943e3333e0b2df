/* SPDX-License-Identifier: MIT */
/*
 * The guest's kernel: see kernel.h. Its processes' PASIDs begin at 1.
 */
#include "kernel.h"
#include <stdlib.h>

uint64_t kernel_memory(unsigned int processes, unsigned int frames)
{
	return processes * mm_memory(frames);
}

static int open_process(struct kernel *kernel, unsigned int i)
{
	struct process *process = &kernel->processes[i];
	struct machine *machine = kernel->viommu->machine;

	process->trouble = kernel->trouble;
	process->begin = i * MM_WINDOW;
	process->stride = kernel->count * MM_WINDOW;
	process->mm = (struct mm){
		.viommu = kernel->viommu,
		.files = kernel->files,
		.trouble = kernel->trouble,
		.v_pasid = i + 1,
		.gpa = i * mm_memory(kernel->frames),
		.frames = kernel->frames,
	};
	kernel->opened++;
	if (mm_open(&process->mm))
		return -1;
	process->cpu = (struct cpu){.mm = &process->mm,
		.ram = machine->ram,
		.ram_size = machine->ram_size,
		.root = process->mm.table.root};
	return 0;
}

int kernel_open(struct kernel *kernel)
{
	kernel->processes = calloc(kernel->count, sizeof(*kernel->processes));
	if (!kernel->processes)
		return trouble_add(kernel->trouble, "out of memory");
	for (unsigned int i = 0; i < kernel->count; i++)
		if (open_process(kernel, i))
			return -1;
	return 0;
}

int kernel_close(struct kernel *kernel)
{
	int result = 0;

	for (unsigned int i = 0; i < kernel->opened; i++)
		if (mm_close(&kernel->processes[i].mm))
			result = -1;
	free(kernel->processes);
	kernel->processes = NULL;
	kernel->opened = 0;
	return result;
}

uint32_t kernel_serve(void *arg, const struct message *request)
{
	struct kernel *kernel = arg;

	for (unsigned int i = 0; i < kernel->opened; i++)
		if (kernel->processes[i].mm.v_pasid == request->v_pasid)
			return mm_serve(&kernel->processes[i].mm, request->addr, request->pages,
				request->write);
	trouble_add(kernel->trouble, "the guest heard of a process that it has not: %u",
		request->v_pasid);
	return IOASID_RESPONSE_INVALID;
}

uint64_t kernel_moved(const struct kernel *kernel)
{
	uint64_t moved = 0;

	for (unsigned int i = 0; i < kernel->count; i++)
		moved += kernel->processes[i].moved;
	return moved;
}

struct kernel_totals kernel_totals(const struct kernel *kernel)
{
	struct kernel_totals totals = {.moved = kernel_moved(kernel)};

	for (unsigned int i = 0; i < kernel->count; i++) {
		const struct process *process = &kernel->processes[i];

		totals.touches += process->mm.touches;
		totals.cpu_faults += process->cpu.faults;
		totals.requests += process->mm.requests;
		totals.needless += process->mm.needless;
	}
	return totals;
}
