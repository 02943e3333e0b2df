/* SPDX-License-Identifier: MIT */
/*
 * Of the mock: what devices make of answers, and who answers when the user does not: detach,
 * replace, the end of a queue, of a context, of the platform.
 */
#include "mockkit.h"
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

/* A device that waits for an answer to its only page request, at 0x5000. */
static struct ioasid_fault begin_and_miss(struct rig *rig, struct ioasid_mock_dma *dma)
{
	static unsigned char byte;

	rig_begin(rig, &(struct rig_opts){.faults = true, .device = {.retries = 2}});
	*dma = rig_dma(rig, IOASID_MOCK_DMA_READ, 0x5000, &byte, 1);
	ok(ioasid_mock_dma_start(rig->hw, dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(rig->mock)), 1);
	return rig_fault(rig);
}

static void assert_ended(struct rig *rig, const struct ioasid_mock_dma *dma, int status)
{
	ck_assert_int_eq(ok(ioasid_mock_pump(rig->mock)), 0);
	ck_assert_int_eq(dma->status, status);
	ck_assert_uint_eq(rig_stats(rig).unanswered, 0);
	ck_assert_uint_eq(rig_stats(rig).answers, rig_stats(rig).groups);
}

START_TEST(success_that_brings_nothing_is_asked_for_again_then_given_up)
{
	struct ioasid_mock_dma dma;
	struct rig rig;
	struct ioasid_fault fault = begin_and_miss(&rig, &dma);

	for (int i = 0; i < 2; i++) {
		rig_answer(&rig, fault.id, IOASID_RESPONSE_SUCCESS);
		ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 1);
		fault = rig_fault(&rig);
		ck_assert_uint_eq(fault.addr, 0x5000);
	}
	rig_answer(&rig, fault.id, IOASID_RESPONSE_SUCCESS);
	assert_ended(&rig, &dma, -EFAULT);
	ck_assert_uint_eq(rig_stats(&rig).groups, 3);
	rig_end(&rig);
}
END_TEST

START_TEST(failure_ends_page_requests_until_a_reset)
{
	struct ioasid_mock_dma dma;
	unsigned char byte;
	struct rig rig;
	struct ioasid_fault fault = begin_and_miss(&rig, &dma);

	fails(-EBUSY, "outstanding", ioasid_mock_device_reset(rig.hw));
	rig_answer(&rig, fault.id, IOASID_RESPONSE_FAILURE);
	assert_ended(&rig, &dma, -EIO);
	fails(-EFAULT, "no page requests since FAILURE: reset", rig_read(&rig, 0x5000, &byte, 1));
	ck_assert_uint_eq(rig_stats(&rig).groups, 1);
	ok(ioasid_mock_device_reset(rig.hw));
	ok(ioasid_mock_dma_start(rig.hw, &dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 1);
	rig_answer(&rig, rig_fault(&rig).id, IOASID_RESPONSE_INVALID);
	assert_ended(&rig, &dma, -EFAULT);
	rig_end(&rig);
}
END_TEST

START_TEST(failure_lets_those_who_starve_go_too)
{
	unsigned char byte;
	struct ioasid_mock_dma dma[4];
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){.faults = true, .device = {.credits = 1}});
	for (int i = 0; i < 4; i++) {
		dma[i] = rig_dma(&rig, IOASID_MOCK_DMA_READ, 0, &byte, 1);
		ok(ioasid_mock_dma_start(rig.hw, &dma[i]));
	}
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 4);
	rig_answer(&rig, rig_fault(&rig).id, IOASID_RESPONSE_FAILURE);
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 0);
	ck_assert_int_eq(dma[0].status, -EIO);
	ck_assert_int_eq(dma[3].status, -EFAULT);
	rig_end(&rig);
}
END_TEST

START_TEST(detach_answers_what_waits_on_the_route)
{
	struct ioasid_response response = {0};
	struct ioasid_mock_dma dma;
	struct rig rig;
	struct ioasid_fault fault = begin_and_miss(&rig, &dma), cancelled;

	ok(ioasid_attachment_detach(rig.route));
	rig.route = NULL;
	assert_ended(&rig, &dma, -EFAULT);
	response.id = fault.id;
	fails(-ESTALE, "", ioasid_faultq_complete(rig.faults, &response, 1));
	cancelled = rig_fault(&rig);
	ck_assert_uint_eq(cancelled.id, fault.id);
	ck_assert_uint_eq(cancelled.flags & IOASID_FAULT_CANCELLED, IOASID_FAULT_CANCELLED);
	rig_end(&rig);
}
END_TEST

START_TEST(detach_of_one_pasid_leaves_the_others_waiting)
{
	struct rig_opts opts = {.faults = true, .device = {.pasid_bits = 8}, .pasid = 1};
	struct ioasid_attach_opts route = {
		.size = sizeof(route), .flags = IOASID_ATTACH_PASID, .pasid = 2};
	struct ioasid_attachment *other;
	struct ioasid_mock_dma dma[2];
	struct ioasid_fault faults[2];
	unsigned char byte;
	struct rig rig;

	rig_begin(&rig, &opts);
	ok(ioasid_device_attach(rig.device, rig.space, &route, &other));
	for (unsigned int i = 0; i < 2; i++) {
		dma[i] = rig_dma(&rig, IOASID_MOCK_DMA_READ, 0, &byte, 1);
		dma[i].pasid = i + 1;
		ok(ioasid_mock_dma_start(rig.hw, &dma[i]));
	}
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 2);
	ck_assert_int_eq(ok(ioasid_faultq_read(rig.faults, faults, 2)), 2);
	ok(ioasid_attachment_detach(other));
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 1);
	ck_assert_int_eq(dma[1].status, -EFAULT);
	ck_assert_int_eq(dma[0].status, -EINPROGRESS);
	rig_answer(&rig, faults[0].id, IOASID_RESPONSE_INVALID);
	assert_ended(&rig, &dma[0], -EFAULT);
	rig_end(&rig);
}
END_TEST

START_TEST(replace_answers_what_waits_and_later_requests_name_the_new_space)
{
	struct ioasid_space *space;
	struct ioasid_mock_dma dma;
	struct rig rig;
	struct ioasid_fault fault = begin_and_miss(&rig, &dma);

	ok(ioasid_space_new(rig.ctx, IOASID_OPTS(ioasid_space_opts, .faults = rig.faults), &space));
	ok(ioasid_attachment_replace(rig.route, space));
	assert_ended(&rig, &dma, -EFAULT);
	ck_assert_uint_eq(rig_fault(&rig).id, fault.id);
	ok(ioasid_mock_dma_start(rig.hw, &dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 1);
	fault = rig_fault(&rig);
	ck_assert_uint_eq(fault.space, ioasid_space_id(space));
	rig_answer(&rig, fault.id, IOASID_RESPONSE_INVALID);
	assert_ended(&rig, &dma, -EFAULT);
	ok(ioasid_attachment_detach(rig.route));
	rig.route = NULL;
	ok(ioasid_space_destroy(space));
	rig_end(&rig);
}
END_TEST

START_TEST(the_end_of_the_queue_answers_and_so_are_later_requests)
{
	struct ioasid_mock_dma dma;
	unsigned char byte;
	struct rig rig;

	begin_and_miss(&rig, &dma);
	ioasid_faultq_free(rig.faults);
	rig.faults = NULL;
	assert_ended(&rig, &dma, -EFAULT);
	fails(-EFAULT, "reach nobody: INVALID", rig_read(&rig, 0, &byte, 1));
	ck_assert_uint_eq(rig_stats(&rig).groups, 2);
	ck_assert_uint_eq(rig_stats(&rig).answers, 2);
	rig_end(&rig);
}
END_TEST

START_TEST(close_answers_and_unbinds)
{
	struct ioasid_mock_dma dma;
	unsigned char byte;
	struct rig rig;

	begin_and_miss(&rig, &dma);
	ioasid_close(rig.ctx);
	rig.ctx = NULL;
	assert_ended(&rig, &dma, -EFAULT);
	fails(-ENODEV, "no space", rig_read(&rig, 0, &byte, 1));
	rig_end(&rig);
}
END_TEST

START_TEST(groups_behind_a_full_ring_are_answered_by_detach_too)
{
	struct rig_opts opts = {.faults = true, .device = {.credits = 128}};
	struct ioasid_faultq_stats stats = {.size = sizeof(stats)};
	static struct ioasid_mock_dma dma[100];
	unsigned char byte;
	struct rig rig;

	opts.queue = (struct ioasid_faultq_opts){.records = 64, .max_outstanding = 128};
	rig_begin(&rig, &opts);
	for (unsigned int i = 0; i < 100; i++) {
		dma[i] = rig_dma(&rig, IOASID_MOCK_DMA_READ, i * PAGE, &byte, 1);
		ok(ioasid_mock_dma_start(rig.hw, &dma[i]));
	}
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 100);
	ok(ioasid_faultq_stats(rig.faults, &stats));
	ck_assert_uint_eq(stats.waiting, 36);
	ok(ioasid_attachment_detach(rig.route));
	rig.route = NULL;
	assert_ended(&rig, &dma[99], -EFAULT);
	ok(ioasid_faultq_stats(rig.faults, &stats));
	ck_assert_uint_eq(stats.waiting, 0);
	ck_assert_uint_eq(stats.cancelled, 100);
	rig_end(&rig);
}
END_TEST

START_TEST(the_platforms_end_ends_what_was_started)
{
	struct ioasid_mock_dma dma[3];
	unsigned char byte;
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){.faults = true, .device = {.credits = 1}});
	for (int i = 0; i < 2; i++) {
		dma[i] = rig_dma(&rig, IOASID_MOCK_DMA_READ, 0, &byte, 1);
		ok(ioasid_mock_dma_start(rig.hw, &dma[i]));
	}
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 2);
	dma[2] = rig_dma(&rig, IOASID_MOCK_DMA_READ, 0, &byte, 1);
	ok(ioasid_mock_dma_start(rig.hw, &dma[2]));
	/* one waits, one starves, one was never moved */
	ioasid_mock_free(rig.mock);
	rig.mock = NULL;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(dma[i].status, -ENODEV);
	rig_end(&rig);
}
END_TEST

START_TEST(the_platforms_end_cancels_what_was_read)
{
	struct ioasid_response response = {0};
	struct ioasid_mock_dma dma;
	uint64_t id;
	struct rig rig;
	struct ioasid_fault fault = begin_and_miss(&rig, &dma), cancelled;

	ioasid_mock_free(rig.mock);
	rig.mock = NULL;
	ck_assert_int_eq(dma.status, -ENODEV);
	fails(-ENOENT, "", ioasid_faultq_find(rig.faults, LABEL, NOBODY, 0, &id));
	response.id = fault.id;
	fails(-ESTALE, "", ioasid_faultq_complete(rig.faults, &response, 1));
	cancelled = rig_fault(&rig);
	ck_assert_uint_eq(cancelled.id, fault.id);
	ck_assert_uint_eq(cancelled.flags & IOASID_FAULT_CANCELLED, IOASID_FAULT_CANCELLED);
	rig_end(&rig);
}
END_TEST

/* A hook that stops the answer until it is let go. */
struct gate {
	int reached[2];
	int go[2];
};

static void stop_here(void *arg)
{
	struct gate *gate = arg;
	char byte = 0;

	ck_assert_int_eq(write(gate->reached[1], &byte, 1), 1);
	ck_assert_int_eq(read(gate->go[0], &byte, 1), 1);
}

struct answerer {
	struct rig *rig;
	uint64_t id;
};

static void *answer(void *arg)
{
	struct answerer *answerer = arg;

	rig_answer(answerer->rig, answerer->id, IOASID_RESPONSE_INVALID);
	return NULL;
}

START_TEST(the_hook_stops_an_answer_before_the_device_has_it)
{
	struct ioasid_mock_dma dma;
	struct gate gate;
	struct rig rig;
	struct answerer answerer = {&rig, begin_and_miss(&rig, &dma).id};
	pthread_t thread;
	char byte;

	ck_assert_int_eq(pipe(gate.reached), 0);
	ck_assert_int_eq(pipe(gate.go), 0);
	ok(ioasid_mock_on_answer(rig.mock, stop_here, &gate));
	ck_assert_int_eq(pthread_create(&thread, NULL, answer, &answerer), 0);
	ck_assert_int_eq(read(gate.reached[0], &byte, 1), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 1);
	ck_assert_uint_eq(rig_stats(&rig).unanswered, 1);
	ck_assert_int_eq(write(gate.go[1], &byte, 1), 1);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	assert_ended(&rig, &dma, -EFAULT);
	for (int i = 0; i < 2; i++) {
		close(gate.reached[i]);
		close(gate.go[i]);
	}
	rig_end(&rig);
}
END_TEST

START_TEST(an_answer_that_fails_leaves_the_group_to_be_answered)
{
	struct ioasid_response response = {0};
	struct ioasid_mock_dma dma;
	struct rig rig;

	response.id = begin_and_miss(&rig, &dma).id;
	response.code = IOASID_RESPONSE_INVALID;
	ok(ioasid_mock_fail(rig.mock, IOASID_MOCK_OP_ANSWER, 1, -EIO));
	fails(-EIO, "injected", ioasid_faultq_complete(rig.faults, &response, 1));
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 1);
	rig_answer(&rig, response.id, IOASID_RESPONSE_INVALID);
	assert_ended(&rig, &dma, -EFAULT);
	rig_end(&rig);
}
END_TEST

void add_answer_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "answer");

	tcase_add_test(tcase, success_that_brings_nothing_is_asked_for_again_then_given_up);
	tcase_add_test(tcase, failure_ends_page_requests_until_a_reset);
	tcase_add_test(tcase, failure_lets_those_who_starve_go_too);
	tcase_add_test(tcase, detach_answers_what_waits_on_the_route);
	tcase_add_test(tcase, detach_of_one_pasid_leaves_the_others_waiting);
	tcase_add_test(tcase, replace_answers_what_waits_and_later_requests_name_the_new_space);
	tcase_add_test(tcase, the_end_of_the_queue_answers_and_so_are_later_requests);
	tcase_add_test(tcase, close_answers_and_unbinds);
	tcase_add_test(tcase, groups_behind_a_full_ring_are_answered_by_detach_too);
	tcase_add_test(tcase, the_platforms_end_ends_what_was_started);
	tcase_add_test(tcase, the_platforms_end_cancels_what_was_read);
	tcase_add_test(tcase, the_hook_stops_an_answer_before_the_device_has_it);
	tcase_add_test(tcase, an_answer_that_fails_leaves_the_group_to_be_answered);
}
