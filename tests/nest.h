/* SPDX-License-Identifier: MIT */
/*
 * The fixture of the tests of software nesting: a device whose route leads through a child over a
 * parent. On every platform of the contract suite, whoever does the nesting there.
 */
#ifndef NEST_H
#define NEST_H

#include "contract.h"

#define NEST_PAGES UINT64_C(16)

/* Where a page of a space is. */
#define NEST_AT(page) AT((page)*PAGE)

struct nest {
	struct contract c;
	struct contract_nic *nic;
	struct ioasid_space *parent, *child;
	struct ioasid_attachment *route, *over;
	unsigned char *memory; /* NEST_PAGES */
};

void nest_begin(struct nest *, int platform);
void nest_end(struct nest *);

/* What the call returns; addresses and lengths are in pages, of memory from its start. */
int nest_map_parent(struct nest *, uint64_t gpa, uint64_t page, uint64_t pages, uint32_t flags);
int nest_map_child(struct nest *, uint64_t iova, uint64_t gpa, uint64_t pages, uint32_t flags);
int64_t nest_unmap(struct ioasid_space *, uint64_t page, uint64_t pages);

/* Through the child, the device sees this page of memory at that page; or nothing. */
#define NEST_SEES(n, iova, page)                                                                   \
	DMA_SEES(&(n)->c, (n)->nic, NEST_AT(iova), nest_page(n, page), PAGE)
#define NEST_FAILS(n, iova) DMA_FAILS(&(n)->c, (n)->nic, NEST_AT(iova))

const unsigned char *nest_page(const struct nest *, uint64_t page);

#endif
