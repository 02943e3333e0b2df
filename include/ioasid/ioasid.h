/* SPDX-License-Identifier: MIT */
/*
 * I/O address spaces for virtual machine monitors: contexts, spaces, devices, attachments and
 * maps. Every call returns 0 or a count, or a negative errno; ioasid_last_error() says why.
 * Concepts: libioasid(7). Fault queues: fault.h. A platform to test on: mock.h.
 */
#ifndef IOASID_IOASID_H
#define IOASID_IOASID_H

#include <ioasid/map.h>
#include <ioasid/ring.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ioasid_ctx;
struct ioasid_space;
struct ioasid_device;
struct ioasid_attachment;
struct ioasid_faultq;

/*
 * A pointer to an option structure with its size filled in and the rest as named, else zero:
 * IOASID_OPTS(ioasid_space_opts, .faults = queue). C only; in C++ fill in a structure.
 */
#ifndef __cplusplus
#define IOASID_OPTS(type, ...) (&(struct type){.size = sizeof(struct type), __VA_ARGS__})
#endif

/* Errors */

/**
 * ioasid_last_error - why this thread's last failed call failed
 *
 * Return: the call, the object, the value and what to do, at most 255 bytes; "" before the first
 * failure; never NULL. The library's, overwritten by this thread's next failure.
 */
const char *ioasid_last_error(void);

/* Contexts */

/* struct ioasid_open_opts.flags */
#define IOASID_OPEN_ADOPT (1u << 0) /* .fd is the descriptor to use */
#define IOASID_OPEN_ACCOUNT_PROCESS                                                                \
	(1u << 1) /* locked memory counts for the process, not the user */

/**
 * struct ioasid_open_opts - how the kernel is opened
 * @size: sizeof(struct ioasid_open_opts)
 * @flags: IOASID_OPEN_*
 * @fd: with IOASID_OPEN_ADOPT an open /dev/iommu, the context's on success; else 0
 * @reserved: zero
 */
struct ioasid_open_opts {
	uint32_t size;
	uint32_t flags;
	int32_t fd;
	uint32_t reserved;
};

/**
 * ioasid_open - open the kernel's I/O address spaces
 * @opts: NULL: this process opens the device file
 * @ctx: out; release with ioasid_close()
 *
 * LIBIOASID_BACKEND in the environment of an ordinary process chooses among the kernel's backends
 * by name: "iommufd".
 *
 * Return: 0; -EINVAL bad option, or no such backend, -E2BIG options of a newer library, -ENOENT
 * there is no /dev/iommu, -EACCES, -EPERM ACCOUNT_PROCESS wants CAP_SYS_RESOURCE, -EBUSY it must be
 * said before the adopted descriptor has any object, -ENOTTY @fd is no /dev/iommu, -EBADF,
 * -EMFILE, -ENOMEM.
 */
int ioasid_open(const struct ioasid_open_opts *opts, struct ioasid_ctx **ctx);

/* What a context may be able to do, for ioasid_check_extension() (proposal 2.1) */
#define IOASID_EXT_REGISTER_MEMORY   1u /* memory can be registered */
#define IOASID_EXT_REGISTER_PINS     2u /* registering pins and accounts at once */
#define IOASID_EXT_MAP_BEFORE_ATTACH 3u /* a space takes maps before its first device */
#define IOASID_EXT_GROUP_STRICT      4u /* a group's devices are attached one by one, to one space */
#define IOASID_EXT_NEST_SOFTWARE     5u /* children that take maps */
#define IOASID_EXT_REPLACE_ATOMIC    6u /* a route moves without a gap */
#define IOASID_EXT_FAULT_QUEUE       7u /* page requests can be read and answered */
#define IOASID_EXT_RESPONSE_FAILURE  8u /* FAILURE travels as FAILURE */
#define IOASID_EXT_MAP_FILE          9u /* files are mapped without process memory in between */

/**
 * ioasid_close - close a context
 * @ctx: may be NULL
 *
 * Outstanding faults are answered INVALID, devices detached, spaces destroyed, the descriptor
 * closed, in that order, before it returns. Handles of the context answer -ENODEV from then on, and
 * each still wants its own destructor, in any order.
 */
void ioasid_close(struct ioasid_ctx *ctx);

/**
 * ioasid_check_extension - ask what the context can do
 * @ctx: an open context
 * @extension: IOASID_EXT_*
 *
 * Return: 1 it can, 0 it can't or the number is unknown; -EINVAL. (proposal 2.1: CHECK_EXTENSION)
 */
int ioasid_check_extension(struct ioasid_ctx *ctx, uint32_t extension);

/**
 * ioasid_memory_register - account process memory once, before it is mapped
 * @ctx: an open context
 * @addr: start, page aligned
 * @length: bytes, a multiple of the page size
 *
 * The process must be able to read and to write all of it, even where it is mapped to be read only:
 * if not, the first attach to a space that maps it fails with -EFAULT, where it is pinned only
 * then. Once any memory is registered, every map of process memory must lie in one registered
 * range.
 *
 * Return: 0; -EINVAL misaligned or wrapping, -EEXIST overlaps a registered range, -EBUSY there are
 * maps of unregistered memory, -ENOMEM the limit on locked memory, -EOPNOTSUPP, -ENODEV closed.
 * (proposal 2.1: REGISTER_MEMORY)
 */
int ioasid_memory_register(struct ioasid_ctx *ctx, const void *addr, uint64_t length);

/**
 * ioasid_memory_unregister - take back ioasid_memory_register()
 * @ctx: an open context
 * @addr: start of a registered range
 * @length: its length, bytes
 *
 * Return: 0; -EBUSY a map uses it, -ENOENT no such range, -EINVAL, -ENODEV closed.
 */
int ioasid_memory_unregister(struct ioasid_ctx *ctx, const void *addr, uint64_t length);

/* How ioasid_dump() writes */
#define IOASID_DUMP_TEXT     0u
#define IOASID_DUMP_GRAPHVIZ 1u

/**
 * ioasid_dump - write the whole tree: spaces, maps, devices, routes, queues
 * @ctx: an open context
 * @format: IOASID_DUMP_TEXT, for people, or IOASID_DUMP_GRAPHVIZ, for dot(1)
 * @out: where to
 *
 * Return: 0; -EINVAL, -EIO @out took not all, -ENODEV closed.
 */
int ioasid_dump(struct ioasid_ctx *ctx, uint32_t format, FILE *out);

/* Spaces */

/* struct ioasid_space_opts.flags: what the space is meant for, so that a device that cannot serve
 * it is refused at attach */
#define IOASID_SPACE_NEST_PARENT    (1u << 0) /* hardware nesting: guests' tables on top */
#define IOASID_SPACE_DIRTY_TRACKING (1u << 1)
#define IOASID_SPACE_SMALL_PAGES    (1u << 2) /* the IOMMU gets no page larger than the least */

/**
 * struct ioasid_space_opts - the intent of a space
 * @size: sizeof(struct ioasid_space_opts)
 * @flags: IOASID_SPACE_*
 * @faults: where page requests of its devices go; NULL: they are answered INVALID
 */
struct ioasid_space_opts {
	uint32_t size;
	uint32_t flags;
	struct ioasid_faultq *faults;
};

/**
 * ioasid_space_new - make an I/O address space
 * @ctx: an open context
 * @opts: NULL for a plain one
 * @space: out; release with ioasid_space_destroy()
 *
 * Return: 0; -EINVAL bad option or a queue of another context, -E2BIG options of a newer library,
 * -EOPNOTSUPP a combination no kernel takes, -ENOMEM, -ENODEV closed. (proposal 2.1: ALLOC)
 */
int ioasid_space_new(
	struct ioasid_ctx *ctx, const struct ioasid_space_opts *opts, struct ioasid_space **space);

/**
 * ioasid_space_new_nested - make a space whose addresses its parent translates again
 * @parent: any space, itself nested or not
 * @opts: NULL for a plain one
 * @space: out; release with ioasid_space_destroy()
 *
 * Maps of a nested space lead to addresses of @parent (software nesting, proposal 5.3).
 *
 * Return: as ioasid_space_new(); -EBUSY a page table is bound to @parent. (proposal 2.1:
 * CREATE_NESTING)
 */
int ioasid_space_new_nested(struct ioasid_space *parent, const struct ioasid_space_opts *opts,
	struct ioasid_space **space);

/**
 * ioasid_space_destroy - destroy a space and its maps
 * @space: may be NULL
 *
 * Return: 0; -EBUSY it has children, attachments or a page table: the handle stays valid. (proposal
 * 2.1: FREE)
 */
int ioasid_space_destroy(struct ioasid_space *space);

/**
 * ioasid_space_id - the number that names a space in fault records and dumps
 * @space: the space
 *
 * Return: the id, at least 1 (the RFC's IOASID); 0 for NULL.
 */
uint32_t ioasid_space_id(const struct ioasid_space *space);

/**
 * ioasid_space_parent - the space below a nested one
 * @space: the space
 *
 * Return: the parent, not owned by the caller; NULL for a root, a NULL @space or a closed context.
 */
struct ioasid_space *ioasid_space_parent(const struct ioasid_space *space);

/**
 * ioasid_space_children - the spaces nested directly in a space
 * @space: the space
 * @children: out, oldest first; may be NULL if @n is 0
 * @n: room in @children
 *
 * Return: how many there are, of which at most @n were written; -EINVAL, -ENODEV closed.
 */
int ioasid_space_children(
	struct ioasid_space *space, struct ioasid_space **children, unsigned int n);

/* struct ioasid_space_info.flags */
#define IOASID_SPACE_INFO_NESTED      (1u << 0) /* it has a parent */
#define IOASID_SPACE_INFO_MOVES_GROUP (1u << 1) /* attaching a device moves its whole group */
#define IOASID_SPACE_INFO_INCOMPLETE  (1u << 2) /* commands fail with -EDEADLK, see there */
#define IOASID_SPACE_INFO_PGTABLE     (1u << 3) /* a guest's page table is bound, see pgtable.h */
#define IOASID_SPACE_INFO_DIRTY       (1u << 4) /* written pages are noted, see pgtable.h */
#define IOASID_SPACE_INFO_PASID_TABLE (1u << 5) /* a guest's PASID table is, see pgtable.h */

/**
 * struct ioasid_space_info - what a space is and holds
 * @size: sizeof(struct ioasid_space_info)
 * @flags: IOASID_SPACE_INFO_*
 * @id: ioasid_space_id()
 * @parent: id of the parent, 0 for a root
 * @children: nested spaces, directly below
 * @attachments: routes that were attached to it
 * @page_sizes: sizes that the IOMMUs can map at once, a bit each, bytes
 * @maps: number of maps
 * @mapped: bytes in them
 * @pgtable_formats: of guests' page tables that the IOMMUs of all its devices take, and of those
 *                   in spaces nested on it, 1 << IOASID_PGTABLE_*; 0: none, or no device
 * @addr_width: bits of the addresses that such tables may translate, 0: not known
 * @pasid_table_formats: of these formats, those whose PASID tables the IOMMUs take too
 * @reserved: zero
 */
struct ioasid_space_info {
	uint32_t size;
	uint32_t flags;
	uint32_t id;
	uint32_t parent;
	uint32_t children;
	uint32_t attachments;
	uint64_t page_sizes;
	uint64_t maps;
	uint64_t mapped;
	uint32_t pgtable_formats;
	uint32_t addr_width;
	uint32_t pasid_table_formats;
	uint32_t reserved;
};

/**
 * ioasid_space_info - ask about a space
 * @space: the space
 * @info: out; @info->size must be set
 *
 * Return: 0; -EINVAL, -ENXIO the backend wants a device attached first, -ENODEV closed.
 * (proposal 2.1: GET_INFO)
 */
int ioasid_space_info(struct ioasid_space *space, struct ioasid_space_info *info);

/* Devices */

/**
 * struct ioasid_device_opts - what the caller knows a device by
 * @size: sizeof(struct ioasid_device_opts)
 * @flags: none is defined: 0
 * @label: comes back in every fault of the device
 * @name: for error texts and dumps, copied, at most 63 bytes; NULL: "device N"
 */
struct ioasid_device_opts {
	uint32_t size;
	uint32_t flags;
	uint64_t label;
	const char *name;
};

/**
 * ioasid_device_bind - take a device into a context
 * @ctx: an open context
 * @fd: the device, from its passthrough framework (VFIO); a duplicate is kept, @fd stays the
 *      caller's
 * @opts: NULL: label 0 and no name
 * @device: out; release with ioasid_device_unbind()
 *
 * Return: 0; -EINVAL bad option, -E2BIG options of a newer library, -EBADF, -ENOTTY @fd is no such
 * device, -EBUSY bound already, or its group has PASIDs that ENQCMD of another device forbids it,
 * -EPERM others have its IOMMU group or interrupts are not isolated, -EACCES, -ENOMEM, -EMFILE,
 * -ENODEV closed. (proposal 2.2: BIND_IOASID_FD; 4)
 */
int ioasid_device_bind(struct ioasid_ctx *ctx, int fd, const struct ioasid_device_opts *opts,
	struct ioasid_device **device);

/**
 * ioasid_device_unbind - give a device back
 * @device: may be NULL
 *
 * The kernel lets go of a device of VFIO when the last descriptor of its open file is closed: to
 * bind it again, close the one that ioasid_device_bind() was given, and open the device file anew.
 *
 * Return: 0; -EBUSY it has attachments: the handle stays valid. (proposal 2.2: UNBIND_IOASID_FD)
 */
int ioasid_device_unbind(struct ioasid_device *device);

/* struct ioasid_device_info.flags */
#define IOASID_DEVICE_MEDIATED      (1u << 0) /* mdev: its PASIDs on the wire are not the user's */
#define IOASID_DEVICE_PAGE_REQUESTS (1u << 1) /* it can raise page requests */
#define IOASID_DEVICE_NESTING       (1u << 2) /* its IOMMU nests in hardware */
#define IOASID_DEVICE_DIRTY         (1u << 3) /* its IOMMU tracks dirty pages */
#define IOASID_DEVICE_ENQCMD        (1u << 4) /* it takes work by ENQCMD, see pgtable.h */

/**
 * struct ioasid_device_info - what a bound device is
 * @size: sizeof(struct ioasid_device_info)
 * @flags: IOASID_DEVICE_*
 * @label: the caller's
 * @name: the caller's or the library's, as in error texts; lives as long as the device
 * @group: number of its IOMMU group
 * @group_size: devices in that group
 * @pasid_bits: width of its PASIDs, 0 none, at most 20
 * @credits: most page requests it has outstanding
 * @group_pages: most pages of one page request group
 * @attachments: routes it has
 */
struct ioasid_device_info {
	uint32_t size;
	uint32_t flags;
	uint64_t label;
	const char *name;
	uint32_t group;
	uint32_t group_size;
	uint32_t pasid_bits;
	uint32_t credits;
	uint32_t group_pages;
	uint32_t attachments;
};

/**
 * ioasid_device_info - ask about a device
 * @device: the device
 * @info: out; @info->size must be set
 *
 * Return: 0; -EINVAL, -ENODEV closed.
 */
int ioasid_device_info(struct ioasid_device *device, struct ioasid_device_info *info);

/* Attachments */

/* struct ioasid_attach_opts.flags */
#define IOASID_ATTACH_PASID (1u << 0) /* the route is the device with .pasid */

/**
 * struct ioasid_attach_opts - which route of the device is meant
 * @size: sizeof(struct ioasid_attach_opts)
 * @flags: IOASID_ATTACH_*
 * @pasid: the user's PASID (with IOASID_ATTACH_PASID), less than 2^pasid_bits of the device
 */
struct ioasid_attach_opts {
	uint32_t size;
	uint32_t flags;
	uint32_t pasid;
	uint32_t reserved;
};

/**
 * ioasid_device_attach - lead a route of a device to a space
 * @device: a bound device
 * @space: a space of the same context; if nested, the device must be attached to its parent
 * @opts: NULL: the device's default route (no PASID)
 * @attachment: out; release with ioasid_attachment_detach()
 *
 * Return: 0; -EINVAL bad option, other context, PASID too wide, parent not attached, a PASID where
 * a PASID table says otherwise, a mediated device where there is one, -E2BIG, -EBUSY the route, or
 * the group's, leads elsewhere, or other PASIDs are in the way of a PASID table or of ENQCMD,
 * -EEXIST it leads there, -EADDRINUSE maps of @space lie in the device's reserved windows,
 * -EOPNOTSUPP the device cannot serve the intent of @space, -ENOSPC its page requests exceed the
 * queue, -ENOMEM, -ENODEV closed. (proposal 2.2: ATTACH_IOASID)
 */
int ioasid_device_attach(struct ioasid_device *device, struct ioasid_space *space,
	const struct ioasid_attach_opts *opts, struct ioasid_attachment **attachment);

/**
 * ioasid_attachment_detach - end an attachment; a child's route goes back to the parent
 * @attachment: may be NULL
 *
 * Page requests outstanding on the route are cancelled: the device is answered INVALID.
 *
 * Return: 0; -EBUSY a child space of the same device needs it: the handle stays valid. So it does
 * where the route of a child cannot go back to the parent: -ENOMEM, -EADDRINUSE the parent's maps
 * or windows, -EINVAL, -EIO a device of the group went, and could not return. (proposal 2.2:
 * DETACH_IOASID)
 */
int ioasid_attachment_detach(struct ioasid_attachment *attachment);

/**
 * ioasid_attachment_replace - lead the route to another space, without a gap where possible
 * @attachment: the attachment
 * @space: a space of the same context, a sibling if the attachment lies over a parent's
 *
 * Where an attach moves a whole group, the group's other attachments to the old space move too.
 *
 * Return: as ioasid_device_attach(), but 0 if it leads there; -EBUSY a child space of the same
 * device needs it. On error the route leads where it led.
 */
int ioasid_attachment_replace(struct ioasid_attachment *attachment, struct ioasid_space *space);

/**
 * ioasid_attachment_space - where an attachment leads
 * @attachment: the attachment
 *
 * Return: the space, not owned by the caller; NULL for NULL or a closed context.
 */
struct ioasid_space *ioasid_attachment_space(const struct ioasid_attachment *attachment);

#ifdef __cplusplus
}
#endif

#endif
