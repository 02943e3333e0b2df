/* SPDX-License-Identifier: MIT */
/*
 * What finds no room in the fault ring, or no slot: that it waits and is counted, in which order it
 * follows, and what is late instead. The rest of the producer is in test-producer.c.
 */
#include "producerkit.h"

/* ---- for room in the ring ---- */

START_TEST(what_does_not_fit_waits_and_follows_in_order)
{
	producerkit_push(0, COUNT);
	producerkit_assert_waiting(0, 0);
	producerkit_push(COUNT, 20);
	producerkit_assert_waiting(20, 20);
	ck_assert_uint_eq(producerkit.producer.ring->tail, COUNT);
	producerkit_assert_takes(10, 0, 10);
	producer_refill(&producerkit.producer);
	producerkit_assert_waiting(10, 10);
	producerkit_assert_takes(COUNT, 10, COUNT);
	/* an empty ring is refilled by its reader */
	producerkit_assert_takes(COUNT, COUNT + 10, 10);
	producerkit_assert_waiting(0, 0);
	ck_assert_uint_eq(producerkit_stats().deferred, 20);
	ck_assert_uint_eq(producerkit_stats().raised, COUNT + 20);
}
END_TEST

START_TEST(nothing_overtakes_a_group_that_waits)
{
	producerkit_push(0, COUNT - 8);
	ringkit_push(&producerkit, COUNT - 8, 32);
	producerkit_push(COUNT + 24, 4);
	producerkit_assert_waiting(5, 36);
	producerkit_assert_takes(16, 0, 16);
	producer_refill(&producerkit.producer);
	producerkit_assert_waiting(5, 36);
	producerkit_assert_takes(8, 16, 8);
	producer_refill(&producerkit.producer);
	producerkit_assert_waiting(4, 4);
	ck_assert_uint_eq(producerkit_take(COUNT - 24 - 8), COUNT - 24 - 8);
	producer_refill(&producerkit.producer);
	producerkit_assert_takes(COUNT, COUNT - 8, 36);
}
END_TEST

START_TEST(the_rest_of_a_batch_waits_in_order)
{
	producerkit_push(0, COUNT - 3);
	producerkit_push_batch(COUNT - 3, 8);
	producerkit_assert_waiting(5, 5);
	producerkit_push(COUNT + 5, 1);
	producerkit_assert_waiting(6, 6);
	producerkit_assert_takes(COUNT, 0, COUNT);
	producerkit_assert_takes(COUNT, COUNT, 6);
	producerkit_assert_waiting(0, 0);
	ck_assert_uint_eq(producerkit_stats().deferred, 6);
	ck_assert_uint_eq(producerkit_stats().raised, COUNT + 6);
}
END_TEST

/* The head that the producer remembers is an old one. */
START_TEST(room_is_looked_for_again_before_a_group_waits)
{
	producerkit_push(0, COUNT);
	producerkit_assert_takes(COUNT, 0, COUNT);
	producerkit_push(COUNT, COUNT);
	producerkit_assert_waiting(0, 0);
	ck_assert_uint_eq(producerkit_stats().deferred, 0);
	producerkit_assert_takes(COUNT, COUNT, COUNT);
}
END_TEST

/* ---- for a slot ---- */

static uint64_t late(void)
{
	struct pending_stats table;

	pending_stats(producerkit.producer.pending, &table);
	return table.ended[PENDING_LATE];
}

START_TEST(a_group_waits_for_a_slot_until_one_is_answered)
{
	producerkit_close();
	producerkit_open(4);
	producerkit_push(0, 6);
	producerkit_assert_waiting(2, 2);
	producerkit_assert_takes(COUNT, 0, 4);
	producer_refill(&producerkit.producer);
	producerkit_assert_waiting(2, 2);
	ringkit_answer(&producerkit, producerkit_out, 1);
	producerkit_assert_waiting(1, 1);
	ringkit_answer(&producerkit, &producerkit_out[1], 3);
	producerkit_assert_waiting(0, 0);
	producerkit_assert_takes(COUNT, 4, 2);
}
END_TEST

/* Its device asks again as soon as it has the answer, which may be before the slot is back. */
START_TEST(a_group_is_not_late_for_a_slot_that_is_about_to_be_free)
{
	uint64_t cookie;

	producerkit_close();
	producerkit_open(2);
	producerkit.producer.late = IOASID_FAULTQ_LATE_INVALID;
	producerkit_push(0, 2);
	producerkit_assert_takes(COUNT, 0, 2);
	ck_assert_int_eq(
		pending_claim(producerkit.producer.pending, producerkit_out[0].id, &cookie), 0);
	producerkit_push(2, 2);
	producerkit_assert_waiting(2, 2);
	pending_retire(producerkit.producer.pending, producerkit_out[0].id, PENDING_ANSWERED, 0);
	producer_refill(&producerkit.producer);
	producerkit_assert_waiting(1, 1);
	ringkit_answer(&producerkit, &producerkit_out[1], 1);
	producerkit_assert_waiting(0, 0);
	producerkit_assert_takes(COUNT, 2, 2);
	ck_assert_uint_eq(late(), 0);
}
END_TEST

START_TEST(a_group_is_late_for_room_in_the_ring_whatever_becomes_of_slots)
{
	producerkit_close();
	producerkit_open(COUNT);
	producerkit.producer.late = IOASID_FAULTQ_LATE_INVALID;
	for (unsigned int i = 0; i < 3; i++)
		ringkit_push(&producerkit, i * 20, 20);
	/* four records are free */
	ringkit_push(&producerkit, 60, 5);
	ck_assert_uint_eq(late(), 1);
	ringkit_push(&producerkit, 60, 4);
	ck_assert_uint_eq(late(), 1);
	producerkit_push(64, 1);
	ck_assert_uint_eq(late(), 2);
	producerkit_assert_waiting(0, 0);
	producerkit_assert_takes(COUNT, 0, 64);
}
END_TEST

/* Two wait for slots, and there is no room for a third. */
START_TEST(those_that_wait_for_slots_take_up_room)
{
	producerkit_close();
	producerkit_open(2);
	producerkit.producer.late = IOASID_FAULTQ_LATE_INVALID;
	ringkit_push(&producerkit, 0, 20);
	producerkit_push(20, 1);
	ringkit_push(&producerkit, 21, 32);
	ringkit_push(&producerkit, 53, 11);
	producerkit_assert_waiting(2, 43);
	producerkit_push(64, 1);
	ck_assert_uint_eq(late(), 1);
	producerkit_assert_takes(COUNT, 0, 21);
	ringkit_answer(&producerkit, producerkit_out, 21);
	producerkit_assert_waiting(0, 0);
	producerkit_assert_takes(COUNT, 21, 43);
}
END_TEST

/* ---- in vain ---- */

static uint64_t cancelled(void)
{
	struct pending_stats table;

	pending_stats(producerkit.producer.pending, &table);
	return table.ended[PENDING_CANCELLED];
}

START_TEST(who_stops_waiting_is_not_published)
{
	struct producer_group *first, *second;

	producerkit_push(0, COUNT);
	first = ringkit_push(&producerkit, 100, 3);
	second = ringkit_push(&producerkit, 103, 2);
	producerkit_assert_waiting(2, 5);
	ck_assert(producer_drop(&producerkit.producer, first));
	producerkit_assert_waiting(1, 2);
	ck_assert(!producer_drop(&producerkit.producer, first));
	ck_assert_uint_eq(cancelled(), 1);
	producerkit_assert_takes(COUNT, 0, COUNT);
	producerkit_assert_takes(COUNT, 103, 2);
	ck_assert(!producer_drop(&producerkit.producer, second));
	ck_assert_uint_eq(cancelled(), 1);
	ck_assert_uint_eq(producerkit_take(COUNT), 0);
}
END_TEST

START_TEST(when_nobody_waits_any_more_nobody_asks_for_a_refill)
{
	producerkit_push(0, COUNT);
	ck_assert(producer_drop(&producerkit.producer, ringkit_push(&producerkit, 100, 3)));
	producerkit_assert_waiting(0, 0);
}
END_TEST

/* ---- the suite ---- */

static void add_waiting_tests(TCase *tcase)
{
	tcase_add_test(tcase, what_does_not_fit_waits_and_follows_in_order);
	tcase_add_test(tcase, nothing_overtakes_a_group_that_waits);
	tcase_add_test(tcase, the_rest_of_a_batch_waits_in_order);
	tcase_add_test(tcase, room_is_looked_for_again_before_a_group_waits);
	tcase_add_test(tcase, a_group_waits_for_a_slot_until_one_is_answered);
	tcase_add_test(tcase, a_group_is_not_late_for_a_slot_that_is_about_to_be_free);
	tcase_add_test(tcase, a_group_is_late_for_room_in_the_ring_whatever_becomes_of_slots);
	tcase_add_test(tcase, those_that_wait_for_slots_take_up_room);
	tcase_add_test(tcase, who_stops_waiting_is_not_published);
	tcase_add_test(tcase, when_nobody_waits_any_more_nobody_asks_for_a_refill);
}

int main(void)
{
	Suite *suite = suite_create("producer, waiting");

	add_waiting_tests(producerkit_case(suite, "waiting"));
	return support_run(suite);
}
