/* SPDX-License-Identifier: MIT */
/*
 * What an address of a device leads to: see translate.h. It must not know what moves there, nor
 * who is asked where nothing is.
 */
#include "translate.h"

static const struct mock_iommu *iommu_of(const struct mock_access *access)
{
	return access->device->group->iommu;
}

uint64_t mock_translate_page(const struct mock_access *access)
{
	return UINT64_C(1) << mock_space_shift(access->space, iommu_of(access));
}

static uint32_t wanted(const struct mock_access *access)
{
	return access->flags & IOASID_FAULT_WRITE ? IOASID_MAP_WRITE : IOASID_MAP_READ;
}

/* By maps alone. */
static uint32_t walk_maps(const struct mock_access *access, uint64_t base, struct mock_page *page)
{
	const struct mock_iommu *iommu = iommu_of(access);

	if (!iommu_covers(iommu, base, base + (iommu->page - 1)))
		return IOASID_MOCK_FAULT_ADDRESS;
	if (!mock_space_walk(access->space, base, page))
		return IOASID_MOCK_FAULT_TRANSLATION;
	page->shift = iommu->shift;
	return page->perms & wanted(access) ? IOASID_MOCK_FAULT_NONE : IOASID_MOCK_FAULT_PERMISSION;
}

void mock_translate_anew(
	const struct mock_access *access, uint64_t base, struct mock_answer *answer)
{
	answer->fault = walk_maps(access, base, &answer->page);
}

/* The IOMMU's part: its own cache, or a walk. */
static void ask_iommu(const struct mock_access *access, const struct iotlb_tag *tag, uint64_t base,
	struct mock_answer *answer)
{
	struct iotlb *tlb = &access->device->group->iommu->tlb;

	if (iotlb_find(tlb, tag, base, wanted(access), &answer->page))
		return;
	answer->fault = walk_maps(access, base, &answer->page);
	if (!answer->fault)
		iotlb_fill(tlb, tag, base, &answer->page);
}

void mock_translate(const struct mock_access *access, uint64_t base, struct mock_answer *answer)
{
	struct ioasid_mock_device *device = access->device;
	const struct iotlb_tag tag = {
		.space = access->space,
		.pasid = IOASID_PASID_NONE,
		.shift = (uint16_t)mock_space_shift(access->space, device->group->iommu),
	};

	answer->fault = IOASID_MOCK_FAULT_NONE;
	if (!device->tlb.entries) {
		ask_iommu(access, &tag, base, answer);
		return;
	}
	if (iotlb_find(&device->tlb, &tag, base, wanted(access), &answer->page))
		return;
	ask_iommu(access, &tag, base, answer);
	if (!answer->fault)
		iotlb_fill(&device->tlb, &tag, base, &answer->page);
}
