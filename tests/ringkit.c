/* SPDX-License-Identifier: MIT */
/*
 * What tests of the fault ring share: see ringkit.h. Only the functions that one thread calls
 * assert; what threads find wrong goes into the ledger, for the test itself to assert.
 */
#include "ringkit.h"
#include <check.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Thread_local void (*ringkit_before_claim)(void *arg);
_Thread_local void *ringkit_before_claim_arg;

#define NO_GROUP UINT32_MAX

/* ---- the stock ---- */

static void open_stock(struct ringkit *kit)
{
	kit->groups = calloc(kit->stock, sizeof(*kit->groups));
	kit->records = calloc((size_t)kit->stock * kit->group_max, sizeof(*kit->records));
	kit->busy = calloc(kit->stock, 1);
	ck_assert(kit->groups && kit->records && kit->busy);
	for (uint32_t i = 0; i < kit->stock; i++)
		kit->groups[i].cookie = i;
}

static uint32_t take_group(struct ringkit *kit)
{
	/* Acquire: what the group held was done with. Pairs with free_group(). */
	while (__atomic_load_n(&kit->busy[kit->next], __ATOMIC_ACQUIRE)) {
		if (__atomic_load_n(&kit->given_up, __ATOMIC_RELAXED))
			return NO_GROUP;
		kit->next = (kit->next + 1) % kit->stock;
		if (!kit->next)
			sched_yield();
	}
	kit->busy[kit->next] = 1;
	return kit->next;
}

static void free_group(struct ringkit *kit, uint64_t cookie)
{
	/* Release: pairs with take_group(). */
	__atomic_store_n(&kit->busy[cookie], 0, __ATOMIC_RELEASE);
}

/* ---- the kit ---- */

static void start_at(struct ringkit *kit, uint64_t index)
{
	kit->producer.ring->head = index;
	kit->producer.ring->tail = index;
	inlet_open(&kit->producer.inlet, kit->producer.ring);
}

void ringkit_open(struct ringkit *kit, const struct ringkit_plan *plan)
{
	const struct ioasid_faultq_opts opts = {
		.size = sizeof(opts),
		.records = plan->records,
		.group_max = plan->group_max,
		.max_outstanding = plan->outstanding ? plan->outstanding : 1024,
	};
	struct producer *producer = &kit->producer;

	memset(kit, 0, sizeof(*kit));
	kit->group_max = plan->group_max;
	kit->stock = plan->stock ? plan->stock : 256;
	open_stock(kit);
	ck_assert_int_eq(producer_open(producer, &opts), 0);
	start_at(kit, plan->start);
	ck_assert_int_eq(ring_open(&kit->ring, producer->ring, producer->size, producer->eventfd,
				 plan->single),
		0);
}

void ringkit_close(struct ringkit *kit)
{
	producer_close(&kit->producer);
	free(kit->groups);
	free(kit->records);
	free(kit->busy);
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

struct ioasid_fault ringkit_record(uint64_t number, unsigned int at, unsigned int count)
{
	uint64_t hash = mix(number + UINT64_C(0x9e3779b97f4a7c15));

	return (struct ioasid_fault){
		.label = hash,
		.addr = number << 12,
		.pages = at + 1,
		.flags = IOASID_FAULT_READ | IOASID_FAULT_PASID_VALID |
			 (at + 1 == count ? IOASID_FAULT_LAST : 0),
		.space = count,
		.pasid = (uint32_t)(hash >> 44),
		.group = (uint32_t)hash & 511,
		.time = ~hash * 3,
	};
}

struct producer_group *ringkit_push(struct ringkit *kit, uint64_t number, unsigned int count)
{
	uint32_t index = take_group(kit);
	struct producer_group *group;
	struct ioasid_fault *records;

	if (index == NO_GROUP)
		return NULL;
	group = &kit->groups[index];
	records = &kit->records[(size_t)index * kit->group_max];
	for (unsigned int i = 0; i < count; i++)
		records[i] = ringkit_record(number + i, i, count);
	group->link = (struct list){0};
	group->records = records;
	group->count = count;
	group->device = 1;
	producer_push(&kit->producer, group);
	return group;
}

int ringkit_take(struct ringkit *kit, struct ioasid_fault *out, unsigned int n)
{
	unsigned int needed;
	int got = ring_read(&kit->ring, out, n, &needed);

	if (got)
		return got;
	ring_arm(&kit->ring);
	if (ring_has_backlog(&kit->ring))
		producer_refill(&kit->producer);
	got = ring_read(&kit->ring, out, n, &needed);
	if (got)
		ring_disarm(&kit->ring);
	return got;
}

static unsigned int group_length(const struct ioasid_fault *faults, unsigned int n)
{
	unsigned int i = 0;

	while (i + 1 < n && !(faults[i].flags & IOASID_FAULT_LAST))
		i++;
	return i + 1;
}

/* Slots were freed: what waits for one may be published. */
static void refill(struct ringkit *kit)
{
	/* Full fence between the slots and our look at BACKLOG. Pairs with hold_back(). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (ring_has_backlog(&kit->ring))
		producer_refill(&kit->producer);
}

static bool deliver_group(struct ringkit *kit, const struct ioasid_fault *first)
{
	if (!(first->flags & IOASID_FAULT_CANCELLED))
		return pending_deliver(kit->producer.pending, first->id);
	if (!pending_dismiss(kit->producer.pending, first->id))
		return false;
	refill(kit);
	return true;
}

unsigned int ringkit_deliver(struct ringkit *kit, struct ioasid_fault *out, unsigned int n)
{
	unsigned int length, kept = 0;

	for (unsigned int i = 0; i < n; i += length) {
		length = group_length(&out[i], n - i);
		if (!deliver_group(kit, &out[i]))
			continue;
		memmove(&out[kept], &out[i], length * sizeof(*out));
		kept += length;
	}
	return kept;
}

static void answer_group(struct ringkit *kit, uint64_t id)
{
	uint64_t cookie;

	if (pending_claim(kit->producer.pending, id, &cookie))
		return;
	pending_retire(kit->producer.pending, id, PENDING_ANSWERED, 0);
	free_group(kit, cookie);
}

void ringkit_answer(struct ringkit *kit, const struct ioasid_fault *faults, unsigned int n)
{
	for (unsigned int i = 0; i < n; i += group_length(&faults[i], n - i))
		answer_group(kit, faults[i].id);
	refill(kit);
}

void ringkit_give_up(struct ringkit *kit)
{
	__atomic_store_n(&kit->given_up, true, __ATOMIC_RELAXED);
}

bool ringkit_is_over(struct ringkit *kit)
{
	uint32_t flags;

	if (!ring_is_closed(&kit->ring))
		return false;
	/* The lock: who let go of BACKLOG has published what waited. */
	pthread_mutex_lock(&kit->producer.lock);
	flags = kit->producer.ring->flags;
	pthread_mutex_unlock(&kit->producer.lock);
	return !(flags & IOASID_RING_BACKLOG);
}

bool ringkit_is_readable(const struct ringkit *kit)
{
	struct pollfd poller = {.fd = kit->ring.eventfd, .events = POLLIN};

	return poll(&poller, 1, 0) == 1 && poller.revents == POLLIN;
}

/* ---- the ledger ---- */

void ringkit_ledger_open(struct ringkit_ledger *ledger, uint64_t total)
{
	memset(ledger, 0, sizeof(*ledger));
	ledger->total = total;
	ledger->bits = calloc(total / 64 + 1, sizeof(*ledger->bits));
	ck_assert_ptr_nonnull(ledger->bits);
}

void ringkit_ledger_close(struct ringkit_ledger *ledger)
{
	free(ledger->bits);
}

void ringkit_ledger_fail(struct ringkit_ledger *ledger, const char *what, uint64_t number)
{
	if (__atomic_fetch_add(&ledger->failed, 1, __ATOMIC_RELAXED))
		return;
	snprintf(ledger->text, sizeof(ledger->text), "%s: %llu", what, (unsigned long long)number);
}

static void enter_number(struct ringkit_ledger *ledger, uint64_t number)
{
	uint64_t bit = UINT64_C(1) << number % 64;

	if (number >= ledger->total)
		ringkit_ledger_fail(ledger, "no such number", number);
	else if (__atomic_fetch_or(&ledger->bits[number / 64], bit, __ATOMIC_RELAXED) & bit)
		ringkit_ledger_fail(ledger, "seen twice", number);
}

static bool is_as_pushed(const struct ioasid_fault *fault, uint64_t number, unsigned int at)
{
	struct ioasid_fault expected = ringkit_record(number, at, fault->space);

	expected.id = fault->id;
	return !memcmp(fault, &expected, sizeof(expected));
}

/* The group that begins with first, whose length the ring has told by LAST. */
static void enter_group(
	struct ringkit_ledger *ledger, const struct ioasid_fault *first, unsigned int length)
{
	uint64_t number = first->addr >> 12;

	if (first->space != length)
		ringkit_ledger_fail(ledger, "a group of another length", number);
	for (unsigned int i = 0; i < length; i++) {
		if (!is_as_pushed(&first[i], number + i, i) || first[i].id != first->id)
			ringkit_ledger_fail(ledger, "not as it was pushed", number + i);
		enter_number(ledger, number + i);
	}
}

void ringkit_ledger_enter(struct ringkit_ledger *ledger, const struct ioasid_fault *faults,
	unsigned int n, uint64_t *next)
{
	unsigned int length;

	for (unsigned int i = 0; i < n; i += length) {
		length = group_length(&faults[i], n - i);
		if (faults[i].addr >> 12 < *next)
			ringkit_ledger_fail(ledger, "out of order", faults[i].addr >> 12);
		enter_group(ledger, &faults[i], length);
		*next = (faults[i].addr >> 12) + length;
	}
	__atomic_fetch_add(&ledger->seen, n, __ATOMIC_RELAXED);
}

void ringkit_ledger_assert(const struct ringkit_ledger *ledger)
{
	uint64_t i = 0;

	ck_assert_msg(!ledger->failed, "%d wrong, first: %s", ledger->failed, ledger->text);
	while (i < ledger->total && ledger->bits[i / 64] >> i % 64 & 1)
		i++;
	ck_assert_msg(i == ledger->total, "never seen: %llu", (unsigned long long)i);
	ck_assert_uint_eq(ledger->seen, ledger->total);
}
