/* SPDX-License-Identifier: MIT */
/*
 * Whose turn it is: see pump.h. Taking and adding cost the same however many transfers there are.
 * It must not know how a page is moved.
 */
#include "pump.h"
#include "transfer.h"
#include <errno.h>
#include <stdlib.h>

#define CAPACITY_FIRST 16u

void mock_pump_init(struct mock_pump *pump, uint64_t seed)
{
	*pump = (struct mock_pump){.shuffles = seed, .random = seed};
	list_init(&pump->started);
	list_init(&pump->later);
}

void mock_pump_fini(struct mock_pump *pump)
{
	free(pump->ready);
}

static struct mock_transfer **slot(struct mock_pump *pump, uint32_t nth)
{
	return &pump->ready[(pump->first + nth) & (pump->capacity - 1)];
}

static int grow(struct mock_pump *pump)
{
	uint32_t capacity = pump->capacity ? pump->capacity * 2 : CAPACITY_FIRST;
	struct mock_transfer **ready;

	if (capacity < pump->capacity)
		return -ENOMEM;
	ready = malloc(capacity * sizeof(*ready));
	if (!ready)
		return -ENOMEM;
	for (uint32_t i = 0; i < pump->count; i++)
		ready[i] = *slot(pump, i);
	free(pump->ready);
	pump->ready = ready;
	pump->capacity = capacity;
	pump->first = 0;
	return 0;
}

int mock_pump_add(struct mock_pump *pump, struct mock_transfer *transfer)
{
	if (pump->total == pump->capacity && grow(pump))
		return -ENOMEM;
	pump->total++;
	list_append(&pump->started, &transfer->link);
	mock_pump_ready(pump, transfer);
	return 0;
}

void mock_pump_remove(struct mock_pump *pump, struct mock_transfer *transfer)
{
	list_remove(&transfer->link);
	pump->total--;
}

void mock_pump_ready(struct mock_pump *pump, struct mock_transfer *transfer)
{
	*slot(pump, pump->count++) = transfer;
}

void mock_pump_later(struct mock_pump *pump, struct mock_transfer *transfer)
{
	list_append(&pump->later, &transfer->later);
}

void mock_pump_begin(struct mock_pump *pump)
{
	while (!list_empty(&pump->later)) {
		struct mock_transfer *transfer =
			list_entry(pump->later.next, struct mock_transfer, later);

		list_remove(&transfer->later);
		mock_pump_ready(pump, transfer);
	}
}

/* SplitMix64: every seed is a good one. */
static uint64_t next_random(struct mock_pump *pump)
{
	uint64_t mixed = pump->random += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	return mixed ^ mixed >> 31;
}

/* Any of those that are ready goes first. */
static void shuffle_first(struct mock_pump *pump)
{
	uint32_t nth = (uint32_t)(next_random(pump) % pump->count);
	struct mock_transfer *chosen = *slot(pump, nth);

	*slot(pump, nth) = *slot(pump, 0);
	*slot(pump, 0) = chosen;
}

struct mock_transfer *mock_pump_take(struct mock_pump *pump)
{
	struct mock_transfer *transfer;

	if (!pump->count)
		return NULL;
	if (pump->shuffles)
		shuffle_first(pump);
	transfer = *slot(pump, 0);
	pump->first = (pump->first + 1) & (pump->capacity - 1);
	pump->count--;
	return transfer;
}
