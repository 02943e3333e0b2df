/* SPDX-License-Identifier: MIT */
/*
 * Was all as it should be? Compares what the VMM counted with what the library and the devices
 * counted: no group read twice, answered twice or never; no byte missing.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include "vmm.h"

/* 0, or -1 with the trouble noted. The threads have ended. */
int audit(struct vmm *vmm, uint64_t moved, uint64_t size);

#endif
