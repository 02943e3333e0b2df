/* SPDX-License-Identifier: MIT */
/*
 * The kernel's self-test devices as a provider of the iommufd leaf: a device is a structure of the
 * test's, bound by a token, a file that says which. And what tests may ask of one that is bound:
 * what its page table holds, a page request, a written page. Knows the leaf, not the core.
 */
#ifndef SELFTEST_H
#define SELFTEST_H

#include "iommufd/iommufd.h"
#include "selftest-uapi.h"

/* A device; zero is a good one. The token's holder keeps it where it is. */
struct selftest_device {
	uint32_t flags;   /* SELFTEST_DEVICE_* */
	uint32_t credits; /* 0: 32 */
	/* Windows that it has reserved: in an IOAS that it was attached to they stay, since the
	 * kernel can only add them there. {0, 0}: none. */
	struct ioasid_range windows[3];
	/* the provider's, while it is bound */
	struct iommufd_device_handle *handle;
	uint32_t stdev;   /* in the kernel */
	uint32_t scratch; /* the IOAS where it is while the route leads nowhere */
	uint32_t hwpt;    /* the table that its route leads to, 0: nowhere */
};

extern const struct iommufd_provider selftest_provider;

/* The providers of a context: of VFIO's devices and of these. */
extern const struct iommufd_provider *const selftest_providers[];

/* A context over a new /dev/iommu; *be is its backend, NULL if nobody wants to know. */
int selftest_open(uint32_t flags, struct ioasid_ctx **ctx, struct backend **be);

/* A descriptor for ioasid_device_bind(), the caller's to close. */
int selftest_fd(struct selftest_device *device);

/* The ioctl itself: 0 or -errno. */
int selftest_command(int iommufd, struct selftest_cmd *cmd);

/* The space of its route, an IOAS; 0: it leads nowhere. */
uint32_t selftest_ioas(const struct selftest_device *device);

/* 0: in the table that its route leads to, the pages from iova on are those at addr. Halves of a
 * page at least. -ENODEV: it leads nowhere. */
int selftest_check_map(
	const struct selftest_device *device, uint64_t iova, uint64_t length, const void *addr);

/* 0: that is what the guest's table, to which the route leads, has in its IOTLB; 0 is nothing. */
int selftest_check_iotlb(const struct selftest_device *device, uint32_t index, uint32_t value);

/* 0: the pages are pinned so many times. */
int selftest_check_refs(int iommufd, const void *addr, uint64_t length, uint32_t refs);

/* One page of a page request group. */
struct selftest_fault {
	uint64_t addr;
	uint32_t group;
	uint32_t perm; /* IOMMUFD_FAULT_READ … */
};

int selftest_fault(const struct selftest_device *device, const struct selftest_fault *fault);

/* The device writes the pages whose bit is set; how many there were. Only where the table notes
 * them. */
int selftest_dirty(const struct selftest_device *device, uint64_t iova, uint64_t length,
	const uint64_t *bitmap);

/* Bytes of an IOAS, as a device in it would see them. flags: SELFTEST_RW_WRITE */
struct selftest_rw {
	uint64_t iova;
	void *buffer;
	uint64_t length;
	uint32_t flags;
};

int selftest_rw(int iommufd, uint32_t ioas, const struct selftest_rw *rw);

/* The kernel's room for lists of pages, so that long maps take several rounds (65536). */
int selftest_memory_limit(int iommufd, uint32_t bytes);

/* Bytes of this process's memory that are pinned; UINT64_MAX: unknown. */
uint64_t selftest_pinned(void);

#endif
