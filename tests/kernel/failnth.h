/* SPDX-License-Identifier: MIT */
/*
 * Calls of the library swept by failures inside of the kernel: each is made with the kernel's 1st,
 * 2nd, ... allocation failing, until it passes untouched. A call that fails has changed nothing and
 * works when it is made again; one that works all the same has done everything.
 */
#ifndef FAILNTH_H
#define FAILNTH_H

#include "rig.h"

/* What scenarios play with; prepare() fills in what it likes. */
struct stage {
	struct rig r;
	struct ioasid_space *space[3];
	struct ioasid_attachment *route[4];
	struct ioasid_faultq *faults;
	struct ioasid_ctx *ctx; /* another one */
	int fd;
	unsigned char *memory; /* 2 x LENGTH */
	unsigned int found;
};

struct scenario {
	void (*prepare)(struct stage *); /* rig, and what has to be there; nothing fails */
	int (*act)(struct stage *);      /* less than 0: it failed; asserts nothing */
	void (*check)(struct stage *);   /* after it worked */
	void (*clear)(struct stage *);   /* all that was made, and the rig */
	unsigned int least;              /* so many failures at least make the call fail */
	bool final;                      /* act() leaves nothing, and cannot fail */
};

void sweep(const struct scenario *scenario);

/* For clear(): whatever of it there is, children before parents. */
void stage_clear(struct stage *stage);

/* failnth-guest.c */
void failnth_add_guest(Suite *suite);

/* failnth-mdev.c */
void failnth_add_mdev(Suite *suite);

#endif
