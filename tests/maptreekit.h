/* SPDX-License-Identifier: MIT */
/*
 * What tests of the map tree share: one tree, empty when a test begins and given back when it ends,
 * the shortest way to put a range in, and random numbers that every run has alike. It knows nothing
 * of nodes: see maptree-sound.h.
 */
#ifndef MAPTREEKIT_H
#define MAPTREEKIT_H

#include "maptree.h"
#include "support.h"

#define TOP UINT64_MAX

/* Of the random streams: a looped test takes seeds[_i]. */
#define SEEDS 5
extern const uint64_t seeds[SEEDS];

extern struct maptree tree;

/* A case each of whose tests has the tree to itself. */
TCase *maptree_case(Suite *suite, const char *name);

/* Inserts an entry whose value follows from its range. */
int insert(uint64_t start, uint64_t last);

void assert_no_room(uint64_t from, uint64_t to_last, uint64_t length, uint64_t align);

/* As SUPPORT_SCALE says, but no less than a tenth: trees must keep some levels. */
uint64_t scaled(uint64_t full);

uint64_t next_random(uint64_t *state);

#endif
