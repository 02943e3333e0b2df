/* SPDX-License-Identifier: MIT */
/*
 * The processor that a process of the guest runs on, as far as memory is concerned: it walks the
 * process's page table, in guest memory, and traps into the guest's kernel where nothing is there.
 * It shares that table with the IOMMU, and nothing else. It caches nothing.
 */
#ifndef CPU_H
#define CPU_H

#include "mm.h"

struct cpu {
	struct mm *mm; /* whose kernel it traps into */
	unsigned char *ram;
	uint64_t ram_size;
	uint64_t root; /* CR3 */
	uint64_t faults;
};

/* n bytes that lie in one page. While the device works for the process, its kernel may take pages
 * away: then is no time for this. 0, or -1 with the trouble noted. */
int cpu_read(struct cpu *cpu, uint64_t addr, void *bytes, size_t n);
int cpu_write(struct cpu *cpu, uint64_t addr, const void *bytes, size_t n);

#endif
