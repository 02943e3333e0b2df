/* SPDX-License-Identifier: MIT */
/*
 * The devices that could be bound, as sysfs tells: nothing is opened, so that nobody loses one.
 */
#ifndef INFO_DEVICES_H
#define INFO_DEVICES_H

#include "out.h"

void devices_show(struct out *out);

#endif
