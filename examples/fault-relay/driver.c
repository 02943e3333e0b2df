/* SPDX-License-Identifier: MIT */
/*
 * The guest's IOMMU driver: see driver.h.
 */
#include "driver.h"

/* What a device can reach at a time is of a few pieces of FILE and of OUT, each in one or two
 * tables of the last level; so this is several times what is ever needed. */
#define TABLES 64u

static bool has_tables(const struct machine *machine)
{
	return machine->pgtable_format != 0;
}

uint64_t driver_memory(const struct machine *machine)
{
	return has_tables(machine) ? (uint64_t)TABLES * FRAMES_SIZE : 0;
}

int driver_open(struct driver *driver)
{
	struct machine *machine = driver->machine;
	struct ioasid_pgtable pgtable;

	if (!has_tables(machine))
		return 0;
	driver->frames = (struct frames){machine->ram, driver->gpa, TABLES, 0, NULL};
	driver->table =
		(struct pagetable){.frames = &driver->frames, .format = machine->pgtable_format};
	if (frames_open(&driver->frames) || pagetable_open(&driver->table))
		return trouble_add(machine->trouble, "out of memory");
	pgtable = pagetable_describe(&driver->table);
	return viommu_bind(machine, driver->v_rid, driver->v_pasid, &pgtable);
}

void driver_close(struct driver *driver)
{
	pagetable_close(&driver->table);
	frames_close(&driver->frames);
}

/* No trap: the device asks again for what is not there, and then the IOMMU finds it. */
static int write_entries(struct driver *driver, const struct viommu_map *map)
{
	for (uint64_t at = 0; at < map->length; at += FRAMES_SIZE)
		if (pagetable_map(&driver->table, map->giova + at, map->gpa + at, map->writable))
			return trouble_add(
				driver->machine->trouble, "the guest has no room for page tables");
	return 0;
}

static int clear_entries(struct driver *driver, const struct viommu_map *map)
{
	struct pagetable *table = &driver->table;
	struct ioasid_invalidation stale;

	for (uint64_t at = 0; at < map->length; at += FRAMES_SIZE)
		pagetable_unmap(table, map->giova + at);
	stale = pagetable_invalidation(table, map->giova, map->length);
	if (viommu_invalidate(driver->machine, map->v_rid, map->v_pasid, &stale))
		return -1;
	pagetable_reclaim(table);
	return 0;
}

int driver_map(struct driver *driver, const struct viommu_map *map)
{
	if (has_tables(driver->machine))
		return write_entries(driver, map);
	return viommu_map(driver->machine, map);
}

int driver_unmap(struct driver *driver, const struct viommu_map *map)
{
	if (has_tables(driver->machine))
		return clear_entries(driver, map);
	return viommu_unmap(driver->machine, map);
}
