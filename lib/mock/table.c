/* SPDX-License-Identifier: MIT */
/*
 * Numbers for objects, lowest free first: see table.h. Two levels of bits find the free slot, so
 * that tens of thousands in use cost a few words to look at. It must not know what the objects are.
 */
#include "table.h"
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WORD_BITS 64u

static uint32_t words_of(uint32_t bits)
{
	return (bits + WORD_BITS - 1) / WORD_BITS;
}

/* What the array holds of the new size, the rest zero; the old one stays on failure. */
static bool grow_words(uint64_t **words, uint32_t old, uint32_t count)
{
	uint64_t *grown = realloc(*words, count * sizeof(**words));

	if (!grown)
		return false;
	memset(grown + old, 0, (count - old) * sizeof(*grown));
	*words = grown;
	return true;
}

static bool grow_slots(struct table *table, uint32_t capacity)
{
	void **grown;

	if (!table->slots) {
		/* calloc: a large table costs no memory until it is used */
		table->slots = calloc(capacity, sizeof(*grown));
		return table->slots;
	}
	grown = realloc(table->slots, capacity * sizeof(*grown));
	if (!grown)
		return false;
	memset(grown + table->capacity, 0, (capacity - table->capacity) * sizeof(*grown));
	table->slots = grown;
	return true;
}

int table_reserve(struct table *table, uint32_t n)
{
	uint32_t capacity = words_of(n) * WORD_BITS;
	uint32_t old = table->capacity / WORD_BITS, words = capacity / WORD_BITS;

	if (capacity <= table->capacity)
		return 0;
	if (!grow_words(&table->full, words_of(old), words_of(words)) ||
		!grow_words(&table->used, old, words) || !grow_slots(table, capacity))
		return -ENOMEM;
	table->capacity = capacity;
	return 0;
}

/* The lowest slot that is free, or capacity. */
static uint32_t lowest_free(struct table *table)
{
	uint32_t words = table->capacity / WORD_BITS;

	for (uint32_t i = table->first; i < words_of(words); i++) {
		uint32_t word;

		table->first = i;
		if (table->full[i] == UINT64_MAX)
			continue;
		word = i * WORD_BITS + (uint32_t)__builtin_ctzll(~table->full[i]);
		if (word >= words)
			break;
		return word * WORD_BITS + (uint32_t)__builtin_ctzll(~table->used[word]);
	}
	return table->capacity;
}

int table_put(struct table *table, void *object, uint32_t *number)
{
	uint32_t slot = lowest_free(table), word = slot / WORD_BITS;

	if (table->limit && slot >= table->limit)
		return -ENOSPC;
	if (slot == table->capacity &&
		(slot > UINT32_MAX / 4 || table_reserve(table, slot ? slot * 2 : 1)))
		return -ENOMEM;
	table->slots[slot] = object;
	table->used[word] |= UINT64_C(1) << slot % WORD_BITS;
	if (table->used[word] == UINT64_MAX)
		table->full[word / WORD_BITS] |= UINT64_C(1) << word % WORD_BITS;
	table->count++;
	*number = slot + 1;
	return 0;
}

void *table_get(const struct table *table, uint32_t number)
{
	return number && number <= table->capacity ? table->slots[number - 1] : NULL;
}

void table_drop(struct table *table, uint32_t number)
{
	uint32_t slot = number - 1, word = slot / WORD_BITS;

	if (!table_get(table, number))
		return;
	table->slots[slot] = NULL;
	table->used[word] &= ~(UINT64_C(1) << slot % WORD_BITS);
	table->full[word / WORD_BITS] &= ~(UINT64_C(1) << word % WORD_BITS);
	if (word / WORD_BITS < table->first)
		table->first = word / WORD_BITS;
	table->count--;
}

void *table_next(const struct table *table, uint32_t *number)
{
	for (uint32_t slot = *number; slot < table->capacity; slot++) {
		if (!table->slots[slot])
			continue;
		*number = slot + 1;
		return table->slots[slot];
	}
	return NULL;
}

void table_free(struct table *table)
{
	free(table->slots);
	free(table->used);
	free(table->full);
	*table = (struct table){0};
}
