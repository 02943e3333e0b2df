/* SPDX-License-Identifier: MIT */
/*
 * A guest that obeys nothing, see rogue.h.
 */
#include "rogue.h"
#include <ioasid/ring.h>

#define BASE UINT64_C(0x40000)

uint64_t rogue_next(struct rogue *r, unsigned int bytes)
{
	uint64_t value = 0;

	for (; bytes && r->left; bytes--, r->left--)
		value = value << 8 | *r->data++;
	return value;
}

uint64_t rogue_gpa(uint64_t page)
{
	return BASE + page * PAGE;
}

/* ---- what it writes ---- */

static uint64_t any_page(struct rogue *r)
{
	return rogue_gpa(rogue_next(r, 1) % ROGUE_PAGES);
}

/* Bits that make an entry of the format out of an address, mostly. */
static uint64_t dress(struct rogue *r, uint64_t addr)
{
	static const uint64_t arm[] = {3, 0x443, 0x4c3, 0x401, UINT64_C(1) << 51 | 0x4c3};
	static const uint64_t x86[] = {7, 5, 0x87, 3, UINT64_C(1) << 63 | 7};
	uint64_t which = rogue_next(r, 1) % 5;

	return addr | (r->format == IOASID_PGTABLE_SMMUV3_S1 ? arm : x86)[which];
}

/* A context descriptor's first word, with whatever flags. */
static uint64_t descriptor(struct rogue *r)
{
	uint64_t good =
		16 | UINT64_C(1) << 30 | UINT64_C(1) << 31 | UINT64_C(5) << 32 | UINT64_C(1) << 41;

	return good | rogue_next(r, 1) << 35;
}

void rogue_write_word(struct rogue *r)
{
	uint64_t page = rogue_next(r, 1) % ROGUE_PAGES, place = rogue_next(r, 2) % 512;

	r->page[page][place] = rogue_next(r, 1) & 1 ? rogue_next(r, 8) : dress(r, any_page(r));
}

/* The entry of a PASID in a table of one level, and the page that it leads to. */
static uint64_t write_pasid(struct rogue *r, uint32_t user)
{
	bool arm = r->format == IOASID_PGTABLE_SMMUV3_S1;
	uint64_t place = user == IOASID_PASID_NONE ? 0 : user;
	uint64_t page = rogue_next(r, 1) % ROGUE_PAGES;

	if (arm) {
		r->page[r->root][place * 8] = descriptor(r);
		r->page[r->root][place * 8 + 1] = rogue_gpa(page);
	} else {
		r->page[r->root][place] = rogue_gpa(page) | 1;
	}
	return page;
}

void rogue_write_path(struct rogue *r)
{
	uint32_t user = r->pasids ? (uint32_t)rogue_next(r, 1) % 4 : IOASID_PASID_NONE;
	uint64_t page = r->pasids ? write_pasid(r, user) : r->root, addr = 0;
	uint64_t table = r->format == IOASID_PGTABLE_SMMUV3_S1 ? 3 : 7;

	for (unsigned int level = r->levels; level--;) {
		uint64_t place = rogue_next(r, 1) % 8, to = rogue_next(r, 1) % ROGUE_PAGES;

		r->page[page][place] = level ? rogue_gpa(to) | table : dress(r, rogue_gpa(to));
		addr = addr << 9 | place;
		page = to;
	}
	r->path[r->paths % ROGUE_LEADS] = addr << 12;
	r->user[r->paths++ % ROGUE_LEADS] = user;
}

/* ---- what it asks for ---- */

struct rogue_target rogue_aim(struct rogue *r)
{
	uint64_t which = rogue_next(r, 1), odd = rogue_next(r, 1);
	struct rogue_target target = {
		r->path[which % ROGUE_LEADS] | rogue_next(r, 1) << 4, r->user[which % ROGUE_LEADS]};

	if (odd % 16 == 0)
		target.addr = rogue_next(r, 8);
	else if (odd % 16 == 1)
		target.addr ^= PAGE << odd / 16;
	else if (odd % 16 == 2)
		target.addr |= odd << 56;
	else if (odd % 16 == 3)
		target.pasid = r->pasids ? (uint32_t)rogue_next(r, 2) : IOASID_PASID_NONE;
	return target;
}

struct ioasid_pgtable rogue_pgtable(struct rogue *r)
{
	struct ioasid_pgtable table = {.size = sizeof(table), .format = r->format};

	r->root = rogue_next(r, 1) % ROGUE_PAGES;
	table.addr = rogue_next(r, 1) % 16 ? rogue_gpa(r->root) : rogue_next(r, 8);
	table.addr_width = rogue_next(r, 1) % 4   ? 48
			   : rogue_next(r, 1) & 1 ? 57
						  : (uint32_t)rogue_next(r, 1);
	r->levels = table.addr_width == 57 ? 5 : 4;
	table.flags =
		(uint32_t)rogue_next(r, 1) & (r->format == IOASID_PGTABLE_SMMUV3_S1 ? 0x18 : 7);
	if (r->format == IOASID_PGTABLE_AMD_V2)
		table.flags = 0;
	return table;
}

struct ioasid_pgtable rogue_pasid_table(struct rogue *r)
{
	struct ioasid_pgtable table = {.size = sizeof(table), .format = r->format};
	uint64_t bits = rogue_next(r, 1), odd = rogue_next(r, 1) % 16 ? 0 : rogue_next(r, 8), root;

	r->root = rogue_next(r, 1) % ROGUE_PAGES;
	r->levels = 4;
	root = rogue_gpa(r->root);
	if (r->format == IOASID_PGTABLE_SMMUV3_S1) {
		table.words[0] = 1 | 5 << 1 | root | (bits % 8 ? 0 : bits >> 6) << 4 |
				 (bits % 8 ? 6 : bits >> 3) << 59;
		table.words[1] = rogue_next(r, 1) & 3;
	} else {
		table.words[0] = 3 | UINT64_C(1) << 55 | (bits & 1) << 54 |
				 (bits % 8 ? 0 : 1ull) << 56 | (root >> 12 & 7) << 58;
		table.words[1] = (root >> 15 & 0xffff) << 16 | root >> 31 << 43;
	}
	table.words[0] ^= odd;
	return table;
}

struct ioasid_invalidation rogue_invalidation(struct rogue *r, struct ioasid_device *device)
{
	struct ioasid_invalidation one = {.what = (uint32_t)rogue_next(r, 1) % 4};
	uint64_t odd = rogue_next(r, 1);
	struct rogue_target target = rogue_aim(r);

	if (one.what == IOASID_INVALIDATE_RANGE) {
		one.addr = target.addr & ~(PAGE - 1);
		one.length = (rogue_next(r, 1) + 1) * PAGE;
		one.flags = (uint32_t)odd >> 7;
	}
	if (r->pasids &&
		(one.what == IOASID_INVALIDATE_RANGE || one.what == IOASID_INVALIDATE_PASID))
		one.pasid = target.pasid;
	if (one.what == IOASID_INVALIDATE_DEVICE)
		one.device = device;
	switch (odd % 32) { /* mostly none of these */
	case 0:
		one.what = (uint32_t)rogue_next(r, 4);
		break;
	case 1:
		one.flags = (uint32_t)rogue_next(r, 1);
		break;
	case 2:
		one.addr = rogue_next(r, 8);
		break;
	case 3:
		one.length = rogue_next(r, 8);
		break;
	case 4:
		one.pasid = (uint32_t)rogue_next(r, 4);
		break;
	case 5:
		one.device = one.device ? NULL : device;
		break;
	case 6:
		one.reserved = (uint32_t)rogue_next(r, 1);
		break;
	default:
		break;
	}
	return one;
}
