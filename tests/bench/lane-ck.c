/* SPDX-License-Identifier: MIT */
/*
 * A peer: ConcurrencyKit's ring, made for records of this type, with one producer and one consumer
 * or several. It takes and gives one record at a time; a batch is so many of them.
 */
#include "lane.h"
#include <ck_ring.h>

CK_RING_PROTOTYPE(fault, ioasid_fault)

static ck_ring_t ring;
static _Alignas(64) struct ioasid_fault buffer[LANE_RECORDS];

static void begin(void)
{
	ck_ring_init(&ring, LANE_RECORDS);
}

LANE_INLINE unsigned int put(const struct ioasid_fault *records, unsigned int n)
{
	unsigned int i = 0;

	/* it only copies, but does not say so */
	while (i < n && ck_ring_enqueue_spsc_fault(
				&ring, buffer, (struct ioasid_fault *)(uintptr_t)&records[i]))
		i++;
	return i;
}

LANE_INLINE unsigned int get(struct ioasid_fault *records, unsigned int n)
{
	unsigned int i = 0;

	while (i < n && ck_ring_dequeue_spsc_fault(&ring, buffer, &records[i]))
		i++;
	return i;
}

LANE_INLINE unsigned int put_to_many(const struct ioasid_fault *records, unsigned int n)
{
	unsigned int i = 0;

	while (i < n && ck_ring_enqueue_spmc_fault(
				&ring, buffer, (struct ioasid_fault *)(uintptr_t)&records[i]))
		i++;
	return i;
}

LANE_INLINE unsigned int get_of_many(struct ioasid_fault *records, unsigned int n)
{
	unsigned int i = 0;

	while (i < n && ck_ring_dequeue_spmc_fault(&ring, buffer, &records[i]))
		i++;
	return i;
}

static void produce(void *run)
{
	lane_produce(run, put);
}

static void consume(void *run)
{
	lane_consume(run, get);
}

static void do_both(void *run)
{
	lane_do_both(run, put_to_many, get_of_many);
}

static void consume_rest(void *run)
{
	lane_consume_rest(run, get_of_many);
}

const struct lane lane_ck = {begin, produce, consume};
const struct lane lane_ck_two = {begin, do_both, consume_rest};
