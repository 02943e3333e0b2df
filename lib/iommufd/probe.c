/* SPDX-License-Identifier: MIT */
/*
 * What this kernel's iommufd has, found by asking at run time: a structure that is too short for
 * any version of a call is EINVAL where the call exists and ENOTTY where it does not, and changes
 * nothing. Knows no header of the machine that built it.
 */
#include "iommufd.h"
#include <errno.h>

#define TOO_SHORT 4u

static bool has_call(int fd, unsigned long number)
{
	uint32_t size = TOO_SHORT;

	return iommufd_call(fd, number, &size) == -EINVAL;
}

uint32_t iommufd_probe(int fd)
{
	static const struct {
		unsigned long number;
		uint32_t has;
	} calls[] = {
		{IOMMUFD_HWPT_ALLOC, IOMMUFD_HAS_HWPT_ALLOC},
		{IOMMUFD_HWPT_SET_DIRTY_TRACKING, IOMMUFD_HAS_DIRTY},
		{IOMMUFD_HWPT_INVALIDATE, IOMMUFD_HAS_INVALIDATE},
		{IOMMUFD_FAULT_QUEUE_ALLOC, IOMMUFD_HAS_FAULTS},
		{IOMMUFD_IOAS_MAP_FILE, IOMMUFD_HAS_MAP_FILE},
	};
	uint32_t has = 0;

	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (has_call(fd, calls[i].number))
			has |= calls[i].has;
	return has;
}
