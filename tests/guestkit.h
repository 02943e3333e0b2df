/* SPDX-License-Identifier: MIT */
/*
 * A guest on a fake backend: a nesting parent, a child for the guest's table, and a device that is
 * attached to both; what tests of guests' tables begin and end with. Knows the core.
 */
#ifndef GUESTKIT_H
#define GUESTKIT_H

#include "core.h"
#include "fakeleaf.h"
#include "support.h"
#include <string.h>

#define PAGE FAKE_PAGE

struct guest {
	struct fakeleaf *leaf;
	struct ioasid_ctx *ctx;
	struct ioasid_space *gpa, *giova; /* giova could note written pages */
	struct ioasid_device *device;
	struct ioasid_attachment *below, *above;
};

extern const struct ioasid_pgtable guest_vtd, guest_pasids;

void guest_begin(struct guest *g);
/* Without a table; what the test made itself is gone. */
void guest_end(struct guest *g);

/* What ioasid_space_map() returns for a page. */
int guest_map(struct ioasid_space *space, uint64_t iova);

/* The child has guest_pasids as its table, and then none; both succeed. */
void guest_bind_pasids(struct guest *g);
void guest_unbind_pasids(struct guest *g);

/* Another child of the parent. */
struct ioasid_space *guest_sibling(struct guest *g);

/* A device as the leaf makes them now, bound. */
struct ioasid_device *guest_device(struct guest *g, const char *name);

/* What ioasid_device_attach() returns; IOASID_PASID_NONE: by default. */
int guest_attach(struct ioasid_device *device, struct ioasid_space *space, uint32_t pasid,
	struct ioasid_attachment **attachment);

#endif
