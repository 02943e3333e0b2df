/* SPDX-License-Identifier: MIT */
/*
 * Memory that several maps share, in a real kernel: which pages are pinned, how often and on whose
 * account, and what the page tables of parents and children hold, by the kernel's own look.
 */
#include "guest.h"
#include "rig.h"
#include <stdlib.h>

/* The pages are pinned so often, and so many bytes are accounted more than at the start. */
static void expect_pins(const struct rig *r, const void *memory, uint32_t refs, uint64_t bytes)
{
	ck_assert_int_eq(selftest_check_refs(r->iommufd, memory, LENGTH, refs), 0);
	ck_assert_uint_eq(selftest_pinned() - r->pinned, bytes);
}

struct three {
	struct rig r;
	struct ioasid_space *space[3];
	struct ioasid_attachment *route[3];
	unsigned char *memory;
};

static void three_begin(struct three *t)
{
	t->memory = support_memory(LENGTH, 5);
	rig_begin(&t->r, 3);
	for (unsigned int i = 0; i < 3; i++) {
		t->space[i] = rig_space(&t->r, i ? IOASID_SPACE_DIRTY_TRACKING : 0);
		t->route[i] = rig_attach(&t->r, i, t->space[i]);
	}
}

static void three_end(struct three *t)
{
	for (int i = 0; i < 3; i++) {
		ok(ioasid_attachment_detach(t->route[i]));
		ok(ioasid_space_destroy(t->space[i]));
	}
	rig_end(&t->r);
	free(t->memory);
}

START_TEST(memory_that_is_not_registered_is_pinned_by_each_map)
{
	struct three t;

	three_begin(&t);
	for (uint32_t i = 0; i < 3; i++) {
		ok(rig_map(t.space[i], AT(i * LENGTH), t.memory, LENGTH, RW));
		expect_pins(&t.r, t.memory, i + 1, (i + 1) * LENGTH);
	}
	ok(ioasid_space_unmap(t.space[1], 0, UINT64_MAX));
	expect_pins(&t.r, t.memory, 2, 2 * LENGTH);
	three_end(&t);
}
END_TEST

START_TEST(registered_memory_is_pinned_and_accounted_once)
{
	struct three t;
	unsigned int spaces;

	three_begin(&t);
	spaces = ledger_alive(LEDGER_IOAS);
	ok(ioasid_memory_register(t.r.ctx, t.memory, LENGTH));
	/* nothing is pinned before a device can reach it */
	ck_assert_int_eq(ioasid_check_extension(t.r.ctx, IOASID_EXT_REGISTER_PINS), 0);
	expect_pins(&t.r, t.memory, 0, 0);
	for (uint32_t i = 0; i < 3; i++) {
		ok(rig_map(t.space[i], AT(i * LENGTH), t.memory, LENGTH, RW));
		rig_holds(&t.r.hw[i], AT(i * LENGTH), t.memory);
		expect_pins(&t.r, t.memory, 1, LENGTH);
	}
	/* twice in one space, and in part */
	ok(rig_map(t.space[0], AT(8 * LENGTH), t.memory + PAGE, 2 * PAGE, RW));
	expect_pins(&t.r, t.memory, 1, LENGTH);
	for (int i = 0; i < 2; i++)
		ok(ioasid_space_unmap(t.space[i], 0, UINT64_MAX));
	expect_pins(&t.r, t.memory, 1, LENGTH);
	ok(ioasid_space_unmap(t.space[2], 0, UINT64_MAX));
	expect_pins(&t.r, t.memory, 0, 0);
	ok(ioasid_memory_unregister(t.r.ctx, t.memory, LENGTH));
	/* with the last of it goes the space that held it */
	ck_assert_uint_eq(ledger_alive(LEDGER_IOAS), spaces);
	three_end(&t);
}
END_TEST

START_TEST(registered_memory_can_be_mapped_for_reading_alone)
{
	struct three t;
	struct selftest_rw rw = {.iova = AT(8), .length = 1, .flags = SELFTEST_RW_WRITE};
	unsigned char byte = 0;

	three_begin(&t);
	rw.buffer = &byte;
	ok(ioasid_memory_register(t.r.ctx, t.memory, LENGTH));
	ok(rig_map(t.space[0], AT(0), t.memory, LENGTH, IOASID_MAP_READ));
	ok(rig_map(t.space[1], AT(0), t.memory, LENGTH, RW));
	ck_assert_int_eq(selftest_rw(t.r.iommufd, selftest_ioas(&t.r.hw[0]), &rw), -EPERM);
	byte = (unsigned char)~t.memory[8];
	ck_assert_int_eq(selftest_rw(t.r.iommufd, selftest_ioas(&t.r.hw[1]), &rw), 0);
	ck_assert_uint_eq(t.memory[8], byte);
	three_end(&t);
}
END_TEST

START_TEST(what_is_mapped_before_the_first_attach_is_pinned_by_it)
{
	struct rig r;
	struct ioasid_attachment *route;
	unsigned char *memory = support_memory(LENGTH, 6);

	rig_begin(&r, 1);

	struct ioasid_space *space = rig_space(&r, 0);

	ok(rig_map(space, AT(0), memory, LENGTH, RW));
	expect_pins(&r, memory, 0, 0);
	route = rig_attach(&r, 0, space);
	expect_pins(&r, memory, 1, LENGTH);
	rig_holds(&r.hw[0], AT(0), memory);
	ok(ioasid_attachment_detach(route));
	expect_pins(&r, memory, 0, 0);
	route = rig_attach(&r, 0, space);
	rig_holds(&r.hw[0], AT(0), memory);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(space));
	rig_end(&r);
	free(memory);
}
END_TEST

/* One device at each level of three, a child over a child over a space. */
struct levels {
	struct rig r;
	struct ioasid_space *space[3];
	struct ioasid_attachment *route[3][3]; /* of device, at level */
	unsigned char *memory;
};

static void levels_begin(struct levels *l)
{
	l->memory = support_memory(LENGTH, 7);
	rig_begin(&l->r, 3);
	l->space[0] = rig_space(&l->r, 0);
	for (int i = 1; i < 3; i++)
		ok(ioasid_space_new_nested(l->space[i - 1], NULL, &l->space[i]));
	for (unsigned int i = 0; i < 3; i++)
		for (unsigned int level = 0; level <= i; level++)
			l->route[i][level] = rig_attach(&l->r, i, l->space[level]);
}

static void levels_end(struct levels *l)
{
	for (int i = 0; i < 3; i++)
		for (int level = i; level >= 0; level--)
			ok(ioasid_attachment_detach(l->route[i][level]));
	for (int i = 2; i >= 0; i--)
		ok(ioasid_space_destroy(l->space[i]));
	rig_end(&l->r);
	free(l->memory);
}

static void levels_map(struct levels *l, int level)
{
	const void *to = level ? (void *)(uintptr_t)AT((uint64_t)(level - 1) * LENGTH) : l->memory;

	ok(rig_map(l->space[level], AT((uint64_t)level * LENGTH), to, LENGTH, RW));
}

START_TEST(children_share_the_pages_of_their_parents)
{
	struct levels l;

	levels_begin(&l);
	for (int level = 0; level < 3; level++)
		levels_map(&l, level);
	for (unsigned int level = 0; level < 3; level++)
		rig_holds(&l.r.hw[level], AT(level * LENGTH), l.memory);
	expect_pins(&l.r, l.memory, 1, LENGTH);
	levels_end(&l);
}
END_TEST

START_TEST(what_a_parent_maps_later_appears_in_the_tables_of_its_children)
{
	struct levels l;

	levels_begin(&l);
	levels_map(&l, 2);
	levels_map(&l, 1);
	rig_lacks(&l.r.hw[2], AT(2 * LENGTH), l.memory);
	levels_map(&l, 0);
	for (unsigned int level = 0; level < 3; level++)
		rig_holds(&l.r.hw[level], AT(level * LENGTH), l.memory);
	expect_pins(&l.r, l.memory, 1, LENGTH);
	levels_end(&l);
}
END_TEST

START_TEST(what_a_parent_unmaps_is_gone_from_the_tables_of_its_children)
{
	struct levels l;

	levels_begin(&l);
	for (int level = 0; level < 3; level++)
		levels_map(&l, level);
	/* in the middle, then at the bottom */
	ok(ioasid_space_unmap(l.space[1], AT(LENGTH), LENGTH));
	rig_holds(&l.r.hw[0], AT(0), l.memory);
	rig_lacks(&l.r.hw[1], AT(LENGTH), l.memory);
	rig_lacks(&l.r.hw[2], AT(2 * LENGTH), l.memory);
	levels_map(&l, 1);
	rig_holds(&l.r.hw[2], AT(2 * LENGTH), l.memory);
	ok(ioasid_space_unmap(l.space[0], AT(0), LENGTH));
	for (unsigned int level = 0; level < 3; level++)
		rig_lacks(&l.r.hw[level], AT(level * LENGTH), l.memory);
	expect_pins(&l.r, l.memory, 0, 0);
	levels_end(&l);
}
END_TEST

START_TEST(a_child_over_a_mosaic_has_each_of_its_pieces)
{
	struct levels l;

	levels_begin(&l);
	/* the parent has the pages in reverse, each a map of its own */
	for (uint64_t page = 0; page < PAGES; page++)
		ok(rig_map(l.space[0], AT(page * PAGE), l.memory + (PAGES - 1 - page) * PAGE, PAGE,
			RW));
	ok(rig_map(l.space[1], AT(LENGTH), (void *)(uintptr_t)AT(0), LENGTH, RW));
	for (uint64_t page = 0; page < PAGES; page++)
		ck_assert_int_eq(selftest_check_map(&l.r.hw[1], AT(LENGTH + page * PAGE), PAGE,
					 l.memory + (PAGES - 1 - page) * PAGE),
			0);
	ok(ioasid_space_unmap(l.space[0], AT(4 * PAGE), PAGE));
	for (uint64_t page = 0; page < PAGES; page++)
		ck_assert_int_eq(selftest_check_map(&l.r.hw[1], AT(LENGTH + page * PAGE), PAGE,
					 l.memory + (PAGES - 1 - page) * PAGE),
			page == 4 ? -EINVAL : 0);
	levels_end(&l);
}
END_TEST

/* The kernel makes lists of pages in several rounds: the maps are whole all the same. */
START_TEST(long_maps_are_whole_when_the_kernel_takes_them_in_pieces)
{
	struct levels l;

	levels_begin(&l);
	ck_assert_int_eq(selftest_memory_limit(l.r.iommufd, 32), 0);
	for (int level = 0; level < 3; level++)
		levels_map(&l, level);
	ck_assert_int_eq(selftest_memory_limit(l.r.iommufd, 65536), 0);
	for (unsigned int level = 0; level < 3; level++)
		rig_holds(&l.r.hw[level], AT(level * LENGTH), l.memory);
	levels_end(&l);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("shared memory");
	TCase *registered = support_case(suite, "registered memory");
	TCase *nested = support_case(suite, "software nesting");

	tcase_add_test(registered, memory_that_is_not_registered_is_pinned_by_each_map);
	tcase_add_test(registered, registered_memory_is_pinned_and_accounted_once);
	tcase_add_test(registered, registered_memory_can_be_mapped_for_reading_alone);
	tcase_add_test(registered, what_is_mapped_before_the_first_attach_is_pinned_by_it);
	tcase_add_test(nested, children_share_the_pages_of_their_parents);
	tcase_add_test(nested, what_a_parent_maps_later_appears_in_the_tables_of_its_children);
	tcase_add_test(nested, what_a_parent_unmaps_is_gone_from_the_tables_of_its_children);
	tcase_add_test(nested, a_child_over_a_mosaic_has_each_of_its_pieces);
	tcase_add_test(nested, long_maps_are_whole_when_the_kernel_takes_them_in_pieces);
	guest_run(suite);
}
