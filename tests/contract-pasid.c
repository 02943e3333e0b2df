/* SPDX-License-Identifier: MIT */
/*
 * The contract of guests' PASID tables: such a space takes nothing but devices without a PASID, and
 * PASIDs of these lead beside it to other children of the same parent. What a table translates is
 * in the tests of backends.
 */
#include "contract.h"
#include <stdlib.h>

#define TABLE   AT(0x5000)
#define MACHINE .pasid_tables = true, .pasid_bits = 8

/* A parent and two children; a device that is attached to the parent and to the first child. */
struct guest {
	struct contract_nic *nic;
	struct ioasid_space *parent, *child, *sibling, *stranger;
	struct ioasid_attachment *below, *above;
	unsigned char *memory;
};

/* A stream table entry that is valid and has 2^8 context descriptors, one after the other. */
static const struct ioasid_pgtable table = {
	.size = sizeof(table),
	.format = IOASID_PGTABLE_SMMUV3_S1,
	.words = {1 | 5 << 1 | TABLE | UINT64_C(8) << 59},
};

static void guest_begin(struct guest *g, struct contract *c)
{
	g->memory = support_memory(PAGE, 32);
	g->nic = contract_nic(c, "nic0", (struct contract_wish){MACHINE});
	ok(ioasid_space_new(c->ctx,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_NEST_PARENT), &g->parent));
	g->child = contract_child(g->parent);
	g->sibling = contract_child(g->parent);
	g->stranger = contract_space(c);
	g->below = contract_attach(g->nic, g->parent);
	ok(contract_map(g->parent, TABLE, g->memory, PAGE, IOASID_MAP_RW));
	g->above = contract_attach(g->nic, g->child);
}

static void guest_end(struct guest *g)
{
	ok(ioasid_attachment_detach(g->above));
	ok(ioasid_attachment_detach(g->below));
	ok(ioasid_space_destroy(g->stranger));
	ok(ioasid_space_destroy(g->sibling));
	ok(ioasid_space_destroy(g->child));
	ok(ioasid_space_destroy(g->parent));
	free(g->memory);
}

static int attach_pasid(struct guest *g, struct ioasid_space *space, uint32_t pasid)
{
	struct ioasid_attachment *none = NULL;
	int r = ioasid_device_attach(g->nic->device, space,
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = pasid),
		&none);

	ck_assert_ptr_null(none);
	return r;
}

START_TEST(a_space_with_a_pasid_table_takes_no_map_and_no_pasid)
{
	struct contract c;
	struct guest g;

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, MACHINE);
	guest_begin(&g, &c);
	ok(ioasid_space_bind_pasid_table(g.child, &table));
	fails(-EBUSY, "PASID table",
		contract_nest(g.child, AT(0x9000), TABLE, PAGE, IOASID_MAP_READ));
	fails(-EBUSY, "PASID table", ioasid_space_bind_pasid_table(g.child, &table));
	fails(-ENOENT, "PASID table", ioasid_space_unbind_pgtable(g.child));
	fails(-EINVAL, "PASID 5 of nic0", attach_pasid(&g, g.child, 5));
	ok(ioasid_space_unbind_pasid_table(g.child));
	ok(contract_nest(g.child, AT(0x9000), TABLE, PAGE, IOASID_MAP_READ));
	DMA_SEES(&c, g.nic, AT(0x9000), g.memory, PAGE);
	guest_end(&g);
	contract_end(&c);
}
END_TEST

START_TEST(beside_a_pasid_table_a_pasid_leads_to_another_child_of_the_parent)
{
	struct ioasid_attachment *route;
	struct contract c;
	struct guest g;

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, MACHINE);
	guest_begin(&g, &c);
	ok(ioasid_space_bind_pasid_table(g.child, &table));
	fails(-EINVAL, "PASID 5 of nic0", attach_pasid(&g, g.stranger, 5));
	fails(-EINVAL, "PASID 5 of nic0", attach_pasid(&g, g.parent, 5));
	route = contract_attach_pasid(g.nic, g.sibling, 5);
	fails(-EINVAL, "PASID 5 of nic0", ioasid_attachment_replace(route, g.stranger));
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_unbind_pasid_table(g.child));
	route = contract_attach_pasid(g.nic, g.stranger, 5);
	fails(-EBUSY, "PASID 5 of nic0", ioasid_space_bind_pasid_table(g.child, &table));
	ok(ioasid_attachment_replace(route, g.sibling));
	ok(ioasid_space_bind_pasid_table(g.child, &table));
	ok(ioasid_space_unbind_pasid_table(g.child));
	ok(ioasid_attachment_detach(route));
	guest_end(&g);
	contract_end(&c);
}
END_TEST

START_TEST(invalidations_of_a_pasid_table_are_of_a_pasid)
{
	struct ioasid_invalidation list[] = {{.what = IOASID_INVALIDATE_PASID, .pasid = 5},
		{.what = IOASID_INVALIDATE_RANGE, .length = PAGE, .pasid = IOASID_PASID_NONE},
		{.what = IOASID_INVALIDATE_SPACE}, {.what = IOASID_INVALIDATE_DEVICE},
		{.what = IOASID_INVALIDATE_PASID, .pasid = IOASID_PASID_NONE},
		{.what = IOASID_INVALIDATE_PASID, .pasid = 1u << 20}};
	struct contract c;
	struct guest g;

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, MACHINE);
	guest_begin(&g, &c);
	ok(ioasid_space_bind_pasid_table(g.child, &table));
	list[3].device = g.nic->device;
	ck_assert_int_eq(ok(ioasid_space_invalidate(g.child, list, 6)), 5);
	support_error_has("list[5]", "ioasid_space_invalidate");
	support_error_has("20 bits", "ioasid_space_invalidate");
	ok(ioasid_space_unbind_pasid_table(g.child));
	guest_end(&g);
	contract_end(&c);
}
END_TEST

void contract_add_pasid(Suite *suite)
{
	TCase *tcase = support_case(suite, "PASID tables");

	contract_test(tcase, a_space_with_a_pasid_table_takes_no_map_and_no_pasid);
	contract_test(tcase, beside_a_pasid_table_a_pasid_leads_to_another_child_of_the_parent);
	contract_test(tcase, invalidations_of_a_pasid_table_are_of_a_pasid);
}
