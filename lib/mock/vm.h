/* SPDX-License-Identifier: MIT */
/*
 * Virtual machines, as far as ENQCMD is concerned: what PASID a processor sends for the guest's. A
 * route of a device that is mapped there is so until it is unmapped, ends, or leads elsewhere. All
 * under the world. It must not know how DMA is done.
 */
#ifndef MOCK_VM_H
#define MOCK_VM_H

#include "device.h"

int mock_kvm_map(struct backend *be, struct backend_route which, int fd);
int mock_kvm_unmap(struct backend *be, struct backend_route which, int fd);

/* The route of the device, in all virtual machines. */
void mock_vm_forget(struct ioasid_mock_device *device, uint32_t pasid);

/* ioasid_mock_free(): the descriptors go, the rest with the platform. */
void mock_vm_close_all(struct ioasid_mock *mock);
void mock_vm_free_all(struct ioasid_mock *mock);

#endif
