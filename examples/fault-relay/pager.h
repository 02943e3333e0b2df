/* SPDX-License-Identifier: MIT */
/*
 * The guest's demand paging for one device. The device finds FILE and OUT in two areas of its I/O
 * addresses, as if both were mapped into memory; a few frames of guest memory hold what it works on
 * now. The oldest pages go when room is needed, those of OUT to disk, and come back if it faults
 * again. Knows the IOMMU's driver and the files, not the VMM behind.
 */
#ifndef PAGER_H
#define PAGER_H

#include "../common/files.h"
#include "driver.h"

#define PAGER_IN   (UINT64_C(1) << 44) /* where FILE begins */
#define PAGER_OUT  (UINT64_C(2) << 44) /* where OUT begins */
#define PAGER_PAGE MACHINE_PAGE

struct pager {
	struct machine *machine;
	struct files *files;
	uint32_t v_rid;
	uint32_t v_pasid;
	uint64_t gpa; /* its memory: frames, and what the driver needs */
	struct driver driver;
	unsigned int frames;
	struct pager_run *runs; /* pages that are there, the oldest first */
	unsigned int first;
	unsigned int count;
	unsigned int next; /* frame */
};

/* Pages that a device asked for. */
struct pager_request {
	uint64_t giova;
	uint32_t pages;
	bool write;
};

/* Bytes of guest memory that it needs. */
uint64_t pager_memory(const struct machine *machine);

/* The fields above driver are filled in. 0, or -1 with the trouble noted. */
int pager_open(struct pager *pager);
void pager_free(struct pager *pager);

/* Brings the pages that are not there; returns what to answer, IOASID_RESPONSE_*. */
uint32_t pager_serve(struct pager *pager, const struct pager_request *request);

/* Everything goes, to disk if it is of OUT. 0, or -1 with the trouble noted. */
int pager_flush(struct pager *pager);

#endif
