/* SPDX-License-Identifier: MIT */
/*
 * A kernel that answers ioctls as it is told: see fakekernel.h. A structure starts with its own
 * size, whichever ABI it is of, so that no more than that is read.
 */
#include "fakekernel.h"
#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ROOM 16
#define MOST 64u

static struct {
	unsigned long number;
	int result;
	unsigned char reply[MOST];
	size_t size;
	bool given;
} answers[ROOM];
static unsigned int told;

static struct {
	unsigned long number;
	unsigned char structure[MOST];
} calls[ROOM];
static unsigned int heard;

int __wrap_ioctl(int fd, unsigned long number, ...);

void fake_reset(void)
{
	told = heard = 0;
}

void fake_says(unsigned long number, int result, const void *reply, size_t size)
{
	ck_assert_uint_lt(told, ROOM);
	ck_assert_uint_le(size, MOST);
	answers[told].number = number;
	answers[told].result = result;
	answers[told].size = size;
	answers[told].given = false;
	if (size)
		memcpy(answers[told].reply, reply, size);
	told++;
}

unsigned int fake_heard(unsigned long number, void *structure, size_t size)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < heard; i++) {
		if (calls[i].number != number)
			continue;
		memcpy(structure, calls[i].structure, size);
		n++;
	}
	return n;
}

unsigned int fake_left(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < told; i++)
		n += !answers[i].given;
	return n;
}

static void note(unsigned long number, const void *structure)
{
	uint32_t size;

	memcpy(&size, structure, sizeof(size));
	ck_assert_uint_lt(heard, ROOM);
	ck_assert_uint_le(size, MOST);
	calls[heard].number = number;
	memset(calls[heard].structure, 0, MOST);
	memcpy(calls[heard++].structure, structure, size);
}

static int give(unsigned int i, void *structure)
{
	answers[i].given = true;
	if (answers[i].size)
		memcpy(structure, answers[i].reply, answers[i].size);
	if (answers[i].result >= 0)
		return answers[i].result;
	errno = -answers[i].result;
	return -1;
}

int __wrap_ioctl(int fd, unsigned long number, ...)
{
	va_list args;
	void *structure;

	(void)fd;
	va_start(args, number);
	structure = va_arg(args, void *);
	va_end(args);
	note(number, structure);
	for (unsigned int i = 0; i < told; i++)
		if (answers[i].number == number && !answers[i].given)
			return give(i, structure);
	errno = ENOTTY;
	return -1;
}
