/* SPDX-License-Identifier: MIT */
/*
 * Assertions of check where nobody runs check: in libFuzzer's programs they are nothing, or the end
 * of it. Linked with --wrap of both names.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void __wrap__mark_point(const char *file, int line);
void __wrap__ck_assert_failed(const char *file, int line, const char *expression,
	const char *message, ...) __attribute__((format(printf, 4, 5)));

void __wrap__mark_point(const char *file, int line)
{
	(void)file, (void)line;
}

void __wrap__ck_assert_failed(
	const char *file, int line, const char *expression, const char *message, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: %s: ", file, line, expression);
	va_start(args, message);
	if (message)
		vfprintf(stderr, message, args);
	va_end(args);
	abort();
}
