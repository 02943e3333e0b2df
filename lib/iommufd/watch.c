/* SPDX-License-Identifier: MIT */
/*
 * The descriptor that callers poll: an epoll set of the producer's eventfd, always, and of the
 * kernel's descriptor while a pull would read that. Knows no record.
 */
#include "queue.h"
#include <errno.h>
#include <sys/epoll.h>

static int add(int set, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

int iommufd_watch_open(struct iommufd_queue *queue)
{
	int err;

	queue->pollfd = epoll_create1(EPOLL_CLOEXEC);
	if (queue->pollfd < 0)
		return -errno;
	err = add(queue->pollfd, queue->producer.eventfd);
	return err ? err : add(queue->pollfd, queue->fd);
}

/* Fails only for want of a descriptor or memory, of which a change needs none. */
static void set_aside(struct iommufd_queue *queue, bool aside)
{
	struct epoll_event event = {.events = aside ? 0 : EPOLLIN};

	epoll_ctl(queue->pollfd, EPOLL_CTL_MOD, queue->fd, &event);
	queue->aside = aside;
}

/* Whoever changes what waits looks afterwards, and looks and acts under one lock: the last one to
 * look has seen the last change. To watch again wakes sleepers if there is something by now. */
void iommufd_watch(struct iommufd_queue *queue)
{
	bool aside;

	pthread_mutex_lock(&queue->watching);
	aside = producer_waits(&queue->producer) ||
		__atomic_load_n(&queue->hopeless, __ATOMIC_RELAXED);
	if (aside != queue->aside)
		set_aside(queue, aside);
	pthread_mutex_unlock(&queue->watching);
}
