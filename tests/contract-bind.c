/* SPDX-License-Identifier: MIT */
/*
 * The contract, rule 1: a device is bound to one context, by a descriptor of the context's own,
 * and its label and name come back wherever the device is meant.
 */
#include "contract.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* The device misses a page; the record names it, and the answer ends its transfer. */
static void fault_names(struct contract *c, struct contract_nic *nic, struct ioasid_faultq *faults)
{
	struct ioasid_response answer = {.code = IOASID_RESPONSE_INVALID};
	struct contract_transfer transfer;
	struct ioasid_fault fault[2];

	contract_transfer_start(&transfer, c, nic, IOASID_PASID_NONE, AT(0x7010));
	ck_assert_int_eq(ok(ioasid_faultq_wait(faults, -1)), 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(faults, fault, 2)), 1);
	ck_assert_uint_eq(fault[0].label, nic->label);
	ck_assert_uint_eq(fault[0].addr, AT(0x7000));
	answer.id = fault[0].id;
	ck_assert_int_eq(ok(ioasid_faultq_complete(faults, &answer, 1)), 1);
	ck_assert_int_eq(contract_transfer_join(&transfer), -EFAULT);
}

START_TEST(the_label_comes_back_in_every_fault)
{
	struct contract c;
	struct ioasid_faultq *faults;
	struct ioasid_attachment *route[2];

	contract_begin(&c, _i);
	NEEDS(&c, IOASID_EXT_FAULT_QUEUE);
	NEEDS_DEVICE(&c, .page_requests = true);
	ok(ioasid_faultq_new(c.ctx, NULL, &faults));

	struct ioasid_space *space = contract_fault_space(&c, faults);

	for (int i = 0; i < 2; i++)
		route[i] = contract_attach(
			contract_nic(&c, "nic", (struct contract_wish){.page_requests = true}),
			space);
	for (unsigned int i = 0; i < 6; i++)
		fault_names(&c, &c.nic[i % 2], faults);
	for (int i = 0; i < 2; i++)
		ok(ioasid_attachment_detach(route[i]));
	ok(ioasid_space_destroy(space));
	ioasid_faultq_free(faults);
	contract_end(&c);
}
END_TEST

START_TEST(the_name_comes_back_in_errors_info_and_dumps)
{
	struct contract c;
	struct ioasid_device_info info = {.size = sizeof(info)};
	char name[] = "nic that was named";
	char *dump;

	contract_begin(&c, _i);
	struct contract_nic *nic = contract_nic(&c, name, (struct contract_wish){0});
	struct ioasid_space *space = contract_space(&c);
	struct ioasid_attachment *route = contract_attach(nic, space);

	memset(name, 'x', sizeof(name) - 1);
	fails(-EBUSY, "nic that was named", ioasid_device_unbind(nic->device));
	ok(ioasid_device_info(nic->device, &info));
	ck_assert_str_eq(info.name, "nic that was named");
	ck_assert_uint_eq(info.label, nic->label);
	ck_assert_uint_eq(info.attachments, 1);
	dump = contract_dump(c.ctx);
	ck_assert_ptr_nonnull(strstr(dump, "nic that was named"));
	free(dump);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(space));
	contract_end(&c);
}
END_TEST

START_TEST(a_device_without_a_name_is_called_by_number)
{
	struct contract c;
	struct ioasid_device_info info = {.size = sizeof(info)};

	contract_begin(&c, _i);
	struct contract_nic *nic = contract_nic(&c, NULL, (struct contract_wish){0});

	ok(ioasid_device_info(nic->device, &info));
	ck_assert_int_eq(strncmp(info.name, "device ", 7), 0);
	contract_end(&c);
}
END_TEST

/* The suite wishes for no mediated device: the mock has one. */
START_TEST(a_mediated_device_is_told_from_others)
{
	struct contract c;
	struct ioasid_device_info info = {.size = sizeof(info)};
	struct ioasid_mock_device *hw;

	contract_begin(&c, _i);
	if (contract_mock(&c)) {
		ok(ioasid_mock_device_new(contract_mock(&c),
			IOASID_OPTS(ioasid_mock_device_opts, .flags = IOASID_MOCK_DEVICE_MDEV),
			&hw));
		ok(ioasid_device_info(contract_add(&c, "mdev0", hw)->device, &info));
		ck_assert_uint_eq(info.flags, IOASID_DEVICE_MEDIATED);
	}
	ok(ioasid_device_info(contract_nic(&c, "nic0", (struct contract_wish){0})->device, &info));
	ck_assert_uint_eq(info.flags & IOASID_DEVICE_MEDIATED, 0);
	contract_end(&c);
}
END_TEST

START_TEST(dma_goes_on_when_the_caller_closes_its_descriptor)
{
	struct contract c;
	unsigned char *memory = support_memory(PAGE, 1);

	contract_begin(&c, _i);
	/* contract_bind() closes the caller's descriptor at once */
	struct contract_nic *nic = contract_nic(&c, "nic0", (struct contract_wish){0});
	struct ioasid_space *space = contract_space(&c);
	struct ioasid_attachment *route = contract_attach(nic, space);

	ok(contract_map(space, AT(0x5000), memory, PAGE, IOASID_MAP_READ));
	DMA_SEES(&c, nic, AT(0x5000), memory, PAGE);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(space));
	contract_end(&c);
	free(memory);
}
END_TEST

/* Descriptors without FD_CLOEXEC, beyond the standard three and those that were there before. */
static unsigned int inheritable(void)
{
	unsigned int n = 0;

	for (int fd = 3; fd < 1024; fd++) {
		int flags = fcntl(fd, F_GETFD);

		n += flags >= 0 && !(flags & FD_CLOEXEC);
	}
	return n;
}

START_TEST(bind_keeps_a_close_on_exec_duplicate_and_unbind_releases_it)
{
	struct contract c;
	struct ioasid_device *device;
	unsigned int before, inherited = inheritable();
	int fd;

	contract_begin(&c, _i);
	void *hw = c.platform->device(c.machine, &(struct contract_wish){0});

	fd = ok(c.platform->device_fd(hw));
	before = support_open_fds();
	ok(ioasid_device_bind(c.ctx, fd, NULL, &device));
	ck_assert_uint_eq(support_open_fds(), before + 1);
	ck_assert_uint_eq(inheritable(), inherited);
	ok(ioasid_device_unbind(device));
	ck_assert_uint_eq(support_open_fds(), before);
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	close(fd);
	contract_end(&c);
}
END_TEST

START_TEST(a_device_is_bound_to_one_context)
{
	struct contract c;
	struct ioasid_ctx *other;
	struct ioasid_device *device = NULL;

	contract_begin(&c, _i);
	struct contract_nic *nic = contract_nic(&c, "nic0", (struct contract_wish){0});
	int fd = ok(c.platform->device_fd(nic->hw));
	unsigned int before;

	ok(c.platform->open(c.machine, &other));
	before = support_open_fds();
	fails(-EBUSY, "ioasid_device_bind", ioasid_device_bind(c.ctx, fd, NULL, &device));
	fails(-EBUSY, "ioasid_device_bind", ioasid_device_bind(other, fd, NULL, &device));
	ck_assert_ptr_null(device);
	ck_assert_uint_eq(support_open_fds(), before);
	ok(ioasid_device_unbind(nic->device));
	c.nics--;
	ok(ioasid_device_bind(other, fd, NULL, &device));
	ok(ioasid_device_unbind(device));
	ioasid_close(other);
	close(fd);
	contract_end(&c);
}
END_TEST

START_TEST(a_descriptor_that_is_no_device_is_refused)
{
	struct contract c;
	struct ioasid_device *device = NULL;
	int fds[2];

	contract_begin(&c, _i);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	unsigned int before = support_open_fds();

	fails(-ENOTTY, "ioasid_device_bind", ioasid_device_bind(c.ctx, fds[0], NULL, &device));
	fails(-EBADF, "-1", ioasid_device_bind(c.ctx, -1, NULL, &device));
	ck_assert_uint_eq(support_open_fds(), before);
	ck_assert_ptr_null(device);
	close(fds[0]);
	close(fds[1]);
	contract_end(&c);
}
END_TEST

void contract_add_bind(Suite *suite)
{
	TCase *tcase = support_case(suite, "rule 1: bind");

	contract_test(tcase, the_label_comes_back_in_every_fault);
	contract_test(tcase, the_name_comes_back_in_errors_info_and_dumps);
	contract_test(tcase, a_device_without_a_name_is_called_by_number);
	contract_test(tcase, a_mediated_device_is_told_from_others);
	contract_test(tcase, dma_goes_on_when_the_caller_closes_its_descriptor);
	contract_test(tcase, bind_keeps_a_close_on_exec_duplicate_and_unbind_releases_it);
	contract_test(tcase, a_device_is_bound_to_one_context);
	contract_test(tcase, a_descriptor_that_is_no_device_is_refused);
}
