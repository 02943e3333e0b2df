/* SPDX-License-Identifier: MIT */
/*
 * A bounded queue between the VMM and its guest: virtual page requests one way, virtual page
 * responses the other, both named as a guest names them. It stands for the queues of a virtual
 * IOMMU. One thread puts, one takes. Knows libc alone.
 */
#ifndef MAILBOX_H
#define MAILBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct message {
	uint32_t v_rid;
	uint32_t v_pasid;
	uint32_t group; /* PRG index */
	uint32_t pages; /* request */
	uint64_t addr;  /* request */
	bool write;     /* request */
	bool last;      /* request: the group is complete, answer it */
	uint32_t code;  /* response: IOASID_RESPONSE_* */
};

struct mailbox {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	pthread_cond_t emptied;
	struct message *messages;
	unsigned int size;
	unsigned int first;
	unsigned int count;
	int doorbell; /* readable when something was put, for a receiver that sleeps in poll() */
	bool closed;
};

/* 0, or -1 and errno. */
int mailbox_open(struct mailbox *box, unsigned int size);
void mailbox_free(struct mailbox *box);

/* Waits for room as often as needed. What is put into a closed box is lost. */
void mailbox_put(struct mailbox *box, const struct message *messages, unsigned int n);
unsigned int mailbox_room(struct mailbox *box);

/* Takes up to n, at least 1: waits for it; 0 when the box is closed and empty. */
unsigned int mailbox_take(struct mailbox *box, struct message *messages, unsigned int n);

/* Takes up to n without waiting; -1 when the box is closed and empty. */
int mailbox_drain(struct mailbox *box, struct message *messages, unsigned int n);

/* Nothing more will be put, or nothing more taken. */
void mailbox_close(struct mailbox *box);

#endif
