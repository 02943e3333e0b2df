/* SPDX-License-Identifier: MIT */
/*
 * The DMA engine: one transfer, moved a page at a time through its device's translation, which
 * may miss, ask for pages, wait and try again. The same for those who block and for the pump. It
 * must not know who waits, nor how an answer comes.
 */
#ifndef MOCK_TRANSFER_H
#define MOCK_TRANSFER_H

#include "request.h"

enum mock_step {
	STEP_MOVED, /* and there is more to do */
	STEP_WAITS, /* for an answer, or for a credit */
	STEP_ENDED, /* see status */
};

struct mock_transfer {
	struct mock_request request;
	struct ioasid_mock_device *device;
	struct ioasid_mock_dma *dma;
	uint32_t wire;        /* work by ENQCMD: what came, dma->pasid follows; else _NONE */
	struct list link;     /* the pump's */
	struct list later;    /* the pump's, too */
	pthread_cond_t woken; /* of one who blocks */
	uint32_t asked[2];    /* in vain since the last page moved: source, destination */
	uint64_t missed;      /* the last address without a translation */
	int32_t status;
	const char *why; /* it failed */
};

/* 0, or -EINVAL with the text set, and then the status too; both are there. The PASID has at most
 * so many bits. */
int mock_transfer_check(const struct ioasid_mock_device *device, struct ioasid_mock_dma *dma,
	uint32_t pasid_bits, const char *call);

void mock_transfer_init(struct mock_transfer *transfer, struct ioasid_mock_device *device,
	struct ioasid_mock_dma *dma, void (*wake)(struct mock_request *self));

/* Moves at most a page; no lock is held. */
enum mock_step mock_transfer_step(struct mock_transfer *transfer);

/* dma.c: a transfer that was checked, to its end: its status, and the text set. By the route of
 * dma->pasid or, where wire is not IOASID_PASID_NONE, by the one that has this on the wire: then
 * dma->pasid becomes that route's. */
int mock_dma_run(struct ioasid_mock_device *device, struct ioasid_mock_dma *dma, uint32_t wire);

#endif
