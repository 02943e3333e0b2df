/* SPDX-License-Identifier: MIT */
/*
 * How long it takes until a thread that sleeps has a record in its hands: two threads on two cores
 * send one back and forth, each by a ring of its own, with the library's producer, its table of
 * what is outstanding and the consumer's way to sleep. Against the least that a sleep can be: the
 * same with an eventfd alone, by write, poll and read.
 */
#include "bench.h"
#include "pending.h"
#include "producer.h"
#include "ring.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TRIPS      10000u
#define TRIPS_FULL 200000u

/* One way: where the one throws and the other one waits. */
struct way {
	int eventfd;
	struct producer producer;
	struct ring ring;
	struct producer_group group;
	struct ioasid_fault record;
};

struct court {
	struct way there;
	struct way back;
	unsigned int trips;
	void (*throw)(struct way *way);
	void (*catch)(struct way *way);
};

static void sleep_until_readable(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};

	bench_must(poll(&poller, 1, -1) == 1, "poll");
}

/* ---- an eventfd alone ---- */

static void throw_bare(struct way *way)
{
	static const uint64_t one = 1;

	bench_must(write(way->eventfd, &one, sizeof(one)) == sizeof(one), "write");
}

static void catch_bare(struct way *way)
{
	uint64_t count;

	sleep_until_readable(way->eventfd);
	bench_must(read(way->eventfd, &count, sizeof(count)) == sizeof(count), "read");
}

/* ---- the ring ---- */

static void throw_record(struct way *way)
{
	way->group = (struct producer_group){.records = &way->record, .count = 1};
	producer_push(&way->producer, &way->group);
}

static bool take(struct way *way, struct ioasid_fault *record)
{
	unsigned int needed;

	return ring_read(&way->ring, record, 1, &needed) == 1;
}

/* Empty, and the descriptor will tell when it no longer is. */
static bool is_idle(struct way *way, struct ioasid_fault *record)
{
	if (take(way, record))
		return false;
	ring_arm(&way->ring);
	if (!take(way, record))
		return true;
	ring_disarm(&way->ring);
	return false;
}

static void catch_record(struct way *way)
{
	struct ioasid_fault record;
	uint64_t cookie;

	while (is_idle(way, &record))
		sleep_until_readable(way->ring.eventfd);
	bench_must(pending_deliver(way->producer.pending, record.id), "deliver");
	bench_must(!pending_claim(way->producer.pending, record.id, &cookie), "claim");
	pending_retire(way->producer.pending, record.id, PENDING_ANSWERED, 0);
}

/* ---- both ---- */

static void open_way(struct way *way)
{
	const struct ioasid_faultq_opts opts = {
		.size = sizeof(opts), .records = 64, .group_max = 1, .max_outstanding = 64};
	struct producer *producer = &way->producer;

	way->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	way->record = (struct ioasid_fault){.pages = 1, .pasid = IOASID_PASID_NONE};
	bench_must(way->eventfd >= 0 && !producer_open(producer, &opts), "a ring");
	bench_must(!ring_open(&way->ring, producer->ring, producer->size, producer->eventfd, true),
		"ring_open");
}

static void play_first(void *arg)
{
	struct court *court = arg;

	for (unsigned int i = 0; i < court->trips; i++) {
		court->throw(&court->there);
		court->catch (&court->back);
	}
}

static void play_second(void *arg)
{
	struct court *court = arg;

	for (unsigned int i = 0; i < court->trips; i++) {
		court->catch (&court->there);
		court->throw(&court->back);
	}
}

/* One way takes half of there and back. */
static double run(void *arg)
{
	struct court *court = arg;

	return (double)bench_pair(play_first, play_second, court) / court->trips / 2;
}

int main(int argc, char **argv)
{
	struct bench_options options = bench_options(argc, argv);
	static struct court bare = {.throw = throw_bare, .catch = catch_bare};
	static struct court ring = {.throw = throw_record, .catch = catch_record};
	struct bench_side sides[] = {
		{.name = "eventfd", .run = run, .arg = &bare},
		{.name = "ring", .run = run, .arg = &ring},
	};

	bare.trips = ring.trips = options.full ? TRIPS_FULL : TRIPS;
	open_way(&bare.there);
	open_way(&bare.back);
	open_way(&ring.there);
	open_way(&ring.back);
	bench_run(sides, 2, options.rounds);
	bench_tell(&sides[0], options.rounds, "ns to wake up");
	bench_tell(&sides[1], options.rounds, "ns to wake up");
	bench_result("wake-vs-eventfd", bench_times(&sides[1], &sides[0], options.rounds), "x");
	return 0;
}
