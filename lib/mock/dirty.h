/* SPDX-License-Identifier: MIT */
/*
 * Which pages of a space devices wrote: a bit for each least page of each map, while the space is
 * to note them. Notes come and go with their map, under the world exclusively; DMA sets bits and a
 * read takes them while both hold it shared. It must not know devices, nor who translates.
 */
#ifndef MOCK_DIRTY_H
#define MOCK_DIRTY_H

#include "../backend.h"
#include "../maptree.h"

struct mock_space;

struct mock_dirty {
	bool on;
	struct maptree maps; /* while on: every map of the space; value: its bits */
};

/* Bytes were moved to these addresses of the space, which lie in one map. The world has been held
 * since before they moved. Does nothing unless the space notes. */
void mock_dirty_mark(const struct mock_space *space, uint64_t addr, uint64_t length);

/* A map came, or goes; the world is held exclusively. 0 or -ENOMEM. */
int mock_dirty_add(struct mock_space *space, const struct maptree_entry *map);
void mock_dirty_remove(struct mock_space *space, uint64_t start);

/* The ops, with the world's lock taken by themselves. */
int mock_dirty_start(struct backend *be, uint32_t space);
int mock_dirty_stop(struct backend *be, uint32_t space);
int mock_dirty_read(struct backend *be, uint32_t space, const struct backend_dirty *wish);

#endif
