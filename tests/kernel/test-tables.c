/* SPDX-License-Identifier: MIT */
/*
 * Page tables of spaces in a real kernel: which are made, which are shared, in which order they
 * end, and what they hold, by the kernel's own look into them. After each test nothing is left in
 * the kernel, and it refused no destroy.
 */
#include "guest.h"
#include "rig.h"
#include <stdlib.h>

/* Attaches all devices to a space of this intent: one table serves them. */
static void devices_share(uint32_t intent, unsigned int tables)
{
	struct rig r;
	struct ioasid_attachment *route[3];
	unsigned char *memory = support_memory(LENGTH, 1);

	rig_begin(&r, 3);

	struct ioasid_space *space = rig_space(&r, intent);

	for (unsigned int i = 0; i < 3; i++)
		route[i] = rig_attach(&r, i, space);
	ok(rig_map(space, AT(0), memory, LENGTH, RW));
	ck_assert_uint_eq(ledger_alive(LEDGER_TABLE), tables);
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_uint_eq(r.hw[i].hwpt, r.hw[0].hwpt);
		rig_holds(&r.hw[i], AT(0), memory);
	}
	/* one that leaves takes nothing along */
	ok(ioasid_attachment_detach(route[0]));
	rig_holds(&r.hw[2], AT(0), memory);
	ok(ioasid_attachment_detach(route[1]));
	ok(ioasid_attachment_detach(route[2]));
	ck_assert_uint_eq(ledger_alive(LEDGER_TABLE), 0);
	ok(ioasid_space_destroy(space));
	rig_end(&r);
	free(memory);
}

START_TEST(devices_of_a_plain_space_share_the_kernels_own_table)
{
	devices_share(0, 0);
}
END_TEST

START_TEST(devices_of_a_space_with_an_intent_share_one_table)
{
	devices_share(IOASID_SPACE_DIRTY_TRACKING, 1);
	devices_share(IOASID_SPACE_NEST_PARENT, 1);
	devices_share(IOASID_SPACE_NEST_PARENT | IOASID_SPACE_DIRTY_TRACKING, 1);
}
END_TEST

/* Devices over two tables of one space: 0 and 2 on the one, 1 and 3 on the other. */
struct mixed {
	struct rig r;
	struct ioasid_space *space;
	struct ioasid_attachment *route[4];
	unsigned char *memory; /* the first half is mapped */
};

static void mixed_begin(struct mixed *m)
{
	m->memory = support_memory(2 * LENGTH, 2);
	rig_begin(&m->r, 4);
	m->space = rig_space(&m->r, IOASID_SPACE_DIRTY_TRACKING);
	ok(rig_map(m->space, AT(0), m->memory, LENGTH, RW));
	for (unsigned int i = 0; i < 4; i++) {
		/* the first table does not suit every other device */
		ledger_refuse(i % 2 ? m->r.hw[i].stdev : 0, m->r.hw[0].hwpt);
		m->route[i] = rig_attach(&m->r, i, m->space);
	}
	ledger_refuse(0, 0);
}

static void mixed_end(struct mixed *m)
{
	for (int i = 0; i < 4; i++)
		ok(ioasid_attachment_detach(m->route[i]));
	ok(ioasid_space_destroy(m->space));
	rig_end(&m->r);
	free(m->memory);
}

START_TEST(a_device_gets_the_first_table_that_suits_it_or_one_more)
{
	struct mixed m;

	mixed_begin(&m);
	ck_assert_uint_eq(ledger_alive(LEDGER_TABLE), 2);
	ck_assert_uint_ne(m.r.hw[1].hwpt, m.r.hw[0].hwpt);
	ck_assert_uint_eq(m.r.hw[2].hwpt, m.r.hw[0].hwpt);
	ck_assert_uint_eq(m.r.hw[3].hwpt, m.r.hw[1].hwpt);
	mixed_end(&m);
}
END_TEST

START_TEST(all_tables_of_a_space_have_its_maps)
{
	struct mixed m;

	mixed_begin(&m);
	ok(rig_map(m.space, AT(LENGTH), m.memory + LENGTH, LENGTH, RW));
	for (int i = 0; i < 4; i++) {
		rig_holds(&m.r.hw[i], AT(0), m.memory);
		rig_holds(&m.r.hw[i], AT(LENGTH), m.memory + LENGTH);
	}
	ok(ioasid_space_unmap(m.space, AT(0), LENGTH));
	for (int i = 0; i < 4; i++) {
		rig_lacks(&m.r.hw[i], AT(0), m.memory);
		rig_holds(&m.r.hw[i], AT(LENGTH), m.memory + LENGTH);
	}
	mixed_end(&m);
}
END_TEST

START_TEST(a_table_ends_with_the_last_device_on_it)
{
	static const unsigned int left[] = {2, 1, 1, 0};
	static const int order[] = {1, 3, 0, 2};
	struct mixed m;

	mixed_begin(&m);
	for (int i = 0; i < 4; i++) {
		ok(ioasid_attachment_detach(m.route[order[i]]));
		m.route[order[i]] = NULL;
		ck_assert_uint_eq(ledger_alive(LEDGER_TABLE), left[i]);
		if (i < 3)
			rig_holds(&m.r.hw[2], AT(0), m.memory);
	}
	mixed_end(&m);
}
END_TEST

START_TEST(a_device_that_refuses_even_its_own_table_leaves_none_behind)
{
	struct rig r;
	struct ioasid_attachment *route = NULL;

	rig_begin(&r, 1);

	struct ioasid_space *space = rig_space(&r, IOASID_SPACE_DIRTY_TRACKING);

	/* the kernel gives the lowest free number: that of the table that was here before */
	route = rig_attach(&r, 0, space);
	ledger_refuse(r.hw[0].stdev, r.hw[0].hwpt);
	ok(ioasid_attachment_detach(route));
	route = NULL;
	fails(-EINVAL, "nic0", ioasid_device_attach(r.device[0], space, NULL, &route));
	ck_assert_ptr_null(route);
	ck_assert_uint_eq(ledger_alive(LEDGER_TABLE), 0);
	ledger_refuse(0, 0);
	route = rig_attach(&r, 0, space);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(space));
	rig_end(&r);
}
END_TEST

START_TEST(a_detach_that_the_device_refuses_changes_nothing)
{
	struct rig r;
	struct ioasid_attachment *route;
	unsigned char *memory = support_memory(LENGTH, 3);

	rig_begin(&r, 1);

	struct ioasid_space *space = rig_space(&r, IOASID_SPACE_DIRTY_TRACKING);

	route = rig_attach(&r, 0, space);
	ok(rig_map(space, AT(0), memory, LENGTH, RW));
	ledger_refuse(r.hw[0].stdev, r.hw[0].scratch);
	fails(-EINVAL, "nic0", ioasid_attachment_detach(route));
	ledger_refuse(0, 0);
	rig_holds(&r.hw[0], AT(0), memory);
	ck_assert_ptr_eq(ioasid_attachment_space(route), space);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(space));
	rig_end(&r);
	free(memory);
}
END_TEST

START_TEST(a_replace_between_intents_keeps_a_table_only_where_it_is_used)
{
	static const uint32_t intents[] = {
		0, IOASID_SPACE_DIRTY_TRACKING, IOASID_SPACE_NEST_PARENT};
	struct rig r;
	struct ioasid_space *space[3];
	unsigned char *memory = support_memory(3 * LENGTH, 3);

	rig_begin(&r, 1);
	for (int i = 0; i < 3; i++) {
		space[i] = rig_space(&r, intents[i]);
		ok(rig_map(space[i], AT(0), memory + (unsigned int)i * LENGTH, LENGTH, RW));
	}

	struct ioasid_attachment *route = rig_attach(&r, 0, space[0]);

	for (int i = 1; i < 10; i++) {
		ok(ioasid_attachment_replace(route, space[i % 3]));
		ck_assert_uint_eq(ledger_alive(LEDGER_TABLE), i % 3 ? 1 : 0);
		rig_holds(&r.hw[0], AT(0), memory + (unsigned int)(i % 3) * LENGTH);
	}
	ok(ioasid_attachment_detach(route));
	for (int i = 0; i < 3; i++)
		ok(ioasid_space_destroy(space[i]));
	rig_end(&r);
	free(memory);
}
END_TEST

static uint64_t asks_for_huge_pages(struct rig *r, struct ioasid_space *space)
{
	struct iommufd_option option = {
		.size = sizeof(option),
		.option_id = IOMMUFD_OPTION_HUGE_PAGES,
		.op = IOMMUFD_OPTION_OP_GET,
		.object_id = ioasid_space_id(space),
	};

	ck_assert_int_eq(iommufd_call(r->iommufd, IOMMUFD_OPTION, &option), 0);
	return option.val64;
}

START_TEST(the_kernel_is_told_of_a_space_of_small_pages)
{
	struct rig r;
	struct ioasid_space_info info = {.size = sizeof(info)};
	struct ioasid_attachment *route;
	unsigned char *memory = support_memory(LENGTH, 4);

	rig_begin(&r, 1);

	struct ioasid_space *small = rig_space(&r, IOASID_SPACE_SMALL_PAGES);
	struct ioasid_space *any = rig_space(&r, 0);

	ck_assert_uint_eq(asks_for_huge_pages(&r, small), 0);
	ck_assert_uint_eq(asks_for_huge_pages(&r, any), 1);
	ok(ioasid_space_info(small, &info));
	ck_assert_uint_eq(info.page_sizes, PAGE);
	route = rig_attach(&r, 0, small);
	ok(rig_map(small, AT(0), memory, LENGTH, RW));
	rig_holds(&r.hw[0], AT(0), memory);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(small));
	ok(ioasid_space_destroy(any));
	rig_end(&r);
	free(memory);
}
END_TEST

/* A guest's: its table over the parent's, for two devices; and a parent with dirty tracking. */
struct guest {
	struct rig r;
	struct ioasid_faultq *faults;
	struct ioasid_space *parent, *child;
	struct ioasid_attachment *below[2], *above[2];
	unsigned char *memory;
};

static void guest_begin(struct guest *g)
{
	g->memory = support_memory(LENGTH, 4);
	rig_begin(&g->r, 2);
	g->parent = rig_space(&g->r, IOASID_SPACE_NEST_PARENT | IOASID_SPACE_DIRTY_TRACKING);
	ok(ioasid_faultq_new(g->r.ctx, NULL, &g->faults));
	ok(ioasid_space_new_nested(
		g->parent, IOASID_OPTS(ioasid_space_opts, .faults = g->faults), &g->child));
	for (unsigned int i = 0; i < 2; i++)
		g->below[i] = rig_attach(&g->r, i, g->parent);
	ok(rig_map(g->parent, AT(0), g->memory, LENGTH, RW));
	ok(rig_bind_table(g->child, IOASID_PGTABLE_VTD_S1));
	for (unsigned int i = 0; i < 2; i++) {
		g->above[i] = rig_attach(&g->r, i, g->child);
		ck_assert_int_eq(selftest_check_iotlb(&g->r.hw[i], 0, RIG_TABLE), 0);
	}
	/* one of the parent's, one of the guest's */
	ck_assert_uint_eq(ledger_alive(LEDGER_TABLE), 2);
	ok(ioasid_space_dirty_start(g->parent));
}

START_TEST(handles_end_from_the_leaves_to_the_root)
{
	struct guest g;

	guest_begin(&g);
	for (int i = 0; i < 2; i++)
		ok(ioasid_attachment_detach(g.above[i]));
	for (int i = 0; i < 2; i++)
		rig_holds(&g.r.hw[i], AT(0), g.memory);
	for (int i = 0; i < 2; i++)
		ok(ioasid_attachment_detach(g.below[i]));
	ok(ioasid_space_unbind_pgtable(g.child));
	ok(ioasid_space_destroy(g.child));
	ok(ioasid_space_destroy(g.parent));
	ioasid_faultq_free(g.faults);
	rig_end(&g.r);
	free(g.memory);
}
END_TEST

START_TEST(a_queue_that_ends_first_goes_when_its_last_table_does)
{
	struct guest g;

	guest_begin(&g);
	ioasid_faultq_free(g.faults);
	ok(ioasid_space_unbind_pgtable(g.child));
	ok(ioasid_space_dirty_stop(g.parent));
	for (int i = 0; i < 2; i++) {
		ok(ioasid_attachment_detach(g.above[i]));
		ok(ioasid_attachment_detach(g.below[i]));
	}
	ok(ioasid_space_destroy(g.child));
	ok(ioasid_space_destroy(g.parent));
	rig_end(&g.r);
	free(g.memory);
}
END_TEST

START_TEST(close_ends_everything_at_once_in_the_kernels_order)
{
	struct guest g;

	guest_begin(&g);
	rig_close(&g.r);
	for (int i = 0; i < 2; i++) {
		ok(ioasid_attachment_detach(g.below[i]));
		ok(ioasid_attachment_detach(g.above[i]));
	}
	ok(ioasid_space_destroy(g.parent));
	ok(ioasid_space_destroy(g.child));
	ioasid_faultq_free(g.faults);
	free(g.memory);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tables");
	TCase *tables = support_case(suite, "tables of a space");
	TCase *ends = support_case(suite, "ends");

	tcase_add_test(tables, devices_of_a_plain_space_share_the_kernels_own_table);
	tcase_add_test(tables, devices_of_a_space_with_an_intent_share_one_table);
	tcase_add_test(tables, a_device_gets_the_first_table_that_suits_it_or_one_more);
	tcase_add_test(tables, all_tables_of_a_space_have_its_maps);
	tcase_add_test(tables, a_table_ends_with_the_last_device_on_it);
	tcase_add_test(tables, a_device_that_refuses_even_its_own_table_leaves_none_behind);
	tcase_add_test(tables, a_detach_that_the_device_refuses_changes_nothing);
	tcase_add_test(tables, a_replace_between_intents_keeps_a_table_only_where_it_is_used);
	tcase_add_test(tables, the_kernel_is_told_of_a_space_of_small_pages);
	tcase_add_test(ends, handles_end_from_the_leaves_to_the_root);
	tcase_add_test(ends, a_queue_that_ends_first_goes_when_its_last_table_does);
	tcase_add_test(ends, close_ends_everything_at_once_in_the_kernels_order);
	guest_run(suite);
}
