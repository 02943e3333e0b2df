/* SPDX-License-Identifier: MIT */
/*
 * How groups of a kernel's fault queue end without an answer of the user's: a route that leaves, a
 * queue that is freed, a context that is closed. Wherever a group is at that moment (unread in the
 * kernel, behind a full ring, in it, read), the kernel has answered it, nobody does so once more,
 * and no object is destroyed before its time.
 */
#include "allocator.h"
#include "fillkit.h"
#include <fcntl.h>
#include <pthread.h>

#define ROOM 256

static struct ioasid_fault fault[ROOM];

static const struct ioasid_faultq_opts small = {
	.size = sizeof(small), .records = 64, .group_max = 1};

/* ---- a route leaves ---- */

/* The route of the first device ends, in one of the ways that there are. */
static void leave(struct fillkit *f, int how)
{
	const struct ioasid_space_opts *opts =
		IOASID_OPTS(ioasid_space_opts, .faults = how == 2 ? f->queue : NULL);

	if (how == 0) {
		ok(ioasid_attachment_detach(f->route[0]));
		f->route[0] = NULL;
		return;
	}
	ok(ioasid_space_new(f->ctx, opts, &f->other));
	ok(ioasid_attachment_replace(f->route[0], f->other));
}

START_TEST(what_was_read_is_cancelled)
{
	struct fillkit f;
	uint64_t id;

	fillkit_begin(&f, (struct fillkit_wish){0});
	fillkit_raise_many(0, 7, 2);
	fillkit_read(&f, fault, ROOM, 2);
	id = fault[1].id;
	leave(&f, _i);
	ck_assert_int_eq(fillkit_fate(0), ENDED);
	ck_assert(fillkit_polls(&f));
	fillkit_read(&f, fault, ROOM, 2);
	ck_assert_uint_eq(fault[1].id, id);
	ck_assert_uint_eq(fault[1].addr, 8 * 4096);
	ck_assert_uint_eq(fault[1].flags, IOASID_FAULT_CANCELLED | IOASID_FAULT_LAST);
	fails(-ESTALE, "before", fillkit_answer(&f, id, IOASID_RESPONSE_SUCCESS));
	ck_assert_uint_eq(fillkit_kernel.writes, 0);
	ck_assert_uint_eq(fillkit_stats(&f).cancelled, 2);
	fillkit_end(&f);
}
END_TEST

START_TEST(what_was_not_read_is_never_seen)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){.opts = &small});
	fillkit_raise_many(0, 0, 100);
	ck_assert_int_eq(ok(ioasid_faultq_wait(f.queue, 0)), 1);
	/* 64 in the ring, 36 behind it, and 10 in the kernel */
	fillkit_raise_many(0, 0, 10);
	ck_assert_uint_eq(fillkit_stats(&f).waiting, 36);
	ck_assert_uint_eq(fillkit_count(READ), 100);
	leave(&f, _i);
	ck_assert_uint_eq(fillkit_count(ENDED), 110);
	ck_assert_uint_eq(fillkit_stats(&f).waiting, 0);
	ck_assert_uint_eq(fillkit_stats(&f).outstanding, 0);
	ck_assert_uint_eq(fillkit_stats(&f).cancelled, 100);
	fillkit_read(&f, fault, ROOM, 0);
	ck_assert(!fillkit_polls(&f));
	fillkit_end(&f);
}
END_TEST

START_TEST(after_it_the_kernel_is_watched_again)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){.devices = 2, .opts = &small});
	fillkit_raise_many(0, 0, 100);
	ck_assert_int_eq(ok(ioasid_faultq_wait(f.queue, 0)), 1);
	leave(&f, _i);
	fillkit_read(&f, fault, ROOM, 0);
	ck_assert(!fillkit_polls(&f));
	fillkit_raise_many(1, 0, 1);
	ck_assert(fillkit_polls(&f));
	fillkit_read(&f, fault, ROOM, 1);
	ck_assert_uint_eq(fault[0].label, 0x101);
	fillkit_end(&f);
}
END_TEST

/* Nothing is published then that could wake anybody. */
START_TEST(it_takes_what_kept_the_kernel_from_being_watched)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){.devices = 2,
				  .opts = IOASID_OPTS(ioasid_faultq_opts, .max_outstanding = 64)});
	fillkit_raise_many(1, 0, 64);
	fillkit_read(&f, fault, 64, 64);
	fillkit_raise_many(0, 0, 2);
	fillkit_read(&f, fault + 64, 64, 0);
	ck_assert(fillkit_aside(&f));
	leave(&f, _i);
	ck_assert(!fillkit_aside(&f));
	ck_assert_int_eq(fillkit_answer(&f, fault[0].id, 0), 1);
	ck_assert(!fillkit_polls(&f));
	fillkit_raise_many(1, 100, 1);
	ck_assert(fillkit_polls(&f));
	fillkit_read(&f, fault, 64, 1);
	fillkit_end(&f);
}
END_TEST

START_TEST(other_routes_lose_nothing)
{
	struct fillkit f;
	unsigned int got = 0;

	fillkit_begin(&f, (struct fillkit_wish){.devices = 2, .opts = &small});
	for (unsigned int i = 0; i < 50; i++) {
		fillkit_raise_many(0, i, 1);
		fillkit_raise_many(1, i, 1);
	}
	fillkit_read(&f, fault, 2, 2);
	leave(&f, _i);
	for (int n; (n = ok(ioasid_faultq_read(f.queue, fault, 1)));) {
		if (fault[0].flags & IOASID_FAULT_CANCELLED)
			continue;
		ck_assert_uint_eq(fault[0].label, 0x101);
		ck_assert_uint_eq(fault[0].addr, ++got * 4096);
		ck_assert_int_eq(fillkit_answer(&f, fault[0].id, 0), 1);
	}
	ck_assert_uint_eq(got, 49);
	ck_assert_uint_eq(fillkit_count(SUCCEEDED), 49);
	ck_assert_uint_eq(fillkit_count(ENDED), 50);
	ck_assert_uint_eq(fillkit_kernel.unknown, 0);
	fillkit_end(&f);
}
END_TEST

START_TEST(a_guests_pasids_end_with_the_default_route)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){0});
	fillkit_raise(&(struct fillkit_group){.pasid = 3});
	fillkit_read(&f, fault, ROOM, 1);
	leave(&f, _i);
	fillkit_read(&f, fault, ROOM, 1);
	ck_assert(fault[0].flags & IOASID_FAULT_CANCELLED);
	ck_assert_uint_eq(fault[0].pasid, 3);
	ck_assert_uint_eq(fillkit_stats(&f).outstanding, 0);
	fillkit_end(&f);
}
END_TEST

START_TEST(a_route_with_a_pasid_ends_its_own_alone)
{
	struct ioasid_attachment *route;
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){0});
	ok(ioasid_device_attach(f.device[0], f.space,
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = 2), &route));
	fillkit_raise(&(struct fillkit_group){.pasid = 2, .route = 2, .index = 1});
	fillkit_raise(&(struct fillkit_group){.pasid = 3, .index = 2});
	fillkit_raise(&(struct fillkit_group){.index = 3});
	fillkit_read(&f, fault, ROOM, 3);
	ok(ioasid_attachment_detach(route));
	fillkit_read(&f, fault, ROOM, 1);
	ck_assert_uint_eq(fault[0].group, 1);
	ck_assert_uint_eq(fillkit_count(ENDED), 1);
	ck_assert_uint_eq(fillkit_stats(&f).outstanding, 2);
	fillkit_end(&f);
}
END_TEST

START_TEST(a_groups_requests_end_with_its_last_device)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){.devices = 3, .together = true});
	fillkit_raise_many(1, 0, 2);
	fillkit_read(&f, fault, 1, 1);
	/* the kernel names the first, and it goes first */
	leave(&f, 0);
	ok(ioasid_attachment_detach(f.route[1]));
	f.route[1] = NULL;
	fillkit_raise_many(2, 2, 1);
	fillkit_read(&f, fault, ROOM, 1);
	fillkit_read(&f, fault, ROOM, 1);
	ck_assert_uint_eq(fault[0].addr, 2 * 4096);
	ck_assert_uint_eq(fillkit_count(READ), 3);
	ok(ioasid_attachment_detach(f.route[2]));
	f.route[2] = NULL;
	ck_assert_uint_eq(fillkit_count(ENDED), 3);
	fillkit_read(&f, fault, ROOM, 3);
	for (unsigned int i = 0; i < 3; i++)
		ck_assert(fault[i].flags & IOASID_FAULT_CANCELLED);
	fillkit_end(&f);
}
END_TEST

/* ---- a queue is freed ---- */

START_TEST(a_free_answers_and_the_routes_go_on)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){.opts = &small});
	fillkit_raise_many(0, 0, 100);
	fillkit_read(&f, fault, ROOM, 64);
	fillkit_raise_many(0, 100, 3);
	ioasid_faultq_free(f.queue);
	f.queue = NULL;
	ck_assert_uint_eq(fillkit_count(ENDED), 103);
	/* the device, the space, and a table of it that goes with the device's PASIDs */
	ck_assert_uint_eq(fillkit_objects(), 3);
	ck_assert_int_eq(fillkit_raise(&(struct fillkit_group){.index = 1}), -1);
	fillkit_end(&f);
}
END_TEST

START_TEST(a_table_that_cannot_be_left_keeps_the_kernels_half)
{
	struct fillkit f;
	int late;

	fillkit_begin(&f, (struct fillkit_wish){.devices = 2});
	fillkit_raise_many(0, 0, 1);
	fillkit_read(&f, fault, ROOM, 1);
	fillkit_kernel.no_moves = ENOMEM;
	ioasid_faultq_free(f.queue);
	f.queue = NULL;
	fillkit_kernel.no_moves = 0;
	ck_assert_uint_eq(fillkit_objects(), 5);
	late = fillkit_raise(&(struct fillkit_group){.index = 1});
	ck_assert_int_ge(late, 0);
	leave(&f, 0);
	ck_assert_int_eq(fillkit_fate(late), ENDED);
	ck_assert_uint_eq(fillkit_objects(), 5);
	if (_i) {
		fillkit_close(&f);
		fillkit_release(&f);
		return;
	}
	/* the last of its routes takes it along */
	ok(ioasid_attachment_detach(f.route[1]));
	f.route[1] = NULL;
	ck_assert_uint_eq(fillkit_objects(), 3);
	fillkit_end(&f);
}
END_TEST

/* Between the two halves of a free the kernel may give the number away. */
START_TEST(a_number_that_another_queue_has_got_frees_the_right_one)
{
	struct ioasid_faultq_opts opts = {
		.size = sizeof(opts), .records = 64, .group_max = 1, .max_outstanding = 8};
	struct backend_faultq first, second;
	struct ioasid_faultq_stats stats;
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){0});
	ck_assert_int_eq(f.be->ops->faultq_new(f.be, &opts, &first), 0);
	f.be->ops->faultq_detach(f.be, first.id);
	ck_assert_int_eq(f.be->ops->faultq_new(f.be, &opts, &second), 0);
	ck_assert_uint_eq(first.id, second.id);
	f.be->ops->faultq_free(f.be, &first);
	stats.raised = 99;
	f.be->ops->faultq_stats(f.be, second.id, &stats);
	ck_assert_uint_eq(stats.raised, 0);
	f.be->ops->faultq_detach(f.be, second.id);
	f.be->ops->faultq_free(f.be, &second);
	fillkit_end(&f);
}
END_TEST

/* ---- a context is closed ---- */

static void *sleep_there(void *arg)
{
	struct fillkit *f = arg;

	fails(-ENODEV, "closed", ioasid_faultq_wait(f->queue, -1));
	return NULL;
}

START_TEST(a_close_answers_and_wakes)
{
	pthread_t sleeper;
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){.opts = &small});
	fillkit_raise_many(0, 0, 80);
	fillkit_read(&f, fault, ROOM, 64);
	fillkit_read(&f, fault, ROOM, 16);
	pthread_create(&sleeper, NULL, sleep_there, &f);
	fillkit_close(&f);
	ck_assert_uint_eq(fillkit_count(ENDED), 80);
	pthread_join(sleeper, NULL);
	fails(-ENODEV, "closed", ioasid_faultq_read(f.queue, fault, ROOM));
	fillkit_release(&f);
}
END_TEST

/* ---- making one ---- */

START_TEST(a_queue_needs_a_kernel_with_fault_queues)
{
	struct ioasid_faultq *queue;
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){0});
	((struct iommufd *)f.be)->has &= ~IOMMUFD_HAS_FAULTS;
	fails(-EOPNOTSUPP, "6.11", ioasid_faultq_new(f.ctx, NULL, &queue));
	fillkit_end(&f);
}
END_TEST

START_TEST(without_memory_nothing_is_left)
{
	struct ioasid_faultq *queue;
	unsigned int objects, nth = 0;
	struct fillkit f;
	int err;

	fillkit_begin(&f, (struct fillkit_wish){0});
	objects = fillkit_objects();
	do {
		unsigned int fds = support_open_fds();

		allocator_fail(++nth);
		err = ioasid_faultq_new(f.ctx, NULL, &queue);
		if (!allocator_failed())
			break;
		ck_assert_int_eq(err, -ENOMEM);
		ck_assert_uint_eq(fillkit_objects(), objects);
		ck_assert_uint_eq(support_open_fds(), fds);
	} while (nth < 100);
	ck_assert_int_eq(err, 0);
	ck_assert_uint_gt(nth, 8);
	ioasid_faultq_free(queue);
	fillkit_end(&f);
}
END_TEST

START_TEST(without_memory_a_large_group_waits_until_there_is_some)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){.opts = IOASID_OPTS(ioasid_faultq_opts,
							.records = 8192, .group_max = 8192)});
	fillkit_raise(&(struct fillkit_group){.pages = 3000});
	for (unsigned long nth = 1; nth <= 4; nth++) {
		allocator_fail(nth);
		ck_assert_int_eq(ok(ioasid_faultq_wait(f.queue, 0)), 0);
		ck_assert(allocator_failed());
		ck_assert(fillkit_polls(&f));
	}
	ck_assert_int_eq(ok(ioasid_faultq_wait(f.queue, -1)), 1);
	fails(-EMSGSIZE, "3000", ioasid_faultq_read(f.queue, fault, ROOM));
	fillkit_end(&f);
}
END_TEST

START_TEST(its_descriptors_end_with_an_exec)
{
	unsigned int kept = 0;
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){0});
	for (int fd = 3; fd < 64; fd++) {
		int flags = fcntl(fd, F_GETFD);

		kept += flags >= 0 && !(flags & FD_CLOEXEC);
	}
	fillkit_end(&f);
	for (int fd = 3; fd < 64; fd++) {
		int flags = fcntl(fd, F_GETFD);

		kept -= flags >= 0 && !(flags & FD_CLOEXEC);
	}
	ck_assert_uint_eq(kept, 0);
}
END_TEST

static void add_routes(Suite *suite)
{
	TCase *tcase = support_case(suite, "a route leaves");

	/* by detach, for a space without the queue, for one with it */
	tcase_add_loop_test(tcase, what_was_read_is_cancelled, 0, 3);
	tcase_add_loop_test(tcase, what_was_not_read_is_never_seen, 0, 3);
	tcase_add_loop_test(tcase, after_it_the_kernel_is_watched_again, 0, 3);
	tcase_add_loop_test(tcase, it_takes_what_kept_the_kernel_from_being_watched, 0, 3);
	tcase_add_loop_test(tcase, other_routes_lose_nothing, 0, 3);
	tcase_add_loop_test(tcase, a_guests_pasids_end_with_the_default_route, 0, 3);
	tcase_add_test(tcase, a_route_with_a_pasid_ends_its_own_alone);
	tcase_add_test(tcase, a_groups_requests_end_with_its_last_device);
}

static void add_ends(Suite *suite)
{
	TCase *tcase = support_case(suite, "queue and context");

	tcase_add_test(tcase, a_free_answers_and_the_routes_go_on);
	tcase_add_loop_test(tcase, a_table_that_cannot_be_left_keeps_the_kernels_half, 0, 2);
	tcase_add_test(tcase, a_number_that_another_queue_has_got_frees_the_right_one);
	tcase_add_test(tcase, a_close_answers_and_wakes);
	tcase_add_test(tcase, a_queue_needs_a_kernel_with_fault_queues);
	tcase_add_test(tcase, without_memory_nothing_is_left);
	tcase_add_test(tcase, without_memory_a_large_group_waits_until_there_is_some);
	tcase_add_test(tcase, its_descriptors_end_with_an_exec);
}

int main(void)
{
	Suite *suite = suite_create("fault queue over iommufd, its ends");

	add_routes(suite);
	add_ends(suite);
	return support_run(suite);
}
