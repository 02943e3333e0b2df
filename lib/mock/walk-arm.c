/* SPDX-License-Identifier: MIT */
/*
 * Arm's stage 1 page tables as an SMMUv3 walks them: VMSAv8-64 with a 4 KiB granule and direct
 * permissions (DDI 0487, D8; IHI 0070, 3.4 for addresses, 3.13 for accessed and dirty, 13.4 for
 * permissions). Addresses of 48 bits on both sides: no FEAT_LPA2, no small tables (FEAT_TTST), no
 * access flags in table descriptors (HAFT). It must not know how a walk is settled.
 */
#include "walk-inner.h"
#include "../error.h"
#include <errno.h>

#define KIND    BITS(1, 0)
#define BLOCK   UINT64_C(1) /* of a level that has them */
#define TABLE   UINT64_C(3) /* and at the last level a page */
#define USER    BIT(6)      /* AP[1] */
#define READ    BIT(7)      /* AP[2]: read only */
#define ACCESS  BIT(10)
#define ADDRESS BITS(47, 12)
#define DBM     BIT(51) /* could be written, whatever AP[2] says */
#define PXN     BIT(53)
#define UXN     BIT(54)

/* Of tables, for all that is below them */
#define PXN_TABLE  BIT(59)
#define UXN_TABLE  BIT(60)
#define USER_TABLE BIT(61) /* APTable[0]: nothing for users */
#define READ_TABLE BIT(62) /* APTable[1]: read only */

#define TOP_SHIFT    39
#define ADDRESS_BITS 48

/* The level at which a walk begins: the highest whose entries are needed for that many bits. */
static unsigned int first_shift(uint32_t width)
{
	return 12 + (width - 13) / 9 * 9;
}

int walk_context_of_arm(const struct ioasid_pgtable *table, struct walk_context *context)
{
	uint32_t known = IOASID_PGTABLE_HW_ACCESSED | IOASID_PGTABLE_HW_DIRTY;
	uint64_t size;

	if (table->addr_width < 25 || table->addr_width > 48)
		return error_reason(-EINVAL,
			"SMMUv3 tables with a 4 KiB granule translate 25 to 48 bits, not %u",
			table->addr_width);
	size = BIT(table->addr_width - first_shift(table->addr_width) + 3);
	if (table->addr & (~BITS(ADDRESS_BITS - 1, 0) | (size - 1)))
		return error_reason(-EINVAL,
			"the root 0x%llx is not aligned to its %llu bytes, or has more than %u bits",
			(unsigned long long)table->addr, (unsigned long long)size, ADDRESS_BITS);
	if (table->flags & ~known)
		return error_reason(
			-EINVAL, "SMMUv3 tables have no flags 0x%x", table->flags & ~known);
	if (table->flags == IOASID_PGTABLE_HW_DIRTY)
		return error_reason(-EINVAL, "IOASID_PGTABLE_HW_DIRTY wants "
					     "IOASID_PGTABLE_HW_ACCESSED beside it");
	*context = (struct walk_context){.format = table->format,
		.flags = table->flags,
		.out_bits = ADDRESS_BITS,
		.half[0] = {table->addr, table->addr_width, WALK_HALF_VALID}};
	return 0;
}

/* The table that an address belongs to; NULL: to none (IHI 0070, 3.4.1). */
static const struct walk_half *half_of(
	const struct walk_context *context, const struct walk_ask *ask)
{
	bool high = ask->addr & BIT(55);
	const struct walk_half *half = &context->half[high];
	uint64_t sign = ask->addr ^ (high ? UINT64_MAX : 0);

	if (!(half->flags & WALK_HALF_VALID))
		return NULL;
	if (half->flags & WALK_HALF_TAGGED)
		sign &= BITS(55, 0);
	if (sign >> half->width)
		return NULL;
	if ((half->flags & WALK_HALF_PRIV) && !(ask->access & IOASID_FAULT_PRIV))
		return NULL;
	return half;
}

static bool is_page(uint64_t entry, unsigned int shift)
{
	return shift == 12 || (entry & KIND) == BLOCK;
}

/* At the top level blocks are invalid, at the last level what looks like one is. */
static bool is_valid(uint64_t entry, unsigned int shift)
{
	if ((entry & KIND) == TABLE)
		return true;
	return (entry & KIND) == BLOCK && shift != 12 && shift != TOP_SHIFT;
}

static bool dirty_is_noted(const struct walk_context *context, uint64_t entry)
{
	uint32_t both = IOASID_PGTABLE_HW_ACCESSED | IOASID_PGTABLE_HW_DIRTY;

	return (context->flags & both) == both && (entry & DBM);
}

/* A fetch is told by execute permission alone: of pages that can only be executed, too. */
static uint32_t allowed(
	const struct walk_context *context, uint32_t access, uint64_t entry, uint64_t tables)
{
	bool privileged = access & IOASID_FAULT_PRIV;
	bool users = (entry & USER) && !(tables & USER_TABLE);
	bool can_write =
		(!(entry & READ) || dirty_is_noted(context, entry)) && !(tables & READ_TABLE);
	bool read = users || privileged, write = read && can_write, exec;

	if (privileged)
		exec = !(entry & PXN) && !(tables & PXN_TABLE) && !(users && can_write);
	else
		exec = !(entry & UXN) && !(tables & UXN_TABLE);
	if (write && (context->flags & WALK_WRITE_NO_EXEC))
		exec = false;
	if (privileged && users && (context->flags & WALK_PRIV_NO_USER))
		read = write = false;
	return ((access & IOASID_FAULT_EXEC ? exec : read) ? IOASID_MAP_READ : 0) |
	       (write ? IOASID_MAP_WRITE : 0);
}

static void mark(const struct walk_context *context, struct walk_step *page, bool write)
{
	if (context->flags & IOASID_PGTABLE_HW_ACCESSED)
		page->marked |= ACCESS;
	if (write && dirty_is_noted(context, page->value))
		page->marked &= ~READ;
}

/* An access fault goes before one of permission (IHI 0070, 3.13.1). */
static uint32_t fault_of(
	const struct walk_context *context, uint32_t access, uint64_t entry, uint32_t rights)
{
	if (!(entry & ACCESS) &&
		!(context->flags & (IOASID_PGTABLE_HW_ACCESSED | WALK_ACCESS_FREE)))
		return IOASID_MOCK_FAULT_ACCESS;
	if (walk_needs(access) & ~rights)
		return IOASID_MOCK_FAULT_PERMISSION;
	return IOASID_MOCK_FAULT_NONE;
}

static void answer_page(struct walk_path *path, const struct walk_context *context, uint64_t tables,
	const struct walk_ask *ask, struct walk_answer *answer)
{
	struct walk_step *page = &path->step[path->steps - 1];
	uint64_t offset = BITS(answer->shift - 1, 0);

	answer->addr = (page->value & ADDRESS & ~offset) | (ask->addr & offset);
	answer->allowed = allowed(context, ask->access, page->value, tables);
	answer->fault = fault_of(context, ask->access, page->value, answer->allowed);
	if (answer->fault)
		return;
	if (!ask->quiet)
		mark(context, page, ask->access & IOASID_FAULT_WRITE);
	answer->perms = answer->allowed;
	if (page->marked & READ)
		answer->perms &= ~IOASID_MAP_WRITE;
}

/* What is wrong with an entry before anybody asks for permission. The bits below the size of a
 * block count for nothing here: outputs may always have more. */
static uint32_t defect(const struct walk_context *context, uint64_t entry, unsigned int shift)
{
	if (!is_valid(entry, shift))
		return IOASID_MOCK_FAULT_TRANSLATION;
	if ((entry & ADDRESS) >> context->out_bits)
		return IOASID_MOCK_FAULT_ADDRESS;
	return IOASID_MOCK_FAULT_NONE;
}

void walk_arm(struct walk_path *path, const struct walk_context *context,
	const struct walk_ask *ask, struct walk_answer *answer)
{
	const struct walk_half *half = half_of(context, ask);
	uint64_t table, tables = 0, addr;
	const struct walk_step *step;

	if (!half) {
		answer->fault = IOASID_MOCK_FAULT_TRANSLATION;
		return;
	}
	table = half->root;
	addr = ask->addr & BITS(half->width - 1, 0);
	for (answer->shift = first_shift(half->width);; answer->shift -= 9) {
		step = walk_step(path, table + (addr >> answer->shift & 511) * 8, answer);
		if (!step)
			return;
		answer->fault = defect(context, step->value, answer->shift);
		if (answer->fault)
			return;
		if (is_page(step->value, answer->shift))
			break;
		table = step->value & ADDRESS;
		if (!(half->flags & WALK_HALF_FLAT))
			tables |= step->value;
	}
	answer_page(path, context, tables, ask, answer);
}
