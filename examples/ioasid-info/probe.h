/* SPDX-License-Identifier: MIT */
/*
 * What one device can do, which only its user learns: it is taken for a moment.
 */
#ifndef INFO_PROBE_H
#define INFO_PROBE_H

#include "out.h"

/* 0, or -1 where the device cannot be had: the report says why. */
int probe_show(struct out *out, const char *file);

#endif
