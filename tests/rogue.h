/* SPDX-License-Identifier: MIT */
/*
 * A guest that obeys nothing: what an input makes it write into its memory, as tables or as
 * anything, the tables that it hands over, where its devices aim, and what it invalidates. Knows
 * the formats, and no object of the library's but the device that it names.
 */
#ifndef ROGUE_H
#define ROGUE_H

#include <ioasid/pgtable.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE        UINT64_C(4096)
#define ROGUE_PAGES 10u
#define ROGUE_LEADS 8u

struct rogue {
	const uint8_t *data; /* the input */
	size_t left;
	uint64_t *page[ROGUE_PAGES]; /* the guest's memory */
	uint32_t format;
	bool pasids;   /* a PASID table is bound */
	uint64_t root; /* page of the page table, or of the PASID table */
	unsigned int levels;
	uint64_t path[ROGUE_LEADS]; /* the last addresses that the guest meant to lead somewhere */
	uint32_t user[ROGUE_LEADS]; /* and whose they are */
	unsigned int paths;
};

struct rogue_target {
	uint64_t addr;
	uint32_t pasid;
};

/* The next bytes of the input; zero when it is used up. */
uint64_t rogue_next(struct rogue *r, unsigned int bytes);

/* Where the guest has a page. */
uint64_t rogue_gpa(uint64_t page);

/* Anywhere, anything. */
void rogue_write_word(struct rogue *r);
/* From the root down, as a driver does: few places in each table, so that paths share some. */
void rogue_write_path(struct rogue *r);

/* One that was meant to lead somewhere, or near it, or any. */
struct rogue_target rogue_aim(struct rogue *r);

/* A page table or a PASID table of the guest's format, with a new root; mostly one that can be
 * bound. */
struct ioasid_pgtable rogue_pgtable(struct rogue *r);
struct ioasid_pgtable rogue_pasid_table(struct rogue *r);

/* Mostly a sound one. */
struct ioasid_invalidation rogue_invalidation(struct rogue *r, struct ioasid_device *device);

#endif
