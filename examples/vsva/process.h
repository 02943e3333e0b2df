/* SPDX-License-Identifier: MIT */
/*
 * A process of the guest: it maps one window of FILE and OUT after the other, looks at some pages
 * itself, and has the device do the rest. To both the addresses are its own; it knows no others. It
 * pins nothing, and tells the device nothing but addresses.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include "cpu.h"

struct process {
	struct mm mm;
	struct cpu cpu;
	struct trouble *trouble;
	uint64_t begin; /* its first window, and how far it is to the next; bytes of FILE */
	uint64_t stride;
	_Atomic uint64_t moved; /* bytes */
};

/* The thread. */
void process_run(void *process);

#endif
