/* SPDX-License-Identifier: MIT */
/*
 * The guest's kernel, as far as it is about its processes: makes them, and brings what the device
 * asks for under a process's PASID to that process.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include "../common/mailbox.h"
#include "process.h"

struct kernel {
	struct viommu *viommu;
	struct files *files;
	struct trouble *trouble;
	unsigned int count;  /* processes */
	unsigned int frames; /* of each */
	struct process *processes;
	unsigned int opened;
};

/* Counted in all processes. */
struct kernel_totals {
	uint64_t moved; /* bytes */
	uint64_t touches;
	uint64_t cpu_faults;
	uint64_t requests;
	uint64_t needless;
};

/* Bytes of guest memory for these processes. */
uint64_t kernel_memory(unsigned int processes, unsigned int frames);

/* The fields above processes are filled in. Each returns 0, or -1 with the trouble noted.
 * kernel_close() in any case. */
int kernel_open(struct kernel *kernel);
int kernel_close(struct kernel *kernel);

/* For the handler of page requests: brings the pages, returns what to answer. */
uint32_t kernel_serve(void *kernel, const struct message *request);

/* The processes have ended. */
struct kernel_totals kernel_totals(const struct kernel *kernel);

/* Bytes, at any time. */
uint64_t kernel_moved(const struct kernel *kernel);

#endif
