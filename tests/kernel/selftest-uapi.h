/* SPDX-License-Identifier: MIT */
/*
 * The ABI of the kernel's own self-test devices: one ioctl on the iommufd makes devices and looks
 * into their page tables. Numbers and layouts are the kernel's (Linux 6.12), the definitions ours.
 * It is no ABI that the kernel keeps: tests know it, the library must not.
 */
#ifndef SELFTEST_UAPI_H
#define SELFTEST_UAPI_H

#include "iommufd/uapi.h"

#define SELFTEST_CMD _IO(IOMMUFD_TYPE, 0xa0)

/* struct selftest_cmd.op */
#define SELFTEST_OP_ADD_RESERVED      1u
#define SELFTEST_OP_MD_CHECK_MAP      3u
#define SELFTEST_OP_MD_CHECK_REFS     4u
#define SELFTEST_OP_CREATE_ACCESS     5u
#define SELFTEST_OP_ACCESS_RW         8u
#define SELFTEST_OP_SET_MEMORY_LIMIT  9u
#define SELFTEST_OP_DOMAIN_REPLACE    10u
#define SELFTEST_OP_MOCK_DOMAIN_FLAGS 12u
#define SELFTEST_OP_DIRTY             13u
#define SELFTEST_OP_MD_CHECK_IOTLB    14u
#define SELFTEST_OP_TRIGGER_IOPF      15u

/* domain.flags */
#define SELFTEST_DEVICE_NO_DIRTY  (1u << 0)
#define SELFTEST_DEVICE_HUGE_IOVA (1u << 1)

/* rw.flags */
#define SELFTEST_RW_WRITE (1u << 0)
#define SELFTEST_RW_SLOW  (1u << 2)

/* What its IOMMU translates. */
#define SELFTEST_APERTURE_FIRST UINT64_C(0x1000000)
#define SELFTEST_APERTURE_LAST  UINT64_C(0x7fffffff)
#define SELFTEST_IO_PAGE        UINT64_C(2048)
#define SELFTEST_IOTLBS         4u

struct selftest_cmd {
	uint32_t size;
	uint32_t op;
	uint32_t id; /* of a device, a table, an IOAS, or an access's descriptor */
	uint32_t reserved;
	union {
		struct {
			uint64_t start;
			uint64_t length;
		} window;
		struct {
			uint32_t out_stdev_id;
			uint32_t out_hwpt_id;
			uint32_t out_idev_id;
			uint32_t flags;
		} domain;
		struct {
			uint32_t pt_id;
		} replace;
		struct {
			uint64_t iova;
			uint64_t length;
			uint64_t addr;
		} check_map;
		struct {
			uint64_t length;
			uint64_t addr;
			uint32_t refs;
		} check_refs;
		struct {
			uint32_t out_fd;
			uint32_t flags;
		} access;
		struct {
			uint64_t iova;
			uint64_t length;
			uint64_t buffer;
			uint32_t flags;
		} rw;
		struct {
			uint32_t bytes;
		} limit;
		struct {
			uint32_t flags;
			uint64_t iova;
			uint64_t length;
			uint64_t page_size;
			uint64_t bitmap;
			uint64_t out_dirty;
		} dirty;
		struct {
			uint32_t index;
			uint32_t value;
		} check_iotlb;
		struct {
			uint32_t dev_id;
			uint32_t pasid;
			uint32_t grpid;
			uint32_t perm;
			uint64_t addr;
		} fault;
	};
	uint32_t last;
};
UAPI_SIZE(selftest_cmd, 72);
UAPI_AT(selftest_cmd, window.length, 24);
UAPI_AT(selftest_cmd, domain.flags, 28);
UAPI_AT(selftest_cmd, check_map.addr, 32);
UAPI_AT(selftest_cmd, check_refs.refs, 32);
UAPI_AT(selftest_cmd, rw.flags, 40);
UAPI_AT(selftest_cmd, dirty.iova, 24);
UAPI_AT(selftest_cmd, dirty.out_dirty, 56);
UAPI_AT(selftest_cmd, fault.addr, 32);
UAPI_AT(selftest_cmd, last, 64);

/* A guest's page table, in HWPT_ALLOC: what its four IOTLB entries hold at first. */
#define SELFTEST_TABLE_TYPE 0xdeadu

struct selftest_table {
	uint32_t iotlb;
};
UAPI_SIZE(selftest_table, 4);

/* In HWPT_INVALIDATE: one of the four, or all, becomes 0. */
#define SELFTEST_INVALIDATE_TYPE 0xdeadbeefu
#define SELFTEST_INVALIDATE_ALL  (1u << 0)

struct selftest_invalidation {
	uint32_t flags;
	uint32_t iotlb;
};
UAPI_SIZE(selftest_invalidation, 8);

#endif
