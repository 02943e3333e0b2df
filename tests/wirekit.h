/* SPDX-License-Identifier: MIT */
/*
 * A platform with a device of each kind that PASIDs on the wire tell apart, and spaces of a page of
 * memory each. Knows the public API alone.
 */
#ifndef WIREKIT_H
#define WIREKIT_H

#include "mockkit.h"
#include <ioasid/pgtable.h>

/* Devices */
#define PDEV    0 /* its guest's PASIDs travel; takes ENQCMD */
#define MDEV    1 /* mediated */
#define SHARED  2 /* mediated, takes ENQCMD; has one page request at a time, but for the third */
#define SHARED2 3
#define SHARED3 4
#define DEVICES 5

#define SPACES     3
#define PASID_BITS 8u
#define WIRE_TOP   0xfffffu /* the first that is picked */

struct wires {
	struct ioasid_mock *mock;
	struct ioasid_ctx *ctx;
	struct ioasid_mock_device *hw[DEVICES];
	struct ioasid_device *device[DEVICES];
	struct ioasid_space *space[SPACES];
	unsigned char *memory; /* page i is at address 0 of space i, and says so */
};

/* flags: IOASID_MOCK_*; all devices in the group, 0: each in one of its own. Bound, not attached.
 */
void wires_begin(struct wires *w, uint32_t flags, uint32_t group);
/* Without attachments. */
void wires_end(struct wires *w);

/* What ioasid_device_attach() returned; pasid: NOBODY: the default route. */
int wires_try(struct wires *w, int device, int space, uint32_t pasid,
	struct ioasid_attachment **attachment);
struct ioasid_attachment *wires_attach(struct wires *w, int device, int space, uint32_t pasid);

/* What the route has on the wire; NOBODY: none. */
uint32_t wires_of(struct wires *w, int device, uint32_t pasid);
#define WIRE_IS(w, device, pasid, wire) ck_assert_uint_eq(wires_of(w, device, pasid), wire)
void wires_none(struct wires *w, int device, uint32_t pasid); /* it leads nowhere */

/* Which space the device reaches by its own DMA; negative: the error. */
int wires_space(struct wires *w, int device, uint32_t pasid);

/* A byte of the first page by ENQCMD: which space it was, or the error, with what the device met.
 */
int wires_enqcmd(struct wires *w, int device, int vm, uint32_t pasid);
int wires_enqcmd_fault(struct wires *w, int device, int vm, uint32_t pasid, uint32_t *fault);

#endif
