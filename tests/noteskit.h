/* SPDX-License-Identifier: MIT */
/*
 * A rig of the mock whose space notes the pages that its device writes, with memory to map there,
 * and one way to read what is noted. Knows the public API alone.
 */
#ifndef NOTESKIT_H
#define NOTESKIT_H

#include "mockkit.h"

#define NOTES_PAGES 64u /* of memory: as many as a word has bits */

struct notes {
	struct rig rig;
	unsigned char *memory;
};

/* Of a rig whose space notes; IOASID_SPACE_*, IOASID_SPACE_DIRTY_TRACKING need not be named. */
struct rig_opts notes_opts(uint32_t space);

/* Nothing is noted before the space is told to start. */
void notes_begin(struct notes *t, uint32_t space);
void notes_begin_with(struct notes *t, const struct rig_opts *opts);
void notes_end(struct notes *t);

/* Pages of memory at the same pages of the space. */
void notes_map(struct notes *t, unsigned int first, unsigned int pages, uint32_t flags);

/* The device writes a byte, at the address or somewhere in the page. */
void notes_write_byte(struct notes *t, uint64_t iova);
void notes_write_page(struct notes *t, unsigned int page);

/* What is read; all zero is all pages, one by one. */
struct notes_look {
	uint64_t first; /* pages */
	uint64_t pages; /* 0: NOTES_PAGES */
	uint64_t granule;
	uint32_t flags;
};

/* What is noted there, a bit a granule; but for IOASID_DIRTY_KEEP it is cleared. */
uint64_t notes_look(struct ioasid_space *space, struct notes_look at);

#define LOOK(space, ...) notes_look(space, (struct notes_look){__VA_ARGS__})
#define HAS(space, bits) ck_assert_uint_eq(LOOK(space, 0), bits)

#endif
