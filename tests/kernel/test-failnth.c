/* SPDX-License-Identifier: MIT */
/*
 * Failures inside of the kernel, one after the other: of contexts, devices, spaces, routes and
 * maps. What lies on a guest's table is in failnth-guest.c, VFIO in failnth-mdev.c.
 */
#include "fail-nth.h"
#include "failnth.h"
#include "guest.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHECK(name, scenario)                                                                      \
	START_TEST(name)                                                                           \
	{                                                                                          \
		sweep(&(scenario));                                                                \
	}                                                                                          \
	END_TEST

/* Contexts */

static void no_rig(struct stage *stage)
{
	ledger_open();
	stage->memory = NULL;
}

static int open_new(struct stage *stage)
{
	return ioasid_open(NULL, &stage->ctx);
}

static int open_accounting(struct stage *stage)
{
	return ioasid_open(
		IOASID_OPTS(ioasid_open_opts, .flags = IOASID_OPEN_ACCOUNT_PROCESS), &stage->ctx);
}

static void ctx_can_do_all(struct stage *stage)
{
	static const uint32_t extensions[] = {IOASID_EXT_FAULT_QUEUE, IOASID_EXT_REGISTER_MEMORY,
		IOASID_EXT_REPLACE_ATOMIC, IOASID_EXT_MAP_BEFORE_ATTACH};

	/* all that this kernel has was found */
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(ioasid_check_extension(stage->ctx, extensions[i]), 1);
}

static const struct scenario opening = {no_rig, open_new, ctx_can_do_all, stage_clear, 1, false};
static const struct scenario accounting = {
	no_rig, open_accounting, ctx_can_do_all, stage_clear, 1, false};

CHECK(a_context_of_the_device_file, opening)
CHECK(a_context_that_accounts_by_process, accounting)

/* Spaces and queues */

static void one_device(struct stage *stage)
{
	rig_begin(&stage->r, 1);
	stage->memory = support_memory(2 * LENGTH, 9);
}

static int new_space(struct stage *stage, uint32_t flags)
{
	return ioasid_space_new(
		stage->r.ctx, IOASID_OPTS(ioasid_space_opts, .flags = flags), &stage->space[0]);
}

static int plain_space(struct stage *stage)
{
	return new_space(stage, 0);
}

static int small_space(struct stage *stage)
{
	return new_space(stage, IOASID_SPACE_SMALL_PAGES);
}

static int new_queue(struct stage *stage)
{
	return ioasid_faultq_new(stage->r.ctx, NULL, &stage->faults);
}

static const struct scenario space_plain = {one_device, plain_space, NULL, stage_clear, 1, false};
static const struct scenario space_small = {one_device, small_space, NULL, stage_clear, 1, false};
static const struct scenario queue = {one_device, new_queue, NULL, stage_clear, 2, false};

CHECK(a_space, space_plain)
CHECK(a_space_of_small_pages, space_small)
CHECK(a_fault_queue, queue)

/* Devices */

static void no_device(struct stage *stage)
{
	rig_open(&stage->r, 0);
	stage->fd = ok(selftest_fd(&stage->r.hw[0]));
}

static int bind(struct stage *stage)
{
	return ioasid_device_bind(stage->r.ctx, stage->fd, NULL, &stage->r.device[0]);
}

/* All that it can do was found. Where the kernel's injection says "invalid" to one of the two
 * tables that are tried, and not that memory was short, the answer is a driver's no. */
static void device_is_whole(struct stage *stage)
{
	static unsigned int misled;
	struct ioasid_device_info info = {.size = sizeof(info)};

	stage->r.devices = 1;
	ok(ioasid_device_info(stage->r.device[0], &info));
	ck_assert_uint_ne(info.flags & IOASID_DEVICE_PAGE_REQUESTS, 0);
	misled += !(info.flags & IOASID_DEVICE_NESTING);
	misled += !(info.flags & IOASID_DEVICE_DIRTY);
	ck_assert_uint_le(misled, 2);
}

static const struct scenario binding = {no_device, bind, device_is_whole, stage_clear, 5, false};

CHECK(a_device_that_is_bound, binding)

/* Routes */

static void add_space(struct stage *stage, int i, uint32_t flags)
{
	stage->space[i] = rig_space(&stage->r, flags);
	ok(rig_map(stage->space[i], AT(0), stage->memory + (unsigned int)i * LENGTH, LENGTH, RW));
}

static void mapped_space(struct stage *stage)
{
	one_device(stage);
	add_space(stage, 0, 0);
}

static void tracking_space(struct stage *stage)
{
	one_device(stage);
	add_space(stage, 0, IOASID_SPACE_DIRTY_TRACKING | IOASID_SPACE_NEST_PARENT);
	ok(ioasid_space_dirty_start(stage->space[0]));
}

static void space_in_use(struct stage *stage)
{
	tracking_space(stage);
	rig_bind(&stage->r);
	stage->route[1] = rig_attach(&stage->r, 1, stage->space[0]);
}

static int attach(struct stage *stage)
{
	return ioasid_device_attach(stage->r.device[0], stage->space[0], NULL, &stage->route[0]);
}

static void first_is_seen(struct stage *stage)
{
	rig_holds(&stage->r.hw[0], AT(0), stage->memory);
}

static void first_is_noted(struct stage *stage)
{
	uint64_t bits = 1;

	first_is_seen(stage);
	ck_assert_int_eq(selftest_dirty(&stage->r.hw[0], AT(0), LENGTH / 2, &bits), 1);
}

static const struct scenario attaching = {
	mapped_space, attach, first_is_seen, stage_clear, 5, false};
static const struct scenario attaching_tracked = {
	tracking_space, attach, first_is_noted, stage_clear, 5, false};
static const struct scenario attaching_too = {
	space_in_use, attach, first_is_noted, stage_clear, 1, false};

CHECK(an_attach, attaching)
CHECK(an_attach_that_makes_a_table, attaching_tracked)
CHECK(an_attach_to_a_table_in_use, attaching_too)

static void two_spaces(struct stage *stage)
{
	mapped_space(stage);
	add_space(stage, 1, 0);
	stage->route[0] = rig_attach(&stage->r, 0, stage->space[0]);
}

static void two_intents(struct stage *stage)
{
	mapped_space(stage);
	add_space(stage, 1, IOASID_SPACE_DIRTY_TRACKING);
	stage->route[0] = rig_attach(&stage->r, 0, stage->space[0]);
}

/* On failure it is where it was. */
static int replace(struct stage *stage)
{
	int r = ioasid_attachment_replace(stage->route[0], stage->space[1]);

	if (r < 0 && selftest_ioas(&stage->r.hw[0]) != ioasid_space_id(stage->space[0]))
		abort();
	return r;
}

static void second_is_seen(struct stage *stage)
{
	rig_holds(&stage->r.hw[0], AT(0), stage->memory + LENGTH);
	ck_assert_uint_eq(selftest_ioas(&stage->r.hw[0]), ioasid_space_id(stage->space[1]));
}

static const struct scenario replacing = {
	two_spaces, replace, second_is_seen, stage_clear, 5, false};
static const struct scenario replacing_intent = {
	two_intents, replace, second_is_seen, stage_clear, 5, false};

CHECK(a_replace, replacing)
CHECK(a_replace_that_makes_a_table, replacing_intent)

static int detach(struct stage *stage)
{
	int r = ioasid_attachment_detach(stage->route[0]);

	if (!r)
		stage->route[0] = NULL;
	return r;
}

static void attached(struct stage *stage)
{
	mapped_space(stage);
	stage->route[0] = rig_attach(&stage->r, 0, stage->space[0]);
}

static const struct scenario detaching = {attached, detach, NULL, stage_clear, 0, true};

CHECK(a_detach_cannot_fail, detaching)

/* Maps */

static int map_there(struct stage *stage)
{
	return rig_map(stage->space[0], AT(LENGTH), stage->memory + LENGTH, LENGTH, RW);
}

static void both_are_seen(struct stage *stage)
{
	rig_holds(&stage->r.hw[0], AT(0), stage->memory);
	rig_holds(&stage->r.hw[0], AT(LENGTH), stage->memory + LENGTH);
}

static void registered(struct stage *stage)
{
	one_device(stage);
	stage->space[0] = rig_space(&stage->r, 0);
	stage->route[0] = rig_attach(&stage->r, 0, stage->space[0]);
	ok(ioasid_memory_register(stage->r.ctx, stage->memory, 2 * LENGTH));
	ok(rig_map(stage->space[0], AT(0), stage->memory + LENGTH, LENGTH, RW));
}

static void both_share(struct stage *stage)
{
	rig_holds(&stage->r.hw[0], AT(0), stage->memory + LENGTH);
	rig_holds(&stage->r.hw[0], AT(LENGTH), stage->memory + LENGTH);
	ck_assert_int_eq(
		selftest_check_refs(stage->r.iommufd, stage->memory + LENGTH, LENGTH, 1), 0);
}

static int register_more(struct stage *stage)
{
	return ioasid_memory_register(stage->r.ctx, stage->memory, LENGTH);
}

static int unmap(struct stage *stage)
{
	return (int)ioasid_space_unmap(stage->space[0], 0, UINT64_MAX);
}

static void nothing_is_seen(struct stage *stage)
{
	rig_lacks(&stage->r.hw[0], AT(0), stage->memory);
}

static void file(struct stage *stage)
{
	attached(stage);
	stage->fd = memfd_create("memory", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(stage->fd, (off_t)LENGTH), 0);
}

static int map_file(struct stage *stage)
{
	struct ioasid_map map = {
		.length = LENGTH, .iova = AT(LENGTH), .flags = RW | IOASID_MAP_FIXED};

	return ioasid_space_map_file(stage->space[0], stage->fd, 0, &map);
}

static int allow(struct stage *stage)
{
	const struct ioasid_range windows[] = {
		{AT(0), AT(LENGTH - 1)}, {AT(2 * LENGTH), AT(3 * LENGTH - 1)}};

	return ioasid_space_allow(stage->space[0], windows, 2);
}

static const struct scenario mapping = {attached, map_there, both_are_seen, stage_clear, 5, false};
static const struct scenario sharing = {registered, map_there, both_share, stage_clear, 5, false};
static const struct scenario registering = {one_device, register_more, NULL, stage_clear, 3, false};
static const struct scenario unmapping = {attached, unmap, nothing_is_seen, stage_clear, 0, false};
static const struct scenario filing = {file, map_file, NULL, stage_clear, 5, false};
static const struct scenario allowing = {attached, allow, NULL, stage_clear, 2, false};

CHECK(a_map, mapping)
CHECK(a_map_of_registered_memory, sharing)
CHECK(the_registering_of_memory, registering)
CHECK(an_unmap, unmapping)
CHECK(a_map_of_a_file, filing)
CHECK(allowed_windows, allowing)

/* Software nesting */

static void parent_and_child(struct stage *stage)
{
	attached(stage);
	ok(ioasid_space_new_nested(stage->space[0], NULL, &stage->space[1]));
	stage->route[1] = rig_attach(&stage->r, 0, stage->space[1]);
}

static int map_child(struct stage *stage)
{
	return rig_map(stage->space[1], AT(4 * LENGTH), (void *)(uintptr_t)AT(0), 2 * LENGTH, RW);
}

static void child_is_seen(struct stage *stage)
{
	rig_holds(&stage->r.hw[0], AT(4 * LENGTH), stage->memory);
}

static void child_over_a_hole(struct stage *stage)
{
	parent_and_child(stage);
	ok(map_child(stage));
}

static void child_sees_both(struct stage *stage)
{
	child_is_seen(stage);
	rig_holds(&stage->r.hw[0], AT(5 * LENGTH), stage->memory + LENGTH);
}

static int attach_child(struct stage *stage)
{
	return ioasid_device_attach(stage->r.device[0], stage->space[1], NULL, &stage->route[1]);
}

static void child_not_attached(struct stage *stage)
{
	child_over_a_hole(stage);
	ok(ioasid_attachment_detach(stage->route[1]));
	stage->route[1] = NULL;
}

static int detach_child(struct stage *stage)
{
	int r = ioasid_attachment_detach(stage->route[1]);

	if (!r)
		stage->route[1] = NULL;
	return r;
}

static const struct scenario nesting = {
	parent_and_child, map_child, child_is_seen, stage_clear, 5, false};
static const struct scenario showing = {
	child_over_a_hole, map_there, child_sees_both, stage_clear, 5, false};
static const struct scenario hiding = {child_over_a_hole, unmap, NULL, stage_clear, 0, false};
static const struct scenario climbing = {
	child_not_attached, attach_child, child_is_seen, stage_clear, 5, false};
static const struct scenario descending = {
	child_over_a_hole, detach_child, first_is_seen, stage_clear, 5, false};

CHECK(a_childs_map, nesting)
CHECK(a_parents_map_below_a_childs, showing)
CHECK(a_parents_unmap_below_a_childs, hiding)
CHECK(an_attach_to_a_child, climbing)
CHECK(a_detach_from_a_child, descending)

static void add_objects(Suite *suite)
{
	TCase *tcase = support_case(suite, "objects");

	tcase_add_unchecked_fixture(tcase, fail_nth_open, NULL);
	tcase_add_test(tcase, a_context_of_the_device_file);
	tcase_add_test(tcase, a_context_that_accounts_by_process);
	tcase_add_test(tcase, a_space);
	tcase_add_test(tcase, a_space_of_small_pages);
	tcase_add_test(tcase, a_fault_queue);
	tcase_add_test(tcase, a_device_that_is_bound);
}

static void add_routes(Suite *suite)
{
	TCase *tcase = support_case(suite, "routes");

	tcase_add_test(tcase, an_attach);
	tcase_add_test(tcase, an_attach_that_makes_a_table);
	tcase_add_test(tcase, an_attach_to_a_table_in_use);
	tcase_add_test(tcase, a_replace);
	tcase_add_test(tcase, a_replace_that_makes_a_table);
	tcase_add_test(tcase, a_detach_cannot_fail);
}

static void add_maps(Suite *suite)
{
	TCase *tcase = support_case(suite, "maps");

	tcase_add_test(tcase, a_map);
	tcase_add_test(tcase, a_map_of_registered_memory);
	tcase_add_test(tcase, the_registering_of_memory);
	tcase_add_test(tcase, an_unmap);
	tcase_add_test(tcase, a_map_of_a_file);
	tcase_add_test(tcase, allowed_windows);
	tcase_add_test(tcase, a_childs_map);
	tcase_add_test(tcase, a_parents_map_below_a_childs);
	tcase_add_test(tcase, a_parents_unmap_below_a_childs);
	tcase_add_test(tcase, an_attach_to_a_child);
	tcase_add_test(tcase, a_detach_from_a_child);
}

int main(void)
{
	Suite *suite = suite_create("failures inside of the kernel");

	add_objects(suite);
	add_routes(suite);
	add_maps(suite);
	failnth_add_guest(suite);
	failnth_add_mdev(suite);
	guest_run(suite);
}
