/* SPDX-License-Identifier: MIT */
/*
 * What it costs to bring a record from one core to another through the fault ring, against rings
 * that others made, a pipe, and the least that the machine takes for a cache line. Everything is
 * measured with short and with long rests of who has nothing to do, and counts as what suits it
 * best. b1: read 1, and each record has a tail of its own. bN: publish N at once, read up to 64.
 */
#include "lane.h"
#include <stdio.h>
#include <stdlib.h>

#define RECORDS      (UINT64_C(1) << 19)
#define RECORDS_FULL (UINT64_C(1) << 23)

static const unsigned int rests[] = {1, 32, 128};

#define PATIENCES (sizeof(rests) / sizeof(rests[0]))

/* A lane and how it is used, in the order of the table below. */
struct way {
	const char *name;
	const struct lane *lane;
	unsigned int put;
	unsigned int get;
	unsigned int slow; /* so many times fewer records */
};

enum {
	LIMIT,
	LIMIT_AHEAD,
	RING_1,
	RING_1_LOOK,
	RING_32,
	RING_64,
	MANY_32,
	PIPE_1,
	PIPE_64,
	RING_TWO,
	CK_1,
	CK_32,
	CK_TWO,
	DPDK_1,
	DPDK_32,
	WAYS
};

static const struct way ways[WAYS] = {
	[LIMIT] = {"limit", &lane_limit, 32, 32, 1},
	[LIMIT_AHEAD] = {"limit, lines ahead", &lane_limit_ahead, 32, 32, 1},
	[RING_1] = {"ring b1", &lane_ring_burst, 32, 1, 1},
	[RING_1_LOOK] = {"ring b1, look at armed", &lane_ring, 1, 1, 1},
	[RING_32] = {"ring b32", &lane_ring, 32, 64, 1},
	[RING_64] = {"ring b64", &lane_ring, 64, 64, 1},
	[MANY_32] = {"ring b32, many", &lane_ring_many, 32, 64, 1},
	[PIPE_1] = {"pipe b1", &lane_pipe, 1, 1, 8},
	[PIPE_64] = {"pipe b64", &lane_pipe, 64, 64, 1},
	[RING_TWO] = {"ring b32, two consumers", &lane_ring_two, 32, 64, 1},
#ifdef HAVE_CK
	[CK_1] = {"ck_ring b1", &lane_ck, 1, 1, 1},
	[CK_32] = {"ck_ring b32", &lane_ck, 32, 64, 1},
	[CK_TWO] = {"ck_ring b32, two consumers", &lane_ck_two, 32, 64, 1},
#endif
#ifdef HAVE_DPDK
	[DPDK_1] = {"rte_ring b1", &lane_dpdk, 1, 1, 1},
	[DPDK_32] = {"rte_ring b32", &lane_dpdk, 32, 64, 1},
#endif
};

/* A way with one kind of patience. */
struct trial {
	const struct way *way;
	unsigned int rests;
	uint64_t total;
};

static struct bench_side sides[WAYS * PATIENCES];
static struct trial trials[WAYS * PATIENCES];
static unsigned int side_count;
static const struct bench_side *best[WAYS]; /* NULL: not there */
static struct ioasid_fault stock[LANE_STOCK];
static struct bench_options options;

const struct ioasid_fault *lane_stock = stock;

/* ---- one run ---- */

static double run_once(void *arg)
{
	const struct trial *trial = arg;
	const struct way *way = trial->way;
	struct lane_run run = {
		.total = trial->total, .put = way->put, .get = way->get, .rests = trial->rests};
	uint64_t ns, sum = trial->total / LANE_STOCK * (LANE_STOCK * (LANE_STOCK - 1) / 2);

	way->lane->open();
	ns = bench_pair(way->lane->produce, way->lane->consume, &run);
	if (run.sum != sum) {
		fprintf(stderr, "bench-ring: %s loses records\n", way->name);
		exit(1);
	}
	return (double)ns / (double)trial->total;
}

static void fill_stock(void)
{
	for (unsigned int i = 0; i < LANE_STOCK; i++)
		stock[i] = (struct ioasid_fault){.label = i,
			.addr = i * UINT64_C(4096),
			.pages = 1,
			.flags = IOASID_FAULT_READ | IOASID_FAULT_LAST,
			.pasid = IOASID_PASID_NONE,
			.group = i};
}

static void add_way(const struct way *way)
{
	uint64_t total = options.full ? RECORDS_FULL : RECORDS;

	for (unsigned int i = 0; i < PATIENCES; i++) {
		trials[side_count] = (struct trial){way, rests[i], total / way->slow};
		sides[side_count] = (struct bench_side){
			.name = way->name, .run = run_once, .arg = &trials[side_count]};
		side_count++;
	}
}

/* ---- the figures ---- */

static const struct bench_side *cheaper(const struct bench_side *a, const struct bench_side *b)
{
	if (!a || !b)
		return a ? a : b;
	return bench_cost(b, options.rounds) < bench_cost(a, options.rounds) ? b : a;
}

static void choose_best(void)
{
	for (unsigned int i = 0; i < side_count; i++) {
		const struct trial *trial = sides[i].arg;
		const struct bench_side **place = &best[trial->way - ways];

		*place = cheaper(*place, &sides[i]);
	}
	for (unsigned int i = 0; i < WAYS; i++)
		if (best[i])
			bench_tell(best[i], options.rounds, "ns a record");
}

static void compare(
	const char *name, const struct bench_side *theirs, const struct bench_side *ours)
{
	if (theirs)
		bench_result(name, bench_times(theirs, ours, options.rounds), "x");
}

static void print_results(void)
{
	compare("ring-spsc-b1-vs-best-peer", cheaper(best[CK_1], best[DPDK_1]), best[RING_1]);
	compare("ring-spsc-b1-look-vs-best-peer", cheaper(best[CK_1], best[DPDK_1]),
		best[RING_1_LOOK]);
	compare("ring-spsc-b32-vs-best-peer", cheaper(best[CK_32], best[DPDK_32]), best[RING_32]);
	compare("ring-spsc-b1-vs-limit", best[LIMIT], best[RING_1]);
	compare("ring-spsc-b1-look-vs-limit", best[LIMIT], best[RING_1_LOOK]);
	compare("ring-spsc-b32-vs-limit", best[LIMIT], best[RING_32]);
	compare("ring-spsc-b1-vs-limit-ahead", best[LIMIT_AHEAD], best[RING_1]);
	compare("ring-spsc-b32-vs-limit-ahead", best[LIMIT_AHEAD], best[RING_32]);
	compare("ring-mc-vs-sc", best[RING_32], best[MANY_32]);
	compare("ring-spmc2-vs-ck", best[CK_TWO], best[RING_TWO]);
	compare("ring-vs-pipe-b1", best[PIPE_1], best[RING_1_LOOK]);
	compare("ring-vs-pipe-b64", best[PIPE_64], best[RING_64]);
}

static void name_peers(void)
{
	printf("# a cache line goes there and back in %.0f ns\n", bench_round_trip());
#ifdef HAVE_CK
	printf("# ck_ring is of ConcurrencyKit %s\n", HAVE_CK);
#else
	printf("# no ConcurrencyKit (libck-dev): nothing is compared with it\n");
#endif
#ifdef HAVE_DPDK
	printf("# rte_ring is of DPDK %s\n", HAVE_DPDK);
#else
	printf("# no DPDK (libdpdk-dev): nothing is compared with it\n");
#endif
}

int main(int argc, char **argv)
{
	options = bench_options(argc, argv);
	name_peers();
	fill_stock();
	for (unsigned int i = 0; i < WAYS; i++)
		if (ways[i].lane)
			add_way(&ways[i]);
	bench_run(sides, side_count, options.rounds);
	choose_best();
	print_results();
	return 0;
}
