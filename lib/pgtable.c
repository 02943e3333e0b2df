/* SPDX-License-Identifier: MIT */
/*
 * Page tables that a guest owns: which space may have one bound, and what of an invalidation is
 * sound. The bits of a format are the leaf's. A space with a table has no maps and no children;
 * what devices write through it shows in the parent.
 */
#include "core.h"

#define PAGE      UINT64_C(4096)
#define LIST_MOST (1u << 20)
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
	if (table->addr % PAGE)
		return error_set(-EINVAL, "%s: the root 0x%llx is not a multiple of 4096", call,
			(unsigned long long)table->addr);
	if (table->addr_width > 64)
		return error_set(-EINVAL, "%s: addresses of %u bits", call, table->addr_width);
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

int pgtable_enter(struct ioasid_space *space, const struct ioasid_pgtable *given, bool pasids,
	struct ioasid_pgtable *table, const char *call)
{
	int err = space ? copy_table(table, given, call) : null_argument(call, "space");

	if (!err)
		err = pasids ? check_pasid_table(table, call) : check_pgtable(table, call);
	return err ? err : space_enter(space, call);
}

int pgtable_check_parent(const struct ioasid_space *space, const char *call)
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

int pgtable_refuse(const struct ioasid_space *space, const char *call)
{
	if (!space->table.size)
		return 0;
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

static int check_bind(const struct ioasid_space *space, const char *call)
{
	int err = pgtable_check_parent(space, call);

	if (!err)
		err = pgtable_refuse(space, call);
	if (!err)
		err = refuse_children(space, call);
	if (!err)
		err = refuse_maps(space, call);
	return err ? err : refuse_dirty(space, call);
}

/* The space as bind and unbind want it: no fault is answered, nothing is mapped. */
static void stop(struct ioasid_space *space)
{
	faultq_stop(space->faults);
	tree_lock(space);
}

/* Its devices have moved to other tables, with other windows. */
static void go_on(struct ioasid_space *space)
{
	range_forget(space);
	tree_leave(space);
	faultq_go_on(space->faults);
}

static int bind(struct ioasid_space *space, const struct ioasid_pgtable *table, const char *call)
{
	struct backend *be = space->ctx->be;
	int err = check_bind(space, call);

	if (err)
		return err;
	err = be->ops->pgtable_bind(be, space->id, space->parent->id, table);
	if (err)
		return error_from(err, "%s: the table at 0x%llx to space %u", call,
			(unsigned long long)table->addr, space->id);
	space->table = *table;
	return 0;
}

int ioasid_space_bind_pgtable(struct ioasid_space *space, const struct ioasid_pgtable *given)
{
	struct ioasid_pgtable table;
	int err = pgtable_enter(space, given, false, &table, __func__);

	if (err)
		return err;
	stop(space);
	err = bind(space, &table, __func__);
	go_on(space);
	ctx_leave(space->ctx);
	return err;
}

static int refuse_unbound(const struct ioasid_space *space, const char *call)
{
	if (space->table.size)
		return 0;
	return error_set(-ENOENT, "%s: no page table is bound to space %u", call, space->id);
}

static int unbind(struct ioasid_space *space, const char *call)
{
	struct backend *be = space->ctx->be;
	int err = refuse_unbound(space, call);

	if (err)
		return err;
	err = be->ops->pgtable_unbind(be, space->id);
	if (err)
		return error_from(err, "%s: the table at 0x%llx of space %u", call,
			(unsigned long long)space->table.addr, space->id);
	space->table = (struct ioasid_pgtable){.size = 0};
	return 0;
}

int ioasid_space_unbind_pgtable(struct ioasid_space *space)
{
	int err = space ? space_enter(space, __func__) : null_argument(__func__, "space");

	if (err)
		return err;
	stop(space);
	err = unbind(space, __func__);
	go_on(space);
	ctx_leave(space->ctx);
	return err;
}

/* What is wrong with an invalidation; NULL: nothing. */
static const char *fault_of(const struct ioasid_invalidation *one)
{
	if (one->what > IOASID_INVALIDATE_RANGE)
		return "what is unknown";
	if (one->flags & ~IOASID_INVALIDATE_LEAF || one->reserved)
		return "unknown flags, or reserved is not 0";
	if (one->pasid || one->device)
		return "no PASID table is bound, and pasid or device is not 0";
	if (one->what == IOASID_INVALIDATE_SPACE)
		return one->addr || one->length ? "of a space, address and length are 0" : NULL;
	if (!one->length || one->addr % PAGE || one->length % PAGE)
		return "a range is whole pages of 4096 bytes, at least one";
	return one->addr + (one->length - 1) < one->addr ? "the range wraps" : NULL;
}

static unsigned int count_sound(const struct ioasid_invalidation *list, unsigned int n)
{
	unsigned int sound = 0;

	while (sound < n && !fault_of(&list[sound]))
		sound++;
	return sound;
}

static int refuse_unsound(const struct ioasid_invalidation *list, unsigned int at, const char *call)
{
	const struct ioasid_invalidation *one = &list[at];

	return error_set(-EINVAL, "%s: list[%u], what %u, flags 0x%x, 0x%llx bytes from 0x%llx: %s",
		call, at, one->what, one->flags, (unsigned long long)one->length,
		(unsigned long long)one->addr, fault_of(one));
}

/* Sets the text for the first that was not handled. */
static int invalidate_sound(struct ioasid_space *space, const char *call,
	const struct ioasid_invalidation *list, unsigned int n)
{
	struct backend *be = space->ctx->be;
	int got = n ? be->ops->invalidate(be, space->id, list, n) : 0;

	if (got < 0)
		return error_from(got, "%s: list[0] of space %u", call, space->id);
	if ((unsigned int)got < n)
		error_from(-EIO, "%s: list[%d] of space %u", call, got, space->id);
	return got;
}

static int invalidate(struct ioasid_space *space, const char *call,
	const struct ioasid_invalidation *list, unsigned int n)
{
	unsigned int sound = count_sound(list, n);
	int got = refuse_unbound(space, call);

	if (!got)
		got = invalidate_sound(space, call, list, sound);
	if (got < 0 || (unsigned int)got < sound || sound == n)
		return got;
	return refuse_unsound(list, sound, call) && got ? got : -EINVAL;
}

static int check_list(const struct ioasid_invalidation *list, unsigned int n, const char *call)
{
	if (n && !list)
		return null_argument(call, "list");
	if (n > LIST_MOST)
		return error_set(-EINVAL, "%s: %u at a time, the most are %u", call, n, LIST_MOST);
	return 0;
}

int ioasid_space_invalidate(
	struct ioasid_space *space, const struct ioasid_invalidation *list, unsigned int n)
{
	int got = space ? check_list(list, n, __func__) : null_argument(__func__, "space");

	if (!got && __atomic_load_n(&space->incomplete, __ATOMIC_RELAXED))
		got = group_refuse(space, __func__);
	if (!got)
		got = tree_enter_shared(space, __func__);
	if (got)
		return got;
	got = space_ready(space, __func__);
	if (!got)
		got = invalidate(space, __func__, list, n);
	tree_leave(space);
	return got;
}
