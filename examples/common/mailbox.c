/* SPDX-License-Identifier: MIT */
/*
 * A bounded queue between the VMM and its guest: see mailbox.h.
 */
#include "mailbox.h"
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mailbox_open(struct mailbox *box, unsigned int size)
{
	*box = (struct mailbox){.lock = PTHREAD_MUTEX_INITIALIZER,
		.filled = PTHREAD_COND_INITIALIZER,
		.emptied = PTHREAD_COND_INITIALIZER,
		.messages = calloc(size, sizeof(struct message)),
		.size = size,
		.doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	return box->messages && box->doorbell >= 0 ? 0 : -1;
}

void mailbox_free(struct mailbox *box)
{
	if (box->size && box->doorbell >= 0)
		close(box->doorbell);
	free(box->messages);
	*box = (struct mailbox){.doorbell = -1};
}

/* Under the lock. The receiver sleeps only while the box is empty, the sender only while it is
 * full: whoever changes that wakes the other. */
static void ring(struct mailbox *box)
{
	pthread_cond_signal(&box->filled);
	eventfd_write(box->doorbell, 1);
}

static void put(struct mailbox *box, const struct message *message)
{
	box->messages[(box->first + box->count++) % box->size] = *message;
	if (box->count == 1)
		ring(box);
}

static struct message shift(struct mailbox *box)
{
	struct message message = box->messages[box->first];

	if (box->count == box->size)
		pthread_cond_signal(&box->emptied);
	box->first = (box->first + 1) % box->size;
	box->count--;
	return message;
}

static unsigned int shift_all(struct mailbox *box, struct message *messages, unsigned int n)
{
	unsigned int taken = 0;

	while (box->count && taken < n)
		messages[taken++] = shift(box);
	return taken;
}

void mailbox_put(struct mailbox *box, const struct message *messages, unsigned int n)
{
	pthread_mutex_lock(&box->lock);
	for (unsigned int i = 0; i < n && !box->closed;) {
		if (box->count < box->size)
			put(box, &messages[i++]);
		else
			pthread_cond_wait(&box->emptied, &box->lock);
	}
	pthread_mutex_unlock(&box->lock);
}

unsigned int mailbox_room(struct mailbox *box)
{
	unsigned int room;

	pthread_mutex_lock(&box->lock);
	room = box->size - box->count;
	pthread_mutex_unlock(&box->lock);
	return room;
}

unsigned int mailbox_take(struct mailbox *box, struct message *messages, unsigned int n)
{
	unsigned int taken;

	pthread_mutex_lock(&box->lock);
	while (!box->count && !box->closed)
		pthread_cond_wait(&box->filled, &box->lock);
	taken = shift_all(box, messages, n);
	pthread_mutex_unlock(&box->lock);
	return taken;
}

int mailbox_drain(struct mailbox *box, struct message *messages, unsigned int n)
{
	eventfd_t rung;
	int taken;

	pthread_mutex_lock(&box->lock);
	taken = box->closed && !box->count ? -1 : (int)shift_all(box, messages, n);
	if (!box->count && !box->closed)
		(void)eventfd_read(box->doorbell, &rung); /* EAGAIN: it had not been rung */
	pthread_mutex_unlock(&box->lock);
	return taken;
}

void mailbox_close(struct mailbox *box)
{
	pthread_mutex_lock(&box->lock);
	box->closed = true;
	ring(box);
	pthread_cond_broadcast(&box->emptied);
	pthread_mutex_unlock(&box->lock);
}
