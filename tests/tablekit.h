/* SPDX-License-Identifier: MIT */
/*
 * The iommufd leaf over a kernel that fails where a test says, and devices that take a table each:
 * what the kernel's objects are and heard is there to be read and written. For tests of tables;
 * programs are linked with -Wl,--wrap=iommufd_call.
 */
#ifndef TABLEKIT_H
#define TABLEKIT_H

#include "core.h"
#include "iommufd/iommufd.h"
#include "support.h"
#include <limits.h>
#include <string.h>

#define PAGE    UINT64_C(4096)
#define DEVICES 3
#define REFUSED (77 * PAGE) /* an address that the provider cannot write down */

/* An object of the kernel's. */
struct object {
	bool alive;
	uint32_t over;        /* of a table: its IOAS or its parent */
	unsigned int handles; /* invalidations, then it fails */
	unsigned int handled; /* in all */
	unsigned int calls;   /* of the kernel, for that */
	bool silent;          /* fails without an error */
	bool tracks;
	int no_start, no_read; /* errors */
	uint64_t notes;        /* the first 64 pages */
};

struct tablekit {
	uint32_t objects;      /* the next one is this number; the first is 1 */
	int no_start_of_new;   /* of objects to come */
	uint32_t led[DEVICES]; /* to an object; 0: nowhere */
	int stuck;             /* the last device's error, wherever it is to go */
};

extern struct tablekit tablekit;

/* It must be alive. */
struct object *tablekit_object(uint32_t id);
bool tablekit_alive(uint32_t id);

/* What the device leads to. */
struct object *tablekit_table(int device);

struct scene {
	struct ioasid_ctx *ctx;
	struct ioasid_space *gpa, *giova;
	struct ioasid_device *device[DEVICES];
	struct ioasid_attachment *below[DEVICES], *above[DEVICES];
};

/* Each device is attached to a nesting parent that can track, and to its child if wanted. */
void scene_begin(struct scene *s, bool children);

/* Closes the context; the kernel must be left without objects of the library's. */
void scene_end(struct scene *s);

#endif
