/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine as the VMM holds it: a simulated platform, guest memory mapped at its guest
 * addresses into one parent space, and for each device a nested space whose faults go to one
 * queue: for maps, or for a page table of the guest's. It is built before the threads start and
 * taken down after they ended.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include "../common/trouble.h"
#include <ioasid/fault.h>
#include <ioasid/mock.h>
#include <ioasid/pgtable.h>
#include <stddef.h>

#define MACHINE_PAGE 4096u

struct machine_device {
	uint32_t v_rid;   /* as the guest sees it on its bus; the label of its faults */
	uint32_t v_pasid; /* of the guest's process that the device works for */
	struct ioasid_mock_device *hardware;
	struct ioasid_device *device;
	struct ioasid_space *giova;
	struct ioasid_attachment *to_gpa;
	struct ioasid_attachment *to_giova;
	bool has_table; /* one is bound to giova */
};

struct machine {
	struct trouble *trouble;
	struct ioasid_mock *platform;
	struct ioasid_ctx *ctx;
	struct ioasid_faultq *faults;
	struct ioasid_space *gpa;
	unsigned char *ram; /* guest address 0 */
	uint64_t ram_size;
	struct machine_device *devices;
	unsigned int count;
	unsigned int group_pages;
	uint32_t pgtable_format; /* of its virtual IOMMU, IOASID_PGTABLE_*; 0: it has no page tables
				  */
};

/* trouble, count, group_pages, pgtable_format and ram_size are filled in. 0, or -1 with the trouble
 * noted; machine_destroy() in any case. */
int machine_build(struct machine *machine);

/* Leaves nothing to destroy twice. 0, or -1 if there is trouble; something in use is trouble. */
int machine_destroy(struct machine *machine);

/* The device behind a guest's names for it, NULL if there is none. */
struct machine_device *machine_find(
	const struct machine *machine, uint64_t v_rid, uint32_t v_pasid);

#endif
