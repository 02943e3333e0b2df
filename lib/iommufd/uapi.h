/* SPDX-License-Identifier: MIT */
/*
 * The ABI of /dev/iommu, as far as this leaf speaks it: numbers and layouts are the kernel's (Linux
 * 6.2 to 6.17), the definitions our own, so that nothing hangs on the headers of the machine that
 * builds. What a kernel has is found by asking it at run time. Device files are vfio-uapi.h's.
 */
#ifndef IOMMUFD_UAPI_H
#define IOMMUFD_UAPI_H

#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define IOMMUFD_TYPE ';'

/* Each ioctl is _IO(';', n); its structure starts with its size in bytes. */
#define IOMMUFD_DESTROY                 _IO(IOMMUFD_TYPE, 0x80)
#define IOMMUFD_IOAS_ALLOC              _IO(IOMMUFD_TYPE, 0x81)
#define IOMMUFD_IOAS_ALLOW_IOVAS        _IO(IOMMUFD_TYPE, 0x82)
#define IOMMUFD_IOAS_COPY               _IO(IOMMUFD_TYPE, 0x83)
#define IOMMUFD_IOAS_IOVA_RANGES        _IO(IOMMUFD_TYPE, 0x84)
#define IOMMUFD_IOAS_MAP                _IO(IOMMUFD_TYPE, 0x85)
#define IOMMUFD_IOAS_UNMAP              _IO(IOMMUFD_TYPE, 0x86)
#define IOMMUFD_OPTION                  _IO(IOMMUFD_TYPE, 0x87)
#define IOMMUFD_HWPT_ALLOC              _IO(IOMMUFD_TYPE, 0x89)
#define IOMMUFD_GET_HW_INFO             _IO(IOMMUFD_TYPE, 0x8a)
#define IOMMUFD_HWPT_SET_DIRTY_TRACKING _IO(IOMMUFD_TYPE, 0x8b)
#define IOMMUFD_HWPT_GET_DIRTY_BITMAP   _IO(IOMMUFD_TYPE, 0x8c)
#define IOMMUFD_HWPT_INVALIDATE         _IO(IOMMUFD_TYPE, 0x8d)
#define IOMMUFD_FAULT_QUEUE_ALLOC       _IO(IOMMUFD_TYPE, 0x8e)
#define IOMMUFD_IOAS_MAP_FILE           _IO(IOMMUFD_TYPE, 0x8f)

#define UAPI_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)
#define UAPI_AT(type, field, at)                                                                   \
	_Static_assert(offsetof(struct type, field) == (at), #type "." #field)

struct iommufd_destroy {
	uint32_t size;
	uint32_t id;
};
UAPI_SIZE(iommufd_destroy, 8);

struct iommufd_ioas_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t out_ioas_id;
};
UAPI_SIZE(iommufd_ioas_alloc, 12);

struct iommufd_iova_range {
	uint64_t start;
	uint64_t last;
};
UAPI_SIZE(iommufd_iova_range, 16);

struct iommufd_ioas_iova_ranges {
	uint32_t size;
	uint32_t ioas_id;
	uint32_t num_iovas; /* room in, needed out */
	uint32_t reserved;
	uint64_t allowed_iovas; /* struct iommufd_iova_range [num_iovas] */
	uint64_t out_iova_alignment;
};
UAPI_SIZE(iommufd_ioas_iova_ranges, 32);
UAPI_AT(iommufd_ioas_iova_ranges, allowed_iovas, 16);

struct iommufd_ioas_allow_iovas {
	uint32_t size;
	uint32_t ioas_id;
	uint32_t num_iovas;
	uint32_t reserved;
	uint64_t allowed_iovas; /* struct iommufd_iova_range [num_iovas] */
};
UAPI_SIZE(iommufd_ioas_allow_iovas, 24);
UAPI_AT(iommufd_ioas_allow_iovas, allowed_iovas, 16);

#define IOMMUFD_MAP_FIXED_IOVA (1u << 0)
#define IOMMUFD_MAP_WRITEABLE  (1u << 1)
#define IOMMUFD_MAP_READABLE   (1u << 2)

struct iommufd_ioas_map {
	uint32_t size;
	uint32_t flags;
	uint32_t ioas_id;
	uint32_t reserved;
	uint64_t user_va;
	uint64_t length;
	uint64_t iova;
};
UAPI_SIZE(iommufd_ioas_map, 40);
UAPI_AT(iommufd_ioas_map, user_va, 16);
UAPI_AT(iommufd_ioas_map, iova, 32);

/* Since 6.13. */
struct iommufd_ioas_map_file {
	uint32_t size;
	uint32_t flags; /* IOMMUFD_MAP_* */
	uint32_t ioas_id;
	int32_t fd;
	uint64_t start; /* in the file, bytes */
	uint64_t length;
	uint64_t iova;
};
UAPI_SIZE(iommufd_ioas_map_file, 40);
UAPI_AT(iommufd_ioas_map_file, fd, 12);
UAPI_AT(iommufd_ioas_map_file, start, 16);
UAPI_AT(iommufd_ioas_map_file, iova, 32);

struct iommufd_ioas_copy {
	uint32_t size;
	uint32_t flags;
	uint32_t dst_ioas_id;
	uint32_t src_ioas_id;
	uint64_t length;
	uint64_t dst_iova;
	uint64_t src_iova;
};
UAPI_SIZE(iommufd_ioas_copy, 40);
UAPI_AT(iommufd_ioas_copy, length, 16);
UAPI_AT(iommufd_ioas_copy, dst_iova, 24);
UAPI_AT(iommufd_ioas_copy, src_iova, 32);

struct iommufd_ioas_unmap {
	uint32_t size;
	uint32_t ioas_id;
	uint64_t iova;
	uint64_t length; /* out: bytes removed, on success only */
};
UAPI_SIZE(iommufd_ioas_unmap, 24);

#define IOMMUFD_OPTION_RLIMIT_MODE 0
#define IOMMUFD_OPTION_HUGE_PAGES  1
#define IOMMUFD_OPTION_OP_SET      0
#define IOMMUFD_OPTION_OP_GET      1

struct iommufd_option {
	uint32_t size;
	uint32_t option_id;
	uint16_t op;
	uint16_t reserved;
	uint32_t object_id;
	uint64_t val64;
};
UAPI_SIZE(iommufd_option, 24);
UAPI_AT(iommufd_option, object_id, 12);

#define IOMMUFD_HWPT_NEST_PARENT    (1u << 0)
#define IOMMUFD_HWPT_DIRTY_TRACKING (1u << 1)
#define IOMMUFD_HWPT_FAULT_ID_VALID (1u << 2)
#define IOMMUFD_HWPT_PASID          (1u << 3)

struct iommufd_hwpt_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t dev_id;
	uint32_t pt_id;
	uint32_t out_hwpt_id;
	uint32_t reserved;
	uint32_t data_type;
	uint32_t data_len;
	uint64_t data_uptr;
	uint32_t fault_id;
	uint32_t reserved2;
};
UAPI_SIZE(iommufd_hwpt_alloc, 48);
UAPI_AT(iommufd_hwpt_alloc, data_type, 24);
UAPI_AT(iommufd_hwpt_alloc, data_uptr, 32);
UAPI_AT(iommufd_hwpt_alloc, fault_id, 40);

#define IOMMUFD_DIRTY_TRACKING_ENABLE (1u << 0)

/* Since 6.7. */
struct iommufd_hwpt_set_dirty_tracking {
	uint32_t size;
	uint32_t flags;
	uint32_t hwpt_id;
	uint32_t reserved;
};
UAPI_SIZE(iommufd_hwpt_set_dirty_tracking, 16);
UAPI_AT(iommufd_hwpt_set_dirty_tracking, hwpt_id, 8);

#define IOMMUFD_DIRTY_NO_CLEAR (1u << 0)

/* Since 6.7. The walk ends, with success, where a page has no map. */
struct iommufd_hwpt_get_dirty_bitmap {
	uint32_t size;
	uint32_t hwpt_id;
	uint32_t flags;
	uint32_t reserved;
	uint64_t iova;
	uint64_t length;
	uint64_t page_size;
	uint64_t
		data; /* bits are set, never cleared; also beyond the range, up to the page's end */
};
UAPI_SIZE(iommufd_hwpt_get_dirty_bitmap, 48);
UAPI_AT(iommufd_hwpt_get_dirty_bitmap, iova, 16);
UAPI_AT(iommufd_hwpt_get_dirty_bitmap, page_size, 32);
UAPI_AT(iommufd_hwpt_get_dirty_bitmap, data, 40);

/* Since 6.8. */
struct iommufd_hwpt_invalidate {
	uint32_t size;
	uint32_t hwpt_id;
	uint64_t data_uptr; /* entry_num entries of entry_len bytes */
	uint32_t data_type;
	uint32_t entry_len;
	uint32_t entry_num; /* out: how many were handled, also on error */
	uint32_t reserved;
};
UAPI_SIZE(iommufd_hwpt_invalidate, 32);
UAPI_AT(iommufd_hwpt_invalidate, data_uptr, 8);
UAPI_AT(iommufd_hwpt_invalidate, entry_num, 24);

struct iommufd_get_hw_info {
	uint32_t size;
	uint32_t flags;
	uint32_t dev_id;
	uint32_t data_len;
	uint64_t data_uptr;
	uint32_t out_data_type;
	uint8_t out_max_pasid_log2;
	uint8_t reserved[3];
	uint64_t out_capabilities;
};
UAPI_SIZE(iommufd_get_hw_info, 40);
UAPI_AT(iommufd_get_hw_info, out_max_pasid_log2, 28);
UAPI_AT(iommufd_get_hw_info, out_capabilities, 32);

struct iommufd_fault_queue_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t out_fault_id;
	uint32_t out_fault_fd;
};
UAPI_SIZE(iommufd_fault_queue_alloc, 16);

/* What read() on a fault queue gives: whole groups, 0 bytes for none. */
#define IOMMUFD_FAULT_PASID_VALID (1u << 0)
#define IOMMUFD_FAULT_LAST_PAGE   (1u << 1)
#define IOMMUFD_FAULT_FLAGS       3u /* other bits leak from inside: mask them */

#define IOMMUFD_FAULT_READ  (1u << 0)
#define IOMMUFD_FAULT_WRITE (1u << 1)
#define IOMMUFD_FAULT_EXEC  (1u << 2)
#define IOMMUFD_FAULT_PRIV  (1u << 3)

struct iommufd_fault {
	uint32_t flags;
	uint32_t dev_id;
	uint32_t pasid;
	uint32_t grpid;
	uint32_t perm;
	uint32_t reserved;
	uint64_t addr;
	uint32_t length; /* always 0 */
	uint32_t cookie;
};
UAPI_SIZE(iommufd_fault, 40);
UAPI_AT(iommufd_fault, addr, 24);
UAPI_AT(iommufd_fault, cookie, 36);

#define IOMMUFD_RESPONSE_SUCCESS 0u
#define IOMMUFD_RESPONSE_INVALID 1u

struct iommufd_response {
	uint32_t cookie;
	uint32_t code;
};
UAPI_SIZE(iommufd_response, 8);

#endif
