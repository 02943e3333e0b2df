/* SPDX-License-Identifier: MIT */
/*
 * A monitor and its machine, for measuring: devices that miss, a queue, spaces, and a guest that
 * maps what was asked for, by the monitor or in a page table of its own, and answers by the names
 * it was told. All in one thread, the devices moved by the pump. It knows nothing of time or of who
 * measures.
 */
#ifndef FAULTBENCH_H
#define FAULTBENCH_H

#include <ioasid/fault.h>
#include <ioasid/mock.h>
#include <stdbool.h>
#include <stdint.h>

#define FAULTBENCH_BATCH 10u /* faults that are raised, read and answered at a time */

struct faultbench_plan {
	unsigned int devices;
	unsigned int spaces;      /* each device has as many; its PASIDs lead to them */
	unsigned int outstanding; /* how many wait for an answer at a time, at least a batch */
	uint64_t deadline_ns;
	bool nested; /* one device, one space: the guest's, with a page table in its memory */
};

/* A transfer, and what the guest was asked for it. */
struct faultbench_dma {
	struct ioasid_mock_dma dma;
	struct ioasid_fault fault;
	uint64_t byte;
};

struct faultbench {
	struct faultbench_plan plan;
	struct ioasid_mock *mock;
	struct ioasid_ctx *ctx;
	struct ioasid_faultq *queue;
	struct ioasid_mock_device **hw;
	struct ioasid_device **device;
	struct ioasid_space **space; /* by device and PASID */
	struct ioasid_attachment **route;
	struct ioasid_space *parent; /* of the guest's space, or NULL */
	struct ioasid_attachment *below;
	unsigned int pasids;        /* of a device */
	unsigned int next;          /* space that faults next */
	uint64_t page;              /* that is asked for next */
	struct faultbench_dma *dma; /* as many as are outstanding, used in turn */
	unsigned int first, count;  /* of those that wait */
	unsigned int mapped;        /* pages, since somebody forgot them */
	unsigned char *memory;      /* its last page is mapped wherever the device asks */
};

void faultbench_open(struct faultbench *, const struct faultbench_plan *);
void faultbench_close(struct faultbench *);

/* Serves so many faults, a multiple of the batch: raise, read, route, map, answer, retry. */
void faultbench_serve(struct faultbench *, unsigned int faults);

/* What was mapped is no more, but for a page in each space; not part of what is measured. */
void faultbench_forget(struct faultbench *);

/* Ends the program if the call failed. */
int64_t faultbench_ok(int64_t result);

#endif
