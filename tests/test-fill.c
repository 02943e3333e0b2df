/* SPDX-License-Identifier: MIT */
/*
 * The kernel's fault descriptor, with every trap that it has, behind the queue that users read:
 * too small reads of both generations, flags that leak, groups beyond all bounds, streams without
 * sense, and no room. Answers are test-fill-answer's, ends test-fill-end's.
 */
#include "fillkit.h"
#include <stdlib.h>

#define ROOM 4096

static struct ioasid_fault fault[ROOM];

/* ---- what arrives ---- */

START_TEST(a_request_arrives_as_its_device_and_route_say)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){.devices = 2});
	ck_assert(!fillkit_polls(&f));
	fillkit_raise(&(struct fillkit_group){.device = 1,
		.index = 7,
		.perm = IOMMUFD_FAULT_WRITE | IOMMUFD_FAULT_PRIV,
		.addr = 0x12345678});
	ck_assert(fillkit_polls(&f));
	ck_assert_int_eq(ok(ioasid_faultq_wait(f.queue, 0)), 1);
	fillkit_read(&f, fault, ROOM, 1);
	ck_assert_uint_eq(fault[0].label, 0x101);
	ck_assert_uint_eq(fault[0].addr, 0x12345000);
	ck_assert_uint_eq(fault[0].pages, 1);
	ck_assert_uint_eq(fault[0].pasid, NONE);
	ck_assert_uint_eq(fault[0].group, 7);
	ck_assert_uint_eq(
		fault[0].flags, IOASID_FAULT_WRITE | IOASID_FAULT_PRIV | IOASID_FAULT_LAST);
	ck_assert_uint_ne(fault[0].time, 0);
	fillkit_end(&f);
}
END_TEST

START_TEST(a_record_names_the_space_that_its_route_leads_to)
{
	struct ioasid_space_info info = {.size = sizeof(info)};
	struct ioasid_space *other;
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){.devices = 1});
	ok(ioasid_space_new(f.ctx, IOASID_OPTS(ioasid_space_opts, .faults = f.queue), &other));
	ok(ioasid_attachment_replace(f.route[0], other));
	fillkit_raise_many(0, 1, 1);
	fillkit_read(&f, fault, ROOM, 1);
	ok(ioasid_space_info(other, &info));
	ck_assert_uint_eq(fault[0].space, info.id);
	ok(ioasid_attachment_replace(f.route[0], f.space));
	ok(ioasid_space_destroy(other));
	fillkit_end(&f);
}
END_TEST

START_TEST(flags_that_leak_do_not_arrive)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){0});
	fillkit_kernel.leak = ~IOMMUFD_FAULT_FLAGS;
	fillkit_raise(&(struct fillkit_group){.pages = 3, .perm = ~0u});
	fillkit_read(&f, fault, ROOM, 3);
	for (unsigned int i = 0; i < 3; i++)
		ck_assert_uint_eq(fault[i].flags & ~IOASID_FAULT_LAST,
			IOASID_FAULT_READ | IOASID_FAULT_WRITE | IOASID_FAULT_EXEC |
				IOASID_FAULT_PRIV);
	ck_assert(!(fault[1].flags & IOASID_FAULT_LAST));
	ck_assert(fault[2].flags & IOASID_FAULT_LAST);
	fillkit_end(&f);
}
END_TEST

START_TEST(a_group_has_one_id_and_its_pages_in_order)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){0});
	fillkit_raise(&(struct fillkit_group){.pages = 5, .addr = 0x10000});
	fillkit_raise(&(struct fillkit_group){.pages = 2, .addr = 0x90000});
	fillkit_read(&f, fault, 6, 5);
	for (unsigned int i = 0; i < 5; i++) {
		ck_assert_uint_eq(fault[i].id, fault[0].id);
		ck_assert_uint_eq(fault[i].addr, 0x10000 + i * 4096);
	}
	fillkit_read(&f, &fault[5], 2, 2);
	ck_assert_uint_ne(fault[5].id, fault[0].id);
	/* both came with one read of the kernel */
	ck_assert_uint_eq(fillkit_kernel.reads, 1);
	fillkit_end(&f);
}
END_TEST

START_TEST(a_pasid_of_no_route_of_its_own_is_the_default_routes)
{
	struct fillkit f;
	uint64_t id;

	fillkit_begin(&f, (struct fillkit_wish){0});
	fillkit_raise(&(struct fillkit_group){.pasid = 3, .index = 4});
	fillkit_read(&f, fault, ROOM, 1);
	ck_assert_uint_eq(fault[0].pasid, 3);
	ck_assert(fault[0].flags & IOASID_FAULT_PASID_VALID);
	ok(ioasid_faultq_find(f.queue, 0x100, 3, 4, &id));
	ck_assert_uint_eq(id, fault[0].id);
	fillkit_end(&f);
}
END_TEST

START_TEST(a_group_of_devices_has_the_label_of_its_first_and_says_so)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){.devices = 2, .together = true});
	fillkit_raise_many(1, 1, 1);
	fillkit_read(&f, fault, ROOM, 1);
	ck_assert_uint_eq(fault[0].label, 0x100);
	ck_assert(fault[0].flags & IOASID_FAULT_LABEL_GROUP);
	fillkit_end(&f);
}
END_TEST

START_TEST(ten_that_wait_come_in_the_pieces_that_are_asked_for)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){0});
	fillkit_raise_many(0, 0, 10);
	fillkit_read(&f, fault, 1, 1);
	fillkit_read(&f, fault, 3, 3);
	fillkit_read(&f, fault, 4, 4);
	fillkit_read(&f, fault, 16, 2);
	ck_assert_uint_eq(fault[1].addr, 9 * 4096);
	fillkit_read(&f, fault, 16, 0);
	ck_assert(!fillkit_polls(&f));
	fillkit_end(&f);
}
END_TEST

START_TEST(a_batch_is_one_read_and_an_end_another)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){0});
	fillkit_raise_many(0, 0, 500);
	fillkit_read(&f, fault, ROOM, 500);
	ck_assert_uint_eq(fillkit_kernel.reads, 1);
	ck_assert_uint_ge(fillkit_kernel.asked, 81920);
	fillkit_read(&f, fault, ROOM, 0);
	ck_assert_uint_eq(fillkit_kernel.reads, 2);
	fillkit_end(&f);
}
END_TEST

START_TEST(signals_that_interrupt_are_not_seen)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){0});
	fillkit_raise_many(0, 0, 2);
	fillkit_kernel.interrupt = 2;
	fillkit_read(&f, fault, ROOM, 2);
	fillkit_kernel.interrupt = 2;
	ck_assert_int_eq(fillkit_answer(&f, fault[0].id, IOASID_RESPONSE_SUCCESS), 1);
	ck_assert_int_eq(fillkit_fate(0), SUCCEEDED);
	fillkit_end(&f);
}
END_TEST

/* ---- reads that are too small ---- */

static const struct ioasid_faultq_opts large = {
	.size = sizeof(large), .records = 8192, .group_max = 8192};

START_TEST(a_group_larger_than_the_buffer_is_read_with_a_larger_one)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){.opts = &large});
	fillkit_kernel.old = _i;
	fillkit_raise(&(struct fillkit_group){.pages = 2049});
	fillkit_read(&f, fault, ROOM, 2049);
	/* and no larger from then on */
	fillkit_raise_many(0, 0, 1);
	fillkit_read(&f, fault, ROOM, 1);
	ck_assert_uint_eq(fillkit_kernel.asked, 81920);
	fillkit_raise(&(struct fillkit_group){.pages = 4096});
	fillkit_read(&f, fault, ROOM, 4096);
	fillkit_read(&f, fault, ROOM, 0);
	ck_assert(!fillkit_polls(&f));
	fillkit_end(&f);
}
END_TEST

START_TEST(what_is_before_a_large_group_comes_first)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){.opts = &large});
	fillkit_kernel.old = _i;
	fillkit_raise_many(0, 0, 1);
	fillkit_raise(&(struct fillkit_group){.pages = 2048});
	fillkit_read(&f, fault, ROOM, 1);
	fillkit_read(&f, fault, ROOM, 2048);
	fillkit_end(&f);
}
END_TEST

START_TEST(an_empty_kernel_makes_no_buffer_larger)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){0});
	fillkit_kernel.old = _i;
	for (unsigned int i = 0; i < 20; i++)
		fillkit_read(&f, fault, ROOM, 0);
	ck_assert_uint_eq(fillkit_kernel.asked, 81920);
	fillkit_end(&f);
}
END_TEST

START_TEST(a_group_that_no_buffer_can_hold_makes_no_poll_spin)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){.devices = 2});
	fillkit_kernel.old = _i;
	fillkit_raise(&(struct fillkit_group){.pages = (1u << 20) + 1});
	fillkit_raise_many(1, 5, 1);
	ck_assert(fillkit_polls(&f));
	fillkit_read(&f, fault, ROOM, 0);
	ck_assert(!fillkit_polls(&f));
	/* it goes with its route, and what is behind it, or comes then, is served */
	ok(ioasid_attachment_detach(f.route[0]));
	ck_assert(fillkit_polls(&f));
	fillkit_read(&f, fault, ROOM, 1);
	ok(ioasid_device_attach(f.device[0], f.space, NULL, &f.route[0]));
	fillkit_raise_many(0, 0, 1);
	fillkit_read(&f, fault, ROOM, 1);
	fillkit_read(&f, fault, ROOM, 0);
	ck_assert(!fillkit_polls(&f));
	fillkit_raise_many(0, 0, 1);
	ck_assert(fillkit_polls(&f));
	fillkit_end(&f);
}
END_TEST

/* ---- what makes no sense ---- */

START_TEST(a_group_larger_than_the_ring_takes_is_refused_at_once)
{
	struct fillkit f;
	int group;

	fillkit_begin(
		&f, (struct fillkit_wish){.opts = IOASID_OPTS(ioasid_faultq_opts, .group_max = 8)});
	fillkit_raise_many(0, 0, 1);
	group = fillkit_raise(&(struct fillkit_group){.pages = 9});
	fillkit_raise(&(struct fillkit_group){.pages = 8});
	fillkit_read(&f, fault, ROOM, 9);
	ck_assert_int_eq(fillkit_fate(group), REFUSED);
	ck_assert_int_eq(fillkit_fate(0), READ);
	ck_assert_uint_eq(fillkit_stats(&f).raised, 3);
	ck_assert_uint_eq(fillkit_stats(&f).cancelled, 1);
	ck_assert_uint_eq(fillkit_stats(&f).outstanding, 2);
	fillkit_end(&f);
}
END_TEST

/* So many groups are raised, read and lie in the kernel, which knows cookies 1 to n. */
static void wait_in_kernel(struct fillkit *f, unsigned int n)
{
	fillkit_raise_many(0, 0, n);
	fillkit_read(f, fault, ROOM, (int)n);
	ck_assert_uint_eq(fillkit_cookie((int)n - 1), n);
}

#define LAST IOMMUFD_FAULT_LAST_PAGE

START_TEST(streams_without_sense_are_refused_by_name_and_dropped)
{
	struct fillkit f;
	struct iommufd_fault stream[] = {
		{.cookie = 1, .flags = LAST, .dev_id = 0xbad}, /* no such device */
		{.cookie = 2},                                 /* ends without its last */
		{.cookie = 3, .flags = LAST, .grpid = 5},      /* good */
		{.cookie = 4, .grpid = 1},                     /* of two PRG indices */
		{.cookie = 4, .grpid = 2, .flags = LAST},
		{.cookie = 77, .flags = LAST, .dev_id = 0xbad}, /* nobody knows it */
		{.cookie = 5, .pasid = 1, .flags = IOMMUFD_FAULT_PASID_VALID},
		{.cookie = 5, .pasid = 2, .flags = IOMMUFD_FAULT_PASID_VALID | LAST},
		{.cookie = 6, .pasid = 1}, /* a PASID that is not valid may be anything */
		{.cookie = 6, .pasid = 2, .flags = LAST},
		/* more bits than a PASID has */
		{.cookie = 8, .pasid = 1u << 20, .flags = IOMMUFD_FAULT_PASID_VALID | LAST},
		{.cookie = 9}, /* of two devices */
		{.cookie = 9, .dev_id = 1, .flags = LAST},
		{.cookie = 7}, /* cut off */
		{.cookie = 7},
	};

	fillkit_begin(&f, (struct fillkit_wish){.devices = 2});
	wait_in_kernel(&f, 9);
	for (unsigned int i = 0; i < sizeof(stream) / sizeof(stream[0]); i++)
		if (stream[i].dev_id < 2)
			stream[i].dev_id = fillkit_device_id(stream[i].dev_id);
	/* a write that takes two at a time leaves none out */
	fillkit_kernel.at_most = 2 * _i;
	fillkit_script(stream, sizeof(stream) - 7);
	fillkit_read(&f, fault, ROOM, 3);
	ck_assert_uint_eq(fault[0].group, 5);
	ck_assert_uint_eq(fault[1].id, fault[2].id);
	ck_assert_uint_eq(fillkit_count(REFUSED), 7);
	ck_assert_int_eq(fillkit_fate(2), READ);
	ck_assert_int_eq(fillkit_fate(5), READ);
	ck_assert_uint_eq(fillkit_stats(&f).cancelled, 8);
	fillkit_read(&f, fault, ROOM, 0);
	ck_assert(!fillkit_polls(&f));
	fillkit_end(&f);
}
END_TEST

/* ---- a full ring ---- */

START_TEST(what_finds_no_room_waits_and_the_kernel_keeps_the_rest)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){.opts = IOASID_OPTS(ioasid_faultq_opts,
							.records = 64, .group_max = 1)});
	fillkit_raise_many(0, 0, 100);
	fillkit_read(&f, fault, 10, 10);
	ck_assert_uint_eq(fillkit_stats(&f).waiting, 100 - 64 - 10);
	fillkit_raise_many(0, 100, 5);
	for (unsigned int at = 10; at < 100; at++) {
		fillkit_read(&f, fault, 1, 1);
		ck_assert_uint_eq(fault[0].addr, at * 4096);
		/* as long as the ring has something the kernel is left alone */
		ck_assert_uint_eq(fillkit_kernel.reads, 1);
	}
	fillkit_read(&f, fault, ROOM, 5);
	ck_assert_uint_eq(fillkit_kernel.reads, 2);
	fillkit_end(&f);
}
END_TEST

/* All slots are taken, so that the ring stays empty. */
START_TEST(while_something_waits_for_a_slot_no_poll_spins_and_an_answer_ends_that)
{
	struct ioasid_fault first[64];
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){
				  .opts = IOASID_OPTS(ioasid_faultq_opts, .max_outstanding = 64)});
	fillkit_raise_many(0, 0, 66);
	fillkit_read(&f, first, 64, 64);
	fillkit_raise_many(0, 66, 3);
	fillkit_read(&f, fault, ROOM, 0);
	ck_assert(!fillkit_polls(&f));
	ck_assert_int_eq(ok(ioasid_faultq_wait(f.queue, 0)), 0);
	ck_assert_uint_eq(fillkit_kernel.reads, 1);
	/* room for one of the two that wait: it arrives, and still no poll spins */
	ck_assert_int_eq(fillkit_answer(&f, first[0].id, 0), 1);
	ck_assert(fillkit_polls(&f));
	fillkit_read(&f, fault, ROOM, 1);
	fillkit_read(&f, fault, ROOM, 0);
	ck_assert(!fillkit_polls(&f));
	ck_assert(fillkit_aside(&f));
	/* room for the other, and for more: the kernel's descriptor is polled again */
	ck_assert_int_eq(fillkit_answer(&f, first[1].id, 0), 1);
	ck_assert(!fillkit_aside(&f));
	fillkit_read(&f, fault, 1, 1);
	ck_assert(fillkit_polls(&f));
	ck_assert_int_eq(fillkit_answer(&f, first[2].id, 0), 1);
	fillkit_read(&f, fault, ROOM, 1);
	ck_assert_uint_eq(fault[0].addr, 66 * 4096);
	fillkit_end(&f);
}
END_TEST

START_TEST(the_descriptor_is_readable_until_all_was_read)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){0});
	for (int round = 0; round < 3; round++) {
		fillkit_raise_many(0, 0, 20);
		for (int i = 0; i < 20; i++) {
			ck_assert(fillkit_polls(&f));
			fillkit_read(&f, fault, 1, 1);
		}
		fillkit_read(&f, fault, 1, 0);
		ck_assert(!fillkit_polls(&f));
	}
	fillkit_end(&f);
}
END_TEST

static void add_arrivals(Suite *suite)
{
	TCase *tcase = support_case(suite, "what arrives");

	tcase_add_test(tcase, a_request_arrives_as_its_device_and_route_say);
	tcase_add_test(tcase, a_record_names_the_space_that_its_route_leads_to);
	tcase_add_test(tcase, flags_that_leak_do_not_arrive);
	tcase_add_test(tcase, a_group_has_one_id_and_its_pages_in_order);
	tcase_add_test(tcase, a_pasid_of_no_route_of_its_own_is_the_default_routes);
	tcase_add_test(tcase, a_group_of_devices_has_the_label_of_its_first_and_says_so);
	tcase_add_test(tcase, ten_that_wait_come_in_the_pieces_that_are_asked_for);
	tcase_add_test(tcase, a_batch_is_one_read_and_an_end_another);
	tcase_add_test(tcase, signals_that_interrupt_are_not_seen);
}

/* Each on a kernel of the newer and of the older kind. */
static void add_sizes(Suite *suite)
{
	TCase *tcase = support_case(suite, "too small, too large");

	tcase_add_loop_test(tcase, a_group_larger_than_the_buffer_is_read_with_a_larger_one, 0, 2);
	tcase_add_loop_test(tcase, what_is_before_a_large_group_comes_first, 0, 2);
	tcase_add_loop_test(tcase, an_empty_kernel_makes_no_buffer_larger, 0, 2);
	tcase_add_loop_test(tcase, a_group_that_no_buffer_can_hold_makes_no_poll_spin, 0, 2);
	tcase_add_test(tcase, a_group_larger_than_the_ring_takes_is_refused_at_once);
	tcase_add_loop_test(tcase, streams_without_sense_are_refused_by_name_and_dropped, 0, 2);
}

static void add_room(Suite *suite)
{
	TCase *tcase = support_case(suite, "room");

	tcase_add_test(tcase, what_finds_no_room_waits_and_the_kernel_keeps_the_rest);
	tcase_add_test(
		tcase, while_something_waits_for_a_slot_no_poll_spins_and_an_answer_ends_that);
	tcase_add_test(tcase, the_descriptor_is_readable_until_all_was_read);
}

int main(void)
{
	Suite *suite = suite_create("fault queue over iommufd");

	add_arrivals(suite);
	add_sizes(suite);
	add_room(suite);
	return support_run(suite);
}
