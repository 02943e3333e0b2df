/* SPDX-License-Identifier: MIT */
/*
 * PASID tables at random beside the naive reading of them (naive.h): a million look-ups a format.
 * Equal in whether the device's entry can be bound at all, in fault and missing address, and in
 * what the entry that was found says of page tables.
 */
#include "naive.h"
#include "support.h"
#include "walkkit.h"
#include <stdlib.h>
#include <string.h>

#define LOOKUPS 1000000
#define ASKS    128
#define PAGES   16 /* a leaf of 64 KiB has that many */

enum sight {
	BYPASSED = IOASID_MOCK_FAULT_CONTEXT + 1,
	FIRST, /* found without a PASID */
	ONE_LEVEL,
	TWO_LEVELS,
	THREE_LEVELS,
	REFUSED, /* to be bound */
	SIGHTS
};

struct scene {
	struct walkkit kit;
	struct naive_memory naive;
	uint64_t random;
	uint64_t words[4]; /* the device's entry */
	bool arm;
	unsigned int bits; /* its PASIDs have, about */
	unsigned long seen[SIGHTS];
};

static uint64_t next(struct scene *scene)
{
	return walkkit_random(&scene->random);
}

static bool once(struct scene *scene, unsigned int n)
{
	return walkkit_once(&scene->random, n);
}

static unsigned int below(struct scene *scene, unsigned int n)
{
	return (unsigned int)(next(scene) >> 32) % n;
}

static bool has(const void *parent, uint64_t addr, bool write)
{
	return walkkit_has(parent, addr, write ? WRITE : READ);
}

static uint64_t some_page(struct scene *scene)
{
	if (once(scene, 16))
		return next(scene) & (BIT(52) - PAGE);
	return scene->kit.base + next(scene) % PAGES * PAGE;
}

/* ---- Arm ---- */

static void make_descriptor(struct scene *scene, uint64_t *word)
{
	uint64_t noise = next(scene);

	memset(word, 0, 64);
	word[0] = (16 + below(scene, 24)) | (uint64_t)(16 + below(scene, 24)) << 16 |
		  UINT64_C(2) << 22 | BIT(31) | UINT64_C(5) << 32 | BIT(41);
	word[0] |= noise & (BIT(14) | BIT(30) | UINT64_C(0x1f) << 35 | BIT(40) | BIT(42) | BIT(43) |
				   UINT64_C(7) << 44 | UINT64_C(0xffff) << 48);
	word[1] = next(scene) & (BIT(48) - 1);
	word[2] = next(scene) & (BIT(48) - 1);
	if (once(scene, 3)) {
		word[0] ^= BIT(next(scene) % 64);
		word[1 + next(scene) % 2] ^= BIT(32 + next(scene) % 20);
	}
	if (once(scene, 4)) {
		word[0] ^= (next(scene) & 7) << 32;
		word[1] &= BIT(32) - 1;
		word[2] &= BIT(32) - 1;
	}
}

/* Of level 1: 64 KiB leaves are the whole memory. */
static void make_pointers(struct scene *scene, uint64_t *word)
{
	for (unsigned int i = 0; i < 8; i++)
		word[i] = some_page(scene) | (once(scene, 8) ? 0 : 1) |
			  (next(scene) & (BIT(11) - 2)) | (once(scene, 32) ? BIT(50) : 0);
}

/* In pieces of 64 bytes, either may be met. */
static void make_arm_memory(struct scene *scene)
{
	bool pointers;

	for (unsigned int i = 0; i < PAGES * PAGE / 64; i++) {
		pointers = i / 64 < 2 ? !once(scene, 8) : once(scene, 8);
		if (pointers)
			make_pointers(scene, &scene->kit.words[i * 8]);
		else
			make_descriptor(scene, &scene->kit.words[i * 8]);
	}
}

static void make_arm_entry(struct scene *scene)
{
	uint64_t format = below(scene, 4),
		 bits = once(scene, 4) ? below(scene, 21) : below(scene, 8);
	uint64_t pointer = scene->kit.base + next(scene) % (2 * PAGE) / 64 * 64;

	scene->bits = (unsigned int)bits;
	memset(scene->words, 0, sizeof(scene->words));
	scene->words[0] = 1 | 5 << 1 | format << 4 | pointer | bits << 59;
	/* attributes of memory, S1DSS and S1STALLD; not the regime */
	scene->words[1] = next(scene) & ~(UINT64_C(3) << 30 | UINT64_C(0xf) << 48);
	if (once(scene, 8))
		scene->words[below(scene, 2)] ^= BIT(next(scene) % 64);
	if (once(scene, 128))
		scene->words[2 + below(scene, 2)] = 1;
}

/* ---- AMD ---- */

static void make_amd_memory(struct scene *scene)
{
	for (unsigned int i = 0; i < PAGES * PAGE / 8; i++) {
		uint64_t *word = &scene->kit.words[i];

		*word = some_page(scene) | (once(scene, 8) ? 0 : 1);
		if (once(scene, 32))
			*word ^= BIT(next(scene) % 64);
	}
}

static void make_amd_entry(struct scene *scene)
{
	static const unsigned int bits[] = {9, 18, 20, 20};
	uint64_t levels = once(scene, 16) ? 3 : below(scene, 3), root = some_page(scene);
	uint64_t *word = scene->words;

	scene->bits = bits[levels];
	word[0] = BIT(0) | BIT(1) | BIT(55) | levels << 56 | (root >> 12 & 7) << 58;
	word[0] |=
		next(scene) & (BIT(7) | BIT(8) | BIT(52) | BIT(53) | BIT(54) | BIT(61) | BIT(62));
	word[1] = (root >> 15 & 0xffff) << 16 | root >> 31 << 43;
	word[1] |= next(scene) & (UINT64_C(0xffff) | UINT64_C(0x7ff) << 32);
	word[2] = next(scene) & ~BIT(55);
	word[3] = next(scene);
	if (once(scene, 8))
		word[below(scene, 3)] ^= BIT(next(scene) % 64);
}

/* ---- asking both ---- */

static bool context_is_of(const struct walk_context *context, const struct naive_descriptor *cd)
{
	static const struct {
		unsigned int bit;
		uint32_t flag;
	} row[] = {{35, WALK_ACCESS_FREE}, {36, WALK_WRITE_NO_EXEC}, {40, WALK_PRIV_NO_USER},
		{43, IOASID_PGTABLE_HW_ACCESSED}};
	uint32_t flags = 0;

	for (unsigned int i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (naive_field(cd->words, row[i].bit, row[i].bit))
			flags |= row[i].flag;
	if (naive_field(cd->words, 43, 42) == 3)
		flags |= IOASID_PGTABLE_HW_DIRTY;
	return context->format == IOASID_PGTABLE_SMMUV3_S1 && context->flags == flags &&
	       context->out_bits == naive_output_bits(cd);
}

static bool half_is_of(const struct walk_half *half, const struct naive_descriptor *cd, bool high)
{
	uint32_t flags = WALK_HALF_VALID;

	if (naive_field(cd->words, high ? 30 : 14, high ? 30 : 14))
		return !(half->flags & WALK_HALF_VALID);
	flags |= naive_field(cd->words, high ? 39 : 38, high ? 39 : 38) ? WALK_HALF_TAGGED : 0;
	flags |= naive_field(cd->words, high ? 129 : 65, high ? 129 : 65) ? WALK_HALF_FLAT : 0;
	flags |= naive_field(cd->words, high ? 130 : 66, high ? 130 : 66) ? WALK_HALF_PRIV : 0;
	return half->flags == flags && half->root == naive_base(cd, high) &&
	       half->width == 64 - naive_field(cd->words, high ? 21 : 5, high ? 16 : 0);
}

static bool is_long_mode(const struct walk_context *context, const struct naive_long_mode *table)
{
	return context->format == IOASID_PGTABLE_AMD_V2 &&
	       context->flags == (IOASID_PGTABLE_SUPERVISOR | IOASID_PGTABLE_WRITE_PROTECT) &&
	       context->half[0].root == table->root &&
	       context->half[0].width == (table->levels == 5 ? 57 : 48) &&
	       context->half[0].flags == WALK_HALF_VALID && !context->half[1].flags;
}

static bool is_equal(const struct scene *scene, uint32_t fault, const struct walk_entry *entry,
	const struct naive_found *found)
{
	if (fault != found->fault)
		return false;
	if (fault)
		return fault != IOASID_MOCK_FAULT_PARENT || entry->missing == found->missing;
	if (entry->bypass || found->bypass)
		return entry->bypass == found->bypass;
	if (!scene->arm)
		return is_long_mode(&entry->context, &found->table);
	return context_is_of(&entry->context, &found->descriptor) &&
	       half_is_of(&entry->context.half[0], &found->descriptor, false) &&
	       half_is_of(&entry->context.half[1], &found->descriptor, true);
}

static void count(struct scene *scene, uint32_t fault, const struct walk_entry *entry, long pasid)
{
	unsigned int words = scene->kit.asked_count;

	scene->seen[fault]++;
	if (fault)
		return;
	scene->seen[BYPASSED] += entry->bypass;
	if (entry->bypass)
		return;
	scene->seen[FIRST] += pasid < 0;
	/* an Arm's descriptor is three words */
	scene->seen[ONE_LEVEL + words - (scene->arm ? 3 : 1)]++;
}

static long some_pasid(struct scene *scene)
{
	unsigned int bits = scene->bits + once(scene, 8);

	if (once(scene, 8))
		return -1;
	if (once(scene, 8) || !bits)
		return 0;
	return (long)(next(scene) >> (64 - bits));
}

static void ask_both(struct scene *scene, const struct walk_pasids *pasids)
{
	long pasid = some_pasid(scene);
	struct naive_found found = scene->arm ? naive_arm_pasid(&scene->naive, scene->words, pasid)
					      : naive_amd_pasid(&scene->naive, scene->words, pasid);
	struct walk_entry entry;
	uint32_t fault;

	walkkit_forget(&scene->kit);
	fault = walk_pasid(&scene->kit.memory, pasids,
		pasid < 0 ? IOASID_PASID_NONE : (uint32_t)pasid, &entry);
	if (!is_equal(scene, fault, &entry, &found) || scene->kit.changes)
		ck_abort_msg("PASID %ld: fault %u, 0x%llx; naive: %u, 0x%llx", pasid, fault,
			(unsigned long long)entry.missing, found.fault,
			(unsigned long long)found.missing);
	count(scene, fault, &entry, pasid);
}

static bool bind(struct scene *scene, struct walk_pasids *pasids)
{
	struct ioasid_pgtable table = {.size = sizeof(table),
		.format = scene->arm ? IOASID_PGTABLE_SMMUV3_S1 : IOASID_PGTABLE_AMD_V2};
	bool binds = scene->arm ? naive_arm_binds(scene->words) : naive_amd_binds(scene->words);
	int err;

	memcpy(table.words, scene->words, sizeof(scene->words));
	err = walk_pasids_of(&table, pasids);
	if (binds != (err == 0))
		ck_abort_msg("words 0x%llx 0x%llx: %d", (unsigned long long)scene->words[0],
			(unsigned long long)scene->words[1], err);
	scene->seen[REFUSED] += err != 0;
	return binds;
}

/* ---- the tests ---- */

static void begin(struct scene *scene)
{
	uint64_t base = (next(scene) & (BIT(47) - 1)) >> 16 << 16;

	walkkit_begin(&scene->kit, base, PAGES);
	for (unsigned int i = 0; i < PAGES; i++)
		if (once(scene, 16))
			scene->kit.state[i] = once(scene, 2) ? WALKKIT_GONE : WALKKIT_READ_ONLY;
	scene->naive = (struct naive_memory){.base = base,
		.pages = PAGES,
		.bytes = (uint8_t *)scene->kit.words,
		.has = has,
		.parent = &scene->kit};
}

static void play(struct scene *scene, void (*make_memory)(struct scene *scene),
	void (*make_entry)(struct scene *scene))
{
	unsigned long rounds = support_rounds(LOOKUPS) / ASKS + 1;
	struct walk_pasids pasids;

	scene->random = 0x9e3779b97f4a7c15;
	while (rounds) {
		begin(scene);
		make_memory(scene);
		/* several entries for one memory, which takes longer to make */
		for (unsigned int i = 0; i < 4 && rounds; i++) {
			make_entry(scene);
			if (!bind(scene, &pasids))
				continue;
			rounds--;
			for (unsigned int n = 0; n < ASKS; n++)
				ask_both(scene, &pasids);
		}
		walkkit_end(&scene->kit);
	}
}

static void all_seen(const struct scene *scene, enum sight never)
{
	static const unsigned int faults =
		1u << IOASID_MOCK_FAULT_NONE | 1u << IOASID_MOCK_FAULT_PARENT |
		1u << IOASID_MOCK_FAULT_PASID | 1u << IOASID_MOCK_FAULT_CONTEXT;

	for (unsigned int i = 0; i < SIGHTS; i++) {
		bool expected = i != never && (i > IOASID_MOCK_FAULT_CONTEXT || (faults & 1u << i));

		ck_assert_msg((scene->seen[i] != 0) == expected, "outcome %u was seen %lu times", i,
			scene->seen[i]);
	}
}

START_TEST(context_descriptors_are_found_and_read_as_the_manual_says)
{
	struct scene scene = {.arm = true};

	play(&scene, make_arm_memory, make_arm_entry);
	all_seen(&scene, THREE_LEVELS);
}
END_TEST

START_TEST(gcr3_tables_are_read_as_the_manual_says)
{
	struct scene scene = {.arm = false};

	play(&scene, make_amd_memory, make_amd_entry);
	all_seen(&scene, SIGHTS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("PASID tables beside naive ones");
	TCase *tcase = support_case(suite, "random");

	tcase_add_test(tcase, context_descriptors_are_found_and_read_as_the_manual_says);
	tcase_add_test(tcase, gcr3_tables_are_read_as_the_manual_says);
	return support_run(suite);
}
