/* SPDX-License-Identifier: MIT */
/*
 * Deadlines where the guest's own page table is bound: what the guest does not bring, what the
 * parent below lacks, a table that goes before the deadline or after, PASIDs of the guest's.
 * The clock is the test's own. The rest of deadlines is in test-deadline.c.
 */
#include "nestedkit.h"
#include <time.h>

#define SECOND UINT64_C(1000000000)
#define ROOM   64

int __wrap_clock_gettime(clockid_t id, struct timespec *now);

static uint64_t at; /* what time it is, ns */

int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
	(void)id;
	*now = (struct timespec){.tv_sec = (time_t)(at / SECOND), .tv_nsec = (long)(at % SECOND)};
	return 0;
}

/* ---- a guest whose groups have a second ---- */

struct transfer {
	struct ioasid_mock_dma dma;
	unsigned char bytes[8 * 4096];
};

static struct transfer transfer[2 * ROOM];
static struct ioasid_fault fault[2 * ROOM];

static void begin(struct guest *guest, struct guest_opts opts, uint32_t code)
{
	at = 100 * SECOND;
	opts.faults = true;
	opts.queue.records = ROOM;
	opts.queue.deadline_ns = SECOND;
	opts.queue.deadline_code = code;
	opts.device.credits = 2 * ROOM;
	opts.device.group_pages = 8;
	guest_begin(guest, &opts);
}

static void start(struct guest *guest, struct transfer *t, uint64_t iova, uint64_t length)
{
	t->dma = guest_dma(IOASID_MOCK_DMA_READ, iova, t->bytes, length);
	ok(ioasid_mock_dma_start(guest->hw, &t->dma));
}

static struct ioasid_faultq_stats stats(struct guest *guest)
{
	struct ioasid_faultq_stats now = {.size = sizeof(now)};

	ok(ioasid_faultq_stats(guest->faults, &now));
	ck_assert_uint_eq(now.raised, now.answered + now.expired + now.late + now.cancelled +
					      now.outstanding + now.waiting);
	return now;
}

static int answer(struct guest *guest, uint64_t id)
{
	struct ioasid_response one = {.id = id, .code = IOASID_RESPONSE_SUCCESS};

	return ioasid_faultq_complete(guest->faults, &one, 1);
}

/* ---- the guest does not answer ---- */

START_TEST(a_page_that_the_guest_does_not_bring_in_time_never_comes)
{
	struct ioasid_fault first;
	struct guest guest;
	uint64_t id;

	begin(&guest, guest_flavour(_i), IOASID_RESPONSE_INVALID);
	start(&guest, &transfer[0], 0x123456, 4);
	start(&guest, &transfer[1], 0x200000, 4);
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 2);
	/* one that was read, and one that was not */
	ck_assert_int_eq(ok(ioasid_faultq_read(guest.faults, fault, 1)), 1);
	first = fault[0];
	at += SECOND - 1;
	ck_assert_int_eq(ok(ioasid_faultq_expire(guest.faults)), 0);
	at += 1;
	ck_assert_int_eq(ok(ioasid_faultq_expire(guest.faults)), 2);
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 0);
	ck_assert_int_eq(transfer[0].dma.status, -EFAULT);
	ck_assert_int_eq(transfer[1].dma.status, -EFAULT);
	/* the guest is late: it is told nothing, and the page serves who comes next */
	guest_map(&guest, 0x123000, 5 * PAGE, GUEST_READ);
	fails(-ENOENT, "nothing",
		ioasid_faultq_find(guest.faults, LABEL, NOBODY, first.group, &id));
	fails(-ESTALE, "before", answer(&guest, first.id));
	ck_assert_int_eq(ok(ioasid_faultq_read(guest.faults, fault, ROOM)), 0);
	ck_assert_uint_eq(guest_page(&guest, 0x123000), 5);
	ck_assert_uint_eq(stats(&guest).expired, 2);
	guest_end(&guest);
}
END_TEST

START_TEST(a_group_of_the_guests_pages_has_one_deadline_and_one_answer)
{
	struct guest guest;

	begin(&guest, guest_flavour(_i), IOASID_RESPONSE_INVALID);
	start(&guest, &transfer[0], 0x10000, 8 * PAGE);
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(guest.faults, fault, ROOM)), 8);
	/* half of it is not enough */
	for (unsigned int i = 0; i < 4; i++)
		guest_map(&guest, fault[i].addr, (10 + i) * PAGE, GUEST_RW);
	at += SECOND;
	ck_assert_int_eq(ok(ioasid_faultq_expire(guest.faults)), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 0);
	ck_assert_int_eq(transfer[0].dma.status, -EFAULT);
	ck_assert_uint_eq(transfer[0].dma.done, 0);
	ck_assert_uint_eq(stats(&guest).expired, 1);
	/* all credits are back */
	start(&guest, &transfer[0], 0x80000, 8 * PAGE);
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(guest.faults, fault, ROOM)), 8);
	at += SECOND;
	ck_assert_int_eq(ok(ioasid_faultq_expire(guest.faults)), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 0);
	guest_end(&guest);
}
END_TEST

START_TEST(with_success_the_guest_gets_another_try_and_another_second)
{
	struct guest guest;
	uint64_t id;

	begin(&guest, guest_flavour(_i), IOASID_RESPONSE_SUCCESS);
	start(&guest, &transfer[0], 0x123456, 4);
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 1);
	id = guest_next_fault(&guest).id;
	at += SECOND;
	ck_assert_int_eq(ok(ioasid_faultq_expire(guest.faults)), 1);
	at += SECOND / 2;
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 1);
	fault[0] = guest_next_fault(&guest);
	ck_assert_uint_ne(fault[0].id, id);
	ck_assert_uint_eq(fault[0].addr, 0x123000);
	fails(-ESTALE, "before", answer(&guest, id));
	at += SECOND - 1;
	ck_assert_int_eq(ok(ioasid_faultq_expire(guest.faults)), 0);
	guest_map(&guest, 0x123000, 5 * PAGE, GUEST_READ);
	guest_answer(&guest, fault[0].id, IOASID_RESPONSE_SUCCESS);
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 0);
	ck_assert_int_eq(transfer[0].dma.status, 0);
	ck_assert_mem_eq(transfer[0].bytes, guest.ram + 5 * PAGE + 0x456, 4);
	ck_assert_uint_eq(stats(&guest).answered, 1);
	ck_assert_uint_eq(stats(&guest).expired, 1);
	guest_end(&guest);
}
END_TEST

START_TEST(what_finds_no_room_waits_for_no_longer)
{
	struct guest guest;

	begin(&guest, guest_flavour(_i), IOASID_RESPONSE_INVALID);
	for (unsigned int i = 0; i < ROOM + 10; i++)
		start(&guest, &transfer[i], 0x100000 + i * 2 * PAGE, 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), ROOM + 10);
	ck_assert_uint_eq(stats(&guest).waiting, 10);
	at += SECOND;
	ck_assert_int_eq(ok(ioasid_faultq_expire(guest.faults)), ROOM + 10);
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 0);
	for (unsigned int i = 0; i < ROOM + 10; i++)
		ck_assert_int_eq(transfer[i].dma.status, -EFAULT);
	ck_assert_uint_eq(stats(&guest).outstanding + stats(&guest).waiting, 0);
	ck_assert_int_eq(ok(ioasid_faultq_read(guest.faults, fault, ROOM)), 0);
	guest_end(&guest);
}
END_TEST

/* ---- the monitor does not bring what the parent lacks ---- */

START_TEST(what_the_parent_lacks_has_the_same_deadline)
{
	struct guest guest;

	begin(&guest, guest_flavour(_i), IOASID_RESPONSE_INVALID);
	guest_map(&guest, 0x1000, 2000 * PAGE, GUEST_RW);
	start(&guest, &transfer[0], 0x1000, 4);
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 1);
	fault[0] = guest_next_fault(&guest);
	ck_assert(fault[0].flags & IOASID_FAULT_STAGE2);
	at += SECOND;
	ck_assert_int_eq(ok(ioasid_faultq_expire(guest.faults)), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 0);
	ck_assert_int_eq(transfer[0].dma.status, -EFAULT);
	ck_assert_uint_eq(transfer[0].dma.fault, IOASID_MOCK_FAULT_PARENT);
	fails(-ESTALE, "before", answer(&guest, fault[0].id));
	guest_end(&guest);
}
END_TEST

/* ---- the table goes ---- */

START_TEST(a_table_that_goes_ends_its_faults_before_their_deadline)
{
	struct guest guest;
	uint64_t id;

	begin(&guest, guest_flavour(_i), IOASID_RESPONSE_INVALID);
	start(&guest, &transfer[0], 0x1000, 4);
	start(&guest, &transfer[1], 0x2000, 4);
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 2);
	ck_assert_int_eq(ok(ioasid_faultq_read(guest.faults, fault, 1)), 1);
	id = fault[0].id;
	ok(ioasid_space_unbind_pgtable(guest.giova));
	at += 10 * SECOND;
	ck_assert_int_eq(ok(ioasid_faultq_expire(guest.faults)), 0);
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 0);
	ck_assert_int_eq(transfer[0].dma.status, -EFAULT);
	ck_assert_int_eq(transfer[1].dma.status, -EFAULT);
	ck_assert_int_eq(ok(ioasid_faultq_read(guest.faults, fault, ROOM)), 1);
	ck_assert_uint_eq(fault[0].id, id);
	ck_assert(fault[0].flags & IOASID_FAULT_CANCELLED);
	ck_assert_uint_eq(stats(&guest).cancelled, 2);
	ck_assert_uint_eq(stats(&guest).expired, 0);
	guest_end(&guest);
}
END_TEST

START_TEST(of_what_has_expired_a_table_that_goes_tells_nobody)
{
	struct guest guest;

	begin(&guest, guest_flavour(_i), IOASID_RESPONSE_INVALID);
	start(&guest, &transfer[0], 0x1000, 4);
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 1);
	guest_next_fault(&guest);
	at += SECOND;
	ck_assert_int_eq(ok(ioasid_faultq_expire(guest.faults)), 1);
	ok(ioasid_space_unbind_pgtable(guest.giova));
	ck_assert_int_eq(ok(ioasid_faultq_read(guest.faults, fault, ROOM)), 0);
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 0);
	ck_assert_int_eq(transfer[0].dma.status, -EFAULT);
	/* with the next table all goes on */
	ok(ioasid_space_bind_pgtable(guest.giova, &guest.table));
	start(&guest, &transfer[0], 0x3000, 4);
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 1);
	ck_assert_uint_eq(guest_next_fault(&guest).addr, 0x3000);
	at += SECOND;
	ck_assert_int_eq(ok(ioasid_faultq_expire(guest.faults)), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 0);
	ck_assert_uint_eq(stats(&guest).expired, 2);
	ck_assert_uint_eq(stats(&guest).cancelled, 0);
	guest_end(&guest);
}
END_TEST

/* ---- the guest has the table of PASIDs ---- */

/* SMMUv3 and AMD have one. */
static struct guest_opts with_pasids(int i)
{
	struct guest_opts opts = guest_flavour(i / 2 * 3 + 1 + i % 2);

	opts.unbound = true;
	opts.device.pasid_bits = 8;
	return opts;
}

START_TEST(a_fault_of_a_pasid_of_the_guests_expires_as_any)
{
	struct ioasid_pgtable pasids;
	struct guest guest;

	begin(&guest, with_pasids(_i), IOASID_RESPONSE_INVALID);
	pasids = guest_new_pasids(&guest);
	guest_set_pasid(&guest, 1, guest_new_table(&guest));
	ok(ioasid_space_bind_pasid_table(guest.giova, &pasids));
	for (unsigned int i = 0; i < 2; i++) {
		transfer[i].dma = guest_dma(IOASID_MOCK_DMA_READ, 0x1000, transfer[i].bytes, 4);
		transfer[i].dma.pasid = 1;
		ok(ioasid_mock_dma_start(guest.hw, &transfer[i].dma));
		ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 1);
		ck_assert_int_eq(ok(ioasid_faultq_read(guest.faults, fault, ROOM)), 1);
		ck_assert_uint_eq(fault[0].pasid, 1);
		/* the second one goes with the table */
		if (i)
			ok(ioasid_space_unbind_pasid_table(guest.giova));
		at += SECOND;
		ck_assert_int_eq(ok(ioasid_faultq_expire(guest.faults)), 1 - (int)i);
		ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 0);
		ck_assert_int_eq(transfer[i].dma.status, -EFAULT);
	}
	ck_assert_int_eq(ok(ioasid_faultq_read(guest.faults, fault, ROOM)), 1);
	ck_assert(fault[0].flags & IOASID_FAULT_CANCELLED);
	ck_assert_uint_eq(stats(&guest).expired, 1);
	ck_assert_uint_eq(stats(&guest).cancelled, 1);
	guest_end(&guest);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("deadlines, nested");
	TCase *tcase = support_case(suite, "nested");
	const int n = FLAVOURS;

	tcase_add_loop_test(tcase, a_page_that_the_guest_does_not_bring_in_time_never_comes, 0, n);
	tcase_add_loop_test(
		tcase, a_group_of_the_guests_pages_has_one_deadline_and_one_answer, 0, n);
	tcase_add_loop_test(
		tcase, with_success_the_guest_gets_another_try_and_another_second, 0, n);
	tcase_add_loop_test(tcase, what_finds_no_room_waits_for_no_longer, 0, n);
	tcase_add_loop_test(tcase, what_the_parent_lacks_has_the_same_deadline, 0, n);
	tcase_add_loop_test(tcase, a_table_that_goes_ends_its_faults_before_their_deadline, 0, n);
	tcase_add_loop_test(tcase, of_what_has_expired_a_table_that_goes_tells_nobody, 0, n);
	tcase_add_loop_test(tcase, a_fault_of_a_pasid_of_the_guests_expires_as_any, 0, n / 3 * 2);
	return support_run(suite);
}
