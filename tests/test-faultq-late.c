/* SPDX-License-Identifier: MIT */
/*
 * Readers who are late: what becomes of a group that finds no room in the ring, by the policy of
 * its queue. How what waits gets in is in test-faultq-refill.c.
 */
#include "faultq.h"
#include <stdlib.h>

#define RECORDS 64
#define MORE    6
#define ALL     (RECORDS + MORE)

static struct faultq_transfer transfer[ALL];
static struct ioasid_fault fault[ALL];

static void begin(struct faultq *f, uint32_t late, uint32_t slots)
{
	faultq_begin(f, (struct faultq_wish){.devices = 1,
				.credits = slots,
				.opts = IOASID_OPTS(ioasid_faultq_opts, .records = RECORDS,
					.max_outstanding = slots, .late = late)});
}

/* As many transfers, of a page each; how many are not done. */
static int raise_some(struct faultq *f, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		faultq_start(f, &transfer[i], 0, i, 1);
	return ok(ioasid_mock_pump(f->mock));
}

/* Reads and answers what is there; how many groups. */
static unsigned int serve(struct faultq *f)
{
	unsigned int served = 0;
	int n;

	while ((n = ok(ioasid_faultq_read(f->queue, fault, ALL))))
		for (int i = 0; i < n; i++) {
			faultq_map(f, fault[i].addr / PAGE);
			ck_assert_int_eq(
				faultq_answer(f, fault[i].id, IOASID_RESPONSE_SUCCESS, NULL), 1);
			served++;
		}
	return served;
}

START_TEST(kept_groups_wait_until_there_is_room)
{
	struct faultq f;

	begin(&f, IOASID_FAULTQ_LATE_KEEP, 128);
	ck_assert_int_eq(raise_some(&f, ALL - 10), ALL - 10);
	ck_assert_int_eq(raise_some(&f, 0), ALL - 10);
	ck_assert_uint_eq(faultq_stats(&f).late, 0);
	ck_assert_uint_eq(serve(&f), ALL - 10);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	faultq_end(&f);
}
END_TEST

START_TEST(who_is_told_success_asks_again)
{
	struct faultq f;
	struct ioasid_faultq_stats stats;

	begin(&f, IOASID_FAULTQ_LATE_SUCCESS, 128);
	/* each call lets the late ones try once more, however often that is */
	ck_assert_int_eq(raise_some(&f, PAGES), PAGES);
	for (unsigned int i = PAGES; i < ALL; i++)
		faultq_start(&f, &transfer[i], 0, i % PAGES, 1);
	for (unsigned int i = 0; i < 40; i++)
		ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), ALL);
	stats = faultq_stats(&f);
	ck_assert_uint_eq(stats.waiting, 0);
	ck_assert_uint_eq(stats.deferred, 0);
	ck_assert_uint_eq(stats.outstanding, RECORDS);
	ck_assert_uint_eq(stats.late, 40 * MORE);
	ck_assert_uint_eq(serve(&f), RECORDS);
	/* the others find the page by now */
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	for (unsigned int i = 0; i < ALL; i++) {
		ck_assert_int_eq(transfer[i].dma.status, 0);
		ck_assert_mem_eq(transfer[i].bytes, f.memory + i % PAGES * PAGE, 1);
	}
	stats = faultq_stats(&f);
	ck_assert_uint_eq(stats.raised, stats.answered + stats.late);
	faultq_end(&f);
}
END_TEST

START_TEST(who_is_told_invalid_gives_up)
{
	struct faultq f;
	struct ioasid_faultq_stats stats;

	begin(&f, IOASID_FAULTQ_LATE_INVALID, 128);
	raise_some(&f, PAGES);
	for (unsigned int i = PAGES; i < ALL; i++)
		faultq_start(&f, &transfer[i], 0, i % PAGES, 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), RECORDS);
	for (unsigned int i = 0; i < ALL; i++)
		ck_assert_int_eq(transfer[i].dma.status, i < RECORDS ? -EINPROGRESS : -EFAULT);
	stats = faultq_stats(&f);
	ck_assert_uint_eq(stats.late, MORE);
	ck_assert_uint_eq(stats.raised, ALL);
	ck_assert_uint_eq(stats.deferred, 0);
	ck_assert_uint_eq(serve(&f), RECORDS);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	faultq_end(&f);
}
END_TEST

/* Four records are free, and it has five: none of them is seen. Who comes after it may fit. */
START_TEST(a_group_is_late_as_a_whole)
{
	static const uint32_t policies[] = {IOASID_FAULTQ_LATE_SUCCESS, IOASID_FAULTQ_LATE_INVALID};
	const unsigned int full = RECORDS / 5;
	struct ioasid_faultq_stats stats;
	struct faultq f;

	faultq_begin(&f, (struct faultq_wish){.devices = 1,
				 .credits = 128,
				 .group_pages = 5,
				 .opts = IOASID_OPTS(ioasid_faultq_opts, .records = RECORDS,
					 .max_outstanding = 128, .late = policies[_i])});
	for (unsigned int i = 0; i <= full; i++)
		faultq_start(&f, &transfer[i], 0, i * 5 % 60, 5 * PAGE);
	ok(ioasid_mock_pump(f.mock));
	ck_assert_uint_eq(faultq_stats(&f).late, 1);
	faultq_start(&f, &transfer[full + 1], 0, 60, 4 * PAGE);
	ok(ioasid_mock_pump(f.mock));
	stats = faultq_stats(&f);
	ck_assert_uint_eq(stats.outstanding, full + 1);
	ck_assert_uint_eq(stats.late, _i ? 1 : 2);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, ALL)), RECORDS);
	for (unsigned int i = 0; i < RECORDS; i++)
		ck_assert_int_eq(
			!(fault[i].flags & IOASID_FAULT_LAST), i % 5 != 4 && i != RECORDS - 1);
	for (unsigned int i = 0; i < RECORDS; i++)
		if (fault[i].flags & IOASID_FAULT_LAST)
			ck_assert_int_eq(
				faultq_answer(&f, fault[i].id, IOASID_RESPONSE_INVALID, NULL), 1);
	/* the late one asks again, or has given up */
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 1 - (int)_i);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, ALL)), _i ? 0 : 5);
	stats = faultq_stats(&f);
	ck_assert_uint_eq(stats.raised, stats.answered + stats.late + stats.outstanding);
	faultq_end(&f);
}
END_TEST

/* A table without slots is as late as a ring without room: there are cancellations in them that
 * nobody has read. */
START_TEST(a_full_table_is_late_as_well)
{
	struct faultq f;

	begin(&f, IOASID_FAULTQ_LATE_INVALID, 32);
	ck_assert_int_eq(raise_some(&f, 32), 32);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, ALL)), 32);
	ok(ioasid_attachment_detach(f.route[0]));
	ok(ioasid_device_attach(f.device[0], f.space, NULL, &f.route[0]));
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	ck_assert_int_eq(raise_some(&f, 3), 0);
	ck_assert_uint_eq(faultq_stats(&f).late, 3);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, ALL)), 32);
	ck_assert_int_eq(raise_some(&f, 3), 3);
	ck_assert_uint_eq(serve(&f), 3);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	faultq_end(&f);
}
END_TEST

/* What a reader must hear waits in any case. */
START_TEST(a_cancellation_is_never_late)
{
	struct faultq f;

	faultq_begin(
		&f, (struct faultq_wish){.devices = 2,
			    .credits = 64,
			    .opts = IOASID_OPTS(ioasid_faultq_opts, .records = RECORDS,
				    .max_outstanding = 128, .late = IOASID_FAULTQ_LATE_INVALID)});
	raise_some(&f, 10);
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, ALL)), 10);
	for (unsigned int i = 10; i < ALL; i++)
		faultq_start(&f, &transfer[i], 1, i % PAGES, 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), ALL);
	ok(ioasid_attachment_detach(f.route[0]));
	f.route[0] = NULL;
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 60);
	/* behind them even a group that there is room for is late */
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 4)), 4);
	for (unsigned int i = 0; i < 10; i++)
		faultq_start(&f, &transfer[i], 1, i % PAGES, 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 60);
	ck_assert_uint_eq(faultq_stats(&f).late, 10);
	for (int told = 0; told < 10;) {
		ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, 1)), 1);
		told += !!(fault[0].flags & IOASID_FAULT_CANCELLED);
	}
	faultq_end(&f);
}
END_TEST

/* ---- threads ---- */

struct reader {
	struct faultq *f;
	bool over; /* atomic */
};

static void *serve_slowly(void *arg)
{
	struct reader *reader = arg;

	while (!__atomic_load_n(&reader->over, __ATOMIC_ACQUIRE)) {
		struct ioasid_fault some[8];
		int n = ok(ioasid_faultq_read(reader->f->queue, some, 8));

		for (int i = 0; i < n; i++)
			ck_assert_int_eq(
				faultq_answer(reader->f, some[i].id, IOASID_RESPONSE_INVALID, NULL),
				1);
		if (!n)
			ok(ioasid_faultq_wait(reader->f->queue, 1));
	}
	return NULL;
}

static void *miss(void *arg)
{
	struct faultq *f = arg;
	unsigned char bytes[4096];
	struct ioasid_mock_dma dma = {.kind = IOASID_MOCK_DMA_READ,
		.pasid = NONE,
		.iova = PAGE,
		.buffer = bytes,
		.length = 1};

	for (unsigned long i = 0; i < support_rounds(500); i++)
		if (ioasid_mock_dma(f->hw[0], &dma) != -EFAULT || dma.status != -EFAULT)
			return f;
	return NULL;
}

/* More devices' threads than there is room for groups. */
START_TEST(every_group_is_answered_by_a_reader_or_because_it_is_late)
{
	struct faultq f;
	struct reader reader = {.f = &f};
	struct ioasid_faultq_stats stats;
	pthread_t threads[ALL], server;

	begin(&f, IOASID_FAULTQ_LATE_SUCCESS, 128);
	ck_assert_int_eq(pthread_create(&server, NULL, serve_slowly, &reader), 0);
	for (unsigned int i = 0; i < ALL; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, miss, &f), 0);
	for (unsigned int i = 0; i < ALL; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		ck_assert_ptr_null(wrong);
	}
	__atomic_store_n(&reader.over, true, __ATOMIC_RELEASE);
	pthread_join(server, NULL);
	stats = faultq_stats(&f);
	ck_assert_uint_eq(stats.outstanding + stats.waiting, 0);
	ck_assert_uint_eq(stats.answered, ALL * support_rounds(500));
	ck_assert_uint_eq(stats.raised, stats.answered + stats.late);
	faultq_end(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fault queue, late");
	TCase *tcase = support_case(suite, "policy");

	tcase_add_test(tcase, kept_groups_wait_until_there_is_room);
	tcase_add_test(tcase, who_is_told_success_asks_again);
	tcase_add_test(tcase, who_is_told_invalid_gives_up);
	tcase_add_loop_test(tcase, a_group_is_late_as_a_whole, 0, 2);
	tcase_add_test(tcase, a_full_table_is_late_as_well);
	tcase_add_test(tcase, a_cancellation_is_never_late);
	tcase_add_test(tcase, every_group_is_answered_by_a_reader_or_because_it_is_late);
	return support_run(suite);
}
