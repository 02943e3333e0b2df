/* SPDX-License-Identifier: MIT */
/*
 * The IOMMUs of the platform: options, apertures and reserved windows. It must not know spaces or
 * devices, nor what is in an IOTLB.
 */
#include "iommu.h"
#include "../error.h"
#include "../opts.h"
#include "platform.h"
#include <errno.h>
#include <stdlib.h>

#define LEAST_PAGE_MIN (UINT64_C(1) << 12)
#define LEAST_PAGE_MAX (UINT64_C(1) << 16)
#define APERTURE_LAST  ((UINT64_C(1) << 48) - 1)
#define ADDR_WIDTH     48u
#define ADDR_WIDTH_MAX 57u
#define FORMATS                                                                                    \
	(1u << IOASID_PGTABLE_VTD_S1 | 1u << IOASID_PGTABLE_SMMUV3_S1 | 1u << IOASID_PGTABLE_AMD_V2)
#define IOTLB_ENTRIES     1024u
#define IOTLB_ENTRIES_MAX (1u << 20)

static uint64_t lowest_bit(uint64_t bits)
{
	return bits & -bits;
}

static void fill_defaults(struct ioasid_mock_iommu_opts *opts)
{
	if (!opts->page_sizes)
		opts->page_sizes = MOCK_PAGE_SIZES;
	if (!opts->aperture.first && !opts->aperture.last)
		opts->aperture.last = APERTURE_LAST;
	if (!opts->iotlb_entries)
		opts->iotlb_entries = IOTLB_ENTRIES;
	if (!opts->pgtable_formats && opts->flags & IOASID_MOCK_IOMMU_NESTING)
		opts->pgtable_formats = 1u << IOASID_PGTABLE_VTD_S1;
	if (!opts->addr_width)
		opts->addr_width = ADDR_WIDTH;
}

static int check_reserved(const struct ioasid_mock_iommu_opts *opts, const char *call)
{
	const struct ioasid_range *range = opts->reserved;

	if (opts->reserved_count > MOCK_RESERVED_MAX)
		return error_set(-EINVAL, "%s: %u reserved windows: at most %u", call,
			opts->reserved_count, MOCK_RESERVED_MAX);
	if (opts->reserved_count && !range)
		return error_set(-EINVAL, "%s: reserved is NULL, but reserved_count is %u", call,
			opts->reserved_count);
	for (uint32_t i = 0; i < opts->reserved_count; i++)
		if (range[i].first > range[i].last || (i && range[i].first <= range[i - 1].last))
			return error_set(-EINVAL,
				"%s: reserved window %u, 0x%llx-0x%llx: windows ascend and lie apart",
				call, i, (unsigned long long)range[i].first,
				(unsigned long long)range[i].last);
	return 0;
}

static int check_tables(const struct ioasid_mock_iommu_opts *opts, const char *call)
{
	if (opts->pgtable_formats & ~FORMATS)
		return error_set(-EINVAL, "%s: pgtable_formats 0x%x: unknown are 0x%x", call,
			opts->pgtable_formats, opts->pgtable_formats & ~FORMATS);
	if (opts->pgtable_formats && !(opts->flags & IOASID_MOCK_IOMMU_NESTING))
		return error_set(-EINVAL,
			"%s: pgtable_formats 0x%x: only an IOMMU with IOASID_MOCK_IOMMU_NESTING takes "
			"tables of guests",
			call, opts->pgtable_formats);
	if (opts->addr_width != ADDR_WIDTH && opts->addr_width != ADDR_WIDTH_MAX)
		return error_set(-EINVAL, "%s: addr_width %u: %u or %u", call, opts->addr_width,
			ADDR_WIDTH, ADDR_WIDTH_MAX);
	return 0;
}

static int check_opts(const struct ioasid_mock_iommu_opts *opts, const char *call)
{
	uint64_t least = lowest_bit(opts->page_sizes);
	uint32_t entries = opts->iotlb_entries;
	int err;

	if (opts->flags & ~(IOASID_MOCK_IOMMU_NESTING | IOASID_MOCK_IOMMU_DIRTY))
		return error_set(-EINVAL, "%s: unknown flags 0x%x", call, opts->flags);
	if (least < LEAST_PAGE_MIN || least > LEAST_PAGE_MAX)
		return error_set(-EINVAL,
			"%s: page_sizes 0x%llx: the least must be 4 KiB to 64 KiB", call,
			(unsigned long long)opts->page_sizes);
	if (opts->aperture.first > opts->aperture.last)
		return error_set(-EINVAL, "%s: aperture 0x%llx-0x%llx ends before it starts", call,
			(unsigned long long)opts->aperture.first,
			(unsigned long long)opts->aperture.last);
	if (entries > IOTLB_ENTRIES_MAX || (entries & (entries - 1)))
		return error_set(-EINVAL,
			"%s: iotlb_entries %u: a power of two, at most %u, is wanted", call,
			entries, IOTLB_ENTRIES_MAX);
	err = check_tables(opts, call);
	return err ? err : check_reserved(opts, call);
}

static int add(struct ioasid_mock *mock, const struct ioasid_mock_iommu_opts *opts,
	struct mock_iommu **iommu)
{
	struct mock_iommu *new = calloc(1, sizeof(*new));
	uint32_t number;

	if (!new)
		return -ENOMEM;
	new->flags = opts->flags;
	new->formats = opts->pgtable_formats;
	new->addr_width = opts->addr_width;
	new->page_sizes = opts->page_sizes;
	new->page = lowest_bit(opts->page_sizes);
	new->shift = (unsigned int)__builtin_ctzll(new->page);
	new->aperture = opts->aperture;
	new->reserved_count = opts->reserved_count;
	for (uint32_t i = 0; i < opts->reserved_count; i++)
		new->reserved[i] = opts->reserved[i];
	if (iotlb_init(&new->tlb, opts->iotlb_entries)) {
		free(new);
		return -ENOMEM;
	}
	if (table_put(&mock->iommus, new, &number)) {
		iommu_free(new);
		return -ENOMEM;
	}
	new->index = number - 1;
	*iommu = new;
	return 0;
}

int iommu_add_default(struct ioasid_mock *mock, struct mock_iommu **iommu)
{
	struct ioasid_mock_iommu_opts opts = {0};

	fill_defaults(&opts);
	return add(mock, &opts, iommu);
}

void iommu_free(struct mock_iommu *iommu)
{
	iotlb_fini(&iommu->tlb);
	free(iommu);
}

int ioasid_mock_iommu_new(
	struct ioasid_mock *mock, const struct ioasid_mock_iommu_opts *given, uint32_t *index)
{
	struct ioasid_mock_iommu_opts opts;
	struct mock_iommu *iommu;
	int err;

	if (!mock)
		return error_set(-EINVAL, "ioasid_mock_iommu_new: mock is NULL");
	err = opts_copy(&opts, sizeof(opts), given, "ioasid_mock_iommu_new");
	if (err)
		return err;
	fill_defaults(&opts);
	err = check_opts(&opts, "ioasid_mock_iommu_new");
	if (err)
		return err;
	pthread_rwlock_wrlock(&mock->world);
	err = add(mock, &opts, &iommu);
	if (!err && index)
		*index = iommu->index;
	pthread_rwlock_unlock(&mock->world);
	return err ? error_set(err, "ioasid_mock_iommu_new: no memory for an IOMMU") : 0;
}

bool iommu_usable(const struct mock_iommu *iommu, uint64_t from, struct ioasid_range *range)
{
	*range = iommu->aperture;
	if (range->first < from)
		range->first = from;
	for (uint32_t i = 0; i < iommu->reserved_count; i++) {
		const struct ioasid_range *hole = &iommu->reserved[i];

		if (hole->last < range->first)
			continue;
		if (hole->first > range->first) {
			if (hole->first <= range->last)
				range->last = hole->first - 1;
			break;
		}
		if (hole->last == UINT64_MAX)
			return false;
		range->first = hole->last + 1;
	}
	return range->first <= range->last;
}

bool iommu_covers(const struct mock_iommu *iommu, uint64_t first, uint64_t last)
{
	struct ioasid_range range;

	return iommu_usable(iommu, first, &range) && range.first == first && range.last >= last;
}
