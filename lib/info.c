/* SPDX-License-Identifier: MIT */
/*
 * What is known about one space: what it holds, what its devices' IOMMUs can do. It only asks.
 */
#include "core.h"

static uint32_t info_flags(const struct ioasid_space *space)
{
	uint32_t flags = 0;

	if (space->parent)
		flags |= IOASID_SPACE_INFO_NESTED;
	if (!backend_has(space->ctx->be, IOASID_EXT_GROUP_STRICT))
		flags |= IOASID_SPACE_INFO_MOVES_GROUP;
	if (__atomic_load_n(&space->incomplete, __ATOMIC_RELAXED))
		flags |= IOASID_SPACE_INFO_INCOMPLETE;
	if (space->table.size)
		flags |= space->pasids ? IOASID_SPACE_INFO_PASID_TABLE : IOASID_SPACE_INFO_PGTABLE;
	if (space->dirty)
		flags |= IOASID_SPACE_INFO_DIRTY;
	return flags;
}

static void fill_info(struct ioasid_space *space, struct ioasid_space_info *info)
{
	*info = (struct ioasid_space_info){
		.flags = info_flags(space),
		.id = space->id,
		.parent = space->parent ? space->parent->id : 0,
		.children = list_count(&space->children),
		.attachments = list_count(&space->attachments),
	};
	latch_take(&space->maps_lock);
	info->page_sizes = space->ranges.page_sizes;
	info->maps = maptree_count(&space->maps);
	info->mapped = space->mapped;
	latch_release(&space->maps_lock);
}

/* The backend's routes lead there, not on to a child. */
static bool has_devices(const struct ioasid_space *space)
{
	list_each(link, &space->attachments)
	{
		const struct ioasid_attachment *attachment =
			list_entry(link, struct ioasid_attachment, of_space);

		if (route_leads(attachment->device, attachment->pasid, NULL) == space)
			return true;
	}
	return false;
}

static int add_own(const struct ioasid_space *space, struct ioasid_space_info *info)
{
	struct backend *be = space->ctx->be;
	struct backend_hardware own = {.page_sizes = 0};
	int err = be->ops->space_hardware(be, space->id, &own);

	info->pgtable_formats &= own.formats;
	info->pasid_table_formats &= own.formats & own.pasid_formats;
	if (own.addr_width < info->addr_width)
		info->addr_width = own.addr_width;
	return err;
}

/* What the IOMMUs have in common: a device that is attached to a child is the parent's too. */
static int add_hardware(const struct ioasid_space *space, struct ioasid_space_info *info)
{
	int err = has_devices(space) ? add_own(space, info) : 0;

	list_each(link, &space->children)
	{
		if (err)
			break;
		err = add_hardware(list_entry(link, struct ioasid_space, sibling), info);
	}
	return err;
}

static int fill_hardware(
	const struct ioasid_space *space, struct ioasid_space_info *info, const char *call)
{
	int err;

	info->pgtable_formats = info->pasid_table_formats = info->addr_width = UINT32_MAX;
	err = add_hardware(space, info);
	if (err)
		return error_from(err, "%s: the IOMMUs of space %u", call, space->id);
	if (info->addr_width == UINT32_MAX || !info->pgtable_formats)
		info->pgtable_formats = info->pasid_table_formats = info->addr_width = 0;
	return 0;
}

int ioasid_space_info(struct ioasid_space *space, struct ioasid_space_info *info)
{
	struct ioasid_space_info now;
	int err = space ? opts_out_check(info, __func__) : null_argument(__func__, "space");

	if (err)
		return err;
	err = ctx_enter(space->ctx, __func__);
	if (err)
		return err;
	err = space_ready(space, __func__);
	if (!err)
		err = range_load(space, __func__);
	if (!err) {
		fill_info(space, &now);
		err = fill_hardware(space, &now, __func__);
	}
	if (!err)
		opts_out(info, &now, sizeof(now));
	ctx_leave(space->ctx);
	return err;
}
