/* SPDX-License-Identifier: MIT */
/*
 * A monitor and its machine: see faultbench.h.
 */
#include "faultbench.h"
#include "bench.h"
#include <ioasid/pgtable.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PAGE        UINT64_C(4096)
#define STAYS       UINT64_C(0x1000) /* this page of every space is mapped */
#define BASE        UINT64_C(0x100000000)
#define PASID_BITS  20
#define LEVELS      4u
#define TABLES      (1 * PAGE) /* guest addresses: a table a level, each a page; and behind them */
#define DATA        (5 * PAGE) /* what all entries lead to */
#define MEMORY      (6 * PAGE)
#define ENTRIES     512u
#define CREDITS_MAX 512u

int64_t faultbench_ok(int64_t result)
{
	if (result >= 0)
		return result;
	fprintf(stderr, "bench-fault: %s\n", ioasid_last_error());
	exit(1);
}

/* ---- the machine ---- */

static void *take(size_t n, size_t size)
{
	void *memory = calloc(n, size);

	bench_must(memory, "memory");
	return memory;
}

static uint32_t credits_of(const struct faultbench_plan *plan)
{
	uint32_t credits = (plan->outstanding + plan->devices - 1) / plan->devices;

	return credits < FAULTBENCH_BATCH ? FAULTBENCH_BATCH : credits;
}

static void add_device(struct faultbench *b, unsigned int i)
{
	int fd;

	faultbench_ok(ioasid_mock_device_new(b->mock,
		IOASID_OPTS(ioasid_mock_device_opts, .flags = IOASID_MOCK_DEVICE_PRI,
			.pasid_bits = PASID_BITS, .credits = credits_of(&b->plan)),
		&b->hw[i]));
	fd = (int)faultbench_ok(ioasid_mock_device_fd(b->hw[i]));
	faultbench_ok(ioasid_device_bind(
		b->ctx, fd, IOASID_OPTS(ioasid_device_opts, .label = i), &b->device[i]));
	close(fd);
}

static void map_page(struct faultbench *b, struct ioasid_space *space, uint64_t iova)
{
	struct ioasid_map map = {
		.addr = b->memory + DATA,
		.length = PAGE,
		.iova = iova,
		.flags = IOASID_MAP_RW | IOASID_MAP_FIXED,
	};

	faultbench_ok(ioasid_space_map(space, &map));
}

static void add_space(struct faultbench *b, unsigned int i)
{
	faultbench_ok(ioasid_space_new(
		b->ctx, IOASID_OPTS(ioasid_space_opts, .faults = b->queue), &b->space[i]));
	faultbench_ok(ioasid_device_attach(b->device[i / b->pasids], b->space[i],
		IOASID_OPTS(
			ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = i % b->pasids),
		&b->route[i]));
	map_page(b, b->space[i], STAYS);
}

static uint64_t *table_at(struct faultbench *b, unsigned int level)
{
	return (uint64_t *)(void *)(b->memory + TABLES + level * PAGE);
}

/* Where BASE leads: three tables, and the last one has all entries that there will be. */
static void add_tables(struct faultbench *b)
{
	for (unsigned int level = 0; level + 1 < LEVELS; level++)
		table_at(b, level)[BASE >> (39 - 9 * level) & (ENTRIES - 1)] =
			(TABLES + (level + 1) * PAGE) | 7;
}

/* The guest has its memory, and over it a table of its own. */
static void add_guest(struct faultbench *b)
{
	struct ioasid_map memory = {b->memory, MEMORY, 0, IOASID_MAP_RW | IOASID_MAP_FIXED, 0};
	struct ioasid_pgtable table = {.size = sizeof(table),
		.format = IOASID_PGTABLE_VTD_S1,
		.addr = TABLES,
		.addr_width = 48};

	add_tables(b);
	faultbench_ok(ioasid_space_new(b->ctx,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_NEST_PARENT), &b->parent));
	faultbench_ok(ioasid_space_map(b->parent, &memory));
	faultbench_ok(ioasid_space_new_nested(
		b->parent, IOASID_OPTS(ioasid_space_opts, .faults = b->queue), &b->space[0]));
	faultbench_ok(ioasid_device_attach(b->device[0], b->parent, NULL, &b->below));
	faultbench_ok(ioasid_device_attach(b->device[0], b->space[0], NULL, &b->route[0]));
	faultbench_ok(ioasid_space_bind_pgtable(b->space[0], &table));
}

/* A device takes two descriptors. */
static void allow_descriptors(unsigned int devices)
{
	struct rlimit limit;

	bench_must(!getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
	if (limit.rlim_cur < 4 * devices + 64 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		bench_must(!setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
	}
}

void faultbench_open(struct faultbench *b, const struct faultbench_plan *plan)
{
	*b = (struct faultbench){.plan = *plan, .page = BASE};
	b->pasids = plan->spaces / plan->devices;
	allow_descriptors(plan->devices);
	b->hw = take(plan->devices, sizeof(*b->hw));
	b->device = take(plan->devices, sizeof(*b->device));
	b->space = take(plan->spaces, sizeof(*b->space));
	b->route = take(plan->spaces, sizeof(*b->route));
	b->dma = take(plan->outstanding, sizeof(*b->dma));
	bench_must(!posix_memalign((void **)&b->memory, PAGE, MEMORY), "memory");
	memset(b->memory, 0, DATA);
	memset(b->memory + DATA, 7, PAGE);
	faultbench_ok(ioasid_mock_new(NULL, &b->mock));
	faultbench_ok(ioasid_mock_iommu_new(b->mock,
		IOASID_OPTS(ioasid_mock_iommu_opts,
			.flags = plan->nested ? IOASID_MOCK_IOMMU_NESTING : 0),
		NULL));
	faultbench_ok(ioasid_mock_open(b->mock, &b->ctx));
	faultbench_ok(ioasid_faultq_new(b->ctx,
		IOASID_OPTS(ioasid_faultq_opts, .flags = IOASID_FAULTQ_SINGLE_CONSUMER,
			.max_outstanding = IOASID_FAULTQ_OUTSTANDING_MAX,
			.deadline_ns = plan->deadline_ns),
		&b->queue));
	for (unsigned int i = 0; i < plan->devices; i++)
		add_device(b, i);
	if (plan->nested)
		add_guest(b);
	for (unsigned int i = 0; i < plan->spaces && !plan->nested; i++)
		add_space(b, i);
}

/* ---- a fault ---- */

static struct faultbench_dma *dma_at(struct faultbench *b, unsigned int nth)
{
	unsigned int at = b->first + nth;

	return &b->dma[at < b->plan.outstanding ? at : at - b->plan.outstanding];
}

static void miss(struct faultbench *b, struct faultbench_dma *dma)
{
	unsigned int space = b->next++;

	if (b->next == b->plan.spaces) {
		b->next = 0;
		b->page += PAGE;
	}
	dma->dma = (struct ioasid_mock_dma){
		.kind = IOASID_MOCK_DMA_READ,
		.pasid = b->plan.nested ? IOASID_PASID_NONE : space % b->pasids,
		.iova = b->page,
		.buffer = &dma->byte,
		.length = sizeof(dma->byte),
	};
	faultbench_ok(ioasid_mock_dma_start(b->hw[space / b->pasids], &dma->dma));
}

static void raise_batch(struct faultbench *b)
{
	struct ioasid_fault faults[FAULTBENCH_BATCH];

	for (unsigned int i = 0; i < FAULTBENCH_BATCH; i++)
		miss(b, dma_at(b, b->count + i));
	faultbench_ok(ioasid_mock_pump(b->mock));
	bench_must(faultbench_ok(ioasid_faultq_read(b->queue, faults, FAULTBENCH_BATCH)) ==
			   FAULTBENCH_BATCH,
		"each miss is a fault");
	for (unsigned int i = 0; i < FAULTBENCH_BATCH; i++)
		dma_at(b, b->count + i)->fault = faults[i];
	b->count += FAULTBENCH_BATCH;
}

/* What the guest does, of whom nobody believes an id. */
static void serve(struct faultbench *b, const struct ioasid_fault *fault, uint64_t *id)
{
	/* in one store: the IOMMU may be walking there */
	if (b->plan.nested)
		__atomic_store_n(&table_at(b, LEVELS - 1)[fault->addr / PAGE % ENTRIES], DATA | 7,
			__ATOMIC_RELEASE);
	else
		map_page(b, b->space[fault->label * b->pasids + fault->pasid], fault->addr);
	faultbench_ok(ioasid_faultq_find(b->queue, fault->label, fault->pasid, fault->group, id));
}

static void answer_batch(struct faultbench *b)
{
	struct ioasid_response answers[FAULTBENCH_BATCH];

	for (unsigned int i = 0; i < FAULTBENCH_BATCH; i++) {
		answers[i] = (struct ioasid_response){.code = IOASID_RESPONSE_SUCCESS};
		serve(b, &dma_at(b, i)->fault, &answers[i].id);
	}
	bench_must(faultbench_ok(ioasid_faultq_complete(b->queue, answers, FAULTBENCH_BATCH)) ==
			   FAULTBENCH_BATCH,
		"each answer counts");
	faultbench_ok(ioasid_mock_pump(b->mock));
	for (unsigned int i = 0; i < FAULTBENCH_BATCH; i++)
		bench_must(!dma_at(b, i)->dma.status, "the device was served");
	b->first = (unsigned int)(dma_at(b, FAULTBENCH_BATCH) - b->dma);
	b->count -= FAULTBENCH_BATCH;
	b->mapped += FAULTBENCH_BATCH;
}

void faultbench_serve(struct faultbench *b, unsigned int faults)
{
	for (unsigned int i = 0; i < faults; i += FAULTBENCH_BATCH) {
		while (b->count + FAULTBENCH_BATCH <= b->plan.outstanding)
			raise_batch(b);
		answer_batch(b);
	}
}

static void clear_table(struct faultbench *b)
{
	struct ioasid_invalidation all = {.what = IOASID_INVALIDATE_SPACE};

	memset(table_at(b, LEVELS - 1), 0, PAGE);
	faultbench_ok(ioasid_space_invalidate(b->space[0], &all, 1));
	b->page = BASE;
	b->mapped = 0;
}

/* Spaces fault in turn, and those that faulted last but for the ones that wait were served. */
void faultbench_forget(struct faultbench *b)
{
	unsigned int n = b->mapped < b->plan.spaces ? b->mapped : b->plan.spaces;
	unsigned int before = b->next + b->plan.spaces - b->count % b->plan.spaces;

	if (b->plan.nested) {
		clear_table(b);
		return;
	}
	for (unsigned int i = 1; i <= n; i++) {
		struct ioasid_space *space =
			b->space[(before + b->plan.spaces - i) % b->plan.spaces];

		faultbench_ok(ioasid_space_unmap(space, BASE, UINT64_MAX - BASE));
	}
	b->mapped = 0;
}

void faultbench_close(struct faultbench *b)
{
	while (b->count)
		answer_batch(b);
	ioasid_close(b->ctx);
	for (unsigned int i = 0; i < b->plan.spaces; i++)
		ioasid_attachment_detach(b->route[i]);
	ioasid_attachment_detach(b->below);
	for (unsigned int i = 0; i < b->plan.devices; i++)
		ioasid_device_unbind(b->device[i]);
	for (unsigned int i = 0; i < b->plan.spaces; i++)
		ioasid_space_destroy(b->space[i]);
	ioasid_space_destroy(b->parent);
	ioasid_faultq_free(b->queue);
	ioasid_mock_free(b->mock);
	free(b->hw);
	free(b->device);
	free(b->space);
	free(b->route);
	free(b->dma);
	free(b->memory);
}
