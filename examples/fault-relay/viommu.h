/* SPDX-License-Identifier: MIT */
/*
 * The virtual IOMMU's registers: what the guest's driver traps into when it changes its mappings.
 * This is VMM code, on the guest's thread, as after a VM exit. The guest is not trusted: a device
 * that it does not have is an error, and nested maps cannot lead out of its memory.
 */
#ifndef VIOMMU_H
#define VIOMMU_H

#include "machine.h"

struct viommu_map {
	uint32_t v_rid;
	uint32_t v_pasid;
	uint64_t giova;
	uint64_t gpa;
	uint64_t length;
	bool writable;
};

/* 0, or -1 with the trouble noted. */
int viommu_map(struct machine *machine, const struct viommu_map *map);

/* When it returns, the device cannot reach the memory any more. */
int viommu_unmap(struct machine *machine, const struct viommu_map *map);

#endif
