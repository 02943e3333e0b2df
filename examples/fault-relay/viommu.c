/* SPDX-License-Identifier: MIT */
/*
 * The virtual IOMMU's registers: see viommu.h.
 */
#include "viommu.h"

static struct machine_device *find(struct machine *machine, uint32_t v_rid, uint32_t v_pasid)
{
	struct machine_device *device = machine_find(machine, v_rid, v_pasid);

	if (!device)
		trouble_add(machine->trouble, "the guest named a device that it has not: %x.%u",
			v_rid, v_pasid);
	return device;
}

static int failed(struct machine *machine)
{
	return trouble_add(machine->trouble, "%s", ioasid_last_error());
}

int viommu_map(struct machine *machine, const struct viommu_map *map)
{
	struct machine_device *device = find(machine, map->v_rid, map->v_pasid);
	struct ioasid_map nested = {.addr = (void *)(uintptr_t)map->gpa,
		.length = map->length,
		.iova = map->giova,
		.flags = IOASID_MAP_READ | IOASID_MAP_FIXED};

	if (!device)
		return -1;
	if (map->writable)
		nested.flags |= IOASID_MAP_WRITE;
	return ioasid_space_map(device->giova, &nested) ? failed(machine) : 0;
}

int viommu_unmap(struct machine *machine, const struct viommu_map *map)
{
	struct machine_device *device = find(machine, map->v_rid, map->v_pasid);
	int64_t removed;

	if (!device)
		return -1;
	removed = ioasid_space_unmap(device->giova, map->giova, map->length);
	if (removed < 0)
		return failed(machine);
	if ((uint64_t)removed != map->length)
		return trouble_add(machine->trouble, "an unmap removed only a part");
	return 0;
}

int viommu_bind(struct machine *machine, uint32_t v_rid, uint32_t v_pasid,
	const struct ioasid_pgtable *table)
{
	struct machine_device *device = find(machine, v_rid, v_pasid);

	if (!device)
		return -1;
	if (ioasid_space_bind_pgtable(device->giova, table))
		return failed(machine);
	device->has_table = true;
	return 0;
}

int viommu_invalidate(struct machine *machine, uint32_t v_rid, uint32_t v_pasid,
	const struct ioasid_invalidation *stale)
{
	struct machine_device *device = find(machine, v_rid, v_pasid);

	if (!device)
		return -1;
	return ioasid_space_invalidate(device->giova, stale, 1) == 1 ? 0 : failed(machine);
}
