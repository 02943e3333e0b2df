/* SPDX-License-Identifier: MIT */
/*
 * Page tables (HWPT) of a space: where its intent is more than maps, they are made on our word, one
 * for all devices that it suits, another where an IOMMU is incompatible. Where it is not, the
 * kernel does the same below the IOAS by itself. Knows routes only as users that come and go.
 */
#include "iommufd.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool wants_pasids(const struct iommufd_lead *lead)
{
	return lead->device->pasids || lead->pasid != IOASID_PASID_NONE;
}

/* The kernel's own tables go with no PASID, neither by themselves nor beside one. */
static bool needs_table(const struct iommufd_lead *lead)
{
	const struct iommufd_space *space = lead->space;

	if (lead->device->is.flags & IOASID_DEVICE_MEDIATED)
		return false; /* it has no table at all */
	return space->flags & (IOASID_SPACE_NEST_PARENT | IOASID_SPACE_DIRTY_TRACKING) ||
	       space->queue || space->bound.size || wants_pasids(lead);
}

/* Made for what the space is now, and for what the device needs. */
static bool serves(const struct iommufd_table *table, const struct iommufd_lead *lead)
{
	const struct iommufd_space *space = lead->space;

	return table->queue == space->queue && (table->pasids || !wants_pasids(lead)) &&
	       !memcmp(&table->bound, &space->bound, sizeof(table->bound));
}

void iommufd_table_free(struct iommufd *leaf, struct iommufd_table *table)
{
	struct iommufd_table *parent = table->parent;

	pthread_rwlock_wrlock(&leaf->lock);
	list_remove(&table->of_space);
	pthread_rwlock_unlock(&leaf->lock);
	iommufd_destroy_object(leaf, table->id);
	iommufd_queue_unuse(leaf, table->queue);
	free(table);
	iommufd_table_drop(leaf, parent);
}

void iommufd_table_drop(struct iommufd *leaf, struct iommufd_table *table)
{
	/* what it noted of written pages would go with it: it stays until they were read */
	if (!table || --table->users || (table->space->dirty && !table->parent))
		return;
	iommufd_table_free(leaf, table);
}

static uint32_t table_flags(const struct iommufd_space *space)
{
	uint32_t flags = 0;

	if (space->flags & IOASID_SPACE_NEST_PARENT)
		flags |= IOMMUFD_HWPT_NEST_PARENT;
	if (space->flags & IOASID_SPACE_DIRTY_TRACKING)
		flags |= IOMMUFD_HWPT_DIRTY_TRACKING;
	return flags;
}

static void want_faults(struct iommufd_hwpt_alloc *alloc, const struct iommufd_space *space)
{
	if (!space->queue)
		return;
	alloc->flags |= IOMMUFD_HWPT_FAULT_ID_VALID;
	alloc->fault_id = iommufd_queue_id(space->queue);
}

/* Over the IOAS, or over a parent's table by the guest's. */
static void describe(const struct iommufd_lead *lead, const struct iommufd_table *parent,
	struct iommufd_hwpt_alloc *alloc)
{
	*alloc = (struct iommufd_hwpt_alloc){
		.size = sizeof(*alloc),
		.flags = wants_pasids(lead) ? IOMMUFD_HWPT_PASID : 0,
		.dev_id = lead->device->is.id,
		.pt_id = parent ? parent->id : lead->space->id,
	};
	want_faults(alloc, lead->space);
	if (!parent) {
		alloc->flags |= table_flags(lead->space);
		return;
	}
	alloc->data_type = lead->data->type;
	alloc->data_len = lead->data->length;
	alloc->data_uptr = (uintptr_t)lead->data->bytes;
}

/* An IOMMU may have PASIDs, but not together with this intent: then the device does without. */
static int alloc_table(
	struct iommufd *leaf, const struct iommufd_lead *lead, struct iommufd_hwpt_alloc *alloc)
{
	int err = iommufd_call(leaf->fd, IOMMUFD_HWPT_ALLOC, alloc);

	if (err != -EOPNOTSUPP || !lead->device->pasids || lead->pasid != IOASID_PASID_NONE)
		return err;
	alloc->flags &= ~IOMMUFD_HWPT_PASID;
	err = iommufd_call(leaf->fd, IOMMUFD_HWPT_ALLOC, alloc);
	if (!err)
		lead->device->pasids = false;
	return err;
}

/* It notes dirty pages if its space does. */
static int alloc_tracking(
	struct iommufd *leaf, const struct iommufd_lead *lead, struct iommufd_table *table)
{
	struct iommufd_hwpt_alloc alloc;
	int err;

	describe(lead, table->parent, &alloc);
	err = alloc_table(leaf, lead, &alloc);
	if (err)
		return iommufd_explain_table(leaf, err, lead);
	table->id = alloc.out_hwpt_id;
	table->pasids = alloc.flags & IOMMUFD_HWPT_PASID;
	if (table->parent || !lead->space->dirty)
		return 0;
	err = iommufd_dirty_table(leaf, table->id);
	if (err)
		iommufd_destroy_object(leaf, table->id);
	return err;
}

static void link_in(struct iommufd *leaf, struct iommufd_table *table)
{
	iommufd_queue_use(table->queue);
	if (table->parent)
		table->parent->users++;
	pthread_rwlock_wrlock(&leaf->lock);
	list_append(&table->space->tables, &table->of_space);
	pthread_rwlock_unlock(&leaf->lock);
}

/* A table without users. */
static int make(struct iommufd *leaf, const struct iommufd_lead *lead, struct iommufd_table *parent,
	struct iommufd_table **out)
{
	struct iommufd_table *table = calloc(1, sizeof(*table));
	int err;

	if (!table)
		return -ENOMEM;
	table->space = lead->space;
	table->parent = parent;
	table->queue = lead->space->queue;
	table->bound = lead->space->bound;
	err = alloc_tracking(leaf, lead, table);
	if (err) {
		free(table);
		return err;
	}
	link_in(leaf, table);
	*out = table;
	return 0;
}

/* -EINVAL: the IOMMU that the table was made for is not the device's. */
static int go_to(const struct iommufd_lead *lead, uint32_t pt_id)
{
	struct iommufd_device_handle *handle = &lead->device->handle;
	int err = handle->provider->attach(handle, lead->pasid, &pt_id);

	/* so says VT-d of a parent that translates more bits than this IOMMU */
	return err == -ENODEV && lead->space->bound.size ? -EINVAL : err;
}

static int make_and_go(struct iommufd *leaf, const struct iommufd_lead *lead,
	struct iommufd_table *parent, struct iommufd_table **table)
{
	int err = make(leaf, lead, parent, table);

	if (err)
		return err;
	err = go_to(lead, (*table)->id);
	if (!err)
		return 0;
	iommufd_table_free(leaf, *table);
	return iommufd_explain_attach(leaf, err, lead);
}

/* The parent's table that the device's route leads to, or leads through, now. */
static struct iommufd_table *own_parent(const struct iommufd_lead *lead)
{
	const struct iommufd_route *route = iommufd_route(lead->device, lead->pasid);
	struct iommufd_table *table = route ? route->table : NULL;

	if (table && table->parent)
		table = table->parent;
	return table && table->space == lead->space->parent ? table : NULL;
}

/* -EINVAL: no table of the parent suits the device. Some IOMMUs tell only when it arrives. */
static int go_over_any(
	struct iommufd *leaf, const struct iommufd_lead *lead, struct iommufd_table **table)
{
	struct iommufd_table *own = own_parent(lead);
	int err = own ? make_and_go(leaf, lead, own, table) : -EINVAL;
	bool refused = own && err;

	list_each(link, &lead->space->parent->tables)
	{
		struct iommufd_table *parent = list_entry(link, struct iommufd_table, of_space);

		if (err != -EINVAL)
			break;
		if (parent == own)
			continue;
		err = make_and_go(leaf, lead, parent, table);
		refused |= err;
	}
	if (!err && refused)
		error_forget(); /* why the others did not suit it */
	return err;
}

/* The parent gets a table that suits the device, if it has none. */
static int go_over_parent(
	struct iommufd *leaf, const struct iommufd_lead *lead, struct iommufd_table **table)
{
	struct iommufd_lead below = {lead->device, lead->space->parent, lead->pasid, NULL};
	struct iommufd_table *parent;
	int err = go_over_any(leaf, lead, table);

	if (err != -EINVAL)
		return err;
	err = make(leaf, &below, NULL, &parent);
	if (err)
		return err;
	parent->users++;
	err = make_and_go(leaf, lead, parent, table);
	if (!err)
		error_forget();
	iommufd_table_drop(leaf, parent);
	return err;
}

static int go_nested(
	struct iommufd *leaf, const struct iommufd_lead *lead, struct iommufd_table **table)
{
	struct iommufd_lead nested = *lead;
	struct iommufd_table_data data;
	int err = lead->device->handle.provider->table_data(&lead->space->bound, &data);

	nested.data = &data;
	return err ? err : go_over_parent(leaf, &nested, table);
}

/* -EINVAL: none of those that there are suits the device. */
static int reuse(const struct iommufd_lead *lead, struct iommufd_table **table)
{
	list_each(link, &lead->space->tables)
	{
		struct iommufd_table *there = list_entry(link, struct iommufd_table, of_space);
		int err = serves(there, lead) ? go_to(lead, there->id) : -EINVAL;

		if (err == -EINVAL)
			continue;
		*table = there;
		return err;
	}
	return -EINVAL;
}

static int go_to_table(
	struct iommufd *leaf, const struct iommufd_lead *lead, struct iommufd_table **table)
{
	int err = reuse(lead, table);

	if (err && err != -EINVAL)
		return iommufd_explain_attach(leaf, err, lead);
	if (err)
		err = lead->space->bound.size ? go_nested(leaf, lead, table)
					      : make_and_go(leaf, lead, NULL, table);
	if (err)
		return err;
	(*table)->users++;
	return 0;
}

int iommufd_table_lead(
	struct iommufd *leaf, const struct iommufd_lead *lead, struct iommufd_table **table)
{
	int err;

	*table = NULL;
	if (needs_table(lead))
		return go_to_table(leaf, lead, table);
	err = go_to(lead, lead->space->id);
	return err ? iommufd_explain_attach(leaf, err, lead) : 0;
}
