/* SPDX-License-Identifier: MIT */
/*
 * Walks of tables at random beside the naive ones (naive.h): a million translations a format, equal
 * in fault, address, rights and page size, and in every byte of the tables afterwards. The tables
 * are planted so that all kinds of outcome occur, and the test fails if one did not.
 */
#include "naive.h"
#include "support.h"
#include "walkkit.h"
#include <stdlib.h>
#include <string.h>

#define TRANSLATIONS 1000000
#define ASKS         64 /* of a table */
#define PLANTED      8  /* addresses that a table was made for */
#define PAGES        12

/* What the outcomes of a format must have shown, beside the kinds of fault. */
enum sight {
	PAGES_OF_4_KIB = IOASID_MOCK_FAULT_CONTEXT + 1,
	PAGES_OF_2_MIB,
	PAGES_OF_1_GIB,
	CACHED_WRITES,
	UNCACHED_WRITES, /* for want of a dirty flag */
	MARKS,
	MARKS_MISSED, /* in read-only tables */
	QUIET,
	FETCHES,
	PRIVILEGED,
	UPPER_HALF,
	SIGHTS
};

struct scene {
	struct walkkit kit;
	struct naive_memory naive;
	uint64_t random;
	bool wild; /* many entries make no sense */
	uint64_t target[PLANTED];

	/* the table, for either */
	struct walk_context context;
	bool arm;
	struct naive_long_mode long_mode;
	struct naive_descriptor descriptor;

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

/* bit, n times of m */
static uint64_t often(struct scene *scene, unsigned int bit, unsigned int n, unsigned int m)
{
	return (next(scene) >> 32) % m < n ? BIT(bit) : 0;
}

static bool has(const void *parent, uint64_t addr, bool write)
{
	return walkkit_has(parent, addr, write ? WRITE : READ);
}

/* ---- a memory for each side ---- */

static void begin_memory(struct scene *scene, unsigned int address_bits)
{
	uint64_t base = (next(scene) & (BIT(address_bits) - 1)) / PAGE * PAGE;

	if (base + PAGES * PAGE > BIT(address_bits))
		base = 0;
	walkkit_begin(&scene->kit, base, PAGES);
	scene->kit.rest_lacks = once(scene, 2) ? 8 : 0;
	scene->wild = once(scene, 8);
	scene->naive = (struct naive_memory){
		.base = base, .pages = PAGES, .has = has, .parent = &scene->kit};
	scene->naive.bytes = malloc(PAGES * PAGE);
	ck_assert_ptr_nonnull(scene->naive.bytes);
}

/* Some pages are gone or read-only, but not the root. */
static void lose_pages(struct scene *scene)
{
	for (unsigned int i = 2; i < PAGES; i++) {
		if (once(scene, 24))
			scene->kit.state[i] = WALKKIT_GONE;
		else if (once(scene, 12))
			scene->kit.state[i] = WALKKIT_READ_ONLY;
	}
}

static void copy_memory(struct scene *scene)
{
	memcpy(scene->naive.bytes, scene->kit.words, PAGES * PAGE);
}

static void end_memory(struct scene *scene)
{
	ck_assert_mem_eq(scene->naive.bytes, scene->kit.words, PAGES * PAGE);
	free(scene->naive.bytes);
	walkkit_end(&scene->kit);
}

/* ---- planting ---- */

static uint64_t table_page(struct scene *scene, unsigned int address_bits)
{
	if (once(scene, 48))
		return (next(scene) & (BIT(address_bits) - 1)) / PAGE * PAGE;
	return scene->kit.base + next(scene) % PAGES * PAGE;
}

/* Where a page leads: anywhere, or to the tables. */
static uint64_t page_output(struct scene *scene, unsigned int shift, unsigned int address_bits)
{
	uint64_t output = once(scene, 4) ? scene->kit.base + next(scene) % PAGES * PAGE
					 : next(scene) & (BIT(address_bits) - 1);

	return output >> shift << shift;
}

static uint64_t spoil(struct scene *scene, uint64_t entry)
{
	if (!once(scene, scene->wild ? 3 : 40))
		return entry;
	return once(scene, 4) ? next(scene) : entry ^ BIT(next(scene) % 64);
}

static uint64_t long_mode_entry(struct scene *scene, unsigned int shift, bool page)
{
	uint64_t entry = BIT(0) | often(scene, 1, 15, 16) | often(scene, 2, 15, 16) |
			 often(scene, 63, 1, 24);

	/* what is ignored, flags, and in tables what some reserve */
	entry |= next(scene) & (BIT(3) | BIT(4) | BIT(5) | BIT(9) | BIT(10) | BIT(11));
	entry |= next(scene) & (UINT64_C(0x7ff) << 52);
	if (page)
		entry |= next(scene) & (BIT(6) | BIT(8) | (shift == 12 ? BIT(7) : BIT(12)));
	else
		entry |= often(scene, 6, 1, 2) | often(scene, 8, 1, 64);
	if (page && shift > 12)
		entry |= BIT(7);
	return entry | (page ? page_output(scene, shift, 52) : table_page(scene, 52));
}

static uint64_t arm_entry(struct scene *scene, unsigned int shift, bool page)
{
	unsigned int bits = once(scene, 48) ? 48 : scene->context.out_bits;
	uint64_t entry = shift == 12 || !page ? 3 : 1;

	/* attributes, what is the system's, and what is reserved or of no size */
	entry |= next(scene) & (UINT64_C(0xf) << 55 | UINT64_C(7) << 48 | BIT(11) | BIT(52));
	if (!page)
		return entry | often(scene, 59, 1, 16) | often(scene, 60, 1, 16) |
		       often(scene, 61, 1, 24) | often(scene, 62, 1, 24) |
		       (next(scene) & UINT64_C(0xffc)) | table_page(scene, bits);
	entry |= next(scene) & (UINT64_C(0x1f) << 59 | UINT64_C(7) << 2 | UINT64_C(3) << 8);
	entry |= often(scene, 6, 7, 8) | often(scene, 7, 1, 3) | often(scene, 10, 7, 8) |
		 often(scene, 51, 1, 2) | often(scene, 53, 1, 8) | often(scene, 54, 1, 8);
	if (shift > 12)
		entry |= next(scene) & (BIT(shift) - PAGE);
	return entry | page_output(scene, shift, bits);
}

static uint64_t table_below(const struct scene *scene, uint64_t entry)
{
	return entry & (scene->arm ? BIT(48) - PAGE : BIT(52) - PAGE);
}

static bool is_ours(const struct scene *scene, uint64_t addr)
{
	return addr >= scene->kit.base && addr - scene->kit.base < PAGES * PAGE;
}

/* A way down for an address, which may cross another one's. */
static void plant(struct scene *scene, uint64_t root, unsigned int shift, uint64_t addr)
{
	for (uint64_t table = root; is_ours(scene, table); shift -= 9) {
		uint64_t *word = walkkit_word(&scene->kit, table + (addr >> shift & 511) * 8);
		bool page = shift == 12 || (shift <= 30 && once(scene, 3));

		if (!*word || once(scene, 4))
			*word = spoil(scene, scene->arm ? arm_entry(scene, shift, page)
							: long_mode_entry(scene, shift, page));
		if (shift == 12)
			return;
		table = table_below(scene, *word);
	}
}

/* ---- asking both ---- */

static uint64_t some_address(struct scene *scene)
{
	static const unsigned int inside[] = {12, 12, 12, 21, 30};
	uint64_t addr = scene->target[next(scene) % PLANTED];
	uint64_t mask = BIT(inside[(next(scene) >> 32) % 5]) - 1;

	addr = (addr & ~mask) | (next(scene) & mask);
	if (once(scene, 32))
		addr ^= BIT(next(scene) % 64);
	return once(scene, 256) ? next(scene) : addr;
}

static struct naive_answer ask_naive(const struct scene *scene, const struct walk_ask *ask)
{
	struct naive_request request = {.addr = ask->addr,
		.read = ask->access & (READ | EXEC),
		.write = ask->access & WRITE,
		.fetch = ask->access & EXEC,
		.privileged = ask->access & PRIV,
		.mark = !ask->quiet};

	if (scene->arm)
		return naive_arm(&scene->naive, &scene->descriptor, &request);
	return naive_long_mode(&scene->naive, &scene->long_mode, &request);
}

static bool is_equal(const struct walk_answer *answer, const struct naive_answer *naive)
{
	uint32_t allowed =
		(naive->can_read ? IOASID_MAP_READ : 0) | (naive->can_write ? IOASID_MAP_WRITE : 0);

	if (answer->fault != naive->fault)
		return false;
	if (answer->fault == IOASID_MOCK_FAULT_PARENT)
		return answer->addr == naive->addr;
	return answer->fault ||
	       (answer->addr == naive->addr && answer->shift == naive->page_bits &&
		       answer->allowed == allowed &&
		       answer->perms == (allowed & ~(naive->dirty ? 0 : IOASID_MAP_WRITE)));
}

static bool words_are_equal(const struct scene *scene)
{
	for (unsigned int i = 0; i < scene->kit.asked_count; i++) {
		uint64_t at = scene->kit.asked[i] - scene->kit.base;

		if (is_ours(scene, scene->kit.asked[i]) &&
			memcmp(scene->naive.bytes + at, &scene->kit.words[at / 8], 8))
			return false;
	}
	return true;
}

static void count(struct scene *scene, const struct walk_ask *ask, const struct walk_answer *answer)
{
	unsigned long *seen = scene->seen;

	seen[answer->fault]++;
	seen[MARKS_MISSED] += answer->fault && scene->kit.changes;
	if (answer->fault)
		return;
	seen[answer->shift == 12      ? PAGES_OF_4_KIB
		: answer->shift == 21 ? PAGES_OF_2_MIB
				      : PAGES_OF_1_GIB]++;
	seen[CACHED_WRITES] += (answer->perms & IOASID_MAP_WRITE) != 0;
	seen[UNCACHED_WRITES] += answer->perms != answer->allowed;
	seen[MARKS] += scene->kit.changes != 0;
	seen[QUIET] += ask->quiet;
	seen[FETCHES] += (ask->access & EXEC) != 0;
	seen[PRIVILEGED] += (ask->access & PRIV) != 0;
	seen[UPPER_HALF] += ask->addr >> 55 & 1;
}

/* Each entry is read once, or again where it was also used at another level, and marked there. */
static bool is_frugal(const struct scene *scene, const struct walk_ask *ask)
{
	const struct walkkit *kit = &scene->kit;

	return kit->asked_count - kit->changes <= 15 && !(ask->quiet && kit->changes);
}

/* check counts its assertions, and a million of them take longer than what they are about. */
static void ask_both(struct scene *scene)
{
	struct walk_ask ask = {.addr = some_address(scene),
		.access = (uint32_t)(next(scene) >> 32) & (READ | WRITE | EXEC | PRIV),
		.quiet = once(scene, 4)};
	struct walk_answer answer;
	struct naive_answer naive;

	if (once(scene, 2))
		ask.access &= ~(EXEC | PRIV);
	walkkit_forget(&scene->kit);
	walk(&scene->kit.memory, &scene->context, &ask, &answer);
	naive = ask_naive(scene, &ask);
	if (!is_equal(&answer, &naive) || !words_are_equal(scene) || !is_frugal(scene, &ask))
		ck_abort_msg(
			"address 0x%llx, access %x, %u words asked for: fault %u, 0x%llx, rights %u, "
			"%u, 2^%u; naive: %u, 0x%llx",
			(unsigned long long)ask.addr, ask.access, scene->kit.asked_count,
			answer.fault, (unsigned long long)answer.addr, answer.allowed, answer.perms,
			answer.shift, naive.fault, (unsigned long long)naive.addr);
	count(scene, &ask, &answer);
}

/* ---- a table of each format ---- */

static void bind(
	struct scene *scene, uint32_t format, uint64_t addr, uint32_t width, uint32_t flags)
{
	struct ioasid_pgtable table = {.size = sizeof(table),
		.format = format,
		.addr = addr,
		.addr_width = width,
		.flags = flags};

	ck_assert_int_eq(walk_context_of(&table, &scene->context), 0);
}

static void make_long_mode(struct scene *scene, uint32_t format, unsigned int levels)
{
	uint32_t flags = format == IOASID_PGTABLE_VTD_S1 ? next(scene) & 7 : 0;
	unsigned int width = levels == 5 ? 57 : 48;

	begin_memory(scene, 52);
	bind(scene, format, scene->kit.base, width, flags);
	scene->long_mode = (struct naive_long_mode){.amd = format == IOASID_PGTABLE_AMD_V2,
		.levels = levels,
		.root = scene->kit.base,
		.sre = flags & IOASID_PGTABLE_SUPERVISOR,
		.wpe = flags & IOASID_PGTABLE_WRITE_PROTECT,
		.eafe = flags & IOASID_PGTABLE_EXT_ACCESSED};
	for (unsigned int i = 0; i < PLANTED; i++) {
		scene->target[i] = next(scene) & (BIT(width - 1) - 1);
		if (once(scene, 2))
			scene->target[i] |= UINT64_MAX << (width - 1);
		plant(scene, scene->kit.base, width - 9, scene->target[i]);
	}
}

static unsigned int first_shift(unsigned int width)
{
	return width > 39 ? 39 : width > 30 ? 30 : 21;
}

/* A root somewhere in its page, as aligned as it must be or not at all. */
static uint64_t arm_root(struct scene *scene, unsigned int page, unsigned int width, bool aligned)
{
	uint64_t size = UINT64_C(8) << (width - first_shift(width));
	uint64_t offset = next(scene) % PAGE;

	return scene->kit.base + page * PAGE +
	       offset / (aligned ? size : 16) * (aligned ? size : 16);
}

/* Bound, as one half; the descriptor says the same. */
static void bind_arm(struct scene *scene)
{
	unsigned int width = 25 + (unsigned int)(next(scene) >> 32) % 24;
	uint32_t flags[] = {0, IOASID_PGTABLE_HW_ACCESSED,
		IOASID_PGTABLE_HW_ACCESSED | IOASID_PGTABLE_HW_DIRTY};
	uint64_t notes[] = {0, BIT(43), BIT(43) | BIT(42)}, root;
	unsigned int how = (unsigned int)(next(scene) >> 32) % 3;

	begin_memory(scene, 48);
	root = arm_root(scene, 0, width, true);
	bind(scene, IOASID_PGTABLE_SMMUV3_S1, root, width, flags[how]);
	scene->descriptor = (struct naive_descriptor){
		{(64 - width) | BIT(30) | BIT(31) | UINT64_C(5) << 32 | BIT(41) | notes[how],
			root}};
}

/* A descriptor with everything in it, of which the library reads its context. */
static void describe_arm(struct scene *scene)
{
	static const unsigned int bits[] = {32, 36, 40, 42, 44, 48, 48, 48};
	uint64_t ips = next(scene) % 8;
	unsigned int low = 16 + (unsigned int)(next(scene) >> 32) % 24;
	unsigned int high = 16 + (unsigned int)(next(scene) >> 32) % 24;
	uint64_t *word = scene->descriptor.words;
	struct ioasid_pgtable entry = {.size = sizeof(entry), .format = IOASID_PGTABLE_SMMUV3_S1};
	struct walk_pasids pasids;
	struct walk_entry found;

	begin_memory(scene, bits[ips]);
	word[0] = low | high << 16 | UINT64_C(2) << 22 | BIT(31) | ips << 32 | BIT(41);
	word[0] |= often(scene, 14, 1, 16) | often(scene, 30, 1, 4) | often(scene, 35, 1, 4) |
		   often(scene, 36, 1, 8) | often(scene, 38, 1, 4) | often(scene, 39, 1, 4) |
		   often(scene, 40, 1, 8) | often(scene, 42, 1, 2) | often(scene, 43, 1, 2);
	word[0] |= next(scene) & (UINT64_C(0xffff) << 48 | UINT64_C(0x3f00) << 16 |
					 UINT64_C(0x3f00) | BIT(37) | BIT(44));
	word[1] = arm_root(scene, 0, 64 - low, once(scene, 2)) | often(scene, 1, 1, 8) |
		  often(scene, 2, 1, 8) | 1;
	word[2] = arm_root(scene, 1, 64 - high, once(scene, 2)) | often(scene, 1, 1, 8) |
		  often(scene, 2, 1, 8);
	memcpy(walkkit_word(&scene->kit, scene->kit.base + 2 * PAGE), word, 24);
	entry.words[0] = 1 | 5 << 1 | (scene->kit.base + 2 * PAGE);
	ck_assert_int_eq(walk_pasids_of(&entry, &pasids), 0);
	ck_assert_uint_eq(walk_pasid(&scene->kit.memory, &pasids, IOASID_PASID_NONE, &found), 0);
	scene->context = found.context;
}

static void make_arm(struct scene *scene)
{
	if (once(scene, 4))
		bind_arm(scene);
	else
		describe_arm(scene);
	for (unsigned int i = 0; i < PLANTED; i++) {
		bool high = naive_field(scene->descriptor.words, 30, 30) ? false : once(scene, 2);
		unsigned int width = 64 - (unsigned int)naive_field(scene->descriptor.words,
						  high ? 21 : 5, high ? 16 : 0);
		uint64_t addr = next(scene) & (BIT(width) - 1);

		plant(scene, naive_base(&scene->descriptor, high), first_shift(width), addr);
		scene->target[i] = addr | (high ? UINT64_MAX << width : 0);
		if (naive_field(scene->descriptor.words, high ? 39 : 38, high ? 39 : 38))
			scene->target[i] ^= next(scene) & UINT64_C(0xff) << 56;
	}
}

/* ---- the tests ---- */

static void play(struct scene *scene, void (*make)(struct scene *scene))
{
	unsigned long rounds = support_rounds(TRANSLATIONS) / ASKS + 1;

	scene->random = 0x9e3779b97f4a7c15;
	while (rounds--) {
		make(scene);
		lose_pages(scene);
		copy_memory(scene);
		for (unsigned int i = 0; i < ASKS; i++)
			ask_both(scene);
		end_memory(scene);
	}
}

/* Each fault of the list, and every sight, was seen; no other fault was. */
static void all_seen(const struct scene *scene, uint32_t faults)
{
	for (unsigned int i = 0; i < SIGHTS; i++) {
		bool expected = i > IOASID_MOCK_FAULT_CONTEXT || (faults & 1u << i);

		ck_assert_msg((scene->seen[i] != 0) == expected, "outcome %u was seen %lu times", i,
			scene->seen[i]);
	}
}

#define LONG_MODE_FAULTS                                                                           \
	(1u << IOASID_MOCK_FAULT_NONE | 1u << IOASID_MOCK_FAULT_TRANSLATION |                      \
		1u << IOASID_MOCK_FAULT_PERMISSION | 1u << IOASID_MOCK_FAULT_ADDRESS |             \
		1u << IOASID_MOCK_FAULT_RESERVED | 1u << IOASID_MOCK_FAULT_PARENT)
#define ARM_FAULTS                                                                                 \
	(1u << IOASID_MOCK_FAULT_NONE | 1u << IOASID_MOCK_FAULT_TRANSLATION |                      \
		1u << IOASID_MOCK_FAULT_PERMISSION | 1u << IOASID_MOCK_FAULT_ADDRESS |             \
		1u << IOASID_MOCK_FAULT_ACCESS | 1u << IOASID_MOCK_FAULT_PARENT)

static void make_vtd_4(struct scene *scene)
{
	make_long_mode(scene, IOASID_PGTABLE_VTD_S1, 4);
}

static void make_vtd_5(struct scene *scene)
{
	make_long_mode(scene, IOASID_PGTABLE_VTD_S1, 5);
}

static void make_amd(struct scene *scene)
{
	make_long_mode(scene, IOASID_PGTABLE_AMD_V2, once(scene, 2) ? 4 : 5);
}

START_TEST(vtd_tables_of_four_levels_are_walked_as_the_manual_says)
{
	struct scene scene = {.arm = false};

	play(&scene, make_vtd_4);
	all_seen(&scene, LONG_MODE_FAULTS);
}
END_TEST

START_TEST(vtd_tables_of_five_levels_are_walked_as_the_manual_says)
{
	struct scene scene = {.arm = false};

	play(&scene, make_vtd_5);
	all_seen(&scene, LONG_MODE_FAULTS);
}
END_TEST

START_TEST(amd_tables_are_walked_as_the_manual_says)
{
	struct scene scene = {.arm = false};

	play(&scene, make_amd);
	all_seen(&scene, LONG_MODE_FAULTS);
}
END_TEST

START_TEST(arm_tables_are_walked_as_the_manual_says)
{
	struct scene scene = {.arm = true};

	play(&scene, make_arm);
	all_seen(&scene, ARM_FAULTS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("walks beside naive ones");
	TCase *tcase = support_case(suite, "random");

	tcase_add_test(tcase, vtd_tables_of_four_levels_are_walked_as_the_manual_says);
	tcase_add_test(tcase, vtd_tables_of_five_levels_are_walked_as_the_manual_says);
	tcase_add_test(tcase, amd_tables_are_walked_as_the_manual_says);
	tcase_add_test(tcase, arm_tables_are_walked_as_the_manual_says);
	return support_run(suite);
}
