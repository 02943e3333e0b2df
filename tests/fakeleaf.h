/* SPDX-License-Identifier: MIT */
/*
 * A backend that has page tables of guests and notes written pages, for tests of what the core
 * makes of that: it keeps books of what it was asked, does what it is told, and reads notes just as
 * kernels do, with their traps: silent at the first hole, careless at the end of a bitmap, and
 * never in less than a page of the IOMMU's. Knows the seam alone.
 */
#ifndef FAKELEAF_H
#define FAKELEAF_H

#include "backend.h"

#define FAKE_PAGE UINT64_C(4096)
#define FAKE_MOST 128

struct fake_map {
	uint32_t space;
	uint64_t first;
	uint64_t last;
};

struct fakeleaf {
	struct backend base; /* first */
	uint32_t next;       /* id */
	uint64_t io_page;    /* the IOMMU's, in which it notes; a multiple of FAKE_PAGE */
	uint64_t least_page; /* of its page sizes, of which maps are; not above io_page */

	/* what there is */
	struct fake_map maps[FAKE_MOST]; /* and copies */
	unsigned int map_count;
	struct fake_map noted[FAKE_MOST]; /* pages of the IOMMU's */
	unsigned int noted_count;

	/* what it is told: the next of these operations fails */
	int bind_fails;
	int unbind_fails;
	int start_fails;
	int stop_fails;
	int read_fails;         /* after it has read */
	unsigned int read_skip; /* that many reads go well first */
	int invalidated;        /* what the next invalidation returns; INT_MAX: as it should */
	const char *reason;     /* for what fails */
	int device_fails;       /* an invalidation of a device */
	int kvm_fails;
	int move_fails; /* an attach, detach or replace */
	/* of devices to be bound */
	uint32_t device_flags; /* IOASID_DEVICE_* */
	uint32_t pasid_bits, group, group_size;
	/* called in bind, unbind, invalidate, start, stop and read, if set */
	void (*hook)(void *arg);
	void (*before)(void *arg); /* an invalidation is planned to fail or not */
	void *hook_arg;

	/* called where a route is attached, moves or ends, if set */
	void (*move_hook)(void *arg);

	/* what it was asked */
	unsigned int unbound; /* devices */
	unsigned int binds, unbinds, invalidations, starts, stops, reads;
	uint32_t space, parent;      /* of the last bind */
	struct ioasid_pgtable table; /* of the last bind */
	bool pasids;                 /* that was one of PASIDs */
	unsigned int listed;         /* length of the last list */
	int steps[FAKE_MOST];        /* the lengths of all lists; of a device, minus its number */
	unsigned int step_count;
	unsigned int kvm_maps, kvm_unmaps;
	struct backend_route route; /* of the last of these, or the last that moved */
	int kvm_fd;
	uint32_t led; /* where to */
	struct fake_map read[FAKE_MOST];
	bool kept[FAKE_MOST]; /* by those reads */
	bool closed;
};

/* NULL if there is no memory. Freed by the context that is made of it. */
struct fakeleaf *fakeleaf_new(uint64_t extensions);

/* A device writes a byte. False: nothing is mapped there. */
bool fakeleaf_write(struct fakeleaf *leaf, uint32_t space, uint64_t iova);

/* Is there a note of the page around that address? */
bool fakeleaf_has_note(const struct fakeleaf *leaf, uint32_t space, uint64_t iova);

/* As it could be taken away while somebody reads. */
void fakeleaf_lose_map(struct fakeleaf *leaf, uint32_t space, uint64_t iova);

#endif
