/* SPDX-License-Identifier: MIT */
/*
 * What the snippets of the manual take for granted, as libioasid(7) says: one name for each kind
 * of object, and the monitor's own functions. The snippets are compiled with it, never linked, so
 * that nothing here needs a definition.
 */
#ifndef MAN_EXAMPLES_H
#define MAN_EXAMPLES_H

#include <errno.h>
#include <fcntl.h>
#include <ioasid/fault.h>
#include <ioasid/ioasid.h>
#include <ioasid/mock.h>
#include <ioasid/pgtable.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

extern struct ioasid_ctx *ctx;
extern struct ioasid_space *gpa, *giova, *space;
extern struct ioasid_device *nic;
extern struct ioasid_attachment *route;
extern struct ioasid_faultq *faults;
extern struct ioasid_mock *platform;
extern struct ioasid_mock_device *card;
extern void *ram;
extern uint64_t ram_size, label;
extern uint32_t pasid, group, code;
extern int fd;

void viommu_inject(const struct ioasid_fault *fault);
void viommu_forget(uint64_t id);
void fix_stage2(const struct ioasid_fault *fault);

#endif
