/* SPDX-License-Identifier: MIT */
/*
 * Two self-test devices bound to one context, whose IOMMUs can be told to be incompatible, and what
 * the library's leaf has made in the kernel for a space. For tests of tables; knows the leaf.
 */
#ifndef SCENE_H
#define SCENE_H

#include "selftest.h"
#include "support.h"
#include <errno.h>

#define PAGE UINT64_C(4096)
#define BASE SELFTEST_APERTURE_FIRST

#define SCENE_DEVICES 2
#define SCENE_PAGES   64

struct scene {
	struct ioasid_ctx *ctx;
	struct iommufd *leaf;
	struct selftest_device hw[SCENE_DEVICES];
	struct ioasid_device *device[SCENE_DEVICES];
	unsigned char *memory; /* SCENE_PAGES */
};

/* How the devices are. */
#define SCENE_INCOMPATIBLE (1u << 0) /* neither takes a table that leads the other one */
/* Nor one over a table of the parent's that does: as with VT-d, only the attach tells. */
#define SCENE_APART (1u << 1)

void scene_begin(struct scene *s, uint32_t flags);

/* Closes the context with whatever is still in it; handles that are left are the test's. */
void scene_end(struct scene *s);

/* Binds a device that was unbound. */
void scene_bind(struct scene *s, int device);

/* The device's attach to a table fails, the n-th from now on; 0: none. Or so many, from that. */
void scene_fail_attach(unsigned int n);
void scene_fail_attaches(unsigned int n, unsigned int count);

struct ioasid_attachment *scene_attach(struct scene *s, int device, struct ioasid_space *space);

/* Pages of the scene's memory, from page number `page` on, at an address. */
void scene_map(struct scene *s, struct ioasid_space *space, uint64_t iova, unsigned int page,
	unsigned int pages);

/* How many tables the leaf has for the space, and the n-th of them in the kernel. */
unsigned int scene_tables(struct scene *s, const struct ioasid_space *space);
uint32_t scene_table(struct scene *s, const struct ioasid_space *space, unsigned int n);

#endif
