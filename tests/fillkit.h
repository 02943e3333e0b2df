/* SPDX-License-Identifier: MIT */
/*
 * An iommufd without a kernel, for the fault queues of its leaf: ioctl(), read() and write() of the
 * library come here (-Wl,--wrap), and what is behind them keeps the kernel's rules about page
 * requests, with the odd ones of both generations. A provider gives devices. One at a time.
 */
#ifndef FILLKIT_H
#define FILLKIT_H

#include "iommufd/iommufd.h"
#include "support.h"
#include <errno.h>
#include <ioasid/fault.h>
#include <stdbool.h>
#include <string.h>

#define NONE IOASID_PASID_NONE

#define FILLKIT_DEVICES 4
#define FILLKIT_GROUPS  8192 /* that may ever be raised */

struct fillkit_wish {
	uint32_t devices; /* 0: 1 */
	bool together;    /* all of one IOMMU group */
	const struct ioasid_faultq_opts *opts;
};

struct fillkit {
	struct ioasid_ctx *ctx;
	struct backend *be;
	struct ioasid_faultq *queue;
	struct ioasid_space *space;
	struct ioasid_space *other;                    /* the test's, if it makes one */
	struct ioasid_device *device[FILLKIT_DEVICES]; /* label 0x100 and so on */
	struct ioasid_attachment *route[FILLKIT_DEVICES];
	uint32_t devices;
};

/* One queue, a space that names it, devices that are attached to it. */
void fillkit_begin(struct fillkit *, struct fillkit_wish);
/* Leaves nothing behind in the kernel, and no call ever met EBUSY. */
void fillkit_end(struct fillkit *);
/* The same in two steps, the context closed first. */
void fillkit_close(struct fillkit *);
void fillkit_release(struct fillkit *);

/* How this kernel behaves. Set by a test, between calls. */
struct fillkit_kernel {
	bool old;               /* a group too large for a read is 0, not EINVAL */
	uint32_t leak;          /* flag bits that nobody documented */
	unsigned int at_most;   /* answers that one write takes, 0: all */
	unsigned int interrupt; /* so many reads and writes fail with EINTR */
	int no_tables;          /* HWPT_ALLOC fails with this errno */
	int no_moves;           /* so does an attach of what is attached */
	unsigned int reads;     /* counted: that gave something, or not */
	unsigned int writes;
	unsigned int together; /* most reads at a time */
	unsigned int busy;     /* calls that met EBUSY */
	unsigned int unknown;  /* answers to what nobody waits for */
	size_t asked;          /* bytes, by the last read */
};

/* Called once, in the midst of the next read: what it gives is gone from the kernel. */
extern void (*fillkit_while_reading)(void *arg);
extern void *fillkit_while_reading_arg;

extern struct fillkit_kernel fillkit_kernel;

/* A page request group of a device. */
struct fillkit_group {
	uint32_t device;
	uint32_t pasid; /* of the requests; 0: none, since a zeroed one has none */
	uint32_t route; /* PASID of the route, as above */
	uint32_t index; /* PRG index */
	uint32_t pages; /* 0: 1 */
	uint32_t perm;  /* 0: read */
	uint64_t addr;
};

/* Returns its number: 0 and up. -1: the kernel had nobody to tell, and answered it. */
int fillkit_raise(const struct fillkit_group *);
void fillkit_raise_many(uint32_t device, uint64_t first_page, unsigned int n);

/* What became of a group. */
enum fillkit_fate { WAITS, READ, SUCCEEDED, REFUSED, ENDED };
enum fillkit_fate fillkit_fate(int group);
uint32_t fillkit_cookie(int group); /* while it is READ */
unsigned int fillkit_count(enum fillkit_fate);
unsigned int fillkit_open(void); /* that wait or were read */

/* The kernel ends a group that was read, all by itself. */
void fillkit_forget(int group);

/* The next read gives these bytes and asks nobody; the cookies of the groups are in them. */
void fillkit_script(const void *bytes, size_t size);

/* The kernel's number of a device. */
uint32_t fillkit_device_id(uint32_t device);

/* Objects in the kernel. */
unsigned int fillkit_objects(void);

/* The descriptor that callers poll is readable now. */
bool fillkit_polls(struct fillkit *);
/* Of that, the kernel's descriptor is set aside. */
bool fillkit_aside(struct fillkit *);
struct ioasid_faultq_stats fillkit_stats(struct fillkit *);
/* ioasid_faultq_read() and how many records it must give. */
void fillkit_read(struct fillkit *, struct ioasid_fault *, unsigned int room, int expected);
/* ioasid_faultq_complete() of one. */
int fillkit_answer(struct fillkit *, uint64_t id, uint32_t code);

#endif
