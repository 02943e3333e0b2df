/* SPDX-License-Identifier: MIT */
/*
 * Of the mock: page requests, what is asked for and how many at a time. All is done by the pump,
 * on one thread.
 */
#include "mockkit.h"

START_TEST(a_miss_asks_for_the_page_and_tries_again)
{
	struct rig_opts opts = {.faults = true, .device = {.pasid_bits = 5}, .pasid = 17};
	unsigned char *memory = support_memory(PAGE, 1), buffer[8] = {0};
	struct ioasid_fault fault;
	struct ioasid_mock_dma dma;
	struct rig rig;

	rig_begin(&rig, &opts);
	dma = rig_dma(&rig, IOASID_MOCK_DMA_READ, 0x5008, buffer, sizeof(buffer));
	ok(ioasid_mock_dma_start(rig.hw, &dma));
	ck_assert_int_eq(dma.status, -EINPROGRESS);
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 1);
	fault = rig_fault(&rig);
	ck_assert_uint_eq(fault.label, LABEL);
	ck_assert_uint_eq(fault.addr, 0x5000);
	ck_assert_uint_eq(fault.pages, 1);
	ck_assert_uint_eq(
		fault.flags, IOASID_FAULT_READ | IOASID_FAULT_PASID_VALID | IOASID_FAULT_LAST);
	ck_assert_uint_eq(fault.space, ioasid_space_id(rig.space));
	ck_assert_uint_eq(fault.pasid, 17);
	ck_assert_uint_eq(fault.group, 0);
	ck_assert_uint_ne(fault.time, 0);
	ck_assert_uint_eq(rig_stats(&rig).unanswered, 1);
	rig_map(rig.space, 0x5000, memory, PAGE, IOASID_MAP_RW);
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 1);
	rig_answer(&rig, fault.id, IOASID_RESPONSE_SUCCESS);
	ck_assert_int_eq(dma.status, -EINPROGRESS);
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 0);
	ck_assert_int_eq(dma.status, 0);
	ck_assert_mem_eq(buffer, memory + 8, 8);
	ck_assert_uint_eq(rig_stats(&rig).unanswered, 0);
	ck_assert_uint_eq(rig_stats(&rig).answers, 1);
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(a_group_has_the_missing_pages_up_to_the_next_mapped_one)
{
	struct rig_opts opts = {.faults = true, .device = {.group_pages = 8}};
	unsigned char *memory = support_memory(8 * PAGE, 1), buffer[8 * 4096];
	struct ioasid_fault faults[8];
	struct ioasid_mock_dma dma;
	struct rig rig;

	rig_begin(&rig, &opts);
	rig_map(rig.space, 0x3000, memory, PAGE, IOASID_MAP_RW);
	dma = rig_dma(&rig, IOASID_MOCK_DMA_WRITE, 0x800, buffer, 5 * PAGE + 1);
	ok(ioasid_mock_dma_start(rig.hw, &dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(rig.faults, faults, 8)), 3);
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_uint_eq(faults[i].addr, i * PAGE);
		ck_assert_uint_eq(faults[i].group, faults[0].group);
		ck_assert_uint_eq(faults[i].id, faults[0].id);
		ck_assert_uint_eq(faults[i].flags & ~IOASID_FAULT_LAST, IOASID_FAULT_WRITE);
	}
	rig_map(rig.space, 0, memory + PAGE, 3 * PAGE, IOASID_MAP_RW);
	rig_answer(&rig, faults[0].id, IOASID_RESPONSE_SUCCESS);
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 1);
	/* the transfer ends in the page at 0x5000 */
	ck_assert_int_eq(ok(ioasid_faultq_read(rig.faults, faults, 8)), 2);
	ck_assert_uint_eq(faults[0].addr, 0x4000);
	ck_assert_uint_eq(faults[1].addr, 0x5000);
	rig_answer(&rig, faults[0].id, IOASID_RESPONSE_INVALID);
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 0);
	ck_assert_int_eq(dma.status, -EFAULT);
	ck_assert_uint_eq(dma.done, 4 * PAGE - 0x800);
	ck_assert_uint_eq(rig_stats(&rig).requests, 5);
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(a_group_is_no_larger_than_the_free_credits)
{
	struct rig_opts opts = {.faults = true, .device = {.group_pages = 4, .credits = 6}};
	unsigned char buffer[8 * 4096];
	struct ioasid_mock_dma dma[2];
	struct ioasid_fault faults[8];
	struct rig rig;

	rig_begin(&rig, &opts);
	for (int i = 0; i < 2; i++) {
		dma[i] = rig_dma(&rig, IOASID_MOCK_DMA_READ, 0, buffer, 8 * PAGE);
		ok(ioasid_mock_dma_start(rig.hw, &dma[i]));
	}
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 2);
	ck_assert_int_eq(ok(ioasid_faultq_read(rig.faults, faults, 8)), 6);
	ck_assert_uint_eq(faults[3].group, 0);
	ck_assert_uint_eq(faults[3].flags & IOASID_FAULT_LAST, IOASID_FAULT_LAST);
	ck_assert_uint_eq(faults[4].group, 1);
	ck_assert_uint_eq(faults[5].flags & IOASID_FAULT_LAST, IOASID_FAULT_LAST);
	/* all credits of a group come back with its answer */
	rig_answer(&rig, faults[0].id, IOASID_RESPONSE_SUCCESS);
	rig_answer(&rig, faults[4].id, IOASID_RESPONSE_SUCCESS);
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 2);
	ck_assert_int_eq(ok(ioasid_faultq_read(rig.faults, faults, 8)), 6);
	rig_answer(&rig, faults[0].id, IOASID_RESPONSE_INVALID);
	rig_answer(&rig, faults[4].id, IOASID_RESPONSE_INVALID);
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 0);
	rig_end(&rig);
}
END_TEST

START_TEST(a_copy_asks_for_its_source_then_for_its_destination)
{
	unsigned char *memory = support_memory(2 * PAGE, 1);
	struct ioasid_fault fault;
	struct ioasid_mock_dma dma;
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){.faults = true, .device = {.retries = 1}});
	dma = rig_dma(&rig, IOASID_MOCK_DMA_COPY, 0x9000, NULL, PAGE);
	dma.source = 0x4000;
	ok(ioasid_mock_dma_start(rig.hw, &dma));
	ok(ioasid_mock_pump(rig.mock));
	fault = rig_fault(&rig);
	ck_assert_uint_eq(fault.addr, 0x4000);
	ck_assert_uint_eq(fault.flags, IOASID_FAULT_READ | IOASID_FAULT_LAST);
	ck_assert_uint_eq(fault.pasid, NOBODY);
	rig_map(rig.space, 0x4000, memory, PAGE, IOASID_MAP_READ);
	rig_answer(&rig, fault.id, IOASID_RESPONSE_SUCCESS);
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 1);
	fault = rig_fault(&rig);
	ck_assert_uint_eq(fault.addr, 0x9000);
	ck_assert_uint_eq(fault.flags, IOASID_FAULT_WRITE | IOASID_FAULT_LAST);
	rig_map(rig.space, 0x9000, memory + PAGE, PAGE, IOASID_MAP_WRITE);
	rig_answer(&rig, fault.id, IOASID_RESPONSE_SUCCESS);
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 0);
	ck_assert_int_eq(dma.status, 0);
	ck_assert_mem_eq(memory + PAGE, memory, PAGE);
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(a_page_without_the_permission_is_asked_for)
{
	unsigned char *memory = support_memory(PAGE, 1), byte = 77;
	struct ioasid_fault fault;
	struct ioasid_mock_dma dma;
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){.faults = true});
	rig_map(rig.space, 0, memory, PAGE, IOASID_MAP_READ);
	dma = rig_dma(&rig, IOASID_MOCK_DMA_WRITE, 3, &byte, 1);
	ok(ioasid_mock_dma_start(rig.hw, &dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 1);
	fault = rig_fault(&rig);
	ck_assert_uint_eq(fault.flags, IOASID_FAULT_WRITE | IOASID_FAULT_LAST);
	ok(ioasid_space_unmap(rig.space, 0, PAGE));
	rig_map(rig.space, 0, memory, PAGE, IOASID_MAP_RW);
	rig_answer(&rig, fault.id, IOASID_RESPONSE_SUCCESS);
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 0);
	ck_assert_uint_eq(memory[3], 77);
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(large_pages_are_asked_for_as_the_iommu_has_them)
{
	const uint64_t large = 0x10000;
	struct rig_opts opts = {.faults = true, .device = {.group_pages = 4}};
	unsigned char buffer[16];
	struct ioasid_mock_dma dma;
	struct ioasid_fault faults[4];
	struct rig rig;

	opts.iommu.page_sizes = large;
	rig_begin(&rig, &opts);
	dma = rig_dma(&rig, IOASID_MOCK_DMA_READ, 3 * large - 8, buffer, 16);
	ok(ioasid_mock_dma_start(rig.hw, &dma));
	ok(ioasid_mock_pump(rig.mock));
	ck_assert_int_eq(ok(ioasid_faultq_read(rig.faults, faults, 4)), 2);
	ck_assert_uint_eq(faults[0].addr, 2 * large);
	ck_assert_uint_eq(faults[1].addr, 3 * large);
	rig_answer(&rig, faults[0].id, IOASID_RESPONSE_INVALID);
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 0);
	rig_end(&rig);
}
END_TEST

START_TEST(credits_limit_what_is_outstanding_and_go_on_in_order)
{
	struct rig_opts opts = {.faults = true, .device = {.credits = 2}};
	unsigned char byte[5];
	struct ioasid_mock_dma dma[5];
	struct ioasid_fault faults[8];
	struct rig rig;

	rig_begin(&rig, &opts);
	for (unsigned int i = 0; i < 5; i++) {
		dma[i] = rig_dma(&rig, IOASID_MOCK_DMA_READ, i * PAGE, &byte[i], 1);
		ok(ioasid_mock_dma_start(rig.hw, &dma[i]));
	}
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 5);
	ck_assert_int_eq(ok(ioasid_faultq_read(rig.faults, faults, 8)), 2);
	/* the lowest index is used again at once */
	for (unsigned int i = 2; i < 5; i++) {
		rig_answer(&rig, faults[0].id, IOASID_RESPONSE_INVALID);
		ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 6 - (int)i);
		faults[0] = rig_fault(&rig);
		ck_assert_uint_eq(faults[0].addr, i * PAGE);
		ck_assert_uint_eq(faults[0].group, 0);
	}
	rig_answer(&rig, faults[1].id, IOASID_RESPONSE_INVALID);
	rig_answer(&rig, faults[0].id, IOASID_RESPONSE_INVALID);
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 0);
	ck_assert_uint_eq(rig_stats(&rig).groups, 5);
	rig_end(&rig);
}
END_TEST

START_TEST(without_page_requests_a_miss_is_the_end)
{
	struct ioasid_mock_device *hw;
	struct ioasid_attachment *route;
	struct ioasid_space *quiet;
	struct ioasid_mock_dma dma;
	unsigned char byte;
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){0});
	fails(-EFAULT, "no translation", rig_read(&rig, 0, &byte, 1));
	ck_assert_uint_eq(rig_stats(&rig).groups, 0);
	/* it may ask, but its space has no queue: the answer is INVALID */
	ok(ioasid_mock_device_new(rig.mock,
		IOASID_OPTS(ioasid_mock_device_opts, .flags = IOASID_MOCK_DEVICE_PRI), &hw));
	ok(ioasid_space_new(rig.ctx, NULL, &quiet));
	struct ioasid_device *device = rig_bind(&rig, hw, 2);
	ok(ioasid_device_attach(device, quiet, NULL, &route));
	dma = rig_dma(&rig, IOASID_MOCK_DMA_READ, 0, &byte, 1);
	fails(-EFAULT, "reach nobody: INVALID", ioasid_mock_dma(hw, &dma));
	ck_assert_uint_eq(rig_stats(&rig).groups, 1);
	ck_assert_uint_eq(rig_stats(&rig).answers, 1);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_device_unbind(device));
	ok(ioasid_space_destroy(quiet));
	rig_end(&rig);
}
END_TEST

/* Two PASIDs of one device share a credit: the rig's 1 has it, for good, and 2 starves. */
struct starving {
	struct rig rig;
	struct ioasid_faultq *faults;
	struct ioasid_space *space;
	struct ioasid_attachment *route;
	struct ioasid_mock_dma dma[2];
	unsigned char byte;
};

static void starve(struct starving *s)
{
	struct rig_opts opts = {
		.faults = true, .device = {.credits = 1, .pasid_bits = 4}, .pasid = 1};

	rig_begin(&s->rig, &opts);
	ok(ioasid_faultq_new(s->rig.ctx, NULL, &s->faults));
	ok(ioasid_space_new(
		s->rig.ctx, IOASID_OPTS(ioasid_space_opts, .faults = s->faults), &s->space));
	ok(ioasid_device_attach(s->rig.device, s->space,
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = 2),
		&s->route));
	for (unsigned int i = 0; i < 2; i++) {
		s->dma[i] = rig_dma(&s->rig, IOASID_MOCK_DMA_READ, 0x7000, &s->byte, 1);
		s->dma[i].pasid = i + 1;
		ok(ioasid_mock_dma_start(s->rig.hw, &s->dma[i]));
	}
	ck_assert_int_eq(ok(ioasid_mock_pump(s->rig.mock)), 2);
	ck_assert_uint_eq(rig_stats(&s->rig).groups, 1);
}

/* The one that starved has ended; the other has its credit, is answered, and gives it back. */
static void end_starving(struct starving *s, int status)
{
	ck_assert_int_eq(ok(ioasid_mock_pump(s->rig.mock)), 1);
	ck_assert_int_eq(s->dma[1].status, status);
	ck_assert_int_eq(s->dma[0].status, -EINPROGRESS);
	rig_answer(&s->rig, rig_fault(&s->rig).id, IOASID_RESPONSE_INVALID);
	ck_assert_int_eq(ok(ioasid_mock_pump(s->rig.mock)), 0);
	ck_assert_int_eq(s->dma[0].status, -EFAULT);
	ok(ioasid_mock_dma_start(s->rig.hw, &s->dma[0]));
	ck_assert_int_eq(ok(ioasid_mock_pump(s->rig.mock)), 1);
	rig_answer(&s->rig, rig_fault(&s->rig).id, IOASID_RESPONSE_INVALID);
	ck_assert_int_eq(ok(ioasid_mock_pump(s->rig.mock)), 0);
	ck_assert_uint_eq(rig_stats(&s->rig).unanswered, 0);
	ok(ioasid_attachment_detach(s->route));
	ok(ioasid_space_destroy(s->space));
	ioasid_faultq_free(s->faults);
	rig_end(&s->rig);
}

START_TEST(detach_lets_go_who_starves_for_anothers_credit)
{
	struct starving s;

	starve(&s);
	ok(ioasid_attachment_detach(s.route));
	s.route = NULL;
	end_starving(&s, -ENODEV);
}
END_TEST

START_TEST(the_end_of_the_queue_lets_go_who_starves)
{
	struct starving s;

	starve(&s);
	ioasid_faultq_free(s.faults);
	s.faults = NULL;
	end_starving(&s, -EFAULT);
}
END_TEST

START_TEST(replace_lets_go_who_starves_into_the_new_space)
{
	unsigned char *memory = support_memory(PAGE, 1);
	struct ioasid_space *space;
	struct starving s;

	starve(&s);
	ok(ioasid_space_new(s.rig.ctx, NULL, &space));
	rig_map(space, 0x7000, memory, PAGE, IOASID_MAP_READ);
	ok(ioasid_attachment_replace(s.route, space));
	ck_assert_int_eq(ok(ioasid_mock_pump(s.rig.mock)), 1);
	ck_assert_uint_eq(s.byte, memory[0]);
	ok(ioasid_attachment_detach(s.route));
	s.route = NULL;
	ok(ioasid_space_destroy(space));
	end_starving(&s, 0);
	free(memory);
}
END_TEST

void add_fault_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "fault");

	tcase_add_test(tcase, a_miss_asks_for_the_page_and_tries_again);
	tcase_add_test(tcase, a_group_has_the_missing_pages_up_to_the_next_mapped_one);
	tcase_add_test(tcase, a_group_is_no_larger_than_the_free_credits);
	tcase_add_test(tcase, a_copy_asks_for_its_source_then_for_its_destination);
	tcase_add_test(tcase, a_page_without_the_permission_is_asked_for);
	tcase_add_test(tcase, large_pages_are_asked_for_as_the_iommu_has_them);
	tcase_add_test(tcase, credits_limit_what_is_outstanding_and_go_on_in_order);
	tcase_add_test(tcase, without_page_requests_a_miss_is_the_end);
	tcase_add_test(tcase, detach_lets_go_who_starves_for_anothers_credit);
	tcase_add_test(tcase, the_end_of_the_queue_lets_go_who_starves);
	tcase_add_test(tcase, replace_lets_go_who_starves_into_the_new_space);
}
