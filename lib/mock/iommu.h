/* SPDX-License-Identifier: MIT */
/*
 * An IOMMU of the platform: what addresses and page sizes it translates, and its IOTLB. It must
 * not know spaces or devices.
 */
#ifndef MOCK_IOMMU_H
#define MOCK_IOMMU_H

#include "iotlb.h"
#include <ioasid/mock.h>
#include <ioasid/pgtable.h>

#define MOCK_RESERVED_MAX 16u
/* Formats whose PASID tables are the guest's own */
#define MOCK_PASID_FORMATS (1u << IOASID_PGTABLE_SMMUV3_S1 | 1u << IOASID_PGTABLE_AMD_V2)
#define MOCK_PAGE_SIZES    (UINT64_C(1) << 12 | UINT64_C(1) << 21 | UINT64_C(1) << 30)

struct mock_iommu {
	uint32_t index;
	uint32_t flags;      /* IOASID_MOCK_IOMMU_* */
	uint32_t formats;    /* of guests' tables, 1 << IOASID_PGTABLE_* */
	uint32_t addr_width; /* most bits that such a table translates */
	uint64_t page_sizes;
	uint64_t page;      /* the least page size, bytes */
	unsigned int shift; /* of it */
	struct ioasid_range aperture;
	struct ioasid_range reserved[MOCK_RESERVED_MAX];
	uint32_t reserved_count;
	struct iotlb tlb;
};

/* Adds one as a user gets it who asks for nothing; the caller holds the world exclusively. 0 or
 * -ENOMEM. */
int iommu_add_default(struct ioasid_mock *mock, struct mock_iommu **iommu);
void iommu_free(struct mock_iommu *iommu);

/* The first usable addresses at or above from; false: none. */
bool iommu_usable(const struct mock_iommu *iommu, uint64_t from, struct ioasid_range *range);

/* All of first to last is translated. */
bool iommu_covers(const struct mock_iommu *iommu, uint64_t first, uint64_t last);

#endif
