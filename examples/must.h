/* SPDX-License-Identifier: MIT */
/*
 * What the small examples do about an error: say what the library says, and end the program. A
 * VMM would do better; see fault-relay. Not part of the library.
 */
#ifndef MUST_H
#define MUST_H

#include <ioasid/ioasid.h>
#include <stdio.h>
#include <stdlib.h>

/* The call succeeds; evaluates to what it returned. */
#define must(call) must_succeed((call), #call)

/* What the program shows is true. */
#define must_hold(claim) must_be_true((claim), #claim)

static inline int must_succeed(int64_t result, const char *call)
{
	if (result < 0) {
		fprintf(stderr, "%s\n    %s\n", call, ioasid_last_error());
		exit(EXIT_FAILURE);
	}
	return (int)result;
}

static inline void must_be_true(int claim, const char *text)
{
	if (claim)
		return;
	fprintf(stderr, "not so: %s\n", text);
	exit(EXIT_FAILURE);
}

#endif
