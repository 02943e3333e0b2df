/* SPDX-License-Identifier: MIT */
/*
 * A guest on a fake backend: see guestkit.h.
 */
#include "guestkit.h"
#include <unistd.h>

const struct ioasid_pgtable guest_vtd = {
	.size = sizeof(guest_vtd),
	.format = IOASID_PGTABLE_VTD_S1,
	.addr = 0x7000,
	.addr_width = 48,
	.flags = IOASID_PGTABLE_SUPERVISOR | IOASID_PGTABLE_WRITE_PROTECT,
};

const struct ioasid_pgtable guest_pasids = {
	.size = sizeof(guest_pasids),
	.format = IOASID_PGTABLE_AMD_V2,
	.words = {0x11, 0x22, 0x33, 0x44},
};

struct ioasid_device *guest_device(struct guest *g, const char *name)
{
	struct ioasid_device *device;
	int fd = dup(0);

	ok(ioasid_device_bind(g->ctx, fd, IOASID_OPTS(ioasid_device_opts, .name = name), &device));
	close(fd);
	return device;
}

int guest_attach(struct ioasid_device *device, struct ioasid_space *space, uint32_t pasid,
	struct ioasid_attachment **attachment)
{
	if (pasid == IOASID_PASID_NONE)
		return ioasid_device_attach(device, space, NULL, attachment);
	return ioasid_device_attach(device, space,
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = pasid),
		attachment);
}

struct ioasid_space *guest_sibling(struct guest *g)
{
	struct ioasid_space *space;

	ok(ioasid_space_new_nested(g->gpa, NULL, &space));
	return space;
}

void guest_begin(struct guest *g)
{
	memset(g, 0, sizeof(*g));
	g->leaf = fakeleaf_new(0);
	ck_assert_ptr_nonnull(g->leaf);
	ck_assert_int_eq(ctx_new(&g->leaf->base, &g->ctx), 0);
	ok(ioasid_space_new(g->ctx,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_NEST_PARENT), &g->gpa));
	ok(ioasid_space_new_nested(g->gpa,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_DIRTY_TRACKING), &g->giova));
	g->device = guest_device(g, "nic0");
	ok(guest_attach(g->device, g->gpa, IOASID_PASID_NONE, &g->below));
	ok(guest_attach(g->device, g->giova, IOASID_PASID_NONE, &g->above));
}

void guest_end(struct guest *g)
{
	ok(ioasid_attachment_detach(g->above));
	ok(ioasid_attachment_detach(g->below));
	ok(ioasid_device_unbind(g->device));
	ok(ioasid_space_destroy(g->giova));
	ok(ioasid_space_destroy(g->gpa));
	ioasid_close(g->ctx);
}

int guest_map(struct ioasid_space *space, uint64_t iova)
{
	return ioasid_space_map(space, &(struct ioasid_map){.addr = (void *)(uintptr_t)PAGE,
					       .length = PAGE,
					       .iova = iova,
					       .flags = IOASID_MAP_RW | IOASID_MAP_FIXED});
}

void guest_bind_pasids(struct guest *g)
{
	ok(ioasid_space_bind_pasid_table(g->giova, &guest_pasids));
}

void guest_unbind_pasids(struct guest *g)
{
	ok(ioasid_space_unbind_pasid_table(g->giova));
}
