/* SPDX-License-Identifier: MIT */
/*
 * Of the mock: work by ENQCMD that waits for pages, or is done by many threads, while what it was
 * sent by moves or ends.
 */
#include "wirekit.h"
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

/* A guest's thread that sends one piece of work, and waits for it. */
struct work {
	struct wires *w;
	int vm;
	uint64_t iova;
	unsigned char byte;
	struct ioasid_mock_dma dma;
	pthread_t thread;
	int result;
	char text[256];
};

static void *work_do(void *arg)
{
	struct work *work = arg;

	work->dma = (struct ioasid_mock_dma){
		.pasid = 5, .iova = work->iova, .buffer = &work->byte, .length = 1};
	work->result = ioasid_mock_enqcmd(work->w->hw[SHARED], work->vm, &work->dma);
	strncpy(work->text, ioasid_last_error(), sizeof(work->text) - 1);
	return NULL;
}

static void work_start(struct work *work, struct wires *w, int vm, uint64_t iova)
{
	*work = (struct work){.w = w, .vm = vm, .iova = iova, .byte = 0xee};
	ck_assert_int_eq(pthread_create(&work->thread, NULL, work_do, work), 0);
}

static void work_join(struct work *work)
{
	ck_assert_int_eq(pthread_join(work->thread, NULL), 0);
}

/* Two spaces whose page requests are heard, and a route with the PASID 9 to the first. */
struct heard {
	struct wires w;
	struct ioasid_faultq *faults;
	struct ioasid_space *space[2];
	struct ioasid_attachment *route, *named;
	int vm;
};

static struct ioasid_attachment *attach(struct heard *h, int device, uint32_t pasid)
{
	struct ioasid_attachment *attachment;

	ok(ioasid_device_attach(h->w.device[device], h->space[0],
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = pasid),
		&attachment));
	return attachment;
}

/* What the guest calls 5 is another device's: to the one that does the work the route is 9. */
static void heard_begin(struct heard *h)
{
	wires_begin(&h->w, 0, 0);
	ok(ioasid_faultq_new(h->w.ctx, NULL, &h->faults));
	for (int i = 0; i < 2; i++)
		ok(ioasid_space_new(h->w.ctx, IOASID_OPTS(ioasid_space_opts, .faults = h->faults),
			&h->space[i]));
	h->route = attach(h, SHARED, 9);
	h->vm = ok(ioasid_mock_vm_new(h->w.mock));
	h->named = attach(h, SHARED, 5);
	ok(ioasid_kvm_map_pasid(h->named, h->vm));
}

static void heard_end(struct heard *h)
{
	ok(ioasid_attachment_detach(h->route));
	ok(ioasid_attachment_detach(h->named));
	for (int i = 0; i < 2; i++)
		ok(ioasid_space_destroy(h->space[i]));
	ioasid_faultq_free(h->faults);
	close(h->vm);
	wires_end(&h->w);
}

static struct ioasid_fault next_fault(struct heard *h)
{
	struct ioasid_fault fault;

	do {
		ck_assert_int_eq(ok(ioasid_faultq_wait(h->faults, -1)), 1);
	} while (!ok(ioasid_faultq_read(h->faults, &fault, 1)));
	return fault;
}

static void answer(struct heard *h, uint64_t id)
{
	struct ioasid_response response = {.id = id, .code = IOASID_RESPONSE_SUCCESS};

	ck_assert_int_eq(ok(ioasid_faultq_complete(h->faults, &response, 1)), 1);
}

START_TEST(a_page_request_names_the_pasid_of_the_devices_route)
{
	unsigned char *memory = support_memory(PAGE, 4);
	struct ioasid_fault fault;
	struct work work;
	struct heard h;

	heard_begin(&h);
	work_start(&work, &h.w, h.vm, 0x5000);
	fault = next_fault(&h);
	ck_assert_uint_eq(fault.label, LABEL + SHARED);
	ck_assert_uint_eq(fault.addr, 0x5000);
	ck_assert_uint_eq(fault.pasid, 5);
	rig_map(h.space[0], 0x5000, memory, PAGE, IOASID_MAP_RW);
	answer(&h, fault.id);
	work_join(&work);
	ck_assert_int_eq(work.result, 0);
	ck_assert_uint_eq(work.byte, memory[0]);
	/* by what the guest has, if that is one of the device's, else by what it is there */
	ok(ioasid_attachment_detach(h.named));
	h.named = attach(&h, SHARED2, 5);
	ok(ioasid_kvm_map_pasid(h.named, h.vm));
	work_start(&work, &h.w, h.vm, 0x7000);
	fault = next_fault(&h);
	ck_assert_uint_eq(fault.pasid, 9);
	ok(ioasid_attachment_detach(h.route));
	h.route = NULL;
	work_join(&work);
	ck_assert_int_eq(work.result, -EFAULT);
	ck_assert_uint_eq(work.dma.pasid, 5);
	heard_end(&h);
	free(memory);
}
END_TEST

/* It was sent to the first space, and what waits for its turn must not end up in the second. */
START_TEST(work_does_not_follow_its_route_to_another_space)
{
	unsigned char *memory = support_memory(PAGE, 4);
	struct ioasid_mock_stats stats = {.size = sizeof(stats)};
	struct work works[2];
	struct heard h;
	int lost = 0;

	heard_begin(&h);
	rig_map(h.space[1], 0x5000, memory, PAGE, IOASID_MAP_RW);
	rig_map(h.space[1], 0x6000, memory, PAGE, IOASID_MAP_RW);
	ok(ioasid_attachment_detach(h.route));
	h.route = NULL;
	for (unsigned int i = 0; i < 2; i++)
		work_start(&works[i], &h.w, h.vm, 0x5000 + i * PAGE);
	/* one has the only credit; the other one may have got as far as to wait for it, or not */
	next_fault(&h);
	for (int i = 0; i < 20; i++)
		usleep(100);
	ok(ioasid_attachment_replace(h.named, h.space[1]));
	for (int i = 0; i < 2; i++) {
		work_join(&works[i]);
		ck_assert_int_eq(works[i].result, -EFAULT);
		ck_assert_uint_eq(works[i].byte, 0xee);
		lost += works[i].dma.fault == IOASID_MOCK_FAULT_PASID;
	}
	ck_assert_int_eq(lost, 1);
	ok(ioasid_mock_stats(h.w.mock, &stats));
	ck_assert_uint_eq(stats.unanswered, 0);
	heard_end(&h);
	free(memory);
}
END_TEST

/* Sends all the time; what comes back is of the space that is mapped now or was, or nothing. */
struct sender {
	struct wires *w;
	int device;
	int vm;
	bool stop;        /* atomic */
	unsigned arrived; /* atomic */
	pthread_t thread;
};

static void *send_on(void *arg)
{
	struct sender *sender = arg;

	while (!__atomic_load_n(&sender->stop, __ATOMIC_RELAXED)) {
		unsigned char byte = 0xee;
		struct ioasid_mock_dma dma = {.pasid = 5, .buffer = &byte, .length = 1};
		int err = ioasid_mock_enqcmd(sender->w->hw[sender->device], sender->vm, &dma);

		ck_assert(!err || err == -ENXIO || err == -EFAULT);
		ck_assert(err ? byte == 0xee : byte < 2);
		if (!err)
			__atomic_fetch_add(&sender->arrived, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void wait_for_arrival(struct sender *sender)
{
	unsigned before = __atomic_load_n(&sender->arrived, __ATOMIC_RELAXED);

	while (__atomic_load_n(&sender->arrived, __ATOMIC_RELAXED) == before)
		sched_yield();
}

START_TEST(work_goes_on_while_routes_and_translations_change)
{
	struct sender senders[2];
	struct ioasid_attachment *route;
	struct wires w;
	int vm;

	wires_begin(&w, 0, 0);
	vm = ok(ioasid_mock_vm_new(w.mock));
	for (int i = 0; i < 2; i++) {
		senders[i] = (struct sender){.w = &w, .device = SHARED, .vm = vm};
		ck_assert_int_eq(pthread_create(&senders[i].thread, NULL, send_on, &senders[i]), 0);
	}
	for (unsigned long i = support_rounds(500); i; i--) {
		route = wires_attach(&w, SHARED, 0, 5);
		ok(ioasid_kvm_map_pasid(route, vm));
		if (i % 16 == 0)
			wait_for_arrival(&senders[0]);
		ok(ioasid_attachment_replace(route, w.space[1]));
		ok(ioasid_kvm_map_pasid(route, vm));
		if (i % 2)
			ok(ioasid_kvm_unmap_pasid(route, vm));
		ok(ioasid_attachment_detach(route));
	}
	for (int i = 0; i < 2; i++) {
		__atomic_store_n(&senders[i].stop, true, __ATOMIC_RELAXED);
		ck_assert_int_eq(pthread_join(senders[i].thread, NULL), 0);
	}
	close(vm);
	wires_end(&w);
}
END_TEST

void add_vm_thread_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "vm threads");

	tcase_add_test(tcase, a_page_request_names_the_pasid_of_the_devices_route);
	tcase_add_test(tcase, work_does_not_follow_its_route_to_another_space);
	tcase_add_test(tcase, work_goes_on_while_routes_and_translations_change);
}
