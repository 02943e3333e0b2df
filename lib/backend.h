/* SPDX-License-Identifier: MIT */
/*
 * The seam between the core and the leaves that reach a platform. A leaf gets ids and plain
 * structures, never a core object; it translates, the core knows the rules. There are no NULL ops:
 * what a leaf lacks names backend_unsupported_*, so that its table reads as a list of what works.
 *
 * An op returns 0 or a negative errno, and then has changed nothing unless it says otherwise; it
 * may say why with error_reason(). Ops may block, and run on any thread.
 *
 * Locks the core holds:  [C] the context's, exclusively: one such op at a time, and none of the
 *                            others is called for an object that it makes or ends;
 *                        [T] the space's tree, shared or exclusively; maps of several threads run
 *                            at a time, never two for overlapping addresses of one space;
 *                        [G] the queue's guard, shared.
 *                        [X] as [C], with the guard of the queue of the old space held exclusively:
 *                            no answer is on its way to that queue's devices. While the context has
 *                            a PASID table, bound or about to be, those of all its queues are held.
 */
#ifndef BACKEND_H
#define BACKEND_H

#include <ioasid/fault.h>
#include <ioasid/ioasid.h>
#include <ioasid/pgtable.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct backend_ops;
struct pending;

/* Embedded first in each leaf's own structure. */
struct backend {
	const struct backend_ops *ops;
	uint64_t extensions; /* a bit for each IOASID_EXT_* */
};

/* Intent of a new space. */
struct backend_space {
	uint32_t parent; /* id, 0: a root; only where the leaf has IOASID_EXT_NEST_SOFTWARE */
	uint32_t faultq; /* id, 0: none */
	uint32_t flags;  /* IOASID_SPACE_* */
};

/* What a device turned out to be. */
struct backend_device {
	uint32_t id;    /* at least 1 */
	uint32_t flags; /* IOASID_DEVICE_* */
	uint32_t group;
	uint32_t group_size;
	uint32_t pasid_bits;
	uint32_t credits;
	uint32_t group_pages;
};

/* One route of a device: by its id alone, or with a PASID. */
struct backend_route {
	uint32_t device;
	uint32_t pasid; /* IOASID_PASID_NONE: the default route */
};

struct backend_map {
	uint64_t iova;
	uint64_t length;
	uint64_t addr;   /* process memory, or the parent's address if the leaf nests */
	uint32_t flags;  /* IOASID_MAP_READ, _WRITE */
	bool registered; /* it lies in one range of memory_register, which outlives the map */
};

/* length bytes of a map at from, in space source, appear at iova too: the pages are shared. */
struct backend_copy {
	uint32_t source;
	uint32_t flags; /* IOASID_MAP_READ, _WRITE */
	uint64_t from;
	uint64_t iova;
	uint64_t length;
};

/* A file's bytes from offset on, instead of the map's addr. */
struct backend_file {
	int fd;
	uint64_t offset;
};

/* What the IOMMUs of a space's devices are, for ioasid_space_info(). */
struct backend_hardware {
	uint64_t page_sizes;    /* a bit each */
	uint32_t formats;       /* of page tables, 1 << IOASID_PGTABLE_* */
	uint32_t pasid_formats; /* of these, those whose PASID tables it takes too */
	uint32_t addr_width;    /* bits, of guests' tables; 0: not known */
};

/* Which pages of one map were written. The bitmap is zero at first, bit 0 the page at iova. It is
 * of whole pages of memory: kernels set bits beyond the last one, if a page of the IOMMU's has
 * more. */
struct backend_dirty {
	uint64_t iova;
	uint64_t length;
	uint64_t page; /* bytes a bit stands for, the least page size */
	uint64_t *bitmap;
	bool keep; /* they stay noted */
};

/* A queue as the leaf made it; all of it stays the leaf's until faultq_free. */
struct backend_faultq {
	uint32_t id; /* at least 1 */
	bool pulls;  /* records come into the ring by faultq_pull alone */
	int eventfd; /* non-blocking */
	int pollfd;  /* readable when the eventfd is, or when faultq_pull would find something */
	void *ring;  /* struct ioasid_ring */
	size_t ring_size;
	struct pending *pending;
};

struct backend_answer {
	uint64_t cookie; /* as the leaf put it into the pending table */
	uint32_t code;   /* IOASID_RESPONSE_* */
	uint32_t flags;  /* out: IOASID_RESPONSE_SENT_INVALID */
};

/* Groups that were raised at that time or before, CLOCK_MONOTONIC ns, and the answer they get. */
struct backend_expiry {
	uint64_t before;
	uint64_t now;
	uint32_t code; /* IOASID_RESPONSE_* */
};

struct backend_ops {
	const char *name; /* for dumps */

	/* [X] of every queue, once: answers what is outstanding INVALID, detaches, destroys and
	 * closes the descriptor. Afterwards only faultq_free and release are called. Cannot fail.
	 */
	void (*close)(struct backend *);
	/* no lock, last call: frees the structure. */
	void (*release)(struct backend *);

	/* [C] *id gets the new space's number, at least 1 and not in use. */
	int (*space_new)(struct backend *, const struct backend_space *, uint32_t *id);
	/* [C] the space has no children, no attachments and no table; its maps go with it.
	 * Cannot fail. */
	void (*space_destroy)(struct backend *, uint32_t space);
	/* [C] or [T] */
	int (*space_hardware)(struct backend *, uint32_t space, struct backend_hardware *);
	/* [C], [T exclusively] the ranges, ascending and aligned, stay usable: an attach that would
	 * narrow them fails with -EADDRINUSE. They replace those of the last call. */
	int (*space_allow)(struct backend *, uint32_t space, const struct ioasid_range *ranges,
		unsigned int n);
	/* [C] or [T]: writes at most n ranges, ascending; returns how many there are. */
	int (*space_ranges)(
		struct backend *, uint32_t space, struct ioasid_range *ranges, unsigned int n);

	/* [C] fd is the core's duplicate, open until after unbind. -ENOTTY: not such a device. */
	int (*device_bind)(struct backend *, int fd, uint64_t label, struct backend_device *device);
	/* [C] the device has no attachments. Cannot fail. */
	void (*device_unbind)(struct backend *, uint32_t device);

	/* [C] the addresses that the device alone allows, written as by space_ranges; fails,
	 * without a reason, where they cannot be told now. */
	int (*device_ranges)(
		struct backend *, uint32_t device, struct ioasid_range *ranges, unsigned int n);

	/* [C] the route leads nowhere yet. -EADDRINUSE: maps of the space collide with reserved
	 * windows of the device. */
	int (*attach)(struct backend *, struct backend_route, uint32_t space);
	/* [X] page requests outstanding on the route are answered INVALID and their groups marked
	 * cancelled in the pending table. */
	int (*detach)(struct backend *, struct backend_route);
	/* [X] the route leads to another space already; errors as attach, cancels as detach. */
	int (*replace)(struct backend *, struct backend_route, uint32_t space);

	/* [T] addresses are aligned, in the ranges and free. */
	int (*map)(struct backend *, uint32_t space, const struct backend_map *);
	/* [T] the same from a file; only where the leaf has IOASID_EXT_MAP_FILE. map->addr is 0. */
	int (*map_file)(struct backend *, uint32_t space, const struct backend_map *map,
		const struct backend_file *file);
	/* [T exclusively] the source is mapped throughout. Where there is no
	 * IOASID_EXT_NEST_SOFTWARE of the leaf's own, the core nests with this. */
	int (*copy)(struct backend *, uint32_t space, const struct backend_copy *);
	/* [T] the addresses first to last cover whole maps and copies only, and at least one;
	 * holes among them only where the tree is held exclusively. When it returns, no
	 * DMA reaches the memory. May have removed part of it on error. */
	int (*unmap)(struct backend *, uint32_t space, uint64_t first, uint64_t last);

	/* [X], [T exclusively] a child of a nesting parent, without maps, children and table; its
	 * routes move to the table, cancelling as detach does. Of the table the flags are known for
	 * the format, the root is aligned to 4096 unless that is SMMUv3's, the words are 0; the
	 * rest is the leaf's to check. */
	int (*pgtable_bind)(
		struct backend *, uint32_t space, uint32_t parent, const struct ioasid_pgtable *);
	/* [X], [T exclusively] the same for a table of PASIDs, of SMMUv3 or AMD. Of the table only
	 * the words that the format has are not 0; they are the guest's, as they are. No route with
	 * a PASID leads to the space, nor will one while it has the table; and no route of a
	 * mediated device.
	 *
	 * The table then says where each PASID of the devices leads that are led here by default.
	 * What routes with a PASID these have lead to other children of the same parent, and are
	 * *tracked*: for such a route the space's own table is not used, but page requests of the
	 * PASID are of that space and go to its queue, and what is invalidated in the space is
	 * forgotten of the device's PASID. When the default route leads elsewhere, or the table is
	 * unbound, such routes lead where they say; all that is outstanding of the devices,
	 * whatever the PASID, is cancelled by then, and also where a default route comes here. */
	int (*pasid_table_bind)(
		struct backend *, uint32_t space, uint32_t parent, const struct ioasid_pgtable *);
	/* [X], [T exclusively] of either kind: its routes find the space empty. */
	int (*pgtable_unbind)(struct backend *, uint32_t space);
	/* [T] the space has a table, the list is checked: DEVICE is not in it, PASID only where
	 * a PASID table is bound, and there PASID and RANGE have a .pasid, of 20 bits or
	 * IOASID_PASID_NONE, which is also 0 if accesses without a PASID go by the first entry;
	 * else it is 0. Returns how many of the n were handled, in order, less than n only if the
	 * next one failed and error_reason() says why; if the first one failed, why. */
	int (*invalidate)(struct backend *, uint32_t space, const struct ioasid_invalidation *list,
		unsigned int n);
	/* [C], and of one space that the device is attached to, which has a table, [T]: forgets
	 * what the IOMMU and the device itself have cached of guests' tables for the device, on all
	 * its routes. May have forgotten part of it on error. */
	int (*device_invalidate)(struct backend *, uint32_t device);

	/* [C], [T exclusively] the space was made for it. */
	int (*dirty_start)(struct backend *, uint32_t space);
	int (*dirty_stop)(struct backend *, uint32_t space);
	/* [T] the space tracks; a range of one map or copy, or a part of it. May have read some
	 * on error; -ENOENT: the map has gone meanwhile. */
	int (*dirty_read)(struct backend *, uint32_t space, const struct backend_dirty *);

	/* [C] the route leads somewhere and has a PASID; its device is mediated and takes ENQCMD.
	 * From now on that virtual machine translates the PASID to what DMA of the route carries on
	 * the wire. -EEXIST: it translates that PASID to another, or the route is mapped there.
	 * Whatever moves or ends the route (detach, replace, close) takes it back, also where it is
	 * a mate of the group that moves it. The descriptor is open, and the caller's: the leaf
	 * keeps what it needs of it. -ENOTTY: it is no virtual machine that the leaf can reach. */
	int (*kvm_map)(struct backend *, struct backend_route, int kvm_fd);
	/* [C] the same route and device. -ENOENT: it is not mapped there. */
	int (*kvm_unmap)(struct backend *, struct backend_route, int kvm_fd);

	/* [C] */
	int (*memory_register)(struct backend *, uint64_t addr, uint64_t length);
	/* [C] a range that was registered, and no map uses it. */
	int (*memory_unregister)(struct backend *, uint64_t addr, uint64_t length);

	/* [C] opts are complete and in range. */
	int (*faultq_new)(struct backend *, const struct ioasid_faultq_opts *opts,
		struct backend_faultq *queue);
	/* [X] from now on nobody writes to the queue: what is outstanding is answered INVALID, and
	 * so are later page requests of spaces that name it. */
	void (*faultq_detach)(struct backend *, uint32_t queue);
	/* no lock; after faultq_detach or close: frees ring, table and descriptor. */
	void (*faultq_free)(struct backend *, struct backend_faultq *queue);
	/* [G] moves what waits into the ring, as far as there is room. */
	void (*faultq_refill)(struct backend *, uint32_t queue);
	/* [G] moves what the platform has into the ring, as far as there is room; one caller at a
	 * time does, the others return at once. Only where the queue pulls. */
	void (*faultq_pull)(struct backend *, uint32_t queue);
	/* [G] answers what waits for room and is overdue; returns how many. *oldest: when the first
	 * one that still waits was raised, UINT64_MAX: none does. */
	unsigned int (*faultq_expire)(struct backend *, uint32_t queue,
		const struct backend_expiry *expiry, uint64_t *oldest);
	/* [G] fills in raised, deferred, signals, unsignalled and waiting. */
	void (*faultq_stats)(struct backend *, uint32_t queue, struct ioasid_faultq_stats *stats);
	/* [G] the core has won the pending groups behind the cookies. Returns how many of the n
	 * were sent, in order, less than n only if the next one failed; if the first one failed,
	 * why. -ESTALE: the platform has ended that group by itself. */
	int (*answer)(struct backend *, uint32_t queue, struct backend_answer *, unsigned int n);
};

/* backend.c: for what a leaf lacks; -EOPNOTSUPP, saying which leaf lacks what */
int backend_unsupported_space_allow(
	struct backend *, uint32_t space, const struct ioasid_range *ranges, unsigned int n);
int backend_unsupported_device_ranges(
	struct backend *, uint32_t device, struct ioasid_range *ranges, unsigned int n);
int backend_unsupported_map_file(
	struct backend *, uint32_t space, const struct backend_map *, const struct backend_file *);
int backend_unsupported_pgtable_bind(
	struct backend *, uint32_t space, uint32_t parent, const struct ioasid_pgtable *);
int backend_unsupported_pasid_table_bind(
	struct backend *, uint32_t space, uint32_t parent, const struct ioasid_pgtable *);
int backend_unsupported_pgtable_unbind(struct backend *, uint32_t space);
int backend_unsupported_invalidate(
	struct backend *, uint32_t space, const struct ioasid_invalidation *list, unsigned int n);
int backend_unsupported_device_invalidate(struct backend *, uint32_t device);
int backend_unsupported_kvm(struct backend *, struct backend_route, int kvm_fd);
/* a leaf whose queues do not pull */
void backend_no_pull(struct backend *, uint32_t queue);

static inline bool backend_has(const struct backend *be, uint32_t extension)
{
	return extension < 64 && (be->extensions >> extension & 1);
}

#endif
