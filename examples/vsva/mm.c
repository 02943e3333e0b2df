/* SPDX-License-Identifier: MIT */
/*
 * The memory of one of the guest's processes: see mm.h. Frames are handed out round and round, so
 * the next one holds the oldest page.
 */
#include "mm.h"
#include <stdlib.h>
#include <string.h>

/* The windows lie in one or two tables of each level but the first. */
#define TABLES 16u

uint64_t mm_memory(unsigned int frames)
{
	return (uint64_t)(TABLES + frames) * MM_PAGE;
}

static uint64_t gpa_of(const struct mm *mm, unsigned int frame)
{
	return mm->gpa + (uint64_t)(TABLES + frame) * MM_PAGE;
}

static unsigned char *memory_of(const struct mm *mm, unsigned int frame)
{
	return mm->viommu->machine->ram + gpa_of(mm, frame);
}

/* Windows */

static bool is_target(uint64_t addr)
{
	return addr >= MM_TARGET;
}

/* Where a page of a window lies in the windows, bytes. */
static uint64_t place_of(uint64_t addr)
{
	return addr - (is_target(addr) ? MM_TARGET : MM_SOURCE);
}

/* The bytes of the page that are in the file: the last page may reach beyond the end. */
static size_t bytes_of(const struct mm *mm, uint64_t addr)
{
	uint64_t left = mm->length - place_of(addr);

	return (size_t)(left < MM_PAGE ? left : MM_PAGE);
}

static bool may_use(const struct mm *mm, uint64_t addr, bool write)
{
	return addr >= MM_SOURCE && place_of(addr) < mm->length && (is_target(addr) || !write);
}

static unsigned int index_of(uint64_t addr)
{
	return (unsigned int)((addr - MM_SOURCE) / MM_PAGE);
}

/* Pages */

static int write_back(struct mm *mm, unsigned int frame, uint64_t addr)
{
	return files_write(
		mm->files, memory_of(mm, frame), bytes_of(mm, addr), mm->offset + place_of(addr));
}

/* The pages of some frames go: out of the table, then out of every cache, and only then are the
 * bytes safe from the device, and the frames free. */
static int release(struct mm *mm, unsigned int first, unsigned int count)
{
	uint64_t gone[MM_FRAMES_MAX];
	unsigned int n = 0;

	for (unsigned int i = first; i < first + count; i++) {
		gone[i] = mm->pages[i] ? pagetable_unmap(&mm->table, mm->pages[i]) : 0;
		if (gone[i])
			mm->stale[n++] = pagetable_invalidation(&mm->table, mm->pages[i], MM_PAGE);
	}
	if (n && viommu_invalidate(mm->viommu, mm->v_pasid, mm->stale, n))
		return -1;
	pagetable_reclaim(&mm->table);
	for (unsigned int i = first; i < first + count; i++) {
		if (pagetable_was_written(&mm->table, gone[i]) && write_back(mm, i, mm->pages[i]))
			return -1;
		mm->pages[i] = 0;
	}
	return 0;
}

/* The next frame, free: -1 if not. */
static int take_frame(struct mm *mm)
{
	unsigned int frame = mm->next;

	if (release(mm, frame, 1))
		return -1;
	mm->next = (frame + 1) % mm->frames;
	return (int)frame;
}

static int fill(struct mm *mm, unsigned int frame, uint64_t addr)
{
	unsigned char *memory = memory_of(mm, frame);
	int fd = is_target(addr) ? mm->files->out : mm->files->in;
	size_t bytes = bytes_of(mm, addr);

	memset(memory + bytes, 0, MM_PAGE - bytes);
	return files_read(mm->files, fd, memory, bytes, mm->offset + place_of(addr));
}

/* Brings a page that may be used, unless it is there: another may have been faster. */
static int bring(struct mm *mm, uint64_t addr)
{
	int frame;

	if (pagetable_find(&mm->table, addr))
		return 0;
	frame = take_frame(mm);
	if (frame < 0 || fill(mm, (unsigned int)frame, addr))
		return -1;
	if (pagetable_map(&mm->table, addr, gpa_of(mm, (unsigned int)frame), is_target(addr)))
		return trouble_add(mm->trouble, "the guest has no room for page tables");
	mm->pages[frame] = addr;
	return 0;
}

/* What the processor and the device want */

void mm_map(struct mm *mm, uint64_t offset, uint64_t length)
{
	pthread_mutex_lock(&mm->lock);
	mm->offset = offset;
	mm->length = length;
	pthread_mutex_unlock(&mm->lock);
}

int mm_unmap(struct mm *mm)
{
	int result;

	pthread_mutex_lock(&mm->lock);
	result = release(mm, 0, mm->frames);
	mm->length = 0;
	memset(mm->touched, 0, 2 * MM_WINDOW_PAGES * sizeof(*mm->touched));
	pthread_mutex_unlock(&mm->lock);
	return result;
}

int mm_fault(struct mm *mm, uint64_t addr, bool write)
{
	int result;

	addr -= addr % MM_PAGE;
	pthread_mutex_lock(&mm->lock);
	if (may_use(mm, addr, write))
		result = bring(mm, addr);
	else
		result = trouble_add(mm->trouble, "process %u: no memory at 0x%llx", mm->v_pasid,
			(unsigned long long)addr);
	pthread_mutex_unlock(&mm->lock);
	return result;
}

void mm_note_touch(struct mm *mm, uint64_t addr)
{
	pthread_mutex_lock(&mm->lock);
	mm->touched[index_of(addr)] = true;
	mm->touches++;
	pthread_mutex_unlock(&mm->lock);
}

static uint32_t serve_page(struct mm *mm, uint64_t addr, bool write)
{
	if (addr % MM_PAGE || !may_use(mm, addr, write))
		return IOASID_RESPONSE_INVALID;
	mm->requests++;
	mm->needless += mm->touched[index_of(addr)];
	return bring(mm, addr) ? IOASID_RESPONSE_FAILURE : IOASID_RESPONSE_SUCCESS;
}

uint32_t mm_serve(struct mm *mm, uint64_t addr, uint32_t pages, bool write)
{
	uint32_t code = IOASID_RESPONSE_SUCCESS;

	pthread_mutex_lock(&mm->lock);
	for (uint32_t i = 0; i < pages && code == IOASID_RESPONSE_SUCCESS; i++)
		code = serve_page(mm, addr + (uint64_t)i * MM_PAGE, write);
	pthread_mutex_unlock(&mm->lock);
	return code;
}

/* Beginning and end */

static int allocate(struct mm *mm)
{
	mm->pages = calloc(mm->frames, sizeof(*mm->pages));
	mm->stale = calloc(mm->frames, sizeof(*mm->stale));
	mm->touched = calloc(2 * MM_WINDOW_PAGES, sizeof(*mm->touched));
	mm->table_frames = (struct frames){mm->viommu->machine->ram, mm->gpa, TABLES, 0, NULL};
	mm->table =
		(struct pagetable){.frames = &mm->table_frames, .format = IOASID_PGTABLE_VTD_S1};
	if (!mm->pages || !mm->stale || !mm->touched || frames_open(&mm->table_frames) ||
		pagetable_open(&mm->table))
		return trouble_add(mm->trouble, "out of memory");
	return 0;
}

int mm_open(struct mm *mm)
{
	struct ioasid_pgtable table;

	pthread_mutex_init(&mm->lock, NULL);
	if (allocate(mm))
		return -1;
	table = pagetable_describe(&mm->table);
	return viommu_bind(mm->viommu, mm->v_pasid, &table);
}

int mm_close(struct mm *mm)
{
	int result = viommu_unbind(mm->viommu, mm->v_pasid);

	pagetable_close(&mm->table);
	frames_close(&mm->table_frames);
	free(mm->touched);
	free(mm->stale);
	free(mm->pages);
	pthread_mutex_destroy(&mm->lock);
	return result;
}
