/* SPDX-License-Identifier: MIT */
/*
 * What the programs of tests/bench share: two cores to run on, sides that are measured in turn, and
 * lines of results. Machines drift, and virtual ones move from core to core, so each side has one
 * run a round, the rounds follow each other, and two sides are compared within a round: a ratio is
 * the median of the rounds' own. It knows nothing of what is measured, and nothing here asserts.
 *
 *   RESULT <name> <value> <unit>      unit x: so many times; else ns, MB, instructions
 *   # ...                             for people
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>

#define BENCH_ROUNDS     7
#define BENCH_ROUNDS_MAX 99

/* What the command line says. */
struct bench_options {
	unsigned int rounds; /* --rounds N, of 1 to BENCH_ROUNDS_MAX; else BENCH_ROUNDS */
	bool full;           /* --full: as long as it takes; else some seconds */
};

/* Ends the program with a usage line where it does not understand. */
struct bench_options bench_options(int argc, char **argv);

/* One thing that is measured, again and again. */
struct bench_side {
	const char *name;
	double (*run)(void *arg); /* measures once, from a fresh start: the cost of one item */
	void *arg;
	double cost[BENCH_ROUNDS_MAX];
};

/* Runs every side once for nothing, then once a round. */
void bench_run(struct bench_side *sides, unsigned int n, unsigned int rounds);

/* The median of a side's costs. */
double bench_cost(const struct bench_side *side, unsigned int rounds);

/* How many times as much as ours theirs costs: the median of the rounds. */
double bench_times(
	const struct bench_side *theirs, const struct bench_side *ours, unsigned int rounds);

/* Prints a result. */
void bench_result(const char *name, double value, const char *unit);

/* Prints a side's median, lowest and highest cost for people, in the unit. */
void bench_tell(const struct bench_side *side, unsigned int rounds, const char *unit);

/* The calling thread runs on this one of two cores, 0 or 1, from now on. Where there is one core
 * only, or two that share their arithmetic, it says so once. */
void bench_pin(unsigned int core);

/* Runs first on core 0, by the calling thread, and second on core 1, both from the same moment on.
 * Nanoseconds until the last one returned. */
uint64_t bench_pair(void (*first)(void *arg), void (*second)(void *arg), void *arg);

/* Nanoseconds that a cache line takes to the other core and back: where the two are. */
double bench_round_trip(void);

uint64_t bench_ns(void);

/* Ends the program: what it needs is not to be had. */
void bench_must(bool truth, const char *what);

/* The value is needed, as far as the compiler knows. */
static inline void bench_keep(uint64_t value)
{
	__asm__ volatile("" ::"r"(value));
}

/* Of a thread that spins: lets the core rest for some cycles. */
static inline void bench_relax(unsigned int times)
{
	while (times--)
#if defined(__x86_64__) || defined(__i386__)
		__builtin_ia32_pause();
#else
		__asm__ volatile("" ::: "memory");
#endif
}

#endif
