/* SPDX-License-Identifier: MIT */
/*
 * Structures that grow: option and info structures start with their size, so that a caller and a
 * library of different age understand each other. Knows error texts and libc.
 */
#ifndef OPTS_H
#define OPTS_H

#include <stddef.h>

/*
 * Copies the caller's options over known, which is zeroed first; NULL means all defaults. What
 * the caller's structure lacks is zero; what it has beyond known must be zero. 0, -EINVAL, -E2BIG,
 * with the text set.
 */
int opts_copy(void *known, size_t known_size, const void *given, const char *call);

/* 0 if opts_out() may write to given, else -EINVAL with the text set. */
int opts_out_check(const void *given, const char *call);

/* Copies known out, as much as the caller's size says; the rest is zeroed, the size kept. */
void opts_out(void *given, const void *known, size_t known_size);

#endif
