/* SPDX-License-Identifier: MIT */
/*
 * Software nesting, told by what a device sees: any change of either level, in any order, shows
 * at once. Random operations are in test-nest-model.c, failing ones in test-nest-fail.c.
 */
#include "nest.h"
#include <stdlib.h>

#define RW IOASID_MAP_RW
#define R  IOASID_MAP_READ
#define W  IOASID_MAP_WRITE

START_TEST(a_child_shows_what_its_parent_maps)
{
	struct nest n;

	nest_begin(&n, _i);
	ok(nest_map_parent(&n, 100, 0, 4, RW));
	NEST_FAILS(&n, 100);
	ok(nest_map_child(&n, 200, 101, 2, RW));
	NEST_SEES(&n, 200, 1);
	NEST_SEES(&n, 201, 2);
	NEST_FAILS(&n, 199);
	NEST_FAILS(&n, 202);
	ok(nest_unmap(n.child, 200, 2));
	NEST_FAILS(&n, 200);
	nest_end(&n);
}
END_TEST

START_TEST(a_child_may_be_mapped_before_its_parent)
{
	struct nest n;

	nest_begin(&n, _i);
	ok(nest_map_child(&n, 200, 100, 4, RW));
	for (uint64_t i = 0; i < 4; i++)
		NEST_FAILS(&n, 200 + i);
	ok(nest_map_parent(&n, 100, 0, 4, RW));
	for (uint64_t i = 0; i < 4; i++)
		NEST_SEES(&n, 200 + i, i);
	nest_end(&n);
}
END_TEST

START_TEST(parent_maps_come_and_go_below_a_childs_map)
{
	struct nest n;

	nest_begin(&n, _i);
	ok(nest_map_parent(&n, 100, 0, 2, RW));
	ok(nest_map_child(&n, 200, 100, 4, RW));
	NEST_SEES(&n, 201, 1);
	NEST_FAILS(&n, 202);
	ok(nest_map_parent(&n, 102, 2, 2, RW));
	NEST_SEES(&n, 202, 2);
	ck_assert_int_eq(ok(nest_unmap(n.parent, 100, 2)), 2 * (int64_t)PAGE);
	NEST_FAILS(&n, 200);
	NEST_SEES(&n, 203, 3);
	ok(nest_map_parent(&n, 100, 8, 2, RW));
	NEST_SEES(&n, 200, 8);
	NEST_SEES(&n, 201, 9);
	ok(ioasid_space_unmap(n.parent, 0, UINT64_MAX));
	for (uint64_t i = 0; i < 4; i++)
		NEST_FAILS(&n, 200 + i);
	/* the child's own map is still there, whole */
	fails(-EEXIST, "0x400c8000-0x400cbfff", nest_map_child(&n, 201, 0, 1, R));
	ck_assert_int_eq(ok(nest_unmap(n.child, 200, 4)), 4 * (int64_t)PAGE);
	nest_end(&n);
}
END_TEST

START_TEST(a_childs_map_may_span_parent_maps_and_holes)
{
	struct nest n;

	nest_begin(&n, _i);
	ok(nest_map_parent(&n, 100, 7, 2, RW));
	ok(nest_map_parent(&n, 102, 3, 1, RW));
	ok(nest_map_parent(&n, 104, 0, 4, RW));
	/* begins and ends within parent maps */
	ok(nest_map_child(&n, 300, 101, 5, RW));
	NEST_SEES(&n, 300, 8);
	NEST_SEES(&n, 301, 3);
	NEST_FAILS(&n, 302);
	NEST_SEES(&n, 303, 0);
	NEST_SEES(&n, 304, 1);
	NEST_FAILS(&n, 305);
	ok(nest_map_parent(&n, 103, 12, 1, RW));
	NEST_SEES(&n, 302, 12);
	ok(nest_unmap(n.parent, 102, 1));
	NEST_FAILS(&n, 301);
	NEST_SEES(&n, 302, 12);
	ck_assert_int_eq(ok(nest_unmap(n.child, 300, 5)), 5 * (int64_t)PAGE);
	for (uint64_t i = 0; i < 5; i++)
		NEST_FAILS(&n, 300 + i);
	nest_end(&n);
}
END_TEST

START_TEST(one_page_of_the_parent_may_be_seen_at_many_places)
{
	struct nest n;

	nest_begin(&n, _i);
	ok(nest_map_parent(&n, 100, 5, 1, RW));
	for (uint64_t i = 0; i < 40; i++)
		ok(nest_map_child(&n, 200 + 2 * i, 100, 1, RW));
	for (uint64_t i = 0; i < 40; i++)
		NEST_SEES(&n, 200 + 2 * i, 5);
	ok(nest_unmap(n.parent, 100, 1));
	for (uint64_t i = 0; i < 40; i++)
		NEST_FAILS(&n, 200 + 2 * i);
	ok(nest_map_parent(&n, 100, 6, 1, RW));
	ok(nest_unmap(n.child, 200, 40));
	for (uint64_t i = 0; i < 40; i++) {
		if (i < 20)
			NEST_FAILS(&n, 200 + 2 * i);
		else
			NEST_SEES(&n, 200 + 2 * i, 6);
	}
	nest_end(&n);
}
END_TEST

/* What the device may do at a page of the child: R and W. */
static uint32_t allowed(struct nest *n, uint64_t iova)
{
	uint32_t flags = 0;
	unsigned char byte = 1;

	if (!contract_dma_read(&n->c, n->nic, NEST_AT(iova), &byte, 1))
		flags |= R;
	if (!contract_dma_write(&n->c, n->nic, NEST_AT(iova), &byte, 1))
		flags |= W;
	return flags;
}

START_TEST(permissions_of_both_levels_must_agree)
{
	struct nest n;

	nest_begin(&n, _i);
	for (uint32_t below = R; below <= RW; below++)
		ok(nest_map_parent(&n, 100 + below, below, 1, below));
	for (uint32_t above = R; above <= RW; above++)
		ok(nest_map_child(&n, 200 + 10 * above, 100, 5, above));
	for (uint32_t above = R; above <= RW; above++)
		for (uint32_t below = R; below <= RW; below++)
			ck_assert_uint_eq(allowed(&n, 200 + 10 * above + below), above & below);
	/* and when the parent comes later */
	for (uint32_t below = R; below <= RW; below++) {
		ok(nest_unmap(n.parent, 100 + below, 1));
		ok(nest_map_parent(&n, 100 + below, below, 1, RW ^ (below & W)));
	}
	for (uint32_t above = R; above <= RW; above++)
		for (uint32_t below = R; below <= RW; below++)
			ck_assert_uint_eq(
				allowed(&n, 200 + 10 * above + below), above & (RW ^ (below & W)));
	nest_end(&n);
}
END_TEST

START_TEST(three_levels_are_followed)
{
	struct nest n;

	nest_begin(&n, _i);
	struct ioasid_space *top = contract_child(n.child);
	struct ioasid_attachment *route = contract_attach(n.nic, top);

	ok(contract_nest(top, NEST_AT(300), NEST_AT(200), 4 * PAGE, RW));
	NEST_FAILS(&n, 300);
	ok(nest_map_child(&n, 200, 100, 3, RW));
	NEST_FAILS(&n, 300);
	ok(nest_map_parent(&n, 100, 0, 3, RW));
	NEST_SEES(&n, 300, 0);
	NEST_SEES(&n, 302, 2);
	NEST_FAILS(&n, 303);
	ok(nest_unmap(n.child, 200, 3));
	NEST_FAILS(&n, 300);
	ok(nest_map_child(&n, 201, 102, 3, RW));
	NEST_SEES(&n, 301, 2);
	NEST_FAILS(&n, 300);
	ok(nest_map_parent(&n, 103, 9, 2, R));
	NEST_SEES(&n, 302, 9);
	NEST_SEES(&n, 303, 10);
	ok(ioasid_attachment_detach(route));
	NEST_FAILS(&n, 301 + 2);
	NEST_SEES(&n, 201, 2);
	ok(ioasid_space_destroy(top));
	nest_end(&n);
}
END_TEST

START_TEST(siblings_are_apart)
{
	struct nest n;

	nest_begin(&n, _i);
	struct ioasid_space *sister = contract_child(n.parent);
	struct contract_nic *other = contract_nic(&n.c, "nic1", (struct contract_wish){0});
	struct ioasid_attachment *below = contract_attach(other, n.parent);
	struct ioasid_attachment *over = contract_attach(other, sister);

	ok(nest_map_parent(&n, 100, 0, 4, RW));
	ok(nest_map_child(&n, 200, 100, 1, RW));
	ok(contract_nest(sister, NEST_AT(200), NEST_AT(101), PAGE, RW));
	NEST_SEES(&n, 200, 0);
	DMA_SEES(&n.c, other, NEST_AT(200), nest_page(&n, 1), PAGE);
	ok(nest_unmap(n.child, 200, 1));
	NEST_FAILS(&n, 200);
	DMA_SEES(&n.c, other, NEST_AT(200), nest_page(&n, 1), PAGE);
	ok(ioasid_attachment_detach(over));
	ok(ioasid_attachment_detach(below));
	ok(ioasid_space_destroy(sister));
	nest_end(&n);
}
END_TEST

START_TEST(pinned_memory_is_counted_once)
{
	struct nest n;
	uint64_t before;

	nest_begin(&n, _i);
	before = n.c.platform->pinned(n.c.machine);
	ok(nest_map_parent(&n, 100, 0, 8, RW));
	/* at once, or when a device reaches it: the route leads to the child */
	if (n.c.platform->pinned(n.c.machine) != before)
		ck_assert_uint_eq(n.c.platform->pinned(n.c.machine), before + 8 * PAGE);
	for (uint64_t i = 0; i < 4; i++)
		ok(nest_map_child(&n, 200 + 10 * i, 100, 8, RW));
	ck_assert_uint_eq(n.c.platform->pinned(n.c.machine), before + 8 * PAGE);
	ok(nest_unmap(n.child, 200, 8));
	ck_assert_uint_eq(n.c.platform->pinned(n.c.machine), before + 8 * PAGE);
	ok(nest_unmap(n.parent, 100, 8));
	ck_assert_uint_eq(n.c.platform->pinned(n.c.machine), before);
	nest_end(&n);
}
END_TEST

START_TEST(a_map_before_the_children_are_attached_is_seen_too)
{
	struct nest n;

	nest_begin(&n, _i);
	if (contract_has(&n.c, IOASID_EXT_MAP_BEFORE_ATTACH)) {
		struct ioasid_space *late = contract_child(n.parent);

		ok(contract_nest(late, NEST_AT(300), NEST_AT(100), 2 * PAGE, RW));
		ok(nest_map_parent(&n, 100, 3, 1, RW));
		ok(ioasid_attachment_replace(n.over, late));
		NEST_SEES(&n, 300, 3);
		NEST_FAILS(&n, 301);
		ok(ioasid_attachment_replace(n.over, n.child));
		ok(ioasid_space_destroy(late));
	}
	nest_end(&n);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nest");
	TCase *tcase = support_case(suite, "steps");

	contract_test(tcase, a_child_shows_what_its_parent_maps);
	contract_test(tcase, a_child_may_be_mapped_before_its_parent);
	contract_test(tcase, parent_maps_come_and_go_below_a_childs_map);
	contract_test(tcase, a_childs_map_may_span_parent_maps_and_holes);
	contract_test(tcase, one_page_of_the_parent_may_be_seen_at_many_places);
	contract_test(tcase, permissions_of_both_levels_must_agree);
	contract_test(tcase, three_levels_are_followed);
	contract_test(tcase, siblings_are_apart);
	contract_test(tcase, pinned_memory_is_counted_once);
	contract_test(tcase, a_map_before_the_children_are_attached_is_seen_too);
	return support_run(suite);
}
