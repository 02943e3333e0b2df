/* SPDX-License-Identifier: MIT */
/*
 * The virtual IOMMU: see viommu.h.
 */
#include "viommu.h"

static int failed(struct viommu *viommu)
{
	return trouble_add(viommu->machine->trouble, "%s", ioasid_last_error());
}

static struct machine_route *find(struct viommu *viommu, uint32_t v_pasid)
{
	struct machine_route *route = machine_route(viommu->machine, v_pasid);

	if (!route)
		trouble_add(viommu->machine->trouble, "the guest named a PASID that it has not: %u",
			v_pasid);
	return route;
}

/* A space for the process's addresses on top of guest memory; then the device's route there. */
static int attach(struct machine *machine, struct machine_route *route, uint32_t v_pasid)
{
	struct ioasid_space_opts opts = {.size = sizeof(opts), .faults = machine->faults};
	struct ioasid_attach_opts with = {
		.size = sizeof(with), .flags = IOASID_ATTACH_PASID, .pasid = v_pasid};

	if (ioasid_space_new_nested(machine->gpa, &opts, &route->gva) ||
		ioasid_device_attach(machine->device, machine->gpa, &with, &route->to_gpa))
		return -1;
	return ioasid_device_attach(machine->device, route->gva, &with, &route->to_gva);
}

/* The process submits work by ENQCMD, which takes its PASID from the processor: with
 * ioasid_kvm_map_pasid() the processor sends the host's instead. */
int viommu_bind(struct viommu *viommu, uint32_t v_pasid, const struct ioasid_pgtable *table)
{
	struct machine *machine = viommu->machine;
	struct machine_route *route = find(viommu, v_pasid);

	if (!route)
		return -1;
	if (attach(machine, route, v_pasid) || ioasid_space_bind_pgtable(route->gva, table))
		return failed(viommu);
	route->has_table = true;
	return ioasid_kvm_map_pasid(route->to_gva, machine->vm) ? failed(viommu) : 0;
}

/* The end of an attachment ends what the processor translates, too. */
int viommu_unbind(struct viommu *viommu, uint32_t v_pasid)
{
	struct machine_route *route = find(viommu, v_pasid);
	int result = 0;

	if (!route)
		return -1;
	if (route->has_table && ioasid_space_unbind_pgtable(route->gva))
		result = failed(viommu);
	if (ioasid_attachment_detach(route->to_gva) || ioasid_attachment_detach(route->to_gpa) ||
		ioasid_space_destroy(route->gva))
		result = failed(viommu);
	*route = (struct machine_route){0};
	return result;
}

static int pass_on(struct viommu *viommu, struct machine_route *route,
	const struct ioasid_invalidation *list, unsigned int n)
{
	if (ioasid_space_invalidate(route->gva, list, n) == (int)n)
		return 0;
	return failed(viommu);
}

int viommu_invalidate(struct viommu *viommu, uint32_t v_pasid,
	const struct ioasid_invalidation *list, unsigned int n)
{
	struct machine_route *route = find(viommu, v_pasid);
	uint64_t before = atomic_fetch_add(&viommu->invalidations, n);
	uint64_t lost = viommu->forget - before - 1; /* its place in the list */

	if (!route)
		return -1;
	if (!viommu->forget || lost >= n)
		return pass_on(viommu, route, list, n);
	/* the bug that is asked for */
	if (pass_on(viommu, route, list, (unsigned int)lost))
		return -1;
	return pass_on(viommu, route, list + lost + 1, n - (unsigned int)lost - 1);
}

static const char *name_of(uint32_t cache)
{
	static const char *const names[] = {
		[IOASID_MOCK_STALE_IOTLB] = "the IOMMU",
		[IOASID_MOCK_STALE_DEVICE_TLB] = "the device",
		[IOASID_MOCK_STALE_PASID_CACHE] = "the PASID cache",
	};

	return cache && cache < sizeof(names) / sizeof(names[0]) ? names[cache] : "a cache";
}

int viommu_check_stale(struct viommu *viommu)
{
	struct ioasid_mock_stale stale;
	int n = ioasid_mock_stale_read(viommu->machine->platform, &stale, 1);

	if (n < 0)
		return failed(viommu);
	if (!n)
		return 0;
	return trouble_add(viommu->machine->trouble,
		"stale: under PASID %u %s still used what it knew of address 0x%llx: an "
		"invalidation is missing",
		stale.pasid, name_of(stale.cache), (unsigned long long)stale.addr);
}
