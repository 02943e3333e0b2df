/* SPDX-License-Identifier: MIT */
/*
 * The books of fault groups: which were read, which of them were answered, and how long that took.
 * It believes nobody: at the end it looks itself whether an id came twice. One thread's. Knows
 * libc alone.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include <stddef.h>
#include <stdint.h>

struct ledger_entry {
	uint64_t id;
	uint64_t time; /* nanoseconds: when raised; once answered, how long it took */
};

struct ledger_page {
	struct ledger_entry *entries;
	size_t count;
	size_t size;
};

struct ledger {
	struct ledger_page open; /* read, not answered yet: a few */
	struct ledger_page done;
};

void ledger_free(struct ledger *ledger);

/* A group was read. 0, or -1: out of memory. */
int ledger_read(struct ledger *ledger, uint64_t id, uint64_t raised);

/* A group was answered. 0, or -1: it is not open, or out of memory. */
int ledger_answer(struct ledger *ledger, uint64_t id, uint64_t now);

/* Groups that were read twice, answered twice or never answered: to be 0. */
size_t ledger_errors(struct ledger *ledger);

/* Of the groups answered, the time within which this share of them was; 0 if there are none.
 * After ledger_sort_by_time(). */
void ledger_sort_by_time(struct ledger *ledger);
uint64_t ledger_percentile(const struct ledger *ledger, unsigned int percent);

#endif
