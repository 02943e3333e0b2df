/* SPDX-License-Identifier: MIT */
/*
 * The fixture of the tests of fault queues on the mock: devices that raise page requests, a space
 * whose pages nobody mapped, and transfers that the pump moves as far as they go, so that every
 * run is the same.
 */
#ifndef FAULTQ_H
#define FAULTQ_H

#include "support.h"
#include <errno.h>
#include <ioasid/fault.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define PAGE  UINT64_C(4096)
#define NONE  IOASID_PASID_NONE
#define PAGES 64u

#define FAULTQ_DEVICES 4

struct faultq_wish {
	uint32_t devices;
	uint32_t credits;
	uint32_t group_pages;
	uint64_t label[FAULTQ_DEVICES]; /* 0: 0x100 and so on */
	uint64_t seed;
	const struct ioasid_faultq_opts *opts;
};

struct faultq {
	struct ioasid_mock *mock;
	struct ioasid_ctx *ctx;
	struct ioasid_faultq *queue;
	struct ioasid_space *space;
	struct ioasid_mock_device *hw[FAULTQ_DEVICES];
	struct ioasid_device *device[FAULTQ_DEVICES];
	struct ioasid_attachment *route[FAULTQ_DEVICES];
	uint32_t devices;
	unsigned char *memory; /* PAGES, mapped nowhere yet */
};

void faultq_begin(struct faultq *, struct faultq_wish);
void faultq_end(struct faultq *);

/* A device's read of so many bytes at a page, into a buffer of its own. */
struct faultq_transfer {
	struct ioasid_mock_dma dma;
	unsigned char bytes[16 * 4096];
};

void faultq_start(
	struct faultq *, struct faultq_transfer *, uint32_t device, uint64_t page, uint64_t length);

/* Maps a page of the space to the page of memory of the same number. */
void faultq_map(struct faultq *, uint64_t page);

/* What ioasid_faultq_complete() returns for one answer; what it wrote there, if answer is given. */
int faultq_answer(struct faultq *, uint64_t id, uint32_t code, struct ioasid_response *answer);

struct ioasid_faultq_stats faultq_stats(struct faultq *);

#endif
