/* SPDX-License-Identifier: MIT */
/*
 * Deadlines of faults: who looks, what is answered, what stays. The clock is the test's own. When
 * the timer is set is in test-deadline-timer.c, the table's part in test-pending-due.c, threads are
 * in test-deadline-threads.c, the kernel's descriptor is in test-fill-due.c.
 */
#include "core.h"
#include "duekit.h"

static struct ioasid_fault fault[64];

/* ---- who looks ---- */

static int by_expire(struct faultq *f)
{
	return ioasid_faultq_expire(f->queue) == 1 ? 0 : -1;
}

static int by_read(struct faultq *f)
{
	return ioasid_faultq_read(f->queue, fault, 1);
}

static int by_wait(struct faultq *f)
{
	/* the record is in the ring still; the read will skip it */
	return ioasid_faultq_wait(f->queue, 0) < 0 ? -1 : 0;
}

static int by_complete(struct faultq *f)
{
	return ioasid_faultq_complete(f->queue, NULL, 0);
}

static int (*const looks[])(struct faultq *) = {by_expire, by_read, by_wait, by_complete};

#define LOOKS ((int)(sizeof(looks) / sizeof(looks[0])))

START_TEST(whoever_looks_answers_what_is_overdue)
{
	struct faultq f;

	duekit_begin(&f, IOASID_RESPONSE_INVALID);
	duekit_raise(&f, 0, 1);
	duekit_at_second(101);
	ck_assert_int_eq(looks[_i](&f), 0);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	ck_assert_int_eq(duekit_transfer[0].dma.status, -EFAULT);
	ck_assert_uint_eq(faultq_stats(&f).expired, 1);
	ck_assert_uint_eq(faultq_stats(&f).outstanding, 0);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 0);
	duekit_end(&f);
}
END_TEST

START_TEST(nobody_answers_what_has_time)
{
	struct faultq f;

	duekit_begin(&f, IOASID_RESPONSE_INVALID);
	duekit_raise(&f, 0, 1);
	duekit_now += SECOND - 1;
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 0);
	ck_assert_int_eq(ok(ioasid_faultq_wait(f.queue, 0)), 1);
	ck_assert_int_eq(ok(ioasid_faultq_complete(f.queue, NULL, 0)), 0);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	ck_assert_int_eq(faultq_answer(&f, fault[0].id, IOASID_RESPONSE_INVALID, NULL), 1);
	ck_assert_uint_eq(faultq_stats(&f).expired, 0);
	ok(ioasid_mock_pump(f.mock));
	duekit_end(&f);
}
END_TEST

/* ---- what is answered ---- */

START_TEST(the_code_is_the_queues)
{
	static const struct {
		uint32_t code;
		int status;
	} codes[] = {
		{IOASID_RESPONSE_SUCCESS, 0},
		{IOASID_RESPONSE_INVALID, -EFAULT},
		{IOASID_RESPONSE_FAILURE, -EIO},
	};
	struct faultq f;

	duekit_begin(&f, codes[_i].code);
	duekit_raise(&f, 0, 1);
	faultq_map(&f, 0); /* who may ask again finds it */
	duekit_at_second(102);
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	ck_assert_int_eq(duekit_transfer[0].dma.status, codes[_i].status);
	duekit_end(&f);
}
END_TEST

START_TEST(what_was_read_is_answered_as_well)
{
	struct faultq f;
	uint64_t id;

	duekit_begin(&f, IOASID_RESPONSE_INVALID);
	duekit_raise(&f, 0, 2);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	duekit_at_second(101);
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 2);
	fails(-ESTALE, "before", faultq_answer(&f, fault[0].id, IOASID_RESPONSE_SUCCESS, NULL));
	fails(-ENOENT, "nothing", ioasid_faultq_find(f.queue, 0x100, NONE, fault[0].group, &id));
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 0);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	duekit_end(&f);
}
END_TEST

START_TEST(only_the_oldest_are_overdue)
{
	struct faultq f;

	duekit_begin(&f, IOASID_RESPONSE_INVALID);
	duekit_raise(&f, 0, 100);
	duekit_now += SECOND / 2;
	duekit_raise(&f, 100, 3);
	duekit_now += SECOND / 2;
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 100);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 3);
	duekit_now += SECOND / 2;
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 3);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	duekit_end(&f);
}
END_TEST

/* The answer was there when somebody looked. */
START_TEST(a_late_answer_counts_if_it_is_the_first_to_look)
{
	struct faultq f;

	duekit_begin(&f, IOASID_RESPONSE_INVALID);
	duekit_raise(&f, 0, 2);
	faultq_map(&f, 0);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 2)), 2);
	duekit_at_second(105);
	ck_assert_int_eq(faultq_answer(&f, fault[0].id, IOASID_RESPONSE_SUCCESS, NULL), 1);
	ck_assert_uint_eq(faultq_stats(&f).answered, 1);
	ck_assert_uint_eq(faultq_stats(&f).expired, 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	ck_assert_int_eq(duekit_transfer[0].dma.status, 0);
	ck_assert_int_eq(duekit_transfer[1].dma.status, -EFAULT);
	duekit_end(&f);
}
END_TEST

START_TEST(what_waits_behind_the_full_ring_is_no_exception)
{
	struct faultq f;

	duekit_begin(&f, IOASID_RESPONSE_INVALID);
	duekit_raise(&f, 0, 70);
	duekit_now += SECOND / 2;
	duekit_raise(&f, 70, 10);
	ck_assert_uint_eq(faultq_stats(&f).waiting, 16);
	duekit_now += SECOND / 2;
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 70);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 10);
	ck_assert_uint_eq(faultq_stats(&f).waiting, 10);
	ck_assert_uint_eq(faultq_stats(&f).expired, 70);
	/* the dead ones are in the ring still, and nobody sees them */
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 64)), 10);
	ck_assert_uint_eq(fault[0].addr, 70 * PAGE);
	duekit_now += SECOND / 2;
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 10);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	duekit_end(&f);
}
END_TEST

/* Half of the slots are of cancellations that nobody has seen, the others of what was taken. */
START_TEST(what_waits_for_a_slot_comes_in_as_others_are_overdue)
{
	struct faultq f;

	duekit_at_second(100);
	faultq_begin(&f, (struct faultq_wish){.devices = 2,
				 .credits = 8,
				 .opts = IOASID_OPTS(ioasid_faultq_opts, .records = 64,
					 .max_outstanding = 16, .deadline_ns = SECOND)});
	for (unsigned int i = 0; i < 16; i++)
		faultq_start(&f, &duekit_transfer[i], i / 8, i, 1);
	ok(ioasid_mock_pump(f.mock));
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 64)), 16);
	ok(ioasid_attachment_detach(f.route[0]));
	ok(ioasid_device_attach(f.device[0], f.space, NULL, &f.route[0]));
	duekit_now += SECOND / 2;
	duekit_raise(&f, 16, 8);
	ck_assert_uint_eq(faultq_stats(&f).waiting, 8);
	duekit_now += SECOND / 2;
	ck_assert_int_eq(faultq_answer(&f, fault[0].id, IOASID_RESPONSE_SUCCESS, NULL), -ESTALE);
	ck_assert_uint_eq(faultq_stats(&f).expired, 8);
	ck_assert_uint_eq(faultq_stats(&f).waiting, 0);
	ck_assert_uint_eq(faultq_stats(&f).outstanding, 8);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 64)), 16);
	ck_assert_uint_eq(fault[15].addr, 23 * PAGE);
	duekit_end(&f);
}
END_TEST

START_TEST(what_could_not_be_answered_has_another_deadline)
{
	struct faultq f;

	duekit_begin(&f, IOASID_RESPONSE_INVALID);
	duekit_raise(&f, 0, 1);
	duekit_at_second(101);
	ok(ioasid_mock_fail(f.mock, IOASID_MOCK_OP_ANSWER, 1, -EIO));
	fails(-EIO, "overdue", ioasid_faultq_expire(f.queue));
	ck_assert_uint_eq(faultq_stats(&f).outstanding, 1);
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 0);
	duekit_at_second(102);
	ok(ioasid_mock_fail(f.mock, IOASID_MOCK_OP_ANSWER, 1, -EIO));
	/* who only looks in passing is not told */
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	duekit_at_second(103);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 0);
	ck_assert_uint_eq(faultq_stats(&f).expired, 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	duekit_end(&f);
}
END_TEST

START_TEST(some_that_fail_do_not_hide_those_that_were_answered)
{
	struct faultq f;

	duekit_begin(&f, IOASID_RESPONSE_INVALID);
	duekit_raise(&f, 0, 3);
	duekit_at_second(101);
	ok(ioasid_mock_fail(f.mock, IOASID_MOCK_OP_ANSWER, 1, -EIO));
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 2);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 1);
	duekit_at_second(102);
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	duekit_end(&f);
}
END_TEST

START_TEST(an_answer_that_fails_leaves_the_deadline_as_it_was)
{
	struct faultq f;

	duekit_begin(&f, IOASID_RESPONSE_INVALID);
	duekit_raise(&f, 0, 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	ok(ioasid_mock_fail(f.mock, IOASID_MOCK_OP_ANSWER, 1, -EIO));
	fails(-EIO, "entry 0", faultq_answer(&f, fault[0].id, IOASID_RESPONSE_SUCCESS, NULL));
	duekit_at_second(101);
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	duekit_end(&f);
}
END_TEST

START_TEST(without_a_deadline_nothing_expires)
{
	struct faultq f;

	duekit_at_second(100);
	faultq_begin(&f, (struct faultq_wish){.devices = 1});
	duekit_raise(&f, 0, 1);
	duekit_at_second(1000000);
	ck_assert_int_eq(ok(ioasid_faultq_expire(f.queue)), 0);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	ck_assert_int_eq(f.queue->deadline.timer, -1);
	ck_assert_int_eq(ok(ioasid_faultq_get_fd(f.queue)), f.queue->is.pollfd);
	ck_assert_int_eq(faultq_answer(&f, fault[0].id, IOASID_RESPONSE_INVALID, NULL), 1);
	ok(ioasid_mock_pump(f.mock));
	duekit_end(&f);
}
END_TEST

/* ---- the suite ---- */

static void add_answers(TCase *tcase)
{
	tcase_add_loop_test(tcase, whoever_looks_answers_what_is_overdue, 0, LOOKS);
	tcase_add_test(tcase, nobody_answers_what_has_time);
	tcase_add_loop_test(tcase, the_code_is_the_queues, 0, 3);
	tcase_add_test(tcase, what_was_read_is_answered_as_well);
	tcase_add_test(tcase, only_the_oldest_are_overdue);
	tcase_add_test(tcase, a_late_answer_counts_if_it_is_the_first_to_look);
	tcase_add_test(tcase, what_waits_behind_the_full_ring_is_no_exception);
	tcase_add_test(tcase, what_waits_for_a_slot_comes_in_as_others_are_overdue);
	tcase_add_test(tcase, what_could_not_be_answered_has_another_deadline);
	tcase_add_test(tcase, some_that_fail_do_not_hide_those_that_were_answered);
	tcase_add_test(tcase, an_answer_that_fails_leaves_the_deadline_as_it_was);
	tcase_add_test(tcase, without_a_deadline_nothing_expires);
}

int main(void)
{
	Suite *suite = suite_create("deadlines");

	add_answers(support_case(suite, "answers"));
	return support_run(suite);
}
