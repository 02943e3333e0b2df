/* SPDX-License-Identifier: MIT */
/*
 * PASID tables of AMD's IOMMU: where a device table entry has the root of the GCR3 table, and its
 * one to three levels of 512 entries, each with the root of a page table (48882, 2.2.2.1 device
 * table entry, 2.2.6 guest translation). What the entry says of interrupts, of the host's table
 * and of permissions (IR, IW) is not the guest's to say here. It must not know page tables.
 */
#include "walk-inner.h"
#include "../error.h"
#include <errno.h>

/* Of a device table entry's word 0 */
#define VALID        BIT(0)
#define TRANSLATES   BIT(1) /* TV */
#define HOST_MODE    BITS(11, 9)
#define HOST_ROOT    BITS(51, 12)
#define NONE_IS_ZERO BIT(54) /* GIOV: accesses without a PASID are translated, as PASID 0 */
#define GUEST_VALID  BIT(55) /* GV */

/* Of an entry of the GCR3 table */
#define ROOT     BITS(51, 12)
#define RESERVED (BITS(63, 52) | BITS(11, 1))

static uint64_t field(uint64_t word, unsigned int last, unsigned int first)
{
	return (word & BITS(last, first)) >> first;
}

/* In three pieces, where there was room. */
static uint64_t root_of(const uint64_t words[4])
{
	return field(words[0], 60, 58) << 12 | field(words[1], 31, 16) << 15 |
	       field(words[1], 63, 43) << 31;
}

int walk_pasids_of_amd(const struct ioasid_pgtable *table, struct walk_pasids *pasids)
{
	static const uint32_t bits[] = {9, 18, IOASID_PASID_BITS};
	uint64_t needs = VALID | TRANSLATES | GUEST_VALID;
	uint32_t levels = (uint32_t)field(table->words[0], 57, 56);
	uint32_t mode = (uint32_t)field(table->words[2], 55, 54);

	if ((table->words[0] & needs) != needs)
		return error_reason(-EINVAL,
			"the device table entry has no PASID table: V, TV and GV are to be set");
	if (table->words[0] & (HOST_MODE | HOST_ROOT))
		return error_reason(-EINVAL, "the device table entry has a host page table of the "
					     "guest's own (Mode): the mock nests once");
	if (levels > 2 || mode > 1)
		return error_reason(-EINVAL,
			"GLX %u with GuestPagingMode %u: the mock has up to 2, and 0 or 1", levels,
			mode);
	*pasids = (struct walk_pasids){.format = table->format,
		.bits = bits[levels],
		.shape = levels,
		.none = table->words[0] & NONE_IS_ZERO ? WALK_NONE_FIRST : WALK_NONE_BYPASS,
		.width = mode ? 57 : 48,
		.root = root_of(table->words)};
	return 0;
}

uint32_t walk_pasid_amd(struct walk_memory *memory, const struct walk_pasids *pasids,
	uint32_t index, struct walk_entry *entry)
{
	uint64_t word, table = pasids->root;

	for (unsigned int level = pasids->shape + 1; level--;) {
		if (!walk_pasid_word(memory, table + (index >> 9 * level & 511) * 8, &word, entry))
			return IOASID_MOCK_FAULT_PARENT;
		if (!(word & VALID))
			return IOASID_MOCK_FAULT_PASID;
		if (word & RESERVED)
			return IOASID_MOCK_FAULT_CONTEXT;
		table = word & ROOT;
	}
	entry->context = (struct walk_context){.format = pasids->format,
		.flags = IOASID_PGTABLE_SUPERVISOR | IOASID_PGTABLE_WRITE_PROTECT,
		.out_bits = 52,
		.half[0] = {table, pasids->width, WALK_HALF_VALID}};
	return IOASID_MOCK_FAULT_NONE;
}
