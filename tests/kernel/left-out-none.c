/* SPDX-License-Identifier: MIT */
/*
 * A program that leaves nothing out.
 */
#include "left-out.h"
#include <stddef.h>

struct left_out left_outs[] = {
	{NULL, 0},
};
