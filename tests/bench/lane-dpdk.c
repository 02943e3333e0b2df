/* SPDX-License-Identifier: MIT */
/*
 * A peer: DPDK's ring with elements of 64 bytes, one producer, one consumer, in bursts. The ring is
 * put into memory of this program: it needs no environment and no huge pages.
 */
#include "lane.h"
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <stdlib.h>

#define SIZE sizeof(struct ioasid_fault)

static struct rte_ring *ring;

static void begin(void)
{
	size_t size = (size_t)rte_ring_get_memsize_elem(SIZE, LANE_RECORDS);

	if (!ring)
		bench_must(!posix_memalign((void **)&ring, 4096, size), "memory");
	bench_must(!rte_ring_init(ring, "lane", LANE_RECORDS, RING_F_SP_ENQ | RING_F_SC_DEQ),
		"rte_ring_init");
}

LANE_INLINE unsigned int put(const struct ioasid_fault *records, unsigned int n)
{
	return rte_ring_sp_enqueue_burst_elem(ring, records, SIZE, n, NULL);
}

LANE_INLINE unsigned int get(struct ioasid_fault *records, unsigned int n)
{
	return rte_ring_sc_dequeue_burst_elem(ring, records, SIZE, n, NULL);
}

static void produce(void *run)
{
	lane_produce(run, put);
}

static void consume(void *run)
{
	lane_consume(run, get);
}

const struct lane lane_dpdk = {begin, produce, consume};
