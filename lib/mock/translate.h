/* SPDX-License-Identifier: MIT */
/*
 * What an address of a device leads to: by the device's own TLB, the IOTLB, or by walking what the
 * space has. The caller holds the world. It must not know what moves there, nor who is asked where
 * nothing is.
 */
#ifndef MOCK_TRANSLATE_H
#define MOCK_TRANSLATE_H

#include "route.h"

/* Accesses of a device by one of its routes. */
struct mock_access {
	struct ioasid_mock_device *device;
	struct mock_space *space; /* whose table translates them */
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

/* The bytes from one multiple of which to the next an address is translated as one. */
uint64_t mock_translate_page(const struct mock_access *access);

/* base is the start of such a page. What is found is cached. */
void mock_translate(const struct mock_access *access, uint64_t base, struct mock_answer *answer);

/* The same without caches, and nothing is noted in tables. */
void mock_translate_anew(
	const struct mock_access *access, uint64_t base, struct mock_answer *answer);

#endif
