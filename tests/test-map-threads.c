/* SPDX-License-Identifier: MIT */
/*
 * Many threads at the maps of one space: who maps what another unmaps, who maps into the holes of
 * what another empties, who maps where a device that is being attached cannot reach. Whatever the
 * order was, the books agree with what devices see. On every platform.
 */
#include "contract.h"
#include <sched.h>
#include <stdlib.h>

#define BASE  UINT64_C(0x1000000)
#define PLACE (100 * PAGE) /* what a map takes: it takes a while */

/* A space, and the threads at it. */
struct yard {
	struct contract c;
	struct contract_nic *nic;
	struct ioasid_space *space;
	struct ioasid_attachment *route;
	unsigned char *memory;
	int over; /* atomic: nobody maps any more */
};

struct worker {
	struct yard *yard;
	pthread_t thread;
	unsigned int number;
	unsigned long rounds;
	int64_t bytes; /* mapped, or unmapped */
	int odd;       /* an error that nobody may get */
};

static void yard_begin(struct yard *y, int platform)
{
	memset(y, 0, sizeof(*y));
	contract_begin(&y->c, platform);
	y->nic = contract_nic(&y->c, "nic0", (struct contract_wish){0});
	y->space = contract_space(&y->c);
	y->route = contract_attach(y->nic, y->space);
	y->memory = support_memory(PLACE, 21);
}

static void yard_end(struct yard *y)
{
	ok(ioasid_attachment_detach(y->route));
	ok(ioasid_space_destroy(y->space));
	contract_end(&y->c);
	free(y->memory);
}

static uint64_t place(unsigned int number)
{
	return BASE + number * PLACE;
}

static int map_place(struct worker *w, unsigned int number)
{
	int r = contract_map(
		w->yard->space, place(number), w->yard->memory, PLACE, IOASID_MAP_READ);

	w->bytes += r ? 0 : (int64_t)PLACE;
	if (r && r != -EEXIST)
		w->odd = r;
	return r;
}

static int64_t unmap_places(struct worker *w, uint64_t iova, uint64_t length)
{
	int64_t r = ioasid_space_unmap(w->yard->space, iova, length);

	w->bytes += r > 0 ? r : 0;
	if (r < 0 && r != -ENOENT && r != -EBUSY)
		w->odd = (int)r;
	return r;
}

/* All want the same few places. */
static void *map_the_same(void *arg)
{
	struct worker *w = arg;

	for (unsigned long i = 0; i < w->rounds; i++)
		map_place(w, i % 2);
	return NULL;
}

/* Each has places of its own, every other one. */
static void *map_into_holes(void *arg)
{
	struct worker *w = arg;

	for (unsigned long i = 0; i < w->rounds; i++)
		map_place(w, w->number + 2 * (unsigned int)(i % 16));
	return NULL;
}

static bool is_over(const struct yard *y)
{
	return __atomic_load_n(&y->over, __ATOMIC_ACQUIRE);
}

static void *unmap_the_same(void *arg)
{
	struct worker *w = arg;

	for (unsigned int i = 0; !is_over(w->yard); i++)
		unmap_places(w, place(i % 2), PLACE);
	return NULL;
}

static void *unmap_everything(void *arg)
{
	struct worker *w = arg;

	while (!is_over(w->yard)) {
		unmap_places(w, 0, UINT64_MAX);
		sched_yield();
	}
	return NULL;
}

static void start(struct worker *w, struct yard *y, unsigned int number, void *(*work)(void *))
{
	*w = (struct worker){.yard = y, .number = number, .rounds = support_rounds(6000)};
	ck_assert_int_eq(pthread_create(&w->thread, NULL, work, w), 0);
}

static int64_t join(struct worker *w)
{
	ck_assert_int_eq(pthread_join(w->thread, NULL), 0);
	ck_assert_int_eq(w->odd, 0);
	return w->bytes;
}

/* Bytes, page by page, that the device can read. */
static uint64_t seen(struct yard *y, unsigned int places)
{
	uint64_t bytes = 0;

	for (uint64_t iova = BASE; iova < place(places); iova += PAGE) {
		const struct contract_bytes page = {y->memory + (iova - BASE) % PLACE, PAGE};

		if (contract_dma_compare(&y->c, y->nic, IOASID_PASID_NONE, iova, &page))
			bytes += PAGE;
		else
			DMA_FAILS(&y->c, y->nic, iova);
	}
	return bytes;
}

/* What is left is what was mapped less what was unmapped, however one asks. */
static void expect_books(struct yard *y, int64_t left, unsigned int places)
{
	struct ioasid_space_info info = {.size = sizeof(info)};

	ok(ioasid_space_info(y->space, &info));
	ck_assert_int_eq((int64_t)info.mapped, left);
	ck_assert_uint_eq(info.maps * PLACE, info.mapped);
	ck_assert_uint_eq(seen(y, places), info.mapped);
	if (left)
		ck_assert_int_eq(ioasid_space_unmap(y->space, 0, UINT64_MAX), left);
	ck_assert_uint_eq(seen(y, places), 0);
	ck_assert_uint_eq(y->c.platform->pinned(y->c.machine), 0);
}

static void run(int platform, void *(*make)(void *), void *(*end)(void *), unsigned int places)
{
	struct yard y;
	struct worker mapper[2], unmapper[2];
	int64_t left = 0;

	yard_begin(&y, platform);
	for (unsigned int i = 0; i < 2; i++) {
		start(&unmapper[i], &y, i, end);
		start(&mapper[i], &y, i, make);
	}
	for (unsigned int i = 0; i < 2; i++)
		left += join(&mapper[i]);
	__atomic_store_n(&y.over, 1, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < 2; i++)
		left -= join(&unmapper[i]);
	expect_books(&y, left, places);
	yard_end(&y);
}

START_TEST(a_map_is_ended_once_and_never_while_it_is_made)
{
	run(_i, map_the_same, unmap_the_same, 2);
}
END_TEST

START_TEST(who_maps_into_holes_loses_nothing_to_who_unmaps_everything)
{
	run(_i, map_into_holes, unmap_everything, 2 * 16);
}
END_TEST

/* Devices that cannot reach an address, against maps of it. */

#define WINDOW AT(0xee00000)

static const struct contract_wish windowed = {
	.reserved = {WINDOW, WINDOW + 0xfffff},
	.frees = true,
};

struct meeting {
	struct ioasid_space *space;
	const unsigned char *memory;
	pthread_barrier_t barrier;
	unsigned long rounds;
	int mapped;
};

static void *map_the_window(void *arg)
{
	struct meeting *m = arg;

	for (unsigned long i = 0; i < m->rounds; i++) {
		pthread_barrier_wait(&m->barrier);
		m->mapped = contract_map(m->space, WINDOW, m->memory, PAGE, IOASID_MAP_RW);
		pthread_barrier_wait(&m->barrier);
		pthread_barrier_wait(&m->barrier);
	}
	return NULL;
}

static void meet(struct meeting *m, struct contract_nic *nic)
{
	struct ioasid_attachment *route = NULL;
	int attached;

	pthread_barrier_wait(&m->barrier);
	attached = ioasid_device_attach(nic->device, m->space, NULL, &route);
	pthread_barrier_wait(&m->barrier);
	ck_assert_msg(!attached != !m->mapped,
		"the attach returned %d, the map of what the device cannot reach %d", attached,
		m->mapped);
	ck_assert_int_eq(attached, attached ? -EADDRINUSE : 0);
	ck_assert_int_eq(m->mapped, m->mapped ? -EINVAL : 0);
	if (!m->mapped)
		ck_assert_int_eq(ioasid_space_unmap(m->space, WINDOW, PAGE), (int64_t)PAGE);
	ok(ioasid_attachment_detach(route));
	pthread_barrier_wait(&m->barrier);
}

static void meet_often(struct contract *c, struct meeting *m)
{
	struct contract_nic *nic = contract_nic(c, "windowed", windowed);
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, map_the_window, m), 0);
	for (unsigned long i = 0; i < m->rounds; i++)
		meet(m, nic);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

START_TEST(a_map_and_a_device_that_cannot_reach_it_never_both_come_in)
{
	struct contract c;
	struct meeting m = {.rounds = support_rounds(3000)};
	struct contract_nic *plain;
	struct ioasid_attachment *route;
	unsigned char *memory = support_memory(PAGE, 22);

	contract_begin(&c, _i);
	NEEDS_TRUTH(&c, contract_can(&c, windowed));
	/* a device that has no such window: where maps want one first */
	plain = contract_nic(&c, "plain", (struct contract_wish){0});
	m.space = contract_space(&c);
	m.memory = memory;
	route = contract_attach(plain, m.space);
	pthread_barrier_init(&m.barrier, NULL, 2);
	meet_often(&c, &m);
	pthread_barrier_destroy(&m.barrier);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(m.space));
	contract_end(&c);
	free(memory);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("maps, many threads");
	TCase *tcase = support_case(suite, "one space");

	contract_test(tcase, a_map_is_ended_once_and_never_while_it_is_made);
	contract_test(tcase, who_maps_into_holes_loses_nothing_to_who_unmaps_everything);
	contract_test(tcase, a_map_and_a_device_that_cannot_reach_it_never_both_come_in);
	return support_run(suite);
}
