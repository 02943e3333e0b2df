/* SPDX-License-Identifier: MIT */
/*
 * The cache of a guest's PASID table: see pasids.h. It must not know what an entry means.
 */
#include "pasids.h"
#include <errno.h>
#include <stdlib.h>

int mock_pasids_new(const struct ioasid_pgtable *told, struct mock_pasids **pasids)
{
	struct mock_pasids *new = calloc(1, sizeof(*new));
	int err;

	if (!new)
		return -ENOMEM;
	pthread_mutex_init(&new->lock, NULL);
	err = walk_pasids_of(told, &new->table);
	if (err)
		mock_pasids_free(new);
	else
		*pasids = new;
	return err;
}

void mock_pasids_free(struct mock_pasids *pasids)
{
	if (!pasids)
		return;
	pthread_mutex_destroy(&pasids->lock);
	free(pasids);
}

static struct mock_pasid *place_of(struct mock_pasids *pasids, uint32_t pasid)
{
	return &pasids->kept[pasid % MOCK_PASIDS];
}

static bool is_kept(const struct mock_pasid *place, uint32_t pasid)
{
	return place->valid && place->pasid == pasid;
}

bool mock_pasids_find(struct mock_pasids *pasids, uint32_t pasid, struct walk_entry *entry)
{
	const struct mock_pasid *place = place_of(pasids, pasid);
	bool found;

	pthread_mutex_lock(&pasids->lock);
	found = is_kept(place, pasid);
	if (found)
		*entry = place->entry;
	pthread_mutex_unlock(&pasids->lock);
	return found;
}

void mock_pasids_fill(struct mock_pasids *pasids, uint32_t pasid, const struct walk_entry *entry)
{
	pthread_mutex_lock(&pasids->lock);
	*place_of(pasids, pasid) = (struct mock_pasid){true, pasid, *entry};
	pthread_mutex_unlock(&pasids->lock);
}

void mock_pasids_drop(struct mock_pasids *pasids, uint32_t pasid)
{
	struct mock_pasid *place = place_of(pasids, pasid);

	pthread_mutex_lock(&pasids->lock);
	if (is_kept(place, pasid))
		place->valid = false;
	pthread_mutex_unlock(&pasids->lock);
}

void mock_pasids_drop_all(struct mock_pasids *pasids)
{
	pthread_mutex_lock(&pasids->lock);
	for (unsigned int i = 0; i < MOCK_PASIDS; i++)
		pasids->kept[i].valid = false;
	pthread_mutex_unlock(&pasids->lock);
}
