/* SPDX-License-Identifier: MIT */
/*
 * Of the mock: work by ENQCMD. What a virtual machine translates and for how long; where what was
 * sent ends up; that nothing arrives which it does not translate.
 */
#include "allocator.h"
#include "wirekit.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAPS(vm, route) ok(ioasid_kvm_map_pasid(route, vm))

static void is_lost(struct wires *w, int device, int vm, uint32_t pasid)
{
	uint32_t fault;

	fails(-EFAULT, "no route of the device has this on the wire",
		wires_enqcmd_fault(w, device, vm, pasid, &fault));
	ck_assert_uint_eq(fault, IOASID_MOCK_FAULT_PASID);
}

static void is_not_sent(struct wires *w, int device, int vm, uint32_t pasid)
{
	uint32_t fault;

	fails(-ENXIO, "does not translate PASID", wires_enqcmd_fault(w, device, vm, pasid, &fault));
	ck_assert_uint_eq(fault, IOASID_MOCK_FAULT_NONE);
}

START_TEST(a_device_of_its_own_gets_the_guests_pasid_where_nothing_is_translated)
{
	struct ioasid_attachment *routes[2];
	struct wires w;
	int vm;

	wires_begin(&w, 0, 0);
	vm = ok(ioasid_mock_vm_new(w.mock));
	routes[0] = wires_attach(&w, PDEV, 0, NOBODY);
	routes[1] = wires_attach(&w, PDEV, 1, 5);
	ck_assert_int_eq(wires_enqcmd(&w, PDEV, vm, 5), 1);
	is_lost(&w, PDEV, vm, 6);
	is_lost(&w, PDEV, vm, 0xfffff); /* wider than the device's */
	/* nor is a mediated device reached so */
	ok(ioasid_attachment_detach(routes[1]));
	routes[1] = wires_attach(&w, SHARED, 1, 5);
	is_lost(&w, SHARED, vm, 5);
	is_lost(&w, PDEV, vm, 5);
	ok(ioasid_attachment_detach(routes[0]));
	ok(ioasid_attachment_detach(routes[1]));
	close(vm);
	wires_end(&w);
}
END_TEST

START_TEST(what_is_translated_arrives_and_nothing_else_does)
{
	struct ioasid_attachment *routes[2];
	struct wires w;
	int vm;

	wires_begin(&w, 0, 0);
	vm = ok(ioasid_mock_vm_new(w.mock));
	routes[0] = wires_attach(&w, SHARED, 1, 5);
	routes[1] = wires_attach(&w, SHARED, 2, 6);
	MAPS(vm, routes[0]);
	ck_assert_int_eq(wires_enqcmd(&w, SHARED, vm, 5), 1);
	is_not_sent(&w, SHARED, vm, 6);
	is_not_sent(&w, SHARED, vm, wires_of(&w, SHARED, 6));
	MAPS(vm, routes[1]);
	ck_assert_int_eq(wires_enqcmd(&w, SHARED, vm, 6), 2);
	ok(ioasid_kvm_unmap_pasid(routes[0], vm));
	is_not_sent(&w, SHARED, vm, 5);
	fails(-ENOENT, "not mapped in virtual machine 1", ioasid_kvm_unmap_pasid(routes[0], vm));
	ok(ioasid_kvm_unmap_pasid(routes[1], vm));
	is_lost(&w, SHARED, vm, 6); /* nothing is translated any more */
	ok(ioasid_attachment_detach(routes[0]));
	ok(ioasid_attachment_detach(routes[1]));
	close(vm);
	wires_end(&w);
}
END_TEST

/* The guest's PASID is that of the machine: how a device's routes are called does not matter. */
START_TEST(a_device_finds_its_route_by_what_is_on_the_wire)
{
	struct ioasid_attachment *routes[5];
	struct wires w;
	int vm;

	wires_begin(&w, 0, 0);
	vm = ok(ioasid_mock_vm_new(w.mock));
	routes[0] = wires_attach(&w, SHARED, 1, 5);
	routes[1] = wires_attach(&w, SHARED2, 1, 7);
	routes[2] = wires_attach(&w, SHARED2, 2, 5);
	routes[3] = wires_attach(&w, SHARED3, 2, 5);
	MAPS(vm, routes[0]);
	ck_assert_int_eq(wires_enqcmd(&w, SHARED2, vm, 5), 1);
	is_lost(&w, SHARED3, vm, 5);
	/* by the default route, too */
	routes[4] = wires_attach(&w, SHARED3, 1, NOBODY);
	ck_assert_int_eq(wires_enqcmd(&w, SHARED3, vm, 5), 1);
	for (int i = 0; i < 5; i++)
		ok(ioasid_attachment_detach(routes[i]));
	close(vm);
	wires_end(&w);
}
END_TEST

START_TEST(a_translation_has_one_meaning_and_counts_who_says_so)
{
	struct ioasid_attachment *routes[4];
	struct wires w;
	int vm;

	wires_begin(&w, 0, 0);
	vm = ok(ioasid_mock_vm_new(w.mock));
	routes[0] = wires_attach(&w, SHARED, 1, 5);
	routes[1] = wires_attach(&w, SHARED2, 1, 5);
	routes[2] = wires_attach(&w, SHARED3, 2, 5);
	routes[3] = wires_attach(&w, SHARED3, 2, 6);
	MAPS(vm, routes[0]);
	fails(-EEXIST, "has it mapped already", ioasid_kvm_map_pasid(routes[0], vm));
	fails(-EEXIST, "translates PASID 5 to 0xfffff already, not to 0xffffe",
		ioasid_kvm_map_pasid(routes[2], vm));
	MAPS(vm, routes[1]);
	MAPS(vm, routes[3]);
	ok(ioasid_kvm_unmap_pasid(routes[0], vm));
	ck_assert_int_eq(wires_enqcmd(&w, SHARED, vm, 5), 1);
	fails(-EEXIST, "already", ioasid_kvm_map_pasid(routes[2], vm));
	ok(ioasid_kvm_unmap_pasid(routes[1], vm));
	is_not_sent(&w, SHARED, vm, 5);
	MAPS(vm, routes[2]);
	ck_assert_int_eq(wires_enqcmd(&w, SHARED3, vm, 5), 2);
	for (int i = 0; i < 4; i++)
		ok(ioasid_attachment_detach(routes[i]));
	close(vm);
	wires_end(&w);
}
END_TEST

START_TEST(virtual_machines_do_not_know_each_other)
{
	struct ioasid_attachment *routes[2];
	struct wires w;
	int vm[2];

	wires_begin(&w, 0, 0);
	for (int i = 0; i < 2; i++)
		vm[i] = ok(ioasid_mock_vm_new(w.mock));
	routes[0] = wires_attach(&w, SHARED, 1, 5);
	routes[1] = wires_attach(&w, SHARED2, 2, 5);
	MAPS(vm[0], routes[0]);
	MAPS(vm[1], routes[1]);
	ck_assert_int_eq(wires_enqcmd(&w, SHARED, vm[0], 5), 1);
	ck_assert_int_eq(wires_enqcmd(&w, SHARED2, vm[1], 5), 2);
	is_lost(&w, SHARED, vm[1], 5);
	fails(-ENOENT, "virtual machine 2", ioasid_kvm_unmap_pasid(routes[0], vm[1]));
	ok(ioasid_kvm_unmap_pasid(routes[0], vm[0]));
	is_lost(&w, SHARED, vm[0], 5);
	ck_assert_int_eq(wires_enqcmd(&w, SHARED2, vm[1], 5), 2);
	for (int i = 0; i < 2; i++) {
		ok(ioasid_attachment_detach(routes[i]));
		close(vm[i]);
	}
	wires_end(&w);
}
END_TEST

/* Each way to end a route, or to lead it elsewhere, in two machines at a time. */
static void end_detach(struct wires *w, struct ioasid_attachment **route)
{
	(void)w;
	ok(ioasid_attachment_detach(*route));
	*route = NULL;
}

static void end_replace(struct wires *w, struct ioasid_attachment **route)
{
	ok(ioasid_attachment_replace(*route, w->space[2]));
}

static void end_close(struct wires *w, struct ioasid_attachment **route)
{
	(void)route;
	ioasid_close(w->ctx);
	w->ctx = NULL;
}

static void end_climb(struct wires *w, struct ioasid_attachment **route)
{
	struct ioasid_attachment *above;
	struct ioasid_space *child;

	(void)route;
	ok(ioasid_space_new_nested(w->space[1], NULL, &child));
	ok(ioasid_device_attach(w->device[SHARED], child,
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = 5), &above));
	ok(ioasid_attachment_detach(above));
	ok(ioasid_space_destroy(child));
}

static void (*const ends[])(struct wires *, struct ioasid_attachment **) = {
	end_detach, end_replace, end_close, end_climb};

START_TEST(what_ends_or_moves_a_route_takes_its_translations_back)
{
	struct ioasid_attachment *route, *other;
	struct wires w;
	int vm[2];

	wires_begin(&w, 0, 0);
	route = wires_attach(&w, SHARED, 1, 5);
	other = wires_attach(&w, SHARED, 1, 6);
	for (int i = 0; i < 2; i++) {
		vm[i] = ok(ioasid_mock_vm_new(w.mock));
		MAPS(vm[i], route);
	}
	MAPS(vm[1], other);
	ends[_i](&w, &route);
	is_lost(&w, SHARED, vm[0], 5);
	if (w.ctx) {
		is_not_sent(&w, SHARED, vm[1], 5);
		ck_assert_int_eq(wires_enqcmd(&w, SHARED, vm[1], 6), 1);
	}
	ok(ioasid_attachment_detach(route));
	ok(ioasid_attachment_detach(other));
	close(vm[0]);
	close(vm[1]);
	wires_end(&w);
}
END_TEST

START_TEST(a_replace_of_a_groups_route_takes_those_of_all_mates_back)
{
	struct ioasid_attachment *routes[2];
	struct wires w;
	int vm;

	wires_begin(&w, 0, 7);
	vm = ok(ioasid_mock_vm_new(w.mock));
	routes[0] = wires_attach(&w, SHARED, 1, 5);
	routes[1] = wires_attach(&w, SHARED2, 1, 5);
	MAPS(vm, routes[0]);
	MAPS(vm, routes[1]);
	ok(ioasid_attachment_replace(routes[0], w.space[2]));
	fails(-ENOENT, "not mapped", ioasid_kvm_unmap_pasid(routes[1], vm));
	is_lost(&w, SHARED2, vm, 5);
	ok(ioasid_attachment_replace(routes[1], w.space[2]));
	MAPS(vm, routes[1]);
	ck_assert_int_eq(wires_enqcmd(&w, SHARED, vm, 5), 2);
	ok(ioasid_attachment_detach(routes[0]));
	ok(ioasid_attachment_detach(routes[1]));
	close(vm);
	wires_end(&w);
}
END_TEST

START_TEST(only_a_virtual_machine_of_the_platform_will_do)
{
	struct ioasid_mock *elsewhere;
	struct ioasid_attachment *route;
	struct ioasid_mock_dma dma = {.pasid = 5};
	struct wires w;
	int fd[4];

	wires_begin(&w, 0, 0);
	ok(ioasid_mock_new(NULL, &elsewhere));
	route = wires_attach(&w, SHARED, 1, 5);
	fails(-EINVAL, "ioasid_mock_vm_new: mock is NULL", ioasid_mock_vm_new(NULL));
	fd[0] = ok(ioasid_mock_device_fd(w.hw[SHARED]));
	fd[1] = ok(ioasid_mock_vm_new(elsewhere));
	fd[2] = ok(ioasid_mock_vm_new(w.mock));
	fd[3] = dup(fd[2]);
	for (int i = 0; i < 2; i++) {
		fails(-ENOTTY, "no virtual machine of this platform",
			ioasid_kvm_map_pasid(route, fd[i]));
		fails(-ENOTTY, "no virtual machine of this platform",
			ioasid_kvm_unmap_pasid(route, fd[i]));
		fails(-ENOTTY, "no virtual machine of this platform",
			ioasid_mock_enqcmd(w.hw[SHARED], fd[i], &dma));
		ck_assert_int_eq(dma.status, -ENOTTY);
	}
	/* any descriptor of it, whichever of them is closed */
	MAPS(fd[2], route);
	close(fd[2]);
	ck_assert_int_eq(wires_enqcmd(&w, SHARED, fd[3], 5), 1);
	fails(-ENOTTY, "descriptor", ioasid_mock_enqcmd(w.hw[SHARED], fd[2], &dma));
	fails(-EBADF, "no open descriptor", ioasid_kvm_map_pasid(route, fd[2]));
	ok(ioasid_attachment_detach(route));
	close(fd[0]);
	close(fd[1]);
	close(fd[3]);
	ioasid_mock_free(elsewhere);
	wires_end(&w);
}
END_TEST

START_TEST(a_platform_that_is_gone_translates_no_more)
{
	struct ioasid_attachment *route;
	struct wires w;
	int vm;

	wires_begin(&w, 0, 0);
	vm = ok(ioasid_mock_vm_new(w.mock));
	route = wires_attach(&w, SHARED, 1, 5);
	MAPS(vm, route);
	ioasid_mock_free(w.mock);
	w.mock = NULL;
	fails(-ENOTTY, "no virtual machine", ioasid_kvm_unmap_pasid(route, vm));
	ok(ioasid_attachment_detach(route));
	close(vm);
	wires_end(&w);
}
END_TEST

START_TEST(work_that_is_none_is_refused)
{
	unsigned char byte = 1;
	const struct ioasid_mock_dma good = {.pasid = 5, .buffer = &byte, .length = 1};
	struct ioasid_mock_dma dma = good;
	struct wires w;
	int vm;

	wires_begin(&w, 0, 0);
	vm = ok(ioasid_mock_vm_new(w.mock));
	fails(-EINVAL, "ioasid_mock_enqcmd: device is NULL", ioasid_mock_enqcmd(NULL, vm, &dma));
	fails(-EINVAL, "ioasid_mock_enqcmd: dma is NULL",
		ioasid_mock_enqcmd(w.hw[SHARED], vm, NULL));
	fails(-EINVAL, "no work by ENQCMD", ioasid_mock_enqcmd(w.hw[MDEV], vm, &dma));
	ck_assert_int_eq(dma.status, -EINVAL);
#define BAD(words, field, value)                                                                   \
	do {                                                                                       \
		dma = good;                                                                        \
		dma.field = value;                                                                 \
		fails(-EINVAL, words, ioasid_mock_enqcmd(w.hw[SHARED], vm, &dma));                 \
		ck_assert_int_eq(dma.status, -EINVAL);                                             \
	} while (0)
	BAD("comes with a PASID", pasid, NOBODY);
	BAD("the PASID is wider", pasid, 1u << IOASID_PASID_BITS);
	BAD("unknown kind", kind, 3);
	BAD("buffer is NULL", buffer, NULL);
	BAD("reserved", reserved, 1);
#undef BAD
	close(vm);
	wires_end(&w);
}
END_TEST

START_TEST(only_attachments_that_are_translated_are_mapped)
{
	struct ioasid_attachment *routes[3];
	struct wires w;
	int vm;

	wires_begin(&w, 0, 0);
	vm = ok(ioasid_mock_vm_new(w.mock));
	routes[0] = wires_attach(&w, PDEV, 0, 5);
	routes[1] = wires_attach(&w, MDEV, 0, 5);
	routes[2] = wires_attach(&w, SHARED, 0, NOBODY);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(ioasid_kvm_map_pasid(routes[i], vm), -EINVAL);
	ck_assert_int_eq(wires_enqcmd(&w, PDEV, vm, 5), 0);
	for (int i = 0; i < 3; i++)
		ok(ioasid_attachment_detach(routes[i]));
	close(vm);
	wires_end(&w);
}
END_TEST

/* Failures */

START_TEST(an_operation_that_fails_translates_nothing_new)
{
	struct ioasid_attachment *route;
	unsigned long met = 0;
	struct wires w;
	int vm, err;

	wires_begin(&w, 0, 0);
	vm = ok(ioasid_mock_vm_new(w.mock));
	route = wires_attach(&w, SHARED, 1, 5);
	ok(ioasid_mock_fail(w.mock, IOASID_MOCK_OP_KVM_MAP, 1, -EIO));
	fails(-EIO, "injected", ioasid_kvm_map_pasid(route, vm));
	is_lost(&w, SHARED, vm, 5);
	for (allocator_fail(1); (err = ioasid_kvm_map_pasid(route, vm)); allocator_fail(met + 1)) {
		ck_assert(allocator_failed());
		ck_assert_int_eq(err, -ENOMEM);
		is_lost(&w, SHARED, vm, 5);
		met++;
	}
	allocator_failed();
	ck_assert_uint_eq(met, 2);
	ok(ioasid_mock_fail(w.mock, IOASID_MOCK_OP_KVM_UNMAP, 1, -EIO));
	fails(-EIO, "injected", ioasid_kvm_unmap_pasid(route, vm));
	ck_assert_int_eq(wires_enqcmd(&w, SHARED, vm, 5), 1);
	ok(ioasid_kvm_unmap_pasid(route, vm));
	ok(ioasid_attachment_detach(route));
	close(vm);
	wires_end(&w);
}
END_TEST

START_TEST(without_memory_or_descriptors_there_is_no_virtual_machine)
{
	struct wires w;
	int last, vm;

	wires_begin(&w, 0, 0);
	allocator_fail(1);
	fails(-ENOMEM, "no memory", ioasid_mock_vm_new(w.mock));
	ck_assert(allocator_failed());
	/* one is left, and two are wanted */
	last = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(last, 0);
	for (int room = 0; room < 2; room++) {
		struct rlimit all, few;

		ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
		few = (struct rlimit){(rlim_t)(last + 1 + room), all.rlim_max};
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
		vm = ioasid_mock_vm_new(w.mock);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
		fails(-EMFILE, "no descriptor", vm);
	}
	close(last);
	vm = ok(ioasid_mock_vm_new(w.mock));
	close(vm);
	wires_end(&w);
}
END_TEST

void add_vm_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "vm");

	tcase_add_test(
		tcase, a_device_of_its_own_gets_the_guests_pasid_where_nothing_is_translated);
	tcase_add_test(tcase, what_is_translated_arrives_and_nothing_else_does);
	tcase_add_test(tcase, a_device_finds_its_route_by_what_is_on_the_wire);
	tcase_add_test(tcase, a_translation_has_one_meaning_and_counts_who_says_so);
	tcase_add_test(tcase, virtual_machines_do_not_know_each_other);
	tcase_add_loop_test(tcase, what_ends_or_moves_a_route_takes_its_translations_back, 0, 4);
	tcase_add_test(tcase, a_replace_of_a_groups_route_takes_those_of_all_mates_back);
	tcase_add_test(tcase, only_a_virtual_machine_of_the_platform_will_do);
	tcase_add_test(tcase, a_platform_that_is_gone_translates_no_more);
	tcase_add_test(tcase, work_that_is_none_is_refused);
	tcase_add_test(tcase, only_attachments_that_are_translated_are_mapped);
	tcase_add_test(tcase, an_operation_that_fails_translates_nothing_new);
	tcase_add_test(tcase, without_memory_or_descriptors_there_is_no_virtual_machine);
}
