/* SPDX-License-Identifier: MIT */
/*
 * The fault ring as a lane: the library's own two ends, lib/inlet.h and lib/ring.h, with all that
 * they do when somebody may sleep. The pending table and the producer's lock are left out: they
 * are no part of bringing a record to another core, and the peers have nothing like them.
 */
#include "inlet.h"
#include "lane.h"
#include "ring.h"
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

static struct inlet inlet;
static uint64_t ids;
static int eventfd_of_all = -1;
static _Alignas(64) struct ring ring; /* the consumers' */

static void begin(bool single)
{
	static struct ioasid_ring *shared;
	size_t size = IOASID_RING_RECORDS + LANE_RECORDS * sizeof(struct ioasid_fault);

	if (!shared)
		bench_must(!posix_memalign((void **)&shared, IOASID_RING_RECORDS, size), "memory");
	if (eventfd_of_all < 0)
		eventfd_of_all = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	memset(shared, 0, size);
	*shared = (struct ioasid_ring){
		.magic = IOASID_RING_MAGIC,
		.version = IOASID_RING_VERSION,
		.record_size = IOASID_RING_RECORD_SIZE,
		.count = LANE_RECORDS,
		.group_max = LANE_BURST,
	};
	inlet_open(&inlet, shared);
	bench_must(!ring_open(&ring, shared, size, eventfd_of_all, single), "ring_open");
}

static void open_single(void)
{
	begin(true);
}

static void open_many(void)
{
	begin(false);
}

LANE_INLINE void wake(void)
{
	if (inlet_disarm(&inlet))
		ring_signal(eventfd_of_all);
}

/* Groups of one record, as many as it says, with one tail. */
LANE_INLINE unsigned int put(const struct ioasid_fault *records, unsigned int n)
{
	if (!inlet_has_room(&inlet, n))
		return 0;
	for (unsigned int i = 0; i < n; i++)
		inlet_write(&inlet, &records[i], ++ids, IOASID_FAULT_LAST);
	inlet_publish(&inlet);
	wake();
	return n;
}

/* The same as producer_push_all() does it: a tail for each, so that a busy consumer sees them one
 * by one, and a look for sleepers after the first and after the last. */
LANE_INLINE unsigned int put_burst(const struct ioasid_fault *records, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n && inlet_has_room(&inlet, 1); i++) {
		inlet_write(&inlet, &records[i], ++ids, IOASID_FAULT_LAST);
		inlet_publish(&inlet);
		if (!i)
			wake();
	}
	if (i > 1)
		wake();
	return i;
}

LANE_INLINE unsigned int get(struct ioasid_fault *records, unsigned int n)
{
	unsigned int needed;
	int got = ring_read(&ring, records, n, &needed);

	if (got < 0)
		bench_must(false, "ring_read");
	return (unsigned int)got;
}

static void produce(void *run)
{
	lane_produce(run, put);
}

static void produce_burst(void *run)
{
	lane_produce(run, put_burst);
}

static void consume(void *run)
{
	lane_consume(run, get);
}

static void do_both(void *run)
{
	lane_do_both(run, put, get);
}

static void consume_rest(void *run)
{
	lane_consume_rest(run, get);
}

const struct lane lane_ring = {open_single, produce, consume};
const struct lane lane_ring_burst = {open_single, produce_burst, consume};
const struct lane lane_ring_many = {open_many, produce, consume};
const struct lane lane_ring_two = {open_many, do_both, consume_rest};
