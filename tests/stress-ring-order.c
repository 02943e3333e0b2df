/* SPDX-License-Identifier: MIT */
/*
 * What the indices of the fault ring order: plain memory beside the ring, written before a record
 * is raised and read before it is claimed. A thread checker sees if they do not order it. The
 * consumer keeps off the table and the producer's lock, which would order everything. Load is in
 * stress-ring.c.
 */
#include "ringkit.h"
#include "stress.h"
#include "support.h"
#include <pthread.h>
#include <sched.h>

#define BESIDE 256

struct beside {
	struct ringkit kit;
	uint64_t numbers[BESIDE]; /* more than the ring holds */
	uint64_t total;
	uint64_t wrong;
};

static void look_beside(void *arg)
{
	struct beside *beside = arg;
	uint64_t head = __atomic_load_n(&beside->kit.producer.ring->head, __ATOMIC_RELAXED);

	beside->wrong += beside->numbers[head % BESIDE] != head;
}

static void *read_beside(void *arg)
{
	struct beside *beside = arg;
	struct ioasid_fault fault;
	unsigned int needed;
	uint64_t seen = 0;

	ringkit_before_claim_arg = beside;
	while (seen < beside->total) {
		ringkit_before_claim = look_beside;
		if (ring_read(&beside->kit.ring, &fault, 1, &needed) == 1)
			seen++;
		else
			sched_yield();
	}
	return NULL;
}

/* Raises a group of one, waits for its publication, and forgets its slot. */
static void push_beside(struct beside *beside, struct producer_group *group)
{
	struct producer *producer = &beside->kit.producer;
	uint64_t cookie, id, tail = producer->ring->tail;

	beside->numbers[tail % BESIDE] = tail;
	producer_push(producer, group);
	while (producer->ring->tail == tail) {
		sched_yield();
		producer_refill(producer);
	}
	id = __atomic_load_n(&producer->inlet.records[tail % 64].id, __ATOMIC_RELAXED);
	if (pending_claim(producer->pending, id, &cookie))
		ck_abort_msg("the group is not outstanding");
	pending_retire(producer->pending, id, PENDING_ANSWERED, 0);
}

START_TEST(the_indices_order_what_is_beside_the_ring)
{
	const struct ringkit_plan plan = {.records = 64, .group_max = 1, .single = _i};
	const struct ioasid_fault record = {.pages = 1};
	static struct beside beside;
	struct producer_group group = {.records = &record, .count = 1};
	pthread_t reader;

	ringkit_open(&beside.kit, &plan);
	beside.total = stress_records(1000000, 200000);
	ck_assert_int_eq(pthread_create(&reader, NULL, read_beside, &beside), 0);
	for (uint64_t i = 0; i < beside.total; i++)
		push_beside(&beside, &group);
	ck_assert_int_eq(pthread_join(reader, NULL), 0);
	ck_assert_uint_eq(beside.wrong, 0);
	ringkit_close(&beside.kit);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("order of the ring");
	TCase *beside = support_case(suite, "beside");

	tcase_add_loop_test(beside, the_indices_order_what_is_beside_the_ring, 0, 2);
	return support_run(suite);
}
