/* SPDX-License-Identifier: MIT */
/*
 * What the programs of tests/bench share: see bench.h. Knows libc and the layout of sysfs.
 */
#include "bench.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void bench_must(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(1);
}

/* ---- the command line ---- */

static void usage(void)
{
	fprintf(stderr, "usage: %s [--full] [--rounds N]\n", program_invocation_short_name);
	exit(2);
}

struct bench_options bench_options(int argc, char **argv)
{
	struct bench_options options = {.rounds = BENCH_ROUNDS};

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--full"))
			options.full = true;
		else if (!strcmp(argv[i], "--rounds") && i + 1 < argc)
			options.rounds = (unsigned int)strtoul(argv[++i], NULL, 10);
		else
			usage();
	}
	if (!options.rounds || options.rounds > BENCH_ROUNDS_MAX)
		usage();
	return options;
}

/* ---- rounds ---- */

void bench_run(struct bench_side *sides, unsigned int n, unsigned int rounds)
{
	for (unsigned int i = 0; i < n; i++)
		sides[i].run(sides[i].arg);
	for (unsigned int round = 0; round < rounds; round++)
		for (unsigned int i = 0; i < n; i++)
			sides[i].cost[round] = sides[i].run(sides[i].arg);
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double median(double *values, unsigned int n)
{
	qsort(values, n, sizeof(*values), compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

double bench_cost(const struct bench_side *side, unsigned int rounds)
{
	double costs[BENCH_ROUNDS_MAX];

	memcpy(costs, side->cost, sizeof(costs));
	return median(costs, rounds);
}

double bench_times(
	const struct bench_side *theirs, const struct bench_side *ours, unsigned int rounds)
{
	double times[BENCH_ROUNDS_MAX];

	for (unsigned int i = 0; i < rounds; i++)
		times[i] = theirs->cost[i] / ours->cost[i];
	return median(times, rounds);
}

void bench_result(const char *name, double value, const char *unit)
{
	printf("RESULT %s %.*f %s\n", name, value < 100 ? 2 : 0, value, unit);
	fflush(stdout);
}

void bench_tell(const struct bench_side *side, unsigned int rounds, const char *unit)
{
	double costs[BENCH_ROUNDS_MAX], middle;

	memcpy(costs, side->cost, sizeof(costs));
	middle = median(costs, rounds); /* which sorts them */
	printf("# %-24s %8.1f %s, %.1f to %.1f\n", side->name, middle, unit, costs[0],
		costs[rounds - 1]);
}

/* ---- two cores ---- */

static pthread_once_t cores_once = PTHREAD_ONCE_INIT;
static unsigned int cores[2];

/* Whether a list as the kernel prints it, "0-3,8", has the number. */
static bool has_number(const char *list, unsigned long number)
{
	char *end = (char *)(uintptr_t)list;

	for (unsigned long low, high; *list; list = *end == ',' ? end + 1 : "") {
		low = high = strtoul(list, &end, 10);
		if (*end == '-')
			high = strtoul(end + 1, &end, 10);
		if (number >= low && number <= high)
			return true;
	}
	return false;
}

/* Whether two hardware threads are one core. */
static bool are_siblings(unsigned int a, unsigned int b)
{
	char path[96], line[256] = "";
	FILE *list;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list",
		a);
	list = fopen(path, "re");
	if (!list)
		return false;
	if (!fgets(line, sizeof(line), list))
		line[0] = 0;
	fclose(list);
	return has_number(line, b);
}

/* The first that may be used, and the first after it that is no sibling, if there is one. */
static void choose_cores(void)
{
	cpu_set_t allowed;

	bench_must(!sched_getaffinity(0, sizeof(allowed), &allowed), "sched_getaffinity");
	while (!CPU_ISSET(cores[0], &allowed))
		cores[0]++;
	cores[1] = cores[0];
	for (unsigned int i = cores[0] + 1; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &allowed) || (cores[1] != cores[0] && are_siblings(cores[0], i)))
			continue;
		cores[1] = i;
		if (!are_siblings(cores[0], i))
			return;
	}
	printf("# %s: no figure of two threads means much\n",
		cores[0] == cores[1] ? "one core" : "two hardware threads of one core");
}

void bench_pin(unsigned int core)
{
	cpu_set_t set;

	pthread_once(&cores_once, choose_cores);
	CPU_ZERO(&set);
	CPU_SET(cores[core & 1], &set);
	bench_must(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

uint64_t bench_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct pair {
	void (*second)(void *arg);
	void *arg;
	unsigned int ready; /* atomic: threads that are */
	uint64_t end;       /* of the second */
};

/* Spins, so that neither has to be woken; yields, for where there is one core. */
static void meet(struct pair *pair)
{
	__atomic_add_fetch(&pair->ready, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&pair->ready, __ATOMIC_ACQUIRE) < 2)
		sched_yield();
}

static void *run_second(void *arg)
{
	struct pair *pair = arg;

	bench_pin(1);
	meet(pair);
	pair->second(pair->arg);
	pair->end = bench_ns();
	return NULL;
}

uint64_t bench_pair(void (*first)(void *arg), void (*second)(void *arg), void *arg)
{
	struct pair pair = {.second = second, .arg = arg};
	uint64_t begin, end;
	pthread_t thread;

	bench_pin(0);
	errno = pthread_create(&thread, NULL, run_second, &pair);
	bench_must(!errno, "pthread_create");
	meet(&pair);
	begin = bench_ns();
	first(arg);
	end = bench_ns();
	pthread_join(thread, NULL);
	return (end > pair.end ? end : pair.end) - begin;
}

/* ---- where they are ---- */

#define TRIPS 100000u

struct ball {
	_Alignas(64) unsigned int at; /* atomic: throws so far */
};

/* One throws at even numbers, the other one at odd ones. */
static void play(struct ball *ball, unsigned int first)
{
	for (unsigned int i = first; i < 2 * TRIPS; i += 2) {
		while (__atomic_load_n(&ball->at, __ATOMIC_ACQUIRE) != i)
			bench_relax(1);
		__atomic_store_n(&ball->at, i + 1, __ATOMIC_RELEASE);
	}
}

static void play_first(void *arg)
{
	play(arg, 0);
}

static void play_second(void *arg)
{
	play(arg, 1);
}

double bench_round_trip(void)
{
	struct ball ball = {0};

	return (double)bench_pair(play_first, play_second, &ball) / TRIPS;
}
