/* SPDX-License-Identifier: MIT */
/*
 * The error text of a thread, see error.h. Two short strings in the thread's own storage; no
 * allocation, so that out of memory can be told too.
 */
#include "error.h"
#include <errno.h>
#include <ioasid/ioasid.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char text[ERROR_TEXT_SIZE];
static _Thread_local char reason[ERROR_TEXT_SIZE];

const char *ioasid_last_error(void)
{
	return text;
}

/* By way of a copy: an argument may be the old text. */
ERROR_FORMAT(2, 0)
static void print(char *to, const char *format, va_list args)
{
	char line[ERROR_TEXT_SIZE];

	vsnprintf(line, sizeof(line), format, args);
	memcpy(to, line, sizeof(line));
}

int error_set(int err, const char *format, ...)
{
	int saved = errno;
	va_list args;

	va_start(args, format);
	print(text, format, args);
	va_end(args);
	reason[0] = '\0';
	errno = saved;
	return err;
}

static void append_cause(int err)
{
	size_t used = strlen(text);

	errno = -err;
	snprintf(text + used, sizeof(text) - used, reason[0] ? ": %s" : ": %m", reason);
	reason[0] = '\0';
}

int error_from(int err, const char *format, ...)
{
	int saved = errno;
	va_list args;

	va_start(args, format);
	print(text, format, args);
	va_end(args);
	append_cause(err);
	errno = saved;
	return err;
}

int error_reason(int err, const char *format, ...)
{
	int saved = errno;
	va_list args;

	va_start(args, format);
	print(reason, format, args);
	va_end(args);
	errno = saved;
	return err;
}

void error_forget(void)
{
	reason[0] = '\0';
}
