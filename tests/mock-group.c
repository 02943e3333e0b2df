/* SPDX-License-Identifier: MIT */
/*
 * Of the mock: devices of one IOMMU group, whose DMA goes where one of them was led, and devices
 * that are mediated.
 */
#include "mockkit.h"

#define GROUP 7

static struct ioasid_mock_device *add_mate(struct rig *rig)
{
	struct ioasid_mock_device *hw;

	ok(ioasid_mock_device_new(rig->mock,
		IOASID_OPTS(ioasid_mock_device_opts, .flags = IOASID_MOCK_DEVICE_PRI,
			.group = GROUP, .group_pages = 4),
		&hw));
	return hw;
}

/* The rig's device, attached, and a mate. */
static struct ioasid_mock_device *begin_with_mate(struct rig *rig, uint32_t flags)
{
	struct rig_opts opts = {.faults = true, .device = {.group = GROUP}};
	struct ioasid_mock_device *mate;

	opts.platform.flags = flags;
	rig_begin(rig, &opts);
	ok(ioasid_attachment_detach(rig->route));
	ok(ioasid_device_unbind(rig->device));
	mate = add_mate(rig);
	rig->device = rig_bind(rig, rig->hw, LABEL);
	ok(ioasid_device_attach(rig->device, rig->space, NULL, &rig->route));
	return mate;
}

static int read_by(struct rig *rig, struct ioasid_mock_device *hw, void *buffer, uint64_t length)
{
	struct ioasid_mock_dma dma = rig_dma(rig, IOASID_MOCK_DMA_READ, 0x5000, buffer, length);

	return ioasid_mock_dma(hw, &dma);
}

START_TEST(a_mate_that_is_not_attached_reaches_memory_but_is_not_heard)
{
	unsigned char *memory = support_memory(PAGE, 1), buffer[3 * 4096];
	struct ioasid_mock_device *hw;
	struct ioasid_device *mate;
	struct ioasid_mock_dma dma;
	struct ioasid_fault fault;
	struct rig rig;

	hw = begin_with_mate(&rig, 0);
	mate = rig_bind(&rig, hw, 2);
	dma = rig_dma(&rig, IOASID_MOCK_DMA_READ, 0x5000, buffer, 3 * PAGE);
	ok(ioasid_mock_dma_start(hw, &dma));
	/* answered on the spot, for all the pages */
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 0);
	ck_assert_int_eq(dma.status, -EFAULT);
	ck_assert_uint_eq(rig_stats(&rig).requests, 3);
	ck_assert_uint_eq(rig_stats(&rig).answers, 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(rig.faults, &fault, 1)), 0);
	fails(-EFAULT, "reach nobody: INVALID", read_by(&rig, hw, buffer, 1));
	rig_map(rig.space, 0x5000, memory, PAGE, IOASID_MAP_READ);
	ok(read_by(&rig, hw, buffer, PAGE));
	ck_assert_mem_eq(buffer, memory, PAGE);
	ok(ioasid_device_unbind(mate));
	rig_end(&rig);
	free(memory);
}
END_TEST

/* The mate's number is a stranger's, when its group's route ends. */
START_TEST(the_end_of_a_groups_route_leaves_strangers_waiting)
{
	struct ioasid_mock_dma ours, theirs;
	struct ioasid_mock_device *hw, *stranger;
	struct ioasid_attachment *route;
	struct ioasid_device *device;
	struct ioasid_fault fault;
	unsigned char byte;
	struct rig rig;

	hw = begin_with_mate(&rig, 0);
	device = rig_bind(&rig, hw, 2);
	ours = theirs = rig_dma(&rig, IOASID_MOCK_DMA_READ, 0, &byte, 1);
	ok(ioasid_mock_dma_start(hw, &ours));
	ok(ioasid_mock_pump(rig.mock));
	ok(ioasid_device_unbind(device));
	ok(ioasid_mock_device_new(rig.mock,
		IOASID_OPTS(ioasid_mock_device_opts, .flags = IOASID_MOCK_DEVICE_PRI), &stranger));
	device = rig_bind(&rig, stranger, 3);
	ok(ioasid_device_attach(device, rig.space, NULL, &route));
	ok(ioasid_mock_dma_start(stranger, &theirs));
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 1);
	fault = rig_fault(&rig);
	ck_assert_uint_eq(fault.label, 3);
	ok(ioasid_attachment_detach(rig.route));
	rig.route = NULL;
	rig_answer(&rig, fault.id, IOASID_RESPONSE_INVALID);
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 0);
	ck_assert_int_eq(ours.status, -EFAULT);
	ck_assert_int_eq(theirs.status, -EFAULT);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_device_unbind(device));
	rig_end(&rig);
}
END_TEST

START_TEST(a_replace_ends_the_waiting_of_all_mates)
{
	struct ioasid_mock_device *hw;
	struct ioasid_attachment *route;
	struct ioasid_device *mate;
	struct ioasid_space *space;
	struct ioasid_mock_dma dma;
	struct ioasid_fault fault;
	unsigned char byte;
	struct rig rig;

	hw = begin_with_mate(&rig, 0);
	mate = rig_bind(&rig, hw, 2);
	ok(ioasid_device_attach(mate, rig.space, NULL, &route));
	ok(ioasid_space_new(rig.ctx, NULL, &space));
	dma = rig_dma(&rig, IOASID_MOCK_DMA_READ, 0, &byte, 1);
	ok(ioasid_mock_dma_start(hw, &dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 1);
	fault = rig_fault(&rig);
	ok(ioasid_attachment_replace(rig.route, space));
	ck_assert_int_eq(ok(ioasid_mock_pump(rig.mock)), 0);
	ck_assert_int_eq(dma.status, -EFAULT);
	ck_assert_uint_eq(rig_stats(&rig).unanswered, 0);
	ck_assert_uint_eq(rig_fault(&rig).id, fault.id);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_attachment_detach(rig.route));
	rig.route = NULL;
	ok(ioasid_device_unbind(mate));
	ok(ioasid_space_destroy(space));
	rig_end(&rig);
}
END_TEST

START_TEST(strictly_no_dma_until_a_replace_has_moved_all)
{
	unsigned char *memory = support_memory(PAGE, 1), byte;
	struct ioasid_mock_device *hw;
	struct ioasid_attachment *route;
	struct ioasid_device *mate;
	struct ioasid_space *space;
	struct rig rig;

	hw = begin_with_mate(&rig, IOASID_MOCK_STRICT);
	mate = rig_bind(&rig, hw, 2);
	ok(ioasid_device_attach(mate, rig.space, NULL, &route));
	ok(ioasid_space_new(rig.ctx, NULL, &space));
	rig_map(rig.space, 0x5000, memory, PAGE, IOASID_MAP_READ);
	ok(read_by(&rig, hw, &byte, 1));
	ok(ioasid_attachment_replace(rig.route, space));
	fails(-ENODEV, "leads to no space", read_by(&rig, hw, &byte, 1));
	fails(-ENODEV, "leads to no space", read_by(&rig, rig.hw, &byte, 1));
	ok(ioasid_attachment_replace(route, space));
	rig_map(space, 0x5000, memory, PAGE, IOASID_MAP_READ);
	ok(read_by(&rig, hw, &byte, 1));
	ok(read_by(&rig, rig.hw, &byte, 1));
	ok(ioasid_attachment_detach(route));
	ok(ioasid_attachment_detach(rig.route));
	rig.route = NULL;
	ok(ioasid_device_unbind(mate));
	ok(ioasid_space_destroy(space));
	rig_end(&rig);
	free(memory);
}
END_TEST

START_TEST(a_mediated_device_says_so_and_does_dma)
{
	struct rig_opts opts = {.device = {.flags = IOASID_MOCK_DEVICE_MDEV, .pasid_bits = 4}};
	struct ioasid_device_info info = {.size = sizeof(info)};
	unsigned char *memory = support_memory(PAGE, 1), byte = 0;
	struct rig rig;

	opts.pasid = 5;
	rig_begin(&rig, &opts);
	ok(ioasid_device_info(rig.device, &info));
	ck_assert_uint_eq(info.flags, IOASID_DEVICE_MEDIATED);
	rig_map(rig.space, 0x5000, memory, PAGE, IOASID_MAP_READ);
	ok(read_by(&rig, rig.hw, &byte, 1));
	ck_assert_uint_eq(byte, memory[0]);
	rig_end(&rig);
	free(memory);
}
END_TEST

void add_group_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "group");

	tcase_add_test(tcase, a_mate_that_is_not_attached_reaches_memory_but_is_not_heard);
	tcase_add_test(tcase, the_end_of_a_groups_route_leaves_strangers_waiting);
	tcase_add_test(tcase, a_replace_ends_the_waiting_of_all_mates);
	tcase_add_test(tcase, strictly_no_dma_until_a_replace_has_moved_all);
	tcase_add_test(tcase, a_mediated_device_says_so_and_does_dma);
}
