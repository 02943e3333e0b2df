/* SPDX-License-Identifier: MIT */
/*
 * Page requests over a real kernel's fault queue: raised by its self-test devices, read, answered,
 * cancelled, and ended in each of the ways that there are. The driver of those devices hears of no
 * answer; but an answer that the kernel does not want is an error, so that what it took is known.
 */
#include "guest.h"
#include "relay.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define ROOM 1024

static struct ioasid_fault fault[ROOM];

static void raise_some(struct relay *r, int device, uint64_t first, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		relay_raise(r, device, first + i);
}

static void answer_batch(struct relay *r, const struct ioasid_fault *faults, unsigned int n)
{
	static struct ioasid_response answer[ROOM];

	for (unsigned int i = 0; i < n; i++)
		answer[i] = (struct ioasid_response){.id = faults[i].id, .code = i % 2};
	ck_assert_int_eq(ok(ioasid_faultq_complete(r->queue, answer, n)), (int)n);
}

/* ---- there and back ---- */

START_TEST(a_request_arrives_with_its_label_and_its_space)
{
	struct relay r;
	uint64_t id;

	relay_begin(&r, NULL);
	ck_assert(!relay_polls(&r));
	ck_assert_int_eq(ok(ioasid_faultq_wait(r.queue, 0)), 0);
	relay_raise(&r, 1, 77);
	ck_assert(relay_polls(&r));
	ck_assert_int_eq(ok(ioasid_faultq_wait(r.queue, 0)), 1);
	relay_read(&r, fault, ROOM, 1);
	ck_assert_uint_eq(fault[0].label, 1);
	ck_assert_uint_eq(fault[0].addr, 77 * PAGE);
	ck_assert_uint_eq(fault[0].flags, IOASID_FAULT_READ | IOASID_FAULT_LAST);
	ck_assert_uint_eq(fault[0].pasid, NONE);
	ck_assert_uint_eq(fault[0].space, ioasid_space_id(r.giova));
	ok(ioasid_faultq_find(r.queue, 1, NONE, 77, &id));
	ck_assert_uint_eq(id, fault[0].id);
	ck_assert_int_eq(relay_answer(&r, id, IOASID_RESPONSE_SUCCESS), 1);
	fails(-ESTALE, "before", relay_answer(&r, id, IOASID_RESPONSE_SUCCESS));
	relay_read(&r, fault, ROOM, 0);
	ck_assert(!relay_polls(&r));
	relay_end(&r);
}
END_TEST

START_TEST(thousands_go_round_one_by_one)
{
	struct relay r;

	relay_begin(&r, NULL);
	for (unsigned int i = 0; i < 5000; i++) {
		relay_raise(&r, i % 2, i);
		ck_assert_int_eq(ok(ioasid_faultq_wait(r.queue, -1)), 1);
		relay_read(&r, fault, 1, 1);
		ck_assert_uint_eq(fault[0].label, i % 2);
		ck_assert_uint_eq(fault[0].addr, i * PAGE);
		ck_assert_int_eq(relay_answer(&r, fault[0].id, i % 3 ? 0 : 1), 1);
	}
	ck_assert_uint_eq(relay_stats(&r).answered, 5000);
	ck_assert_uint_eq(relay_stats(&r).outstanding, 0);
	relay_end(&r);
}
END_TEST

START_TEST(thousands_go_round_in_batches)
{
	struct relay r;

	relay_begin(&r, NULL);
	for (unsigned int round = 0; round < 20; round++) {
		raise_some(&r, round % 2, 0, 1000);
		relay_read(&r, fault, ROOM, 1000);
		for (unsigned int i = 0; i < 1000; i++)
			ck_assert_uint_eq(fault[i].addr, i * PAGE);
		answer_batch(&r, fault, 1000);
		relay_read(&r, fault, ROOM, 0);
	}
	ck_assert_uint_eq(relay_stats(&r).answered, 20000);
	relay_end(&r);
}
END_TEST

START_TEST(ten_that_wait_come_in_the_pieces_that_are_asked_for)
{
	struct relay r;

	relay_begin(&r, NULL);
	raise_some(&r, 0, 0, 10);
	relay_read(&r, fault, 1, 1);
	relay_read(&r, fault, 3, 3);
	relay_read(&r, fault, 4, 4);
	ck_assert(relay_polls(&r));
	relay_read(&r, fault, 16, 2);
	relay_read(&r, fault, 16, 0);
	ck_assert(!relay_polls(&r));
	relay_end(&r);
}
END_TEST

/* The kernel keeps what finds no room here, and no poll spins on it. */
START_TEST(more_than_there_is_room_for_waits_without_a_spin)
{
	struct ioasid_fault all[300];
	struct relay r;

	relay_begin(&r, IOASID_OPTS(ioasid_faultq_opts, .records = 64, .max_outstanding = 100));
	raise_some(&r, 0, 0, 200);
	relay_read(&r, all, 64, 64);
	raise_some(&r, 1, 200, 100);
	relay_read(&r, all + 64, 64, 36);
	relay_read(&r, all + 100, 64, 0);
	ck_assert(!relay_polls(&r));
	ck_assert_int_eq(ok(ioasid_faultq_wait(r.queue, 0)), 0);
	for (unsigned int at = 0, n = 100; at < 300;) {
		unsigned int end = n;

		for (; at < end; at++)
			ck_assert_int_eq(relay_answer(&r, all[at].id, 0), 1);
		while (n < 300 && relay_polls(&r))
			n += (unsigned int)ok(ioasid_faultq_read(r.queue, all + n, 300 - n));
		ck_assert(n > end || n == 300);
	}
	for (unsigned int i = 0; i < 300; i++)
		ck_assert_uint_eq(all[i].addr, i * PAGE);
	ck_assert_uint_eq(relay_stats(&r).answered, 300);
	relay_end(&r);
}
END_TEST

START_TEST(a_failure_is_sent_as_invalid)
{
	struct ioasid_response answer = {.code = IOASID_RESPONSE_FAILURE};
	struct relay r;

	relay_begin(&r, NULL);
	relay_raise(&r, 0, 1);
	relay_read(&r, fault, ROOM, 1);
	answer.id = fault[0].id;
	ck_assert_int_eq(ok(ioasid_faultq_complete(r.queue, &answer, 1)), 1);
	ck_assert_uint_eq(answer.flags, IOASID_RESPONSE_SENT_INVALID);
	relay_end(&r);
}
END_TEST

START_TEST(a_guests_pasid_arrives_and_ends_with_the_default_route)
{
	struct relay r;

	relay_begin(&r, NULL);
	relay_raise_pasid(&r, 0, 5, 9);
	relay_read(&r, fault, ROOM, 1);
	ck_assert_uint_eq(fault[0].pasid, 9);
	ck_assert(fault[0].flags & IOASID_FAULT_PASID_VALID);
	ok(ioasid_attachment_detach(r.above[0]));
	r.above[0] = NULL;
	relay_read(&r, fault, ROOM, 1);
	ck_assert(fault[0].flags & IOASID_FAULT_CANCELLED);
	ck_assert_uint_eq(fault[0].pasid, 9);
	relay_end(&r);
}
END_TEST

START_TEST(its_descriptors_end_with_an_exec)
{
	struct relay r;
	int before = 0, open = 0;

	for (int fd = 3; fd < 64; fd++)
		before += !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	relay_begin(&r, NULL);
	for (int fd = 3; fd < 64; fd++)
		open += !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(open, before);
	relay_end(&r);
}
END_TEST

/* ---- a route leaves ---- */

START_TEST(a_detach_cancels_and_a_late_answer_is_stale)
{
	struct relay r;
	uint64_t id;

	relay_begin(&r, NULL);
	raise_some(&r, 0, 0, 3);
	relay_raise(&r, 1, 100);
	relay_read(&r, fault, 2, 2);
	id = fault[0].id;
	ok(ioasid_attachment_detach(r.above[0]));
	r.above[0] = NULL;
	/* the two that were read are told, the third never was */
	relay_read(&r, fault, 1, 1);
	ck_assert_uint_eq(fault[0].label, 1);
	ck_assert_int_eq(relay_answer(&r, fault[0].id, 0), 1);
	relay_read(&r, fault, ROOM, 2);
	ck_assert_uint_eq(fault[0].id, id);
	ck_assert(fault[0].flags & IOASID_FAULT_CANCELLED);
	fails(-ESTALE, "before", relay_answer(&r, id, 0));
	ck_assert_uint_eq(relay_stats(&r).cancelled, 3);
	ck_assert_uint_eq(relay_stats(&r).outstanding, 0);
	relay_end(&r);
}
END_TEST

/* To a space with the same queue, or with none, which is the other loop's. */
START_TEST(a_replace_cancels_and_a_cookie_used_again_is_safe)
{
	struct ioasid_space *other;
	struct relay r;
	uint64_t id;

	relay_begin(&r, NULL);
	other = relay_other(&r, _i ? r.queue : NULL);
	relay_raise(&r, 0, 1);
	relay_read(&r, fault, ROOM, 1);
	id = fault[0].id;
	ok(ioasid_attachment_replace(r.above[0], other));
	relay_read(&r, fault, ROOM, 1);
	ck_assert(fault[0].flags & IOASID_FAULT_CANCELLED);
	/* the kernel gives the number that it has just got back to the next one */
	relay_raise(&r, 1, 2);
	relay_read(&r, fault, ROOM, 1);
	ck_assert_uint_eq(fault[0].label, 1);
	fails(-ESTALE, "before", relay_answer(&r, id, IOASID_RESPONSE_INVALID));
	ck_assert_int_eq(relay_answer(&r, fault[0].id, 0), 1);
	ok(ioasid_attachment_replace(r.above[0], r.giova));
	relay_drop(other);
	relay_end(&r);
}
END_TEST

START_TEST(what_waits_behind_a_full_ring_goes_with_its_route)
{
	struct relay r;

	relay_begin(&r, IOASID_OPTS(ioasid_faultq_opts, .records = 64));
	for (unsigned int i = 0; i < 100; i++)
		relay_raise(&r, i % 2, i);
	ck_assert_int_eq(ok(ioasid_faultq_wait(r.queue, 0)), 1);
	ck_assert_uint_eq(relay_stats(&r).waiting, 36);
	ok(ioasid_attachment_detach(r.above[0]));
	r.above[0] = NULL;
	ck_assert_uint_eq(relay_stats(&r).cancelled, 50);
	for (unsigned int i = 0; i < 50; i++) {
		relay_read(&r, fault, 1, 1);
		ck_assert_uint_eq(fault[0].label, 1);
		ck_assert_uint_eq(fault[0].addr, (2 * i + 1) * PAGE);
		ck_assert_int_eq(relay_answer(&r, fault[0].id, 0), 1);
	}
	relay_read(&r, fault, 1, 0);
	relay_raise(&r, 1, 7);
	ck_assert(relay_polls(&r));
	relay_end(&r);
}
END_TEST

START_TEST(a_table_of_the_kernels_own_takes_no_queue_and_says_why)
{
	struct ioasid_attachment *route;
	struct ioasid_space *plain;
	struct relay r;

	relay_begin(&r, NULL);
	ok(ioasid_attachment_detach(r.above[0]));
	ok(ioasid_attachment_detach(r.below[0]));
	r.above[0] = r.below[0] = NULL;
	ok(ioasid_space_new(r.s.ctx, IOASID_OPTS(ioasid_space_opts, .faults = r.queue), &plain));
	fails(-EOPNOTSUPP, "nested tables only",
		ioasid_device_attach(r.s.device[0], plain, NULL, &route));
	ok(ioasid_space_destroy(plain));
	relay_end(&r);
}
END_TEST

/* ---- queue and context end ---- */

START_TEST(a_queue_is_freed_with_answers_outstanding)
{
	struct relay r;

	relay_begin(&r, NULL);
	raise_some(&r, 0, 0, 20);
	relay_read(&r, fault, 10, 10);
	raise_some(&r, 1, 0, 5);
	ioasid_faultq_free(r.queue);
	r.queue = NULL;
	/* the routes lead to a table of the same guest's, without it */
	ck_assert_uint_eq(scene_tables(&r.s, r.giova), 1);
	ck_assert_int_eq(selftest_check_iotlb(&r.s.hw[0], 0, 0x77000), 0);
	ck_assert_uint_eq(r.s.hw[0].hwpt, r.s.hw[1].hwpt);
	relay_end(&r);
}
END_TEST

START_TEST(another_queue_serves_after_it)
{
	struct ioasid_space *other;
	struct relay r;

	relay_begin(&r, NULL);
	raise_some(&r, 0, 0, 20);
	ioasid_faultq_free(r.queue);
	ok(ioasid_faultq_new(r.s.ctx, NULL, &r.queue));
	other = relay_other(&r, r.queue);
	ok(ioasid_attachment_replace(r.above[0], other));
	relay_raise(&r, 0, 3);
	relay_read(&r, fault, ROOM, 1);
	ck_assert_uint_eq(fault[0].space, ioasid_space_id(other));
	ok(ioasid_attachment_replace(r.above[0], r.giova));
	relay_drop(other);
	relay_end(&r);
}
END_TEST

/* The device cannot move to a table without it: the kernel's half stays until it can. */
START_TEST(a_table_that_cannot_be_left_keeps_the_kernels_half)
{
	struct relay r;

	relay_begin(&r, NULL);
	relay_raise(&r, 0, 1);
	relay_read(&r, fault, ROOM, 1);
	scene_fail_attach(1);
	ioasid_faultq_free(r.queue);
	r.queue = NULL;
	ck_assert_uint_eq(scene_tables(&r.s, r.giova), 2);
	/* it is on the way still, and nobody hears of it */
	relay_raise(&r, 0, 2);
	if (_i) {
		relay_close(&r);
		relay_release(&r);
		return;
	}
	ok(ioasid_attachment_detach(r.above[0]));
	r.above[0] = NULL;
	ck_assert_uint_eq(scene_tables(&r.s, r.giova), 1);
	relay_end(&r);
}
END_TEST

static void *wait_for_ever(void *arg)
{
	struct relay *r = arg;
	int *result = calloc(1, sizeof(*result));

	while ((*result = ioasid_faultq_wait(r->queue, -1)) == 1)
		ioasid_faultq_read(r->queue, fault, ROOM);
	return result;
}

START_TEST(a_close_answers_and_wakes_sleepers)
{
	pthread_t sleeper;
	struct relay r;
	void *result;

	relay_begin(&r, NULL);
	pthread_create(&sleeper, NULL, wait_for_ever, &r);
	raise_some(&r, 0, 0, 5);
	while (relay_stats(&r).read < 5)
		sched_yield();
	relay_close(&r);
	pthread_join(sleeper, &result);
	ck_assert_int_eq(*(int *)result, -ENODEV);
	free(result);
	relay_release(&r);
}
END_TEST

static void add_traffic(Suite *suite)
{
	TCase *tcase = guest_case(suite, "there and back");

	tcase_add_test(tcase, a_request_arrives_with_its_label_and_its_space);
	tcase_add_test(tcase, thousands_go_round_one_by_one);
	tcase_add_test(tcase, thousands_go_round_in_batches);
	tcase_add_test(tcase, ten_that_wait_come_in_the_pieces_that_are_asked_for);
	tcase_add_test(tcase, more_than_there_is_room_for_waits_without_a_spin);
	tcase_add_test(tcase, a_failure_is_sent_as_invalid);
	tcase_add_test(tcase, a_guests_pasid_arrives_and_ends_with_the_default_route);
	tcase_add_test(tcase, its_descriptors_end_with_an_exec);
}

static void add_ends(Suite *suite)
{
	TCase *tcase = guest_case(suite, "ends");

	tcase_add_test(tcase, a_detach_cancels_and_a_late_answer_is_stale);
	tcase_add_loop_test(tcase, a_replace_cancels_and_a_cookie_used_again_is_safe, 0, 2);
	tcase_add_test(tcase, what_waits_behind_a_full_ring_goes_with_its_route);
	tcase_add_test(tcase, a_table_of_the_kernels_own_takes_no_queue_and_says_why);
	tcase_add_test(tcase, a_queue_is_freed_with_answers_outstanding);
	tcase_add_test(tcase, another_queue_serves_after_it);
	tcase_add_loop_test(tcase, a_table_that_cannot_be_left_keeps_the_kernels_half, 0, 2);
	tcase_add_test(tcase, a_close_answers_and_wakes_sleepers);
}

int main(void)
{
	Suite *suite = suite_create("page requests on a real kernel");

	add_traffic(suite);
	add_ends(suite);
	guest_run(suite);
}
