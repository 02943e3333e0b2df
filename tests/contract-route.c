/* SPDX-License-Identifier: MIT */
/*
 * The contract, rule 2: a route leads to one space; a child is attached only where its parent is,
 * and detaching it leads the route back. What a route leads to is told by what the device sees.
 */
#include "contract.h"
#include <stdlib.h>

/* Two spaces over one device, each with memory of its own at the same address. */
struct two {
	uint32_t pasid_bits; /* of the device */
	struct contract_nic *nic;
	struct ioasid_space *space[2];
	struct ioasid_attachment *first; /* the nic's default route to space[0] */
	struct ioasid_attachment *helper;
	unsigned char *memory[2];
};

#define WHERE AT(0x40000)

static void two_begin(struct two *t, struct contract *c)
{
	t->nic = contract_nic(c, "nic0", (struct contract_wish){.pasid_bits = t->pasid_bits});
	for (int i = 0; i < 2; i++) {
		t->space[i] = contract_space(c);
		t->memory[i] = support_memory(PAGE, (unsigned int)i + 1);
	}
	t->first = contract_attach(t->nic, t->space[0]);
	/* strict backends take no map before somebody is attached */
	t->helper =
		contract_attach(contract_nic(c, "helper", (struct contract_wish){0}), t->space[1]);
	for (int i = 0; i < 2; i++)
		ok(contract_map(t->space[i], WHERE, t->memory[i], PAGE, IOASID_MAP_RW));
}

static void two_end(struct two *t)
{
	ok(ioasid_attachment_detach(t->first));
	ok(ioasid_attachment_detach(t->helper));
	for (int i = 0; i < 2; i++) {
		ok(ioasid_space_destroy(t->space[i]));
		free(t->memory[i]);
	}
}

START_TEST(a_route_leads_to_one_space)
{
	struct contract c;
	struct two t = {0};
	struct ioasid_attachment *more = NULL;

	contract_begin(&c, _i);
	two_begin(&t, &c);
	DMA_SEES(&c, t.nic, WHERE, t.memory[0], PAGE);
	fails(-EBUSY, "nic0", ioasid_device_attach(t.nic->device, t.space[1], NULL, &more));
	fails(-EEXIST, "nic0", ioasid_device_attach(t.nic->device, t.space[0], NULL, &more));
	ck_assert_ptr_null(more);
	DMA_SEES(&c, t.nic, WHERE, t.memory[0], PAGE);
	two_end(&t);
	contract_end(&c);
}
END_TEST

START_TEST(a_detached_device_reaches_nothing)
{
	struct contract c;
	struct two t = {0};

	contract_begin(&c, _i);
	two_begin(&t, &c);
	DMA_SEES(&c, t.nic, WHERE, t.memory[0], PAGE);
	ok(ioasid_attachment_detach(t.first));
	DMA_FAILS(&c, t.nic, WHERE);
	t.first = contract_attach(t.nic, t.space[0]);
	DMA_SEES(&c, t.nic, WHERE, t.memory[0], PAGE);
	two_end(&t);
	contract_end(&c);
}
END_TEST

START_TEST(replace_leads_the_route_elsewhere)
{
	struct contract c;
	struct two t = {0};

	contract_begin(&c, _i);
	two_begin(&t, &c);
	ok(ioasid_attachment_replace(t.first, t.space[1]));
	ck_assert_ptr_eq(ioasid_attachment_space(t.first), t.space[1]);
	DMA_SEES(&c, t.nic, WHERE, t.memory[1], PAGE);
	ok(ioasid_attachment_replace(t.first, t.space[0]));
	DMA_SEES(&c, t.nic, WHERE, t.memory[0], PAGE);
	two_end(&t);
	contract_end(&c);
}
END_TEST

START_TEST(replace_with_the_same_space_changes_nothing)
{
	struct contract c;
	struct two t = {0};

	contract_begin(&c, _i);
	two_begin(&t, &c);
	ok(ioasid_attachment_replace(t.first, t.space[0]));
	ck_assert_ptr_eq(ioasid_attachment_space(t.first), t.space[0]);
	DMA_SEES(&c, t.nic, WHERE, t.memory[0], PAGE);
	two_end(&t);
	contract_end(&c);
}
END_TEST

START_TEST(routes_with_a_pasid_are_independent)
{
	struct contract c;
	struct two t = {.pasid_bits = 8};

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .pasid_bits = 8);
	two_begin(&t, &c);

	struct ioasid_attachment *five = contract_attach_pasid(t.nic, t.space[1], 5);
	struct ioasid_attachment *zero = contract_attach_pasid(t.nic, t.space[1], 0);

	contract_dma_sees(&c, t.nic, 5, WHERE, t.memory[1], PAGE);
	contract_dma_sees(&c, t.nic, 0, WHERE, t.memory[1], PAGE);
	DMA_SEES(&c, t.nic, WHERE, t.memory[0], PAGE);
	contract_dma_fails(&c, t.nic, 6, WHERE);
	ok(ioasid_attachment_replace(five, t.space[0]));
	contract_dma_sees(&c, t.nic, 5, WHERE, t.memory[0], PAGE);
	contract_dma_sees(&c, t.nic, 0, WHERE, t.memory[1], PAGE);
	ok(ioasid_attachment_detach(five));
	contract_dma_fails(&c, t.nic, 5, WHERE);
	contract_dma_sees(&c, t.nic, 0, WHERE, t.memory[1], PAGE);
	ok(ioasid_attachment_detach(zero));
	two_end(&t);
	contract_end(&c);
}
END_TEST

START_TEST(a_pasid_too_wide_for_the_device_is_refused)
{
	struct contract c;
	struct two t = {.pasid_bits = 8};
	struct ioasid_attachment *more = NULL;

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .pasid_bits = 8);
	two_begin(&t, &c);
	fails(-EINVAL, "256",
		ioasid_device_attach(t.nic->device, t.space[0],
			IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = 256),
			&more));
	ck_assert_ptr_null(more);
	ok(ioasid_attachment_detach(contract_attach_pasid(t.nic, t.space[0], 255)));
	two_end(&t);
	contract_end(&c);
}
END_TEST

START_TEST(a_child_is_attached_only_where_its_parent_is)
{
	struct contract c;
	struct two t = {0};
	struct ioasid_attachment *more = NULL;

	contract_begin(&c, _i);
	two_begin(&t, &c);

	struct ioasid_space *child = contract_child(t.space[1]);

	fails(-EBUSY, "nic0", ioasid_device_attach(t.nic->device, child, NULL, &more));
	fails(-EINVAL, "nic0", ioasid_attachment_replace(t.first, child));
	DMA_SEES(&c, t.nic, WHERE, t.memory[0], PAGE);
	ok(ioasid_attachment_detach(t.first));
	fails(-EINVAL, "nic0", ioasid_device_attach(t.nic->device, child, NULL, &more));
	ck_assert_ptr_null(more);
	DMA_FAILS(&c, t.nic, WHERE);
	t.first = contract_attach(t.nic, t.space[0]);
	ok(ioasid_space_destroy(child));
	two_end(&t);
	contract_end(&c);
}
END_TEST

START_TEST(a_child_is_attached_only_where_its_parent_is_whatever_the_pasid)
{
	struct contract c;
	struct two t = {.pasid_bits = 8};
	struct ioasid_attachment *more = NULL;

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .pasid_bits = 8);
	two_begin(&t, &c);

	struct ioasid_space *child = contract_child(t.space[1]);

	/* one route leads elsewhere, the other nowhere */
	fails(-EBUSY, "nic0", ioasid_device_attach(t.nic->device, child, NULL, &more));
	fails(-EINVAL, "nic0",
		ioasid_device_attach(t.nic->device, child,
			IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = 9),
			&more));
	ck_assert_ptr_null(more);
	DMA_SEES(&c, t.nic, WHERE, t.memory[0], PAGE);
	ok(ioasid_space_destroy(child));
	two_end(&t);
	contract_end(&c);
}
END_TEST

START_TEST(detaching_a_child_leads_the_route_back_to_its_parent)
{
	struct contract c;
	struct two t = {0};

	contract_begin(&c, _i);
	two_begin(&t, &c);

	struct ioasid_space *child = contract_child(t.space[0]);
	struct ioasid_attachment *over = contract_attach(t.nic, child);

	DMA_FAILS(&c, t.nic, WHERE);
	ok(contract_nest(child, AT(0x9000), WHERE, PAGE, IOASID_MAP_RW));
	DMA_SEES(&c, t.nic, AT(0x9000), t.memory[0], PAGE);
	ck_assert_ptr_eq(ioasid_attachment_space(over), child);
	ck_assert_ptr_eq(ioasid_attachment_space(t.first), t.space[0]);
	ok(ioasid_attachment_detach(over));
	DMA_SEES(&c, t.nic, WHERE, t.memory[0], PAGE);
	DMA_FAILS(&c, t.nic, AT(0x9000));
	ok(ioasid_space_destroy(child));
	two_end(&t);
	contract_end(&c);
}
END_TEST

START_TEST(a_parent_that_a_child_needs_is_neither_detached_nor_replaced)
{
	struct contract c;
	struct two t = {0};

	contract_begin(&c, _i);
	two_begin(&t, &c);

	struct ioasid_space *child = contract_child(t.space[0]);
	struct ioasid_attachment *over = contract_attach(t.nic, child);

	fails(-EBUSY, "nic0", ioasid_attachment_detach(t.first));
	fails(-EBUSY, "nic0", ioasid_attachment_replace(t.first, t.space[1]));
	ok(contract_nest(child, AT(0x9000), WHERE, PAGE, IOASID_MAP_READ));
	DMA_SEES(&c, t.nic, AT(0x9000), t.memory[0], PAGE);
	ok(ioasid_attachment_detach(over));
	ok(ioasid_space_destroy(child));
	two_end(&t);
	contract_end(&c);
}
END_TEST

START_TEST(a_child_is_replaced_by_a_sibling_alone)
{
	struct contract c;
	struct two t = {0};
	struct ioasid_space *child[2];

	contract_begin(&c, _i);
	two_begin(&t, &c);
	for (int i = 0; i < 2; i++)
		child[i] = contract_child(t.space[0]);

	struct ioasid_space *cousin = contract_child(t.space[1]);
	struct ioasid_attachment *over = contract_attach(t.nic, child[0]);

	ok(contract_nest(child[0], AT(0x9000), WHERE, PAGE, IOASID_MAP_READ));
	fails(-EINVAL, "nic0", ioasid_attachment_replace(over, cousin));
	DMA_SEES(&c, t.nic, AT(0x9000), t.memory[0], PAGE);
	ok(ioasid_attachment_replace(over, child[1]));
	DMA_FAILS(&c, t.nic, AT(0x9000));
	ok(contract_nest(child[1], AT(0xa000), WHERE, PAGE, IOASID_MAP_READ));
	DMA_SEES(&c, t.nic, AT(0xa000), t.memory[0], PAGE);
	ok(ioasid_attachment_detach(over));
	DMA_SEES(&c, t.nic, WHERE, t.memory[0], PAGE);
	for (int i = 0; i < 2; i++)
		ok(ioasid_space_destroy(child[i]));
	ok(ioasid_space_destroy(cousin));
	two_end(&t);
	contract_end(&c);
}
END_TEST

START_TEST(a_childs_attachment_for_one_pasid_leaves_the_others)
{
	struct contract c;
	struct two t = {.pasid_bits = 8};

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .pasid_bits = 8);
	two_begin(&t, &c);

	struct ioasid_space *child = contract_child(t.space[0]);
	struct ioasid_attachment *five = contract_attach_pasid(t.nic, t.space[0], 5);
	struct ioasid_attachment *over = contract_attach_pasid(t.nic, child, 5);

	contract_dma_fails(&c, t.nic, 5, WHERE);
	DMA_SEES(&c, t.nic, WHERE, t.memory[0], PAGE);
	ok(ioasid_attachment_detach(over));
	contract_dma_sees(&c, t.nic, 5, WHERE, t.memory[0], PAGE);
	ok(ioasid_attachment_detach(five));
	ok(ioasid_space_destroy(child));
	two_end(&t);
	contract_end(&c);
}
END_TEST

void contract_add_route(Suite *suite)
{
	TCase *tcase = support_case(suite, "rule 2: routes");

	contract_test(tcase, a_route_leads_to_one_space);
	contract_test(tcase, a_detached_device_reaches_nothing);
	contract_test(tcase, replace_leads_the_route_elsewhere);
	contract_test(tcase, replace_with_the_same_space_changes_nothing);
	contract_test(tcase, routes_with_a_pasid_are_independent);
	contract_test(tcase, a_pasid_too_wide_for_the_device_is_refused);
	contract_test(tcase, a_child_is_attached_only_where_its_parent_is);
	contract_test(tcase, a_child_is_attached_only_where_its_parent_is_whatever_the_pasid);
	contract_test(tcase, detaching_a_child_leads_the_route_back_to_its_parent);
	contract_test(tcase, a_parent_that_a_child_needs_is_neither_detached_nor_replaced);
	contract_test(tcase, a_child_is_replaced_by_a_sibling_alone);
	contract_test(tcase, a_childs_attachment_for_one_pasid_leaves_the_others);
}
