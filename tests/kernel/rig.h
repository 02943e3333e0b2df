/* SPDX-License-Identifier: MIT */
/*
 * A context over the kernel's iommufd with some of its self-test devices bound, and at its end a
 * look at the books: nothing is left in the kernel, no page pinned, no destroy was refused.
 */
#ifndef RIG_H
#define RIG_H

#include "ledger.h"
#include "selftest.h"
#include "support.h"
#include <errno.h>
#include <ioasid/fault.h>
#include <ioasid/pgtable.h>

#define PAGE        UINT64_C(4096)
#define PAGES       UINT64_C(16) /* what a map takes here */
#define LENGTH      (PAGES * PAGE)
#define RW          IOASID_MAP_RW
#define RIG_DEVICES 4
/* What every device can reach. */
#define AT(offset) (UINT64_C(0x40000000) + (offset))

struct rig {
	struct ioasid_ctx *ctx;
	struct backend *be;
	int iommufd;
	uint64_t pinned; /* before */
	struct selftest_device hw[RIG_DEVICES];
	struct ioasid_device *device[RIG_DEVICES];
	unsigned int devices;
};

/* A context without devices. */
void rig_open(struct rig *rig, uint32_t flags);
/* Binds the next device, "nic0" to "nic3", with hw[] as the caller filled it in. */
struct ioasid_device *rig_bind(struct rig *rig);
/* The same for so many at once, in a new context. */
void rig_begin(struct rig *rig, unsigned int devices);
/* Devices are unbound, the context is closed; what else was made the test has destroyed. */
void rig_end(struct rig *rig);
/* The context is closed, with all that is in it, and the devices' handles released. */
void rig_close(struct rig *rig);

struct ioasid_space *rig_space(struct rig *rig, uint32_t flags);
struct ioasid_attachment *rig_attach(struct rig *rig, unsigned int i, struct ioasid_space *space);
int rig_map(struct ioasid_space *space, uint64_t iova, const void *addr, uint64_t length,
	uint32_t flags);

/* A guest's table, from 0x5000 on: what the test device's IOTLB then holds. */
int rig_bind_table(struct ioasid_space *child, uint32_t format);
#define RIG_TABLE UINT32_C(0x5000)

/* The device's table has there LENGTH bytes from addr on; or not one page of them. */
void rig_holds(const struct selftest_device *hw, uint64_t iova, const void *addr);
void rig_lacks(const struct selftest_device *hw, uint64_t iova, const void *addr);

#endif
