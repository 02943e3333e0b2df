/* SPDX-License-Identifier: MIT */
/*
 * Page tables of guests for Intel's IOMMU (VT-d, first stage), as the kernel wants them, and what
 * is said of the other formats. Knows no device but by its number in the iommufd.
 */
#ifndef IOMMUFD_VTD_H
#define IOMMUFD_VTD_H

#include "provider.h"

uint32_t vtd_formats(struct iommufd_device_handle *handle, uint32_t *addr_width);
int vtd_table_data(const struct ioasid_pgtable *table, struct iommufd_table_data *data);
int vtd_invalidation_data(const struct ioasid_pgtable *table,
	const struct ioasid_invalidation *list, unsigned int n,
	struct iommufd_invalidation_data *data);

#endif
