/* SPDX-License-Identifier: MIT */
/*
 * A simulated platform inside the process: IOMMUs that translate, devices that do DMA and raise
 * page requests. For tests of a VMM, without hardware. A context on it comes from
 * ioasid_mock_open() alone: nothing in the environment leads here. See ioasid_mock(3).
 */
#ifndef IOASID_MOCK_H
#define IOASID_MOCK_H

#include <ioasid/ioasid.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ioasid_mock;
struct ioasid_mock_device;

/* struct ioasid_mock_opts.flags */
#define IOASID_MOCK_STRICT (1u << 0) /* the proposal to the letter: attach first, strict groups */
#define IOASID_MOCK_NEST_COPY                                                                      \
	(1u << 1) /* no software nesting of its own: the library copies maps */

#define IOASID_MOCK_CHECK_STALE                                                                    \
	(1u << 2) /* each use of a cached entry is compared with what the tables say */

/**
 * struct ioasid_mock_opts - how a platform is made
 * @size: sizeof(struct ioasid_mock_opts)
 * @flags: IOASID_MOCK_*
 * @memlock: most bytes that may be pinned, 0: no limit
 * @seed: order of the pump: 0 round robin, else pseudo-random from this seed
 */
struct ioasid_mock_opts {
	uint32_t size;
	uint32_t flags;
	uint64_t memlock;
	uint64_t seed;
};

/**
 * ioasid_mock_new - make a platform without IOMMUs and devices
 * @opts: NULL for the defaults
 * @mock: out; release with ioasid_mock_free()
 *
 * Return: 0; -EINVAL, -E2BIG, -ENOMEM.
 */
int ioasid_mock_new(const struct ioasid_mock_opts *opts, struct ioasid_mock **mock);

/**
 * ioasid_mock_free - release a platform with its IOMMUs and devices
 * @mock: may be NULL; no DMA may be in progress
 *
 * Contexts that are still open keep what they need of it; the devices' handles and descriptors
 * are gone. Transfers started but not done end with -ENODEV.
 */
void ioasid_mock_free(struct ioasid_mock *mock);

/**
 * ioasid_mock_open - open a context on a platform
 * @mock: the platform
 * @ctx: out; release with ioasid_close()
 *
 * Return: 0; -EINVAL, -ENOMEM.
 */
int ioasid_mock_open(struct ioasid_mock *mock, struct ioasid_ctx **ctx);

/* struct ioasid_mock_iommu_opts.flags */
#define IOASID_MOCK_IOMMU_NESTING (1u << 0)
#define IOASID_MOCK_IOMMU_DIRTY   (1u << 1)

/**
 * struct ioasid_mock_iommu_opts - an IOMMU; zero means the default
 * @size: sizeof(struct ioasid_mock_iommu_opts)
 * @flags: IOASID_MOCK_IOMMU_*
 * @page_sizes: a bit each, bytes, the least one 4 KiB to 64 KiB (4 KiB | 2 MiB | 1 GiB)
 * @aperture: addresses it translates ({0, 2^48 - 1}; {0, 0} means this default)
 * @reserved: windows it does not translate, at most 16, ascending and apart
 * @reserved_count: how many
 * @iotlb_entries: a power of two, at most 2^20 (1024)
 * @pgtable_formats: of guests' page tables that it walks, 1 << IOASID_PGTABLE_*, with
 *	IOASID_MOCK_IOMMU_NESTING (VT-d first stage); of SMMUv3 and AMD ones their PASID tables too
 * @addr_width: most bits that such tables translate, 48 or 57 (48)
 */
struct ioasid_mock_iommu_opts {
	uint32_t size;
	uint32_t flags;
	uint64_t page_sizes;
	struct ioasid_range aperture;
	const struct ioasid_range *reserved;
	uint32_t reserved_count;
	uint32_t iotlb_entries;
	uint32_t pgtable_formats;
	uint32_t addr_width;
};

/**
 * ioasid_mock_iommu_new - add an IOMMU
 * @mock: the platform
 * @opts: NULL for the defaults
 * @index: out, for struct ioasid_mock_device_opts; may be NULL
 *
 * A device that names no IOMMU is on number 0; the first device makes that one if there is none.
 *
 * Return: 0; -EINVAL, -E2BIG, -ENOMEM.
 */
int ioasid_mock_iommu_new(
	struct ioasid_mock *mock, const struct ioasid_mock_iommu_opts *opts, uint32_t *index);

/* struct ioasid_mock_device_opts.flags */
#define IOASID_MOCK_DEVICE_MDEV (1u << 0) /* mediated */
#define IOASID_MOCK_DEVICE_PRI  (1u << 1) /* a miss raises a page request */
#define IOASID_MOCK_DEVICE_ATS  (1u << 2) /* it caches translations itself */
#define IOASID_MOCK_DEVICE_ENQCMD                                                                  \
	(1u << 3) /* it takes work by ENQCMD, see ioasid_mock_enqcmd(); it has PASIDs */

/**
 * struct ioasid_mock_device_opts - a device; zero means the default
 * @size: sizeof(struct ioasid_mock_device_opts)
 * @flags: IOASID_MOCK_DEVICE_*
 * @iommu: index of its IOMMU (0)
 * @group: number of its IOMMU group; 0: a group of its own
 * @pasid_bits: 0 to 20 (0: no PASIDs)
 * @credits: most page requests outstanding, 1 to 512 (32)
 * @group_pages: most pages asked for in one group, 1 to @credits (1)
 * @retries: times it asks again for a page that SUCCESS did not bring, then it gives up (16)
 * @tlb_entries: of its own cache, with ATS: a power of two, at most 2^20 (64)
 */
struct ioasid_mock_device_opts {
	uint32_t size;
	uint32_t flags;
	uint32_t iommu;
	uint32_t group;
	uint32_t pasid_bits;
	uint32_t credits;
	uint32_t group_pages;
	uint32_t retries;
	uint32_t tlb_entries;
};

/**
 * ioasid_mock_device_new - add a device
 * @mock: the platform
 * @opts: NULL for the defaults
 * @device: out; the platform's, gone with it
 *
 * Return: 0; -EINVAL, -E2BIG, -ENOMEM, -EMFILE, -EBUSY a device of its group is bound.
 */
int ioasid_mock_device_new(struct ioasid_mock *mock, const struct ioasid_mock_device_opts *opts,
	struct ioasid_mock_device **device);

/**
 * ioasid_mock_device_fd - the descriptor to hand to ioasid_device_bind()
 * @device: the device
 *
 * Return: a new close-on-exec descriptor, the caller's to close; -EINVAL, -EMFILE.
 */
int ioasid_mock_device_fd(struct ioasid_mock_device *device);

/**
 * ioasid_mock_device_reset - reset a device: page requests work again after a FAILURE
 * @device: the device
 *
 * Return: 0; -EINVAL, -EBUSY page requests are outstanding.
 */
int ioasid_mock_device_reset(struct ioasid_mock_device *device);

/* Why an address led nowhere: what an IOMMU met in a guest's tables */
#define IOASID_MOCK_FAULT_NONE        0u
#define IOASID_MOCK_FAULT_TRANSLATION 1u /* nothing is present there */
#define IOASID_MOCK_FAULT_PERMISSION  2u
#define IOASID_MOCK_FAULT_ADDRESS     3u /* not canonical; or an output wider than it may be */
#define IOASID_MOCK_FAULT_RESERVED    4u /* an entry has reserved bits, or is none at its level */
#define IOASID_MOCK_FAULT_ACCESS      5u /* the access flag is clear, and the IOMMU does not set it */
#define IOASID_MOCK_FAULT_PARENT      6u /* the parent lacks the page, of the memory or of a table */
#define IOASID_MOCK_FAULT_PASID       7u /* there is no valid entry for the PASID */
#define IOASID_MOCK_FAULT_CONTEXT     8u /* the PASID's entry is malformed */

/* struct ioasid_mock_dma.kind */
#define IOASID_MOCK_DMA_READ  0u /* memory at iova into buffer */
#define IOASID_MOCK_DMA_WRITE 1u /* buffer into memory at iova */
#define IOASID_MOCK_DMA_COPY  2u /* memory at source into memory at iova */

/* struct ioasid_mock_dma.flags */
#define IOASID_MOCK_DMA_EXEC (1u << 0) /* a read that fetches instructions */
#define IOASID_MOCK_DMA_PRIV (1u << 1) /* privileged */

/**
 * struct ioasid_mock_dma - one transfer of a device
 * @kind: IOASID_MOCK_DMA_*
 * @pasid: the PASID it carries, or IOASID_PASID_NONE
 * @iova: where, bytes
 * @source: from where, for a copy, bytes
 * @buffer: the device's side, for a read or a write
 * @length: bytes
 * @done: out: bytes moved so far
 * @status: out: 0, -EINPROGRESS (started, not done yet), -EFAULT no translation or answered
 *	INVALID, -EIO answered FAILURE, -ENODEV the route leads nowhere, -EINVAL
 * @flags: IOASID_MOCK_DMA_*; EXEC of reads only
 * @fault: out: IOASID_MOCK_FAULT_*, what the last access met that found no translation
 * @reserved: zero
 */
struct ioasid_mock_dma {
	uint32_t kind;
	uint32_t pasid;
	uint64_t iova;
	uint64_t source;
	void *buffer;
	uint64_t length;
	uint64_t done;
	int32_t status;
	uint32_t flags;
	uint32_t fault;
	uint32_t reserved;
};

/**
 * ioasid_mock_dma - do a transfer, waiting for the answers to its page requests
 * @device: the device, bound or not
 * @dma: what to move; out: done and status
 *
 * Any thread, any number at a time.
 *
 * Return: 0, or @dma->status; -EINVAL.
 */
int ioasid_mock_dma(struct ioasid_mock_device *device, struct ioasid_mock_dma *dma);

/**
 * ioasid_mock_dma_start - queue a transfer for ioasid_mock_pump()
 * @device: the device
 * @dma: the caller's, untouched by it until its status is no more -EINPROGRESS
 *
 * Return: 0; -EINVAL, -ENOMEM.
 */
int ioasid_mock_dma_start(struct ioasid_mock_device *device, struct ioasid_mock_dma *dma);

/**
 * ioasid_mock_pump - move every started transfer as far as it goes without waiting
 * @mock: the platform
 *
 * One thread at a time. A page a turn, so that the order is one and the same in every run.
 *
 * Return: how many still wait for an answer; -EINVAL.
 */
int ioasid_mock_pump(struct ioasid_mock *mock);

/**
 * struct ioasid_mock_translation - where an access of a device leads
 * @pasid: that it carries, or IOASID_PASID_NONE
 * @access: IOASID_FAULT_READ, _WRITE, _EXEC (a read that fetches), _PRIV; none of the first three:
 *	is the address translated at all?
 * @iova: where, bytes
 * @parent_addr: out: by a guest's table, the address in the parent space; with
 *	IOASID_MOCK_FAULT_PARENT what that lacks, of the memory or of the table; else 0
 * @host: out: the byte in the process's memory; NULL: it leads nowhere
 * @page_size: out: of the guest's page, or the IOMMU's least one, bytes; 0: it leads nowhere
 * @fault: out: IOASID_MOCK_FAULT_*
 * @perms: out: IOASID_MAP_*, what accesses with the same EXEC and PRIV may do there
 * @reserved: zero
 */
struct ioasid_mock_translation {
	uint32_t pasid;
	uint32_t access;
	uint64_t iova;
	uint64_t parent_addr;
	void *host;
	uint64_t page_size;
	uint32_t fault;
	uint32_t perms;
	uint64_t reserved;
};

/**
 * ioasid_mock_translate - where an access of a device would lead if nothing was cached
 * @device: the device
 * @translation: what access; out: where
 *
 * The tables are walked as they are now: no cache is asked or filled, no accessed or dirty bit is
 * set, no page request raised. That a bit could not be set, since the parent lets a table only be
 * read, is not seen.
 *
 * Return: 0, and @translation->fault says whether it leads anywhere; -EINVAL, -ENODEV the route
 * leads nowhere.
 */
int ioasid_mock_translate(
	struct ioasid_mock_device *device, struct ioasid_mock_translation *translation);

/* struct ioasid_mock_stale.cache */
#define IOASID_MOCK_STALE_IOTLB       1u
#define IOASID_MOCK_STALE_DEVICE_TLB  2u
#define IOASID_MOCK_STALE_PASID_CACHE 3u /* entries of PASID tables */

/**
 * struct ioasid_mock_stale - a cached entry that was used, and is no more what the tables say
 * @cache: IOASID_MOCK_STALE_*
 * @pasid: that the access carried, or IOASID_PASID_NONE
 * @label: of the device (ioasid_device_bind())
 * @addr: of the page that was accessed, bytes
 * @space: id of the space whose table it is
 * @reserved: zero
 */
struct ioasid_mock_stale {
	uint32_t cache;
	uint32_t pasid;
	uint64_t label;
	uint64_t addr;
	uint32_t space;
	uint32_t reserved;
};

/**
 * ioasid_mock_stale_read - take out what IOASID_MOCK_CHECK_STALE noted, the oldest first
 * @mock: the platform
 * @list: out
 * @n: most entries that @list takes
 *
 * An entry counts as stale if the tables now lead to other memory, permit less, or lead nowhere:
 * an invalidation was forgotten, or is still to come. 64 are kept, and no more while they are not
 * taken out; stats' stale counts all.
 *
 * Return: how many; -EINVAL.
 */
int ioasid_mock_stale_read(
	struct ioasid_mock *mock, struct ioasid_mock_stale *list, unsigned int n);

/**
 * ioasid_mock_wire_pasid - the PASID that DMA of a route has on the wire
 * @device: the device
 * @pasid: that of the route, or IOASID_PASID_NONE: the default route
 * @wire: out: what travels; IOASID_PASID_NONE: none
 *
 * A device that is not mediated sends what its guest gave it. For a mediated one the platform
 * picks, for the default route as well, when the device is attached: from the device's own PASIDs
 * or, with IOASID_MOCK_DEVICE_ENQCMD, from the platform's, the same for all such devices that lead
 * to one space. (proposal 4)
 *
 * Return: 0; -EINVAL, -ENODEV the route leads nowhere.
 */
int ioasid_mock_wire_pasid(struct ioasid_mock_device *device, uint32_t pasid, uint32_t *wire);

/**
 * ioasid_mock_vm_new - add a virtual machine, for ioasid_kvm_map_pasid()
 * @mock: the platform
 *
 * Return: a new close-on-exec descriptor, the caller's to close; the virtual machine is there as
 * long as the platform. -EINVAL, -ENOMEM, -EMFILE.
 */
int ioasid_mock_vm_new(struct ioasid_mock *mock);

/**
 * ioasid_mock_enqcmd - a guest submits work by ENQCMD, and the device does it
 * @device: the device, made with IOASID_MOCK_DEVICE_ENQCMD
 * @vm_fd: the guest's virtual machine
 * @dma: the work; .pasid is the guest's; out: done, status and fault
 *
 * While @vm_fd has any PASID mapped, the processor sends to what it is mapped, else what the guest
 * has. The device finds its route by that; if it has none, IOASID_MOCK_FAULT_PASID. Then it is as
 * ioasid_mock_dma().
 *
 * Return: as ioasid_mock_dma(); -ENXIO @vm_fd does not translate the PASID: the processor faults,
 * nothing reaches the device; -ENOTTY @vm_fd is no virtual machine of the platform; -EINVAL.
 */
int ioasid_mock_enqcmd(struct ioasid_mock_device *device, int vm_fd, struct ioasid_mock_dma *dma);

/* Operations of the backend, for ioasid_mock_fail() */
#define IOASID_MOCK_OP_ANY            0u
#define IOASID_MOCK_OP_SPACE_NEW      1u
#define IOASID_MOCK_OP_SPACE_INFO     2u
#define IOASID_MOCK_OP_BIND           3u
#define IOASID_MOCK_OP_ATTACH         4u
#define IOASID_MOCK_OP_DETACH         5u
#define IOASID_MOCK_OP_REPLACE        6u
#define IOASID_MOCK_OP_MAP            7u
#define IOASID_MOCK_OP_COPY           8u
#define IOASID_MOCK_OP_UNMAP          9u
#define IOASID_MOCK_OP_REGISTER       10u
#define IOASID_MOCK_OP_UNREGISTER     11u
#define IOASID_MOCK_OP_FAULTQ_NEW     12u
#define IOASID_MOCK_OP_ANSWER         13u
#define IOASID_MOCK_OP_ALLOW          14u
#define IOASID_MOCK_OP_DIRTY_START    15u
#define IOASID_MOCK_OP_DIRTY_STOP     16u
#define IOASID_MOCK_OP_DIRTY_READ     17u
#define IOASID_MOCK_OP_BIND_PGTABLE   18u /* a PASID table's too */
#define IOASID_MOCK_OP_UNBIND_PGTABLE 19u /* a PASID table's too */
#define IOASID_MOCK_OP_INVALIDATE     20u
#define IOASID_MOCK_OP_KVM_MAP        21u
#define IOASID_MOCK_OP_KVM_UNMAP      22u
#define IOASID_MOCK_OP_COUNT          23u

/**
 * ioasid_mock_fail - let an operation fail that would have worked
 * @mock: the platform
 * @op: IOASID_MOCK_OP_*
 * @nth: 1 the next one, 2 the one after, …; 0 disarms
 * @error: the negative errno it fails with
 *
 * It fails once, before it changed anything; stats' failed counts.
 *
 * Return: 0; -EINVAL.
 */
int ioasid_mock_fail(struct ioasid_mock *mock, uint32_t op, uint32_t nth, int error);

/**
 * ioasid_mock_on_answer - be called before an answer reaches the devices
 * @mock: the platform
 * @hook: called by the thread that completes; NULL: none; may block, and must not use the
 *	context itself: a call of its own could wait for a detach that waits for the hook
 * @arg: handed to @hook
 *
 * To stop an answer in mid-air: what happens to it if its device is detached now?
 *
 * Return: 0; -EINVAL.
 */
int ioasid_mock_on_answer(struct ioasid_mock *mock, void (*hook)(void *arg), void *arg);

/**
 * struct ioasid_mock_stats - what the platform counted
 * @size: sizeof(struct ioasid_mock_stats)
 * @pinned: gauge: bytes of memory pinned now
 * @iotlb_hits: translations found in an IOTLB
 * @iotlb_misses: translations that had to walk
 * @iotlb_entries: gauge: valid entries now
 * @dma_bytes: bytes moved
 * @requests: pages asked for
 * @groups: page request groups raised
 * @answers: groups answered, by whomever
 * @unanswered: gauge: groups raised and not answered
 * @failed: operations that ioasid_mock_fail() let fail
 * @device_tlb_hits: translations found in a device's own TLB
 * @device_tlb_entries: gauge: valid entries of those now
 * @pasid_reads: entries of guests' PASID tables that IOMMUs looked for in memory
 * @stale: stale entries used, with IOASID_MOCK_CHECK_STALE
 */
struct ioasid_mock_stats {
	uint32_t size;
	uint32_t reserved;
	uint64_t pinned;
	uint64_t iotlb_hits;
	uint64_t iotlb_misses;
	uint64_t iotlb_entries;
	uint64_t dma_bytes;
	uint64_t requests;
	uint64_t groups;
	uint64_t answers;
	uint64_t unanswered;
	uint64_t failed;
	uint64_t device_tlb_hits;
	uint64_t device_tlb_entries;
	uint64_t pasid_reads;
	uint64_t stale;
};

/**
 * ioasid_mock_stats - read the platform's counters
 * @mock: the platform
 * @stats: out; @stats->size must be set
 *
 * Return: 0; -EINVAL.
 */
int ioasid_mock_stats(struct ioasid_mock *mock, struct ioasid_mock_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
