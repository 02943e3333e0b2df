/* SPDX-License-Identifier: MIT */
/*
 * What a guest writes into its memory: see guest.h. The formats are those of Arm's IHI 0070 and
 * AMD's 48882.
 */
#include "guest.h"

#define FIELD(value, shift) ((uint64_t)(value) << (shift))

/* SMMUv3: a stream table entry, and context descriptors of 8 words */
#define STE_VALID      FIELD(1, 0)
#define STE_STAGE1     FIELD(5, 1)                 /* Config */
#define STE_PASIDS     FIELD(GUEST_PASID_BITS, 59) /* S1CDMax */
#define STE_BYPASS     FIELD(1, 0) /* S1DSS: DMA without a PASID uses guest addresses */
#define CD_WORDS       8u
#define CD_WIDTH       FIELD(64 - 48, 0) /* T0SZ */
#define CD_NO_HIGH     FIELD(1, 30)      /* EPD1 */
#define CD_VALID       FIELD(1, 31)
#define CD_OUT_48      FIELD(5, 32) /* IPS */
#define CD_AA64        FIELD(1, 41)
#define CD_HW_DIRTY    FIELD(1, 42)
#define CD_HW_ACCESSED FIELD(1, 43)
#define CD_RECORD      FIELD(1, 45)
#define CD_ABORT       FIELD(1, 46)
#define CD_ASID(pasid) FIELD(pasid, 48)
#define CD_MEMORY      UINT64_C(0xff) /* MAIR: attribute 0 is cached memory */

/* AMD: a device table entry, and a GCR3 table of one level */
#define DTE_VALID  FIELD(1, 0)
#define DTE_TV     FIELD(1, 1)
#define DTE_GUEST  FIELD(1, 55) /* GV */
#define DTE_READ   FIELD(1, 61)
#define DTE_WRITE  FIELD(1, 62)
#define GCR3_VALID FIELD(1, 0)

int guest_open(struct guest *guest)
{
	if (frames_open(&guest->frames))
		return -1;
	guest->pasids = frames_take(&guest->frames);
	return 0;
}

void guest_close(struct guest *guest)
{
	frames_close(&guest->frames);
}

int guest_open_table(struct guest *guest, struct pagetable *table)
{
	*table = (struct pagetable){.frames = &guest->frames, .format = guest->format};
	return pagetable_open(table);
}

/* Release: an IOMMU that sees this word sees what was written before. */
static void store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* The word that makes it valid comes last. Of one that is valid already only the root changes. */
static void set_descriptor(uint64_t *words, uint32_t pasid, uint64_t root)
{
	store(&words[1], root);
	store(&words[3], CD_MEMORY);
	store(&words[0], CD_WIDTH | CD_NO_HIGH | CD_OUT_48 | CD_AA64 | CD_HW_DIRTY |
				 CD_HW_ACCESSED | CD_RECORD | CD_ABORT | CD_ASID(pasid) | CD_VALID);
}

void guest_set_pasid(struct guest *guest, uint32_t pasid, const struct pagetable *table)
{
	uint64_t *words = (uint64_t *)(void *)(guest->ram + guest->pasids);

	if (guest->format == IOASID_PGTABLE_SMMUV3_S1)
		set_descriptor(words + pasid * CD_WORDS, pasid, table->root);
	else
		store(words + pasid, table->root | GCR3_VALID);
}

/* The root is in three pieces, where there was room. */
static struct ioasid_pgtable amd_entry(uint64_t root)
{
	return (struct ioasid_pgtable){.size = sizeof(struct ioasid_pgtable),
		.format = IOASID_PGTABLE_AMD_V2,
		.words = {DTE_VALID | DTE_TV | DTE_GUEST | DTE_READ | DTE_WRITE |
				  FIELD(root >> 12 & 7, 58),
			FIELD(root >> 15 & 0xffff, 16) | FIELD(root >> 31 & 0x1fffff, 43)}};
}

struct ioasid_pgtable guest_device_entry(const struct guest *guest)
{
	if (guest->format == IOASID_PGTABLE_AMD_V2)
		return amd_entry(guest->pasids);
	return (struct ioasid_pgtable){.size = sizeof(struct ioasid_pgtable),
		.format = IOASID_PGTABLE_SMMUV3_S1,
		.words = {STE_VALID | STE_STAGE1 | STE_PASIDS | guest->pasids, STE_BYPASS}};
}
