/* SPDX-License-Identifier: MIT */
/*
 * Written pages. Each table of a space notes them for its own IOMMU, so that tracking is switched
 * for all, and what is read is what any of them noted. A table that loses its last route meanwhile
 * stays (table.c), since its notes would go with it. Knows nothing of maps: what is asked here has
 * no holes, at which the kernel would stop reading without a word.
 */
#include "iommufd.h"
#include <errno.h>

static struct iommufd_table *table_at(struct list *link)
{
	return list_entry(link, struct iommufd_table, of_space);
}

static int set_tracking(struct iommufd *leaf, uint32_t table, bool on)
{
	struct iommufd_hwpt_set_dirty_tracking call = {
		.size = sizeof(call),
		.flags = on ? IOMMUFD_DIRTY_TRACKING_ENABLE : 0,
		.hwpt_id = table,
	};
	int err = iommufd_call(leaf->fd, IOMMUFD_HWPT_SET_DIRTY_TRACKING, &call);

	if (err == -EOPNOTSUPP || err == -EINVAL)
		return error_reason(-EOPNOTSUPP, "the IOMMU of table %u does not track", table);
	return err;
}

int iommufd_dirty_table(struct iommufd *leaf, uint32_t table)
{
	return set_tracking(leaf, table, true);
}

static void stop_until(struct iommufd *leaf, struct iommufd_space *space, const struct list *end)
{
	for (struct list *link = space->tables.next; link != end; link = link->next)
		set_tracking(leaf, table_at(link)->id, false);
}

int iommufd_dirty_start(struct backend *be, uint32_t id)
{
	struct iommufd *leaf = iommufd_of(be);
	struct iommufd_space *space = iommufd_space(leaf, id);

	list_each(link, &space->tables)
	{
		int err = set_tracking(leaf, table_at(link)->id, true);

		if (!err)
			continue;
		stop_until(leaf, space, link);
		return err;
	}
	space->dirty = true;
	return 0;
}

/* A table that would not stop does no harm: nobody reads it, and a new start forgets its notes. */
int iommufd_dirty_stop(struct backend *be, uint32_t id)
{
	struct iommufd *leaf = iommufd_of(be);
	struct iommufd_space *space = iommufd_space(leaf, id);
	struct list *link = space->tables.next, *next;

	stop_until(leaf, space, &space->tables);
	error_forget();
	space->dirty = false;
	for (; link != &space->tables; link = next) {
		next = link->next;
		if (!table_at(link)->users)
			iommufd_table_free(leaf, table_at(link));
	}
	return 0;
}

static int read_table(struct iommufd *leaf, uint32_t table, const struct backend_dirty *dirty)
{
	struct iommufd_hwpt_get_dirty_bitmap call = {
		.size = sizeof(call),
		.hwpt_id = table,
		.flags = dirty->keep ? IOMMUFD_DIRTY_NO_CLEAR : 0,
		.iova = dirty->iova,
		.length = dirty->length,
		.page_size = dirty->page,
		.data = (uintptr_t)dirty->bitmap,
	};
	int err = iommufd_call(leaf->fd, IOMMUFD_HWPT_GET_DIRTY_BITMAP, &call);

	return err ? error_reason(err, "table %u, errno %d", table, -err) : 0;
}

int iommufd_dirty_read(struct backend *be, uint32_t id, const struct backend_dirty *dirty)
{
	struct iommufd *leaf = iommufd_of(be);
	struct iommufd_space *space;
	int err = 0;

	pthread_rwlock_rdlock(&leaf->lock);
	space = iommufd_space(leaf, id);
	pthread_rwlock_unlock(&leaf->lock);
	/* Tables are made with the tree held exclusively, or, when a queue ends, with this lock;
	 * and none goes while the space tracks. So nobody else waits while the kernel walks a
	 * terabyte. */
	pthread_rwlock_rdlock(&leaf->reading);
	list_each(link, &space->tables)
	{
		err = read_table(leaf, table_at(link)->id, dirty);
		if (err)
			break;
	}
	pthread_rwlock_unlock(&leaf->reading);
	return err;
}
