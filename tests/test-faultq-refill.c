/* SPDX-License-Identifier: MIT */
/*
 * Who fetches what waits behind a full ring or a full table: the reader who made room, the reader
 * or the sleeper who finds a ring that another has emptied, the one whose answer freed a slot. Each
 * on its own, so that none does another's work. It steps into the queue, to be that other consumer,
 * stopped halfway, and into the clearing of the descriptor.
 */
#include "core.h"
#include "faultq.h"
#include <poll.h>
#include <stdlib.h>

#define RECORDS 64
#define MANY    (RECORDS + 36)
#define SLOTS   64

/* ring_arm() clears the descriptor: what comes just then. */
static struct {
	void (*call)(void *arg);
	void *arg;
} just_then;

ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size);

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	ssize_t got = __real_read(fd, buffer, size);
	void (*call)(void *) = just_then.call;

	just_then.call = NULL;
	if (call)
		call(just_then.arg);
	return got;
}

static struct faultq_transfer transfer[MANY];
static struct ioasid_fault fault[2 * MANY];

/* Devices that may have that many requests outstanding; both sizes are small. */
static void begin(struct faultq *f, uint32_t devices, uint32_t records, uint32_t slots)
{
	faultq_begin(f, (struct faultq_wish){.devices = devices,
				.credits = slots / devices,
				.opts = IOASID_OPTS(ioasid_faultq_opts, .records = records,
					.max_outstanding = slots)});
}

/* A fault for each transfer, of a page each. */
static void raise_from(struct faultq *f, uint32_t device, unsigned int first, unsigned int n)
{
	for (unsigned int i = first; i < first + n; i++)
		faultq_start(f, &transfer[i], device, i, 1);
	ok(ioasid_mock_pump(f->mock));
}

static bool readable(struct faultq *f)
{
	struct pollfd fd = {.fd = ok(ioasid_faultq_get_fd(f->queue)), .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

/* Another consumer, which has the records and has not come to anything else yet. */
static void another_takes(struct faultq *f, unsigned int n)
{
	unsigned int needed;

	ck_assert_int_eq(ring_read(&f->queue->ring, fault, n, &needed), (int)n);
}

START_TEST(a_read_lets_those_in_who_wait_for_its_room)
{
	struct faultq f;

	begin(&f, 1, RECORDS, 2 * MANY);
	raise_from(&f, 0, 0, MANY);
	ck_assert_uint_eq(faultq_stats(&f).waiting, MANY - RECORDS);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 10)), 10);
	ck_assert_uint_eq(faultq_stats(&f).waiting, MANY - RECORDS - 10);
	ck_assert_uint_eq(faultq_stats(&f).outstanding, RECORDS + 10);
	faultq_end(&f);
}
END_TEST

START_TEST(who_only_reads_gets_everything_in_order)
{
	struct faultq f;
	uint64_t next = 0;
	int n;

	begin(&f, 1, RECORDS, 2 * MANY);
	raise_from(&f, 0, 0, MANY);
	while ((n = ok(ioasid_faultq_read(f.queue, fault, 7))))
		for (int i = 0; i < n; i++)
			ck_assert_uint_eq(fault[i].addr, next++ * PAGE);
	ck_assert_uint_eq(next, MANY);
	ck_assert(!readable(&f));
	faultq_end(&f);
}
END_TEST

START_TEST(a_reader_refills_what_another_has_emptied)
{
	struct faultq f;

	begin(&f, 1, RECORDS, 2 * MANY);
	raise_from(&f, 0, 0, MANY);
	another_takes(&f, RECORDS);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, RECORDS)), MANY - RECORDS);
	ck_assert_uint_eq(fault[0].addr, RECORDS * PAGE);
	faultq_end(&f);
}
END_TEST

START_TEST(a_sleeper_refills_what_another_has_emptied)
{
	struct faultq f;

	begin(&f, 1, RECORDS, 2 * MANY);
	raise_from(&f, 0, 0, MANY);
	another_takes(&f, RECORDS);
	ck_assert_int_eq(ok(ioasid_faultq_wait(f.queue, 0)), 1);
	ck_assert_uint_eq(faultq_stats(&f).waiting, 0);
	ck_assert(readable(&f));
	faultq_end(&f);
}
END_TEST

/* The slots are all taken: by groups of a route that was detached, whose ends nobody has read, and
 * by those of the other device. */
static void fill_slots(struct faultq *f)
{
	begin(f, 2, 4 * SLOTS, SLOTS);
	raise_from(f, 0, 0, SLOTS / 2);
	ck_assert_int_eq(ok(ioasid_faultq_read(f->queue, fault, SLOTS)), SLOTS / 2);
	ok(ioasid_attachment_detach(f->route[0]));
	ok(ioasid_device_attach(f->device[0], f->space, NULL, &f->route[0]));
	raise_from(f, 1, SLOTS / 2, SLOTS / 2);
	ck_assert_uint_eq(faultq_stats(f).waiting, 0);
	raise_from(f, 0, SLOTS, 5);
	ck_assert_uint_eq(faultq_stats(f).waiting, 5);
}

/* Answers groups of the second device, named as a guest names them: none was read. */
static void answer_unread(struct faultq *f, unsigned int n)
{
	struct ioasid_response answer[SLOTS] = {{0}};

	for (unsigned int i = 0; i < n; i++) {
		ok(ioasid_faultq_find(f->queue, 0x101, NONE, i, &answer[i].id));
		answer[i].code = IOASID_RESPONSE_INVALID;
	}
	ck_assert_int_eq(ok(ioasid_faultq_complete(f->queue, answer, n)), (int)n);
}

START_TEST(an_answer_lets_those_in_who_wait_for_its_slot)
{
	struct faultq f;

	fill_slots(&f);
	answer_unread(&f, 3);
	ck_assert_uint_eq(faultq_stats(&f).waiting, 2);
	answer_unread(&f, 0);
	ck_assert_uint_eq(faultq_stats(&f).waiting, 2);
	faultq_end(&f);
}
END_TEST

START_TEST(a_cancellation_that_is_read_lets_those_in_who_wait_for_its_slot)
{
	struct faultq f;

	fill_slots(&f);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 4)), 4);
	for (int i = 0; i < 4; i++)
		ck_assert(fault[i].flags & IOASID_FAULT_CANCELLED);
	ck_assert_uint_eq(faultq_stats(&f).waiting, 1);
	faultq_end(&f);
}
END_TEST

static void raise_two(void *arg)
{
	struct faultq *f = arg;

	raise_from(f, 0, 2, 2);
}

START_TEST(who_takes_one_of_what_came_late_leaves_the_descriptor_readable)
{
	struct faultq f;

	begin(&f, 1, RECORDS, SLOTS);
	raise_from(&f, 0, 1, 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	/* this read finds nothing, and two come while it clears the descriptor */
	just_then.arg = &f;
	just_then.call = raise_two;
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	ck_assert_ptr_null(just_then.call);
	ck_assert_uint_eq(fault[0].addr, 2 * PAGE);
	ck_assert(readable(&f));
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	ck_assert_uint_eq(fault[0].addr, 3 * PAGE);
	faultq_end(&f);
}
END_TEST

START_TEST(who_waits_for_what_came_late_leaves_the_descriptor_readable)
{
	struct faultq f;

	begin(&f, 1, RECORDS, SLOTS);
	raise_from(&f, 0, 1, 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
	just_then.arg = &f;
	just_then.call = raise_two;
	ck_assert_int_eq(ok(ioasid_faultq_wait(f.queue, 0)), 1);
	ck_assert_ptr_null(just_then.call);
	ck_assert(readable(&f));
	faultq_end(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fault queue, refilled");
	TCase *tcase = support_case(suite, "each alone");

	tcase_add_test(tcase, a_read_lets_those_in_who_wait_for_its_room);
	tcase_add_test(tcase, who_only_reads_gets_everything_in_order);
	tcase_add_test(tcase, a_reader_refills_what_another_has_emptied);
	tcase_add_test(tcase, a_sleeper_refills_what_another_has_emptied);
	tcase_add_test(tcase, an_answer_lets_those_in_who_wait_for_its_slot);
	tcase_add_test(tcase, a_cancellation_that_is_read_lets_those_in_who_wait_for_its_slot);
	tcase_add_test(tcase, who_takes_one_of_what_came_late_leaves_the_descriptor_readable);
	tcase_add_test(tcase, who_waits_for_what_came_late_leaves_the_descriptor_readable);
	return support_run(suite);
}
