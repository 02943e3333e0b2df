/* SPDX-License-Identifier: MIT */
/*
 * Failures inside of the kernel, one after the other: of what lies on a guest's page table. Binding
 * one, invalidating it, page requests and their answers, dirty pages, and the end of it all.
 */
#include "failnth.h"
#include "guest.h"
#include <stdlib.h>

#define CHECK(name, scenario)                                                                      \
	START_TEST(name)                                                                           \
	{                                                                                          \
		sweep(&(scenario));                                                                \
	}                                                                                          \
	END_TEST

/* space[1] is the parent of space[2], which is to get a table, with a queue. */
static void guest(struct stage *stage)
{
	rig_begin(&stage->r, 2);
	stage->memory = support_memory(2 * LENGTH, 10);
	ok(ioasid_faultq_new(stage->r.ctx, NULL, &stage->faults));
	stage->space[1] =
		rig_space(&stage->r, IOASID_SPACE_NEST_PARENT | IOASID_SPACE_DIRTY_TRACKING);
	ok(ioasid_space_new_nested(stage->space[1],
		IOASID_OPTS(ioasid_space_opts, .faults = stage->faults), &stage->space[2]));
	ok(rig_map(stage->space[1], AT(0), stage->memory, LENGTH, RW));
	for (unsigned int i = 0; i < 2; i++)
		stage->route[i] = rig_attach(&stage->r, i, stage->space[1]);
}

static void guest_with_table(struct stage *stage)
{
	guest(stage);
	ok(rig_bind_table(stage->space[2], IOASID_PGTABLE_VTD_S1));
}

static void guest_at_work(struct stage *stage)
{
	guest_with_table(stage);
	for (unsigned int i = 0; i < 2; i++)
		stage->route[2 + i] = rig_attach(&stage->r, i, stage->space[2]);
}

static void expect_table(struct stage *stage, unsigned int devices)
{
	for (unsigned int i = 0; i < devices; i++)
		ck_assert_int_eq(selftest_check_iotlb(&stage->r.hw[i], 0, RIG_TABLE), 0);
}

static void one_is_there(struct stage *stage)
{
	expect_table(stage, 1);
	rig_holds(&stage->r.hw[1], AT(0), stage->memory);
}

static void both_are_there(struct stage *stage)
{
	expect_table(stage, 2);
	/* one for the parent, one for the guest; and one more where the injection said that it did
	 * not suit the second device */
	ck_assert_uint_ge(ledger_alive(LEDGER_TABLE), 2);
	ck_assert_uint_le(ledger_alive(LEDGER_TABLE), 3);
}

static int attach_one(struct stage *stage)
{
	return ioasid_device_attach(stage->r.device[0], stage->space[2], NULL, &stage->route[2]);
}

static const struct scenario attaching = {
	guest_with_table, attach_one, one_is_there, stage_clear, 5, false};

CHECK(an_attach_to_a_guests_table, attaching)

/* No table yet, and a queue that nothing of this kernel serves without one. */
static void guest_attached(struct stage *stage)
{
	guest(stage);
	ok(ioasid_space_destroy(stage->space[2]));
	ok(ioasid_space_new_nested(stage->space[1], NULL, &stage->space[2]));
	for (unsigned int i = 0; i < 2; i++)
		stage->route[2 + i] = rig_attach(&stage->r, i, stage->space[2]);
}

static int bind_table(struct stage *stage)
{
	return rig_bind_table(stage->space[2], IOASID_PGTABLE_VTD_S1);
}

static const struct scenario binding = {
	guest_attached, bind_table, both_are_there, stage_clear, 5, false};

CHECK(the_bind_of_a_table_moves_both_devices, binding)

static void guest_bound(struct stage *stage)
{
	guest_attached(stage);
	ok(bind_table(stage));
}

static int unbind_table(struct stage *stage)
{
	return ioasid_space_unbind_pgtable(stage->space[2]);
}

static void both_see_nothing(struct stage *stage)
{
	for (unsigned int i = 0; i < 2; i++) {
		ck_assert_int_eq(selftest_check_iotlb(&stage->r.hw[i], 0, RIG_TABLE), -ENOENT);
		rig_lacks(&stage->r.hw[i], AT(0), stage->memory);
	}
}

static const struct scenario unbinding = {
	guest_bound, unbind_table, both_see_nothing, stage_clear, 5, false};

CHECK(the_unbind_of_a_table_moves_both_devices, unbinding)

static int invalidate(struct stage *stage)
{
	struct ioasid_invalidation all = {.what = IOASID_INVALIDATE_SPACE};

	return ioasid_space_invalidate(stage->space[2], &all, 1);
}

static void nothing_is_cached(struct stage *stage)
{
	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int index = 0; index < SELFTEST_IOTLBS; index++)
			ck_assert_int_eq(selftest_check_iotlb(&stage->r.hw[i], index, 0), 0);
}

static const struct scenario invalidating = {
	guest_at_work, invalidate, nothing_is_cached, stage_clear, 1, false};

CHECK(an_invalidation, invalidating)

static int invalidate_device(struct stage *stage)
{
	struct ioasid_invalidation all = {
		.what = IOASID_INVALIDATE_DEVICE, .device = stage->r.device[1]};

	return ioasid_space_invalidate(stage->space[2], &all, 1);
}

/* The first one leads to the same table. */
static const struct scenario invalidating_device = {
	guest_at_work, invalidate_device, nothing_is_cached, stage_clear, 1, false};

CHECK(an_invalidation_of_a_device, invalidating_device)

/* Two page requests wait in the kernel. */
static void faults_wait(struct stage *stage)
{
	guest_at_work(stage);
	for (uint32_t i = 0; i < 2; i++)
		ck_assert_int_eq(selftest_fault(&stage->r.hw[i],
					 &(struct selftest_fault){AT(i * PAGE), i, 1}),
			0);
}

/* A read that finds nothing has not got what is there: it is made again, as a poll would. */
static int serve(struct stage *stage)
{
	struct ioasid_response response = {.code = IOASID_RESPONSE_SUCCESS};
	struct ioasid_fault fault[2];
	int n = ioasid_faultq_read(stage->faults, fault, 2);

	for (int i = 0; i < n; i++) {
		response.id = fault[i].id;
		if (ioasid_faultq_complete(stage->faults, &response, 1) == 1)
			continue;
		/* the answer is still to be given */
		if (ioasid_faultq_complete(stage->faults, &response, 1) != 1)
			abort();
	}
	return n;
}

static void each_is_answered_once(struct stage *stage)
{
	struct ioasid_faultq_stats stats = {.size = sizeof(stats)};

	while (ok(serve(stage)))
		;
	ok(ioasid_faultq_stats(stage->faults, &stats));
	ck_assert_uint_eq(stats.raised, 2);
	ck_assert_uint_eq(stats.read, 2);
	ck_assert_uint_eq(stats.answered, 2);
	ck_assert_uint_eq(stats.stale, 0);
	ck_assert_uint_eq(stats.outstanding, 0);
}

static const struct scenario serving = {
	faults_wait, serve, each_is_answered_once, stage_clear, 0, false};

CHECK(page_requests_and_their_answers, serving)

/* Those of the device that leaves end; the other's are still there. */
static int detach_one(struct stage *stage)
{
	int r = ioasid_attachment_detach(stage->route[2]);

	if (!r)
		stage->route[2] = NULL;
	return r;
}

static void others_wait(struct stage *stage)
{
	struct ioasid_faultq_stats stats = {.size = sizeof(stats)};
	struct ioasid_response response = {.code = IOASID_RESPONSE_SUCCESS};
	struct ioasid_fault fault[4];
	int n, answered = 0;

	while ((n = ok(ioasid_faultq_read(stage->faults, fault, 4))))
		for (int i = 0; i < n; i++) {
			response.id = fault[i].id;
			if (fault[i].label == 2)
				answered += ok(ioasid_faultq_complete(stage->faults, &response, 1));
		}
	ck_assert_int_eq(answered, 1);
	ok(ioasid_faultq_stats(stage->faults, &stats));
	ck_assert_uint_eq(stats.outstanding, 0);
	rig_holds(&stage->r.hw[0], AT(0), stage->memory);
}

static const struct scenario cancelling = {
	faults_wait, detach_one, others_wait, stage_clear, 1, false};

CHECK(a_detach_that_cancels, cancelling)

static int track(struct stage *stage)
{
	return ioasid_space_dirty_start(stage->space[1]);
}

static void writes_are_noted(struct stage *stage)
{
	uint64_t written = 3, bitmap = 0;

	ck_assert_int_eq(selftest_dirty(&stage->r.hw[0], AT(0), LENGTH / 2, &written), 2);
	ok(ioasid_space_dirty_read(
		stage->space[1], &(struct ioasid_dirty){.size = sizeof(struct ioasid_dirty),
					 .iova = AT(0),
					 .length = LENGTH,
					 .granule = PAGE,
					 .bitmap = &bitmap}));
	ck_assert_uint_eq(bitmap, 1);
}

static const struct scenario tracking = {guest, track, writes_are_noted, stage_clear, 1, false};

CHECK(dirty_tracking, tracking)

static void written(struct stage *stage)
{
	uint64_t halves = 1;

	guest(stage);
	ok(track(stage));
	ck_assert_int_eq(selftest_dirty(&stage->r.hw[0], AT(0), LENGTH / 2, &halves), 1);
}

static int read_written(struct stage *stage)
{
	uint64_t bitmap = 0;
	struct ioasid_dirty dirty = {.size = sizeof(dirty),
		.iova = AT(0),
		.length = LENGTH,
		.granule = PAGE,
		.bitmap = &bitmap};
	int r = ioasid_space_dirty_read(stage->space[1], &dirty);

	stage->found += bitmap == 1;
	return r;
}

/* By one read or another: where the injection says that there is no such table, the library takes
 * it for one that has just gone, and the page stays noted. */
static void page_is_told_once(struct stage *stage)
{
	ok(read_written(stage));
	ck_assert_uint_eq(stage->found, 1);
	ok(read_written(stage));
	ck_assert_uint_eq(stage->found, 1);
}

static const struct scenario reading = {
	written, read_written, page_is_told_once, stage_clear, 1, false};

CHECK(a_read_of_written_pages, reading)

/* Everything at once. */
static int close_all(struct stage *stage)
{
	ioasid_close(stage->r.ctx);
	return 0;
}

static void nothing_is_left(struct stage *stage)
{
	ledger_close();
	ck_assert_uint_eq(selftest_pinned(), stage->r.pinned);
}

static void release(struct stage *stage)
{
	for (int i = 3; i >= 0; i--)
		ok(ioasid_attachment_detach(stage->route[i]));
	for (int i = 2; i >= 0; i--)
		ok(ioasid_space_destroy(stage->space[i]));
	for (unsigned int i = 0; i < stage->r.devices; i++)
		ok(ioasid_device_unbind(stage->r.device[i]));
	ioasid_faultq_free(stage->faults);
	free(stage->memory);
}

static const struct scenario closing = {faults_wait, close_all, nothing_is_left, release, 0, true};

CHECK(a_close_cannot_fail, closing)

void failnth_add_guest(Suite *suite)
{
	TCase *tcase = support_case(suite, "guests");

	tcase_add_test(tcase, an_attach_to_a_guests_table);
	tcase_add_test(tcase, the_bind_of_a_table_moves_both_devices);
	tcase_add_test(tcase, the_unbind_of_a_table_moves_both_devices);
	tcase_add_test(tcase, an_invalidation);
	tcase_add_test(tcase, an_invalidation_of_a_device);
	tcase_add_test(tcase, page_requests_and_their_answers);
	tcase_add_test(tcase, a_detach_that_cancels);
	tcase_add_test(tcase, dirty_tracking);
	tcase_add_test(tcase, a_read_of_written_pages);
	tcase_add_test(tcase, a_close_cannot_fail);
}
