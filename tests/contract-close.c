/* SPDX-License-Identifier: MIT */
/*
 * The contract, rule 10: closing a context answers what is outstanding, detaches, destroys and
 * closes the descriptor, before it returns; its handles answer -ENODEV and are released in any
 * order.
 */
#include "contract.h"
#include <stdlib.h>

#define HANDLES 6

/* One handle of each kind, and of spaces and attachments two. */
struct house {
	struct ioasid_faultq *faults;
	struct ioasid_space *parent, *child;
	struct contract_nic *nic;
	struct ioasid_attachment *route, *over;
	unsigned char *memory;
};

static void house_begin(struct house *h, struct contract *c)
{
	struct ioasid_faultq *named = NULL; /* by the spaces */

	memset(h, 0, sizeof(*h));
	h->memory = support_memory(PAGE, 8);
	h->nic = contract_nic(c, "nic0", (struct contract_wish){.page_requests = true});
	if (contract_has(c, IOASID_EXT_FAULT_QUEUE))
		ok(ioasid_faultq_new(c->ctx, NULL, &h->faults));
	if (h->nic)
		named = h->faults;
	else
		h->nic = contract_nic(c, "nic0", (struct contract_wish){0});
	h->parent = contract_fault_space(c, named);
	ok(ioasid_space_new_nested(
		h->parent, IOASID_OPTS(ioasid_space_opts, .faults = named), &h->child));
	h->route = contract_attach(h->nic, h->parent);
	ok(contract_map(h->parent, AT(0x1000), h->memory, PAGE, IOASID_MAP_RW));
	h->over = contract_attach(h->nic, h->child);
	ok(contract_nest(h->child, AT(0x2000), AT(0x1000), PAGE, IOASID_MAP_RW));
	DMA_SEES(c, h->nic, AT(0x2000), h->memory, PAGE);
}

static void release(struct house *h, struct contract *c, unsigned int what)
{
	switch (what) {
	case 0:
		ioasid_faultq_free(h->faults);
		break;
	case 1:
		ok(ioasid_space_destroy(h->parent));
		break;
	case 2:
		ok(ioasid_space_destroy(h->child));
		break;
	case 3:
		ok(ioasid_device_unbind(h->nic->device));
		c->nics--;
		break;
	case 4:
		ok(ioasid_attachment_detach(h->route));
		break;
	default:
		ok(ioasid_attachment_detach(h->over));
	}
}

/* The n-th order of all handles, n < 720. */
static void order(unsigned int n, unsigned int what[HANDLES])
{
	unsigned int left[HANDLES] = {0, 1, 2, 3, 4, 5};

	for (unsigned int i = 0, count = HANDLES; i < HANDLES; i++, count--) {
		unsigned int pick = n % count;

		n /= count;
		what[i] = left[pick];
		memmove(&left[pick], &left[pick + 1], (count - pick - 1) * sizeof(left[0]));
	}
}

START_TEST(handles_are_released_in_any_order_after_close)
{
	unsigned int step = (unsigned int)(720 / support_rounds(720));

	for (unsigned int n = 0; n < 720; n += step) {
		struct contract c;
		struct house h;
		unsigned int what[HANDLES];

		contract_begin(&c, _i);
		house_begin(&h, &c);
		order(n, what);
		ioasid_close(c.ctx);
		c.ctx = NULL;
		for (int i = 0; i < HANDLES; i++)
			release(&h, &c, what[i]);
		free(h.memory);
		contract_end(&c);
	}
}
END_TEST

static void spaces_answer_enodev(struct house *h)
{
	struct ioasid_space_info info = {.size = sizeof(info)};
	struct ioasid_space *space = NULL;
	struct ioasid_range range;

	fails(-ENODEV, "ioasid_space_map",
		contract_map(h->parent, AT(0x5000), h->memory, PAGE, IOASID_MAP_RW));
	fails(-ENODEV, "ioasid_space_unmap", ioasid_space_unmap(h->parent, 0, UINT64_MAX));
	fails(-ENODEV, "ioasid_space_info", ioasid_space_info(h->child, &info));
	fails(-ENODEV, "ioasid_space_ranges", ioasid_space_ranges(h->child, &range, 1));
	fails(-ENODEV, "ioasid_space_children", ioasid_space_children(h->parent, &space, 1));
	fails(-ENODEV, "ioasid_space_new_nested", ioasid_space_new_nested(h->parent, NULL, &space));
	ck_assert_ptr_null(ioasid_space_parent(h->child));
	ck_assert_ptr_null(space);
}

static void routes_answer_enodev(struct house *h)
{
	struct ioasid_device_info info = {.size = sizeof(info)};
	struct ioasid_attachment *route = NULL;

	fails(-ENODEV, "ioasid_device_info", ioasid_device_info(h->nic->device, &info));
	fails(-ENODEV, "ioasid_device_attach",
		ioasid_device_attach(h->nic->device, h->parent, NULL, &route));
	fails(-ENODEV, "ioasid_attachment_replace", ioasid_attachment_replace(h->over, h->parent));
	ck_assert_ptr_null(ioasid_attachment_space(h->over));
	ck_assert_ptr_null(route);
}

static void faults_answer_enodev(struct house *h)
{
	struct ioasid_faultq_stats stats = {.size = sizeof(stats)};
	struct ioasid_response response = {.id = 1};
	struct ioasid_fault fault;
	uint64_t id = 77;

	fails(-ENODEV, "ioasid_faultq_read", ioasid_faultq_read(h->faults, &fault, 1));
	fails(-ENODEV, "ioasid_faultq_wait", ioasid_faultq_wait(h->faults, -1));
	fails(-ENODEV, "ioasid_faultq_get_fd", ioasid_faultq_get_fd(h->faults));
	fails(-ENODEV, "ioasid_faultq_complete", ioasid_faultq_complete(h->faults, &response, 1));
	fails(-ENODEV, "ioasid_faultq_find", ioasid_faultq_find(h->faults, 1, 1, 1, &id));
	fails(-ENODEV, "ioasid_faultq_stats", ioasid_faultq_stats(h->faults, &stats));
	fails(-ENODEV, "ioasid_faultq_pending",
		ioasid_faultq_pending(h->faults, &(uint64_t){0}, &fault, 1));
	ck_assert_uint_eq(id, 77);
}

START_TEST(handles_of_a_closed_context_answer_enodev)
{
	struct contract c;
	struct house h;
	struct ioasid_space *none = NULL;

	contract_begin(&c, _i);
	house_begin(&h, &c);
	ioasid_close(c.ctx);
	c.ctx = NULL;
	spaces_answer_enodev(&h);
	routes_answer_enodev(&h);
	if (h.faults)
		faults_answer_enodev(&h);
	for (unsigned int i = 0; i < HANDLES; i++) {
		release(&h, &c, i);
		/* a child whose parent's handle is gone already */
		if (i == 1)
			fails(-ENODEV, "closed", ioasid_space_new_nested(h.child, NULL, &none));
	}
	ck_assert_ptr_null(none);
	free(h.memory);
	contract_end(&c);
}
END_TEST

START_TEST(close_ends_dma_and_unpins)
{
	struct contract c;
	struct house h;
	uint64_t before;

	contract_begin(&c, _i);
	before = c.platform->pinned(c.machine);
	house_begin(&h, &c);
	ioasid_close(c.ctx);
	c.ctx = NULL;
	DMA_FAILS(&c, h.nic, AT(0x2000));
	DMA_FAILS(&c, h.nic, AT(0x1000));
	ck_assert_uint_eq(c.platform->pinned(c.machine), before);
	for (unsigned int i = 0; i < HANDLES; i++)
		release(&h, &c, i);
	free(h.memory);
	contract_end(&c);
}
END_TEST

START_TEST(close_answers_outstanding_faults)
{
	struct contract c;
	struct house h;
	struct contract_transfer transfer[2];
	struct ioasid_fault fault;

	contract_begin(&c, _i);
	NEEDS(&c, IOASID_EXT_FAULT_QUEUE);
	NEEDS_DEVICE(&c, .page_requests = true);
	house_begin(&h, &c);
	contract_transfer_start(&transfer[0], &c, h.nic, IOASID_PASID_NONE, AT(0x7000));
	ck_assert_int_eq(ok(ioasid_faultq_wait(h.faults, -1)), 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(h.faults, &fault, 1)), 1);
	/* one was read, one was not */
	contract_transfer_start(&transfer[1], &c, h.nic, IOASID_PASID_NONE, AT(0x8000));
	ck_assert_int_eq(ok(ioasid_faultq_wait(h.faults, -1)), 1);
	ioasid_close(c.ctx);
	c.ctx = NULL;
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(contract_transfer_join(&transfer[i]), -EFAULT);
	for (unsigned int i = 0; i < HANDLES; i++)
		release(&h, &c, i);
	free(h.memory);
	contract_end(&c);
}
END_TEST

struct waiter {
	struct ioasid_faultq *faults;
	pthread_barrier_t *barrier;
	pthread_t thread;
	int result;
};

static void *wait_for_ever(void *arg)
{
	struct waiter *w = arg;

	pthread_barrier_wait(w->barrier);
	w->result = ioasid_faultq_wait(w->faults, -1);
	return NULL;
}

START_TEST(close_wakes_those_who_wait)
{
	struct contract c;
	struct house h;
	struct waiter waiter[3];
	pthread_barrier_t barrier;

	contract_begin(&c, _i);
	NEEDS(&c, IOASID_EXT_FAULT_QUEUE);
	house_begin(&h, &c);
	pthread_barrier_init(&barrier, NULL, 4);
	for (int i = 0; i < 3; i++) {
		waiter[i] = (struct waiter){.faults = h.faults, .barrier = &barrier};
		ck_assert_int_eq(
			pthread_create(&waiter[i].thread, NULL, wait_for_ever, &waiter[i]), 0);
	}
	pthread_barrier_wait(&barrier);
	ck_assert_int_eq(ioasid_faultq_wait(h.faults, 20), 0);
	ioasid_close(c.ctx);
	c.ctx = NULL;
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(pthread_join(waiter[i].thread, NULL), 0);
		ck_assert_int_eq(waiter[i].result, -ENODEV);
	}
	pthread_barrier_destroy(&barrier);
	for (unsigned int i = 0; i < HANDLES; i++)
		release(&h, &c, i);
	free(h.memory);
	contract_end(&c);
}
END_TEST

START_TEST(an_empty_context_and_no_context_are_closed)
{
	struct contract c;
	struct ioasid_ctx *ctx;

	contract_begin(&c, _i);
	ok(c.platform->open(c.machine, &ctx));
	ioasid_close(ctx);
	ioasid_close(NULL);
	contract_end(&c);
}
END_TEST

START_TEST(two_contexts_are_apart)
{
	struct contract c;
	struct ioasid_ctx *other;
	struct ioasid_space *space;
	struct house h;

	contract_begin(&c, _i);
	house_begin(&h, &c);
	ok(c.platform->open(c.machine, &other));
	ok(ioasid_space_new(other, NULL, &space));
	ioasid_close(other);
	DMA_SEES(&c, h.nic, AT(0x2000), h.memory, PAGE);
	ok(ioasid_space_destroy(space));
	for (unsigned int i = HANDLES; i--;)
		if (i != 0 && i != 1 && i != 3)
			release(&h, &c, i);
	release(&h, &c, 1);
	release(&h, &c, 0);
	free(h.memory);
	contract_end(&c);
}
END_TEST

void contract_add_close(Suite *suite)
{
	TCase *tcase = support_case(suite, "rule 10: close");

	contract_test(tcase, handles_are_released_in_any_order_after_close);
	contract_test(tcase, handles_of_a_closed_context_answer_enodev);
	contract_test(tcase, close_ends_dma_and_unpins);
	contract_test(tcase, close_answers_outstanding_faults);
	contract_test(tcase, close_wakes_those_who_wait);
	contract_test(tcase, an_empty_context_and_no_context_are_closed);
	contract_test(tcase, two_contexts_are_apart);
}
