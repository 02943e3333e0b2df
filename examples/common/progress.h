/* SPDX-License-Identifier: MIT */
/*
 * A progress bar on standard error, if that is a terminal. Knows no threads.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdint.h>

void progress_show(uint64_t done, uint64_t size); /* bytes */
void progress_clear(void);

#endif
