/* SPDX-License-Identifier: MIT */
/*
 * The transfers that were started and are not done, and which of them moves next: in turn, or as
 * a seed says. All under the platform's faults lock. It must not know how a page is moved.
 */
#ifndef MOCK_PUMP_H
#define MOCK_PUMP_H

#include "../list.h"
#include <stdbool.h>
#include <stdint.h>

struct ioasid_mock;
struct mock_transfer;

struct mock_pump {
	struct list started;          /* all, oldest first */
	struct mock_transfer **ready; /* a circle of those that can move */
	uint32_t capacity;            /* a power of two, no less than total */
	uint32_t first;
	uint32_t count;
	uint32_t total;    /* in started */
	struct list later; /* those that can move, but not before the pump is called again */
	bool shuffles;     /* else in turn */
	uint64_t random;
};

void mock_pump_init(struct mock_pump *pump, uint64_t seed);
void mock_pump_fini(struct mock_pump *pump);

/* One more, ready to move. 0 or -ENOMEM. */
int mock_pump_add(struct mock_pump *pump, struct mock_transfer *transfer);
/* It is done, and not among those that are ready. */
void mock_pump_remove(struct mock_pump *pump, struct mock_transfer *transfer);

/* One that can move on; there is room. */
void mock_pump_ready(struct mock_pump *pump, struct mock_transfer *transfer);
/* One that can move on when the pump is called next; and it is. */
void mock_pump_later(struct mock_pump *pump, struct mock_transfer *transfer);
void mock_pump_begin(struct mock_pump *pump);
/* Whose turn it is, no more ready; NULL: nobody's. */
struct mock_transfer *mock_pump_take(struct mock_pump *pump);

/* dma.c: ends all transfers that were started with -ENODEV. */
void mock_dma_end_all(struct ioasid_mock *mock);

#endif
