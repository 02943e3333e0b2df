/* SPDX-License-Identifier: MIT */
/*
 * What it takes to serve a fault in the mock, all of it on one core: a device misses, the group is
 * raised, read, routed by its label, the guest maps the page and answers by the names it knows, the
 * device tries again and moves its bytes. And how that grows with the number of spaces, and of
 * groups that wait for an answer at a time.
 *
 *   bench-fault [--full] [--rounds N]
 *   bench-fault count spaces|outstanding N     for bench-fault.py: callgrind counts COUNTED faults
 *
 * Time is the thread's own, by its processor clock: nothing sleeps here, and what others do on the
 * machine is none of it.
 */
#include "bench.h"
#include "core.h"
#include "faultbench.h"
#include "pending.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT        ((void)0)
#define CALLGRIND_START_INSTRUMENTATION ((void)0)
#endif

#define COUNTED     5000u
#define DEVICES     125u /* of 480 credits each, where many groups wait */
#define SPACES_MAX  100000u
#define SPACES_MIN  10u
#define WAITING_MAX 60000u
#define WAITING_MIN 10u
#define MAPS        4u /* that a space gets before they are forgotten */

static uint64_t thread_ns(void)
{
	struct timespec now;

	bench_must(!clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), "clock_gettime");
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- a side ---- */

struct load {
	struct faultbench bench;
	unsigned int faults; /* of a run */
	unsigned int chunk;  /* served before the maps are forgotten */
};

static double run(void *arg)
{
	struct load *load = arg;
	uint64_t spent = 0;

	for (unsigned int done = 0; done < load->faults; done += load->chunk) {
		uint64_t begin = thread_ns();

		faultbench_serve(&load->bench, load->chunk);
		spent += thread_ns() - begin;
		faultbench_forget(&load->bench);
	}
	return (double)spent / load->faults;
}

static void open_load(struct load *load, const struct faultbench_plan *plan, unsigned int faults)
{
	unsigned int chunk = plan->spaces * MAPS;

	/* few enough for the caches, enough for the clock to be no part of it */
	load->chunk = chunk < 200 ? 200 : chunk;
	load->faults = (faults + load->chunk - 1) / load->chunk * load->chunk;
	faultbench_open(&load->bench, plan);
}

static const struct faultbench_plan service = {.devices = 1, .spaces = 1, .outstanding = 10};
static const struct faultbench_plan with_deadline = {
	.devices = 1, .spaces = 1, .outstanding = 10, .deadline_ns = 1000000000};
static const struct faultbench_plan nested = {
	.devices = 1, .spaces = 1, .outstanding = FAULTBENCH_BATCH, .nested = true};
static const struct faultbench_plan few_spaces = {
	.devices = SPACES_MIN, .spaces = SPACES_MIN, .outstanding = FAULTBENCH_BATCH};
static const struct faultbench_plan many_spaces = {
	.devices = DEVICES, .spaces = SPACES_MAX, .outstanding = FAULTBENCH_BATCH};
static const struct faultbench_plan few_waiting = {
	.devices = DEVICES, .spaces = DEVICES, .outstanding = WAITING_MIN};
static const struct faultbench_plan many_waiting = {
	.devices = DEVICES, .spaces = DEVICES, .outstanding = WAITING_MAX};

/* ---- results ---- */

enum { SERVICE, NESTED, DEADLINE, FEW_SPACES, MANY_SPACES, FEW_WAITING, MANY_WAITING, SIDES };

static void tell_bytes(unsigned int groups, const char *name)
{
	struct pending *table = pending_new(groups, 1);

	bench_must(table, "memory");
	bench_result(name, (double)pending_bytes(table) / groups, "bytes");
	pending_free(table);
}

static void measure(const struct bench_options *options)
{
	static struct load loads[SIDES];
	struct bench_side sides[SIDES] = {
		{.name = "service"},
		{.name = "by a guest's table"},
		{.name = "with a deadline"},
		{.name = "10 spaces"},
		{.name = "100,000 spaces"},
		{.name = "10 wait"},
		{.name = "60,000 wait"},
	};
	const struct faultbench_plan *plans[SIDES] = {&service, &nested, &with_deadline,
		&few_spaces, &many_spaces, &few_waiting, &many_waiting};
	unsigned int faults = options->full ? 1000000 : 200000, rounds = options->rounds;

	for (unsigned int i = 0; i < SIDES; i++) {
		open_load(&loads[i], plans[i], faults);
		sides[i].run = run;
		sides[i].arg = &loads[i];
	}
	bench_run(sides, SIDES, rounds);
	for (unsigned int i = 0; i < SIDES; i++)
		bench_tell(&sides[i], rounds, "ns a fault");
	bench_result("fault-service", 1e9 / bench_cost(&sides[SERVICE], rounds), "/s");
	bench_result("fault-service-nested", 1e9 / bench_cost(&sides[NESTED], rounds), "/s");
	bench_result("fault-deadline", bench_times(&sides[DEADLINE], &sides[SERVICE], rounds), "x");
	bench_result("fault-scale-spaces",
		bench_times(&sides[MANY_SPACES], &sides[FEW_SPACES], rounds), "x");
	bench_result("fault-scale-outstanding",
		bench_times(&sides[MANY_WAITING], &sides[FEW_WAITING], rounds), "x");
	tell_bytes(1024, "fault-group-bytes");
	tell_bytes(IOASID_FAULTQ_OUTSTANDING_MAX, "fault-group-bytes-65536");
	for (unsigned int i = 0; i < SIDES; i++)
		faultbench_close(&loads[i].bench);
}

/* ---- for callgrind ---- */

static int count(const char *what, unsigned int n)
{
	bool spaces = !strcmp(what, "spaces");
	struct faultbench_plan plan = spaces ? few_spaces : few_waiting;
	struct faultbench bench;
	unsigned int chunk;

	if (!n || (!spaces && strcmp(what, "outstanding") != 0))
		return 2;
	if (spaces && n > DEVICES)
		plan.devices = DEVICES;
	*(spaces ? &plan.spaces : &plan.outstanding) = n;
	faultbench_open(&bench, &plan);
	chunk = plan.spaces < COUNTED ? plan.spaces : COUNTED;
	faultbench_serve(&bench, FAULTBENCH_BATCH);
	CALLGRIND_START_INSTRUMENTATION;
	for (unsigned int done = 0; done < COUNTED; done += chunk) {
		CALLGRIND_TOGGLE_COLLECT;
		faultbench_serve(&bench, chunk);
		CALLGRIND_TOGGLE_COLLECT;
		faultbench_forget(&bench);
	}
	faultbench_close(&bench);
	return 0;
}

int main(int argc, char **argv)
{
	struct bench_options options;

	if (argc == 4 && !strcmp(argv[1], "count"))
		return count(argv[2], (unsigned int)strtoul(argv[3], NULL, 10));
	options = bench_options(argc, argv);
	bench_pin(0);
	measure(&options);
	return 0;
}
