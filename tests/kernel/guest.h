/* SPDX-License-Identifier: MIT */
/*
 * A check program as the only process of a kernel that was booted for it: mounts what it needs,
 * runs the suite, leaves TAP in /result.tap and switches the machine off. Knows check and libc.
 */
#ifndef GUEST_H
#define GUEST_H

#include <check.h>

/* Does not return. */
void guest_run(Suite *suite);

/* A case without a time limit and without forks: there is one process. */
TCase *guest_case(Suite *suite, const char *name);

/* The ioctl's result, or -errno. */
int guest_ioctl(int fd, unsigned long number, void *arg);

#endif
