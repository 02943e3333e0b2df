/* SPDX-License-Identifier: MIT */
/*
 * Long-mode page tables, of four or five levels: Intel's first stage (VT-d specification 3.6 and
 * 9.8) and AMD's v2 tables (48882, guest page tables; AMD64 manual, volume 2, 5.3 and 5.6). What
 * the formats differ in is which bits are reserved, and flags of the context: on AMD privileged
 * accesses are always translated and heed read-only pages. It must not know how a walk is settled.
 *
 * As if NXE was set in the PASID's entry and SMEP was not: no-execute counts, and code of users
 * may run privileged.
 */
#include "walk-inner.h"
#include "../error.h"
#include <errno.h>

#define PRESENT      BIT(0)
#define WRITABLE     BIT(1)
#define USER         BIT(2)
#define ACCESSED     BIT(5)
#define DIRTY        BIT(6)
#define LARGE        BIT(7)
#define GLOBAL       BIT(8)
#define EXT_ACCESSED BIT(10)
#define ADDRESS      BITS(51, 12)
#define NO_EXEC      BIT(63)

#define ADDRESS_BITS  52
#define LARGEST_SHIFT 30 /* of a page */

int walk_context_of_x86(const struct ioasid_pgtable *table, struct walk_context *context)
{
	bool vtd = table->format == IOASID_PGTABLE_VTD_S1;
	uint32_t known = vtd ? IOASID_PGTABLE_SUPERVISOR | IOASID_PGTABLE_EXT_ACCESSED |
					 IOASID_PGTABLE_WRITE_PROTECT
			     : 0;

	if (table->addr_width != 48 && table->addr_width != 57)
		return error_reason(-EINVAL,
			"tables of this format translate 48 or 57 bits, not %u", table->addr_width);
	if (table->addr & ~ADDRESS)
		return error_reason(-EINVAL,
			"the root 0x%llx is not aligned to 4 KiB, or has more than %u bits",
			(unsigned long long)table->addr, ADDRESS_BITS);
	if (table->flags & ~known)
		return error_reason(
			-EINVAL, "tables of this format have no flags 0x%x", table->flags & ~known);
	*context = (struct walk_context){.format = table->format,
		.flags = vtd ? table->flags
			     : IOASID_PGTABLE_SUPERVISOR | IOASID_PGTABLE_WRITE_PROTECT,
		.out_bits = ADDRESS_BITS,
		.half[0] = {table->addr, table->addr_width, WALK_HALF_VALID}};
	return 0;
}

static bool is_canonical(uint64_t addr, uint32_t width)
{
	uint64_t sign = addr >> (width - 1);

	return !sign || sign == UINT64_MAX >> (width - 1);
}

static bool is_page(uint64_t entry, unsigned int shift)
{
	return shift == 12 || (shift <= LARGEST_SHIFT && (entry & LARGE));
}

/* With 52 bits of address none are reserved above it. The PAT bit of a large page is bit 12. */
static uint64_t reserved(const struct walk_context *context, uint64_t entry, unsigned int shift)
{
	if (shift > LARGEST_SHIFT)
		return context->format == IOASID_PGTABLE_AMD_V2 ? LARGE | GLOBAL : LARGE;
	if (shift > 12 && (entry & LARGE))
		return BITS(shift - 1, 13);
	return 0;
}

/* all: the bits that every entry has; any: those that one has. */
static uint32_t allowed(
	const struct walk_context *context, uint32_t access, uint64_t all, uint64_t any)
{
	bool privileged = access & IOASID_FAULT_PRIV;
	uint32_t rights = IOASID_MAP_READ | IOASID_MAP_WRITE;

	if (!privileged && !(all & USER))
		return 0;
	if ((access & IOASID_FAULT_EXEC) && (any & NO_EXEC))
		rights &= ~IOASID_MAP_READ;
	if (!(all & WRITABLE) && !(privileged && !(context->flags & IOASID_PGTABLE_WRITE_PROTECT)))
		rights &= ~IOASID_MAP_WRITE;
	return rights;
}

/* The last step is the page's. */
static void mark(struct walk_path *path, const struct walk_context *context, bool write)
{
	uint64_t seen = ACCESSED;

	if (context->flags & IOASID_PGTABLE_EXT_ACCESSED)
		seen |= EXT_ACCESSED;
	for (unsigned int i = 0; i < path->steps; i++)
		path->step[i].marked |= seen;
	if (write)
		path->step[path->steps - 1].marked |= DIRTY;
}

static void answer_page(struct walk_path *path, const struct walk_context *context,
	const struct walk_ask *ask, struct walk_answer *answer)
{
	const struct walk_step *page = &path->step[path->steps - 1];
	uint64_t offset = BITS(answer->shift - 1, 0), all = UINT64_MAX, any = 0;

	for (unsigned int i = 0; i < path->steps; i++) {
		all &= path->step[i].value;
		any |= path->step[i].value;
	}
	answer->addr = (page->value & ADDRESS & ~offset) | (ask->addr & offset);
	answer->allowed = allowed(context, ask->access, all, any);
	if (walk_needs(ask->access) & ~answer->allowed) {
		answer->fault = IOASID_MOCK_FAULT_PERMISSION;
		return;
	}
	if (!ask->quiet)
		mark(path, context, ask->access & IOASID_FAULT_WRITE);
	answer->perms = answer->allowed;
	if (!(page->marked & DIRTY))
		answer->perms &= ~IOASID_MAP_WRITE;
}

/* What keeps an access from being translated at all. */
static uint32_t refusal(const struct walk_context *context, const struct walk_ask *ask)
{
	if ((ask->access & IOASID_FAULT_PRIV) && !(context->flags & IOASID_PGTABLE_SUPERVISOR))
		return IOASID_MOCK_FAULT_PERMISSION;
	if (!is_canonical(ask->addr, context->half[0].width))
		return IOASID_MOCK_FAULT_ADDRESS;
	return IOASID_MOCK_FAULT_NONE;
}

void walk_x86(struct walk_path *path, const struct walk_context *context,
	const struct walk_ask *ask, struct walk_answer *answer)
{
	uint64_t table = context->half[0].root;
	const struct walk_step *step;

	answer->fault = refusal(context, ask);
	if (answer->fault)
		return;
	for (answer->shift = context->half[0].width - 9;; answer->shift -= 9) {
		step = walk_step(path, table + (ask->addr >> answer->shift & 511) * 8, answer);
		if (!step)
			return;
		if (!(step->value & PRESENT))
			answer->fault = IOASID_MOCK_FAULT_TRANSLATION;
		else if (step->value & reserved(context, step->value, answer->shift))
			answer->fault = IOASID_MOCK_FAULT_RESERVED;
		if (answer->fault)
			return;
		if (is_page(step->value, answer->shift))
			break;
		table = step->value & ADDRESS;
	}
	answer_page(path, context, ask, answer);
}
