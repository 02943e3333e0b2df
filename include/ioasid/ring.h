/* SPDX-License-Identifier: MIT */
/*
 * The ABI of the shared fault ring: one producer (a kernel, or the mock) and any number of
 * consumer threads of one process share this memory. Native byte order, natural alignment,
 * reserved bytes are zero. ioasid_faults(7) tells how to use it through the library; nobody
 * has to touch these fields by hand.
 */
#ifndef IOASID_RING_H
#define IOASID_RING_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IOASID_RING_MAGIC       UINT64_C(0x31474e49524f4149) /* "IAORING1", little-endian */
#define IOASID_RING_VERSION     1u
#define IOASID_RING_RECORD_SIZE 64u
#define IOASID_RING_COUNT_MIN   64u
#define IOASID_RING_COUNT_MAX   (1u << 20)
#define IOASID_RING_RECORDS     4096u /* offset of the first record, bytes */

/* struct ioasid_ring.flags, written by the producer */
#define IOASID_RING_BACKLOG (1u << 0) /* records wait behind a full ring: ask for a refill */
#define IOASID_RING_CLOSED  (1u << 1) /* nothing more will come */

/* What no PASID looks like wherever a PASID is named (PASIDs have 20 bits). */
#define IOASID_PASID_NONE UINT32_MAX
#define IOASID_PASID_BITS 20u

/* struct ioasid_fault.flags */
#define IOASID_FAULT_READ        (1u << 0)
#define IOASID_FAULT_WRITE       (1u << 1)
#define IOASID_FAULT_EXEC        (1u << 2)
#define IOASID_FAULT_PRIV        (1u << 3) /* privileged access */
#define IOASID_FAULT_PASID_VALID (1u << 4) /* pasid says which; else it is IOASID_PASID_NONE */
#define IOASID_FAULT_LAST        (1u << 5) /* the last record of its group */
#define IOASID_FAULT_CANCELLED   (1u << 6) /* the group id was answered by a detach: forget it */
#define IOASID_FAULT_STAGE2      (1u << 7) /* the parent space missed: not the guest's to fix */
#define IOASID_FAULT_LABEL_GROUP                                                                   \
	(1u << 8) /* the label is only known to be of the device's group                           \
		   */

/**
 * struct ioasid_fault - one record of the ring: pages that a device asks for
 * @id: names the group this record belongs to; no other of the context ever has it
 * @label: the caller's label of the device (ioasid_device_bind())
 * @addr: first address wanted, page aligned, bytes
 * @pages: how many pages from there on
 * @flags: IOASID_FAULT_*
 * @space: id of the address space that missed
 * @pasid: the user's PASID, or IOASID_PASID_NONE
 * @group: page request group index of the device (PCIe PRG index)
 * @time: CLOCK_MONOTONIC when raised, nanoseconds
 * @parent_addr: with IOASID_FAULT_STAGE2 the page that misses in the parent space, bytes; else 0
 */
struct ioasid_fault {
	uint64_t id;
	uint64_t label;
	uint64_t addr;
	uint32_t pages;
	uint32_t flags;
	uint32_t space;
	uint32_t pasid;
	uint32_t group;
	uint32_t reserved44;
	uint64_t time;
	uint64_t parent_addr;
};

/**
 * struct ioasid_ring - the control page; the records follow at IOASID_RING_RECORDS
 * @magic: IOASID_RING_MAGIC
 * @version: IOASID_RING_VERSION
 * @record_size: IOASID_RING_RECORD_SIZE
 * @count: records in the ring, a power of two
 * @group_max: most records that one group has, <= @count
 * @features: none is defined yet: 0
 * @tail: records ever published, free-running; moves by whole groups
 * @deferred: records that wait behind the full ring
 * @flags: IOASID_RING_*
 * @head: records ever consumed, free-running
 * @armed: 1: the producer must signal the next publication
 */
struct ioasid_ring {
	/* line 0: constant */
	uint64_t magic;
	uint32_t version;
	uint32_t record_size;
	uint32_t count;
	uint32_t group_max;
	uint64_t features;
	uint8_t reserved32[32];
	/* line 1: the producer's */
	uint64_t tail;
	uint64_t deferred;
	uint32_t flags;
	uint8_t reserved84[44];
	/* line 2: the consumers' */
	uint64_t head;
	uint8_t reserved136[56];
	/* line 3: both sides', touched only around sleep */
	uint32_t armed;
	uint8_t reserved196[60];
};

#ifdef __cplusplus
}
#endif

#endif
