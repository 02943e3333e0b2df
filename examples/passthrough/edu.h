/* SPDX-License-Identifier: MIT */
/*
 * A driver of QEMU's "edu" device, through its VFIO device file: the device has a buffer of 4 KiB,
 * and moves bytes between that and memory by DMA. What is here starts after the binding; where the
 * device's addresses lead is not its business.
 */
#ifndef PASSTHROUGH_EDU_H
#define PASSTHROUGH_EDU_H

#include <stddef.h>
#include <stdint.h>

/* Its last byte cannot be reached: QEMU ends when a transfer touches the buffer's end. */
#define EDU_BUFFER 4096u
/* The device has 28 address lines: its addresses stay below. */
#define EDU_IOVA_END (UINT64_C(1) << 28)

struct edu {
	volatile unsigned char *registers;
	size_t length;
};

/* Lets the device of a bound device file answer and do DMA; 0, or -errno. The file stays the
 * caller's. */
int edu_open(struct edu *edu, int file);
void edu_close(struct edu *edu);

/*
 * One transfer between memory and the device's buffer; each waits for its end, a tenth of a second.
 * 0, or -EINVAL for what would leave the buffer or the address lines. Whether bytes moved is for
 * the caller to see: the device is not told when the IOMMU stops them.
 */
int edu_from_memory(struct edu *edu, uint64_t iova, size_t offset, size_t length);
int edu_to_memory(struct edu *edu, uint64_t iova, size_t offset, size_t length);

#endif
