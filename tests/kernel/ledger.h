/* SPDX-License-Identifier: MIT */
/*
 * Every ioctl of the program passes here (linked with --wrap=ioctl) on its way to the kernel: which
 * objects of iommufds are alive, and whether the kernel ever refused to destroy one. And a call may
 * be refused in the kernel's place. Knows the ABI alone.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include <stdint.h>

/* Kinds of objects */
#define LEDGER_IOAS   0u
#define LEDGER_TABLE  1u
#define LEDGER_FAULTS 2u
#define LEDGER_DEVICE 3u /* self-test */
#define LEDGER_KINDS  4u

/* From here on it counts anew. */
void ledger_open(void);

/* How many are alive. */
unsigned int ledger_alive(unsigned int kind);

/* Nothing is alive, and every destroy worked; else the test fails. */
void ledger_close(void);

/* This self-test device's next moves to this table are -EINVAL, as if its IOMMU did not suit; 0: no
 * more. */
void ledger_refuse(uint32_t stdev, uint32_t table);

#endif
