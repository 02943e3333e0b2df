/* SPDX-License-Identifier: MIT */
/*
 * What a context can do, whatever is behind it: the kernel or the simulation. Knows the public API
 * alone, and asks by trying where there is no question.
 */
#ifndef INFO_CONTEXT_H
#define INFO_CONTEXT_H

#include "out.h"
#include <ioasid/ioasid.h>

void context_show(struct out *out, struct ioasid_ctx *ctx);

/* The addresses that a space may use now, as a list. */
void context_show_ranges(struct out *out, struct ioasid_space *space);

#endif
