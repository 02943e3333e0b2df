/* SPDX-License-Identifier: MIT */
/*
 * The seam to what gives devices: how a device gets into an iommufd and which page table it leads
 * to. VFIO is one provider. A provider knows its own descriptors and the ABI; spaces, tables and
 * faults are the leaf's. Calls come one at a time for a device.
 */
#ifndef IOMMUFD_PROVIDER_H
#define IOMMUFD_PROVIDER_H

#include "../backend.h"

struct iommufd_provider;

/* A device in an iommufd. */
struct iommufd_device_handle {
	const struct iommufd_provider *provider;
	int fd;          /* the device's own; open until after unbind */
	int iommufd;     /* the iommufd's */
	uint32_t dev_id; /* in the iommufd */
	void *state;     /* the provider's */
};

/* A guest's page table, as HWPT_ALLOC wants it. */
struct iommufd_table_data {
	uint32_t type;
	uint32_t length;
	unsigned char bytes[32];
};

/* A batch of invalidations, as HWPT_INVALIDATE wants them. */
struct iommufd_invalidation_data {
	uint32_t type;
	uint32_t entry_length;
	unsigned char *entries; /* room for n entries of 32 bytes */
};

struct iommufd_provider {
	const char *name;

	/* handle has fd and iommufd. 0: dev_id and state are set, and of *is what the provider
	 * knows (group, group_size, IOASID_DEVICE_MEDIATED, pasid_bits, page requests); -ENOTTY:
	 * not such a device. */
	int (*bind)(struct iommufd_device_handle *handle, struct backend_device *is);
	void (*unbind)(struct iommufd_device_handle *handle);

	/* Leads the route to an IOAS or a table, moving it there without a gap if it leads
	 * elsewhere. *pt_id: in, what is meant; out, the table it became. */
	int (*attach)(struct iommufd_device_handle *handle, uint32_t pasid, uint32_t *pt_id);
	int (*detach)(struct iommufd_device_handle *handle, uint32_t pasid);

	/* The formats of page tables that its devices' IOMMU takes, 1 << IOASID_PGTABLE_*. */
	uint32_t (*formats)(struct iommufd_device_handle *handle, uint32_t *addr_width);
	/* -EOPNOTSUPP with its reason: not that format. */
	int (*table_data)(const struct ioasid_pgtable *table, struct iommufd_table_data *data);
	int (*invalidation_data)(const struct ioasid_pgtable *table,
		const struct ioasid_invalidation *list, unsigned int n,
		struct iommufd_invalidation_data *data);
};

/* A device file of VFIO. */
extern const struct iommufd_provider iommufd_vfio;

#endif
