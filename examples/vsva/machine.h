/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine as the VMM holds it: a simulated platform with one device that works for many
 * of the guest's processes, guest memory mapped at its guest addresses into one parent space, and
 * on top of it a space per process. It is built before the threads start and taken down after they
 * ended.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include "../common/trouble.h"
#include <ioasid/fault.h>
#include <ioasid/mock.h>
#include <ioasid/pgtable.h>
#include <stddef.h>

#define MACHINE_PAGE      4096u
#define MACHINE_PROCESSES 16u /* at most */

/* What a PASID of the guest's leads to: guest memory, and on top of it a process's addresses. */
struct machine_route {
	struct ioasid_space *gva;
	struct ioasid_attachment *to_gpa;
	struct ioasid_attachment *to_gva;
	bool has_table; /* one is bound to gva */
};

struct machine {
	struct trouble *trouble;
	struct ioasid_mock *platform;
	struct ioasid_mock_device *hardware;
	struct ioasid_ctx *ctx;
	struct ioasid_faultq *faults;
	struct ioasid_space *gpa;
	struct ioasid_device *device;
	struct machine_route routes[MACHINE_PROCESSES]; /* of PASID 1 and so on */
	int vm;
	uint32_t v_rid;     /* the device's, as the guest sees it; the label of its faults */
	unsigned char *ram; /* guest address 0 */
	uint64_t ram_size;
};

/* trouble and ram_size are filled in, vm is -1. 0, or -1 with the trouble noted; machine_destroy()
 * in any case. */
int machine_build(struct machine *machine);

/* Leaves nothing to destroy twice. 0, or -1 if there is trouble; something in use is trouble. */
int machine_destroy(struct machine *machine);

/* Where the guest's PASID leads, NULL if it can lead nowhere. */
struct machine_route *machine_route(struct machine *machine, uint32_t v_pasid);

/* Does any DMA of the guest's carry these names? */
bool machine_has(const void *machine, uint64_t v_rid, uint32_t v_pasid);

/* Pages of one page request group, at most. */
unsigned int machine_group_pages(void);

#endif
