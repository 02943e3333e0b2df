/* SPDX-License-Identifier: MIT */
/*
 * What every test program needs: one runner, a count of open descriptors around each test, and
 * assertions that print the library's own error text.
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <check.h>
#include <ioasid/ioasid.h>
#include <ioasid/mock.h>

/* Runs the suite; the program's exit status: 0, or 1 if a test failed. */
int support_run(Suite *suite);

/* Before that, where there are hundreds of tests that need no process each: under SUPPORT_SCALE
 * they share one, for valgrind would look for leaks at the end of every one. */
void support_share_process(void);

/* A case whose tests must leave as many descriptors open as they found. Add tests to it. */
TCase *support_case(Suite *suite, const char *name);

unsigned int support_open_fds(void);

/* 1, or as many as SUPPORT_SCALE says (percent): slow tools run fewer rounds of the same test. */
unsigned long support_rounds(unsigned long full);

/* The call succeeds (returns >= 0); evaluates to what it returned. */
#define ok(call)                                                                                   \
	__extension__({                                                                            \
		__typeof__(call) ok_ = (call);                                                     \
		ck_assert_msg(                                                                     \
			ok_ >= 0, "%s: %lld: %s", #call, (long long)ok_, ioasid_last_error());     \
		ok_;                                                                               \
	})

/* The call fails with this error, and the text has these words. */
#define fails(error, words, call)                                                                  \
	do {                                                                                       \
		long long fails_ = (long long)(call);                                              \
		ck_assert_msg(fails_ == (error), "%s: %lld, not %s: %s", #call, fails_, #error,    \
			ioasid_last_error());                                                      \
		support_error_has(words, #call);                                                   \
	} while (0)

void support_error_has(const char *words, const char *call);

/* A page-aligned piece of memory, filled with a pattern of its own; free() it. */
unsigned char *support_memory(size_t length, unsigned int seed);

#endif
