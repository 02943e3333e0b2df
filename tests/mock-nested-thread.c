/* SPDX-License-Identifier: MIT */
/*
 * Of the mock, guests' tables in use by many threads at a time: devices that walk them, a guest
 * that changes them, invalidations.
 */
#include "nestedkit.h"
#include <pthread.h>
#include <unistd.h>

#define WRITERS 2

/* Writes its part of one page again and again until it is told to stop. */
struct writer {
	struct guest *guest;
	unsigned char byte;
	bool stop;      /* atomic */
	uint64_t moved; /* atomic */
};

static void *write_on(void *arg)
{
	struct writer *writer = arg;
	unsigned char buffer[256];

	memset(buffer, writer->byte, sizeof(buffer));
	while (!__atomic_load_n(&writer->stop, __ATOMIC_RELAXED))
		if (!guest_write(
			    writer->guest, 0x1000 + writer->byte * 512u, buffer, sizeof(buffer)))
			__atomic_fetch_add(&writer->moved, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void wait_for_dma(struct writer *writers)
{
	for (int i = 0; i < WRITERS; i++) {
		uint64_t before = __atomic_load_n(&writers[i].moved, __ATOMIC_RELAXED);

		while (__atomic_load_n(&writers[i].moved, __ATOMIC_RELAXED) == before)
			usleep(50);
	}
}

/* The guest takes a page back: out of the table, the invalidation, and then it is the guest's. */
static void take_back(struct guest *guest, unsigned int page)
{
	unsigned char *memory = guest->ram + page * PAGE;

	guest_unmap(guest, 0x1000);
	guest_invalidate(guest, 0x1000, PAGE);
	/* a write from now on is a race with the device */
	memset(memory, 0xaa, PAGE);
	ck_assert_mem_eq(memory, memory + 256, PAGE - 256);
}

START_TEST(after_an_invalidation_no_dma_reaches_the_page)
{
	const unsigned long rounds = support_rounds(1000);
	struct guest_opts opts = {.format = _i % 2 ? ARM : VTD};
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS];
	struct guest guest;

	opts.device.flags = _i / 2 ? IOASID_MOCK_DEVICE_ATS : 0;
	if (opts.format == ARM)
		opts.table = IOASID_PGTABLE_HW_ACCESSED | IOASID_PGTABLE_HW_DIRTY;
	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 0, GUEST_RW);
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){.guest = &guest, .byte = (unsigned char)(i + 1)};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_on, &writers[i]), 0);
	}
	for (unsigned long i = 0; i < rounds; i++) {
		unsigned int page = (unsigned int)(i % DATA_PAGES);

		guest_map(&guest, 0x1000, page * PAGE, GUEST_RW);
		if (i % 16 == 0)
			wait_for_dma(writers);
		take_back(&guest, page);
	}
	for (int i = 0; i < WRITERS; i++) {
		__atomic_store_n(&writers[i].stop, true, __ATOMIC_RELAXED);
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	}
	ck_assert_uint_gt(guest_stats(&guest).dma_bytes, 0);
	guest_end(&guest);
}
END_TEST

/* Each device copies pages that its guest brings one by one; all by one table, while another
 * thread invalidates whatever it likes. */
#define DEVICES 3
#define PAGES   64u /* of each device, on each side */
#define AREA    (UINT64_C(1) << 21)

struct copier {
	struct ioasid_mock_device *hw;
	struct ioasid_device *device;
	struct ioasid_attachment *to_gpa, *to_giova;
	uint64_t base;
	int status;
};

static void *copy_pages(void *arg)
{
	struct copier *copier = arg;
	struct ioasid_mock_dma dma =
		guest_dma(IOASID_MOCK_DMA_COPY, copier->base + AREA, NULL, PAGES * PAGE);

	dma.source = copier->base;
	copier->status = ioasid_mock_dma(copier->hw, &dma);
	return NULL;
}

/* Where the guest has the page of an address of its devices. */
static uint64_t page_of(uint64_t iova)
{
	return (iova / AREA * PAGES + iova % AREA / PAGE) * PAGE;
}

/* The tables are there, and empty. */
static void serve(struct guest *guest)
{
	uint64_t left = DEVICES * 2 * PAGES;
	struct ioasid_fault faults[16];

	while (left) {
		int n = ok(ioasid_faultq_wait(guest->faults, -1));

		n = ok(ioasid_faultq_read(guest->faults, faults, 16));
		for (int i = 0; i < n; i++) {
			/* dropped from the cache it is walked again, but never asked for again */
			guest_map(guest, faults[i].addr, page_of(faults[i].addr), GUEST_RW);
			left--;
			if (faults[i].flags & IOASID_FAULT_LAST)
				guest_answer(guest, faults[i].id, IOASID_RESPONSE_SUCCESS);
		}
	}
}

struct invalidator {
	struct guest *guest;
	bool stop; /* atomic */
};

static void *invalidate_on(void *arg)
{
	struct invalidator *invalidator = arg;
	uint64_t page = 0;

	while (!__atomic_load_n(&invalidator->stop, __ATOMIC_RELAXED)) {
		page = (page * 5 + 3) % (DEVICES * 2 * PAGES);
		if (page % 16)
			guest_invalidate(invalidator->guest,
				page / PAGES * AREA + page % PAGES * PAGE, PAGE);
		else
			guest_invalidate_all(invalidator->guest);
	}
	return NULL;
}

static void add_copiers(struct guest *guest, struct copier *copiers)
{
	struct ioasid_mock_device_opts opts = {.size = sizeof(opts),
		.flags = IOASID_MOCK_DEVICE_PRI | IOASID_MOCK_DEVICE_ATS,
		.credits = 8,
		.group_pages = 5};

	for (unsigned int i = 0; i < DEVICES; i++) {
		struct copier *copier = &copiers[i];

		copier->base = i * 2 * AREA;
		for (unsigned int side = 0; side < 2; side++)
			guest_entry(guest, guest->root, copier->base + side * AREA, 12);
		ok(ioasid_mock_device_new(guest->mock, &opts, &copier->hw));
		copier->device = guest_bind(guest, copier->hw, 100 + i);
		ok(ioasid_device_attach(copier->device, guest->gpa, NULL, &copier->to_gpa));
		ok(ioasid_device_attach(copier->device, guest->giova, NULL, &copier->to_giova));
	}
}

START_TEST(devices_share_a_table_that_is_filled_and_invalidated)
{
	struct guest_opts opts = guest_flavour(_i);
	struct copier copiers[DEVICES];
	pthread_t threads[DEVICES], other;
	struct guest guest;
	struct invalidator invalidator = {.guest = &guest};

	opts.faults = true;
	guest_begin(&guest, &opts);
	add_copiers(&guest, copiers);
	ck_assert_int_eq(pthread_create(&other, NULL, invalidate_on, &invalidator), 0);
	for (unsigned int i = 0; i < DEVICES; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, copy_pages, &copiers[i]), 0);
	serve(&guest);
	for (unsigned int i = 0; i < DEVICES; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		ck_assert_int_eq(copiers[i].status, 0);
		ck_assert_mem_eq(guest.ram + page_of(copiers[i].base + AREA),
			guest.ram + page_of(copiers[i].base), PAGES * PAGE);
		ok(ioasid_attachment_detach(copiers[i].to_giova));
		ok(ioasid_attachment_detach(copiers[i].to_gpa));
		ok(ioasid_device_unbind(copiers[i].device));
	}
	__atomic_store_n(&invalidator.stop, true, __ATOMIC_RELAXED);
	ck_assert_int_eq(pthread_join(other, NULL), 0);
	ck_assert_uint_eq(guest_stats(&guest).unanswered, 0);
	ck_assert_uint_eq(guest_stats(&guest).requests, DEVICES * 2 * PAGES);
	guest_end(&guest);
}
END_TEST

void add_nested_thread_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "thread");

	tcase_add_loop_test(tcase, after_an_invalidation_no_dma_reaches_the_page, 0, 4);
	tcase_add_loop_test(
		tcase, devices_share_a_table_that_is_filled_and_invalidated, 0, FLAVOURS);
}
