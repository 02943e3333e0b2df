/* SPDX-License-Identifier: MIT */
/*
 * The walks once more, as a reader of the manuals would do them with a pencil: table by table, rule
 * by rule, byte by byte, and slowly. Made to be compared with the walkers of the library, so it
 * must not use them; it knows the numbers of faults, which are public, and nothing else of them.
 */
#ifndef NAIVE_H
#define NAIVE_H

#include <ioasid/mock.h>
#include <ioasid/pgtable.h>
#include <stdbool.h>
#include <stdint.h>

/* A guest's memory: pages in a row, of which each may be gone or read-only. */
struct naive_memory {
	uint64_t base;
	unsigned int pages;
	uint8_t *bytes;
	bool (*has)(const void *parent, uint64_t addr, bool write);
	const void *parent;
};

struct naive_request {
	uint64_t addr;
	bool read, write, fetch, privileged; /* a fetch is a read */
	bool mark;                           /* accessed and dirty flags are noted */
};

struct naive_answer {
	uint32_t fault;
	uint64_t addr;
	bool can_read, can_write; /* with the request's privilege; can_read: fetch, if it is one */
	bool dirty;               /* a write needs no note */
	unsigned int page_bits;
};

/* The long-mode table of Intel's or AMD's. */
struct naive_long_mode {
	bool amd;
	unsigned int levels;
	uint64_t root;
	bool sre, wpe, eafe; /* Intel: of the PASID's entry */
};

struct naive_answer naive_long_mode(const struct naive_memory *memory,
	const struct naive_long_mode *table, const struct naive_request *request);

/* Arm's: the first 24 bytes of a context descriptor say it all. */
struct naive_descriptor {
	uint64_t words[3];
};

struct naive_answer naive_arm(const struct naive_memory *memory,
	const struct naive_descriptor *descriptor, const struct naive_request *request);

/* Whether one is illegal for a stream; S1STALLD is the stream's. */
bool naive_is_illegal(const struct naive_descriptor *descriptor, bool stalls_disabled);

/* Of one that is legal: the base of a half's first table, and the size of outputs. */
uint64_t naive_base(const struct naive_descriptor *descriptor, bool high);
unsigned int naive_output_bits(const struct naive_descriptor *descriptor);

/* PASID tables: what the device's entry and the tables say of a PASID. */
struct naive_found {
	uint32_t fault;
	bool bypass;
	uint64_t missing;
	struct naive_descriptor descriptor; /* Arm */
	struct naive_long_mode table;       /* AMD */
};

/* pasid is negative: none. */
struct naive_found naive_arm_pasid(
	const struct naive_memory *memory, const uint64_t words[4], long pasid);
struct naive_found naive_amd_pasid(
	const struct naive_memory *memory, const uint64_t words[4], long pasid);

/* Whether such an entry can be bound at all. */
bool naive_arm_binds(const uint64_t words[4]);
bool naive_amd_binds(const uint64_t words[4]);

/* Bits last to first of a structure of many words, numbered as the manuals do. */
uint64_t naive_field(const uint64_t *words, unsigned int last, unsigned int first);

/* The eight bytes at an address; false: the parent lacks them. */
bool naive_read(const struct naive_memory *memory, uint64_t addr, uint64_t *value);

#endif
