/* SPDX-License-Identifier: MIT */
/*
 * A process of the guest: see process.h.
 */
#include "process.h"
#include <string.h>

/* Every other page at the beginning of a window: pages that are there and pages that are not take
 * turns. They are few enough to stay until the device comes by. */
#define LOOKS (MM_WINDOW_PAGES / 8)

_Static_assert(2 * MM_WINDOW_PAGES / 4 + 16 <= MM_FRAMES_MIN, "looked at, and gone again");

/* What the process saw of FILE in each page that it looked at. */
struct looks {
	uint64_t words[LOOKS];
	unsigned int count;
};

static uint64_t place_of(unsigned int look)
{
	return (uint64_t)look * 2 * MM_PAGE;
}

/* Bytes of the word at this place that are in the file. */
static size_t word_size(const struct process *process, uint64_t place)
{
	uint64_t left = process->mm.length - place;

	return left < sizeof(uint64_t) ? (size_t)left : sizeof(uint64_t);
}

static int look(struct process *process, uint64_t place, uint64_t *seen)
{
	struct cpu *cpu = &process->cpu;
	uint64_t other;

	if (cpu_read(cpu, MM_SOURCE + place, seen, sizeof(*seen)))
		return -1;
	other = ~*seen;
	if (cpu_write(cpu, MM_TARGET + place, &other, sizeof(other)))
		return -1;
	mm_note_touch(&process->mm, MM_SOURCE + place);
	mm_note_touch(&process->mm, MM_TARGET + place);
	return 0;
}

/* Before: reads a word of FILE, and writes to OUT what is not to stay there. */
static int look_before(struct process *process, struct looks *looks)
{
	looks->count = 0;
	while (looks->count < LOOKS && place_of(looks->count) < process->mm.length) {
		if (look(process, place_of(looks->count), &looks->words[looks->count]))
			return -1;
		looks->count++;
	}
	return 0;
}

/* After: finds in OUT what the device has read from FILE. */
static int look_after(struct process *process, const struct looks *looks)
{
	uint64_t seen, place;

	for (unsigned int i = 0; i < looks->count; i++) {
		place = place_of(i);
		if (cpu_read(&process->cpu, MM_TARGET + place, &seen, sizeof(seen)))
			return -1;
		if (memcmp(&seen, &looks->words[i], word_size(process, place)))
			return trouble_add(process->trouble,
				"process %u finds other bytes than the device at 0x%llx",
				process->mm.v_pasid, (unsigned long long)(MM_TARGET + place));
	}
	return 0;
}

/* ENQCMD: the process names addresses of its own, the processor adds the PASID. */
static int submit(struct process *process)
{
	struct machine *machine = process->mm.viommu->machine;
	struct ioasid_mock_dma dma = {.kind = IOASID_MOCK_DMA_COPY,
		.pasid = process->mm.v_pasid,
		.source = MM_SOURCE,
		.iova = MM_TARGET,
		.length = process->mm.length};
	int result = ioasid_mock_enqcmd(machine->hardware, machine->vm, &dma);

	process->moved += dma.done;
	if (viommu_check_stale(process->mm.viommu))
		return -1;
	if (!result && dma.done == dma.length)
		return 0;
	return trouble_add(process->trouble, "DMA for process %u ended after %llu bytes: %s",
		process->mm.v_pasid, (unsigned long long)dma.done, ioasid_last_error());
}

static int copy_window(struct process *process)
{
	struct looks looks;

	if (look_before(process, &looks) || submit(process))
		return -1;
	return look_after(process, &looks);
}

void process_run(void *arg)
{
	struct process *process = arg;
	struct mm *mm = &process->mm;
	uint64_t size = mm->files->size, left;
	bool ok = true;

	for (uint64_t at = process->begin; ok && at < size; at += process->stride) {
		left = size - at;
		mm_map(mm, at, left < MM_WINDOW ? left : MM_WINDOW);
		ok = !copy_window(process);
		ok = !mm_unmap(mm) && ok && !trouble_any(process->trouble);
	}
}
