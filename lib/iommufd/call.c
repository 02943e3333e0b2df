/* SPDX-License-Identifier: MIT */
/*
 * The ioctl wrapper of the leaf: see call.h. Knows no structure.
 */
#include "call.h"
#include <errno.h>
#include <sys/ioctl.h>

int iommufd_call(int fd, unsigned long number, void *arg)
{
	int result;

	do
		result = ioctl(fd, number, arg);
	while (result < 0 && errno == EINTR);
	return result < 0 ? -errno : result;
}
