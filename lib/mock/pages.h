/* SPDX-License-Identifier: MIT */
/*
 * Process memory that the platform has pinned for DMA, and the limit on it. Maps, copies of maps
 * and registrations share a pages object; the bytes are counted once for each object. The caller
 * holds the world exclusively. It must not know where the pages are mapped.
 */
#ifndef MOCK_PAGES_H
#define MOCK_PAGES_H

#include <ioasid/mock.h>
#include <stdbool.h>
#include <stdint.h>

struct mock_pages {
	uint32_t number; /* at least 1; a map's mark */
	uint32_t refs;
	uint64_t addr;
	uint64_t length; /* bytes, all pinned */
	bool writable;
};

/* The caller gets the first reference. 0; -ENOMEM, with a reason where the limit is why. */
int pages_pin(struct ioasid_mock *mock, const struct mock_pages *wanted, struct mock_pages **pages);
struct mock_pages *pages_get(struct mock_pages *pages);
void pages_put(struct ioasid_mock *mock, struct mock_pages *pages);

#endif
