/* SPDX-License-Identifier: MIT */
/*
 * The configuration space of a PCI device, see vfio-pci.h: a walk along its extended capabilities
 * to the one for page requests. What the device says is checked, since a loop in its list, or an
 * absurd number, must not become ours.
 */
#include "vfio-pci.h"
#include "call.h"
#include "vfio-uapi.h"
#include <stdbool.h>
#include <unistd.h>

#define SPACE_SIZE    256u  /* where the extended capabilities start */
#define EXTENDED_SIZE 4096u /* where they end */
#define HEADER_SIZE   4u
#define MOST          ((EXTENDED_SIZE - SPACE_SIZE) / HEADER_SIZE)

#define CAPABILITY_PRI 0x13u
#define PRI_CONTROL    4u
#define PRI_ENABLED    1u
#define PRI_CAPACITY   8u
#define PRI_ALLOCATED  12u

/* The most that any IOMMU driver of the kernel allots to a device: VT-d its whole queue. */
#define KERNEL_MOST 2048u

/* Little endian, as all of PCI. */
static bool read_word(int fd, uint64_t at, uint32_t *word)
{
	unsigned char bytes[4];

	if (pread(fd, bytes, sizeof(bytes), (off_t)at) != sizeof(bytes))
		return false;
	*word = bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
		(uint32_t)bytes[3] << 24;
	return true;
}

static bool is_pci(int fd)
{
	struct vfio_device_info info = {.argsz = sizeof(info)};

	return !iommufd_call(fd, VFIO_DEVICE_GET_INFO, &info) && info.flags & VFIO_DEVICE_FLAGS_PCI;
}

/* Where the configuration space lies in the device file; false: it has no extended part. */
static bool find_space(int fd, uint64_t *base)
{
	struct vfio_region_info region = {
		.argsz = sizeof(region), .index = VFIO_PCI_CONFIG_REGION_INDEX};

	if (!is_pci(fd) || iommufd_call(fd, VFIO_DEVICE_GET_REGION_INFO, &region))
		return false;
	*base = region.offset;
	return region.flags & VFIO_REGION_INFO_FLAG_READ && region.size >= EXTENDED_SIZE;
}

/* Offset of the capability in the configuration space, or 0. */
static uint32_t find_capability(int fd, uint64_t base, uint32_t id)
{
	uint32_t at = SPACE_SIZE, header;

	for (unsigned int i = 0; i < MOST && at >= SPACE_SIZE; i++) {
		if (!read_word(fd, base + at, &header) || !header || header == UINT32_MAX)
			return 0;
		if ((header & 0xffff) == id)
			return at;
		at = header >> 20 & ~3u;
	}
	return 0;
}

/* What is allotted counts while page requests are on; until then it is only a left-over. */
static uint32_t read_credits(int fd, uint64_t pri)
{
	uint32_t control, capacity, allocated;

	if (!read_word(fd, pri + PRI_CONTROL, &control) ||
		!read_word(fd, pri + PRI_CAPACITY, &capacity) ||
		!read_word(fd, pri + PRI_ALLOCATED, &allocated))
		return 0;
	if (control & PRI_ENABLED && allocated && allocated < capacity)
		capacity = allocated;
	return capacity < KERNEL_MOST ? capacity : KERNEL_MOST;
}

uint32_t vfio_pci_credits(int fd)
{
	uint64_t base;
	uint32_t pri;

	if (!find_space(fd, &base))
		return 0;
	pri = find_capability(fd, base, CAPABILITY_PRI);
	return pri ? read_credits(fd, base + pri) : 0;
}
