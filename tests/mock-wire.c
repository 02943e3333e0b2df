/* SPDX-License-Identifier: MIT */
/*
 * Of the mock: what PASID the DMA of a route has on the wire: the guest's, one of the device's own,
 * or one of the platform's that all devices share whose work comes by ENQCMD.
 */
#include "allocator.h"
#include "mock/wire.h"
#include "wirekit.h"
#include <unistd.h>

START_TEST(a_device_of_its_own_sends_its_guests_pasid)
{
	struct ioasid_attachment *routes[2];
	struct wires w;

	wires_begin(&w, 0, 0);
	wires_none(&w, PDEV, NOBODY);
	wires_none(&w, PDEV, 5);
	routes[0] = wires_attach(&w, PDEV, 0, NOBODY);
	routes[1] = wires_attach(&w, PDEV, 1, 5);
	WIRE_IS(&w, PDEV, NOBODY, NOBODY);
	WIRE_IS(&w, PDEV, 5, 5);
	wires_none(&w, PDEV, 6);
	ok(ioasid_attachment_detach(routes[1]));
	wires_none(&w, PDEV, 5);
	ok(ioasid_attachment_detach(routes[0]));
	wires_end(&w);
}
END_TEST

START_TEST(of_a_mediated_device_each_route_has_a_number_of_its_own)
{
	struct ioasid_attachment *routes[3];
	struct wires w;

	wires_begin(&w, 0, 0);
	routes[0] = wires_attach(&w, MDEV, 0, NOBODY);
	routes[1] = wires_attach(&w, MDEV, 0, 5);
	routes[2] = wires_attach(&w, MDEV, 1, 0);
	WIRE_IS(&w, MDEV, NOBODY, WIRE_TOP);
	WIRE_IS(&w, MDEV, 5, WIRE_TOP - 1);
	WIRE_IS(&w, MDEV, 0, WIRE_TOP - 2);
	ck_assert_int_eq(wires_space(&w, MDEV, 5), 0);
	ck_assert_int_eq(wires_space(&w, MDEV, 0), 1);
	/* what is given back is given again, and a replace keeps what there is */
	ok(ioasid_attachment_detach(routes[1]));
	wires_none(&w, MDEV, 5);
	ok(ioasid_attachment_replace(routes[2], w.space[2]));
	WIRE_IS(&w, MDEV, 0, WIRE_TOP - 2);
	routes[1] = wires_attach(&w, MDEV, 2, 7);
	WIRE_IS(&w, MDEV, 7, WIRE_TOP - 1);
	for (int i = 0; i < 3; i++)
		ok(ioasid_attachment_detach(routes[i]));
	wires_end(&w);
}
END_TEST

START_TEST(where_work_comes_by_enqcmd_a_space_has_one_number)
{
	struct ioasid_attachment *routes[4];
	struct wires w;

	wires_begin(&w, 0, 0);
	routes[0] = wires_attach(&w, SHARED, 0, 5);
	routes[1] = wires_attach(&w, SHARED2, 0, 9); /* the guest calls it otherwise */
	routes[2] = wires_attach(&w, SHARED2, 1, 5);
	routes[3] = wires_attach(&w, MDEV, 1, 5); /* of its own again */
	WIRE_IS(&w, SHARED, 5, WIRE_TOP);
	WIRE_IS(&w, SHARED2, 9, WIRE_TOP);
	WIRE_IS(&w, SHARED2, 5, WIRE_TOP - 1);
	WIRE_IS(&w, MDEV, 5, WIRE_TOP);
	/* it stays as long as one route has it */
	ok(ioasid_attachment_detach(routes[0]));
	WIRE_IS(&w, SHARED2, 9, WIRE_TOP);
	routes[0] = wires_attach(&w, SHARED3, 2, NOBODY);
	WIRE_IS(&w, SHARED3, NOBODY, WIRE_TOP - 2);
	ok(ioasid_attachment_detach(routes[1]));
	routes[1] = wires_attach(&w, SHARED, 2, 1);
	WIRE_IS(&w, SHARED, 1, WIRE_TOP - 2);
	ok(ioasid_attachment_detach(routes[0]));
	ok(ioasid_attachment_detach(routes[1]));
	routes[0] = wires_attach(&w, SHARED, 0, 3);
	WIRE_IS(&w, SHARED, 3, WIRE_TOP);
	ok(ioasid_attachment_detach(routes[0]));
	ok(ioasid_attachment_detach(routes[2]));
	ok(ioasid_attachment_detach(routes[3]));
	ck_assert_uint_eq(w.mock->wires.count, 0);
	wires_end(&w);
}
END_TEST

START_TEST(a_replace_gives_such_a_route_the_number_of_the_other_space)
{
	struct ioasid_attachment *routes[2];
	struct wires w;

	wires_begin(&w, 0, 0);
	routes[0] = wires_attach(&w, SHARED, 0, 5);
	routes[1] = wires_attach(&w, SHARED2, 1, 5);
	ok(ioasid_attachment_replace(routes[0], w.space[1]));
	WIRE_IS(&w, SHARED, 5, WIRE_TOP - 1);
	ck_assert_uint_eq(w.mock->wires.count, 1);
	ok(ioasid_attachment_replace(routes[0], w.space[1]));
	ok(ioasid_attachment_replace(routes[0], w.space[2]));
	WIRE_IS(&w, SHARED, 5, WIRE_TOP);
	WIRE_IS(&w, SHARED2, 5, WIRE_TOP - 1);
	ok(ioasid_attachment_detach(routes[0]));
	ok(ioasid_attachment_detach(routes[1]));
	ck_assert_uint_eq(w.mock->wires.count, 0);
	wires_end(&w);
}
END_TEST

START_TEST(a_child_has_its_own_number_while_it_is_attached)
{
	struct ioasid_attachment *below, *above;
	struct ioasid_space *child;
	struct wires w;

	wires_begin(&w, 0, 0);
	ok(ioasid_space_new_nested(w.space[0], NULL, &child));
	below = wires_attach(&w, SHARED, 0, 5);
	ok(ioasid_device_attach(w.device[SHARED], child,
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = 5), &above));
	WIRE_IS(&w, SHARED, 5, WIRE_TOP - 1);
	ck_assert_uint_eq(w.mock->wires.count, 1);
	ok(ioasid_attachment_detach(above));
	WIRE_IS(&w, SHARED, 5, WIRE_TOP);
	ok(ioasid_attachment_detach(below));
	ok(ioasid_space_destroy(child));
	wires_end(&w);
}
END_TEST

/* One route for all, but numbers are each device's, who gets one when it is attached itself. */
START_TEST(mates_of_a_group_have_numbers_of_their_own)
{
	struct ioasid_attachment *routes[DEVICES] = {NULL};
	struct wires w;

	wires_begin(&w, 0, 7);
	routes[SHARED] = wires_attach(&w, SHARED, 0, NOBODY);
	WIRE_IS(&w, PDEV, NOBODY, NOBODY);
	ck_assert_int_eq(wires_space(&w, PDEV, NOBODY), 0);
	wires_none(&w, MDEV, NOBODY);
	fails(-ENODEV, "no space", wires_space(&w, MDEV, NOBODY));
	routes[MDEV] = wires_attach(&w, MDEV, 0, NOBODY);
	routes[SHARED2] = wires_attach(&w, SHARED2, 0, NOBODY);
	ck_assert_int_eq(wires_space(&w, MDEV, NOBODY), 0);
	WIRE_IS(&w, MDEV, NOBODY, WIRE_TOP);
	WIRE_IS(&w, SHARED, NOBODY, WIRE_TOP);
	WIRE_IS(&w, SHARED2, NOBODY, WIRE_TOP);
	/* a replace moves all of them */
	ok(ioasid_attachment_replace(routes[SHARED], w.space[1]));
	for (int i = MDEV; i <= SHARED2; i++)
		ck_assert_int_eq(wires_space(&w, i, NOBODY), 1);
	WIRE_IS(&w, MDEV, NOBODY, WIRE_TOP);
	WIRE_IS(&w, SHARED, NOBODY, WIRE_TOP - 1);
	WIRE_IS(&w, SHARED2, NOBODY, WIRE_TOP - 1);
	ck_assert_uint_eq(w.mock->wires.count, 1);
	ok(ioasid_attachment_replace(routes[MDEV], w.space[1]));
	ok(ioasid_attachment_replace(routes[SHARED2], w.space[1]));
	ok(ioasid_attachment_detach(routes[SHARED]));
	wires_none(&w, SHARED, NOBODY);
	WIRE_IS(&w, SHARED2, NOBODY, WIRE_TOP - 1);
	ok(ioasid_attachment_detach(routes[SHARED2]));
	ck_assert_uint_eq(w.mock->wires.count, 0);
	ok(ioasid_attachment_detach(routes[MDEV]));
	wires_none(&w, PDEV, NOBODY);
	wires_end(&w);
}
END_TEST

START_TEST(strictly_each_mate_moves_alone)
{
	struct ioasid_attachment *routes[DEVICES];
	struct wires w;

	wires_begin(&w, IOASID_MOCK_STRICT, 7);
	for (int i = 0; i < DEVICES; i++)
		routes[i] = wires_attach(&w, i, 0, NOBODY);
	for (int i = SHARED; i <= SHARED3; i++)
		WIRE_IS(&w, i, NOBODY, WIRE_TOP);
	ok(ioasid_attachment_replace(routes[SHARED], w.space[1]));
	WIRE_IS(&w, SHARED, NOBODY, WIRE_TOP - 1);
	WIRE_IS(&w, SHARED2, NOBODY, WIRE_TOP);
	WIRE_IS(&w, MDEV, NOBODY, WIRE_TOP);
	/* who needs none of the platform's is moved without one */
	w.mock->wires.limit = 2;
	ok(ioasid_attachment_replace(routes[MDEV], w.space[2]));
	ok(ioasid_attachment_replace(routes[PDEV], w.space[2]));
	fails(-ENOSPC, "space 3", ioasid_attachment_replace(routes[SHARED2], w.space[2]));
	for (int i = 0; i < DEVICES; i++)
		ok(ioasid_attachment_detach(routes[i]));
	wires_end(&w);
}
END_TEST

START_TEST(without_a_number_left_nothing_changes)
{
	struct ioasid_attachment *routes[3], *none = NULL;
	struct wires w;

	wires_begin(&w, 0, 0);
	w.mock->wires.limit = 2;
	w.hw[MDEV]->wires.limit = 1;
	routes[0] = wires_attach(&w, SHARED, 0, 5);
	routes[1] = wires_attach(&w, SHARED2, 1, 5);
	fails(-ENOSPC, "the platform has no PASID left for space",
		wires_try(&w, SHARED, 2, 6, &none));
	fails(-ENOSPC, "the platform has no PASID left for space",
		ioasid_attachment_replace(routes[0], w.space[2]));
	WIRE_IS(&w, SHARED, 5, WIRE_TOP);
	ck_assert_int_eq(wires_space(&w, SHARED, 5), 0);
	wires_none(&w, SHARED, 6);
	/* not a number more for what has one, nor for who needs none */
	ok(ioasid_attachment_replace(routes[0], w.space[1]));
	ok(ioasid_attachment_replace(routes[0], w.space[2]));
	WIRE_IS(&w, SHARED, 5, WIRE_TOP);
	routes[2] = wires_attach(&w, MDEV, 0, 5);
	fails(-ENOSPC, "has no PASID left", wires_try(&w, MDEV, 1, 6, &none));
	wires_none(&w, MDEV, 6);
	ok(ioasid_attachment_replace(routes[2], w.space[1]));
	ck_assert_int_eq(wires_space(&w, MDEV, 5), 1);
	ck_assert_ptr_null(none);
	for (int i = 0; i < 3; i++)
		ok(ioasid_attachment_detach(routes[i]));
	wires_end(&w);
}
END_TEST

START_TEST(there_are_as_many_as_20_bits_have_but_for_0)
{
	struct ioasid_attachment *route;
	struct wires w;
	uint32_t number;

	wires_begin(&w, 0, 0);
	while (w.mock->wires.count < MOCK_WIRE_COUNT - 1)
		ck_assert_int_eq(table_put(&w.mock->wires, &w, &number), 0);
	route = wires_attach(&w, SHARED, 0, 5);
	WIRE_IS(&w, SHARED, 5, 1);
	fails(-ENOSPC, "space 2", ioasid_attachment_replace(route, w.space[1]));
	ok(ioasid_attachment_detach(route));
	wires_end(&w);
}
END_TEST

START_TEST(the_numbers_of_a_context_end_with_it)
{
	struct ioasid_attachment *routes[3];
	struct wires w;

	wires_begin(&w, 0, 0);
	routes[0] = wires_attach(&w, SHARED, 0, 5);
	routes[1] = wires_attach(&w, SHARED2, 1, 5);
	routes[2] = wires_attach(&w, MDEV, 1, NOBODY);
	ioasid_close(w.ctx);
	w.ctx = NULL;
	wires_none(&w, SHARED, 5);
	ck_assert_uint_eq(w.mock->wires.count, 0);
	ck_assert_uint_eq(w.hw[MDEV]->wires.count, 0);
	for (int i = 0; i < 3; i++)
		ok(ioasid_attachment_detach(routes[i]));
	wires_end(&w);
}
END_TEST

START_TEST(an_unbound_mate_sends_nothing)
{
	struct ioasid_attachment *route;
	struct wires w;

	wires_begin(&w, 0, 7);
	route = wires_attach(&w, MDEV, 0, NOBODY);
	WIRE_IS(&w, PDEV, NOBODY, NOBODY);
	ok(ioasid_device_unbind(w.device[PDEV]));
	w.device[PDEV] = NULL;
	wires_none(&w, PDEV, NOBODY);
	ok(ioasid_attachment_detach(route));
	wires_end(&w);
}
END_TEST

START_TEST(what_a_device_cannot_do_is_refused)
{
	struct ioasid_mock_device *hw;
	uint32_t wire;
	struct wires w;

	wires_begin(&w, 0, 0);
	fails(-EINVAL, "ioasid_mock_wire_pasid: device is NULL",
		ioasid_mock_wire_pasid(NULL, 0, &wire));
	fails(-EINVAL, "ioasid_mock_wire_pasid: wire is NULL",
		ioasid_mock_wire_pasid(w.hw[0], 0, NULL));
	wires_none(&w, MDEV, UINT32_MAX - 1);
	fails(-EINVAL, "pasid_bits is 0",
		ioasid_mock_device_new(w.mock,
			IOASID_OPTS(ioasid_mock_device_opts, .flags = IOASID_MOCK_DEVICE_ENQCMD),
			&hw));
	wires_end(&w);
}
END_TEST

START_TEST(a_device_says_that_it_takes_enqcmd)
{
	struct ioasid_device_info info = {.size = sizeof(info)};
	struct wires w;

	wires_begin(&w, 0, 0);
	for (int i = 0; i < DEVICES; i++) {
		ok(ioasid_device_info(w.device[i], &info));
		ck_assert_int_eq(!!(info.flags & IOASID_DEVICE_ENQCMD), i != MDEV);
	}
	wires_end(&w);
}
END_TEST

/* Any allocation of an attach or a replace may fail, and then no number is lost or kept. */
static void without_memory(struct wires *w, int device)
{
	struct ioasid_attachment *route = NULL;
	unsigned long nth = 0;
	uint32_t before;
	int err;

	do {
		allocator_fail(++nth);
		err = wires_try(w, device, 0, 5, &route);
		ck_assert_int_eq(err, allocator_failed() ? -ENOMEM : 0);
		if (err)
			wires_none(w, device, 5);
	} while (err);
	ck_assert_uint_gt(nth, 3);
	before = wires_of(w, device, 5);
	ck_assert_uint_eq(before, device == PDEV ? 5 : WIRE_TOP);
	nth = 0;
	do {
		allocator_fail(++nth);
		err = ioasid_attachment_replace(route, w->space[1]);
		ck_assert_int_eq(err, allocator_failed() ? -ENOMEM : 0);
		if (!err)
			continue;
		WIRE_IS(w, device, 5, before);
		ck_assert_int_eq(wires_space(w, device, 5), 0);
	} while (err);
	ck_assert_uint_gt(nth, 1);
	ck_assert_int_eq(wires_space(w, device, 5), 1);
	ok(ioasid_attachment_detach(route));
	ck_assert_uint_eq(w->mock->wires.count, 0);
	ck_assert_uint_eq(w->hw[device]->wires.count, 0);
}

START_TEST(without_memory_no_number_is_lost_or_kept)
{
	struct wires w;

	wires_begin(&w, 0, 0);
	without_memory(&w, _i);
	wires_end(&w);
}
END_TEST

/* Attached, replaced and detached at random, and after each step what must always be so is. */
struct random {
	struct wires w;
	struct ioasid_attachment *routes[DEVICES][4];
	int leads[DEVICES][4];
	uint64_t seed;
};

static unsigned int roll(struct random *r, unsigned int below)
{
	r->seed = r->seed * UINT64_C(6364136223846793005) + 1;
	return (unsigned int)(r->seed >> 33) % below;
}

static void step(struct random *r)
{
	int device = (int)roll(r, DEVICES - 1) + 1, space = (int)roll(r, SPACES);
	unsigned int pasid = roll(r, 4);
	struct ioasid_attachment **route = &r->routes[device][pasid];

	if (!*route) {
		*route = wires_attach(&r->w, device, space, pasid ? pasid : NOBODY);
		r->leads[device][pasid] = space;
	} else if (roll(r, 2)) {
		ok(ioasid_attachment_replace(*route, r->w.space[space]));
		r->leads[device][pasid] = space;
	} else {
		ok(ioasid_attachment_detach(*route));
		*route = NULL;
	}
}

static void expect_own(struct random *r)
{
	bool taken[16] = {false};
	unsigned int routes = 0;

	for (uint32_t pasid = 0; pasid < 4; pasid++) {
		uint32_t wire;

		if (!r->routes[MDEV][pasid])
			continue;
		wire = wires_of(&r->w, MDEV, pasid ? pasid : NOBODY);
		ck_assert_uint_gt(wire, WIRE_TOP - 4);
		ck_assert(!taken[WIRE_TOP - wire]);
		taken[WIRE_TOP - wire] = true;
		routes++;
	}
	ck_assert_uint_eq(r->w.hw[MDEV]->wires.count, routes);
}

static void expect_shared(struct random *r)
{
	uint32_t of_space[SPACES] = {0};
	unsigned int spaces = 0;

	for (int device = SHARED; device <= SHARED3; device++)
		for (uint32_t pasid = 0; pasid < 4; pasid++) {
			uint32_t *wire = &of_space[r->leads[device][pasid]], now;

			if (!r->routes[device][pasid])
				continue;
			now = wires_of(&r->w, device, pasid ? pasid : NOBODY);
			ck_assert_uint_gt(now, WIRE_TOP - SPACES);
			spaces += !*wire;
			ck_assert(!*wire || *wire == now);
			*wire = now;
		}
	for (int i = 0; i < SPACES; i++)
		for (int j = 0; j < i; j++)
			ck_assert(!of_space[i] || of_space[i] != of_space[j]);
	ck_assert_uint_eq(r->w.mock->wires.count, spaces);
}

START_TEST(whatever_is_attached_numbers_are_one_for_each_and_no_more)
{
	struct random r = {.seed = 1};

	wires_begin(&r.w, 0, 0);
	for (unsigned long i = support_rounds(3000); i; i--) {
		step(&r);
		expect_own(&r);
		expect_shared(&r);
	}
	for (int device = 0; device < DEVICES; device++)
		for (int pasid = 0; pasid < 4; pasid++)
			ok(ioasid_attachment_detach(r.routes[device][pasid]));
	ck_assert_uint_eq(r.w.mock->wires.count, 0);
	wires_end(&r.w);
}
END_TEST

void add_wire_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "wire");

	tcase_add_test(tcase, a_device_of_its_own_sends_its_guests_pasid);
	tcase_add_test(tcase, of_a_mediated_device_each_route_has_a_number_of_its_own);
	tcase_add_test(tcase, where_work_comes_by_enqcmd_a_space_has_one_number);
	tcase_add_test(tcase, a_replace_gives_such_a_route_the_number_of_the_other_space);
	tcase_add_test(tcase, a_child_has_its_own_number_while_it_is_attached);
	tcase_add_test(tcase, mates_of_a_group_have_numbers_of_their_own);
	tcase_add_test(tcase, strictly_each_mate_moves_alone);
	tcase_add_test(tcase, without_a_number_left_nothing_changes);
	tcase_add_test(tcase, there_are_as_many_as_20_bits_have_but_for_0);
	tcase_add_test(tcase, the_numbers_of_a_context_end_with_it);
	tcase_add_test(tcase, an_unbound_mate_sends_nothing);
	tcase_add_test(tcase, what_a_device_cannot_do_is_refused);
	tcase_add_test(tcase, a_device_says_that_it_takes_enqcmd);
	tcase_add_loop_test(tcase, without_memory_no_number_is_lost_or_kept, 0, DEVICES);
	tcase_add_test(tcase, whatever_is_attached_numbers_are_one_for_each_and_no_more);
}
