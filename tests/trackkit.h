/* SPDX-License-Identifier: MIT */
/*
 * A space that notes written pages, on a fake backend: what tests of reads begin and end with, and
 * one way to read. Knows the core.
 */
#ifndef TRACKKIT_H
#define TRACKKIT_H

#include "core.h"
#include "fakeleaf.h"
#include "support.h"
#include <string.h>

#define PAGE        FAKE_PAGE
#define TRACK_WORDS 8

struct track {
	struct fakeleaf *leaf;
	struct ioasid_ctx *ctx;
	struct ioasid_space *space;
	uint64_t bitmap[TRACK_WORDS + 1]; /* of the last read */
};

/* flags: IOASID_SPACE_*, IOASID_SPACE_DIRTY_TRACKING need not be named. */
void track_begin(struct track *t, uint32_t flags);
void track_begin_started(struct track *t, uint32_t flags);
void track_end(struct track *t);

/* A map at an address, and maps of the tracked space, of memory that nobody looks at. */
void track_map(struct ioasid_space *space, uint64_t iova, uint64_t length, uint64_t addr);
void track_map_pages(struct track *t, uint64_t page, uint64_t pages);

/* A device writes there; it must be able to. */
void track_write(struct track *t, uint64_t page);

/* By pages; what the call returned. */
int track_read(struct track *t, uint64_t page, uint64_t pages, uint32_t flags);

bool track_is_set(const struct track *t, uint64_t bit);

#endif
