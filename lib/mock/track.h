/* SPDX-License-Identifier: MIT */
/*
 * Where accesses of a device really lead: beside the PASID table of a guest a route with a PASID is
 * only tracked, so that the table translates and the route says whose page requests they are. All
 * under the world's lock. It must not know how DMA is done.
 */
#ifndef MOCK_TRACK_H
#define MOCK_TRACK_H

#include "access.h"
#include "route.h"

/* Fills in space and told for the access; false: it leads nowhere. */
bool mock_track_lead(struct mock_access *access);

/* The PASID of the route that translates it, or none. */
uint32_t mock_track_by(const struct mock_access *access);

/* The space whose PASID table takes the place of this route; NULL: none does. */
struct mock_space *mock_track_table(const struct mock_route *route);

/* A new route: if it leads to a PASID table, that takes over all PASIDs. */
void mock_track_begin(const struct mock_route *route);

/* Answers INVALID what waits on the route, of all devices that share it; with a PASID table, which
 * is all PASIDs', whatever the devices have, and what is cached of these goes too. The world is
 * held exclusively. */
void mock_track_cancel(const struct mock_route *route);
void mock_track_cancel_device(struct ioasid_mock_device *device, const struct mock_route *route);

#endif
