/* SPDX-License-Identifier: MIT */
/*
 * What an address of a device leads to: see translate.h. By a guest's table it leads to an address
 * of the parent space, which is translated by that one's maps, and so is each address of the table
 * itself. It must not know what moves there, nor who is asked where nothing is.
 */
#include "translate.h"
#include "bound.h"

/* More than a walk changes at a time. */
#define CHANGED_MOST 8u
#define TABLE_PAGE   (UINT64_C(1) << MOCK_TABLE_SHIFT)

static const struct mock_iommu *iommu_of(const struct mock_access *access)
{
	return access->device->group->iommu;
}

uint64_t mock_translate_page(const struct mock_access *access)
{
	return UINT64_C(1) << mock_space_shift(access->space, iommu_of(access));
}

/* IOASID_MAP_*, for IOASID_FAULT_* */
static uint32_t needs(uint32_t access)
{
	return (access & IOASID_FAULT_READ ? IOASID_MAP_READ : 0) |
	       (access & IOASID_FAULT_WRITE ? IOASID_MAP_WRITE : 0);
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
	return needs(access->flags) & ~page->perms ? IOASID_MOCK_FAULT_PERMISSION
						   : IOASID_MOCK_FAULT_NONE;
}

/* The parent space, as a walk sees it. */
struct view {
	struct walk_memory memory;
	const struct mock_space *parent;
	struct mock_page page; /* that the walk leads to */
	unsigned int changes;
	struct mock_page changed[CHANGED_MOST]; /* words of tables, the last ones */
};

/* Only when the word has been changed: who reads the notes could be too early else. */
static void note_change(const struct mock_page *word)
{
	mock_dirty_mark(word->noted, word->at, sizeof(uint64_t));
}

static void keep_change(struct view *view, const struct mock_page *word)
{
	struct mock_page *place = &view->changed[view->changes % CHANGED_MOST];

	/* of a try before this one, in which the guest was quicker */
	if (view->changes++ >= CHANGED_MOST)
		note_change(place);
	*place = *word;
}

static void note_changes(const struct view *view)
{
	for (unsigned int i = 0; i < view->changes && i < CHANGED_MOST; i++)
		note_change(&view->changed[i]);
}

static bool find(const struct view *view, uint64_t addr, uint32_t perms, struct mock_page *page)
{
	return mock_space_walk(view->parent, addr, page) && !(perms & ~page->perms);
}

static uint64_t *find_word(struct walk_memory *memory, uint64_t addr, bool change)
{
	struct view *view = (struct view *)memory;
	struct mock_page page;

	if (!find(view, addr, change ? IOASID_MAP_RW : IOASID_MAP_READ, &page))
		return NULL;
	if (change)
		keep_change(view, &page);
	return (uint64_t *)(void *)page.host;
}

static bool find_page(struct walk_memory *memory, uint64_t addr, uint32_t access)
{
	struct view *view = (struct view *)memory;

	return find(view, addr & ~(TABLE_PAGE - 1), needs(access), &view->page);
}

static void walk_table(const struct mock_access *access, const struct walk_context *table,
	const struct walk_ask *ask, struct mock_answer *answer)
{
	struct walk_answer found;
	struct view view;

	view.memory = (struct walk_memory){.word = find_word, .reach = find_page};
	view.parent = access->space->parent;
	view.changes = 0;
	walk(&view.memory, table, ask, &found);
	note_changes(&view);
	answer->fault = found.fault;
	answer->parent_addr = found.addr;
	answer->page = view.page;
	answer->allowed = view.page.perms & found.allowed;
	answer->page.perms &= found.perms;
	answer->page.shift = found.shift;
}

static void walk_anew(
	const struct mock_access *access, uint64_t base, bool quiet, struct mock_answer *answer)
{
	const struct walk_ask ask = {base, access->flags, quiet};

	if (access->space->bound)
		walk_table(access, &access->space->bound->table, &ask, answer);
	else
		answer->fault = walk_maps(access, base, answer);
}

void mock_translate_anew(
	const struct mock_access *access, uint64_t base, struct mock_answer *answer)
{
	walk_anew(access, base, true, answer);
}

/* Caches */

static struct iotlb_tag tag_of(const struct mock_access *access)
{
	uint32_t mode = access->flags & (IOASID_FAULT_EXEC | IOASID_FAULT_PRIV);

	return (struct iotlb_tag){
		.space = access->space,
		.pasid = IOASID_PASID_NONE,
		.mode = (uint16_t)(access->space->bound ? mode : 0),
		.shift = (uint16_t)mock_space_shift(access->space, iommu_of(access)),
	};
}

static bool is_stale(const struct mock_page *cached, const struct mock_answer *now)
{
	return now->fault || cached->host != now->page.host || cached->perms & ~now->page.perms;
}

static void check(const struct mock_access *access, uint64_t base, const struct mock_page *cached,
	uint32_t cache)
{
	const struct ioasid_mock_stale use = {
		.cache = cache,
		.pasid = access->pasid,
		.label = access->device->label,
		.addr = base,
		.space = access->space->id,
	};
	struct mock_answer now;

	mock_translate_anew(access, base, &now);
	if (is_stale(cached, &now))
		mock_stale_note(&access->device->mock->stale, &use);
}

static bool find_cached(const struct mock_access *access, struct iotlb *tlb,
	const struct iotlb_tag *tag, uint64_t base, struct mock_page *page)
{
	uint32_t cache = tlb == &access->device->tlb ? IOASID_MOCK_STALE_DEVICE_TLB
						     : IOASID_MOCK_STALE_IOTLB;

	if (!iotlb_find(tlb, tag, base, needs(access->flags), page))
		return false;
	if (access->device->mock->opts.flags & IOASID_MOCK_CHECK_STALE)
		check(access, base, page, cache);
	return true;
}

/* The IOMMU's part: its own cache, or a walk. */
static void ask_iommu(const struct mock_access *access, const struct iotlb_tag *tag, uint64_t base,
	struct mock_answer *answer)
{
	struct iotlb *tlb = &access->device->group->iommu->tlb;

	if (find_cached(access, tlb, tag, base, &answer->page))
		return;
	walk_anew(access, base, false, answer);
	if (!answer->fault)
		iotlb_fill(tlb, tag, base, &answer->page);
}

void mock_translate(const struct mock_access *access, uint64_t base, struct mock_answer *answer)
{
	struct iotlb *tlb = &access->device->tlb;
	const struct iotlb_tag tag = tag_of(access);

	answer->fault = IOASID_MOCK_FAULT_NONE;
	if (!tlb->entries) {
		ask_iommu(access, &tag, base, answer);
		return;
	}
	if (find_cached(access, tlb, &tag, base, &answer->page))
		return;
	ask_iommu(access, &tag, base, answer);
	if (!answer->fault)
		iotlb_fill(tlb, &tag, base, &answer->page);
}
