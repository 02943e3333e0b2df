/* SPDX-License-Identifier: MIT */
/*
 * The contract, rule 3 once more: where an attach moves a whole group, its devices share the route
 * of each PASID, and one of them may have led it on to a child. What the others may do then. Where
 * groups are strict, each device has routes of its own, and there is nothing to test.
 */
#include "contract.h"
#include <stdio.h>
#include <stdlib.h>

#define PASID UINT32_C(5)
#define OTHER UINT32_C(6)
#define WHERE AT(0x40000)

/* Two devices of a group, each attached to the parent. */
struct mates {
	struct contract c;
	struct contract_nic *nic[2];
	struct ioasid_space *parent, *child, *sibling, *grandchild, *elsewhere;
	struct ioasid_attachment *route[2];
	unsigned char *memory; /* a page for each root and each child */
};

static void map_all(struct mates *m)
{
	const unsigned char *memory = m->memory;

	ok(contract_map(m->parent, WHERE, memory, PAGE, IOASID_MAP_RW));
	ok(contract_map(m->parent, WHERE + PAGE, memory + PAGE, 2 * PAGE, IOASID_MAP_RW));
	ok(contract_map(m->elsewhere, WHERE, memory + 3 * PAGE, PAGE, IOASID_MAP_RW));
	ok(contract_nest(m->child, WHERE, WHERE + PAGE, PAGE, IOASID_MAP_RW));
	ok(contract_nest(m->sibling, WHERE, WHERE + 2 * PAGE, PAGE, IOASID_MAP_RW));
}

static void mates_begin(struct mates *m)
{
	static const char *const names[] = {"left", "right"};
	void *hw[2];

	for (int i = 0; i < 2; i++)
		hw[i] = contract_hw(&m->c, (struct contract_wish){.group = 7, .pasid_bits = 8});
	m->parent = contract_space(&m->c);
	m->child = contract_child(m->parent);
	m->sibling = contract_child(m->parent);
	m->grandchild = contract_child(m->child);
	m->elsewhere = contract_space(&m->c);
	m->memory = support_memory(4 * PAGE, 17);
	for (int i = 0; i < 2; i++) {
		m->nic[i] = contract_add(&m->c, names[i], hw[i]);
		m->route[i] = contract_attach(m->nic[i], m->parent);
	}
	map_all(m);
}

static void mates_end(struct mates *m)
{
	for (int i = 0; i < 2; i++)
		ok(ioasid_attachment_detach(m->route[i]));
	ok(ioasid_space_destroy(m->grandchild));
	ok(ioasid_space_destroy(m->child));
	ok(ioasid_space_destroy(m->sibling));
	ok(ioasid_space_destroy(m->parent));
	ok(ioasid_space_destroy(m->elsewhere));
	contract_end(&m->c);
	free(m->memory);
}

/* Begins the test, or ends it where groups are strict. */
#define MATES(m, platform)                                                                         \
	do {                                                                                       \
		contract_begin(&(m)->c, platform);                                                 \
		NEEDS_TRUTH(&(m)->c, !contract_has(&(m)->c, IOASID_EXT_GROUP_STRICT));             \
		NEEDS_GROUPS(&(m)->c);                                                             \
		NEEDS_DEVICE(&(m)->c, .pasid_bits = 8);                                            \
		mates_begin(m);                                                                    \
	} while (0)

/* Both devices see this page of memory by that route: it leads where it led. */
#define BOTH_SEE(m, pasid, page)                                                                   \
	for (int both = 0; both < 2; both++)                                                       \
	contract_dma_sees(&(m)->c, (m)->nic[both], pasid, WHERE, (m)->memory + (page)*PAGE, PAGE)

static char *space_name(char *text, size_t size, const struct ioasid_space *space)
{
	snprintf(text, size, "space %u", ioasid_space_id(space));
	return text;
}

START_TEST(a_route_that_a_mate_led_to_a_child_goes_to_no_sibling)
{
	struct mates m;
	struct ioasid_attachment *over, *refused = NULL, *same;
	char name[32];

	MATES(&m, _i);
	over = contract_attach(m.nic[0], m.child);
	fails(-EBUSY, space_name(name, sizeof(name), m.child),
		ioasid_device_attach(m.nic[1]->device, m.sibling, NULL, &refused));
	ck_assert_ptr_null(refused);
	BOTH_SEE(&m, IOASID_PASID_NONE, 1);
	/* to the same child it may */
	same = contract_attach(m.nic[1], m.child);
	ok(ioasid_attachment_detach(over));
	BOTH_SEE(&m, IOASID_PASID_NONE, 1);
	ok(ioasid_attachment_detach(same));
	BOTH_SEE(&m, IOASID_PASID_NONE, 0);
	mates_end(&m);
}
END_TEST

START_TEST(a_mate_follows_to_any_level)
{
	struct mates m;
	struct ioasid_attachment *left[2], *right[2];

	MATES(&m, _i);
	ok(contract_nest(m.grandchild, WHERE, WHERE, PAGE, IOASID_MAP_RW));
	left[0] = contract_attach(m.nic[0], m.child);
	left[1] = contract_attach(m.nic[0], m.grandchild);
	/* the group is two levels further on: step by step, without pulling it back */
	right[0] = contract_attach(m.nic[1], m.child);
	ok(ioasid_space_unmap(m.child, WHERE, PAGE));
	ok(contract_nest(m.child, WHERE, WHERE, PAGE, IOASID_MAP_RW));
	BOTH_SEE(&m, IOASID_PASID_NONE, 0);
	right[1] = contract_attach(m.nic[1], m.grandchild);
	for (int i = 1; i >= 0; i--) {
		ok(ioasid_attachment_detach(left[i]));
		ok(ioasid_attachment_detach(right[i]));
	}
	BOTH_SEE(&m, IOASID_PASID_NONE, 0);
	mates_end(&m);
}
END_TEST

START_TEST(a_replace_below_what_a_mate_led_on_is_busy)
{
	struct mates m;
	struct ioasid_attachment *deep, *over, *shallow;
	char name[32];

	MATES(&m, _i);
	/* the left one's route with the PASID leads to the child, the right one's is under it */
	deep = contract_attach_pasid(m.nic[0], m.child, PASID);
	over = contract_attach(m.nic[1], m.child);
	shallow = contract_attach_pasid(m.nic[1], m.parent, PASID);
	fails(-EBUSY, space_name(name, sizeof(name), m.child),
		ioasid_attachment_replace(shallow, m.elsewhere));
	fails(-EBUSY, space_name(name, sizeof(name), m.child),
		ioasid_attachment_replace(shallow, m.grandchild));
	ck_assert_ptr_eq(ioasid_attachment_space(shallow), m.parent);
	BOTH_SEE(&m, PASID, 1);
	ok(ioasid_attachment_detach(deep));
	BOTH_SEE(&m, PASID, 0);
	ok(ioasid_attachment_replace(shallow, m.elsewhere));
	BOTH_SEE(&m, PASID, 3);
	ok(ioasid_attachment_detach(shallow));
	ok(ioasid_attachment_detach(over));
	mates_end(&m);
}
END_TEST

START_TEST(a_replace_that_takes_a_mate_off_its_childs_parent_is_busy)
{
	struct mates m;
	struct ioasid_attachment *nested;

	MATES(&m, _i);
	nested = contract_attach_pasid(m.nic[1], m.child, PASID);
	fails(-EBUSY, "right", ioasid_attachment_replace(m.route[0], m.elsewhere));
	ck_assert_ptr_eq(ioasid_attachment_space(m.route[0]), m.parent);
	ck_assert_ptr_eq(ioasid_attachment_space(m.route[1]), m.parent);
	BOTH_SEE(&m, IOASID_PASID_NONE, 0);
	BOTH_SEE(&m, PASID, 1);
	ok(ioasid_attachment_detach(nested));
	ok(ioasid_attachment_replace(m.route[0], m.elsewhere));
	ck_assert_ptr_eq(ioasid_attachment_space(m.route[1]), m.elsewhere);
	BOTH_SEE(&m, IOASID_PASID_NONE, 3);
	mates_end(&m);
}
END_TEST

START_TEST(a_replace_that_leaves_a_mate_behind_is_busy)
{
	struct mates m;
	struct ioasid_attachment *deep, *shallow;

	MATES(&m, _i);
	deep = contract_attach_pasid(m.nic[0], m.child, PASID);
	shallow = contract_attach_pasid(m.nic[1], m.parent, PASID);
	fails(-EBUSY, "right", ioasid_attachment_replace(deep, m.elsewhere));
	BOTH_SEE(&m, PASID, 1);
	/* a sibling leads back to the parent that the mate is attached to */
	ok(ioasid_attachment_replace(deep, m.sibling));
	BOTH_SEE(&m, PASID, 2);
	ok(ioasid_attachment_detach(deep));
	BOTH_SEE(&m, PASID, 0);
	ok(ioasid_attachment_detach(shallow));
	mates_end(&m);
}
END_TEST

/* Of one device: a child needs one attachment to its parent, whichever. */
START_TEST(a_parent_can_be_left_while_another_route_leads_there)
{
	struct contract c;

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .pasid_bits = 8);

	struct contract_nic *nic =
		contract_nic(&c, "nic0", (struct contract_wish){.pasid_bits = 8});
	struct ioasid_space *parent = contract_space(&c), *child = contract_child(parent);
	struct ioasid_attachment *first = contract_attach(nic, parent);
	struct ioasid_attachment *second = contract_attach_pasid(nic, parent, PASID);
	struct ioasid_attachment *nested = contract_attach_pasid(nic, child, OTHER);

	ok(ioasid_attachment_detach(first));
	fails(-EBUSY, "nic0", ioasid_attachment_detach(second));
	ok(ioasid_attachment_detach(nested));
	ok(ioasid_attachment_detach(second));
	ok(ioasid_space_destroy(child));
	ok(ioasid_space_destroy(parent));
	contract_end(&c);
}
END_TEST

static uint32_t space_flags(struct ioasid_space *space)
{
	struct ioasid_space_info info = {.size = sizeof(info)};

	ok(ioasid_space_info(space, &info));
	return info.flags;
}

static void expect_incomplete(struct mates *m, struct ioasid_space *space, const char *missing)
{
	ck_assert_uint_ne(space_flags(space) & IOASID_SPACE_INFO_INCOMPLETE, 0);
	fails(-EDEADLK, missing,
		contract_map(space, WHERE + 8 * PAGE, m->memory, PAGE, IOASID_MAP_RW));
	fails(-EDEADLK, missing, ioasid_space_unmap(space, 0, UINT64_MAX));
}

static void strict_begin(struct mates *m)
{
	static const char *const names[] = {"left", "right"};
	void *hw[2];

	for (int i = 0; i < 2; i++)
		hw[i] = contract_hw(&m->c, (struct contract_wish){.group = 7});
	m->parent = contract_space(&m->c);
	m->elsewhere = contract_space(&m->c);
	m->memory = support_memory(PAGE, 17);
	for (int i = 0; i < 2; i++) {
		m->nic[i] = contract_add(&m->c, names[i], hw[i]);
		m->route[i] = contract_attach(m->nic[i], m->parent);
	}
}

static void strict_end(struct mates *m)
{
	for (int i = 0; i < 2; i++)
		ok(ioasid_attachment_detach(m->route[i]));
	ok(ioasid_space_destroy(m->parent));
	ok(ioasid_space_destroy(m->elsewhere));
	contract_end(&m->c);
	free(m->memory);
}

START_TEST(strictly_a_space_that_a_replace_left_is_incomplete_again)
{
	struct mates m;

	contract_begin(&m.c, _i);
	NEEDS(&m.c, IOASID_EXT_GROUP_STRICT);
	NEEDS_GROUPS(&m.c);
	strict_begin(&m);
	ok(contract_map(m.parent, WHERE, m.memory, PAGE, IOASID_MAP_RW));
	ok(ioasid_attachment_replace(m.route[0], m.elsewhere));
	ck_assert_ptr_eq(ioasid_attachment_space(m.route[1]), m.parent);
	expect_incomplete(&m, m.parent, "left");
	expect_incomplete(&m, m.elsewhere, "right");
	ok(ioasid_attachment_replace(m.route[1], m.elsewhere));
	ck_assert_uint_eq(space_flags(m.elsewhere) & IOASID_SPACE_INFO_INCOMPLETE, 0);
	ok(contract_map(m.elsewhere, WHERE, m.memory, PAGE, IOASID_MAP_RW));
	for (int i = 0; i < 2; i++)
		DMA_SEES(&m.c, m.nic[i], WHERE, m.memory, PAGE);
	strict_end(&m);
}
END_TEST

void contract_add_mates(Suite *suite)
{
	TCase *tcase = support_case(suite, "rule 3: mates that lead on");

	contract_test(tcase, a_route_that_a_mate_led_to_a_child_goes_to_no_sibling);
	contract_test(tcase, a_mate_follows_to_any_level);
	contract_test(tcase, a_replace_below_what_a_mate_led_on_is_busy);
	contract_test(tcase, a_replace_that_takes_a_mate_off_its_childs_parent_is_busy);
	contract_test(tcase, a_replace_that_leaves_a_mate_behind_is_busy);
	contract_test(tcase, a_parent_can_be_left_while_another_route_leads_there);
	contract_test(tcase, strictly_a_space_that_a_replace_left_is_incomplete_again);
}
