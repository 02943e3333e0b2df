/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine as the VMM holds it: a simulated platform with one device, which leads to a
 * space for the guest's whole PASID table, on top of guest memory; beside that, a space for each
 * PASID that the VMM hears of. Knows nothing of what the guest writes.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <ioasid/fault.h>
#include <ioasid/mock.h>
#include <ioasid/pgtable.h>

#define MACHINE_LABEL 0x0200u

struct machine {
	struct ioasid_mock *platform;
	struct ioasid_mock_device *hardware;
	struct ioasid_ctx *ctx;
	struct ioasid_faultq *faults;
	struct ioasid_device *device;
	struct ioasid_space *gpa, *pasids, *tracked[3]; /* by PASID: 1 and 2 */
	struct ioasid_attachment *to_gpa, *to_pasids, *to_tracked[3];
};

/* format: of the page tables that its IOMMU walks. ram is guest memory. An error ends the program.
 */
void machine_build(struct machine *m, uint32_t format, void *ram, uint64_t ram_size);
void machine_destroy(struct machine *m);

/* A space that stands for a PASID, 1 or 2. The table bound to it is noted; the hardware finds it in
 * the guest's PASID table instead. */
void machine_track(struct machine *m, uint32_t pasid, const struct ioasid_pgtable *table);

#endif
