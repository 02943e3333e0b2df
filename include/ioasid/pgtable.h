/* SPDX-License-Identifier: MIT */
/*
 * Page tables that a guest owns: bound to a nested space, invalidated on the guest's behalf; and
 * which pages devices wrote. Needs a space of ioasid.h. Concepts: libioasid(7).
 */
#ifndef IOASID_PGTABLE_H
#define IOASID_PGTABLE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ioasid_attachment;
struct ioasid_device;
struct ioasid_space;

/* Formats of page tables */
#define IOASID_PGTABLE_VTD_S1    1u /* Intel VT-d first stage */
#define IOASID_PGTABLE_SMMUV3_S1 2u /* Arm SMMUv3 stage 1, of 4 KiB granules */
#define IOASID_PGTABLE_AMD_V2    3u /* AMD IOMMU v2 */

/* struct ioasid_pgtable.flags: of VT-d first stage tables */
#define IOASID_PGTABLE_SUPERVISOR    (1u << 0) /* supervisor requests are translated (SRE) */
#define IOASID_PGTABLE_EXT_ACCESSED  (1u << 1) /* the extended accessed flag is set (EAFE) */
#define IOASID_PGTABLE_WRITE_PROTECT (1u << 2) /* supervisor writes heed read-only pages (WPE) */
/* of SMMUv3 stage 1 tables */
#define IOASID_PGTABLE_HW_ACCESSED (1u << 3) /* the IOMMU sets the access flag (CD.HA) */
#define IOASID_PGTABLE_HW_DIRTY    (1u << 4) /* and the dirty state (CD.HD): with HW_ACCESSED */

/**
 * struct ioasid_pgtable - a page table in guest memory, or a table of PASIDs
 * @size: sizeof(struct ioasid_pgtable)
 * @format: IOASID_PGTABLE_*; of a PASID table, that of the page tables it leads to
 * @addr: of the root of a page table, in the parent space (a GPA), bytes, aligned as the format
 *        wants; of a PASID table 0
 * @addr_width: bits of the addresses that a page table translates: 48 or 57, SMMUv3 25 to 48; of a
 *              PASID table 0
 * @flags: of a page table, IOASID_PGTABLE_* as the format has them; of a PASID table 0
 * @words: of a PASID table the guest's own entry for the device, as it is: SMMUv3 the first two
 *         words of its stream table entry, AMD the four of its device table entry; the rest, and
 *         of a page table all, 0
 */
struct ioasid_pgtable {
	uint32_t size;
	uint32_t format;
	uint64_t addr;
	uint32_t addr_width;
	uint32_t flags;
	uint64_t words[4];
};

/**
 * ioasid_space_bind_pgtable - let a guest's page table translate a nested space
 * @space: a space without maps whose parent was made with IOASID_SPACE_NEST_PARENT
 * @table: the page table
 *
 * Devices that are attached to @space move to the table at once, later ones at their attach.
 * Until ioasid_space_unbind_pgtable() the space takes no map and no child, and cannot be destroyed.
 * Pages that devices write through the table are noted as the parent's. For a PASID beside a PASID
 * table, see ioasid_space_bind_pasid_table(), it is only taken note of.
 *
 * Return: 0; -EINVAL bad option, a space without a parent or whose parent is no nesting parent,
 * -E2BIG, -EBUSY it has a table, maps or children, or notes dirty pages, -EOPNOTSUPP the backend
 * has no such tables, or the IOMMU of an attached device does not take this format, -EDEADLK,
 * -ENXIO, -EADDRINUSE the parent's maps or windows do not suit a device, -ENOMEM, -ENODEV closed;
 * -EIO a device that had moved could not go back: the next bind takes it along, or detach it. On
 * any other error all devices are where they were. (proposal 2.1: BIND_PGTABLE)
 */
int ioasid_space_bind_pgtable(struct ioasid_space *space, const struct ioasid_pgtable *table);

/**
 * ioasid_space_unbind_pgtable - take back ioasid_space_bind_pgtable()
 * @space: the space
 *
 * Devices that are attached to @space find it empty; their outstanding page requests are cancelled.
 * On kernels up to Linux 6.12 the emptied space is without its fault queue until the next bind.
 *
 * Return: 0; -ENOENT no page table is bound, -EDEADLK, -EADDRINUSE, -ENOMEM, -EINVAL, -ENODEV
 * closed; -EIO a device that had moved could not go back: unbind again, or detach it.
 */
int ioasid_space_unbind_pgtable(struct ioasid_space *space);

/* What an invalidation is about */
#define IOASID_INVALIDATE_SPACE 0u /* everything the space translates */
#define IOASID_INVALIDATE_RANGE 1u /* .length bytes from .addr */
#define IOASID_INVALIDATE_PASID 2u /* of a PASID table: the entry of .pasid, and all below it */
#define IOASID_INVALIDATE_DEVICE                                                                   \
	3u /* all that is cached for .device, on all its routes, by the IOMMU and by itself */

/* struct ioasid_invalidation.flags */
#define IOASID_INVALIDATE_LEAF (1u << 0) /* only last-level entries changed */

/**
 * struct ioasid_invalidation - what a guest invalidated
 * @what: IOASID_INVALIDATE_*
 * @flags: IOASID_INVALIDATE_LEAF, of DEVICE 0
 * @addr: start, bytes, page aligned (RANGE), else 0
 * @length: bytes, a multiple of the page size (RANGE), else 0
 * @pasid: where a PASID table is bound, of which PASID (RANGE, PASID), IOASID_PASID_NONE: of
 *         addresses without one, which is the same as 0 if they go by the table's first entry; else
 *         0
 * @reserved: zero
 * @device: one of the context that is attached to the space (DEVICE), else NULL
 */
struct ioasid_invalidation {
	uint32_t what;
	uint32_t flags;
	uint64_t addr;
	uint64_t length;
	uint32_t pasid;
	uint32_t reserved;
	struct ioasid_device *device;
};

/**
 * ioasid_space_invalidate - let the IOMMU forget what it knows of a bound table
 * @space: a space with a bound page table or PASID table
 * @list: in order
 * @n: how many, 0 to 2^20
 *
 * No lock of the context is taken, unless one in the list is of a device.
 *
 * Return: how many were handled, in order; less than @n only where the next one failed, and
 * ioasid_last_error() says why; if that is the first: -EINVAL it is unsound, or its device is not
 * attached to @space, -EIO the hardware failed. -ENOENT no table is bound, -EINVAL, -EDEADLK,
 * -ENODEV closed. (proposal 2.1: INVALIDATE_CACHE)
 */
int ioasid_space_invalidate(
	struct ioasid_space *space, const struct ioasid_invalidation *list, unsigned int n);

/**
 * ioasid_space_bind_pasid_table - hand the guest's whole PASID table to the IOMMU
 * @space: a space without maps whose parent was made with IOASID_SPACE_NEST_PARENT
 * @table: the table: its format, and in words the guest's entry for the device
 *
 * As ioasid_space_bind_pgtable(), but the guest's table says for each PASID of the devices that
 * lead to @space by default which page table translates it. A PASID of such a device may be
 * attached too, without effect on that, to another child of the same parent: then page requests of
 * the PASID are that space's, and what is invalidated there is forgotten of it. No PASID is
 * attached to @space. Page requests of the devices, whatever their PASID, are cancelled when they
 * come and go.
 *
 * Return: 0; -EOPNOTSUPP the backend takes no PASID tables, or none of this format: those of
 * VT-d are the host's, attach each PASID to a space of its own; -EINVAL a device is mediated;
 * -EBUSY a PASID is attached to @space, or a PASID of its devices to what is no child of its
 * parent, or of two devices with PASIDs that take ENQCMD one is mediated; else as
 * ioasid_space_bind_pgtable(). (proposal 4, 5.7)
 */
int ioasid_space_bind_pasid_table(struct ioasid_space *space, const struct ioasid_pgtable *table);

/**
 * ioasid_space_unbind_pasid_table - take back ioasid_space_bind_pasid_table()
 * @space: the space
 *
 * Devices find @space empty, and their PASIDs lead where they were attached.
 *
 * Return: 0; -ENOENT no PASID table is bound, else as ioasid_space_unbind_pgtable().
 */
int ioasid_space_unbind_pasid_table(struct ioasid_space *space);

/**
 * ioasid_kvm_map_pasid - let a virtual machine's ENQCMD use the PASID of an attachment
 * @attachment: one with a PASID, of a mediated device with IOASID_DEVICE_ENQCMD
 * @kvm_fd: the virtual machine, from KVM_CREATE_VM; stays the caller's
 *
 * From now on the machine's processors translate the PASID to that of the attachment's route on the
 * wire. What moves the route, as a detach or a replace, takes that back. Of a device that is not
 * mediated the PASIDs travel as they are.
 *
 * Return: 0; -EEXIST the machine translates that PASID to another, or the attachment's is mapped
 * there; -EINVAL no PASID, not mediated, no ENQCMD; -ENOTTY @kvm_fd is no virtual machine;
 * -EOPNOTSUPP neither kernel nor backend has that; -EBADF, -ENOMEM, -ENODEV closed. (proposal 4:
 * KVM_MAP_PASID)
 */
int ioasid_kvm_map_pasid(struct ioasid_attachment *attachment, int kvm_fd);

/**
 * ioasid_kvm_unmap_pasid - take back ioasid_kvm_map_pasid()
 * @attachment: the attachment
 * @kvm_fd: the same virtual machine
 *
 * Return: 0; -ENOENT it is not mapped there, -EINVAL, -ENOTTY, -EOPNOTSUPP, -EBADF as there,
 * -ENODEV closed.
 */
int ioasid_kvm_unmap_pasid(struct ioasid_attachment *attachment, int kvm_fd);

/* Dirty pages */

/**
 * ioasid_space_dirty_start - note from now on which pages devices write
 * @space: one made with IOASID_SPACE_DIRTY_TRACKING
 *
 * What devices write through a child is noted here if the child has a page table bound; if it has
 * maps, it is noted in the child, should that be tracking, at the child's addresses.
 *
 * Return: 0; -EALREADY, -EINVAL the space was not made for it, -EBUSY it has a page table bound,
 * -EOPNOTSUPP, -EDEADLK, -ENXIO, -ENODEV closed.
 */
int ioasid_space_dirty_start(struct ioasid_space *space);

/**
 * ioasid_space_dirty_stop - stop noting, and forget what was noted
 * @space: the space
 *
 * Return: 0; -EALREADY it was not noting, -EINVAL, -EDEADLK, -ENODEV closed.
 */
int ioasid_space_dirty_stop(struct ioasid_space *space);

/* struct ioasid_dirty.flags */
#define IOASID_DIRTY_KEEP (1u << 0) /* the pages stay noted */

/**
 * struct ioasid_dirty - which pages to ask about
 * @size: sizeof(struct ioasid_dirty)
 * @flags: IOASID_DIRTY_*
 * @iova: start, bytes, a multiple of @granule
 * @length: bytes, a multiple of @granule
 * @granule: bytes a bit stands for, a power of two, at least the least page size of the space
 * @bitmap: bit i, of word i / 64, is set if something in @granule bytes from @iova + i * @granule
 *          was written; the other bits are left as they are, so that several reads add up
 */
struct ioasid_dirty {
	uint32_t size;
	uint32_t flags;
	uint64_t iova;
	uint64_t length;
	uint64_t granule;
	uint64_t *bitmap;
};

/**
 * ioasid_space_dirty_read - read, and unless IOASID_DIRTY_KEEP clear, which pages were written
 * @space: a space that notes them
 * @dirty: where, how fine, and the bitmap
 *
 * Addresses without a map are skipped. What a map had noted is gone once it is unmapped: read
 * first. A map that the range cuts stays noted as with IOASID_DIRTY_KEEP, unless the space was made
 * with IOASID_SPACE_SMALL_PAGES: of a large page of the IOMMU's, half cannot be cleared.
 *
 * Return: 0; -EINVAL bad option, or it does not note, -E2BIG, -ENOMEM, -EDEADLK, -ENXIO, -ENODEV
 * closed. On error the bits that were read so far are set.
 */
int ioasid_space_dirty_read(struct ioasid_space *space, const struct ioasid_dirty *dirty);

#ifdef __cplusplus
}
#endif

#endif
