/* SPDX-License-Identifier: MIT */
/*
 * A life of a VMM on the mock: what it holds, and the steps that it takes, each of them one call of
 * the library. Knows the public API, and not what is made to fail.
 */
#ifndef LIFESTEPS_H
#define LIFESTEPS_H

#include "support.h"
#include <ioasid/fault.h>
#include <ioasid/pgtable.h>
#include <stddef.h>

#define PAGE UINT64_C(4096)

#define DEVICES 3 /* the last one is a guest's */

struct life {
	struct ioasid_mock *mock;
	struct ioasid_mock_device *hw[DEVICES];
	int fd[DEVICES];
	struct ioasid_ctx *ctx;
	struct ioasid_faultq *faults;
	struct ioasid_space *parent, *child, *other;
	struct ioasid_space *gpa, *giova, *sibling; /* of a guest with page tables of its own */
	struct ioasid_device *device[DEVICES];
	struct ioasid_attachment *route[DEVICES], *over, *pasid, *guest, *tracked;
	unsigned char *memory; /* 8 pages */
	int file;              /* a page of it */
	int vm;
	struct ioasid_mock_dma dma;
	unsigned char byte;
	uint64_t noted; /* bits of the child's pages */
	struct ioasid_response answer;
};

struct life_step {
	const char *name;
	int (*take)(struct life *); /* 0, or what the call returned */
	void (*before)(struct life *);
	void (*after)(struct life *);
};

extern const struct life_step life_steps[];
extern const size_t life_step_count;

#endif
