/* SPDX-License-Identifier: MIT */
/*
 * Which IOMMUs translate by a space: those that one of its routes comes from, or a route of a space
 * nested on it. It must not know devices, nor what a space holds.
 */
#include "space.h"
#include <errno.h>
#include <stdlib.h>

static struct mock_reach *find_reach(struct mock_space *space, const struct mock_iommu *iommu)
{
	for (uint32_t i = 0; i < space->reach_count; i++)
		if (space->reach[i].iommu == iommu)
			return &space->reach[i];
	return NULL;
}

/* Room for the IOMMU, with no route yet: an entry without routes is none. */
static int add_reach(struct mock_space *space, struct mock_iommu *iommu)
{
	struct mock_reach *grown;

	if (find_reach(space, iommu))
		return 0;
	grown = realloc(space->reach, (space->reach_count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	grown[space->reach_count++] = (struct mock_reach){.iommu = iommu};
	space->reach = grown;
	return 0;
}

int mock_space_reach(struct mock_space *space, struct mock_iommu *iommu)
{
	for (struct mock_space *below = space; below; below = below->parent)
		if (add_reach(below, iommu))
			return -ENOMEM;
	for (; space; space = space->parent) {
		find_reach(space, iommu)->routes++;
		space->attached = true;
	}
	return 0;
}

void mock_space_leave(struct mock_space *space, struct mock_iommu *iommu)
{
	for (; space; space = space->parent)
		find_reach(space, iommu)->routes--;
}

static int make_room(struct mock_space *space, struct mock_space *parent)
{
	for (uint32_t i = 0; i < space->reach_count; i++)
		for (struct mock_space *below = parent; below; below = below->parent)
			if (add_reach(below, space->reach[i].iommu))
				return -ENOMEM;
	return 0;
}

int mock_space_adopt(struct mock_space *space, struct mock_space *parent)
{
	if (make_room(space, parent))
		return -ENOMEM;
	for (uint32_t i = 0; i < space->reach_count; i++)
		for (struct mock_space *below = parent; below; below = below->parent)
			find_reach(below, space->reach[i].iommu)->routes += space->reach[i].routes;
	space->parent = parent;
	parent->children++;
	return 0;
}

void mock_space_disown(struct mock_space *space)
{
	for (uint32_t i = 0; i < space->reach_count; i++)
		for (struct mock_space *below = space->parent; below; below = below->parent)
			find_reach(below, space->reach[i].iommu)->routes -= space->reach[i].routes;
	space->parent->children--;
	space->parent = NULL;
}
