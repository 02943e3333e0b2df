/* SPDX-License-Identifier: MIT */
/*
 * Of the mock, PASIDs that a space tracks beside a guest's PASID table: the table translates, the
 * space's own table waits, the space is told of faults, and what it invalidates is forgotten.
 */
#include "nestedkit.h"

#define KINDS 8

/* A guest with a PASID table, of which PASID 1 is tracked by a space with a queue of its own. */
struct tracked {
	struct guest guest;
	struct ioasid_pgtable pasids, own; /* own: the tracking space's page table */
	uint64_t root;
	struct ioasid_faultq *queue;
	struct ioasid_space *space;
	struct ioasid_attachment *route;
};

static struct guest_opts kind(int i)
{
	struct guest_opts opts = guest_flavour(i / 2 * 3 + 1 + i % 2);

	opts.unbound = opts.faults = true;
	opts.device.pasid_bits = 8;
	opts.device.flags = IOASID_MOCK_DEVICE_ATS;
	return opts;
}

static int attach(struct tracked *t)
{
	return ioasid_device_attach(t->guest.device, t->space,
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = 1),
		&t->route);
}

static void tracked_begin(struct tracked *t, const struct guest_opts *opts)
{
	guest_begin(&t->guest, opts);
	t->pasids = guest_new_pasids(&t->guest);
	t->root = guest_new_table(&t->guest);
	guest_set_pasid(&t->guest, 1, t->root);
	ok(ioasid_space_bind_pasid_table(t->guest.giova, &t->pasids));
	ok(ioasid_faultq_new(t->guest.ctx, NULL, &t->queue));
	ok(ioasid_space_new_nested(
		t->guest.gpa, IOASID_OPTS(ioasid_space_opts, .faults = t->queue), &t->space));
	ok(attach(t));
	t->own = t->guest.table;
	t->own.addr = guest_new_table(&t->guest);
}

static void tracked_end(struct tracked *t)
{
	ok(ioasid_attachment_detach(t->route));
	guest_end(&t->guest);
	ok(ioasid_space_destroy(t->space));
	ioasid_faultq_free(t->queue);
}

static struct ioasid_mock_dma dma_of(uint64_t iova, void *buffer, uint64_t length)
{
	struct ioasid_mock_dma dma = guest_dma(IOASID_MOCK_DMA_READ, iova, buffer, length);

	dma.pasid = 1;
	return dma;
}

static unsigned int page_of(struct tracked *t, uint64_t iova)
{
	uint16_t number = 0;
	struct ioasid_mock_dma dma = dma_of(iova, &number, sizeof(number));

	ok(ioasid_mock_dma(t->guest.hw, &dma));
	return number;
}

static void set(struct tracked *t, uint64_t root, uint64_t iova, unsigned int page)
{
	guest_map_at(&t->guest, root, iova, page * PAGE, GUEST_RW, 12);
}

START_TEST(the_pasid_table_translates_and_the_spaces_own_table_waits)
{
	const struct guest_opts opts = kind(_i);
	struct tracked t;

	tracked_begin(&t, &opts);
	set(&t, t.root, 0x1000, 5);
	set(&t, t.own.addr, 0x1000, 6);
	ck_assert_uint_eq(page_of(&t, 0x1000), 5);
	ok(ioasid_space_bind_pgtable(t.space, &t.own));
	ck_assert_uint_eq(page_of(&t, 0x1000), 5);
	/* without the PASID table its time has come */
	ok(ioasid_space_unbind_pasid_table(t.guest.giova));
	ck_assert_uint_eq(page_of(&t, 0x1000), 6);
	ok(ioasid_space_bind_pasid_table(t.guest.giova, &t.pasids));
	ck_assert_uint_eq(page_of(&t, 0x1000), 5);
	tracked_end(&t);
}
END_TEST

static const bool whole_space[] = {true, false};

START_TEST(what_the_space_invalidates_is_forgotten_of_the_pasid)
{
	const struct guest_opts opts = kind(_i % KINDS);
	struct ioasid_invalidation one = {.what = IOASID_INVALIDATE_SPACE};
	bool whole = whole_space[_i / KINDS];
	struct tracked t;

	tracked_begin(&t, &opts);
	ok(ioasid_space_bind_pgtable(t.space, &t.own));
	for (unsigned int i = 1; i < 3; i++) {
		set(&t, t.root, i * PAGE, 10 + i);
		ck_assert_uint_eq(page_of(&t, i * PAGE), 10 + i);
		set(&t, t.root, i * PAGE, 20 + i);
		ck_assert_uint_eq(page_of(&t, i * PAGE), 10 + i);
	}
	if (!whole)
		one = (struct ioasid_invalidation){
			.what = IOASID_INVALIDATE_RANGE, .addr = 0x1000, .length = PAGE};
	ck_assert_int_eq(ok(ioasid_space_invalidate(t.space, &one, 1)), 1);
	ck_assert_uint_eq(page_of(&t, 0x1000), 21);
	ck_assert_uint_eq(page_of(&t, 0x2000), whole ? 22 : 12);
	/* the entry in the PASID table is that table's matter */
	ck_assert_uint_eq(guest_stats(&t.guest).pasid_reads, 1);
	tracked_end(&t);
}
END_TEST

START_TEST(a_page_request_is_the_tracking_spaces)
{
	const struct guest_opts opts = kind(_i);
	struct ioasid_response answer = {.code = IOASID_RESPONSE_SUCCESS};
	struct ioasid_fault fault;
	struct ioasid_mock_dma dma;
	struct tracked t;
	char byte;

	tracked_begin(&t, &opts);
	dma = dma_of(0x1000, &byte, 1);
	ok(ioasid_mock_dma_start(t.guest.hw, &dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(t.guest.mock)), 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(t.guest.faults, &fault, 1)), 0);
	ck_assert_int_eq(ok(ioasid_faultq_read(t.queue, &fault, 1)), 1);
	ck_assert_uint_eq(fault.space, ioasid_space_id(t.space));
	ck_assert_uint_eq(fault.pasid, 1);
	set(&t, t.root, 0x1000, 5);
	answer.id = fault.id;
	ck_assert_int_eq(ok(ioasid_faultq_complete(t.queue, &answer, 1)), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(t.guest.mock)), 0);
	ck_assert_int_eq(dma.status, 0);
	tracked_end(&t);
}
END_TEST

START_TEST(who_no_longer_tracks_answers_what_waits)
{
	const struct guest_opts opts = kind(_i);
	struct ioasid_fault fault;
	struct ioasid_mock_dma dma;
	struct tracked t;
	char byte;

	tracked_begin(&t, &opts);
	dma = dma_of(0x1000, &byte, 1);
	ok(ioasid_mock_dma_start(t.guest.hw, &dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(t.guest.mock)), 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(t.queue, &fault, 1)), 1);
	ok(ioasid_attachment_detach(t.route));
	t.route = NULL;
	ck_assert_int_eq(ok(ioasid_mock_pump(t.guest.mock)), 0);
	ck_assert_int_eq(dma.status, -EFAULT);
	ck_assert_int_eq(ok(ioasid_faultq_read(t.queue, &fault, 1)), 1);
	ck_assert_uint_eq(fault.flags & IOASID_FAULT_CANCELLED, IOASID_FAULT_CANCELLED);
	/* from now on they are the table's own */
	ok(ioasid_mock_dma_start(t.guest.hw, &dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(t.guest.mock)), 1);
	fault = guest_next_fault(&t.guest);
	ck_assert_uint_eq(fault.space, ioasid_space_id(t.guest.giova));
	/* one that waits there is not lost to a space that comes to track it */
	ok(attach(&t));
	set(&t, t.root, 0x1000, 5);
	guest_answer(&t.guest, fault.id, IOASID_RESPONSE_SUCCESS);
	ck_assert_int_eq(ok(ioasid_mock_pump(t.guest.mock)), 0);
	ck_assert_int_eq(dma.status, 0);
	tracked_end(&t);
}
END_TEST

START_TEST(what_waits_in_two_queues_is_answered_when_the_table_goes)
{
	const struct guest_opts opts = kind(_i % KINDS);
	struct ioasid_mock_dma dma[4];
	struct ioasid_fault fault[4];
	struct tracked t;
	char byte[4];

	tracked_begin(&t, &opts);
	guest_set_pasid(&t.guest, 2, t.root);
	for (unsigned int i = 0; i < 4; i++) {
		dma[i] = dma_of((i + 1) * PAGE, &byte[i], 1);
		dma[i].pasid = i % 2 + 1;
		ok(ioasid_mock_dma_start(t.guest.hw, &dma[i]));
	}
	ck_assert_int_eq(ok(ioasid_mock_pump(t.guest.mock)), 4);
	ck_assert_int_eq(ok(ioasid_faultq_read(t.queue, fault, 4)), 2);
	ck_assert_int_eq(ok(ioasid_faultq_read(t.guest.faults, fault, 4)), 2);
	if (_i < KINDS) {
		ok(ioasid_space_unbind_pasid_table(t.guest.giova));
	} else {
		ok(ioasid_attachment_detach(t.guest.to_giova));
		t.guest.to_giova = NULL;
	}
	ck_assert_int_eq(ok(ioasid_mock_pump(t.guest.mock)), 0);
	for (unsigned int i = 0; i < 4; i++)
		ck_assert_int_eq(dma[i].status, -EFAULT);
	ck_assert_int_eq(ok(ioasid_faultq_read(t.queue, fault, 4)), 2);
	ck_assert_uint_eq(fault[1].flags & IOASID_FAULT_CANCELLED, IOASID_FAULT_CANCELLED);
	ck_assert_int_eq(ok(ioasid_faultq_read(t.guest.faults, fault, 4)), 2);
	ck_assert_uint_eq(fault[1].flags & IOASID_FAULT_CANCELLED, IOASID_FAULT_CANCELLED);
	ck_assert_uint_eq(guest_stats(&t.guest).unanswered, 0);
	tracked_end(&t);
}
END_TEST

START_TEST(what_waits_by_the_spaces_own_table_is_answered_when_the_pasid_table_comes)
{
	const struct guest_opts opts = kind(_i);
	struct ioasid_mock_dma dma;
	struct tracked t;
	char byte;

	tracked_begin(&t, &opts);
	ok(ioasid_space_unbind_pasid_table(t.guest.giova));
	ok(ioasid_space_bind_pgtable(t.space, &t.own));
	dma = dma_of(0x1000, &byte, 1);
	ok(ioasid_mock_dma_start(t.guest.hw, &dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(t.guest.mock)), 1);
	ok(ioasid_space_bind_pasid_table(t.guest.giova, &t.pasids));
	ck_assert_int_eq(ok(ioasid_mock_pump(t.guest.mock)), 0);
	ck_assert_int_eq(dma.status, -EFAULT);
	ck_assert_uint_eq(guest_stats(&t.guest).unanswered, 0);
	tracked_end(&t);
}
END_TEST

START_TEST(a_table_of_a_space_that_tracks_cancels_nothing)
{
	const struct guest_opts opts = kind(_i);
	struct ioasid_mock_dma dma;
	struct ioasid_fault fault;
	struct tracked t;
	char byte;

	tracked_begin(&t, &opts);
	dma = dma_of(0x1000, &byte, 1);
	ok(ioasid_mock_dma_start(t.guest.hw, &dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(t.guest.mock)), 1);
	ok(ioasid_space_bind_pgtable(t.space, &t.own));
	ok(ioasid_space_unbind_pgtable(t.space));
	ck_assert_int_eq(ok(ioasid_mock_pump(t.guest.mock)), 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(t.queue, &fault, 1)), 1);
	set(&t, t.root, 0x1000, 5);
	ck_assert_int_eq(
		ok(ioasid_faultq_complete(t.queue, &(struct ioasid_response){.id = fault.id}, 1)),
		1);
	ck_assert_int_eq(ok(ioasid_mock_pump(t.guest.mock)), 0);
	ck_assert_int_eq(dma.status, 0);
	tracked_end(&t);
}
END_TEST

START_TEST(the_route_of_the_table_may_move_away_and_come_back)
{
	const struct guest_opts opts = kind(_i);
	struct tracked t;

	tracked_begin(&t, &opts);
	set(&t, t.root, 0x1000, 5);
	set(&t, t.own.addr, 0x1000, 6);
	ok(ioasid_space_bind_pgtable(t.space, &t.own));
	ck_assert_uint_eq(page_of(&t, 0x1000), 5);
	ok(ioasid_attachment_detach(t.guest.to_giova));
	ck_assert_uint_eq(page_of(&t, 0x1000), 6);
	set(&t, t.root, 0x1000, 7);
	ok(ioasid_device_attach(t.guest.device, t.guest.giova, NULL, &t.guest.to_giova));
	ck_assert_uint_eq(page_of(&t, 0x1000), 7);
	tracked_end(&t);
}
END_TEST

/* While the table translates, the guest invalidates there: no cache keeps the space's own for
 * later.
 */
START_TEST(what_the_space_had_translated_does_not_come_back_with_its_table)
{
	struct guest_opts opts = kind(_i % KINDS);
	struct ioasid_invalidation one = {.what = IOASID_INVALIDATE_PASID, .pasid = 1};
	struct tracked t;

	opts.platform |= IOASID_MOCK_CHECK_STALE;
	tracked_begin(&t, &opts);
	ok(ioasid_space_bind_pgtable(t.space, &t.own));
	set(&t, t.own.addr, 0x1000, 6);
	if (_i < KINDS)
		ok(ioasid_space_unbind_pasid_table(t.guest.giova));
	else
		ok(ioasid_attachment_detach(t.guest.to_giova));
	ck_assert_uint_eq(page_of(&t, 0x1000), 6);
	if (_i < KINDS)
		ok(ioasid_space_bind_pasid_table(t.guest.giova, &t.pasids));
	else
		ok(ioasid_device_attach(t.guest.device, t.guest.giova, NULL, &t.guest.to_giova));
	set(&t, t.own.addr, 0x1000, 7);
	ck_assert_int_eq(ok(ioasid_space_invalidate(t.guest.giova, &one, 1)), 1);
	ok(ioasid_space_unbind_pasid_table(t.guest.giova));
	ck_assert_uint_eq(page_of(&t, 0x1000), 7);
	ck_assert_uint_eq(guest_stats(&t.guest).stale, 0);
	tracked_end(&t);
}
END_TEST

/* Two devices of a group, which has one route where it is not strict. */
START_TEST(a_mate_is_translated_by_the_same_pasid_table)
{
	struct guest_opts opts = kind(_i);
	struct ioasid_attachment *to_gpa, *to_giova;
	struct ioasid_mock_device *hw;
	struct ioasid_device *device;
	struct ioasid_fault fault;
	struct ioasid_mock_dma dma;
	struct tracked t;
	uint16_t number;

	if (opts.platform & IOASID_MOCK_STRICT)
		return;
	opts.device.group = 5;
	/* before a device of the group is bound, so by hand */
	guest_begin(&t.guest, &opts);
	ok(ioasid_attachment_detach(t.guest.to_giova));
	ok(ioasid_attachment_detach(t.guest.to_gpa));
	ok(ioasid_device_unbind(t.guest.device));
	ok(ioasid_mock_device_new(t.guest.mock,
		IOASID_OPTS(ioasid_mock_device_opts, .flags = IOASID_MOCK_DEVICE_PRI,
			.pasid_bits = 8, .group = 5),
		&hw));
	t.guest.device = guest_bind(&t.guest, t.guest.hw, LABEL);
	device = guest_bind(&t.guest, hw, 77);
	ok(ioasid_device_attach(t.guest.device, t.guest.gpa, NULL, &t.guest.to_gpa));
	ok(ioasid_device_attach(t.guest.device, t.guest.giova, NULL, &t.guest.to_giova));
	t.pasids = guest_new_pasids(&t.guest);
	t.root = guest_new_table(&t.guest);
	guest_set_pasid(&t.guest, 1, t.root);
	ok(ioasid_space_bind_pasid_table(t.guest.giova, &t.pasids));
	set(&t, t.root, 0x1000, 5);
	dma = dma_of(0x1000, &number, sizeof(number));
	ok(ioasid_mock_dma(hw, &dma));
	ck_assert_uint_eq(number, 5);
	/* not attached itself, it cannot be answered */
	dma.iova = 0x2000;
	fails(-EFAULT, "reach nobody", ioasid_mock_dma(hw, &dma));
	ok(ioasid_device_attach(device, t.guest.gpa, NULL, &to_gpa));
	ok(ioasid_device_attach(device, t.guest.giova, NULL, &to_giova));
	ok(ioasid_mock_dma_start(hw, &dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(t.guest.mock)), 1);
	fault = guest_next_fault(&t.guest);
	ck_assert_uint_eq(fault.label, 77);
	ok(ioasid_attachment_detach(to_giova));
	ok(ioasid_attachment_detach(to_gpa));
	ck_assert_int_eq(ok(ioasid_mock_pump(t.guest.mock)), 0);
	ck_assert_int_eq(dma.status, -EFAULT);
	ok(ioasid_device_unbind(device));
	guest_end(&t.guest);
}
END_TEST

void add_nested_track_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "track");

	tcase_add_loop_test(
		tcase, the_pasid_table_translates_and_the_spaces_own_table_waits, 0, KINDS);
	tcase_add_loop_test(
		tcase, what_the_space_invalidates_is_forgotten_of_the_pasid, 0, 2 * KINDS);
	tcase_add_loop_test(tcase, a_page_request_is_the_tracking_spaces, 0, KINDS);
	tcase_add_loop_test(tcase, who_no_longer_tracks_answers_what_waits, 0, KINDS);
	tcase_add_loop_test(
		tcase, what_waits_in_two_queues_is_answered_when_the_table_goes, 0, 2 * KINDS);
	tcase_add_loop_test(tcase,
		what_waits_by_the_spaces_own_table_is_answered_when_the_pasid_table_comes, 0,
		KINDS);
	tcase_add_loop_test(tcase, a_table_of_a_space_that_tracks_cancels_nothing, 0, KINDS);
	tcase_add_loop_test(tcase, the_route_of_the_table_may_move_away_and_come_back, 0, KINDS);
	tcase_add_loop_test(tcase, what_the_space_had_translated_does_not_come_back_with_its_table,
		0, 2 * KINDS);
	tcase_add_loop_test(tcase, a_mate_is_translated_by_the_same_pasid_table, 0, KINDS);
}
