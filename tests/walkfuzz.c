/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz programs of the walkers share, see walkfuzz.h.
 */
#include "walkfuzz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGES_MAX 8
/* Three tries of five levels: the walk is tried again where an entry is used at two levels and was
 * marked at the first, and two pairs of such entries fit in one walk. */
#define READS_MAX 15

uint64_t walkfuzz_next(struct walkfuzz *fuzz, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes-- && fuzz->left) {
		value = value << 8 | *fuzz->data++;
		fuzz->left--;
	}
	return value;
}

void walkfuzz_require(const struct walkfuzz *fuzz, bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s: %s\n", fuzz->name, what);
	abort();
}

static bool has(const void *parent, uint64_t addr, bool write)
{
	return walkkit_has(parent, addr, write ? WRITE : READ);
}

void walkfuzz_begin(struct walkfuzz *fuzz, const char *name, const uint8_t *data, size_t size)
{
	uint64_t base;
	unsigned int pages;

	*fuzz = (struct walkfuzz){.data = data, .left = size, .name = name};
	base = walkfuzz_next(fuzz, 5) << 12 & (BIT(52) - 1);
	pages = (unsigned int)walkfuzz_next(fuzz, 1) % PAGES_MAX + 1;
	if (base + PAGES_MAX * PAGE > BIT(52))
		base = 0;
	walkkit_begin(&fuzz->kit, base, pages);
	fuzz->kit.rest_lacks = pages % 2 ? 4 : 0;
	fuzz->naive = (struct naive_memory){.base = base,
		.pages = pages,
		.has = has,
		.parent = &fuzz->kit,
		.bytes = calloc(pages, PAGE)};
	walkfuzz_require(fuzz, fuzz->naive.bytes, "no memory");
}

void walkfuzz_end(struct walkfuzz *fuzz)
{
	walkfuzz_require(fuzz, !memcmp(fuzz->naive.bytes, fuzz->kit.words, fuzz->kit.pages * PAGE),
		"the tables differ");
	free(fuzz->naive.bytes);
	walkkit_end(&fuzz->kit);
}

uint64_t walkfuzz_page(struct walkfuzz *fuzz)
{
	return fuzz->kit.base + walkfuzz_next(fuzz, 1) % fuzz->kit.pages * PAGE;
}

/* Low bits and high ones, and an address of ours between them. */
static uint64_t entry(struct walkfuzz *fuzz)
{
	uint64_t bits = walkfuzz_next(fuzz, 3);

	return walkfuzz_page(fuzz) | (bits & 0xfff) | bits >> 12 << 52;
}

void walkfuzz_write(struct walkfuzz *fuzz)
{
	uint64_t how = walkfuzz_next(fuzz, 1), at, word;

	at = walkfuzz_next(fuzz, 2) % (fuzz->kit.pages * PAGE / 8);
	word = how % 4 ? entry(fuzz) : walkfuzz_next(fuzz, 8);
	fuzz->kit.words[at] = word;
	memcpy(fuzz->naive.bytes + at * 8, &word, 8);
	fuzz->put[fuzz->puts++ % 8] = at;
}

void walkfuzz_change_page(struct walkfuzz *fuzz)
{
	uint64_t how = walkfuzz_next(fuzz, 1);

	fuzz->kit.state[how % fuzz->kit.pages] = (enum walkkit_state)(how / 16 % 3);
}

uint64_t walkfuzz_address(struct walkfuzz *fuzz)
{
	uint64_t how = walkfuzz_next(fuzz, 1), which = 0, addr = 0;

	if (how % 8 == 0)
		return walkfuzz_next(fuzz, 8);
	which = walkfuzz_next(fuzz, 2);
	for (unsigned int level = 0; level < 5; level++)
		addr |= fuzz->put[which >> 3 * level & 7] % 512 << (12 + 9 * level);
	addr = (addr | (how & 0xf8)) << (64 - 57) >> (64 - 57);
	/* as many bits as this and that table has, or its upper half */
	if (how & 1)
		addr &= BIT(25 + walkfuzz_next(fuzz, 1) % 24) - 1;
	return how & 2 ? addr | UINT64_MAX << 47 : addr;
}

/* ---- what must hold ---- */

static bool is_known(const struct walk_context *context, uint32_t fault)
{
	switch (fault) {
	case IOASID_MOCK_FAULT_NONE:
	case IOASID_MOCK_FAULT_TRANSLATION:
	case IOASID_MOCK_FAULT_PERMISSION:
	case IOASID_MOCK_FAULT_ADDRESS:
	case IOASID_MOCK_FAULT_PARENT:
		return true;
	case IOASID_MOCK_FAULT_RESERVED:
		return context->format != IOASID_PGTABLE_SMMUV3_S1;
	case IOASID_MOCK_FAULT_ACCESS:
		return context->format == IOASID_PGTABLE_SMMUV3_S1;
	default:
		return false;
	}
}

static uint32_t needed(uint32_t access)
{
	return (access & (READ | EXEC) ? IOASID_MAP_READ : 0) |
	       (access & WRITE ? IOASID_MAP_WRITE : 0);
}

static void check_page(const struct walkfuzz *fuzz, const struct walk_context *context,
	const struct walk_ask *ask, const struct walk_answer *answer)
{
	walkfuzz_require(fuzz, answer->shift == 12 || answer->shift == 21 || answer->shift == 30,
		"a page of no size");
	walkfuzz_require(fuzz, answer->addr >> context->out_bits == 0, "an address out of range");
	walkfuzz_require(fuzz, !((answer->addr ^ ask->addr) & (BIT(answer->shift) - 1)),
		"another offset in the page");
	walkfuzz_require(fuzz, !(answer->allowed & ~IOASID_MAP_RW), "rights that there are not");
	walkfuzz_require(
		fuzz, !(needed(ask->access) & ~answer->allowed), "fewer rights than needed");
	walkfuzz_require(fuzz, !(answer->perms & ~answer->allowed), "more is cached than allowed");
	walkfuzz_require(fuzz,
		walkkit_has(&fuzz->kit, answer->addr, ask->access) &&
			fuzz->kit.reached_addr == answer->addr,
		"the parent lacks the page");
}

/* The parent's other pages may be led to, but hold no table. */
static bool holds_tables(const struct walkfuzz *fuzz, uint64_t addr)
{
	return addr >= fuzz->kit.base && addr - fuzz->kit.base < fuzz->kit.pages * PAGE;
}

static void check(const struct walkfuzz *fuzz, const struct walk_context *context,
	const struct walk_ask *ask, const struct walk_answer *answer)
{
	walkfuzz_require(fuzz, is_known(context, answer->fault), "a fault that is none of these");
	walkfuzz_require(fuzz, fuzz->kit.asked_count - fuzz->kit.changes <= READS_MAX,
		"too many words are read");
	walkfuzz_require(fuzz, !ask->quiet || !fuzz->kit.changes, "a quiet walk changed an entry");
	if (answer->fault == IOASID_MOCK_FAULT_NONE)
		check_page(fuzz, context, ask, answer);
	if (answer->fault == IOASID_MOCK_FAULT_PARENT)
		walkfuzz_require(fuzz,
			!holds_tables(fuzz, answer->addr) ||
				!walkkit_has(&fuzz->kit, answer->addr, WRITE),
			"the parent has what it is said to lack");
}

static void compare(const struct walkfuzz *fuzz, const struct walk_answer *answer,
	const struct naive_answer *naive)
{
	uint32_t allowed =
		(naive->can_read ? IOASID_MAP_READ : 0) | (naive->can_write ? IOASID_MAP_WRITE : 0);

	walkfuzz_require(fuzz, answer->fault == naive->fault, "another fault");
	if (answer->fault && answer->fault != IOASID_MOCK_FAULT_PARENT)
		return;
	walkfuzz_require(fuzz, answer->addr == naive->addr, "another address");
	if (answer->fault)
		return;
	walkfuzz_require(fuzz, answer->shift == naive->page_bits, "another size");
	walkfuzz_require(fuzz, answer->allowed == allowed, "other rights");
	walkfuzz_require(fuzz, answer->perms == (allowed & ~(naive->dirty ? 0 : IOASID_MAP_WRITE)),
		"other rights are cached");
}

void walkfuzz_walk(struct walkfuzz *fuzz, const struct walk_context *context, walkfuzz_naive *naive,
	const void *table)
{
	uint64_t how = walkfuzz_next(fuzz, 1);
	struct walk_ask ask = {.access = how & (READ | WRITE | EXEC | PRIV),
		.quiet = how & 0x10,
		.addr = walkfuzz_address(fuzz)};
	struct naive_request request = {.addr = ask.addr,
		.read = ask.access & (READ | EXEC),
		.write = ask.access & WRITE,
		.fetch = ask.access & EXEC,
		.privileged = ask.access & PRIV,
		.mark = !ask.quiet};
	struct naive_answer other;
	struct walk_answer answer;

	walkkit_forget(&fuzz->kit);
	walk(&fuzz->kit.memory, context, &ask, &answer);
	check(fuzz, context, &ask, &answer);
	other = naive(fuzz, table, &request);
	compare(fuzz, &answer, &other);
}

/* ---- without libFuzzer ---- */

#ifndef FUZZ
#include "fuzzcorpus.h"
#include "support.h"

#define INPUT_MAX 1024

static const uint64_t seeds[] = {1, 42, 20240229, 0x9e3779b97f4a7c15};

/* A violation aborts, which check reports as this test's failure. */
START_TEST(guests_that_obey_no_manual_hurt_nobody)
{
	static uint8_t data[INPUT_MAX];
	uint64_t random = seeds[_i];
	size_t size;

	for (unsigned long round = support_rounds(5000); round; round--) {
		size = walkkit_random(&random) % INPUT_MAX;
		for (size_t i = 0; i < size; i++)
			data[i] = (uint8_t)(walkkit_random(&random) >> 32);
		LLVMFuzzerTestOneInput(data, size);
	}
}
END_TEST

int walkfuzz_main(const char *name)
{
	Suite *suite = suite_create(name);

	tcase_add_loop_test(support_case(suite, "random"), guests_that_obey_no_manual_hurt_nobody,
		0, (int)(sizeof(seeds) / sizeof(seeds[0])));
	fuzzcorpus_suite(suite);
	return support_run(suite);
}
#endif
