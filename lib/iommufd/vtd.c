/* SPDX-License-Identifier: MIT */
/*
 * First-stage tables of VT-d: see vtd.h. The kernel's structures, which registers tell that the
 * hardware nests, and the texts for tables that it does not take: the kernel says EINVAL to them,
 * some only when the first device arrives.
 */
#include "vtd.h"
#include "../error.h"
#include "call.h"
#include "uapi.h"
#include <errno.h>
#include <string.h>

#define HW_INFO_VTD       1u
#define TABLE_VTD_S1      1u
#define INVALIDATE_VTD_S1 0u

struct vtd_hw_info {
	uint32_t flags;
	uint32_t reserved;
	uint64_t cap;
	uint64_t ecap;
};
UAPI_SIZE(vtd_hw_info, 24);
UAPI_AT(vtd_hw_info, ecap, 16);

#define CAP_FIVE_LEVELS  (UINT64_C(1) << 60)
#define ECAP_NESTED      (UINT64_C(1) << 26)
#define ECAP_SCALABLE    (UINT64_C(1) << 43)
#define ECAP_FIRST_STAGE (UINT64_C(1) << 47)
#define ECAP_NEEDED      (ECAP_NESTED | ECAP_SCALABLE | ECAP_FIRST_STAGE)

#define WIDTH_FOUR_LEVELS 48u
#define WIDTH_FIVE_LEVELS 57u

#define TABLE_SRE  (UINT64_C(1) << 0)
#define TABLE_EAFE (UINT64_C(1) << 1)
#define TABLE_WPE  (UINT64_C(1) << 2)

struct vtd_table {
	uint64_t flags;
	uint64_t pgtbl_addr;
	uint32_t addr_width;
	uint32_t reserved;
};
UAPI_SIZE(vtd_table, 24);
UAPI_AT(vtd_table, addr_width, 16);
_Static_assert(sizeof(struct vtd_table) <= sizeof(((struct iommufd_table_data *)0)->bytes), "room");

#define INVALIDATE_LEAF (1u << 0)
#define ALL_PAGES       UINT64_MAX
#define PAGE            4096u

struct vtd_invalidation {
	uint64_t addr;
	uint64_t npages;
	uint32_t flags;
	uint32_t reserved;
};
UAPI_SIZE(vtd_invalidation, 24);
UAPI_AT(vtd_invalidation, flags, 16);

uint32_t vtd_formats(struct iommufd_device_handle *handle, uint32_t *addr_width)
{
	struct vtd_hw_info vtd = {.flags = 0};
	struct iommufd_get_hw_info info = {
		.size = sizeof(info),
		.dev_id = handle->dev_id,
		.data_len = sizeof(vtd),
		.data_uptr = (uintptr_t)&vtd,
	};

	*addr_width = 0;
	if (iommufd_call(handle->iommufd, IOMMUFD_GET_HW_INFO, &info) ||
		info.out_data_type != HW_INFO_VTD || (vtd.ecap & ECAP_NEEDED) != ECAP_NEEDED)
		return 0;
	*addr_width = vtd.cap & CAP_FIVE_LEVELS ? WIDTH_FIVE_LEVELS : WIDTH_FOUR_LEVELS;
	return 1u << IOASID_PGTABLE_VTD_S1;
}

static int refuse_format(uint32_t format)
{
	switch (format) {
	case IOASID_PGTABLE_SMMUV3_S1:
		return error_reason(-EOPNOTSUPP,
			"stage 1 tables of Arm's SMMUv3 need a virtual IOMMU in the kernel (Linux 6.13), which "
			"this library does not make");
	case IOASID_PGTABLE_AMD_V2:
		return error_reason(-EOPNOTSUPP,
			"no released kernel takes v2 tables of AMD's IOMMU from a guest");
	default:
		return error_reason(-EOPNOTSUPP, "VFIO knows no page table format %u", format);
	}
}

static uint64_t kernel_flags(uint32_t flags)
{
	return (flags & IOASID_PGTABLE_SUPERVISOR ? TABLE_SRE : 0) |
	       (flags & IOASID_PGTABLE_EXT_ACCESSED ? TABLE_EAFE : 0) |
	       (flags & IOASID_PGTABLE_WRITE_PROTECT ? TABLE_WPE : 0);
}

static int check(const struct ioasid_pgtable *table)
{
	if (table->addr % PAGE)
		return error_reason(-EINVAL,
			"the root of a VT-d table is aligned to 4096, not 0x%llx",
			(unsigned long long)table->addr);
	if (table->addr_width != WIDTH_FOUR_LEVELS && table->addr_width != WIDTH_FIVE_LEVELS)
		return error_reason(-EINVAL,
			"a VT-d table translates 48 bits, or 57 with five levels, not %u",
			table->addr_width);
	return 0;
}

int vtd_table_data(const struct ioasid_pgtable *table, struct iommufd_table_data *data)
{
	struct vtd_table vtd = {
		.flags = kernel_flags(table->flags),
		.pgtbl_addr = table->addr,
		.addr_width = table->addr_width,
	};
	int err;

	if (table->format != IOASID_PGTABLE_VTD_S1)
		return refuse_format(table->format);
	err = check(table);
	if (err)
		return err;
	data->type = TABLE_VTD_S1;
	data->length = sizeof(vtd);
	memcpy(data->bytes, &vtd, sizeof(vtd));
	return 0;
}

static struct vtd_invalidation entry(const struct ioasid_invalidation *about)
{
	bool all = about->what == IOASID_INVALIDATE_SPACE;

	return (struct vtd_invalidation){
		.addr = all ? 0 : about->addr,
		.npages = all ? ALL_PAGES : about->length / PAGE,
		.flags = about->flags & IOASID_INVALIDATE_LEAF ? INVALIDATE_LEAF : 0,
	};
}

int vtd_invalidation_data(const struct ioasid_pgtable *table,
	const struct ioasid_invalidation *list, unsigned int n,
	struct iommufd_invalidation_data *data)
{
	if (table->format != IOASID_PGTABLE_VTD_S1)
		return refuse_format(table->format);
	data->type = INVALIDATE_VTD_S1;
	data->entry_length = sizeof(struct vtd_invalidation);
	for (unsigned int i = 0; i < n; i++) {
		struct vtd_invalidation one = entry(&list[i]);

		memcpy(data->entries + i * sizeof(one), &one, sizeof(one));
	}
	return 0;
}
