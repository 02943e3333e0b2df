/* SPDX-License-Identifier: MIT */
/*
 * What a driver in user space needs of the library: a context of the kernel, a space, the device in
 * it, the memory that the device may reach. Ends the program on an error, as small examples may.
 */
#ifndef PASSTHROUGH_DRIVER_H
#define PASSTHROUGH_DRIVER_H

#include "edu.h"
#include "file.h"
#include <ioasid/ioasid.h>

/* Addresses as the device says them. We choose: it has but 28 address lines. */
#define FILE_IOVA 0x00100000u
#define COPY_IOVA 0x08000000u

struct driver {
	struct ioasid_ctx *ctx;
	struct ioasid_space *space;
	struct ioasid_device *device;
	struct ioasid_attachment *route;
	int fd;
	struct edu edu;
	struct content file, copy;
};

/* The program's end where the machine lacks what it is about: that is no failure. */
void driver_skip(const char *why);

void driver_open(struct driver *driver);
void driver_take(struct driver *driver, const char *file);
void driver_map(struct driver *driver);
void driver_unmap(struct driver *driver);
void driver_detach(struct driver *driver);
void driver_end(struct driver *driver);

#endif
