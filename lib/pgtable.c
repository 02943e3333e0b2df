/* SPDX-License-Identifier: MIT */
/*
 * Tables that a guest owns, of pages or of PASIDs: what can be one, and which space may have it
 * bound. The bits of a format are the leaf's. A space with a table has no maps and no children;
 * what devices write through it shows in the parent. Who may be attached to one of PASIDs is
 * pasid.c's.
 */
#include "core.h"

#define PAGE UINT64_C(4096)
#define VTD_FLAGS                                                                                  \
	(IOASID_PGTABLE_SUPERVISOR | IOASID_PGTABLE_EXT_ACCESSED | IOASID_PGTABLE_WRITE_PROTECT)
#define SMMUV3_FLAGS (IOASID_PGTABLE_HW_ACCESSED | IOASID_PGTABLE_HW_DIRTY)

/* by format: flags of a page table, and words of a PASID table */
static const uint32_t flags_of[] = {
	[IOASID_PGTABLE_VTD_S1] = VTD_FLAGS,
	[IOASID_PGTABLE_SMMUV3_S1] = SMMUV3_FLAGS,
	[IOASID_PGTABLE_AMD_V2] = 0,
};
static const unsigned int words_of[] = {
	[IOASID_PGTABLE_SMMUV3_S1] = 2,
	[IOASID_PGTABLE_AMD_V2] = 4,
};

static int check_words(const struct ioasid_pgtable *table, unsigned int used, const char *call)
{
	for (unsigned int i = used; i < sizeof(table->words) / sizeof(table->words[0]); i++)
		if (table->words[i])
			return error_set(-EINVAL,
				"%s: words[%u] is 0x%llx: of format %u here are %u words, the rest must be 0",
				call, i, (unsigned long long)table->words[i], table->format, used);
	return 0;
}

static int check_flags(const struct ioasid_pgtable *table, const char *call)
{
	uint32_t unknown = table->flags & ~flags_of[table->format];

	if (unknown)
		return error_set(-EINVAL, "%s: flags 0x%x, unknown for format %u", call, unknown,
			table->format);
	if ((table->flags & SMMUV3_FLAGS) == IOASID_PGTABLE_HW_DIRTY)
		return error_set(-EINVAL,
			"%s: IOASID_PGTABLE_HW_DIRTY goes with IOASID_PGTABLE_HW_ACCESSED only",
			call);
	return 0;
}

static int check_pgtable(const struct ioasid_pgtable *table, const char *call)
{
	int err = check_flags(table, call);

	if (err)
		return err;
	/* an SMMUv3's first table may be smaller than a page, and is aligned to its own size */
	if (table->format != IOASID_PGTABLE_SMMUV3_S1 && table->addr % PAGE)
		return error_set(-EINVAL, "%s: the root 0x%llx is not a multiple of 4096", call,
			(unsigned long long)table->addr);
	if (table->addr_width > 64)
		return error_set(-EINVAL,
			"%s: addr_width %u: addresses that a page table translates have at most 64 bits",
			call, table->addr_width);
	return check_words(table, 0, call);
}

/* The guest's entry for the device says all. */
static int check_pasid_table(const struct ioasid_pgtable *table, const char *call)
{
	if (table->format == IOASID_PGTABLE_VTD_S1)
		return error_set(-EOPNOTSUPP,
			"%s: a VT-d PASID table is the host's: bind the page table of each PASID to a "
			"space of its own, and attach with the PASID",
			call);
	if (table->addr || table->addr_width || table->flags)
		return error_set(-EINVAL,
			"%s: addr 0x%llx, addr_width %u, flags 0x%x: of a PASID table they are 0, its words "
			"say all",
			call, (unsigned long long)table->addr, table->addr_width, table->flags);
	return check_words(table, words_of[table->format], call);
}

static int copy_table(
	struct ioasid_pgtable *table, const struct ioasid_pgtable *given, const char *call)
{
	int err = given ? opts_copy(table, sizeof(*table), given, call)
			: null_argument(call, "table");

	if (err)
		return err;
	table->size = sizeof(*table);
	if (table->format < IOASID_PGTABLE_VTD_S1 || table->format > IOASID_PGTABLE_AMD_V2)
		return error_set(
			-EINVAL, "%s: no such format of page tables: %u", call, table->format);
	return 0;
}

static int check_table(struct ioasid_pgtable *table, const struct ioasid_pgtable *given,
	bool pasids, const char *call)
{
	int err = copy_table(table, given, call);

	if (err)
		return err;
	return pasids ? check_pasid_table(table, call) : check_pgtable(table, call);
}

static int check_parent(const struct ioasid_space *space, const char *call)
{
	if (!space->parent)
		return error_set(-EINVAL,
			"%s: space %u has no parent: a guest's table lies over one, see "
			"ioasid_space_new_nested",
			call, space->id);
	if (!(space->parent->flags & IOASID_SPACE_NEST_PARENT))
		return error_set(-EINVAL,
			"%s: space %u, the parent of %u, was not made with IOASID_SPACE_NEST_PARENT",
			call, space->parent->id, space->id);
	return 0;
}

static const char *kind(bool pasids)
{
	return pasids ? "PASID table" : "page table";
}

int pgtable_refuse(const struct ioasid_space *space, const char *call)
{
	if (!space->table.size)
		return 0;
	if (space->pasids)
		return error_set(-EBUSY,
			"%s: space %u has a PASID table bound, over space %u: unbind it first",
			call, space->id, space->parent->id);
	return error_set(-EBUSY,
		"%s: space %u has a page table bound, at 0x%llx of space %u: unbind it first", call,
		space->id, (unsigned long long)space->table.addr, space->parent->id);
}

static int refuse_children(const struct ioasid_space *space, const char *call)
{
	if (list_empty(&space->children))
		return 0;
	return error_set(-EBUSY, "%s: space %u has the child %u, which could not see its table",
		call, space->id,
		list_entry(space->children.next, struct ioasid_space, sibling)->id);
}

/* The tree is held exclusively: no map is under way. */
static int refuse_maps(const struct ioasid_space *space, const char *call)
{
	const struct maptree_entry *map = maptree_first(&space->maps, 0);

	if (!map)
		return 0;
	return error_set(-EBUSY,
		"%s: space %u has maps, the first is 0x%llx-0x%llx: unmap them first", call,
		space->id, (unsigned long long)map->start, (unsigned long long)map->last);
}

static int refuse_dirty(const struct ioasid_space *space, const char *call)
{
	if (!space->dirty)
		return 0;
	return error_set(-EBUSY,
		"%s: space %u notes dirty pages, and with a table its parent %u would: stop that first",
		call, space->id, space->parent->id);
}

static int check_bind(const struct ioasid_space *space, bool pasids, const char *call)
{
	int err = check_parent(space, call);

	if (!err)
		err = pgtable_refuse(space, call);
	if (!err)
		err = refuse_children(space, call);
	if (!err)
		err = refuse_maps(space, call);
	if (!err)
		err = refuse_dirty(space, call);
	return err || !pasids ? err : pasid_check_bind(space, call);
}

/* The space as bind and unbind want it: no fault is answered, nothing is mapped. */
static void stop(struct ioasid_space *space)
{
	route_stop(space);
	tree_lock(space);
}

/* Its devices have moved to other tables, with other windows. */
static void go_on(struct ioasid_space *space)
{
	range_forget(space);
	tree_leave(space);
	route_go_on(space);
}

static int explain(int err, const struct ioasid_space *space, const struct ioasid_pgtable *table,
	bool pasids, const char *call)
{
	if (pasids)
		return error_from(err, "%s: the PASID table of space %u", call, space->id);
	return error_from(err, "%s: the table at 0x%llx of space %u", call,
		(unsigned long long)table->addr, space->id);
}

static int bind(struct ioasid_space *space, const struct ioasid_pgtable *table, bool pasids,
	const char *call)
{
	struct backend *be = space->ctx->be;
	int err = check_bind(space, pasids, call);

	if (err)
		return err;
	err = (pasids ? be->ops->pasid_table_bind : be->ops->pgtable_bind)(
		be, space->id, space->parent->id, table);
	if (err)
		return explain(err, space, table, pasids, call);
	space->table = *table;
	space->pasids = pasids;
	return 0;
}

int pgtable_bind(struct ioasid_space *space, const struct ioasid_pgtable *given, bool pasids,
	const char *call)
{
	struct ioasid_pgtable table;
	int err = space ? check_table(&table, given, pasids, call) : null_argument(call, "space");

	if (!err)
		err = space_enter(space, call);
	if (err)
		return err;
	if (pasids) /* from here on */
		space->ctx->pasid_tables++;
	stop(space);
	err = bind(space, &table, pasids, call);
	go_on(space);
	if (pasids && err)
		space->ctx->pasid_tables--;
	ctx_leave(space->ctx);
	return err;
}

int ioasid_space_bind_pgtable(struct ioasid_space *space, const struct ioasid_pgtable *table)
{
	return pgtable_bind(space, table, false, __func__);
}

static int refuse_unbound(const struct ioasid_space *space, bool pasids, const char *call)
{
	if (space->table.size && space->pasids == pasids)
		return 0;
	return error_set(-ENOENT, "%s: no %s is bound to space %u%s%s", call, kind(pasids),
		space->id, space->table.size ? ", but a " : "",
		space->table.size ? kind(space->pasids) : "");
}

static int unbind(struct ioasid_space *space, bool pasids, const char *call)
{
	struct backend *be = space->ctx->be;
	int err = refuse_unbound(space, pasids, call);

	if (err)
		return err;
	err = be->ops->pgtable_unbind(be, space->id);
	if (err)
		return explain(err, space, &space->table, pasids, call);
	space->table = (struct ioasid_pgtable){.size = 0};
	space->pasids = false;
	return 0;
}

int pgtable_unbind(struct ioasid_space *space, bool pasids, const char *call)
{
	int err = space ? space_enter(space, call) : null_argument(call, "space");

	if (err)
		return err;
	stop(space);
	err = unbind(space, pasids, call);
	go_on(space);
	if (pasids && !err)
		space->ctx->pasid_tables--;
	ctx_leave(space->ctx);
	return err;
}

int ioasid_space_unbind_pgtable(struct ioasid_space *space)
{
	return pgtable_unbind(space, false, __func__);
}
