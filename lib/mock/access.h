/* SPDX-License-Identifier: MIT */
/*
 * An access of a device, and what it leads to: the question and the answer of a translation. It
 * must not know how that is done.
 */
#ifndef MOCK_ACCESS_H
#define MOCK_ACCESS_H

#include "device.h"
#include "space.h"

/* Accesses of a device by one of its routes. */
struct mock_access {
	struct ioasid_mock_device *device;
	struct mock_space *space; /* whose maps or table translate them */
	struct mock_space *told;  /* whose page requests they raise */
	uint32_t pasid;           /* that they carry */
	uint32_t flags;           /* IOASID_FAULT_READ or _WRITE, _EXEC, _PRIV */
};

struct mock_answer {
	uint32_t fault;        /* IOASID_MOCK_FAULT_* */
	struct mock_page page; /* without a fault; its host memory is that of the page's start */
	uint32_t allowed;      /* if it was walked: IOASID_MAP_*, where page has what is cached */
	/* By a guest's table, if it was walked: where that leads in the parent space, and with
	 * IOASID_MOCK_FAULT_PARENT what is not there. */
	uint64_t parent_addr;
};

/* IOASID_MAP_*, for IOASID_FAULT_* */
static inline uint32_t mock_access_needs(uint32_t flags)
{
	return (flags & IOASID_FAULT_READ ? IOASID_MAP_READ : 0) |
	       (flags & IOASID_FAULT_WRITE ? IOASID_MAP_WRITE : 0);
}

#endif
