/* SPDX-License-Identifier: MIT */
/*
 * What a kernel does that hands its page requests out by read(): a pipe with records in it. A
 * publication is a write, and a read returns what is there; who finds nothing sleeps.
 */
#include "lane.h"
#include <fcntl.h>
#include <unistd.h>

#define SIZE sizeof(struct ioasid_fault)

static int ends[2];

static void begin(void)
{
	if (!ends[1])
		bench_must(!pipe2(ends, O_CLOEXEC), "pipe");
}

/* Whole records: the pipe's pages and each transfer are multiples of them. */
static unsigned int records_in(ssize_t bytes)
{
	bench_must(bytes > 0, "a pipe");
	return (unsigned int)((size_t)bytes / SIZE);
}

LANE_INLINE unsigned int put(const struct ioasid_fault *records, unsigned int n)
{
	return records_in(write(ends[1], records, n * SIZE));
}

LANE_INLINE unsigned int get(struct ioasid_fault *records, unsigned int n)
{
	return records_in(read(ends[0], records, n * SIZE));
}

static void produce(void *run)
{
	lane_produce(run, put);
}

static void consume(void *run)
{
	lane_consume(run, get);
}

const struct lane lane_pipe = {begin, produce, consume};
