/* SPDX-License-Identifier: MIT */
/*
 * The backends of the library and what each can do here. Asks only; takes no device.
 */
#ifndef INFO_BACKENDS_H
#define INFO_BACKENDS_H

#include "out.h"

void backends_show(struct out *out);

#endif
