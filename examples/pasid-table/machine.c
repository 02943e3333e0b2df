/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine as the VMM holds it: see machine.h.
 */
#include "machine.h"
#include "../must.h"
#include <unistd.h>

#define PASID_BITS 4u

static void build_platform(struct machine *m, uint32_t format)
{
	int fd;

	must(ioasid_mock_new(NULL, &m->platform));
	must(ioasid_mock_iommu_new(m->platform,
		IOASID_OPTS(ioasid_mock_iommu_opts, .flags = IOASID_MOCK_IOMMU_NESTING,
			.pgtable_formats = UINT32_C(1) << format),
		NULL));
	must(ioasid_mock_device_new(m->platform,
		IOASID_OPTS(ioasid_mock_device_opts,
			.flags = IOASID_MOCK_DEVICE_PRI | IOASID_MOCK_DEVICE_ATS,
			.pasid_bits = PASID_BITS),
		&m->hardware));
	must(ioasid_mock_open(m->platform, &m->ctx));
	fd = must(ioasid_mock_device_fd(m->hardware));
	must(ioasid_device_bind(
		m->ctx, fd, IOASID_OPTS(ioasid_device_opts, .label = MACHINE_LABEL), &m->device));
	close(fd);
	must(ioasid_faultq_new(m->ctx, NULL, &m->faults));
}

void machine_build(struct machine *m, uint32_t format, void *ram, uint64_t ram_size)
{
	struct ioasid_map map = {ram, ram_size, 0, IOASID_MAP_RW | IOASID_MAP_FIXED, 0};
	uint32_t parent = IOASID_SPACE_NEST_PARENT;

	build_platform(m, format);
	must(ioasid_space_new(m->ctx, IOASID_OPTS(ioasid_space_opts, .flags = parent), &m->gpa));
	must(ioasid_space_map(m->gpa, &map));
	must(ioasid_device_attach(m->device, m->gpa, NULL, &m->to_gpa));
	must(ioasid_space_new_nested(
		m->gpa, IOASID_OPTS(ioasid_space_opts, .faults = m->faults), &m->pasids));
	must(ioasid_device_attach(m->device, m->pasids, NULL, &m->to_pasids));
}

void machine_destroy(struct machine *m)
{
	for (uint32_t pasid = 1; pasid <= 2; pasid++) {
		must(ioasid_space_unbind_pgtable(m->tracked[pasid]));
		must(ioasid_attachment_detach(m->to_tracked[pasid]));
		must(ioasid_space_destroy(m->tracked[pasid]));
	}
	must(ioasid_space_unbind_pasid_table(m->pasids));
	must(ioasid_attachment_detach(m->to_pasids));
	must(ioasid_attachment_detach(m->to_gpa));
	must(ioasid_device_unbind(m->device));
	must(ioasid_space_destroy(m->pasids));
	must(ioasid_space_destroy(m->gpa));
	ioasid_faultq_free(m->faults);
	ioasid_close(m->ctx);
	ioasid_mock_free(m->platform);
}

void machine_track(struct machine *m, uint32_t pasid, const struct ioasid_pgtable *table)
{
	must(ioasid_space_new_nested(
		m->gpa, IOASID_OPTS(ioasid_space_opts, .faults = m->faults), &m->tracked[pasid]));
	must(ioasid_device_attach(m->device, m->tracked[pasid],
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = pasid),
		&m->to_tracked[pasid]));
	must(ioasid_space_bind_pgtable(m->tracked[pasid], table));
}
