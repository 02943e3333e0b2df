/* SPDX-License-Identifier: MIT */
/*
 * The one door from the core into this leaf: a backend made over an open /dev/iommu. All else of
 * the leaf is behind its table of operations.
 */
#ifndef IOMMUFD_OPEN_H
#define IOMMUFD_OPEN_H

#include <stdint.h>

struct backend;

/* 0 and *be, which owns fd from then on; else the descriptor is as it was. flags: IOASID_OPEN_*, of
 * which IOASID_OPEN_ADOPT is not its business. -ENOTTY: fd is no /dev/iommu. */
int iommufd_open(int fd, uint32_t flags, struct backend **be);

#endif
