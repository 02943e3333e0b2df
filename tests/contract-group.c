/* SPDX-License-Identifier: MIT */
/*
 * The contract, rule 3: devices of one IOMMU group are attached to one space: one by one where the
 * backend is strict, all at once elsewhere. Each test has both sides, told apart by capability.
 */
#include "contract.h"
#include <stdio.h>
#include <stdlib.h>

#define WHERE AT(0x40000)

struct pair {
	struct contract_nic *nic[2]; /* one group */
	struct ioasid_space *space;
	struct ioasid_attachment *route; /* of the first */
	unsigned char *memory;
};

static void pair_begin(struct pair *p, struct contract *c)
{
	static const char *const names[] = {"left", "right"};
	void *hw[2];

	for (int i = 0; i < 2; i++)
		hw[i] = contract_hw(c, (struct contract_wish){.group = 7});
	for (int i = 0; i < 2; i++)
		p->nic[i] = contract_add(c, names[i], hw[i]);
	p->space = contract_space(c);
	p->memory = support_memory(PAGE, 3);
	p->route = contract_attach(p->nic[0], p->space);
}

static void pair_end(struct pair *p)
{
	ok(ioasid_attachment_detach(p->route));
	ok(ioasid_space_destroy(p->space));
	free(p->memory);
}

static uint32_t space_flags(struct ioasid_space *space)
{
	struct ioasid_space_info info = {.size = sizeof(info)};

	ok(ioasid_space_info(space, &info));
	return info.flags;
}

START_TEST(info_tells_of_the_group)
{
	struct contract c;
	struct pair p;
	struct ioasid_device_info info[2];

	contract_begin(&c, _i);
	NEEDS_GROUPS(&c);
	pair_begin(&p, &c);
	for (int i = 0; i < 2; i++) {
		info[i].size = sizeof(info[i]);
		ok(ioasid_device_info(p.nic[i]->device, &info[i]));
		ck_assert_uint_eq(info[i].group_size, 2);
	}
	ck_assert_uint_eq(info[0].group, info[1].group);
	pair_end(&p);
	contract_end(&c);
}
END_TEST

/* Strict: every command waits for the missing device, which is named. */
static void strict_waits(struct contract *c, struct pair *p)
{
	struct ioasid_attachment *other;

	fails(-EDEADLK, "right", contract_map(p->space, WHERE, p->memory, PAGE, IOASID_MAP_RW));
	fails(-EDEADLK, "right", ioasid_space_unmap(p->space, 0, UINT64_MAX));
	ck_assert_uint_ne(space_flags(p->space) & IOASID_SPACE_INFO_INCOMPLETE, 0);
	ck_assert_uint_eq(space_flags(p->space) & IOASID_SPACE_INFO_MOVES_GROUP, 0);
	other = contract_attach(p->nic[1], p->space);
	ck_assert_uint_eq(space_flags(p->space) & IOASID_SPACE_INFO_INCOMPLETE, 0);
	ok(contract_map(p->space, WHERE, p->memory, PAGE, IOASID_MAP_RW));
	DMA_SEES(c, p->nic[0], WHERE, p->memory, PAGE);
	DMA_SEES(c, p->nic[1], WHERE, p->memory, PAGE);
	ok(ioasid_attachment_detach(other));
	fails(-EDEADLK, "right", ioasid_space_unmap(p->space, WHERE, PAGE));
}

/* Elsewhere: the group moves with its first device. */
static void group_moves(struct contract *c, struct pair *p)
{
	ck_assert_uint_ne(space_flags(p->space) & IOASID_SPACE_INFO_MOVES_GROUP, 0);
	ck_assert_uint_eq(space_flags(p->space) & IOASID_SPACE_INFO_INCOMPLETE, 0);
	ok(contract_map(p->space, WHERE, p->memory, PAGE, IOASID_MAP_RW));
	DMA_SEES(c, p->nic[0], WHERE, p->memory, PAGE);
	DMA_SEES(c, p->nic[1], WHERE, p->memory, PAGE);
}

START_TEST(a_space_with_half_a_group_waits_or_has_it_all)
{
	struct contract c;
	struct pair p;

	contract_begin(&c, _i);
	NEEDS_GROUPS(&c);
	pair_begin(&p, &c);
	if (contract_has(&c, IOASID_EXT_GROUP_STRICT))
		strict_waits(&c, &p);
	else
		group_moves(&c, &p);
	pair_end(&p);
	contract_end(&c);
}
END_TEST

START_TEST(a_missing_device_that_nobody_bound_is_still_missed)
{
	struct contract c;
	struct pair p;

	contract_begin(&c, _i);
	NEEDS(&c, IOASID_EXT_GROUP_STRICT);
	NEEDS_GROUPS(&c);
	pair_begin(&p, &c);
	ok(ioasid_device_unbind(p.nic[1]->device));
	c.nics--;
	fails(-EDEADLK, "group", contract_map(p.space, WHERE, p.memory, PAGE, IOASID_MAP_RW));
	pair_end(&p);
	contract_end(&c);
}
END_TEST

/* Strict: it can, but then neither space takes a command, each naming whom it misses. */
static void strict_goes_elsewhere(struct pair *p, struct ioasid_space *elsewhere)
{
	struct ioasid_attachment *route = contract_attach(p->nic[1], elsewhere);

	fails(-EDEADLK, "right", contract_map(p->space, WHERE, p->memory, PAGE, IOASID_MAP_RW));
	fails(-EDEADLK, "left", contract_map(elsewhere, WHERE, p->memory, PAGE, IOASID_MAP_RW));
	ok(ioasid_attachment_detach(route));
}

/* Elsewhere: it is where the group is, and the error says where that is. */
static void group_stays(struct pair *p, struct ioasid_space *elsewhere)
{
	struct ioasid_attachment *route = NULL;
	char where[32];

	snprintf(where, sizeof(where), "space %u", ioasid_space_id(p->space));
	fails(-EBUSY, where, ioasid_device_attach(p->nic[1]->device, elsewhere, NULL, &route));
	support_error_has("right", "ioasid_device_attach");
	support_error_has("group", "ioasid_device_attach");
	ck_assert_ptr_null(route);
}

START_TEST(the_groups_other_device_cannot_be_of_use_elsewhere)
{
	struct contract c;
	struct pair p;

	contract_begin(&c, _i);
	NEEDS_GROUPS(&c);
	pair_begin(&p, &c);

	struct ioasid_space *elsewhere = contract_space(&c);

	if (contract_has(&c, IOASID_EXT_GROUP_STRICT))
		strict_goes_elsewhere(&p, elsewhere);
	else
		group_stays(&p, elsewhere);
	ok(ioasid_space_destroy(elsewhere));
	pair_end(&p);
	contract_end(&c);
}
END_TEST

START_TEST(the_groups_other_device_is_attached_to_the_same_space)
{
	struct contract c;
	struct pair p;

	contract_begin(&c, _i);
	NEEDS_GROUPS(&c);
	pair_begin(&p, &c);

	struct ioasid_attachment *other = contract_attach(p.nic[1], p.space);

	ok(contract_map(p.space, WHERE, p.memory, PAGE, IOASID_MAP_RW));
	DMA_SEES(&c, p.nic[1], WHERE, p.memory, PAGE);
	ok(ioasid_attachment_detach(other));
	/* where groups are strict, one that is split may not go on */
	if (!contract_has(&c, IOASID_EXT_GROUP_STRICT))
		DMA_SEES(&c, p.nic[0], WHERE, p.memory, PAGE);
	pair_end(&p);
	contract_end(&c);
}
END_TEST

START_TEST(replace_moves_the_group_where_attach_does)
{
	struct contract c;
	struct pair p;

	contract_begin(&c, _i);
	NEEDS_GROUPS(&c);
	pair_begin(&p, &c);

	struct ioasid_attachment *other = contract_attach(p.nic[1], p.space);
	struct ioasid_space *elsewhere = contract_space(&c);

	if (!contract_has(&c, IOASID_EXT_GROUP_STRICT)) {
		ok(ioasid_attachment_replace(p.route, elsewhere));
		ck_assert_ptr_eq(ioasid_attachment_space(other), elsewhere);
		ok(contract_map(elsewhere, WHERE, p.memory, PAGE, IOASID_MAP_RW));
		DMA_SEES(&c, p.nic[0], WHERE, p.memory, PAGE);
		DMA_SEES(&c, p.nic[1], WHERE, p.memory, PAGE);
	}
	ok(ioasid_attachment_detach(other));
	pair_end(&p);
	ok(ioasid_space_destroy(elsewhere));
	contract_end(&c);
}
END_TEST

void contract_add_group(Suite *suite)
{
	TCase *tcase = support_case(suite, "rule 3: groups");

	contract_test(tcase, info_tells_of_the_group);
	contract_test(tcase, a_space_with_half_a_group_waits_or_has_it_all);
	contract_test(tcase, a_missing_device_that_nobody_bound_is_still_missed);
	contract_test(tcase, the_groups_other_device_cannot_be_of_use_elsewhere);
	contract_test(tcase, the_groups_other_device_is_attached_to_the_same_space);
	contract_test(tcase, replace_moves_the_group_where_attach_does);
}
