/* SPDX-License-Identifier: MIT */
/*
 * The contract of written pages: what devices wrote is read, once, in the caller's granules, by
 * whichever device and route; holes hide nothing, and notes go with their map and with the stop.
 */
#include "contract.h"
#include <stdlib.h>

#define PAGES 64u /* as many as a word has bits */

/* A space that notes, of two devices; some addresses are not mapped. */
struct track {
	struct contract c;
	struct contract_nic *nic[2];
	struct ioasid_space *space;
	struct ioasid_attachment *route[2];
	unsigned char *memory; /* page i is for page i from AT(0) on */
};

static const struct contract_wish tracks = {.dirty = true};

static void track_begin(struct track *t, uint32_t flags)
{
	t->memory = support_memory(PAGES * PAGE, 61);
	ok(ioasid_space_new(t->c.ctx,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_DIRTY_TRACKING | flags),
		&t->space));
	t->nic[0] = contract_nic(&t->c, "nic0", tracks);
	t->nic[1] = contract_nic(&t->c, "nic1", tracks);
	t->route[0] = contract_attach(t->nic[0], t->space);
	t->route[1] = NULL;
}

static void track_end(struct track *t)
{
	for (int i = 0; i < 2; i++)
		ok(ioasid_attachment_detach(t->route[i]));
	ok(ioasid_space_destroy(t->space));
	contract_end(&t->c);
	free(t->memory);
}

#define TRACK(t, platform, flags)                                                                  \
	do {                                                                                       \
		contract_begin(&(t)->c, platform);                                                 \
		NEEDS_DEVICE(&(t)->c, .dirty = true);                                              \
		track_begin(t, flags);                                                             \
	} while (0)

static void map_pages(struct track *t, unsigned int first, unsigned int pages)
{
	ok(contract_map(
		t->space, AT(first * PAGE), t->memory + first * PAGE, pages * PAGE, IOASID_MAP_RW));
}

/* The device writes some bytes in the middle of a page. */
static void write_page(struct track *t, int nic, unsigned int page)
{
	const unsigned char bytes[] = {1, 2, 3};

	ok(contract_dma_write(&t->c, t->nic[nic], AT(page * PAGE + 2000), bytes, sizeof(bytes)));
}

struct look {
	unsigned int first;
	unsigned int pages; /* 0: all up to the last of PAGES */
	unsigned int granule;
	uint32_t flags;
};

static uint64_t look(struct ioasid_space *space, struct look at)
{
	uint64_t bits = 0, pages = at.pages ? at.pages : PAGES - at.first;

	ok(ioasid_space_dirty_read(
		space, IOASID_OPTS(ioasid_dirty, .flags = at.flags, .iova = AT(at.first * PAGE),
			       .length = pages * PAGE,
			       .granule = (at.granule ? at.granule : 1) * PAGE, .bitmap = &bits)));
	return bits;
}

#define BITS(space, bits, ...) ck_assert_uint_eq(look(space, (struct look){__VA_ARGS__}), bits)
#define BIT(page)              (UINT64_C(1) << (page))

START_TEST(a_page_that_a_device_wrote_is_read_once)
{
	unsigned char bytes[16];
	struct track t;

	TRACK(&t, _i, 0);
	map_pages(&t, 0, 8);
	write_page(&t, 0, 1);
	ok(ioasid_space_dirty_start(t.space));
	BITS(t.space, 0, 0);
	write_page(&t, 0, 3);
	write_page(&t, 0, 7);
	ok(contract_dma_read(&t.c, t.nic[0], AT(5 * PAGE), bytes, sizeof(bytes)));
	BITS(t.space, BIT(3) | BIT(7), .flags = IOASID_DIRTY_KEEP);
	BITS(t.space, BIT(3) | BIT(7), 0);
	BITS(t.space, 0, 0);
	write_page(&t, 0, 3);
	BITS(t.space, BIT(3), 0);
	track_end(&t);
}
END_TEST

START_TEST(holes_hide_nothing_in_any_granule)
{
	struct track t;

	TRACK(&t, _i, 0);
	map_pages(&t, 2, 4);
	map_pages(&t, 6, 1);
	map_pages(&t, 40, 8);
	ok(ioasid_space_dirty_start(t.space));
	write_page(&t, 0, 5);
	write_page(&t, 0, 6);
	write_page(&t, 0, 47);
	BITS(t.space, BIT(5) | BIT(6) | BIT(47), .flags = IOASID_DIRTY_KEEP);
	BITS(t.space, BIT(1) | BIT(11), .granule = 4, .flags = IOASID_DIRTY_KEEP);
	BITS(t.space, BIT(0) | BIT(2), .granule = 16, .flags = IOASID_DIRTY_KEEP);
	BITS(t.space, 1, .granule = 64);
	BITS(t.space, 0, 0);
	track_end(&t);
}
END_TEST

START_TEST(a_map_that_a_read_cuts_stays_noted)
{
	struct track t;

	TRACK(&t, _i, 0);
	map_pages(&t, 0, 16);
	ok(ioasid_space_dirty_start(t.space));
	for (unsigned int page = 2; page < 12; page += 3) /* 2, 5, 8, 11 */
		write_page(&t, 0, page);
	BITS(t.space, BIT(1) | BIT(4), .first = 4, .pages = 5);
	BITS(t.space, BIT(1) | BIT(4) | BIT(7), .first = 4);
	BITS(t.space, BIT(2) | BIT(5) | BIT(8) | BIT(11), 0);
	BITS(t.space, 0, 0);
	track_end(&t);
}
END_TEST

START_TEST(of_small_pages_a_part_is_cleared_alone)
{
	struct track t;

	TRACK(&t, _i, IOASID_SPACE_SMALL_PAGES);
	map_pages(&t, 0, 16);
	ok(ioasid_space_dirty_start(t.space));
	for (unsigned int page = 2; page < 12; page += 3)
		write_page(&t, 0, page);
	BITS(t.space, BIT(1) | BIT(4), .first = 4, .pages = 5);
	BITS(t.space, BIT(2) | BIT(11), 0);
	BITS(t.space, 0, 0);
	track_end(&t);
}
END_TEST

START_TEST(notes_go_with_their_map_and_come_with_it)
{
	struct track t;

	TRACK(&t, _i, 0);
	map_pages(&t, 0, 4);
	ok(ioasid_space_dirty_start(t.space));
	map_pages(&t, 4, 4);
	write_page(&t, 0, 1);
	write_page(&t, 0, 5);
	ok(ioasid_space_unmap(t.space, AT(0), 4 * PAGE));
	BITS(t.space, BIT(5), .flags = IOASID_DIRTY_KEEP);
	map_pages(&t, 0, 4);
	BITS(t.space, BIT(5), 0);
	write_page(&t, 0, 1);
	BITS(t.space, BIT(1), 0);
	track_end(&t);
}
END_TEST

START_TEST(devices_that_come_later_add_up_and_take_nothing_along)
{
	struct track t;

	TRACK(&t, _i, 0);
	map_pages(&t, 0, 8);
	ok(ioasid_space_dirty_start(t.space));
	write_page(&t, 0, 1);
	t.route[1] = contract_attach(t.nic[1], t.space);
	write_page(&t, 1, 2);
	write_page(&t, 0, 3);
	ok(ioasid_attachment_detach(t.route[1]));
	t.route[1] = NULL;
	BITS(t.space, BIT(1) | BIT(2) | BIT(3), 0);
	ok(ioasid_attachment_detach(t.route[0]));
	t.route[0] = contract_attach(t.nic[0], t.space);
	write_page(&t, 0, 6);
	BITS(t.space, BIT(6), 0);
	track_end(&t);
}
END_TEST

START_TEST(a_new_start_knows_nothing_of_before)
{
	struct ioasid_space_info info = {.size = sizeof(info)};
	struct track t;

	TRACK(&t, _i, 0);
	map_pages(&t, 0, 8);
	fails(-EALREADY, "no dirty pages", ioasid_space_dirty_stop(t.space));
	ok(ioasid_space_dirty_start(t.space));
	fails(-EALREADY, "already", ioasid_space_dirty_start(t.space));
	write_page(&t, 0, 1);
	ok(ioasid_space_info(t.space, &info));
	ck_assert_uint_ne(info.flags & IOASID_SPACE_INFO_DIRTY, 0);
	ok(ioasid_space_dirty_stop(t.space));
	write_page(&t, 0, 2);
	ok(ioasid_space_info(t.space, &info));
	ck_assert_uint_eq(info.flags & IOASID_SPACE_INFO_DIRTY, 0);
	ok(ioasid_space_dirty_start(t.space));
	BITS(t.space, 0, 0);
	track_end(&t);
}
END_TEST

/* One map of the child, below which the parent has two and a hole. */
START_TEST(a_child_notes_at_its_own_addresses_and_its_parent_nothing)
{
	struct ioasid_attachment *above;
	struct ioasid_space *child;
	struct track t;

	TRACK(&t, _i, 0);
	map_pages(&t, 0, 4);
	map_pages(&t, 8, 8);
	ok(ioasid_space_new_nested(t.space,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_DIRTY_TRACKING), &child));
	above = contract_attach(t.nic[0], child);
	ok(contract_nest(child, AT(40 * PAGE), AT(0), 16 * PAGE, IOASID_MAP_RW));
	ok(ioasid_space_dirty_start(t.space));
	ok(ioasid_space_dirty_start(child));
	write_page(&t, 0, 41);
	write_page(&t, 0, 55);
	BITS(t.space, 0, 0);
	BITS(child, BIT(41) | BIT(55), .flags = IOASID_DIRTY_KEEP);
	BITS(child, BIT(55 - 44), .first = 44, .flags = IOASID_DIRTY_KEEP);
	BITS(child, BIT(41) | BIT(55), 0);
	BITS(child, 0, 0);
	ok(ioasid_attachment_detach(above));
	ok(ioasid_space_destroy(child));
	track_end(&t);
}
END_TEST

START_TEST(a_space_that_notes_can_go_or_be_closed)
{
	struct ioasid_space *other;
	struct track t;

	TRACK(&t, _i, 0);
	map_pages(&t, 0, 8);
	ok(ioasid_space_dirty_start(t.space));
	write_page(&t, 0, 1);
	ok(ioasid_space_new(t.c.ctx,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_DIRTY_TRACKING), &other));
	ok(ioasid_attachment_replace(t.route[0], other));
	ok(ioasid_space_destroy(t.space));
	t.space = other;
	map_pages(&t, 0, 8);
	ok(ioasid_space_dirty_start(t.space));
	write_page(&t, 0, 2);
	contract_close(&t.c);
	fails(-ENODEV, "closed",
		ioasid_space_dirty_read(
			t.space, IOASID_OPTS(ioasid_dirty, .iova = AT(0), .length = PAGE,
					 .granule = PAGE, .bitmap = &(uint64_t){0})));
	track_end(&t);
}
END_TEST

void contract_add_dirty(Suite *suite)
{
	TCase *tcase = support_case(suite, "dirty pages");

	contract_test(tcase, a_page_that_a_device_wrote_is_read_once);
	contract_test(tcase, holes_hide_nothing_in_any_granule);
	contract_test(tcase, a_map_that_a_read_cuts_stays_noted);
	contract_test(tcase, of_small_pages_a_part_is_cleared_alone);
	contract_test(tcase, notes_go_with_their_map_and_come_with_it);
	contract_test(tcase, devices_that_come_later_add_up_and_take_nothing_along);
	contract_test(tcase, a_new_start_knows_nothing_of_before);
	contract_test(tcase, a_child_notes_at_its_own_addresses_and_its_parent_nothing);
	contract_test(tcase, a_space_that_notes_can_go_or_be_closed);
}
