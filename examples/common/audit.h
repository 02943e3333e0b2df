/* SPDX-License-Identifier: MIT */
/*
 * Was each fault handled once? Compares what the VMM counted with what the library and the devices
 * counted: no group read twice, answered twice or never.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include "vmm.h"
#include <ioasid/mock.h>

/* 0, or -1 with the trouble noted. The threads have ended. */
int audit(struct vmm *vmm, struct ioasid_mock *platform);

#endif
