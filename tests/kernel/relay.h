/* SPDX-License-Identifier: MIT */
/*
 * Two self-test devices below a guest's page table whose space reports to a fault queue, on a real
 * kernel; and a count of the calls that met EBUSY, which the library promises to be none. For tests
 * of page requests. Link with -Wl,--wrap=ioctl.
 */
#ifndef RELAY_H
#define RELAY_H

#include "scene.h"
#include <ioasid/fault.h>

#define NONE IOASID_PASID_NONE

struct relay {
	struct scene s;
	struct ioasid_faultq *queue;
	struct ioasid_space *gpa, *giova;
	struct ioasid_attachment *below[SCENE_DEVICES], *above[SCENE_DEVICES];
};

/* The devices have labels 0 and 1. */
void relay_begin(struct relay *, const struct ioasid_faultq_opts *opts);
/* Everything goes in order; what a test has ended itself is NULL. */
void relay_end(struct relay *);
/* The same in two steps, the context closed first. */
void relay_close(struct relay *);
void relay_release(struct relay *);

/* A second guest's table, over the same parent; queue may be NULL. */
struct ioasid_space *relay_other(struct relay *, struct ioasid_faultq *queue);
void relay_drop(struct ioasid_space *other);

/* The device asks for a page: number page, PRG index the same modulo 512. */
void relay_raise(struct relay *, int device, uint64_t page);
/* The same with a PASID that is the guest's. */
void relay_raise_pasid(struct relay *, int device, uint64_t page, uint32_t pasid);

int relay_answer(struct relay *, uint64_t id, uint32_t code);
struct ioasid_faultq_stats relay_stats(struct relay *);
bool relay_polls(struct relay *);
/* A read that gives so many records. */
void relay_read(struct relay *, struct ioasid_fault *, unsigned int room, int expected);

#endif
