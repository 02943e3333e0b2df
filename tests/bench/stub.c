/* SPDX-License-Identifier: MIT */
/*
 * The kernel as programs see it that measure what this process adds to its work: each ioctl of the
 * iommufd leaf that such a program comes by succeeds at once. It maps nothing.
 */
#include "iommufd/uapi.h"
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>

int __wrap_ioctl(int fd, unsigned long number, ...);

/* Its tables and pages are somebody else's: only numbers and ranges come back. */
static int tell_ranges(struct iommufd_ioas_iova_ranges *ask)
{
	struct iommufd_iova_range *range = (void *)(uintptr_t)ask->allowed_iovas;
	bool fits = ask->num_iovas;

	if (fits)
		*range = (struct iommufd_iova_range){0, (UINT64_C(1) << 48) - 1};
	ask->num_iovas = 1;
	ask->out_iova_alignment = 4096;
	errno = EMSGSIZE;
	return fits ? 0 : -1;
}

int __wrap_ioctl(int fd, unsigned long number, ...)
{
	va_list args;
	void *arg;

	(void)fd;
	va_start(args, number);
	arg = va_arg(args, void *);
	va_end(args);
	switch (number) {
	case IOMMUFD_IOAS_MAP:
	case IOMMUFD_IOAS_UNMAP:
	case IOMMUFD_OPTION:
	case IOMMUFD_DESTROY:
		return 0;
	case IOMMUFD_IOAS_ALLOC:
		((struct iommufd_ioas_alloc *)arg)->out_ioas_id = 1;
		return 0;
	case IOMMUFD_IOAS_IOVA_RANGES:
		return tell_ranges(arg);
	default:
		errno = ENOTTY;
		return -1;
	}
}
