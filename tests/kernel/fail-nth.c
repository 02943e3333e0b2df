/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own fault injection, by thread: see fail-nth.h.
 */
#include "fail-nth.h"
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define DEBUG "/sys/kernel/debug/"

static int nth = -1;

static void set(const char *file, const char *value)
{
	ssize_t length = (ssize_t)strlen(value);
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "%s: %s", file, strerror(errno));
	ck_assert_int_eq(write(fd, value, (size_t)length), length);
	close(fd);
}

void fail_nth_open(void)
{
	ck_assert_int_eq(mount("debug", DEBUG, "debugfs", 0, NULL), 0);
	/* those that may sleep can fail as well */
	set(DEBUG "failslab/ignore-gfp-wait", "N");
	set(DEBUG "failslab/verbose", "0");
	set(DEBUG "fail_iommufd/verbose", "0");
	nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(nth, 0);
}

static void write_nth(unsigned int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", n);

	ck_assert_int_eq(pwrite(nth, text, (size_t)length, 0), length);
}

void fail_nth(unsigned int n)
{
	write_nth(n);
}

/* The kernel counts down, and 0 is when it has failed. */
bool fail_nth_off(void)
{
	char text[16] = "";
	ssize_t length = pread(nth, text, sizeof(text) - 1, 0);

	write_nth(0);
	ck_assert_int_gt(length, 0);
	return !strtoul(text, NULL, 10);
}
