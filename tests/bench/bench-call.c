/* SPDX-License-Identifier: MIT */
/*
 * What a map and an unmap cost in this process, without the kernel: the ioctls of the iommufd leaf
 * end in stub.c, and so many calls of each kind are made while as many maps are live as before.
 * bench-call.py counts the instructions of map_once(), unmap_once() and place_once() alone.
 *
 *   bench-call random LIVE CALLS   any place is taken, any map goes
 *   bench-call queue LIVE CALLS    the next place is taken, the oldest map goes
 */
#include <ioasid/ioasid.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE  UINT64_C(4096)
#define FIRST UINT64_C(0x100000000)

int map_once(struct ioasid_space *space, struct ioasid_map *map);
int place_once(struct ioasid_space *space, uint64_t *iova);
int64_t unmap_once(struct ioasid_space *space, uint64_t iova);

static struct ioasid_map map_at(uint64_t iova)
{
	/* the kernel alone would look at the memory */
	return (struct ioasid_map){.addr = (void *)(uintptr_t)FIRST,
		.length = PAGE,
		.iova = iova,
		.flags = IOASID_MAP_RW | IOASID_MAP_FIXED};
}

/* These three are what is counted. */

__attribute__((noinline)) int map_once(struct ioasid_space *space, struct ioasid_map *map)
{
	return ioasid_space_map(space, map);
}

__attribute__((noinline)) int place_once(struct ioasid_space *space, uint64_t *iova)
{
	struct ioasid_map map = map_at(0);
	int err;

	map.flags = IOASID_MAP_RW;
	err = ioasid_space_map(space, &map);
	*iova = map.iova;
	return err;
}

__attribute__((noinline)) int64_t unmap_once(struct ioasid_space *space, uint64_t iova)
{
	return ioasid_space_unmap(space, iova, PAGE);
}

struct bench {
	struct ioasid_ctx *ctx;
	struct ioasid_space *space;
	uint64_t *place; /* twice as many as maps: the first half of them is mapped */
	unsigned int live;
	bool queue;
	uint64_t turn;
	uint64_t random;
};

static void must(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "bench-call: %s: %s\n", what, ioasid_last_error());
	exit(1);
}

static unsigned int pick(struct bench *b, unsigned int n)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return (unsigned int)(b->random % n);
}

static void swap(uint64_t *a, uint64_t *b)
{
	uint64_t was = *a;

	*a = *b;
	*b = was;
}

static void shuffle(struct bench *b)
{
	for (unsigned int i = 0; i < 2 * b->live; i++)
		swap(&b->place[i], &b->place[i + pick(b, 2 * b->live - i)]);
}

static void begin(struct bench *b)
{
	int fd = memfd_create("bench-call", MFD_CLOEXEC);

	must(!ioasid_open(
		     IOASID_OPTS(ioasid_open_opts, .flags = IOASID_OPEN_ADOPT, .fd = fd), &b->ctx),
		"open");
	must(!ioasid_space_new(b->ctx, NULL, &b->space), "space");
	b->place = calloc(2 * (size_t)b->live, sizeof(*b->place));
	must(b->place, "memory");
	for (unsigned int i = 0; i < 2 * b->live; i++)
		b->place[i] = FIRST + i * 2 * PAGE;
	if (!b->queue)
		shuffle(b);
	for (unsigned int i = 0; i < b->live; i++) {
		struct ioasid_map map = map_at(b->place[i]);

		must(!ioasid_space_map(b->space, &map), "map");
	}
}

/* Where the next map goes, and which one ends. */
static void next(struct bench *b, uint64_t *empty, uint64_t *taken)
{
	unsigned int i = pick(b, b->live), k = b->live + pick(b, b->live);

	*taken = b->queue ? FIRST + b->turn * 2 * PAGE : b->place[i];
	*empty = b->queue ? FIRST + (b->turn + b->live) * 2 * PAGE : b->place[k];
	swap(&b->place[i], &b->place[k]);
	b->turn++;
}

/* One of each: a free place is taken, a taken one is freed, the library picks one. */
static void take_turn(struct bench *b)
{
	uint64_t empty, taken, anywhere;
	struct ioasid_map map;

	next(b, &empty, &taken);
	map = map_at(empty);
	must(!map_once(b->space, &map), "map");
	must(unmap_once(b->space, taken) == PAGE, "unmap");
	must(!place_once(b->space, &anywhere), "map anywhere");
	must(ioasid_space_unmap(b->space, anywhere, PAGE) == PAGE, "unmap");
}

static void end(struct bench *b)
{
	ioasid_space_destroy(b->space);
	ioasid_close(b->ctx);
	free(b->place);
}

int main(int argc, char **argv)
{
	struct bench b = {.random = 88172645463325252u};
	long calls = argc == 4 ? strtol(argv[3], NULL, 10) : 0;

	if (calls >= 1) {
		b.queue = !strcmp(argv[1], "queue");
		b.live = (unsigned int)strtoul(argv[2], NULL, 10);
	}
	if (b.live < 1 || b.live > 1000000 || (!b.queue && strcmp(argv[1], "random") != 0)) {
		fprintf(stderr, "usage: bench-call random|queue LIVE CALLS\n");
		return 2;
	}
	begin(&b);
	for (long i = 0; i < calls; i++)
		take_turn(&b);
	end(&b);
	return 0;
}
