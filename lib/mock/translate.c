/* SPDX-License-Identifier: MIT */
/*
 * What an address of a device leads to: see translate.h. Caches, and what is walked where they have
 * nothing. It must not know what moves there, nor who is asked where nothing is.
 */
#include "translate.h"
#include "bound.h"
#include "nested.h"

static const struct mock_iommu *iommu_of(const struct mock_access *access)
{
	return access->device->group->iommu;
}

uint64_t mock_translate_page(const struct mock_access *access)
{
	return UINT64_C(1) << mock_space_shift(access->space, iommu_of(access));
}

/* By maps alone. */
static uint32_t walk_maps(
	const struct mock_access *access, uint64_t base, struct mock_answer *answer)
{
	const struct mock_iommu *iommu = iommu_of(access);
	struct mock_page *page = &answer->page;

	if (!iommu_covers(iommu, base, base + (iommu->page - 1)))
		return IOASID_MOCK_FAULT_ADDRESS;
	if (!mock_space_walk(access->space, base, page))
		return IOASID_MOCK_FAULT_TRANSLATION;
	page->shift = iommu->shift;
	answer->allowed = page->perms;
	return mock_access_needs(access->flags) & ~page->perms ? IOASID_MOCK_FAULT_PERMISSION
							       : IOASID_MOCK_FAULT_NONE;
}

/* fresh: no cache is asked, and nothing is noted. */
static void walk_anew(
	const struct mock_access *access, uint64_t base, bool fresh, struct mock_answer *answer)
{
	if (access->space->bound)
		mock_nested_walk(access, base, fresh, answer);
	else
		answer->fault = walk_maps(access, base, answer);
}

void mock_translate_anew(
	const struct mock_access *access, uint64_t base, struct mock_answer *answer)
{
	walk_anew(access, base, true, answer);
}

/* Caches */

/* What is looked for. */
struct wanted {
	const struct mock_access *access;
	struct iotlb_tag tag;
	uint64_t base;
	uint64_t key; /* what it is cached under */
};

static struct wanted want(const struct mock_access *access, uint64_t base)
{
	const struct mock_bound *bound = access->space->bound;
	uint32_t mode = access->flags & (IOASID_FAULT_EXEC | IOASID_FAULT_PRIV);

	return (struct wanted){
		.access = access,
		.tag = {.space = access->space,
			.pasid = bound && bound->pasids ? access->pasid : IOASID_PASID_NONE,
			.mode = (uint16_t)(bound ? mode : 0),
			.shift = (uint16_t)mock_space_shift(access->space, iommu_of(access))},
		.base = base,
		.key = bound ? mock_bound_key(bound, base) : base,
	};
}

static bool is_stale(const struct mock_page *cached, const struct mock_answer *now)
{
	return now->fault || cached->host != now->page.host || cached->perms & ~now->page.perms;
}

static void check(const struct wanted *wanted, const struct mock_page *cached, uint32_t cache)
{
	const struct mock_access *access = wanted->access;
	const struct ioasid_mock_stale use = {
		.cache = cache,
		.pasid = access->pasid,
		.label = access->device->label,
		.addr = wanted->base,
		.space = access->space->id,
	};
	struct mock_answer now;

	mock_translate_anew(access, wanted->base, &now);
	if (is_stale(cached, &now))
		mock_stale_note(&access->device->mock->stale, &use);
}

/* cache: IOASID_MOCK_STALE_*, which one it is */
static bool find_cached(
	const struct wanted *wanted, struct iotlb *tlb, struct mock_page *page, uint32_t cache)
{
	const struct mock_access *access = wanted->access;

	if (!iotlb_find(tlb, &wanted->tag, wanted->key, mock_access_needs(access->flags), page))
		return false;
	/* the same but for the top byte, which does matter to its table */
	if (wanted->key != wanted->base && !page->tagged)
		return false;
	if (access->device->mock->opts.flags & IOASID_MOCK_CHECK_STALE)
		check(wanted, page, cache);
	return true;
}

/* A parent's address, in a bypass, has no top byte to be stripped of: it is in no cache then. */
static void keep(const struct wanted *wanted, struct iotlb *tlb, const struct mock_page *page)
{
	if (wanted->key == wanted->base || page->tagged)
		iotlb_fill(tlb, &wanted->tag, wanted->key, page);
}

/* The IOMMU's part: its own cache, or a walk. */
static void ask_iommu(const struct wanted *wanted, struct mock_answer *answer)
{
	struct iotlb *tlb = &wanted->access->device->group->iommu->tlb;

	if (find_cached(wanted, tlb, &answer->page, IOASID_MOCK_STALE_IOTLB))
		return;
	walk_anew(wanted->access, wanted->base, false, answer);
	if (!answer->fault)
		keep(wanted, tlb, &answer->page);
}

void mock_translate(const struct mock_access *access, uint64_t base, struct mock_answer *answer)
{
	struct iotlb *tlb = &access->device->tlb;
	const struct wanted wanted = want(access, base);

	answer->fault = IOASID_MOCK_FAULT_NONE;
	if (!tlb->entries) {
		ask_iommu(&wanted, answer);
		return;
	}
	if (find_cached(&wanted, tlb, &answer->page, IOASID_MOCK_STALE_DEVICE_TLB))
		return;
	ask_iommu(&wanted, answer);
	if (!answer->fault)
		keep(&wanted, tlb, &answer->page);
}
