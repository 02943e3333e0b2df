/* SPDX-License-Identifier: MIT */
/*
 * The memory of a guest, see walkkit.h.
 */
#include "walkkit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t *lend(struct walk_memory *memory, uint64_t addr, bool change)
{
	struct walkkit *kit = (struct walkkit *)memory;
	uint64_t page = (addr - kit->base) / PAGE;

	if (addr % 8) {
		fprintf(stderr, "walkkit: the word at 0x%llx is asked for\n",
			(unsigned long long)addr);
		abort();
	}
	if (change && kit->on_change)
		kit->on_change(kit, addr);
	if (kit->asked_count < WALKKIT_LOG)
		kit->asked[kit->asked_count] = addr;
	kit->asked_count++;
	kit->changes += change;
	if (addr < kit->base || page >= kit->pages || kit->state[page] == WALKKIT_GONE ||
		(change && kit->state[page] != WALKKIT_HERE))
		return NULL;
	return &kit->words[(addr - kit->base) / 8];
}

bool walkkit_has(const struct walkkit *kit, uint64_t addr, uint32_t access)
{
	uint64_t page = (addr - kit->base) / PAGE, hash = addr / PAGE * 0x9e3779b97f4a7c15 >> 32;

	if (addr >= kit->base && page < kit->pages)
		return kit->state[page] == WALKKIT_HERE ||
		       (kit->state[page] == WALKKIT_READ_ONLY && !(access & WRITE));
	if (!kit->rest_lacks || hash % kit->rest_lacks)
		return true;
	return (hash / kit->rest_lacks & 1) && !(access & WRITE);
}

static bool reach(struct walk_memory *memory, uint64_t addr, uint32_t access)
{
	struct walkkit *kit = (struct walkkit *)memory;

	kit->reached++;
	kit->reached_addr = addr;
	kit->reached_access = access;
	return walkkit_has(kit, addr, access);
}

void walkkit_begin(struct walkkit *kit, uint64_t base, unsigned int pages)
{
	*kit = (struct walkkit){.memory = {lend, reach}, .base = base, .pages = pages};
	kit->words = calloc(pages, PAGE);
	if (!kit->words)
		abort();
}

void walkkit_end(struct walkkit *kit)
{
	free(kit->words);
}

void walkkit_forget(struct walkkit *kit)
{
	kit->asked_count = kit->changes = kit->reached = 0;
}

uint64_t *walkkit_word(struct walkkit *kit, uint64_t addr)
{
	if (addr % 8 || addr < kit->base || addr - kit->base >= kit->pages * PAGE)
		abort();
	return &kit->words[(addr - kit->base) / 8];
}

uint64_t walkkit_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * 0x2545f4914f6cdd1d;
}

bool walkkit_once(uint64_t *state, unsigned int n)
{
	return (walkkit_random(state) >> 32) % n == 0;
}
