/* SPDX-License-Identifier: MIT */
/*
 * The one way into the kernel: an ioctl that is tried again when a signal came in between, and
 * returns -errno. Knows libc alone.
 */
#ifndef IOMMUFD_CALL_H
#define IOMMUFD_CALL_H

#include <errno.h>
#include <sys/ioctl.h>

/* At least 0, or -errno. */
int iommufd_call(int fd, unsigned long number, void *arg);

/* A first try, for what is done so often that each instruction counts: where it gives -EINTR,
 * iommufd_call() does the rest. */
static inline int iommufd_call_once(int fd, unsigned long number, void *arg)
{
	int result = ioctl(fd, number, arg);

	return result < 0 ? -errno : result;
}

#endif
