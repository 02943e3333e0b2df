/* SPDX-License-Identifier: MIT */
/*
 * Of the mock, pages that are written by way of a guest's page table: they are noted in the parent,
 * at its addresses, the guest's memory and the tables in it alike, so that who copies what is noted
 * misses nothing.
 */
#include "nestedkit.h"

#define WORDS (RAM_PAGES / 64)
#define IOVA  UINT64_C(0x40000000)
#define IOVAS 48u

struct notes {
	uint64_t words[WORDS];
};

static struct guest_opts tracking(int i)
{
	struct guest_opts opts = guest_flavour(i);

	opts.iommu.flags |= IOASID_MOCK_IOMMU_DIRTY;
	opts.parent = IOASID_SPACE_DIRTY_TRACKING;
	if (opts.format == ARM)
		opts.table = IOASID_PGTABLE_HW_ACCESSED | IOASID_PGTABLE_HW_DIRTY;
	return opts;
}

static struct notes take(struct guest *guest)
{
	struct notes notes = {{0}};

	ok(ioasid_space_dirty_read(guest->gpa, IOASID_OPTS(ioasid_dirty, .length = RAM_PAGES * PAGE,
						       .granule = PAGE, .bitmap = notes.words)));
	return notes;
}

static bool has(const struct notes *notes, uint64_t page)
{
	return notes->words[page / 64] >> page % 64 & 1;
}

static unsigned int count(const struct notes *notes)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < WORDS; i++)
		n += (unsigned int)__builtin_popcountll(notes->words[i]);
	return n;
}

START_TEST(what_a_table_leads_to_is_noted_in_the_parent)
{
	const struct guest_opts opts = tracking(_i);
	struct guest guest;
	struct notes notes;
	char bytes[2] = "a";

	guest_begin(&guest, &opts);
	guest_map(&guest, IOVA, 70 * PAGE, GUEST_RW);
	guest_map(&guest, IOVA + PAGE, 9 * PAGE, GUEST_RW);
	guest_map_at(&guest, guest.root, 0, 2 * MIB, GUEST_RW, 21);
	ok(guest_write(&guest, IOVA + PAGE - 1, bytes, 2));
	ok(guest_write(&guest, 3 * PAGE, bytes, 1));
	ok(ioasid_space_dirty_start(guest.gpa));
	notes = take(&guest);
	ck_assert_uint_eq(count(&notes), 0);
	/* and again by what the IOTLB has */
	for (int i = 0; i < 2; i++) {
		ok(guest_read(&guest, IOVA, bytes, 1));
		notes = take(&guest);
		ck_assert_uint_eq(count(&notes), 0);
		ok(guest_write(&guest, IOVA + PAGE - 1, bytes, 2));
		ok(guest_write(&guest, 3 * PAGE, bytes, 1));
		notes = take(&guest);
		ck_assert_uint_eq(count(&notes), 3);
		ck_assert(has(&notes, 70) && has(&notes, 9) && has(&notes, 512 + 3));
	}
	ck_assert_uint_ge(guest_stats(&guest).iotlb_hits, 6);
	guest_end(&guest);
}
END_TEST

START_TEST(an_entry_that_the_iommu_changes_is_noted_with_its_table)
{
	const struct guest_opts opts = tracking(_i);
	struct guest guest;
	struct notes notes;
	uint64_t table;
	char byte = 1;

	guest_begin(&guest, &opts);
	guest_map(&guest, IOVA, 70 * PAGE, GUEST_RW | GUEST_OLD | GUEST_CLEAN);
	table = (uint64_t)((unsigned char *)guest_entry(&guest, guest.root, IOVA, 12) - guest.ram) /
		PAGE;
	ok(ioasid_space_dirty_start(guest.gpa));
	ok(guest_read(&guest, IOVA, &byte, 1));
	notes = take(&guest);
	ck_assert(guest_accessed(&guest, IOVA));
	ck_assert(has(&notes, table));
	ck_assert(!has(&notes, 70));
	ok(guest_write(&guest, IOVA, &byte, 1));
	notes = take(&guest);
	ck_assert(guest_dirty(&guest, IOVA));
	ck_assert_uint_eq(count(&notes), 2);
	ck_assert(has(&notes, table) && has(&notes, 70));
	ok(guest_write(&guest, IOVA, &byte, 1));
	notes = take(&guest);
	ck_assert_uint_eq(count(&notes), 1);
	guest_end(&guest);
}
END_TEST

/* A guest whose memory is copied elsewhere while its device works, page by page as is noted. */
struct moving {
	struct guest guest;
	uint64_t seed;
	unsigned char *copy;
	uint64_t leads[IOVAS]; /* page of memory, for each page from IOVA on */
	struct notes wrote;
};

static uint64_t roll(struct moving *m, uint64_t below)
{
	m->seed = m->seed * UINT64_C(6364136223846793005) + 1;
	return (m->seed >> 33) % below;
}

/* What processors write other means tell of: all of it is taken as copied. */
static void remap(struct moving *m)
{
	for (uint64_t i = 0; i < IOVAS; i++) {
		if (m->leads[i] && roll(m, 4))
			continue;
		m->leads[i] = 1 + roll(m, DATA_PAGES - 1);
		guest_map(&m->guest, IOVA + i * PAGE, m->leads[i] * PAGE,
			GUEST_RW | GUEST_OLD | GUEST_CLEAN);
	}
	guest_invalidate_all(&m->guest);
	memcpy(m->copy, m->guest.ram, RAM_PAGES * PAGE);
}

static void wrote(struct moving *m, uint64_t iova, uint64_t length)
{
	for (uint64_t page = (iova - IOVA) / PAGE; page <= (iova + length - 1 - IOVA) / PAGE;
		page++)
		m->wrote.words[m->leads[page] / 64] |= UINT64_C(1) << m->leads[page] % 64;
}

static void work(struct moving *m)
{
	unsigned char buffer[3 * 4096];
	uint64_t length = 1 + roll(m, sizeof(buffer));
	struct ioasid_mock_dma dma =
		guest_dma((uint32_t)roll(m, 3), IOVA + roll(m, (IOVAS - 4) * PAGE), buffer, length);

	memset(buffer, (int)roll(m, 256), sizeof(buffer));
	dma.source = IOVA + roll(m, (IOVAS - 4) * PAGE);
	ok(ioasid_mock_dma(m->guest.hw, &dma));
	if (dma.kind != IOASID_MOCK_DMA_READ)
		wrote(m, dma.iova, length);
}

static void catch_up(struct moving *m)
{
	struct notes notes = take(&m->guest);

	for (uint64_t page = 0; page < RAM_PAGES; page++) {
		if (has(&notes, page))
			memcpy(m->copy + page * PAGE, m->guest.ram + page * PAGE, PAGE);
		ck_assert(page >= DATA_PAGES || has(&notes, page) == has(&m->wrote, page));
	}
	m->wrote = (struct notes){{0}};
	ck_assert_mem_eq(m->copy, m->guest.ram, RAM_PAGES * PAGE);
}

START_TEST(a_copy_of_what_is_noted_misses_nothing)
{
	const struct guest_opts opts = tracking(_i);
	struct moving m = {.seed = (uint64_t)_i + 1};

	guest_begin(&m.guest, &opts);
	m.copy = support_memory(RAM_PAGES * PAGE, 2);
	ok(ioasid_space_dirty_start(m.guest.gpa));
	for (unsigned long i = support_rounds(20); i; i--) {
		remap(&m);
		for (int j = 0; j < 4; j++) {
			for (int k = 0; k < 5; k++)
				work(&m);
			catch_up(&m);
		}
	}
	guest_end(&m.guest);
	free(m.copy);
}
END_TEST

void add_nested_dirty_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "dirty");

	tcase_add_loop_test(tcase, what_a_table_leads_to_is_noted_in_the_parent, 0, FLAVOURS);
	tcase_add_loop_test(
		tcase, an_entry_that_the_iommu_changes_is_noted_with_its_table, 0, FLAVOURS);
	tcase_add_loop_test(tcase, a_copy_of_what_is_noted_misses_nothing, 0, FLAVOURS);
}
