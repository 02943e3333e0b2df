/* SPDX-License-Identifier: MIT */
/*
 * An I/O address space of a context: its maps, the space it is nested on, and the IOMMUs that
 * translate by it. Everything is under the platform's world lock. It must not know devices.
 */
#ifndef MOCK_SPACE_H
#define MOCK_SPACE_H

#include "dirty.h"
#include "iommu.h"
#include "platform.h"

struct mock_bound;
struct mock_queue;

/* Of the least page of guests' tables, whatever the IOMMU's own is. */
#define MOCK_TABLE_SHIFT 12u

/* How many routes of an IOMMU lead to a space, or to one nested on it. */
struct mock_reach {
	struct mock_iommu *iommu;
	uint32_t routes;
};

struct mock_space {
	struct mock_backend *owner;
	uint32_t id;
	uint32_t flags;            /* IOASID_SPACE_* */
	struct mock_space *parent; /* of a platform that does not nest: while a table is bound */
	struct mock_bound *bound;  /* a guest's table; NULL: it has maps */
	struct mock_queue *queue;  /* NULL: page requests are answered INVALID */
	struct maptree maps; /* value: address; flags: permissions; mark: of the pages, 0 none */
	struct mock_dirty dirty;
	struct mock_reach *reach;
	uint32_t reach_count;
	struct list routes; /* struct mock_route, those that lead here and not to a child */
	struct ioasid_range *windows; /* that stay usable */
	uint32_t window_count;
	uint32_t children; /* nested directly on it */
	bool attached;     /* some device was, once */
	uint32_t wire;     /* its PASID on the wire, while it has users; see wire.h */
	uint32_t wire_users;
};

static inline bool space_is_under(const struct mock_space *space, const struct mock_space *parent)
{
	while (space && space != parent)
		space = space->parent;
	return space;
}

/* Of the pages that the IOMMU caches of it. */
static inline unsigned int mock_space_shift(
	const struct mock_space *space, const struct mock_iommu *iommu)
{
	return space->bound ? MOCK_TABLE_SHIFT : iommu->shift;
}

/* Walks the maps down to process memory; permissions are those that all levels give. What is
 * written is noted in this space, not below. */
bool mock_space_walk(const struct mock_space *space, uint64_t addr, struct mock_page *page);
/* Of several addresses one after the other, under one hold of the world: *near is NULL at first,
 * and then the last one's map, where the next is looked for first. */
bool mock_space_walk_near(const struct mock_space *space, uint64_t addr, struct mock_page *page,
	const struct maptree_entry **near);

/* The error for a space that the IOMMU cannot serve, with its reason, or 0. */
int mock_space_fits(const struct mock_space *space, const struct mock_iommu *iommu);

/* reach.c: which IOMMUs translate by it. A route of the IOMMU leads here from now on, or no more.
 * The first may fail with -ENOMEM. */
int mock_space_reach(struct mock_space *space, struct mock_iommu *iommu);
void mock_space_leave(struct mock_space *space, struct mock_iommu *iommu);
/* A root becomes a child of the parent, with the routes it has; 0 or -ENOMEM. And back again. */
int mock_space_adopt(struct mock_space *space, struct mock_space *parent);
void mock_space_disown(struct mock_space *space);

/* The ops, with the world's lock taken by themselves. */
int mock_space_new(struct backend *be, const struct backend_space *intent, uint32_t *id);
void mock_space_destroy(struct backend *be, uint32_t space);
int mock_space_hardware(struct backend *be, uint32_t space, struct backend_hardware *hardware);
int mock_space_ranges(
	struct backend *be, uint32_t space, struct ioasid_range *ranges, unsigned int n);
int mock_space_allow(
	struct backend *be, uint32_t space, const struct ioasid_range *ranges, unsigned int n);

/* map.c */
int mock_map(struct backend *be, uint32_t space, const struct backend_map *map);
int mock_copy(struct backend *be, uint32_t space, const struct backend_copy *copy);
int mock_unmap(struct backend *base, uint32_t id, uint64_t first, uint64_t last);
int mock_memory_register(struct backend *be, uint64_t addr, uint64_t length);
int mock_memory_unregister(struct backend *be, uint64_t addr, uint64_t length);

/* Under the world, exclusively. To free a space does not touch its parent. */
void mock_space_unmap_all(struct mock_space *space);
void mock_space_free(struct mock_space *space);
void mock_memory_unregister_all(struct mock_backend *be);

#endif
