/* SPDX-License-Identifier: MIT */
/*
 * Page requests over a real kernel's fault queue that nobody answers, or that find no room, and
 * devices that move between two queues: what the kernel is told, and that it wants to hear it, for
 * an answer that it does not want is an error.
 */
#include "guest.h"
#include "relay.h"
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ROOM        256
#define MILLISECOND UINT64_C(1000000)
#define HOUR        (3600000 * MILLISECOND)

static struct ioasid_fault fault[ROOM];

static void raise_some(struct relay *r, int device, uint64_t first, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		relay_raise(r, device, first + i);
}

/* ---- overdue ---- */

START_TEST(what_nobody_answers_is_answered_by_the_queue)
{
	static const uint32_t codes[] = {
		IOASID_RESPONSE_SUCCESS, IOASID_RESPONSE_INVALID, IOASID_RESPONSE_FAILURE};
	struct relay r;

	relay_begin(
		&r, IOASID_OPTS(ioasid_faultq_opts, .deadline_ns = 1, .deadline_code = codes[_i]));
	for (unsigned int round = 0; round < 50; round++) {
		raise_some(&r, round % 2, 0, 100);
		relay_read(&r, fault, ROOM, 100);
		ck_assert_int_eq(ok(ioasid_faultq_expire(r.queue)), 100);
		fails(-ESTALE, "before", relay_answer(&r, fault[7].id, 0));
		ck_assert_int_eq(ok(ioasid_faultq_expire(r.queue)), 0);
	}
	ck_assert_uint_eq(relay_stats(&r).expired, 5000);
	ck_assert_uint_eq(relay_stats(&r).cancelled, 0);
	ck_assert_uint_eq(relay_stats(&r).outstanding, 0);
	relay_end(&r);
}
END_TEST

START_TEST(what_waits_for_room_expires_with_the_rest)
{
	struct relay r;

	relay_begin(&r, IOASID_OPTS(ioasid_faultq_opts, .records = 64, .deadline_ns = 1,
				.deadline_code = IOASID_RESPONSE_INVALID));
	raise_some(&r, 0, 0, 100);
	/* they are fetched, and not a moment later overdue */
	ck_assert_int_eq(ok(ioasid_faultq_wait(r.queue, 0)), 1);
	ck_assert_uint_eq(relay_stats(&r).waiting, 36);
	ck_assert_int_eq(ok(ioasid_faultq_expire(r.queue)), 100);
	ck_assert_uint_eq(relay_stats(&r).waiting, 0);
	relay_read(&r, fault, ROOM, 0);
	ck_assert(!relay_polls(&r));
	raise_some(&r, 0, 200, 1);
	ck_assert(relay_polls(&r));
	relay_end(&r);
}
END_TEST

START_TEST(a_detach_is_before_the_deadline_or_after)
{
	struct relay r;

	relay_begin(&r, IOASID_OPTS(ioasid_faultq_opts, .deadline_ns = _i ? 1 : HOUR,
				.deadline_code = IOASID_RESPONSE_INVALID));
	raise_some(&r, 0, 0, 10);
	relay_read(&r, fault, ROOM, 10);
	ck_assert_int_eq(ok(ioasid_faultq_expire(r.queue)), _i ? 10 : 0);
	ok(ioasid_attachment_detach(r.above[0]));
	r.above[0] = NULL;
	relay_read(&r, fault, ROOM, _i ? 0 : 10);
	ck_assert_uint_eq(relay_stats(&r).expired, _i ? 10 : 0);
	ck_assert_uint_eq(relay_stats(&r).cancelled, _i ? 0 : 10);
	relay_end(&r);
}
END_TEST

/* ---- asleep ---- */

START_TEST(a_poll_wakes_for_a_fault_and_for_a_deadline)
{
	struct pollfd fd = {.events = POLLIN};
	struct relay r;

	relay_begin(&r, IOASID_OPTS(ioasid_faultq_opts, .deadline_ns = 20 * MILLISECOND,
				.deadline_code = IOASID_RESPONSE_INVALID));
	fd.fd = ok(ioasid_faultq_get_fd(r.queue));
	for (unsigned int i = 0; i < 5; i++) {
		relay_raise(&r, 0, i);
		ck_assert_int_eq(poll(&fd, 1, -1), 1);
		relay_read(&r, fault, ROOM, 1);
		while (!ioasid_faultq_read(r.queue, fault, ROOM) && relay_stats(&r).expired == i)
			ck_assert_int_eq(poll(&fd, 1, -1), 1);
		ck_assert_uint_eq(relay_stats(&r).expired, i + 1);
	}
	relay_end(&r);
}
END_TEST

static void *wait_for_all(void *arg)
{
	struct relay *r = arg;

	while (relay_stats(r).expired < 20) {
		ck_assert_int_ge(ioasid_faultq_wait(r->queue, 1000), 0);
		ck_assert_int_ge(ioasid_faultq_read(r->queue, fault, ROOM), 0);
	}
	return NULL;
}

START_TEST(a_sleeper_lets_expire_what_it_took)
{
	struct relay r;
	pthread_t thread;

	relay_begin(&r, IOASID_OPTS(ioasid_faultq_opts, .deadline_ns = MILLISECOND,
				.deadline_code = IOASID_RESPONSE_INVALID));
	ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_all, &r), 0);
	for (unsigned int i = 0; i < 20; i++) {
		relay_raise(&r, i % 2, i);
		usleep(500);
	}
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(relay_stats(&r).outstanding, 0);
	relay_end(&r);
}
END_TEST

/* ---- late ---- */

START_TEST(what_finds_no_room_is_answered_at_once)
{
	struct relay r;

	relay_begin(
		&r, IOASID_OPTS(ioasid_faultq_opts, .records = 64,
			    .late = _i ? IOASID_FAULTQ_LATE_INVALID : IOASID_FAULTQ_LATE_SUCCESS));
	raise_some(&r, 0, 0, 200);
	relay_read(&r, fault, ROOM, 64);
	ck_assert_uint_eq(relay_stats(&r).late, 136);
	ck_assert_uint_eq(relay_stats(&r).waiting, 0);
	relay_read(&r, fault + 64, ROOM - 64, 0);
	ck_assert(!relay_polls(&r));
	for (unsigned int i = 0; i < 64; i++)
		ck_assert_int_eq(relay_answer(&r, fault[i].id, 0), 1);
	/* the kernel's numbers are all free again */
	raise_some(&r, 1, 0, 10);
	relay_read(&r, fault, ROOM, 10);
	relay_end(&r);
}
END_TEST

/* ---- two queues ---- */

static void read_one(struct ioasid_faultq *queue, uint64_t label, uint64_t page)
{
	ck_assert_int_eq(ok(ioasid_faultq_read(queue, fault, ROOM)), 1);
	ck_assert_uint_eq(fault[0].label, label);
	ck_assert_uint_eq(fault[0].addr, page * PAGE);
	ck_assert(!(fault[0].flags & IOASID_FAULT_CANCELLED));
}

static void expect_from(int set, uint32_t queue)
{
	struct epoll_event event = {.events = 0};

	ck_assert_int_eq(epoll_wait(set, &event, 1, -1), 1);
	ck_assert_uint_eq(event.data.u32, queue);
}

static int watch(struct ioasid_faultq *first, struct ioasid_faultq *second)
{
	struct epoll_event event = {.events = EPOLLIN};
	int set = epoll_create1(EPOLL_CLOEXEC);

	ck_assert_int_eq(epoll_ctl(set, EPOLL_CTL_ADD, ok(ioasid_faultq_get_fd(first)), &event), 0);
	event.data.u32 = 1;
	ck_assert_int_eq(
		epoll_ctl(set, EPOLL_CTL_ADD, ok(ioasid_faultq_get_fd(second)), &event), 0);
	return set;
}

START_TEST(a_device_goes_from_queue_to_queue)
{
	struct ioasid_faultq *second;
	struct ioasid_space *other;
	struct ioasid_response no = {.code = IOASID_RESPONSE_INVALID};
	struct relay r;
	int set;

	relay_begin(&r, NULL);
	ok(ioasid_faultq_new(r.s.ctx, NULL, &second));
	other = relay_other(&r, second);
	set = watch(r.queue, second);
	for (unsigned int i = 0; i < 20; i++) {
		relay_raise(&r, 0, i);
		expect_from(set, 0);
		read_one(r.queue, 0, i);
		ok(ioasid_attachment_replace(r.above[0], other));
		/* it was cancelled where it was read, and nowhere else */
		expect_from(set, 0);
		relay_read(&r, fault, ROOM, 1);
		ck_assert(fault[0].flags & IOASID_FAULT_CANCELLED);
		/* a read that finds nothing is what quiets the descriptor */
		relay_read(&r, fault, ROOM, 0);
		relay_raise(&r, 0, i);
		expect_from(set, 1);
		read_one(second, 0, i);
		no.id = fault[0].id;
		ck_assert_int_eq(ok(ioasid_faultq_complete(second, &no, 1)), 1);
		ck_assert_int_eq(ok(ioasid_faultq_read(second, fault, ROOM)), 0);
		ok(ioasid_attachment_replace(r.above[0], r.giova));
		relay_read(&r, fault, ROOM, 0);
	}
	ck_assert_uint_eq(relay_stats(&r).cancelled, 20);
	close(set);
	relay_drop(other);
	ioasid_faultq_free(second);
	relay_end(&r);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kernel, faults overdue and late");
	TCase *tcase = support_case(suite, "due");

	tcase_add_loop_test(tcase, what_nobody_answers_is_answered_by_the_queue, 0, 3);
	tcase_add_test(tcase, what_waits_for_room_expires_with_the_rest);
	tcase_add_loop_test(tcase, a_detach_is_before_the_deadline_or_after, 0, 2);
	tcase_add_test(tcase, a_poll_wakes_for_a_fault_and_for_a_deadline);
	tcase_add_test(tcase, a_sleeper_lets_expire_what_it_took);
	tcase_add_loop_test(tcase, what_finds_no_room_is_answered_at_once, 0, 2);
	tcase_add_test(tcase, a_device_goes_from_queue_to_queue);
	guest_run(suite);
}
