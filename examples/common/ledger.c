/* SPDX-License-Identifier: MIT */
/*
 * The books of fault groups: see ledger.h.
 */
#include "ledger.h"
#include <stdlib.h>

static int append(struct ledger_page *page, struct ledger_entry entry)
{
	size_t size = page->size ? 2 * page->size : 64;
	struct ledger_entry *entries = page->entries;

	if (page->count == page->size) {
		entries = reallocarray(entries, size, sizeof(*entries));
		if (!entries)
			return -1;
		page->entries = entries;
		page->size = size;
	}
	page->entries[page->count++] = entry;
	return 0;
}

void ledger_free(struct ledger *ledger)
{
	free(ledger->open.entries);
	free(ledger->done.entries);
	*ledger = (struct ledger){0};
}

int ledger_read(struct ledger *ledger, uint64_t id, uint64_t raised)
{
	return append(&ledger->open, (struct ledger_entry){id, raised});
}

int ledger_answer(struct ledger *ledger, uint64_t id, uint64_t now)
{
	struct ledger_page *open = &ledger->open;
	struct ledger_entry done = {.id = id};

	for (size_t i = 0; i < open->count; i++) {
		if (open->entries[i].id != id)
			continue;
		done.time = now - open->entries[i].time;
		open->entries[i] = open->entries[--open->count];
		return append(&ledger->done, done);
	}
	return -1;
}

static int by_id(const void *a, const void *b)
{
	const struct ledger_entry *left = a, *right = b;

	return (left->id > right->id) - (left->id < right->id);
}

static int by_time(const void *a, const void *b)
{
	const struct ledger_entry *left = a, *right = b;

	return (left->time > right->time) - (left->time < right->time);
}

static void sort(struct ledger_page *page, int (*order)(const void *, const void *))
{
	if (page->count)
		qsort(page->entries, page->count, sizeof(*page->entries), order);
}

size_t ledger_errors(struct ledger *ledger)
{
	const struct ledger_entry *done = ledger->done.entries;
	size_t errors = ledger->open.count;

	sort(&ledger->done, by_id);
	for (size_t i = 1; i < ledger->done.count; i++)
		errors += done[i].id == done[i - 1].id;
	return errors;
}

void ledger_sort_by_time(struct ledger *ledger)
{
	sort(&ledger->done, by_time);
}

uint64_t ledger_percentile(const struct ledger *ledger, unsigned int percent)
{
	size_t count = ledger->done.count;

	return count ? ledger->done.entries[(count - 1) * percent / 100].time : 0;
}
