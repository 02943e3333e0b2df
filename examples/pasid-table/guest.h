/* SPDX-License-Identifier: MIT */
/*
 * What a guest writes into its memory for an IOMMU that takes whole PASID tables: page tables, the
 * table that leads from a PASID to one of them, and its own entry for the device, which leads
 * there. Of an SMMUv3 or an AMD IOMMU. Knows nothing of the VMM.
 */
#ifndef GUEST_H
#define GUEST_H

#include "../common/frames.h"
#include "../common/pagetable.h"

#define GUEST_PASID_BITS 4u

struct guest {
	uint32_t format;    /* IOASID_PGTABLE_*: of the page tables, so of the IOMMU */
	unsigned char *ram; /* guest address 0 */
	struct frames frames;
	uint64_t pasids; /* guest address of the PASID table, a page */
};

/* format, ram, and of frames ram, first and count are filled in. Each returns 0, or -1: out of
 * memory. */
int guest_open(struct guest *guest);
int guest_open_table(struct guest *guest, struct pagetable *table);
void guest_close(struct guest *guest);

/* The PASID leads to this page table from now on, or to another than before. */
void guest_set_pasid(struct guest *guest, uint32_t pasid, const struct pagetable *table);

/* What to bind: the guest's entry for the device. */
struct ioasid_pgtable guest_device_entry(const struct guest *guest);

#endif
