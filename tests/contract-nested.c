/* SPDX-License-Identifier: MIT */
/*
 * The contract of what a guest's page table translates: DMA goes where it says and through the
 * parent's maps, what was invalidated is found no more, what is missing is asked for by the space's
 * fault queue, and what devices write is noted in the parent. Of staleness nothing is promised, so
 * nothing is expected.
 */
#include "contract.h"
#include <stdlib.h>

#define MACHINE .walks = true
#define FAULTS  .walks = true, .page_requests = true, .credits = 8

/* Pages of the guest's memory, which the parent has from AT(0) on: data, then tables. */
#define DATA  8u
#define PAGES 24u
#define IOVA  UINT64_C(0x7f0000001000)

struct guest {
	struct contract c;
	struct contract_nic *nic;
	struct ioasid_faultq *faults;
	struct ioasid_space *parent, *child;
	struct ioasid_attachment *below, *above;
	unsigned char *memory;
	unsigned int tables; /* in use */
};

static uint64_t new_table(struct guest *g)
{
	unsigned int page = DATA + g->tables++;

	ck_assert_uint_lt(page, PAGES);
	memset(g->memory + page * PAGE, 0, PAGE);
	return AT(page * PAGE);
}

static uint64_t *entry_at(struct guest *g, uint64_t table, uint64_t place)
{
	return (uint64_t *)(void *)(g->memory + (table - AT(0))) + place;
}

/* The guest's entry of a page, four levels down. Present, writable, for users. */
static uint64_t *entry_of(struct guest *g, uint64_t root, uint64_t iova)
{
	for (unsigned int shift = 39; shift > 12; shift -= 9) {
		uint64_t *entry = entry_at(g, root, iova >> shift & 511);

		if (!*entry)
			*entry = new_table(g) | 7;
		root = *entry & ~(PAGE - 1) & (UINT64_MAX >> 12);
	}
	return entry_at(g, root, iova >> 12 & 511);
}

static void lead(struct guest *g, uint64_t root, uint64_t iova, unsigned int page)
{
	__atomic_store_n(entry_of(g, root, iova), AT(page * PAGE) | 7, __ATOMIC_RELEASE);
}

static void lead_nowhere(struct guest *g, uint64_t root, uint64_t iova)
{
	__atomic_store_n(entry_of(g, root, iova), 0, __ATOMIC_RELEASE);
}

static void bind(struct ioasid_space *space, uint64_t root)
{
	ok(ioasid_space_bind_pgtable(
		space, IOASID_OPTS(ioasid_pgtable, .format = IOASID_PGTABLE_VTD_S1, .addr = root,
			       .addr_width = 48)));
}

static void invalidate(struct ioasid_space *space, uint64_t iova)
{
	struct ioasid_invalidation one = {.what = IOASID_INVALIDATE_RANGE,
		.flags = IOASID_INVALIDATE_LEAF,
		.addr = iova,
		.length = PAGE};

	ck_assert_int_eq(ok(ioasid_space_invalidate(space, &one, 1)), 1);
}

/* The parent is made for what the test wants; the child has no table yet. */
static void guest_begin(struct guest *g, struct contract_wish wish, uint32_t flags)
{
	g->memory = support_memory(PAGES * PAGE, 71);
	g->tables = 0;
	g->faults = NULL;
	g->nic = contract_nic(&g->c, "nic0", wish);
	if (wish.page_requests)
		ok(ioasid_faultq_new(g->c.ctx, NULL, &g->faults));
	ok(ioasid_space_new(g->c.ctx,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_NEST_PARENT | flags),
		&g->parent));
	g->below = contract_attach(g->nic, g->parent);
	ok(contract_map(g->parent, AT(0), g->memory, PAGES * PAGE, IOASID_MAP_RW));
	ok(ioasid_space_new_nested(
		g->parent, IOASID_OPTS(ioasid_space_opts, .faults = g->faults), &g->child));
	g->above = contract_attach(g->nic, g->child);
}

static void guest_end(struct guest *g)
{
	ok(ioasid_space_unbind_pgtable(g->child));
	ok(ioasid_attachment_detach(g->above));
	ok(ioasid_attachment_detach(g->below));
	ok(ioasid_space_destroy(g->child));
	ok(ioasid_space_destroy(g->parent));
	ioasid_faultq_free(g->faults);
	contract_end(&g->c);
	free(g->memory);
}

#define GUEST(g, platform, intent, ...)                                                            \
	do {                                                                                       \
		contract_begin(&(g)->c, platform);                                                 \
		NEEDS_DEVICE(&(g)->c, __VA_ARGS__);                                                \
		guest_begin(g, (struct contract_wish){__VA_ARGS__}, intent);                       \
	} while (0)

START_TEST(a_device_finds_what_the_guests_table_says)
{
	const unsigned char bytes[] = {1, 2, 3, 4};
	struct guest g;
	uint64_t root;

	GUEST(&g, _i, 0, MACHINE);
	root = new_table(&g);
	lead(&g, root, IOVA, 5);
	lead(&g, root, IOVA + PAGE, 2);
	bind(g.child, root);
	DMA_SEES(&g.c, g.nic, IOVA, g.memory + 5 * PAGE, PAGE);
	DMA_SEES(&g.c, g.nic, IOVA + PAGE, g.memory + 2 * PAGE, PAGE);
	DMA_FAILS(&g.c, g.nic, IOVA + 2 * PAGE);
	/* the parent's addresses are none of the child's */
	DMA_FAILS(&g.c, g.nic, AT(0));
	ok(contract_dma_write(&g.c, g.nic, IOVA + PAGE - 2, bytes, sizeof(bytes)));
	ck_assert_mem_eq(g.memory + 6 * PAGE - 2, bytes, 2);
	ck_assert_mem_eq(g.memory + 2 * PAGE, bytes + 2, 2);
	guest_end(&g);
}
END_TEST

START_TEST(what_the_guest_invalidated_is_found_no_more)
{
	struct ioasid_invalidation all = {.what = IOASID_INVALIDATE_SPACE};
	struct guest g;
	uint64_t root;

	GUEST(&g, _i, 0, MACHINE);
	root = new_table(&g);
	lead(&g, root, IOVA, 5);
	bind(g.child, root);
	DMA_SEES(&g.c, g.nic, IOVA, g.memory + 5 * PAGE, PAGE);
	lead(&g, root, IOVA, 6);
	invalidate(g.child, IOVA);
	DMA_SEES(&g.c, g.nic, IOVA, g.memory + 6 * PAGE, PAGE);
	lead_nowhere(&g, root, IOVA);
	ck_assert_int_eq(ok(ioasid_space_invalidate(g.child, &all, 1)), 1);
	DMA_FAILS(&g.c, g.nic, IOVA);
	lead(&g, root, IOVA, 7);
	all = (struct ioasid_invalidation){
		.what = IOASID_INVALIDATE_DEVICE, .device = g.nic->device};
	ck_assert_int_eq(ok(ioasid_space_invalidate(g.child, &all, 1)), 1);
	DMA_SEES(&g.c, g.nic, IOVA, g.memory + 7 * PAGE, PAGE);
	guest_end(&g);
}
END_TEST

START_TEST(what_the_parent_unmapped_is_found_no_more)
{
	unsigned char *more = support_memory(PAGE, 72);
	struct guest g;
	uint64_t root;

	GUEST(&g, _i, 0, MACHINE);
	root = new_table(&g);
	ok(contract_map(g.parent, AT(0x100000), more, PAGE, IOASID_MAP_RW));
	lead(&g, root, IOVA, 0x100);
	bind(g.child, root);
	DMA_SEES(&g.c, g.nic, IOVA, more, PAGE);
	ck_assert_int_eq(ok(ioasid_space_unmap(g.parent, AT(0x100000), PAGE)), PAGE);
	DMA_FAILS(&g.c, g.nic, IOVA);
	ok(contract_map(g.parent, AT(0x100000), g.memory, PAGE, IOASID_MAP_READ));
	DMA_SEES(&g.c, g.nic, IOVA, g.memory, PAGE);
	ck_assert_int_eq(contract_dma_write(&g.c, g.nic, IOVA, more, 1), -EFAULT);
	guest_end(&g);
	free(more);
}
END_TEST

START_TEST(another_table_takes_the_place_of_the_first)
{
	struct guest g;
	uint64_t root[2];

	GUEST(&g, _i, 0, MACHINE);
	for (unsigned int i = 0; i < 2; i++) {
		root[i] = new_table(&g);
		lead(&g, root[i], IOVA, 2 + i);
	}
	bind(g.child, root[0]);
	DMA_SEES(&g.c, g.nic, IOVA, g.memory + 2 * PAGE, PAGE);
	ok(ioasid_space_unbind_pgtable(g.child));
	DMA_FAILS(&g.c, g.nic, IOVA);
	bind(g.child, root[1]);
	DMA_SEES(&g.c, g.nic, IOVA, g.memory + 3 * PAGE, PAGE);
	/* detached from it, the device is the parent's again */
	ok(ioasid_attachment_detach(g.above));
	DMA_SEES(&g.c, g.nic, AT(PAGE), g.memory + PAGE, PAGE);
	DMA_FAILS(&g.c, g.nic, IOVA);
	g.above = contract_attach(g.nic, g.child);
	DMA_SEES(&g.c, g.nic, IOVA, g.memory + 3 * PAGE, PAGE);
	guest_end(&g);
}
END_TEST

START_TEST(processes_of_a_guest_have_tables_of_their_own)
{
	struct ioasid_attachment *route[2];
	struct ioasid_space *process[2];
	uint64_t root[2];
	struct guest g;

	GUEST(&g, _i, 0, MACHINE, .pasid_bits = 8);
	bind(g.child, new_table(&g));
	for (unsigned int i = 0; i < 2; i++) {
		process[i] = contract_child(g.parent);
		root[i] = new_table(&g);
		lead(&g, root[i], IOVA, 4 + i);
		route[i] = contract_attach_pasid(g.nic, process[i], 10 + i);
		bind(process[i], root[i]);
	}
	for (unsigned int i = 0; i < 2; i++)
		contract_dma_sees(&g.c, g.nic, 10 + i, IOVA, g.memory + (4 + i) * PAGE, PAGE);
	DMA_FAILS(&g.c, g.nic, IOVA);
	/* one of them changes its table: the other's is as it was */
	lead(&g, root[0], IOVA, 6);
	invalidate(process[0], IOVA);
	contract_dma_sees(&g.c, g.nic, 10, IOVA, g.memory + 6 * PAGE, PAGE);
	contract_dma_sees(&g.c, g.nic, 11, IOVA, g.memory + 5 * PAGE, PAGE);
	for (unsigned int i = 0; i < 2; i++) {
		ok(ioasid_space_unbind_pgtable(process[i]));
		ok(ioasid_attachment_detach(route[i]));
		ok(ioasid_space_destroy(process[i]));
	}
	guest_end(&g);
}
END_TEST

/* Page requests */

static struct ioasid_fault next_fault(struct guest *g)
{
	struct ioasid_fault fault;

	ok(ioasid_faultq_wait(g->faults, -1));
	ck_assert_int_eq(ok(ioasid_faultq_read(g->faults, &fault, 1)), 1);
	return fault;
}

static void answer(struct guest *g, uint64_t id, uint32_t code)
{
	struct ioasid_response response = {.id = id, .code = code};

	ck_assert_int_eq(ok(ioasid_faultq_complete(g->faults, &response, 1)), 1);
}

START_TEST(what_the_table_lacks_is_asked_for_and_then_found)
{
	struct contract_transfer transfer;
	struct ioasid_fault fault;
	struct guest g;
	uint64_t root;

	GUEST(&g, _i, 0, FAULTS);
	root = new_table(&g);
	bind(g.child, root);
	contract_transfer_start(&transfer, &g.c, g.nic, IOASID_PASID_NONE, IOVA + 8);
	fault = next_fault(&g);
	ck_assert_uint_eq(fault.addr, IOVA);
	ck_assert_uint_eq(fault.label, g.nic->label);
	ck_assert_uint_eq(
		fault.flags & (IOASID_FAULT_READ | IOASID_FAULT_STAGE2), IOASID_FAULT_READ);
	lead(&g, root, IOVA, 3);
	answer(&g, fault.id, IOASID_RESPONSE_SUCCESS);
	ck_assert_int_eq(contract_transfer_join(&transfer), 0);
	ck_assert_mem_eq(transfer.byte, g.memory + 3 * PAGE + 8, sizeof(transfer.byte));
	guest_end(&g);
}
END_TEST

START_TEST(what_the_guest_refuses_ends_the_transfer)
{
	struct contract_transfer transfer;
	struct guest g;

	GUEST(&g, _i, 0, FAULTS);
	bind(g.child, new_table(&g));
	contract_transfer_start(&transfer, &g.c, g.nic, IOASID_PASID_NONE, IOVA);
	answer(&g, next_fault(&g).id, IOASID_RESPONSE_INVALID);
	ck_assert_int_eq(contract_transfer_join(&transfer), -EFAULT);
	guest_end(&g);
}
END_TEST

START_TEST(an_unbind_answers_what_waits)
{
	struct contract_transfer transfer;
	struct ioasid_fault fault;
	uint64_t root;
	struct guest g;

	GUEST(&g, _i, 0, FAULTS);
	root = new_table(&g);
	bind(g.child, root);
	contract_transfer_start(&transfer, &g.c, g.nic, IOASID_PASID_NONE, IOVA);
	fault = next_fault(&g);
	ok(ioasid_space_unbind_pgtable(g.child));
	ck_assert_int_eq(contract_transfer_join(&transfer), -EFAULT);
	fails(-ESTALE, "",
		ioasid_faultq_complete(g.faults, &(struct ioasid_response){.id = fault.id}, 1));
	bind(g.child, root);
	guest_end(&g);
}
END_TEST

/* Written pages */

START_TEST(what_is_written_through_a_table_is_noted_in_the_parent)
{
	uint64_t bitmap = 0, root;
	struct guest g;

	GUEST(&g, _i, IOASID_SPACE_DIRTY_TRACKING, MACHINE, .dirty = true);
	root = new_table(&g);
	lead(&g, root, IOVA, 3);
	lead(&g, root, IOVA + PAGE, 5);
	ok(ioasid_space_dirty_start(g.parent));
	bind(g.child, root);
	ok(contract_dma_write(&g.c, g.nic, IOVA + PAGE, "x", 1));
	DMA_SEES(&g.c, g.nic, IOVA, g.memory + 3 * PAGE, PAGE);
	ok(ioasid_space_dirty_read(
		g.parent, IOASID_OPTS(ioasid_dirty, .iova = AT(0), .length = DATA * PAGE,
				  .granule = PAGE, .bitmap = &bitmap)));
	ck_assert_uint_eq(bitmap, 1u << 5);
	guest_end(&g);
}
END_TEST

void contract_add_nested(Suite *suite)
{
	TCase *tcase = support_case(suite, "guests' tables");

	contract_test(tcase, a_device_finds_what_the_guests_table_says);
	contract_test(tcase, what_the_guest_invalidated_is_found_no_more);
	contract_test(tcase, what_the_parent_unmapped_is_found_no_more);
	contract_test(tcase, another_table_takes_the_place_of_the_first);
	contract_test(tcase, processes_of_a_guest_have_tables_of_their_own);
	contract_test(tcase, what_the_table_lacks_is_asked_for_and_then_found);
	contract_test(tcase, what_the_guest_refuses_ends_the_transfer);
	contract_test(tcase, an_unbind_answers_what_waits);
	contract_test(tcase, what_is_written_through_a_table_is_noted_in_the_parent);
}
