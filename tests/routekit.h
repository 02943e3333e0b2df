/* SPDX-License-Identifier: MIT */
/*
 * The iommufd leaf over a kernel that keeps the rules of routes: groups move as one, a table is
 * destroyed after its users, PASIDs go only with tables that were made for them. It may refuse, and
 * a test may do something meanwhile, from any thread. Link with -Wl,--wrap=ioctl.
 */
#ifndef ROUTEKIT_H
#define ROUTEKIT_H

#include "core.h"
#include "iommufd/iommufd.h"
#include "support.h"

#define PAGE     UINT64_C(4096)
#define DEVICES  4
#define PASID    5u          /* the only one */
#define RESERVED (64 * PAGE) /* below it, where something is */
#define ATTACH   0ul         /* the number of a device's attach: no ioctl's */

/* Given its own values by each test; zero is a kernel and devices without anything special. */
struct routekit {
	unsigned int mates;      /* devices of a group; 0: 1 */
	uint32_t pasid_bits;     /* of each device */
	bool requests;           /* devices make page requests */
	bool incompatible;       /* no group takes a table that was made for another */
	uint32_t no_pasids_with; /* flags of tables that do not go with the flag of PASIDs */
	unsigned int reserves;   /* device number i - 1 has reserved what RESERVED says */
	unsigned int fails;      /* calls in a thousand */
	unsigned int failed;     /* so many did */
	unsigned int seed;       /* for that */
	int (*meanwhile)(
		unsigned long number); /* before the kernel acts, without its lock; an error */
	uint32_t led[DEVICES][2];      /* to an object, by default and by PASID; 0: nowhere */
};

extern struct routekit routekit;

/* A context over this kernel; its devices, in the order of their numbers, one with each call. */
void routekit_open(const struct routekit *kernel, struct ioasid_ctx **ctx);
struct ioasid_device *routekit_bind(struct ioasid_ctx *ctx);
struct iommufd *routekit_leaf(const struct ioasid_ctx *ctx);

/* The number, less than DEVICES, of one that the kernel numbers id. */
int routekit_device(uint32_t id);

/* Of a table: may PASIDs be led there, does it note written pages. */
bool routekit_pasids(uint32_t table);
bool routekit_tracks(uint32_t table);

/* Closes the context; nothing of the library's may be left in the kernel when its spaces are gone.
 */
void routekit_empty(void);

/* A guest's, in the one format that the devices take. */
int routekit_bind_table(struct ioasid_space *space, uint64_t addr);

#endif
