/* SPDX-License-Identifier: MIT */
/*
 * The state of the kernel that fillkit.h tells of, for the files that are it: fillkernel.c has
 * objects and devices, fillfault.c page requests. Objects are numbers with a kind; a fault
 * descriptor is an eventfd, so that polls and epoll sets of it are real.
 */
#ifndef FILLKERNEL_H
#define FILLKERNEL_H

#include "fillkit.h"
#include <pthread.h>

#define FILLKERNEL_OBJECTS 256

enum kind { NOTHING, IOAS, TABLE, FAULTS, DEVICE };

struct object {
	enum kind kind;
	uint32_t users;  /* that keep it from being destroyed */
	uint32_t faults; /* a table's: the object it reports to */
	int fd;          /* of faults */
};

/* A route of an IOMMU group, as the kernel has it: one table for all devices. */
struct handle {
	uint32_t table; /* 0: there is none */
	uint32_t first; /* the device that faults are named after */
	uint32_t users;
};

struct group {
	struct fillkit_group is;
	enum fillkit_fate fate;
	uint32_t faults;
	struct handle *handle;
	uint32_t cookie;
};

struct fillkernel {
	pthread_mutex_t lock;
	int fd;
	struct object object[FILLKERNEL_OBJECTS]; /* by id */
	struct handle handle[FILLKIT_DEVICES][4]; /* by IOMMU group and PASID, 0: none */
	uint32_t dev_id[FILLKIT_DEVICES];
	bool attached[FILLKIT_DEVICES][4];
	bool together;
	struct group group[FILLKIT_GROUPS];
	int groups;
	unsigned int open; /* groups that nobody has ended */
	int oldest;        /* no group below it waits */
	struct group *cookie[FILLKIT_GROUPS];
	const unsigned char *script;
	size_t script_size;
	unsigned int reading;
};

extern struct fillkernel fillkernel;
extern const struct iommufd_provider fillkernel_provider;

void fillkernel_lock(void);
void fillkernel_unlock(void);

/* The rest with the lock held. */

uint32_t fillkernel_object(enum kind kind);
struct handle *fillkernel_handle(uint32_t device, uint32_t pasid);

/* A fault descriptor polls readable if something waits there. */
void fillkernel_show(uint32_t faults);

/* Answers all of a handle's groups INVALID. */
void fillkernel_end(const struct handle *handle);

#endif
