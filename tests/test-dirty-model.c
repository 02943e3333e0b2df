/* SPDX-License-Identifier: MIT */
/*
 * Reads of written pages against a naive model, in random rounds: maps with holes, writes, reads of
 * any range by any granule, with small pages of the IOMMU's and with large ones. What was written
 * is reported until it was cleared, and nothing else is.
 */
#include "trackkit.h"

/* What a naive reader would know: pages written and not reported yet. */
struct model {
	struct track t;
	unsigned int seed;
	uint64_t io_pages; /* 4 KiB pages of a page of the IOMMU's */
	bool mapped[64 * TRACK_WORDS];
	bool written[64 * TRACK_WORDS];
};

static unsigned int roll(struct model *m, unsigned int below)
{
	m->seed = m->seed * 1103515245u + 12345u;
	return (m->seed >> 8) % below;
}

static void model_map(struct model *m)
{
	uint64_t io = m->io_pages, page = 0;

	while (page < 64 * TRACK_WORDS) {
		uint64_t pages = (1 + roll(m, 40 / (unsigned int)io)) * io;

		if (page + pages > 64 * TRACK_WORDS)
			break;
		if (roll(m, 3)) {
			track_map_pages(&m->t, page, pages);
			memset(m->mapped + page, 1, pages);
		}
		page += pages;
	}
}

static void model_write(struct model *m)
{
	for (unsigned int n = roll(m, 30); n; n--) {
		uint64_t page = roll(m, 64 * TRACK_WORDS);

		if (!m->mapped[page])
			continue;
		track_write(&m->t, page);
		page -= page % m->io_pages;
		memset(m->written + page, 1, m->io_pages);
	}
}

/* Everything that was written is reported, and nothing else. */
static void model_compare(struct model *m, uint64_t first, uint64_t granule, uint64_t granules)
{
	for (uint64_t i = 0; i < granules; i++) {
		bool written = false;

		for (uint64_t page = 0; page < granule; page++)
			written |= m->written[first + i * granule + page];
		ck_assert_msg(track_is_set(&m->t, i) == written, "granule %d is %s", (int)i,
			written ? "lost" : "wrong");
	}
}

/* What may be forgotten now: what the backend has no note of any more. */
static void model_forget(struct model *m, uint64_t first, uint64_t pages)
{
	for (uint64_t page = first; page < first + pages; page++)
		m->written[page] =
			fakeleaf_has_note(m->t.leaf, ioasid_space_id(m->t.space), page * PAGE);
}

static void model_read(struct model *m)
{
	uint64_t granule = UINT64_C(1) << roll(m, 5), all = 64 * TRACK_WORDS / granule;
	uint64_t first = roll(m, 2) ? 0 : roll(m, (unsigned int)all) * granule;
	uint64_t granules = first ? 1 + roll(m, (unsigned int)(all - first / granule)) : all;

	memset(m->t.bitmap, 0, sizeof(m->t.bitmap));
	m->t.leaf->reads = 0;
	ok(ioasid_space_dirty_read(
		m->t.space, IOASID_OPTS(ioasid_dirty, .flags = roll(m, 3) ? 0 : IOASID_DIRTY_KEEP,
				    .iova = first * PAGE, .length = granules * granule * PAGE,
				    .granule = granule * PAGE, .bitmap = m->t.bitmap)));
	model_compare(m, first, granule, granules);
	model_forget(m, first, granule * granules);
}

START_TEST(nothing_is_lost_whatever_is_mapped_written_and_read)
{
	for (unsigned long round = support_rounds(200); round; round--) {
		struct model m = {.seed = (unsigned int)round * 7919u, .io_pages = _i ? 8 : 1};

		track_begin_started(&m.t, 0);
		m.t.leaf->io_page = m.io_pages * PAGE;
		model_map(&m);
		for (int i = 0; i < 20; i++) {
			model_write(&m);
			model_read(&m);
			ck_assert_uint_lt(m.t.leaf->noted_count, FAKE_MOST);
			if (m.t.leaf->noted_count > FAKE_MOST - 32)
				ok(track_read(&m.t, 0, 64 * TRACK_WORDS, 0));
		}
		track_end(&m.t);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dirty model");
	TCase *tcase = support_case(suite, "model");

	tcase_add_loop_test(tcase, nothing_is_lost_whatever_is_mapped_written_and_read, 0, 2);
	return support_run(suite);
}
