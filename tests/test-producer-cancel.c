/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a route's groups when it is detached: who was not told of a group never hears of
 * it, who was told is told of its end once, and there is always room for that. The rest of the
 * producer is in test-producer.c.
 */
#include "producerkit.h"
#include <errno.h>
#include <sched.h>
#include <string.h>

#define DEVICE 1 /* the kit's */
#define SLOTS  128

static struct ioasid_ring *shared; /* the kit's */

static void set_up(void)
{
	producerkit_open(SLOTS);
	shared = producerkit.producer.ring;
}

static uint64_t cancelled(void)
{
	struct pending_stats stats;

	pending_stats(producerkit.producer.pending, &stats);
	return stats.ended[PENDING_CANCELLED];
}

/* A group of a given route, which the kit's stock does not have. */
struct routed {
	struct producer_group group;
	struct ioasid_fault record;
};

static void push_routed(struct routed *routed, uint32_t device, uint32_t pasid)
{
	*routed = (struct routed){.record = ringkit_record(500, 0, 1)};
	routed->record.pasid = pasid;
	routed->group.records = &routed->record;
	routed->group.count = 1;
	routed->group.device = device;
	routed->group.route = pasid;
	producer_push(&producerkit.producer, &routed->group);
}

static void push_some(struct routed *some, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		push_routed(&some[i], DEVICE, i);
}

static void cancel_some(unsigned int first, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		producer_cancel(&producerkit.producer, DEVICE, first + i);
}

/* ---- tests ---- */

START_TEST(who_was_not_told_never_hears_of_it)
{
	struct routed one;
	uint64_t cookie, id;

	push_routed(&one, DEVICE, 5);
	id = producerkit.producer.inlet.records[0].id;
	producer_cancel(&producerkit.producer, DEVICE, 5);
	ck_assert_int_eq(pending_claim(producerkit.producer.pending, id, &cookie), -ESTALE);
	ck_assert_uint_eq(shared->tail, 1);
	ck_assert_uint_eq(producerkit_take(COUNT), 0);
	ck_assert_uint_eq(shared->head, 1);
	ck_assert_uint_eq(cancelled(), 1);
}
END_TEST

START_TEST(who_was_told_is_told_of_the_end_once)
{
	struct ioasid_fault first, expected;
	struct routed one;
	uint64_t cookie;

	push_routed(&one, DEVICE, 5);
	ck_assert_uint_eq(producerkit_take(COUNT), 1);
	first = producerkit_out[0];
	producer_cancel(&producerkit.producer, DEVICE, 5);
	producer_cancel(&producerkit.producer, DEVICE, 5);
	ck_assert_int_eq(pending_claim(producerkit.producer.pending, first.id, &cookie), -ESTALE);
	expected = first;
	expected.flags = IOASID_FAULT_CANCELLED | IOASID_FAULT_LAST | IOASID_FAULT_PASID_VALID;
	ck_assert_uint_eq(producerkit_take(COUNT), 1);
	ck_assert_mem_eq(producerkit_out, &expected, sizeof(expected));
	ck_assert_uint_eq(producerkit_take(COUNT), 0);
	ck_assert_uint_eq(cancelled(), 1);
}
END_TEST

START_TEST(a_cancellation_wakes_who_sleeps)
{
	struct routed one;

	push_routed(&one, DEVICE, 5);
	ck_assert_uint_eq(producerkit_take(COUNT), 1);
	ck_assert_uint_eq(producerkit_take(COUNT), 0);
	ck_assert(!ringkit_is_readable(&producerkit));
	producer_cancel(&producerkit.producer, DEVICE, 5);
	ck_assert(ringkit_is_readable(&producerkit));
}
END_TEST

START_TEST(only_the_route_named_is_cancelled)
{
	struct routed some[4];
	uint64_t cookie;

	push_routed(&some[0], DEVICE, 5);
	push_routed(&some[1], DEVICE, IOASID_PASID_NONE);
	push_routed(&some[2], DEVICE + 1, 5);
	push_routed(&some[3], DEVICE, 6);
	ck_assert_uint_eq(producerkit_take(COUNT), 4);
	producer_cancel(&producerkit.producer, DEVICE, IOASID_PASID_NONE);
	ck_assert_uint_eq(pending_count(producerkit.producer.pending), 3);
	for (unsigned int i = 0; i < 4; i++)
		ck_assert_int_eq(
			pending_claim(producerkit.producer.pending, producerkit_out[i].id, &cookie),
			i == 1 ? -ESTALE : 0);
	ck_assert_uint_eq(cancelled(), 1);
}
END_TEST

START_TEST(who_is_being_answered_is_left_alone)
{
	struct routed one;
	uint64_t cookie;

	push_routed(&one, DEVICE, 5);
	ck_assert_uint_eq(producerkit_take(COUNT), 1);
	ck_assert_int_eq(
		pending_claim(producerkit.producer.pending, producerkit_out[0].id, &cookie), 0);
	producer_cancel(&producerkit.producer, DEVICE, 5);
	pending_retire(producerkit.producer.pending, producerkit_out[0].id, PENDING_ANSWERED, 0);
	ck_assert_uint_eq(producerkit_take(COUNT), 0);
	ck_assert_uint_eq(cancelled(), 0);
}
END_TEST

/* The slot of a group that was cancelled before it was read has another owner when its record is
 * read at last. */
START_TEST(a_record_that_outlived_its_group_is_not_the_next_one)
{
	struct routed one, other;
	uint64_t old;

	push_routed(&one, DEVICE, 5);
	old = producerkit.producer.inlet.records[0].id;
	producer_cancel(&producerkit.producer, DEVICE, 5);
	push_routed(&other, DEVICE, 6);
	ck_assert_uint_eq(producerkit_take(COUNT), 1);
	ck_assert_uint_eq(producerkit_out[0].pasid, 6);
	ck_assert_uint_ne(producerkit_out[0].id, old);
}
END_TEST

/* Slots that a detach freed are for those who wait. */
START_TEST(what_waited_for_a_slot_follows_a_cancellation)
{
	struct routed some[SLOTS], next;

	push_some(some, COUNT);
	ck_assert_uint_eq(producerkit_take(COUNT), COUNT);
	push_some(&some[COUNT], SLOTS - COUNT);
	ck_assert_uint_eq(producerkit_take(COUNT), COUNT);
	push_routed(&next, DEVICE + 1, 0);
	ck_assert_uint_eq(producerkit_take(COUNT), 0);
	producer_cancel(&producerkit.producer, DEVICE, 3);
	ck_assert_uint_eq(producerkit_take(COUNT), 2);
	ck_assert(producerkit_out[0].flags & producerkit_out[1].flags & IOASID_FAULT_CANCELLED);
	ck_assert_uint_eq(producerkit_take(COUNT), 1);
	ck_assert_uint_eq(producerkit_out[0].pasid, 0);
	ck_assert(!(producerkit_out[0].flags & IOASID_FAULT_CANCELLED));
}
END_TEST

/* One reader has taken the cancellation, but its slot not yet back, when another one goes to sleep.
 */
START_TEST(a_slot_that_is_freed_late_still_wakes_who_waits_for_the_next_group)
{
	struct routed some[SLOTS], next;

	push_some(some, COUNT);
	ck_assert_uint_eq(producerkit_take(COUNT), COUNT);
	push_some(&some[COUNT], SLOTS - COUNT);
	ck_assert_uint_eq(producerkit_take(COUNT), COUNT);
	push_routed(&next, DEVICE + 1, 0);
	producer_cancel(&producerkit.producer, DEVICE, COUNT - 1);
	ck_assert_int_eq(ringkit_take(&producerkit, producerkit_out, COUNT), 2);
	ck_assert_int_eq(ringkit_take(&producerkit, &producerkit_out[2], COUNT), 0);
	ck_assert(!ringkit_is_readable(&producerkit));
	ck_assert_uint_eq(ringkit_deliver(&producerkit, producerkit_out, 2), 2);
	ck_assert(ringkit_is_readable(&producerkit));
	ck_assert_uint_eq(producerkit_take(COUNT), 1);
}
END_TEST

/* ---- a full ring ---- */

static unsigned char told[SLOTS];

static void note_cancelled(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		ck_assert(producerkit_out[i].flags & IOASID_FAULT_CANCELLED);
		ck_assert_uint_lt(producerkit_out[i].pasid, SLOTS);
		told[producerkit_out[i].pasid]++;
	}
}

/* All slots are delivered and then cancelled, twice as many as the ring has room for. */
static void cancel_all_at_once(void)
{
	static struct routed some[SLOTS];
	unsigned int n;

	memset(told, 0, sizeof(told));
	push_some(some, SLOTS);
	ck_assert_uint_eq(producerkit_take(COUNT), COUNT);
	ck_assert_uint_eq(producerkit_take(COUNT), SLOTS - COUNT);
	cancel_some(0, SLOTS);
	ck_assert_uint_eq(shared->flags, IOASID_RING_BACKLOG);
	ck_assert_uint_eq(pending_count(producerkit.producer.pending), 0);
	/* parts, so that the queue of cancellations wraps */
	while ((n = producerkit_take(COUNT - 13)))
		note_cancelled(n);
	for (unsigned int i = 0; i < SLOTS; i++)
		ck_assert_uint_eq(told[i], 1);
	ck_assert_uint_eq(shared->flags, 0);
}

START_TEST(cancellations_that_find_no_room_follow)
{
	for (unsigned int i = 0; i < 5; i++)
		cancel_all_at_once();
	ck_assert_uint_eq(cancelled(), UINT64_C(5) * SLOTS);
}
END_TEST

START_TEST(a_cancellation_goes_before_groups_that_wait)
{
	struct routed one;

	push_routed(&one, DEVICE + 1, 5);
	ck_assert_uint_eq(producerkit_take(COUNT), 1);
	for (unsigned int i = 0; i < COUNT + 3; i++)
		ringkit_push(&producerkit, i, 1);
	producer_cancel(&producerkit.producer, DEVICE + 1, 5);
	ck_assert_uint_eq(producerkit_take(COUNT), COUNT);
	ck_assert_uint_eq(producerkit_out[COUNT - 1].addr >> 12, COUNT - 1);
	ck_assert_uint_eq(producerkit_take(COUNT), 4);
	ck_assert(producerkit_out[0].flags & IOASID_FAULT_CANCELLED);
	ck_assert_uint_eq(producerkit_out[1].addr >> 12, COUNT);
	ck_assert_uint_eq(shared->flags, 0);
}
END_TEST

/* What comes while a cancellation waits, waits behind it, room or not. */
START_TEST(nothing_overtakes_a_cancellation)
{
	struct routed one;

	push_routed(&one, DEVICE + 1, 5);
	ck_assert_uint_eq(producerkit_take(COUNT), 1);
	for (unsigned int i = 0; i < COUNT; i++)
		ringkit_push(&producerkit, i, 1);
	producer_cancel(&producerkit.producer, DEVICE + 1, 5);
	ck_assert_uint_eq(producerkit_take(8), 8);
	ringkit_push(&producerkit, COUNT, 1);
	ck_assert_uint_eq(producerkit_take(COUNT), COUNT - 6);
	ck_assert(producerkit_out[COUNT - 8].flags & IOASID_FAULT_CANCELLED);
	ck_assert_uint_eq(producerkit_out[COUNT - 7].addr >> 12, COUNT);
}
END_TEST

/* ---- a ring that is emptied all the time ---- */

#define TOLD 3 /* the route that is cancelled again and again */

/* A reader that makes room just where the producer looks for it, between one look and the next. */
struct drain {
	pthread_t thread;
	uint64_t told;      /* CANCELLED records seen */
	uint64_t overtaken; /* groups that came before a cancellation which was there first */
	int delivered;      /* atomic: the group to cancel was handed out */
	int over;           /* atomic */
};

static void drain_one(struct drain *d, const struct ioasid_fault *fault)
{
	uint64_t cookie;

	if (fault->flags & IOASID_FAULT_CANCELLED) {
		d->told++;
		return;
	}
	if (fault->pasid == TOLD) {
		__atomic_store_n(&d->delivered, 1, __ATOMIC_RELEASE);
		return;
	}
	d->overtaken += fault->label > d->told;
	if (!pending_claim(producerkit.producer.pending, fault->id, &cookie))
		pending_retire(producerkit.producer.pending, fault->id, PENDING_ANSWERED, 0);
}

static void *drain(void *arg)
{
	struct drain *d = arg;
	struct ioasid_fault some[16];

	while (!__atomic_load_n(&d->over, __ATOMIC_ACQUIRE)) {
		int got = ringkit_take(&producerkit, some, 16);
		unsigned int n =
			got > 0 ? ringkit_deliver(&producerkit, some, (unsigned int)got) : 0;

		for (unsigned int i = 0; i < n; i++)
			drain_one(d, &some[i]);
	}
	return NULL;
}

/* Its label says how many cancellations there were before it. */
static void push_labelled(struct routed *routed, uint32_t pasid, uint64_t label)
{
	*routed = (struct routed){.record = ringkit_record(500, 0, 1)};
	routed->record.pasid = pasid;
	routed->record.label = label;
	routed->group.records = &routed->record;
	routed->group.count = 1;
	routed->group.device = DEVICE;
	routed->group.route = pasid;
	producer_push(&producerkit.producer, &routed->group);
}

static uint32_t keeps_back(void)
{
	return __atomic_load_n(&shared->flags, __ATOMIC_RELAXED) & IOASID_RING_BACKLOG;
}

/* The ring is filled, the cancellation finds no room, and what comes after it neither. */
static void cancel_before_others(struct drain *d, uint64_t before)
{
	static struct routed one, some[4 * COUNT];
	unsigned int n = 0;

	push_labelled(&one, TOLD, before);
	while (!__atomic_exchange_n(&d->delivered, 0, __ATOMIC_ACQUIRE))
		sched_yield();
	while (n < 2 * COUNT && !keeps_back())
		push_labelled(&some[n++], DEVICE + 1, before);
	producer_cancel(&producerkit.producer, DEVICE, TOLD);
	for (unsigned int last = n + COUNT; n < last; n++)
		push_labelled(&some[n], DEVICE + 1, before + 1);
	/* the stock is used again: all of it has left the producer's hands */
	while (keeps_back())
		sched_yield();
}

START_TEST(nothing_overtakes_a_cancellation_while_a_reader_makes_room)
{
	struct drain d = {.told = 0};
	unsigned long rounds = support_rounds(3000);

	ck_assert_int_eq(pthread_create(&d.thread, NULL, drain, &d), 0);
	for (unsigned long i = 0; i < rounds; i++)
		cancel_before_others(&d, i);
	__atomic_store_n(&d.over, 1, __ATOMIC_RELEASE);
	ck_assert_int_eq(pthread_join(d.thread, NULL), 0);
	ck_assert_uint_eq(d.overtaken, 0);
	ck_assert_uint_eq(cancelled(), rounds);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("producer, cancel");
	TCase *tcase = support_case(suite, "cancel");

	tcase_add_checked_fixture(tcase, set_up, producerkit_close);
	tcase_add_test(tcase, who_was_not_told_never_hears_of_it);
	tcase_add_test(tcase, who_was_told_is_told_of_the_end_once);
	tcase_add_test(tcase, a_cancellation_wakes_who_sleeps);
	tcase_add_test(tcase, only_the_route_named_is_cancelled);
	tcase_add_test(tcase, who_is_being_answered_is_left_alone);
	tcase_add_test(tcase, a_record_that_outlived_its_group_is_not_the_next_one);
	tcase_add_test(tcase, what_waited_for_a_slot_follows_a_cancellation);
	tcase_add_test(tcase, a_slot_that_is_freed_late_still_wakes_who_waits_for_the_next_group);
	tcase_add_test(tcase, cancellations_that_find_no_room_follow);
	tcase_add_test(tcase, a_cancellation_goes_before_groups_that_wait);
	tcase_add_test(tcase, nothing_overtakes_a_cancellation);
	tcase_add_test(tcase, nothing_overtakes_a_cancellation_while_a_reader_makes_room);
	return support_run(suite);
}
