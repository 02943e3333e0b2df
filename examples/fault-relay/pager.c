/* SPDX-License-Identifier: MIT */
/*
 * The guest's demand paging for one device: see pager.h. Frames are handed out round and round, so
 * the runs are in the order of their frames as well as of their age.
 */
#include "pager.h"
#include <stdlib.h>
#include <string.h>

/* What two groups ask for (the page read, the page written) is in use. */
#define GROUPS 8u

/* Pages that follow each other in the device's addresses and in guest memory. */
struct pager_run {
	uint64_t giova;
	unsigned int frame;
	uint32_t pages;
};

static unsigned int frames_of(const struct machine *machine)
{
	return GROUPS * machine->group_pages;
}

uint64_t pager_memory(const struct machine *machine)
{
	return (uint64_t)frames_of(machine) * PAGER_PAGE + driver_memory(machine);
}

int pager_open(struct pager *pager)
{
	pager->frames = frames_of(pager->machine);
	pager->runs = calloc(pager->frames, sizeof(*pager->runs));
	if (!pager->runs)
		return trouble_add(pager->machine->trouble, "out of memory");
	pager->driver = (struct driver){
		.machine = pager->machine,
		.v_rid = pager->v_rid,
		.v_pasid = pager->v_pasid,
		.gpa = pager->gpa + (uint64_t)pager->frames * PAGER_PAGE,
	};
	return driver_open(&pager->driver);
}

void pager_free(struct pager *pager)
{
	driver_close(&pager->driver);
	free(pager->runs);
	pager->runs = NULL;
}

static struct pager_run *run_at(const struct pager *pager, unsigned int i)
{
	return &pager->runs[(pager->first + i) % pager->frames];
}

static bool is_out(uint64_t giova)
{
	return giova >= PAGER_OUT;
}

static uint64_t offset_of(uint64_t giova)
{
	return giova - (is_out(giova) ? PAGER_OUT : PAGER_IN);
}

/* The bytes of the run that are in the file: its last page may reach beyond the end. */
static size_t bytes_of(const struct pager *pager, const struct pager_run *run)
{
	uint64_t left = pager->files->size - offset_of(run->giova);
	uint64_t all = (uint64_t)run->pages * PAGER_PAGE;

	return (size_t)(left < all ? left : all);
}

static unsigned char *memory_of(const struct pager *pager, const struct pager_run *run)
{
	return pager->machine->ram + pager->gpa + (uint64_t)run->frame * PAGER_PAGE;
}

static struct viommu_map map_of(const struct pager *pager, const struct pager_run *run)
{
	return (struct viommu_map){
		.v_rid = pager->v_rid,
		.v_pasid = pager->v_pasid,
		.giova = run->giova,
		.gpa = pager->gpa + (uint64_t)run->frame * PAGER_PAGE,
		.length = (uint64_t)run->pages * PAGER_PAGE,
		.writable = is_out(run->giova),
	};
}

/* First out of the device's reach, then to disk: not a byte that it writes is lost. */
static int evict_oldest(struct pager *pager)
{
	struct pager_run run = *run_at(pager, 0);
	struct viommu_map map = map_of(pager, &run);

	pager->first = (pager->first + 1) % pager->frames;
	pager->count--;
	if (driver_unmap(&pager->driver, &map))
		return -1;
	if (!is_out(run.giova))
		return 0;
	return files_write(
		pager->files, memory_of(pager, &run), bytes_of(pager, &run), offset_of(run.giova));
}

/* Evicts until the frames from first to end are free. What lies behind first is older than what
 * lies at the beginning. */
static int evict_until(struct pager *pager, unsigned int first, unsigned int end)
{
	const struct pager_run *oldest;

	while (pager->count) {
		oldest = run_at(pager, 0);
		if (oldest->frame >= end || oldest->frame + oldest->pages <= first)
			break;
		if (evict_oldest(pager))
			return -1;
	}
	return 0;
}

/* Room for a run: its first frame, or -1. */
static int make_room(struct pager *pager, uint32_t pages)
{
	unsigned int frame = pager->next;

	if (frame + pages > pager->frames) {
		if (evict_until(pager, frame, pager->frames))
			return -1;
		frame = 0;
	}
	if (evict_until(pager, frame, frame + pages))
		return -1;
	pager->next = frame + pages;
	return (int)frame;
}

static int page_in(struct pager *pager, uint64_t giova, uint32_t pages)
{
	struct files *files = pager->files;
	int frame = make_room(pager, pages);
	struct pager_run run = {.giova = giova, .pages = pages};
	struct viommu_map map;
	size_t bytes;

	if (frame < 0)
		return -1;
	run.frame = (unsigned int)frame;
	bytes = bytes_of(pager, &run);
	if (files_read(files, is_out(giova) ? files->out : files->in, memory_of(pager, &run), bytes,
		    offset_of(giova)))
		return -1;
	memset(memory_of(pager, &run) + bytes, 0, pages * PAGER_PAGE - bytes);
	map = map_of(pager, &run);
	if (driver_map(&pager->driver, &map))
		return -1;
	*run_at(pager, pager->count++) = run;
	return 0;
}

/* How many of the pages from giova on are there already. */
static uint32_t present(const struct pager *pager, uint64_t giova, uint32_t pages)
{
	const struct pager_run *run;
	uint64_t left;

	for (unsigned int i = 0; i < pager->count; i++) {
		run = run_at(pager, i);
		left = run->giova + (uint64_t)run->pages * PAGER_PAGE - giova;
		if (run->giova <= giova && left && left <= (uint64_t)run->pages * PAGER_PAGE)
			return left / PAGER_PAGE < pages ? (uint32_t)(left / PAGER_PAGE) : pages;
	}
	return 0;
}

/* How many of the pages from giova on, the first of which is not there, are not. */
static uint32_t absent(const struct pager *pager, uint64_t giova, uint32_t pages)
{
	const struct pager_run *run;
	uint64_t gap;

	for (unsigned int i = 0; i < pager->count; i++) {
		run = run_at(pager, i);
		gap = (run->giova - giova) / PAGER_PAGE;
		if (run->giova > giova && gap < pages)
			pages = (uint32_t)gap;
	}
	return pages;
}

/* The device may have what it asks for: it lies in a file, and only OUT is written. */
static bool may_have(const struct pager *pager, const struct pager_request *request)
{
	uint64_t pages = (pager->files->size + PAGER_PAGE - 1) / PAGER_PAGE;
	uint64_t first = offset_of(request->giova) / PAGER_PAGE;

	if (request->giova < PAGER_IN || request->giova % PAGER_PAGE)
		return false;
	if (first >= pages || request->pages > pages - first)
		return false;
	return request->pages <= pager->frames && (is_out(request->giova) || !request->write);
}

uint32_t pager_serve(struct pager *pager, const struct pager_request *request)
{
	uint64_t giova = request->giova;
	uint32_t left = request->pages, n;

	if (!may_have(pager, request))
		return IOASID_RESPONSE_INVALID;
	for (; left; left -= n, giova += (uint64_t)n * PAGER_PAGE) {
		n = present(pager, giova, left);
		if (n)
			continue;
		n = absent(pager, giova, left);
		if (page_in(pager, giova, n))
			return IOASID_RESPONSE_FAILURE;
	}
	return IOASID_RESPONSE_SUCCESS;
}

int pager_flush(struct pager *pager)
{
	while (pager->count)
		if (evict_oldest(pager))
			return -1;
	return 0;
}
