/* SPDX-License-Identifier: MIT */
/*
 * The virtual IOMMU's registers: see viommu.h.
 */
#include "viommu.h"

static struct machine_device *find(struct machine *machine, const struct viommu_map *map)
{
	struct machine_device *device = machine_find(machine, map->v_rid, map->v_pasid);

	if (!device)
		trouble_add(machine->trouble, "the guest named a device that it has not: %x.%u",
			map->v_rid, map->v_pasid);
	return device;
}

int viommu_map(struct machine *machine, const struct viommu_map *map)
{
	struct machine_device *device = find(machine, map);
	struct ioasid_map nested = {.addr = (void *)(uintptr_t)map->gpa,
		.length = map->length,
		.iova = map->giova,
		.flags = IOASID_MAP_READ | IOASID_MAP_FIXED};

	if (!device)
		return -1;
	if (map->writable)
		nested.flags |= IOASID_MAP_WRITE;
	if (ioasid_space_map(device->giova, &nested))
		return trouble_add(machine->trouble, "%s", ioasid_last_error());
	return 0;
}

int viommu_unmap(struct machine *machine, const struct viommu_map *map)
{
	struct machine_device *device = find(machine, map);
	int64_t removed;

	if (!device)
		return -1;
	removed = ioasid_space_unmap(device->giova, map->giova, map->length);
	if (removed < 0)
		return trouble_add(machine->trouble, "%s", ioasid_last_error());
	if ((uint64_t)removed != map->length)
		return trouble_add(machine->trouble, "an unmap removed only a part");
	return 0;
}
