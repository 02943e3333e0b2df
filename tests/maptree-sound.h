/* SPDX-License-Identifier: MIT */
/*
 * The inspection of a map tree, for its tests: see maptree-sound.c. White-box: it knows the nodes.
 */
#ifndef MAPTREE_SOUND_H
#define MAPTREE_SOUND_H

#include "maptree.h"

/* Whether order, links, fill and totals hold. */
bool maptree_sound(const struct maptree *tree);

#endif
