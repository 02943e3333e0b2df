/* SPDX-License-Identifier: MIT */
/*
 * Page faults from the miss to the answer, one step at a time: read, route, find, complete,
 * pending, stats. What a detach cancels is in test-faultq-cancel.c, many threads are in
 * test-faultq-threads.c.
 */
#include "faultq.h"
#include <poll.h>
#include <stdlib.h>

START_TEST(a_fault_is_read_routed_found_and_answered)
{
	struct faultq f;
	static struct faultq_transfer t;
	struct ioasid_fault fault;
	uint64_t id = 0;

	faultq_begin(&f, (struct faultq_wish){.devices = 2});
	faultq_start(&f, &t, 1, 5, 100);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 1);
	ck_assert_int_eq(ok(ioasid_faultq_wait(f.queue, -1)), 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, &fault, 1)), 1);
	ck_assert_uint_eq(fault.label, 0x101);
	ck_assert_uint_eq(fault.addr, 5 * PAGE);
	ck_assert_uint_eq(fault.pages, 1);
	ck_assert_uint_eq(fault.flags, IOASID_FAULT_READ | IOASID_FAULT_LAST);
	ck_assert_uint_eq(fault.space, ioasid_space_id(f.space));
	ck_assert_uint_eq(fault.pasid, NONE);
	ok(ioasid_faultq_find(f.queue, fault.label, fault.pasid, fault.group, &id));
	ck_assert_uint_eq(id, fault.id);
	faultq_map(&f, 5);
	ck_assert_int_eq(faultq_answer(&f, id, IOASID_RESPONSE_SUCCESS, NULL), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	ck_assert_int_eq(t.dma.status, 0);
	ck_assert_mem_eq(t.bytes, f.memory + 5 * PAGE, 100);
	fails(-ENOENT, "0x101",
		ioasid_faultq_find(f.queue, fault.label, fault.pasid, fault.group, &id));
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, &fault, 1)), 0);
	faultq_end(&f);
}
END_TEST

START_TEST(a_fault_with_a_pasid_names_the_users)
{
	struct faultq f;
	struct ioasid_attachment *route;
	struct ioasid_fault fault;
	unsigned char byte = 7;
	struct ioasid_mock_dma dma = {.kind = IOASID_MOCK_DMA_WRITE,
		.pasid = 200,
		.iova = 3 * PAGE + 9,
		.buffer = &byte,
		.length = 1};

	faultq_begin(&f, (struct faultq_wish){.devices = 1});
	ok(ioasid_device_attach(f.device[0], f.space,
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = 200),
		&route));
	ok(ioasid_mock_dma_start(f.hw[0], &dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, &fault, 1)), 1);
	ck_assert_uint_eq(fault.pasid, 200);
	ck_assert_uint_eq(
		fault.flags, IOASID_FAULT_WRITE | IOASID_FAULT_PASID_VALID | IOASID_FAULT_LAST);
	faultq_map(&f, 3);
	ck_assert_int_eq(faultq_answer(&f, fault.id, IOASID_RESPONSE_SUCCESS, NULL), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	ck_assert_int_eq(dma.status, 0);
	ck_assert_uint_eq(f.memory[3 * PAGE + 9], 7);
	ok(ioasid_attachment_detach(route));
	faultq_end(&f);
}
END_TEST

START_TEST(a_group_of_several_pages_is_read_whole)
{
	struct faultq f;
	static struct faultq_transfer t;
	struct ioasid_fault fault[8] = {{0}};

	faultq_begin(&f, (struct faultq_wish){.devices = 1, .credits = 8, .group_pages = 4});
	faultq_start(&f, &t, 0, 10, 4 * PAGE);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 1);
	fails(-EMSGSIZE, "4", ioasid_faultq_read(f.queue, fault, 3));
	ck_assert_uint_eq(faultq_stats(&f).needed, 4);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 8)), 4);
	for (uint64_t i = 0; i < 4; i++) {
		ck_assert_uint_eq(fault[i].id, fault[0].id);
		ck_assert_uint_eq(fault[i].addr, (10 + i) * PAGE);
		ck_assert_uint_eq(!!(fault[i].flags & IOASID_FAULT_LAST), i == 3);
		faultq_map(&f, 10 + i);
	}
	ck_assert_int_eq(faultq_answer(&f, fault[0].id, IOASID_RESPONSE_SUCCESS, NULL), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	ck_assert_mem_eq(t.bytes, f.memory + 10 * PAGE, 4 * PAGE);
	ck_assert_uint_eq(faultq_stats(&f).raised, 1);
	faultq_end(&f);
}
END_TEST

START_TEST(codes_reach_the_device)
{
	static const struct {
		uint32_t code;
		int status;
	} answers[] = {
		{IOASID_RESPONSE_INVALID, -EFAULT},
		{IOASID_RESPONSE_FAILURE, -EIO},
	};
	struct faultq f;
	static struct faultq_transfer t;
	struct ioasid_fault fault;
	struct ioasid_response answer;

	faultq_begin(&f, (struct faultq_wish){.devices = 1});
	ck_assert_int_eq(ok(ioasid_check_extension(f.ctx, IOASID_EXT_RESPONSE_FAILURE)), 1);
	for (int i = 0; i < 2; i++) {
		faultq_start(&f, &t, 0, 1, 1);
		ok(ioasid_mock_pump(f.mock));
		ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, &fault, 1)), 1);
		ck_assert_int_eq(faultq_answer(&f, fault.id, answers[i].code, &answer), 1);
		ck_assert_uint_eq(answer.flags, 0);
		ck_assert_int_eq(answer.status, 0);
		ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
		ck_assert_int_eq(t.dma.status, answers[i].status);
	}
	/* after a FAILURE the device asks no more, until it is reset */
	faultq_start(&f, &t, 0, 1, 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	ck_assert_int_ne(t.dma.status, 0);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, &fault, 1)), 0);
	ok(ioasid_mock_device_reset(f.hw[0]));
	faultq_start(&f, &t, 0, 1, 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, &fault, 1)), 1);
	ck_assert_int_eq(faultq_answer(&f, fault.id, IOASID_RESPONSE_INVALID, NULL), 1);
	ok(ioasid_mock_pump(f.mock));
	faultq_end(&f);
}
END_TEST

START_TEST(an_answer_given_twice_is_stale)
{
	struct faultq f;
	static struct faultq_transfer t;
	struct ioasid_fault fault;
	struct ioasid_response answer;

	faultq_begin(&f, (struct faultq_wish){.devices = 1});
	faultq_start(&f, &t, 0, 1, 1);
	ok(ioasid_mock_pump(f.mock));
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, &fault, 1)), 1);
	ck_assert_int_eq(faultq_answer(&f, fault.id, IOASID_RESPONSE_INVALID, NULL), 1);
	fails(-ESTALE, "ioasid_faultq_complete",
		faultq_answer(&f, fault.id, IOASID_RESPONSE_INVALID, &answer));
	ck_assert_int_eq(answer.status, -ESTALE);
	ck_assert_uint_eq(faultq_stats(&f).stale, 1);
	ck_assert_uint_eq(faultq_stats(&f).answered, 1);
	ok(ioasid_mock_pump(f.mock));
	faultq_end(&f);
}
END_TEST

START_TEST(a_group_answered_before_it_was_read_is_never_handed_out)
{
	struct faultq f;
	static struct faultq_transfer t[2];
	struct ioasid_fault fault[4];
	uint64_t id;

	faultq_begin(&f, (struct faultq_wish){.devices = 2});
	for (uint32_t i = 0; i < 2; i++)
		faultq_start(&f, &t[i], i, 1, 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 2);
	ok(ioasid_faultq_find(f.queue, 0x100, NONE, 0, &id));
	ck_assert_int_eq(faultq_answer(&f, id, IOASID_RESPONSE_INVALID, NULL), 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 4)), 1);
	ck_assert_uint_eq(fault[0].label, 0x101);
	ck_assert_int_eq(faultq_answer(&f, fault[0].id, IOASID_RESPONSE_INVALID, NULL), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	ck_assert_uint_eq(faultq_stats(&f).read, 1);
	ck_assert_uint_eq(faultq_stats(&f).answered, 2);
	faultq_end(&f);
}
END_TEST

START_TEST(a_bad_entry_does_not_spoil_its_batch)
{
	struct faultq f;
	static struct faultq_transfer t[4];
	struct ioasid_fault fault[4];
	struct ioasid_response batch[6] = {{0}};

	faultq_begin(&f, (struct faultq_wish){.devices = 4});
	for (uint32_t i = 0; i < 4; i++)
		faultq_start(&f, &t[i], i, 1, 1);
	ok(ioasid_mock_pump(f.mock));
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 4)), 4);
	for (int i = 0; i < 4; i++)
		batch[i < 2 ? i : i + 1] = (struct ioasid_response){
			.id = fault[i].id, .code = IOASID_RESPONSE_INVALID};
	batch[2] = batch[1]; /* twice */
	batch[5] = (struct ioasid_response){.id = 0, .code = IOASID_RESPONSE_INVALID};
	batch[4].code = 2; /* no such code */
	ck_assert_int_eq(ok(ioasid_faultq_complete(f.queue, batch, 6)), 3);
	ck_assert_int_eq(batch[0].status, 0);
	ck_assert_int_eq(batch[1].status, 0);
	ck_assert_int_eq(batch[2].status, -ESTALE);
	ck_assert_int_eq(batch[3].status, 0);
	ck_assert_int_eq(batch[4].status, -EINVAL);
	ck_assert_int_eq(batch[5].status, -EINVAL);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 1);
	batch[4].code = IOASID_RESPONSE_SUCCESS;
	faultq_map(&f, 1);
	ck_assert_int_eq(ok(ioasid_faultq_complete(f.queue, &batch[4], 1)), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	ck_assert_int_eq(t[3].dma.status, 0);
	faultq_end(&f);
}
END_TEST

START_TEST(an_answer_the_platform_refuses_can_be_given_again)
{
	struct faultq f;
	static struct faultq_transfer t[3];
	struct ioasid_fault fault[3];
	struct ioasid_response batch[3];

	faultq_begin(&f, (struct faultq_wish){.devices = 3});
	for (uint32_t i = 0; i < 3; i++)
		faultq_start(&f, &t[i], i, 1, 1);
	ok(ioasid_mock_pump(f.mock));
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 3)), 3);
	for (int i = 0; i < 3; i++)
		batch[i] = (struct ioasid_response){
			.id = fault[i].id, .code = IOASID_RESPONSE_INVALID};
	ok(ioasid_mock_fail(f.mock, IOASID_MOCK_OP_ANSWER, 1, -EIO));
	ck_assert_int_eq(ok(ioasid_faultq_complete(f.queue, batch, 3)), 2);
	ck_assert_int_eq(batch[0].status + batch[1].status + batch[2].status, -EIO);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 1);
	ck_assert_uint_eq(faultq_stats(&f).outstanding, 1);
	ck_assert_int_eq(ok(ioasid_faultq_complete(f.queue, batch, 3)), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	faultq_end(&f);
}
END_TEST

START_TEST(the_first_entry_that_failed_is_the_one_told)
{
	struct faultq f;
	static struct faultq_transfer t;
	struct ioasid_fault fault;
	struct ioasid_response batch[2];

	faultq_begin(&f, (struct faultq_wish){.devices = 1});
	faultq_start(&f, &t, 0, 1, 1);
	ok(ioasid_mock_pump(f.mock));
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, &fault, 1)), 1);
	batch[0] = (struct ioasid_response){.id = fault.id, .code = IOASID_RESPONSE_INVALID};
	batch[1] = (struct ioasid_response){.id = fault.id, .code = 7};
	ok(ioasid_mock_fail(f.mock, IOASID_MOCK_OP_ANSWER, 1, -EIO));
	fails(-EIO, "entry 0", ioasid_faultq_complete(f.queue, batch, 2));
	ck_assert_int_eq(batch[1].status, -EINVAL);
	ck_assert_int_eq(ok(ioasid_faultq_complete(f.queue, batch, 1)), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	faultq_end(&f);
}
END_TEST

START_TEST(equal_labels_are_not_unique)
{
	struct faultq f;
	static struct faultq_transfer t[2];
	struct ioasid_fault fault[2];
	uint64_t id = 7;

	faultq_begin(&f, (struct faultq_wish){.devices = 2, .label = {0x55, 0x55}});
	for (uint32_t i = 0; i < 2; i++)
		faultq_start(&f, &t[i], i, 1, 1);
	ok(ioasid_mock_pump(f.mock));
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 2)), 2);
	ck_assert_uint_eq(fault[0].group, fault[1].group);
	fails(-ENOTUNIQ, "0x55", ioasid_faultq_find(f.queue, 0x55, NONE, fault[0].group, &id));
	ck_assert_uint_eq(id, 7);
	ck_assert_int_eq(faultq_answer(&f, fault[0].id, IOASID_RESPONSE_INVALID, NULL), 1);
	ok(ioasid_faultq_find(f.queue, 0x55, NONE, fault[0].group, &id));
	ck_assert_uint_eq(id, fault[1].id);
	ck_assert_int_eq(faultq_answer(&f, id, IOASID_RESPONSE_INVALID, NULL), 1);
	ok(ioasid_mock_pump(f.mock));
	faultq_end(&f);
}
END_TEST

/* How often each of the devices is met in a walk of so many at a time. */
static void walk(struct faultq *f, unsigned int at_a_time, unsigned int met[FAULTQ_DEVICES])
{
	struct ioasid_fault fault[FAULTQ_DEVICES];
	uint64_t cursor = 0;
	int n;

	memset(met, 0, FAULTQ_DEVICES * sizeof(met[0]));
	while ((n = ok(ioasid_faultq_pending(f->queue, &cursor, fault, at_a_time))))
		for (int i = 0; i < n; i++) {
			ck_assert_uint_eq(fault[i].addr, 2 * PAGE);
			ck_assert_uint_eq(fault[i].pages, 3);
			met[fault[i].label - 0x100]++;
		}
}

START_TEST(pending_meets_every_group_once_read_or_not)
{
	struct faultq f;
	static struct faultq_transfer t[4];
	struct ioasid_fault fault[6];
	unsigned int met[FAULTQ_DEVICES];

	faultq_begin(&f, (struct faultq_wish){.devices = 4, .credits = 3, .group_pages = 3});
	for (uint32_t i = 0; i < 4; i++)
		faultq_start(&f, &t[i], i, 2, 3 * PAGE);
	ok(ioasid_mock_pump(f.mock));
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 6)), 6);
	ck_assert_int_eq(faultq_answer(&f, fault[0].id, IOASID_RESPONSE_INVALID, NULL), 1);
	for (unsigned int at_a_time = 1; at_a_time <= 4; at_a_time++) {
		walk(&f, at_a_time, met);
		for (uint64_t i = 0; i < 4; i++)
			ck_assert_uint_eq(met[i], i != fault[0].label - 0x100);
	}
	ck_assert_uint_eq(faultq_stats(&f).outstanding, 3);
	faultq_end(&f);
}
END_TEST

static bool readable(struct faultq *f)
{
	struct pollfd fd = {.fd = ok(ioasid_faultq_get_fd(f->queue)), .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

START_TEST(the_descriptor_is_readable_until_a_read_finds_nothing)
{
	struct faultq f;
	static struct faultq_transfer t[2];
	struct ioasid_fault fault;

	faultq_begin(&f, (struct faultq_wish){.devices = 2});
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, &fault, 1)), 0);
	ck_assert(!readable(&f));
	ck_assert_int_eq(ok(ioasid_faultq_wait(f.queue, 0)), 0);
	for (uint32_t i = 0; i < 2; i++)
		faultq_start(&f, &t[i], i, 1, 1);
	ok(ioasid_mock_pump(f.mock));
	for (int i = 0; i < 2; i++) {
		ck_assert(readable(&f));
		ck_assert_int_eq(ok(ioasid_faultq_wait(f.queue, 0)), 1);
		ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, &fault, 1)), 1);
	}
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, &fault, 1)), 0);
	ck_assert(!readable(&f));
	ck_assert_uint_eq(faultq_stats(&f).signals, 1);
	faultq_end(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fault queue");
	TCase *tcase = support_case(suite, "steps");

	tcase_add_test(tcase, a_fault_is_read_routed_found_and_answered);
	tcase_add_test(tcase, a_fault_with_a_pasid_names_the_users);
	tcase_add_test(tcase, a_group_of_several_pages_is_read_whole);
	tcase_add_test(tcase, codes_reach_the_device);
	tcase_add_test(tcase, an_answer_given_twice_is_stale);
	tcase_add_test(tcase, a_group_answered_before_it_was_read_is_never_handed_out);
	tcase_add_test(tcase, a_bad_entry_does_not_spoil_its_batch);
	tcase_add_test(tcase, an_answer_the_platform_refuses_can_be_given_again);
	tcase_add_test(tcase, the_first_entry_that_failed_is_the_one_told);
	tcase_add_test(tcase, equal_labels_are_not_unique);
	tcase_add_test(tcase, pending_meets_every_group_once_read_or_not);
	tcase_add_test(tcase, the_descriptor_is_readable_until_a_read_finds_nothing);
	return support_run(suite);
}
