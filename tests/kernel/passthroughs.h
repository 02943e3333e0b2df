/* SPDX-License-Identifier: MIT */
/*
 * The cases of test-passthrough.c that have files of their own.
 */
#ifndef PASSTHROUGHS_H
#define PASSTHROUGHS_H

#include <check.h>

void add_groups(Suite *suite);
void add_refusals(Suite *suite);

#endif
