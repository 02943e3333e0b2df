/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own fault injection: the n-th allocation that it makes for this thread fails, or the
 * n-th step of its test IOMMU. Knows the kernel's files, nothing of the library.
 */
#ifndef FAIL_NTH_H
#define FAIL_NTH_H

#include <stdbool.h>

/* Once, before anything else. */
void fail_nth_open(void);

/* From here on; 1 is the next one. */
void fail_nth(unsigned int n);

/* No more. Whether it has failed. */
bool fail_nth_off(void);

#endif
