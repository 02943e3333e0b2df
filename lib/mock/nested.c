/* SPDX-License-Identifier: MIT */
/*
 * Translation by a guest's tables: see nested.h. Each address in them, and the one that they lead
 * to, is one of the parent space. It must not know the caches of translations.
 */
#include "nested.h"
#include "bound.h"

/* More than a walk changes at a time. */
#define CHANGED_MOST 8u
#define TABLE_PAGE   (UINT64_C(1) << MOCK_TABLE_SHIFT)

/* The parent space, as a walk sees it. */
struct view {
	struct walk_memory memory;
	const struct mock_space *parent;
	const struct maptree_entry *near; /* the parent's map of the last address */
	struct mock_page page;            /* that the walk leads to */
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

static bool find(struct view *view, uint64_t addr, uint32_t perms, struct mock_page *page)
{
	return mock_space_walk_near(view->parent, addr, page, &view->near) &&
	       !(perms & ~page->perms);
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

	return find(view, addr & ~(TABLE_PAGE - 1), mock_access_needs(access), &view->page);
}

static void open_view(struct view *view, const struct mock_access *access)
{
	view->memory = (struct walk_memory){.word = find_word, .reach = find_page};
	view->parent = access->space->parent;
	view->near = NULL;
	view->changes = 0;
}

/* By a page table. */
static void walk_table(const struct mock_access *access, const struct walk_context *table,
	const struct walk_ask *ask, struct mock_answer *answer)
{
	bool high = ask->addr >> 55 & 1;
	struct walk_answer found;
	struct view view;

	open_view(&view, access);
	walk(&view.memory, table, ask, &found);
	note_changes(&view);
	answer->fault = found.fault;
	answer->parent_addr = found.addr;
	answer->page = view.page;
	answer->allowed = view.page.perms & found.allowed;
	answer->page.perms &= found.perms;
	answer->page.shift = found.shift;
	answer->page.tagged = table->half[high].flags & WALK_HALF_TAGGED;
}

/* The address is the parent's already. */
static void walk_parent(const struct mock_access *access, uint64_t base, struct mock_answer *answer)
{
	struct view view;

	open_view(&view, access);
	answer->fault = find_page(&view.memory, base, access->flags) ? IOASID_MOCK_FAULT_NONE
								     : IOASID_MOCK_FAULT_PARENT;
	answer->parent_addr = base;
	answer->page = view.page;
	answer->allowed = view.page.perms;
	answer->page.shift = MOCK_TABLE_SHIFT;
}

/* PASID tables */

static uint32_t read_entry(const struct mock_access *access, struct walk_entry *entry)
{
	struct view view;

	open_view(&view, access);
	return walk_pasid(&view.memory, &access->space->bound->pasids->table, access->pasid, entry);
}

static bool is_same_half(const struct walk_half *a, const struct walk_half *b)
{
	return a->root == b->root && a->width == b->width && a->flags == b->flags;
}

static bool is_same(const struct walk_entry *a, const struct walk_entry *b)
{
	return a->bypass == b->bypass && a->context.flags == b->context.flags &&
	       a->context.out_bits == b->context.out_bits &&
	       is_same_half(&a->context.half[0], &b->context.half[0]) &&
	       is_same_half(&a->context.half[1], &b->context.half[1]);
}

static void check(const struct mock_access *access, uint64_t base, const struct walk_entry *cached)
{
	const struct ioasid_mock_stale use = {
		.cache = IOASID_MOCK_STALE_PASID_CACHE,
		.pasid = access->pasid,
		.label = access->device->label,
		.addr = base,
		.space = access->space->id,
	};
	struct walk_entry now;

	if (read_entry(access, &now) || !is_same(cached, &now))
		mock_stale_note(&access->device->mock->stale, &use);
}

static uint32_t find_entry(
	const struct mock_access *access, uint64_t base, bool fresh, struct walk_entry *entry)
{
	struct mock_pasids *pasids = access->space->bound->pasids;
	uint32_t fault;

	if (fresh)
		return read_entry(access, entry);
	if (mock_pasids_find(pasids, access->pasid, entry)) {
		if (access->device->mock->opts.flags & IOASID_MOCK_CHECK_STALE)
			check(access, base, entry);
		return IOASID_MOCK_FAULT_NONE;
	}
	__atomic_fetch_add(&access->device->mock->pasid_reads, 1, __ATOMIC_RELAXED);
	fault = read_entry(access, entry);
	if (!fault)
		mock_pasids_fill(pasids, access->pasid, entry);
	return fault;
}

static void walk_by_pasid(
	const struct mock_access *access, const struct walk_ask *ask, struct mock_answer *answer)
{
	struct walk_entry entry;

	answer->fault = find_entry(access, ask->addr, ask->quiet, &entry);
	answer->parent_addr = entry.missing;
	if (answer->fault)
		return;
	if (entry.bypass)
		walk_parent(access, ask->addr, answer);
	else
		walk_table(access, &entry.context, ask, answer);
}

void mock_nested_walk(
	const struct mock_access *access, uint64_t base, bool fresh, struct mock_answer *answer)
{
	const struct mock_bound *bound = access->space->bound;
	const struct walk_ask ask = {base, access->flags, fresh};

	if (bound->pasids)
		walk_by_pasid(access, &ask, answer);
	else
		walk_table(access, &bound->table, &ask, answer);
}
