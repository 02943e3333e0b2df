/* SPDX-License-Identifier: MIT */
/*
 * PASID tables of an SMMUv3: where a stream table entry has its context descriptors, in one table
 * or two levels, and what a descriptor says of page tables (IHI 0070, 5.2 to 5.4). The SMMU that
 * this is: SMMUv3.1, little-endian VMSAv8-64 tables with a 4 KiB granule alone, stall and terminate
 * as the descriptor likes, HTTU of both flags, substreams of 20 bits; none of STT, DS, S1PI, AIE,
 * HAFT or D128. It must not know page tables.
 */
#include "walk-inner.h"
#include "../error.h"
#include <errno.h>

/* Of a stream table entry's word 0 */
#define STE_VALID   BIT(0)
#define STE_POINTER BITS(55, 6)
#define CONFIG_S1   5u /* stage 1 translates, as far as the guest knows */

/* and of its word 1 */
#define STE_STALL_LESS BIT(27)                                      /* S1STALLD */
#define STE_REGIME     (BITS(31, 30) | BITS(49, 48) | BITS(51, 50)) /* STRW, PRIVCFG, INSTCFG */

/* Of a level 1 descriptor */
#define L1_VALID   BIT(0)
#define L1_POINTER BITS(55, 12)

/* Of a context descriptor's word 0 */
#define CD_OFF0    BIT(14) /* EPD0 */
#define CD_BIG     BIT(15) /* ENDI */
#define CD_OFF1    BIT(30)
#define CD_VALID   BIT(31)
#define CD_AFFD    BIT(35)
#define CD_WXN     BIT(36)
#define CD_TAGGED0 BIT(38) /* TBI0 */
#define CD_TAGGED1 BIT(39)
#define CD_PAN     BIT(40)
#define CD_AA64    BIT(41)
#define CD_HD      BIT(42)
#define CD_HA      BIT(43)
#define CD_STALL   BIT(44) /* S */

/* and of its words 1 and 2 */
#define CD_FLAT BIT(1) /* HAD */
#define CD_E0PD BIT(2)
#define CD_TTB  BITS(51, 4)

#define CD_SIZE      UINT64_C(64)
#define ADDRESS_BITS 48 /* OAS */

static uint32_t field(uint64_t word, unsigned int last, unsigned int first)
{
	return (uint32_t)((word & BITS(last, first)) >> first);
}

/* What accesses without a substream get: S1DSS, where there are substreams (5.2). */
static uint32_t none_of(uint32_t bits, uint32_t dss)
{
	if (!bits || dss == 2)
		return WALK_NONE_FIRST;
	return dss == 1 ? WALK_NONE_BYPASS : WALK_NONE_REFUSED;
}

/* Substreams that share a level 1 descriptor, in bits: S1Fmt. 0: there is no level 1. */
static uint32_t split_of(uint32_t bits, uint32_t format)
{
	if (!bits)
		return 0;
	return format == 1 ? 6 : format == 2 ? 10 : 0;
}

/* The pointer's bits below the table's size are taken as zero. */
static uint64_t root_of(uint64_t pointer, uint32_t bits, uint32_t split)
{
	uint64_t size = CD_SIZE << bits;

	if (split)
		size = UINT64_C(8) << (bits > split ? bits - split : 0);
	return pointer & ~(size - 1);
}

int walk_pasids_of_arm(const struct ioasid_pgtable *table, struct walk_pasids *pasids)
{
	uint64_t word = table->words[0], more = table->words[1];
	uint32_t bits = field(word, 63, 59), split = split_of(bits, field(word, 5, 4));

	if (!(word & STE_VALID) || field(word, 3, 1) != CONFIG_S1)
		return error_reason(-EINVAL,
			"the stream table entry leads to no context descriptors: V is to be set, "
			"and Config is 5, not %u",
			field(word, 3, 1));
	if (table->words[2] || table->words[3])
		return error_reason(-EINVAL, "of a stream table entry two words are told: the "
					     "third and the fourth are 0");
	if (bits > IOASID_PASID_BITS)
		return error_reason(-EINVAL, "S1CDMax is %u: the mock has PASIDs of %u bits", bits,
			IOASID_PASID_BITS);
	if (more & STE_REGIME)
		return error_reason(-EINVAL, "the mock has streams of EL1 that say themselves "
					     "what is privileged: STRW, PRIVCFG and INSTCFG are 0");
	*pasids = (struct walk_pasids){.format = table->format,
		.bits = bits,
		.shape = split,
		.none = none_of(bits, field(more, 1, 0)),
		.stall_less = more & STE_STALL_LESS,
		.root = root_of(word & STE_POINTER, bits, split)};
	return 0;
}

/* eff_IPS; what is reserved or larger behaves as the largest. */
static uint32_t out_bits_of(uint64_t word)
{
	static const uint8_t bits[] = {32, 36, 40, 42, 44, 48, 48, 48};

	return bits[field(word, 34, 32)];
}

/* What makes a descriptor illegal in itself (5.4.2), the halves aside. */
static bool is_illegal(const struct walk_pasids *pasids, uint64_t word)
{
	bool off = (word & CD_OFF0) && (word & CD_OFF1);

	return !(word & CD_AA64) || (pasids->stall_less && (word & CD_STALL)) ||
	       (!off && (word & CD_BIG));
}

/* One of TTB0 and TTB1; size and granule are those fields of word 0. False: it is illegal. */
static bool fill_half(
	struct walk_half *half, uint32_t out_bits, uint64_t word, uint32_t size, bool granule)
{
	uint64_t root = word & CD_TTB;

	if (!granule || size < 16 || size > 39 || root >> out_bits)
		return false;
	half->width = 64 - size;
	half->root = root & ~(BIT((half->width - 13) % 9 + 4) - 1);
	half->flags |= WALK_HALF_VALID;
	half->flags |= word & CD_FLAT ? WALK_HALF_FLAT : 0;
	half->flags |= word & CD_E0PD ? WALK_HALF_PRIV : 0;
	return true;
}

static uint32_t flags_of(uint64_t word)
{
	uint32_t flags = 0;

	flags |= word & CD_AFFD ? WALK_ACCESS_FREE : 0;
	flags |= word & CD_WXN ? WALK_WRITE_NO_EXEC : 0;
	flags |= word & CD_PAN ? WALK_PRIV_NO_USER : 0;
	if (word & CD_HA)
		flags |= IOASID_PGTABLE_HW_ACCESSED | (word & CD_HD ? IOASID_PGTABLE_HW_DIRTY : 0);
	return flags;
}

static bool fill_context(
	struct walk_context *context, const struct walk_pasids *pasids, const uint64_t words[3])
{
	uint64_t word = words[0];
	struct walk_half *half = context->half;

	*context = (struct walk_context){
		.format = pasids->format, .flags = flags_of(word), .out_bits = out_bits_of(word)};
	half[0].flags = word & CD_TAGGED0 ? WALK_HALF_TAGGED : 0;
	half[1].flags = word & CD_TAGGED1 ? WALK_HALF_TAGGED : 0;
	if (is_illegal(pasids, word))
		return false;
	if (!(word & CD_OFF0) && !fill_half(&half[0], context->out_bits, words[1],
					 field(word, 5, 0), field(word, 7, 6) == 0))
		return false;
	return (word & CD_OFF1) || fill_half(&half[1], context->out_bits, words[2],
					   field(word, 21, 16), field(word, 23, 22) == 2);
}

/* Where the descriptor is. */
static uint32_t find(struct walk_memory *memory, const struct walk_pasids *pasids, uint32_t index,
	struct walk_entry *entry, uint64_t *addr)
{
	uint64_t word, leaf;

	if (!pasids->shape) {
		*addr = pasids->root + (uint64_t)index * CD_SIZE;
		return IOASID_MOCK_FAULT_NONE;
	}
	if (!walk_pasid_word(memory, pasids->root + (index >> pasids->shape) * 8, &word, entry))
		return IOASID_MOCK_FAULT_PARENT;
	if (!(word & L1_VALID))
		return IOASID_MOCK_FAULT_PASID;
	leaf = CD_SIZE << pasids->shape;
	*addr = (word & L1_POINTER & ~(leaf - 1)) + index % (1u << pasids->shape) * CD_SIZE;
	return IOASID_MOCK_FAULT_NONE;
}

uint32_t walk_pasid_arm(struct walk_memory *memory, const struct walk_pasids *pasids,
	uint32_t index, struct walk_entry *entry)
{
	uint64_t words[3] = {0}, addr = 0;
	uint32_t fault = find(memory, pasids, index, entry, &addr);

	if (fault)
		return fault;
	/* the word with the valid bit first: the guest sets it last */
	for (unsigned int i = 0; i < 3; i++) {
		if (!walk_pasid_word(memory, addr + i * 8, &words[i], entry))
			return IOASID_MOCK_FAULT_PARENT;
		if (!(words[0] & CD_VALID))
			return IOASID_MOCK_FAULT_PASID;
	}
	return fill_context(&entry->context, pasids, words) ? IOASID_MOCK_FAULT_NONE
							    : IOASID_MOCK_FAULT_CONTEXT;
}
