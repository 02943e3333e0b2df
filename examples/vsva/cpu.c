/* SPDX-License-Identifier: MIT */
/*
 * The processor that a process of the guest runs on: see cpu.h. The walk is x86's, of four levels.
 */
#include "cpu.h"
#include <string.h>

#define PRESENT  (UINT64_C(1) << 0)
#define WRITABLE (UINT64_C(1) << 1)
#define USER     (UINT64_C(1) << 2)
#define ACCESSED (UINT64_C(1) << 5)
#define DIRTY    (UINT64_C(1) << 6)
#define ADDRESS  UINT64_C(0x000ffffffffff000)

/* The entry grants what is wanted, and is marked as used. A swap: the IOMMU marks it, too, and the
 * kernel may take it away. */
static bool use(uint64_t *entry, uint64_t wanted, uint64_t marks, uint64_t *value)
{
	/* Acquire: pairs with the release of pagetable.c's set(). */
	*value = __atomic_load_n(entry, __ATOMIC_ACQUIRE);
	do
		if ((*value & wanted) != wanted)
			return false;
	while (!__atomic_compare_exchange_n(
		entry, value, *value | marks, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return true;
}

/* Where the page is in guest memory; NULL: a page fault. */
static unsigned char *walk(const struct cpu *cpu, uint64_t addr, bool write)
{
	uint64_t wanted = PRESENT | USER | (write ? WRITABLE : 0), at = cpu->root, marks;
	uint64_t *table;

	for (unsigned int shift = 39; shift >= 12; shift -= 9) {
		table = (uint64_t *)(void *)(cpu->ram + (at & ADDRESS));
		marks = ACCESSED | (write && shift == 12 ? DIRTY : 0);
		if (!use(&table[addr >> shift & 511], wanted, marks, &at))
			return NULL;
		if ((at & ADDRESS) > cpu->ram_size - MM_PAGE)
			return NULL;
	}
	return cpu->ram + (at & ADDRESS);
}

static unsigned char *translate(struct cpu *cpu, uint64_t addr, bool write)
{
	unsigned char *page = walk(cpu, addr, write);

	while (!page) {
		cpu->faults++;
		if (mm_fault(cpu->mm, addr, write))
			return NULL;
		page = walk(cpu, addr, write);
	}
	return page + addr % MM_PAGE;
}

int cpu_read(struct cpu *cpu, uint64_t addr, void *bytes, size_t n)
{
	unsigned char *memory = translate(cpu, addr, false);

	if (!memory)
		return -1;
	memcpy(bytes, memory, n);
	return 0;
}

int cpu_write(struct cpu *cpu, uint64_t addr, const void *bytes, size_t n)
{
	unsigned char *memory = translate(cpu, addr, true);

	if (!memory)
		return -1;
	memcpy(memory, bytes, n);
	return 0;
}
