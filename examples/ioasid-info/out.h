/* SPDX-License-Identifier: MIT */
/*
 * One report in two ways: indented lines for people, or JSON. Keys are JSON's; people read them
 * with blanks. Knows nothing of what is reported.
 */
#ifndef INFO_OUT_H
#define INFO_OUT_H

#include <stdint.h>
#include <stdio.h>

#define OUT_DEPTH 8

struct out {
	FILE *file;
	int json;
	unsigned int depth;
	char brackets[OUT_DEPTH]; /* that are open */
	int filled[OUT_DEPTH];    /* something is in it */
};

void out_start(struct out *out, FILE *file, int json);
/* 0, or -1 if something was not written. */
int out_end(struct out *out);

/* A thing with keys of its own, or a list of things, each with its name: end with out_close(). */
void out_open(struct out *out, const char *key);
void out_open_list(struct out *out, const char *key);
void out_open_item(struct out *out, const char *name);
void out_close(struct out *out);

/* Of a list without items. */
void out_none(struct out *out, const char *why);

__attribute__((format(printf, 3, 4))) void out_text(
	struct out *out, const char *key, const char *format, ...);
void out_number(struct out *out, const char *key, uint64_t number);
/* An item of a list: addresses, both ends included. */
void out_range(struct out *out, uint64_t first, uint64_t last);
void out_yes(struct out *out, const char *key, int yes);

#endif
