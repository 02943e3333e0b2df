/* SPDX-License-Identifier: MIT */
/*
 * A page request group of a device, from the miss to the answer: credits, page request group
 * indices, cookies. It lives in whatever waits for the answer and is used again for the next miss.
 * All of it is under the platform's faults lock. It must not know what the DMA is for.
 */
#ifndef MOCK_REQUEST_H
#define MOCK_REQUEST_H

#include "device.h"
#include "queue.h"
#include "space.h"

enum mock_request_state {
	REQUEST_IDLE,
	REQUEST_STARVED, /* waits for a credit of its device */
	REQUEST_WAITING, /* waits for the answer */
	REQUEST_ANSWERED,
};

struct mock_request {
	struct producer_group group;
	struct list link; /* its device's, in flight or starved */
	struct ioasid_mock_device *device;
	struct mock_queue *queue; /* waiting or starved: whom it asks */
	uint32_t pasid;
	uint32_t prg; /* number of the group index, which is one less */
	enum mock_request_state state;
	uint32_t code;   /* answered: IOASID_RESPONSE_* */
	const char *why; /* it was refused, for a text */
	bool late;       /* answered because it found no room in the ring: it asks again later */
	bool baton;      /* woken because of a credit: the next one to wake is its duty */
	struct ioasid_fault one;
	struct ioasid_fault *many;               /* where a group may have more pages than one */
	void (*wake)(struct mock_request *self); /* no more starved, or answered; under faults */
};

/* Pages without a translation, one beside the other. */
struct mock_miss {
	struct mock_space *space; /* whose they are */
	uint32_t pasid;
	uint32_t route;  /* PASID of the route that translates it, or none */
	uint32_t access; /* IOASID_FAULT_READ or _WRITE, _EXEC, _PRIV */
	uint64_t base;   /* the first page's address */
	uint64_t page;   /* bytes of each */
	bool in_parent;  /* it is the parent that misses one */
	uint64_t parent_addr;
	uint32_t pages;
};

void mock_request_init(struct mock_request *request, struct ioasid_mock_device *device,
	void (*wake)(struct mock_request *self));
void mock_request_fini(struct mock_request *request);

/* Asks for the pages; the world is held. 0: it waits; -EFAULT, and why is set: the device may not
 * ask, or is told INVALID at once. */
int mock_request_raise(struct mock_request *request, const struct mock_miss *miss);

/* Of a request that was woken: it has asked, or will not; if a credit is left, wake the next. */
void mock_request_pass_on(struct mock_request *request);

/* The answer; faults is held. The request is no more waiting, whoever waits is woken. */
void mock_request_end(struct mock_request *request, uint32_t code);

/* Answers INVALID what waits on a route of the device, and lets go what starves on it: that tries
 * again and finds the route changed. The world is held exclusively. */
void mock_request_cancel(struct ioasid_mock_device *device, uint32_t pasid);
/* Whatever the PASID. */
void mock_request_cancel_all(struct ioasid_mock_device *device);

/* Lets go what starves on its way to the queue; faults is held. */
void mock_request_let_go(struct ioasid_mock_device *device, const struct mock_queue *queue);

/* Whoever waits is gone; faults is held. */
void mock_request_abort(struct mock_request *request);

#endif
