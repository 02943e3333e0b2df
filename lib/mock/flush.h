/* SPDX-License-Identifier: MIT */
/*
 * Who forgets a translation: the IOTLBs of the IOMMUs that a space reaches, and the TLBs of the
 * devices whose routes lead to it. The caller holds the world exclusively: no DMA is under way that
 * still uses what is dropped. It must not know why a translation goes.
 */
#ifndef MOCK_FLUSH_H
#define MOCK_FLUSH_H

#include "route.h"

/* Addresses of the space, with the PASID if it has a table for each. */
void mock_flush_range(
	const struct mock_space *space, uint32_t pasid, uint64_t first, uint64_t last);

/* Everything of a PASID in its table. */
void mock_flush_pasid(const struct mock_space *space, uint32_t pasid);

/* Everything of the space. */
void mock_flush_space(const struct mock_space *space);

/* Everything of the spaces nested on it, at any depth. */
void mock_flush_nested(const struct mock_space *space);

/* Everything that was made by a route of the device, or of its group, and all that it has itself.
 */
void mock_flush_device(struct ioasid_mock_device *device);

/* The route ends, or leads elsewhere. */
void mock_flush_route(const struct mock_route *route);

#endif
