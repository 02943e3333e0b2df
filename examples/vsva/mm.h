/* SPDX-License-Identifier: MIT */
/*
 * The memory of one of the guest's processes, as the guest's kernel keeps it: one page table, that
 * the processor walks for the process and the IOMMU for the device. A window of FILE and one of OUT
 * are mapped at fixed addresses; each page comes when somebody touches it first, whoever that is.
 * The oldest page goes when room is needed, to disk if it was written.
 */
#ifndef MM_H
#define MM_H

#include "../common/files.h"
#include "../common/pagetable.h"
#include "viommu.h"

#define MM_PAGE         MACHINE_PAGE
#define MM_WINDOW_PAGES 64u
#define MM_WINDOW       ((uint64_t)MM_WINDOW_PAGES * MM_PAGE)

/* The same in each process: it is the PASID that makes the difference. */
#define MM_SOURCE UINT64_C(0x00007f1000000000)
#define MM_TARGET (MM_SOURCE + MM_WINDOW)

/* Frames of a process: what it touches before the device works must still be there then. */
#define MM_FRAMES_MIN 48u
#define MM_FRAMES_MAX 4096u

struct mm {
	struct viommu *viommu;
	struct files *files;
	struct trouble *trouble;
	uint32_t v_pasid;
	uint64_t gpa;        /* its part of guest memory: page tables, then frames */
	unsigned int frames; /* handed out round and round */
	pthread_mutex_t lock;
	struct frames table_frames;
	struct pagetable table;
	uint64_t *pages;   /* the address of the page in each frame; 0: free */
	unsigned int next; /* frame */
	uint64_t offset;   /* what the windows show: from there in the files, */
	uint64_t length;   /* so many bytes */
	bool *touched;     /* pages of the windows, by the processor, before the device works */
	uint64_t touches;  /* of all windows */
	uint64_t requests; /* pages that the device asked for */
	uint64_t needless; /* of those, touched by the processor before */
	struct ioasid_invalidation *stale; /* room for all frames */
};

/* Bytes of guest memory for a process with that many frames. */
uint64_t mm_memory(unsigned int frames);

/* The fields above lock are filled in; from then on the device can use the PASID. Each returns 0,
 * or -1 with the trouble noted. mm_close() in any case. */
int mm_open(struct mm *mm);
int mm_close(struct mm *mm);

/* Both windows show length bytes from offset; nothing of them is in memory. */
void mm_map(struct mm *mm, uint64_t offset, uint64_t length);

/* What is in memory goes, to disk if it was written. */
int mm_unmap(struct mm *mm);

/* The processor could not use the page at addr: brings it. */
int mm_fault(struct mm *mm, uint64_t addr, bool write);

/* The processor used the page at addr, and the device has not begun yet. */
void mm_note_touch(struct mm *mm, uint64_t addr);

/* The device asks for pages: brings them, returns what to answer, IOASID_RESPONSE_*. */
uint32_t mm_serve(struct mm *mm, uint64_t addr, uint32_t pages, bool write);

#endif
