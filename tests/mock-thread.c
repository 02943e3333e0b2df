/* SPDX-License-Identifier: MIT */
/*
 * Of the mock: DMA of many threads at a time, page requests among them, and changes of the
 * translation meanwhile.
 */
#include "mock/platform.h"
#include "mockkit.h"
#include <pthread.h>
#include <unistd.h>

#define DEVICES 4
#define AREA    (UINT64_C(1) << 30)

/* Copies pages that are not there yet to where nothing is yet, all in one space. */
struct copier {
	struct rig *rig;
	struct ioasid_mock_device *hw;
	uint64_t base;
	uint64_t pages;
	int status;
};

static void *copy_pages(void *arg)
{
	struct copier *copier = arg;
	struct ioasid_mock_dma dma = rig_dma(copier->rig, IOASID_MOCK_DMA_COPY,
		copier->base + AREA / 2, NULL, copier->pages * PAGE);

	dma.source = copier->base;
	copier->status = ioasid_mock_dma(copier->hw, &dma);
	return NULL;
}

/* Serves until it has brought all pages: page n of the sources is memory's n. */
struct server {
	struct rig *rig;
	unsigned char *memory;
	uint64_t pages; /* of each device */
};

static unsigned char *page_of(const struct server *server, uint64_t addr)
{
	uint64_t device = addr / AREA, side = addr % AREA / (AREA / 2);
	uint64_t page = addr % (AREA / 2) / PAGE;

	return server->memory + ((device * 2 + side) * server->pages + page) * PAGE;
}

static void *serve(void *arg)
{
	struct server *server = arg;
	uint64_t left = DEVICES * 2 * server->pages;
	struct ioasid_fault faults[32];

	while (left) {
		int n = ok(ioasid_faultq_wait(server->rig->faults, -1));

		n = ok(ioasid_faultq_read(server->rig->faults, faults, 32));
		for (int i = 0; i < n; i++, left--) {
			rig_map(server->rig->space, faults[i].addr, page_of(server, faults[i].addr),
				PAGE, IOASID_MAP_RW);
			if (faults[i].flags & IOASID_FAULT_LAST)
				rig_answer(server->rig, faults[i].id, IOASID_RESPONSE_SUCCESS);
		}
	}
	return NULL;
}

static void bind_copiers(struct rig *rig, struct copier *copiers, struct ioasid_device **devices,
	struct ioasid_attachment **routes)
{
	struct ioasid_mock_device_opts opts = {
		.size = sizeof(opts),
		.flags = IOASID_MOCK_DEVICE_PRI,
		.credits = 8,
		.group_pages = 5,
	};

	for (unsigned int i = 0; i < DEVICES; i++) {
		ok(ioasid_mock_device_new(rig->mock, &opts, &copiers[i].hw));
		devices[i] = rig_bind(rig, copiers[i].hw, i);
		ok(ioasid_device_attach(devices[i], rig->space, NULL, &routes[i]));
	}
}

START_TEST(devices_copy_side_by_side_through_page_requests)
{
	const uint64_t pages = 20 + support_rounds(1000);
	unsigned char *memory = support_memory(DEVICES * 2 * pages * PAGE, 1);
	struct ioasid_attachment *routes[DEVICES];
	struct ioasid_device *devices[DEVICES];
	struct copier copiers[DEVICES];
	pthread_t threads[DEVICES], guest;
	struct rig rig;
	struct server server = {&rig, memory, pages};

	rig_begin(&rig, &(struct rig_opts){.faults = true});
	bind_copiers(&rig, copiers, devices, routes);
	ck_assert_int_eq(pthread_create(&guest, NULL, serve, &server), 0);
	for (unsigned int i = 0; i < DEVICES; i++) {
		copiers[i] = (struct copier){&rig, copiers[i].hw, i * AREA, pages, 1};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, copy_pages, &copiers[i]), 0);
	}
	for (unsigned int i = 0; i < DEVICES; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		ck_assert_int_eq(copiers[i].status, 0);
		ck_assert_mem_eq(memory + (i * 2 + 1) * pages * PAGE, memory + i * 2 * pages * PAGE,
			pages * PAGE);
	}
	ck_assert_int_eq(pthread_join(guest, NULL), 0);
	ck_assert_uint_eq(rig_stats(&rig).unanswered, 0);
	for (unsigned int i = 0; i < DEVICES; i++) {
		ok(ioasid_attachment_detach(routes[i]));
		ok(ioasid_device_unbind(devices[i]));
	}
	rig_end(&rig);
	free(memory);
}
END_TEST

/* Writes its part of one page again and again until it is told to stop. */
struct writer {
	struct rig *rig;
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
		if (!rig_write(writer->rig, 0x1000 + writer->byte * 512u, buffer, sizeof(buffer)))
			__atomic_fetch_add(&writer->moved, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void wait_for_dma(struct writer *writers, int n)
{
	for (int i = 0; i < n; i++) {
		uint64_t before = __atomic_load_n(&writers[i].moved, __ATOMIC_RELAXED);

		while (__atomic_load_n(&writers[i].moved, __ATOMIC_RELAXED) == before)
			usleep(50);
	}
}

START_TEST(after_an_unmap_no_dma_reaches_the_memory)
{
	const unsigned long rounds = support_rounds(2000);
	struct writer writers[2];
	pthread_t threads[2];
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){0});
	for (int i = 0; i < 2; i++) {
		writers[i] = (struct writer){.rig = &rig, .byte = (unsigned char)(i + 1)};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_on, &writers[i]), 0);
	}
	for (unsigned long i = 0; i < rounds; i++) {
		unsigned char *memory = aligned_alloc(PAGE, PAGE);

		ck_assert_ptr_nonnull(memory);
		rig_map(rig.space, 0x1000, memory, PAGE, IOASID_MAP_RW);
		if (i % 16 == 0)
			wait_for_dma(writers, 2);
		ck_assert_int_eq(ok(ioasid_space_unmap(rig.space, 0x1000, PAGE)), PAGE);
		/* a write from now on is a race with the device, or into freed memory */
		memset(memory, 0xaa, PAGE);
		ck_assert_uint_eq(memory[0], 0xaa);
		ck_assert_mem_eq(memory, memory + 256, PAGE - 256);
		free(memory);
	}
	for (int i = 0; i < 2; i++) {
		__atomic_store_n(&writers[i].stop, true, __ATOMIC_RELAXED);
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	}
	ck_assert_uint_gt(rig_stats(&rig).dma_bytes, 0);
	rig_end(&rig);
}
END_TEST

/* Unmaps a page, whatever that waits for. */
struct unmapper {
	struct rig *rig;
	bool done; /* atomic */
};

static void *unmap_page(void *arg)
{
	struct unmapper *unmapper = arg;

	ck_assert_int_eq(ok(ioasid_space_unmap(unmapper->rig->space, 0x1000, PAGE)), PAGE);
	__atomic_store_n(&unmapper->done, true, __ATOMIC_RELAXED);
	return NULL;
}

START_TEST(an_unmap_waits_for_the_page_that_moves)
{
	unsigned char *memory = support_memory(PAGE, 1);
	struct rig rig;
	struct unmapper unmapper = {.rig = &rig};
	pthread_t thread;

	rig_begin(&rig, &(struct rig_opts){0});
	rig_map(rig.space, 0x1000, memory, PAGE, IOASID_MAP_RW);
	/* as DMA holds it from the translation of a page until all of it has moved */
	pthread_rwlock_rdlock(&rig.mock->world);
	ck_assert_int_eq(pthread_create(&thread, NULL, unmap_page, &unmapper), 0);
	/* an unmap that does not wait is given the time to be wrong */
	for (int i = 0; i < 50 && !__atomic_load_n(&unmapper.done, __ATOMIC_RELAXED); i++)
		usleep(1000);
	ck_assert(!__atomic_load_n(&unmapper.done, __ATOMIC_RELAXED));
	pthread_rwlock_unlock(&rig.mock->world);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert(unmapper.done);
	rig_end(&rig);
	free(memory);
}
END_TEST

/* A blocking read that fails, and the text that its thread gets. */
struct failing {
	struct rig *rig;
	int status;
	char text[256];
};

static void *read_and_fail(void *arg)
{
	struct failing *failing = arg;
	unsigned char byte;

	failing->status = rig_read(failing->rig, 0x5000, &byte, 1);
	strncpy(failing->text, ioasid_last_error(), sizeof(failing->text) - 1);
	return NULL;
}

static const struct {
	uint32_t code;
	int answers;
	int status;
	const char *words;
} answers_and_texts[] = {
	{IOASID_RESPONSE_INVALID, 1, -EFAULT, "IOVA 0x5000: answered INVALID"},
	{IOASID_RESPONSE_FAILURE, 1, -EIO, "IOVA 0x5000: answered FAILURE"},
	{IOASID_RESPONSE_SUCCESS, 3, -EFAULT, "however often SUCCESS was answered (retries)"},
};

START_TEST(a_transfer_that_fails_tells_the_answer)
{
	struct rig rig;
	struct failing failing = {.rig = &rig};
	pthread_t thread;

	rig_begin(&rig, &(struct rig_opts){.faults = true, .device = {.retries = 2}});
	ck_assert_int_eq(pthread_create(&thread, NULL, read_and_fail, &failing), 0);
	for (int i = 0; i < answers_and_texts[_i].answers; i++) {
		struct ioasid_fault fault;

		do {
			ck_assert_int_eq(ok(ioasid_faultq_wait(rig.faults, -1)), 1);
		} while (!ok(ioasid_faultq_read(rig.faults, &fault, 1)));
		rig_answer(&rig, fault.id, answers_and_texts[_i].code);
	}
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(failing.status, answers_and_texts[_i].status);
	ck_assert_ptr_nonnull(strstr(failing.text, answers_and_texts[_i].words));
	rig_end(&rig);
}
END_TEST

/* One device, many threads, one credit: who starves must be woken. */
static void *touch(void *arg)
{
	struct copier *copier = arg;
	unsigned char byte;

	copier->status = 0;
	for (uint64_t i = 0; i < copier->pages && !copier->status; i++)
		copier->status = rig_read(copier->rig, copier->base + i * PAGE, &byte, 1);
	return NULL;
}

START_TEST(threads_that_starve_are_all_woken)
{
	const uint64_t pages = 10 + support_rounds(500);
	struct copier copiers[6];
	pthread_t threads[6];
	struct ioasid_fault fault;
	unsigned char *memory = support_memory(PAGE, 1);
	struct rig rig;

	rig_begin(&rig, &(struct rig_opts){.faults = true, .device = {.credits = 1}});
	for (unsigned int i = 0; i < 6; i++) {
		copiers[i] = (struct copier){&rig, rig.hw, i * AREA, pages, 1};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, touch, &copiers[i]), 0);
	}
	for (uint64_t i = 0; i < 6 * pages; i++) {
		ck_assert_int_eq(ok(ioasid_faultq_wait(rig.faults, -1)), 1);
		if (!ok(ioasid_faultq_read(rig.faults, &fault, 1))) {
			i--;
			continue;
		}
		rig_map(rig.space, fault.addr, memory, PAGE, IOASID_MAP_READ);
		rig_answer(&rig, fault.id, IOASID_RESPONSE_SUCCESS);
	}
	for (unsigned int i = 0; i < 6; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		ck_assert_int_eq(copiers[i].status, 0);
	}
	ck_assert_uint_eq(rig_stats(&rig).groups, 6 * pages);
	rig_end(&rig);
	free(memory);
}
END_TEST

/* Waits for a page that never comes. */
static void *wait_in_vain(void *arg)
{
	struct copier *copier = arg;
	unsigned char byte;

	copier->status = rig_read(copier->rig, copier->base, &byte, 1);
	return NULL;
}

START_TEST(detach_ends_those_who_wait_and_those_who_starve)
{
	for (unsigned long round = 0; round < support_rounds(100); round++) {
		struct copier copiers[4];
		pthread_t threads[4];
		struct rig rig;

		rig_begin(&rig, &(struct rig_opts){.faults = true, .device = {.credits = 2}});
		for (unsigned int i = 0; i < 4; i++) {
			copiers[i] = (struct copier){&rig, rig.hw, i * PAGE, 1, 1};
			ck_assert_int_eq(
				pthread_create(&threads[i], NULL, wait_in_vain, &copiers[i]), 0);
		}
		if (round % 2)
			ck_assert_int_eq(ok(ioasid_faultq_wait(rig.faults, -1)), 1);
		ok(ioasid_attachment_detach(rig.route));
		rig.route = NULL;
		for (unsigned int i = 0; i < 4; i++) {
			ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
			ck_assert(copiers[i].status == -EFAULT || copiers[i].status == -ENODEV);
		}
		ck_assert_uint_eq(rig_stats(&rig).unanswered, 0);
		rig_end(&rig);
	}
}
END_TEST

void add_thread_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "thread");

	tcase_add_test(tcase, devices_copy_side_by_side_through_page_requests);
	tcase_add_test(tcase, after_an_unmap_no_dma_reaches_the_memory);
	tcase_add_test(tcase, an_unmap_waits_for_the_page_that_moves);
	tcase_add_loop_test(tcase, a_transfer_that_fails_tells_the_answer, 0, 3);
	tcase_add_test(tcase, threads_that_starve_are_all_woken);
	tcase_add_test(tcase, detach_ends_those_who_wait_and_those_who_starve);
}
