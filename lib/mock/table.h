/* SPDX-License-Identifier: MIT */
/*
 * Numbers for objects: the lowest free one is given first and a returned one is given again at
 * once, as kernels number their objects. Numbers start at 1. No locks; it must not know what the
 * objects are.
 */
#ifndef MOCK_TABLE_H
#define MOCK_TABLE_H

#include <stdint.h>

struct table {
	void **slots;
	uint64_t *used; /* a bit for each slot */
	uint64_t *full; /* a bit for each word of used */
	uint32_t first; /* all words of full before this one are */
	uint32_t capacity;
	uint32_t limit; /* numbers it may give; 0: as many as there are */
	uint32_t count;
};

/* So that the next table_put() calls up to n objects, all fewer than n + 1, need no memory. */
int table_reserve(struct table *table, uint32_t n);

/* 0 and *number; -ENOMEM, -ENOSPC. */
int table_put(struct table *table, void *object, uint32_t *number);

/* NULL: no such number. */
void *table_get(const struct table *table, uint32_t number);

void table_drop(struct table *table, uint32_t number);

/* The first object with a number above *number, which is moved on; NULL at the end. */
void *table_next(const struct table *table, uint32_t *number);

void table_free(struct table *table);

#endif
