/* SPDX-License-Identifier: MIT */
/*
 * What maps cost as there are more of them: the container alone against the one that libc has, the
 * whole call against that, and how both grow. The ioctls of the iommufd leaf end in
 * stub.c. Each measure takes a map out and puts another one in, in random places, while as many as
 * before are there.
 *
 *   bench-map [--full] [--rounds N]      --full: up to 10,000,000 maps
 */
#include "bench.h"
#include "maptree.h"
#include <ioasid/ioasid.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE    UINT64_C(4096)
#define FIRST   UINT64_C(0x100000000)
#define MILLION 1000000u
#define TURNS   100000u /* pairs that one run measures */
#define SIZES   7       /* 10 to 10,000,000 */

/* ---- so many maps, in one of three places ---- */

struct item {
	uint64_t start;
	uint64_t last;
	uint64_t value;
};

struct maps {
	void (*put)(struct maps *, unsigned int number);
	void (*take)(struct maps *, unsigned int number);
	unsigned int live;
	unsigned int *numbers; /* twice as many: the first half of them is there */
	uint64_t random;
	struct maptree tree;
	struct item *items; /* that tsearch's tree points at */
	void *root;
	struct ioasid_ctx *ctx;
	struct ioasid_space *space;
};

static uint64_t start_of(unsigned int number)
{
	return FIRST + number * 2 * PAGE;
}

static void put_tree(struct maps *m, unsigned int number)
{
	const struct maptree_entry entry = {
		.start = start_of(number), .last = start_of(number) + (PAGE - 1), .value = number};

	bench_must(!maptree_insert(&m->tree, &entry, NULL), "maptree_insert");
}

static void take_tree(struct maps *m, unsigned int number)
{
	bench_must(!maptree_remove(&m->tree, start_of(number)), "maptree_remove");
}

static int compare(const void *a, const void *b)
{
	const struct item *left = a, *right = b;

	return (left->start > right->start) - (left->start < right->start);
}

static void put_tsearch(struct maps *m, unsigned int number)
{
	struct item *item = &m->items[number], **there;

	*item = (struct item){start_of(number), start_of(number) + (PAGE - 1), number};
	there = tsearch(item, &m->root, compare);
	bench_must(there && *there == item, "tsearch");
}

static void take_tsearch(struct maps *m, unsigned int number)
{
	const struct item wanted = {.start = start_of(number)};

	bench_must(tdelete(&wanted, &m->root, compare), "tdelete");
}

static void put_call(struct maps *m, unsigned int number)
{
	/* the kernel alone would look at the memory */
	struct ioasid_map map = {.addr = (void *)(uintptr_t)FIRST,
		.length = PAGE,
		.iova = start_of(number),
		.flags = IOASID_MAP_RW | IOASID_MAP_FIXED};

	bench_must(!ioasid_space_map(m->space, &map), ioasid_last_error());
}

static void take_call(struct maps *m, unsigned int number)
{
	bench_must(ioasid_space_unmap(m->space, start_of(number), PAGE) == (int64_t)PAGE,
		ioasid_last_error());
}

static unsigned int pick(struct maps *m, unsigned int n)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return (unsigned int)(m->random % n);
}

static void swap(unsigned int *a, unsigned int *b)
{
	unsigned int was = *a;

	*a = *b;
	*b = was;
}

static void open_maps(struct maps *m, unsigned int live)
{
	m->live = live;
	m->random = 88172645463325252u;
	m->numbers = calloc(2 * (size_t)live, sizeof(*m->numbers));
	m->items = m->put == put_tsearch ? calloc(2 * (size_t)live, sizeof(*m->items)) : NULL;
	bench_must(m->numbers && (m->items || m->put != put_tsearch), "memory");
	for (unsigned int i = 0; i < 2 * live; i++)
		m->numbers[i] = i;
	for (unsigned int i = 0; i < 2 * live; i++)
		swap(&m->numbers[i], &m->numbers[i + pick(m, 2 * live - i)]);
	for (unsigned int i = 0; i < live; i++)
		m->put(m, m->numbers[i]);
}

static void close_maps(struct maps *m)
{
	for (unsigned int i = 0; i < m->live; i++)
		m->take(m, m->numbers[i]);
	free(m->numbers);
	free(m->items);
}

static void open_space(struct maps *m)
{
	int fd = memfd_create("bench-map", MFD_CLOEXEC);

	bench_must(!ioasid_open(IOASID_OPTS(ioasid_open_opts, .flags = IOASID_OPEN_ADOPT, .fd = fd),
			   &m->ctx),
		"ioasid_open");
	bench_must(!ioasid_space_new(m->ctx, NULL, &m->space), "ioasid_space_new");
}

static void close_space(struct maps *m)
{
	ioasid_space_destroy(m->space);
	ioasid_close(m->ctx);
}

/* ---- measures ---- */

/* The thread's own time: nothing sleeps here, and what others do on the machine is none of it. */
static uint64_t thread_ns(void)
{
	struct timespec now;

	bench_must(!clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), "clock_gettime");
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Any that is there goes, any other comes; which was decided before. */
static double run(void *arg)
{
	static unsigned int goes[TURNS], comes[TURNS];
	struct maps *m = arg;
	uint64_t begin;

	for (unsigned int i = 0; i < TURNS; i++) {
		unsigned int *out = &m->numbers[pick(m, m->live)];
		unsigned int *in = &m->numbers[m->live + pick(m, m->live)];

		goes[i] = *out;
		comes[i] = *in;
		swap(out, in);
	}
	begin = thread_ns();
	for (unsigned int i = 0; i < TURNS; i++) {
		m->take(m, goes[i]);
		m->put(m, comes[i]);
	}
	return (double)(thread_ns() - begin) / TURNS;
}

static void compare_at_a_million(unsigned int rounds)
{
	static struct maps tree = {.put = put_tree, .take = take_tree},
			   libc = {.put = put_tsearch, .take = take_tsearch},
			   call = {.put = put_call, .take = take_call};
	struct bench_side sides[] = {
		{.name = "maptree", .run = run, .arg = &tree},
		{.name = "tsearch", .run = run, .arg = &libc},
		{.name = "map and unmap", .run = run, .arg = &call},
	};

	open_space(&call);
	for (unsigned int i = 0; i < 3; i++)
		open_maps(sides[i].arg, MILLION);
	bench_run(sides, 3, rounds);
	for (unsigned int i = 0; i < 3; i++)
		bench_tell(&sides[i], rounds, "ns a pair");
	bench_result("map-vs-tsearch-1m", bench_times(&sides[1], &sides[0], rounds), "x");
	bench_result("map-call-vs-tsearch-1m", bench_times(&sides[1], &sides[2], rounds), "x");
	bench_result("map-bytes", (double)maptree_bytes(&tree.tree) / MILLION, "bytes");
	for (unsigned int i = 0; i < 3; i++)
		close_maps(sides[i].arg);
	close_space(&call);
}

/* For each size the container, and the whole call. */
static void tell_growth(unsigned int sizes, unsigned int rounds)
{
	static struct maps tree[SIZES], call[SIZES];
	static struct bench_side sides[2 * SIZES];
	unsigned int live = 10;

	for (unsigned int i = 0; i < sizes; i++, live *= 10) {
		tree[i] = (struct maps){.put = put_tree, .take = take_tree};
		call[i] = (struct maps){.put = put_call, .take = take_call};
		open_space(&call[i]);
		open_maps(&tree[i], live);
		open_maps(&call[i], live);
		sides[2 * i] = (struct bench_side){.name = "maptree", .run = run, .arg = &tree[i]};
		sides[2 * i + 1] =
			(struct bench_side){.name = "map and unmap", .run = run, .arg = &call[i]};
	}
	bench_run(sides, 2 * sizes, rounds);
	for (unsigned int i = 0; i < sizes; i++) {
		char name[32];

		snprintf(name, sizeof(name), "map-scale-%u", tree[i].live);
		bench_result(name, bench_cost(&sides[2 * i], rounds), "ns");
		snprintf(name, sizeof(name), "map-call-scale-%u", tree[i].live);
		bench_result(name, bench_cost(&sides[2 * i + 1], rounds), "ns");
		close_maps(&tree[i]);
		close_maps(&call[i]);
		close_space(&call[i]);
	}
}

int main(int argc, char **argv)
{
	struct bench_options options = bench_options(argc, argv);

	bench_pin(0);
	compare_at_a_million(options.rounds);
	tell_growth(options.full ? SIZES : SIZES - 1, options.rounds);
	return 0;
}
