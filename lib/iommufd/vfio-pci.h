/* SPDX-License-Identifier: MIT */
/*
 * What a PCI device says of itself in its configuration space, as VFIO shows it. Knows the ABI of
 * VFIO, and no more of the device than its descriptor.
 */
#ifndef IOMMUFD_VFIO_PCI_H
#define IOMMUFD_VFIO_PCI_H

#include <stdint.h>

/* Page requests that the device, which is bound, may have outstanding; 0: it raises none, or that
 * is not to be seen. */
uint32_t vfio_pci_credits(int fd);

#endif
