/* SPDX-License-Identifier: MIT */
/*
 * The walkers, fed with tables that obey no manual: any bytes, of any format, in memory of exactly
 * its size, of which pages come and go. Whatever they are, a walk ends within a bound of reads, and
 * its answer is in range, and the naive walk's. A test with fixed seeds; built with -DFUZZ
 * -fsanitize=fuzzer it is a libFuzzer target.
 */
#include "fuzzcorpus.h"
#include "walkfuzz.h"
#include <string.h>

/* A table as either side has it. */
struct table {
	struct walk_context context;
	bool arm;
	struct naive_long_mode long_mode;
	struct naive_descriptor descriptor;
};

static struct naive_answer walk_naively(
	const struct walkfuzz *fuzz, const void *table, const struct naive_request *request)
{
	const struct table *either = table;

	if (either->arm)
		return naive_arm(&fuzz->naive, &either->descriptor, request);
	return naive_long_mode(&fuzz->naive, &either->long_mode, request);
}

/* Whatever would be bound: false, it was refused. */
static bool bind(struct table *table, const struct ioasid_pgtable *wanted)
{
	uint32_t flags = wanted->flags;

	memset(table, 0, sizeof(*table));
	if (walk_context_of(wanted, &table->context))
		return false;
	table->arm = wanted->format == IOASID_PGTABLE_SMMUV3_S1;
	table->long_mode = (struct naive_long_mode){.amd = wanted->format == IOASID_PGTABLE_AMD_V2,
		.levels = wanted->addr_width == 57 ? 5 : 4,
		.root = wanted->addr,
		.sre = flags & IOASID_PGTABLE_SUPERVISOR,
		.wpe = flags & IOASID_PGTABLE_WRITE_PROTECT,
		.eafe = flags & IOASID_PGTABLE_EXT_ACCESSED};
	table->descriptor.words[0] = (64 - wanted->addr_width) % 64 | BIT(30) | BIT(31) |
				     UINT64_C(5) << 32 | BIT(41) |
				     (flags & IOASID_PGTABLE_HW_ACCESSED ? BIT(43) : 0) |
				     (flags & IOASID_PGTABLE_HW_DIRTY ? BIT(42) : 0);
	table->descriptor.words[1] = wanted->addr;
	return true;
}

static uint32_t width_of(struct walkfuzz *fuzz, uint32_t format)
{
	uint64_t bits = walkfuzz_next(fuzz, 1);

	if (bits % 16 == 0)
		return (uint32_t)bits;
	if (format == IOASID_PGTABLE_SMMUV3_S1)
		return 25 + (uint32_t)bits % 24;
	return bits % 2 ? 48 : 57;
}

static bool bind_something(struct walkfuzz *fuzz, struct table *table)
{
	uint64_t how = walkfuzz_next(fuzz, 1);
	struct ioasid_pgtable wanted = {.size = sizeof(wanted),
		.format = (uint32_t)how % 4 ? (uint32_t)how % 4 : IOASID_PGTABLE_SMMUV3_S1,
		.addr = walkfuzz_page(fuzz)};

	wanted.addr_width = width_of(fuzz, wanted.format);
	switch (wanted.format) {
	case IOASID_PGTABLE_VTD_S1:
		wanted.flags = how >> 2 & 7;
		break;
	case IOASID_PGTABLE_SMMUV3_S1:
		wanted.flags = how >> 2 & 1 ? IOASID_PGTABLE_HW_ACCESSED : 0;
		wanted.flags |= how >> 3 & 1 ? IOASID_PGTABLE_HW_DIRTY : 0;
		break;
	}
	if (how >> 5 & 1)
		wanted.addr += walkfuzz_next(fuzz, 2);
	return bind(table, &wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct walkfuzz fuzz;
	struct table table;
	bool bound;

	walkfuzz_begin(&fuzz, "fuzz-walk", data, size);
	bound = bind_something(&fuzz, &table);
	while (fuzz.left) {
		uint64_t which = walkfuzz_next(&fuzz, 1) % 32;

		if (which < 1)
			bound = bind_something(&fuzz, &table);
		else if (which < 3)
			walkfuzz_change_page(&fuzz);
		else if (which < 20)
			walkfuzz_write(&fuzz);
		else if (bound)
			walkfuzz_walk(&fuzz, &table.context, walk_naively, &table);
	}
	walkfuzz_end(&fuzz);
	return 0;
}

#ifndef FUZZ
int main(void)
{
	return walkfuzz_main("walks, hostile");
}
#endif
