/* SPDX-License-Identifier: MIT */
/*
 * The fixture of the tests of the producer, see producerkit.h.
 */
#include "producerkit.h"
#include <string.h>

struct ringkit producerkit;
struct ioasid_fault producerkit_out[2 * COUNT];

void producerkit_open(uint32_t outstanding)
{
	const struct ringkit_plan plan = {
		.records = COUNT, .group_max = 32, .outstanding = outstanding};

	ringkit_open(&producerkit, &plan);
	memset(producerkit_out, 0, sizeof(producerkit_out));
}

static void set_up(void)
{
	producerkit_open(1024);
}

void producerkit_close(void)
{
	ringkit_close(&producerkit);
}

struct ioasid_faultq_stats producerkit_stats(void)
{
	struct ioasid_faultq_stats now = {.size = sizeof(now)};

	producer_stats(&producerkit.producer, &now);
	return now;
}

unsigned int producerkit_take(unsigned int n)
{
	int got = ringkit_take(&producerkit, producerkit_out, n);

	ck_assert_int_ge(got, 0);
	return ringkit_deliver(&producerkit, producerkit_out, (unsigned int)got);
}

void producerkit_assert_takes(unsigned int n, uint64_t number, unsigned int expected)
{
	ck_assert_uint_eq(producerkit_take(n), expected);
	for (unsigned int i = 0; i < expected; i++)
		ck_assert_uint_eq(producerkit_out[i].addr >> 12, number + i);
}

void producerkit_push(uint64_t number, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		ringkit_push(&producerkit, number + i, 1);
}

void producerkit_assert_waiting(uint64_t groups, uint64_t records)
{
	const struct ioasid_ring *shared = producerkit.producer.ring;

	ck_assert_uint_eq(producerkit_stats().waiting, groups);
	ck_assert_uint_eq(shared->deferred, records);
	ck_assert_uint_eq(shared->flags, records ? IOASID_RING_BACKLOG : 0);
}

/* Groups of one record each, in memory of this file. */
static struct producer_group batch[COUNT];
static struct ioasid_fault batch_records[COUNT];

void producerkit_push_batch(uint64_t number, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		batch_records[i] = ringkit_record(number + i, 0, 1);
		batch[i] = (struct producer_group){.records = &batch_records[i], .count = 1};
	}
	producer_push_all(&producerkit.producer, batch, n);
}

TCase *producerkit_case(Suite *suite, const char *name)
{
	TCase *tcase = support_case(suite, name);

	tcase_add_checked_fixture(tcase, set_up, producerkit_close);
	return tcase;
}
