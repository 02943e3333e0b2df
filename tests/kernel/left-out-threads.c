/* SPDX-License-Identifier: MIT */
/*
 * What of the maps of many threads the kernel's self-test devices cannot run.
 */
#include "left-out.h"
#include <stddef.h>

struct left_out left_outs[] = {
	/* windows that go with their device */
	{"a_map_and_a_device_that_cannot_reach_it_never_both_come_in", 0},
	{NULL, 0},
};
