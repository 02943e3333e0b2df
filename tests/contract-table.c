/* SPDX-License-Identifier: MIT */
/*
 * The contract, rule 6: only a child has a guest's page table bound, of a parent that was made for
 * it; then it takes no map, and a mapped child takes no table. What a table translates is in the
 * tests of backends.
 */
#include "contract.h"
#include <stdio.h>
#include <stdlib.h>

/* A child of a nesting parent, both attached to a device that nests. */
struct guest {
	struct contract_nic *nic;
	struct ioasid_space *parent, *child;
	struct ioasid_attachment *below, *above;
	unsigned char *memory;
};

static int bind_table(struct ioasid_space *space)
{
	return ioasid_space_bind_pgtable(space, &(struct ioasid_pgtable){
							.size = sizeof(struct ioasid_pgtable),
							.format = IOASID_PGTABLE_VTD_S1,
							.addr = AT(0x5000),
							.addr_width = 48,
						});
}

static void guest_begin(struct guest *g, struct contract *c, uint32_t intent)
{
	g->memory = support_memory(PAGE, 31);
	g->nic = contract_nic(c, "nic0", (struct contract_wish){.nesting = true});
	ok(ioasid_space_new(c->ctx, IOASID_OPTS(ioasid_space_opts, .flags = intent), &g->parent));
	g->child = contract_child(g->parent);
	g->below = contract_attach(g->nic, g->parent);
	ok(contract_map(g->parent, AT(0x5000), g->memory, PAGE, IOASID_MAP_RW));
	g->above = contract_attach(g->nic, g->child);
}

static void guest_end(struct guest *g)
{
	ok(ioasid_attachment_detach(g->above));
	ok(ioasid_attachment_detach(g->below));
	ok(ioasid_space_destroy(g->child));
	ok(ioasid_space_destroy(g->parent));
	free(g->memory);
}

START_TEST(only_a_child_takes_a_page_table)
{
	struct contract c;
	struct guest g;

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .nesting = true);
	guest_begin(&g, &c, IOASID_SPACE_NEST_PARENT);
	fails(-EINVAL, "parent", bind_table(g.parent));
	DMA_FAILS(&c, g.nic, AT(0x5000));
	guest_end(&g);
	contract_end(&c);
}
END_TEST

START_TEST(only_a_child_of_a_nesting_parent_takes_a_page_table)
{
	struct contract c;
	struct guest g;
	char parent[32];

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .nesting = true);
	guest_begin(&g, &c, 0);
	snprintf(parent, sizeof(parent), "space %u", ioasid_space_id(g.parent));
	fails(-EINVAL, parent, bind_table(g.child));
	support_error_has("NEST_PARENT", "bind");
	guest_end(&g);
	contract_end(&c);
}
END_TEST

START_TEST(a_child_with_maps_takes_no_page_table)
{
	struct contract c;
	struct guest g;

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .nesting = true);
	guest_begin(&g, &c, IOASID_SPACE_NEST_PARENT);
	ok(contract_nest(g.child, AT(0x9000), AT(0x5000), PAGE, IOASID_MAP_READ));
	fails(-EBUSY, "0x40009000-0x40009fff", bind_table(g.child));
	DMA_SEES(&c, g.nic, AT(0x9000), g.memory, PAGE);
	guest_end(&g);
	contract_end(&c);
}
END_TEST

START_TEST(a_child_with_a_page_table_takes_no_map)
{
	struct contract c;
	struct guest g;

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .tables = true);
	guest_begin(&g, &c, IOASID_SPACE_NEST_PARENT);
	ok(bind_table(g.child));
	fails(-EBUSY, "page table",
		contract_nest(g.child, AT(0x9000), AT(0x5000), PAGE, IOASID_MAP_READ));
	fails(-EBUSY, "page table", bind_table(g.child));
	ok(ioasid_attachment_detach(g.above));
	fails(-EBUSY, "page table", ioasid_space_destroy(g.child));
	g.above = contract_attach(g.nic, g.child);
	ok(ioasid_space_unbind_pgtable(g.child));
	ok(contract_nest(g.child, AT(0x9000), AT(0x5000), PAGE, IOASID_MAP_READ));
	DMA_SEES(&c, g.nic, AT(0x9000), g.memory, PAGE);
	guest_end(&g);
	contract_end(&c);
}
END_TEST

START_TEST(what_a_guest_invalidates_is_handled_in_order)
{
	struct contract c;
	struct guest g;
	struct ioasid_invalidation list[] = {{.what = IOASID_INVALIDATE_RANGE, .length = PAGE},
		{.what = IOASID_INVALIDATE_DEVICE}, {.what = IOASID_INVALIDATE_SPACE}};

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .tables = true);
	guest_begin(&g, &c, IOASID_SPACE_NEST_PARENT);
	ok(bind_table(g.child));
	list[1].device = g.nic->device;
	ck_assert_int_eq(ok(ioasid_space_invalidate(g.child, list, 3)), 3);
	list[1].device = contract_nic(&c, "nic1", (struct contract_wish){.tables = true})->device;
	ck_assert_int_eq(ok(ioasid_space_invalidate(g.child, list, 3)), 1);
	support_error_has("list[1]", "ioasid_space_invalidate");
	support_error_has("not attached", "ioasid_space_invalidate");
	fails(-EINVAL, "list[0]", ioasid_space_invalidate(g.child, list + 1, 2));
	ck_assert_int_eq(ok(ioasid_space_invalidate(g.child, list + 2, 1)), 1);
	ok(ioasid_space_unbind_pgtable(g.child));
	guest_end(&g);
	contract_end(&c);
}
END_TEST

START_TEST(without_a_page_table_there_is_nothing_to_unbind_or_invalidate)
{
	struct contract c;
	struct guest g;
	struct ioasid_invalidation all = {.what = IOASID_INVALIDATE_SPACE};

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .nesting = true);
	guest_begin(&g, &c, IOASID_SPACE_NEST_PARENT);
	fails(-ENOENT, "no page table", ioasid_space_unbind_pgtable(g.child));
	fails(-ENOENT, "no page table", ioasid_space_invalidate(g.child, &all, 1));
	guest_end(&g);
	contract_end(&c);
}
END_TEST

START_TEST(the_hosts_pasid_tables_and_pasids_as_they_are_are_refused_by_name)
{
	struct contract c;
	struct guest g;
	struct ioasid_pgtable table = {.size = sizeof(table),
		.format = IOASID_PGTABLE_VTD_S1,
		.addr = AT(0x5000),
		.addr_width = 48};

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .nesting = true);
	guest_begin(&g, &c, IOASID_SPACE_NEST_PARENT);
	fails(-EOPNOTSUPP, "PASID table", ioasid_space_bind_pasid_table(g.child, &table));
	fails(-ENOENT, "PASID table", ioasid_space_unbind_pasid_table(g.child));
	fails(-EINVAL, "PASID", ioasid_kvm_map_pasid(g.below, 0));
	guest_end(&g);
	contract_end(&c);
}
END_TEST

void contract_add_table(Suite *suite)
{
	TCase *tcase = support_case(suite, "rule 6: page tables");

	contract_test(tcase, only_a_child_takes_a_page_table);
	contract_test(tcase, only_a_child_of_a_nesting_parent_takes_a_page_table);
	contract_test(tcase, a_child_with_maps_takes_no_page_table);
	contract_test(tcase, a_child_with_a_page_table_takes_no_map);
	contract_test(tcase, what_a_guest_invalidates_is_handled_in_order);
	contract_test(tcase, without_a_page_table_there_is_nothing_to_unbind_or_invalidate);
	contract_test(tcase, the_hosts_pasid_tables_and_pasids_as_they_are_are_refused_by_name);
}
