/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz programs of the walkers share: an input, and a guest whose memory it writes, once
 * for the library and once for the naive walks. A violation aborts.
 */
#ifndef WALKFUZZ_H
#define WALKFUZZ_H

#include "naive.h"
#include "walkkit.h"

struct walkfuzz {
	const uint8_t *data;
	size_t left;
	const char *name; /* of the program */
	struct walkkit kit;
	struct naive_memory naive; /* with a copy of the kit's bytes */
	uint64_t put[8];           /* the last words that were written: their numbers */
	unsigned int puts;
};

/* Pages and their address as the input says. */
void walkfuzz_begin(struct walkfuzz *fuzz, const char *name, const uint8_t *data, size_t size);
/* The two memories are the same. */
void walkfuzz_end(struct walkfuzz *fuzz);

/* The next bytes of the input; zero when it is used up. */
uint64_t walkfuzz_next(struct walkfuzz *fuzz, unsigned int bytes);

void walkfuzz_require(const struct walkfuzz *fuzz, bool holds, const char *what);

/* One of the guest's pages. */
uint64_t walkfuzz_page(struct walkfuzz *fuzz);

/* The guest writes a word, of bytes as they come or much like an entry. */
void walkfuzz_write(struct walkfuzz *fuzz);

/* The VMM takes a page of the guest's away, makes it read-only, or gives it back. */
void walkfuzz_change_page(struct walkfuzz *fuzz);

/* An address: as it comes, or made of the places of the last words, so that it meets them. */
uint64_t walkfuzz_address(struct walkfuzz *fuzz);

/* One walk by both; everything that must hold of an answer does. The naive one is at hand as a
 * function of this request. */
typedef struct naive_answer walkfuzz_naive(
	const struct walkfuzz *fuzz, const void *table, const struct naive_request *request);
void walkfuzz_walk(struct walkfuzz *fuzz, const struct walk_context *context, walkfuzz_naive *naive,
	const void *table);

/* Without libFuzzer: calls LLVMFuzzerTestOneInput() with inputs at random, of fixed seeds, and with
 * those that are kept. */
int walkfuzz_main(const char *name);

#endif
