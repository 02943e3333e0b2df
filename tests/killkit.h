/* SPDX-License-Identifier: MIT */
/*
 * What tests of a reader that dies share: a ring in memory that a child shares, the child, its
 * death, and a detach of what it took along. What the child does there is the test's. Link with
 * --wrap=posix_memalign,--wrap=free.
 */
#ifndef KILLKIT_H
#define KILLKIT_H

#include "ringkit.h"
#include "support.h"
#include <sys/types.h>

#define COUNT    64  /* records in the ring */
#define GROUPMAX 8   /* records in a group */
#define TOTAL    600 /* records a round */
#define BATCH    32  /* most records a read */

/* One at a time: its ring is shared with children that start from now on. */
void killkit_open(struct ringkit *, uint64_t start, bool single);
void killkit_close(struct ringkit *);

/* Other memory that a child shares, all zero; munmap() frees it. */
void *killkit_share(size_t size);

/* A child that runs this, which never comes back. */
pid_t killkit_start(void (*run)(void));
void killkit_bury(pid_t child);

/* Reads and claims, without a word to the table. */
int killkit_claim(struct ringkit *, unsigned int n, struct ioasid_fault *out);

/* All groups are of the one device that the kit has, and of one route. */
void killkit_detach(struct ringkit *);
/* Groups that a detach has ended. */
uint64_t killkit_ended(struct ringkit *);

#endif
