/* SPDX-License-Identifier: MIT */
/*
 * A check program inside of a kernel that was booted for it. As the only process (uml-run) it
 * mounts what it needs, leaves TAP in /result.tap and switches the machine off; as one of several
 * (qemu-run) it writes TAP to standard output. Knows check and libc.
 */
#ifndef GUEST_H
#define GUEST_H

#include <check.h>

/* The program's end, too: its status is 1 if a test failed or none ran. */
__attribute__((noreturn)) void guest_run(Suite *suite);

/* A case without a time limit and without forks: there is one process. */
TCase *guest_case(Suite *suite, const char *name);

/* The ioctl's result, or -errno. */
int guest_ioctl(int fd, unsigned long number, void *arg);

#endif
