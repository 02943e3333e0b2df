/* SPDX-License-Identifier: MIT */
/*
 * A walk from beginning to end, see walk.h: the format's walker finds the way, and here it is
 * settled, the parent asked, and the entries marked as accessed and dirty. It must not know what
 * the bits of an entry mean.
 */
#include "walk-inner.h"
#include "../error.h"
#include <errno.h>

/* A guest that changes its table all the time does not hold a device for ever: what it has then
 * is an entry that was not there when it was looked for. */
#define TRIES 16

static void lacks(struct walk_answer *answer, uint64_t addr)
{
	answer->fault = IOASID_MOCK_FAULT_PARENT;
	answer->addr = addr;
}

struct walk_step *walk_step(struct walk_path *path, uint64_t addr, struct walk_answer *answer)
{
	struct walk_step *step = &path->step[path->steps];
	const uint64_t *word = path->memory->word(path->memory, addr, false);

	if (!word) {
		lacks(answer, addr);
		return NULL;
	}
	path->steps++;
	step->addr = addr;
	step->value = walk_load(word);
	step->marked = step->value;
	return step;
}

/* All or nothing: no entry is marked where another one cannot be. */
static bool find_words(
	const struct walk_path *path, uint64_t *word[WALK_LEVELS], struct walk_answer *answer)
{
	for (unsigned int i = 0; i < path->steps; i++) {
		const struct walk_step *step = &path->step[i];

		if (step->marked == step->value)
			continue;
		word[i] = path->memory->word(path->memory, step->addr, true);
		if (!word[i]) {
			lacks(answer, step->addr);
			return false;
		}
	}
	return true;
}

/* False: an entry is no more what it was when it was used. */
static bool mark(const struct walk_path *path, uint64_t *const word[WALK_LEVELS])
{
	for (unsigned int i = 0; i < path->steps; i++) {
		const struct walk_step *step = &path->step[i];
		uint64_t was = walk_little_endian(step->value);

		if (step->marked == step->value)
			continue;
		/* Release: pairs with the guest's look at the mark. What was read of the table
		 * before it is not read again later, so that the guest may then change it. */
		if (!__atomic_compare_exchange_n(word[i], &was, walk_little_endian(step->marked),
			    false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return false;
	}
	return true;
}

/* The guest's table agrees. False: it has changed, so walk again. */
static bool settle(
	const struct walk_path *path, const struct walk_ask *ask, struct walk_answer *answer)
{
	uint64_t *word[WALK_LEVELS];

	if (path->memory->reach && !path->memory->reach(path->memory, answer->addr, ask->access)) {
		lacks(answer, answer->addr);
		return true;
	}
	if (!find_words(path, word, answer))
		return true;
	return mark(path, word);
}

static void try_once(struct walk_path *path, const struct walk_context *context,
	const struct walk_ask *ask, struct walk_answer *answer)
{
	*answer = (struct walk_answer){0};
	path->steps = 0;
	if (context->format == IOASID_PGTABLE_SMMUV3_S1)
		walk_arm(path, context, ask, answer);
	else
		walk_x86(path, context, ask, answer);
}

void walk(struct walk_memory *memory, const struct walk_context *context,
	const struct walk_ask *ask, struct walk_answer *answer)
{
	struct walk_path path;

	path.memory = memory;
	for (unsigned int i = 0; i < TRIES; i++) {
		try_once(&path, context, ask, answer);
		if (answer->fault || settle(&path, ask, answer))
			return;
	}
	answer->fault = IOASID_MOCK_FAULT_TRANSLATION;
}

static bool has_words(const struct ioasid_pgtable *table)
{
	for (unsigned int i = 0; i < sizeof(table->words) / sizeof(table->words[0]); i++)
		if (table->words[i])
			return true;
	return false;
}

int walk_context_of(const struct ioasid_pgtable *table, struct walk_context *context)
{
	if (has_words(table))
		return error_reason(-EINVAL,
			"a page table has no words: they are of a PASID table, so set them to 0");
	switch (table->format) {
	case IOASID_PGTABLE_VTD_S1:
	case IOASID_PGTABLE_AMD_V2:
		return walk_context_of_x86(table, context);
	case IOASID_PGTABLE_SMMUV3_S1:
		return walk_context_of_arm(table, context);
	default:
		return error_reason(
			-EINVAL, "the mock walks no page tables of format %u", table->format);
	}
}

/* What is told decoded of a page table is told by the words here. */
static bool is_decoded(const struct ioasid_pgtable *table)
{
	return table->addr || table->addr_width || table->flags;
}

int walk_pasids_of(const struct ioasid_pgtable *table, struct walk_pasids *pasids)
{
	if (is_decoded(table))
		return error_reason(-EINVAL, "a PASID table is told by the words of the guest's "
					     "device entry: addr, addr_width and flags are 0");
	switch (table->format) {
	case IOASID_PGTABLE_SMMUV3_S1:
		return walk_pasids_of_arm(table, pasids);
	case IOASID_PGTABLE_AMD_V2:
		return walk_pasids_of_amd(table, pasids);
	default:
		return error_reason(
			-EINVAL, "the mock reads no PASID tables of format %u", table->format);
	}
}

bool walk_pasid_word(
	struct walk_memory *memory, uint64_t addr, uint64_t *word, struct walk_entry *entry)
{
	const uint64_t *at = memory->word(memory, addr, false);

	if (at)
		*word = walk_load(at);
	else
		entry->missing = addr;
	return at;
}

/* On an SMMUv3, what accesses without a PASID use, those with PASID 0 do not. */
static bool is_taken(const struct walk_pasids *pasids, uint32_t pasid)
{
	return !pasid && pasids->none == WALK_NONE_FIRST &&
	       pasids->format == IOASID_PGTABLE_SMMUV3_S1;
}

uint32_t walk_pasid(struct walk_memory *memory, const struct walk_pasids *pasids, uint32_t pasid,
	struct walk_entry *entry)
{
	uint32_t index = pasid == IOASID_PASID_NONE ? 0 : pasid;

	*entry = (struct walk_entry){0};
	if (pasid == IOASID_PASID_NONE) {
		entry->bypass = pasids->none == WALK_NONE_BYPASS;
		if (pasids->none != WALK_NONE_FIRST)
			return entry->bypass ? IOASID_MOCK_FAULT_NONE : IOASID_MOCK_FAULT_PASID;
	} else if (pasid >> pasids->bits || is_taken(pasids, pasid)) {
		return IOASID_MOCK_FAULT_PASID;
	}
	if (pasids->format == IOASID_PGTABLE_SMMUV3_S1)
		return walk_pasid_arm(memory, pasids, index, entry);
	return walk_pasid_amd(memory, pasids, index, entry);
}
