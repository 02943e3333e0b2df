/* SPDX-License-Identifier: MIT */
/*
 * Groups that have no answer in time. There is no thread for it: whoever reads, waits or completes
 * looks, and the timer is there for those who sleep. It is set once in a while, not for each group:
 * groups become overdue in the order in which they were raised, so that what it is set to is early
 * enough for all that come later.
 *
 * Nobody sleeps through a deadline. Who goes to sleep says so, looks for what is outstanding, and
 * sets the timer. A group that is raised after that look wakes the sleepers; if another thread
 * takes it before they come, that thread finds them asleep (by way of the table's latch, the ring's
 * tail, and the group) and sets the timer in their place.
 */
#include "clock.h"
#include "core.h"
#include "pending.h"
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BATCH 64u

/* Descriptors */

static int add(int set, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

int deadline_open(struct ioasid_faultq *queue)
{
	struct deadline *deadline = &queue->deadline;
	int err;

	if (!queue->opts.deadline_ns)
		return 0;
	deadline->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (deadline->timer < 0)
		return -errno;
	deadline->set = epoll_create1(EPOLL_CLOEXEC);
	if (deadline->set < 0)
		return -errno;
	err = add(deadline->set, queue->is.pollfd);
	return err ? err : add(deadline->set, deadline->timer);
}

void deadline_close(struct ioasid_faultq *queue)
{
	if (queue->deadline.set >= 0)
		close(queue->deadline.set);
	if (queue->deadline.timer >= 0)
		close(queue->deadline.timer);
}

/* Answers */

/* The first of them was not sent. 0 if the platform has ended it by itself: nothing is left to do.
 */
static int give_back(struct ioasid_faultq *queue, const struct pending_claim *claim, int err)
{
	uint64_t now = clock_now();

	if (err != -ESTALE) {
		pending_postpone(queue->is.pending, claim, now);
		return err ? err : -EIO;
	}
	pending_retire(queue->is.pending, claim->id, PENDING_CANCELLED, now);
	error_forget();
	return 0;
}

/* Sends the answers to n groups that were won. How many were; the first one that failed, why. */
static unsigned int send(
	struct ioasid_faultq *queue, const struct pending_claim *claims, unsigned int n, int *err)
{
	struct backend *be = queue->ctx->be;
	struct backend_answer answers[BATCH];
	unsigned int at = 0, done = 0;

	for (unsigned int i = 0; i < n; i++)
		answers[i] = (struct backend_answer){
			.cookie = claims[i].cookie, .code = queue->opts.deadline_code};
	while (at < n) {
		int sent = be->ops->answer(be, queue->is.id, &answers[at], n - at);
		uint64_t now = clock_now();

		if (sent <= 0) {
			int failed = give_back(queue, &claims[at++], sent);

			*err = *err ? *err : failed;
		}
		for (; sent > 0; sent--, done++)
			pending_retire(queue->is.pending, claims[at++].id, PENDING_EXPIRED, now);
	}
	return done;
}

/* With the guard: what waits behind a full ring is no exception. */
static unsigned int expire_waiting(struct ioasid_faultq *queue, uint64_t now, uint64_t *oldest)
{
	struct backend *be = queue->ctx->be;
	uint64_t ns = queue->opts.deadline_ns;
	struct backend_expiry expiry = {
		.before = now > ns ? now - ns : 0, .now = now, .code = queue->opts.deadline_code};

	*oldest = PENDING_NEVER;
	if (!ring_has_backlog(&queue->ring))
		return 0;
	return be->ops->faultq_expire(be, queue->is.id, &expiry, oldest);
}

/* With the guard: answers what is overdue now. */
static unsigned int expire(struct ioasid_faultq *queue, int *err)
{
	struct pending_claim claims[BATCH];
	uint64_t oldest, now = clock_now();
	unsigned int n, done = 0;

	do {
		n = pending_overdue(queue->is.pending, now, claims, BATCH);
		done += send(queue, claims, n, err);
	} while (n == BATCH);
	return done + expire_waiting(queue, now, &oldest);
}

int ioasid_faultq_expire(struct ioasid_faultq *queue)
{
	unsigned int done = 0;
	int err = queue ? faultq_enter(queue, __func__) : null_argument(__func__, "queue");

	if (err)
		return err;
	if (queue->opts.deadline_ns)
		done = expire(queue, &err);
	faultq_leave(queue);
	faultq_slots_freed(queue);
	if (err && !done)
		error_from(err, "%s: what is overdue on queue %u", __func__, queue->is.id);
	error_forget();
	/* who found the timer over meanwhile did not see what is in our hands */
	if (err)
		deadline_set_slowly(queue, clock_now());
	return done ? (int)done : err;
}

static bool may_be_overdue(struct ioasid_faultq *queue, uint64_t now)
{
	return pending_due_hint(queue->is.pending) <= now || ring_has_backlog(&queue->ring);
}

uint64_t deadline_check_slowly(struct ioasid_faultq *queue)
{
	uint64_t now = clock_now();
	int err = 0;

	if (!may_be_overdue(queue, now))
		return now;
	pthread_rwlock_rdlock(&queue->guard);
	if (!queue->closed)
		expire(queue, &err);
	pthread_rwlock_unlock(&queue->guard);
	faultq_slots_freed(queue);
	if (!err)
		return now;
	/* what failed is tried again after another deadline */
	error_forget();
	deadline_set_slowly(queue, now);
	return now;
}

/* The timer */

/* When the first group will be overdue. */
static uint64_t next_due(struct ioasid_faultq *queue, uint64_t now)
{
	uint64_t due = pending_due(queue->is.pending, now), oldest = PENDING_NEVER;
	uint64_t ns = queue->opts.deadline_ns;

	if (!ring_has_backlog(&queue->ring))
		return due;
	pthread_rwlock_rdlock(&queue->guard);
	if (!queue->closed)
		expire_waiting(queue, now, &oldest);
	pthread_rwlock_unlock(&queue->guard);
	return oldest < PENDING_NEVER - ns && oldest + ns < due ? oldest + ns : due;
}

static uint64_t set_to(const struct deadline *deadline)
{
	return __atomic_load_n(&deadline->at, __ATOMIC_RELAXED);
}

/* Unless it is set and not over yet; to set it takes back that it is over, too. */
static void set_timer(struct ioasid_faultq *queue, uint64_t now)
{
	struct deadline *deadline = &queue->deadline;
	struct itimerspec when = {.it_value = {0}};
	uint64_t due, was;

	latch_take(&deadline->lock);
	was = set_to(deadline);
	/* not set, before the look: who takes a group that is raised after it finds that, and waits
	 * for the latch, however old what it takes for the time */
	if (was <= now)
		__atomic_store_n(&deadline->at, 0, __ATOMIC_RELAXED);
	due = was > now ? was : next_due(queue, now);
	due = due == PENDING_NEVER ? 0 : due;
	when.it_value.tv_sec = (time_t)(due / CLOCK_SECOND);
	when.it_value.tv_nsec = (long)(due % CLOCK_SECOND);
	if (due != was)
		timerfd_settime(deadline->timer, TFD_TIMER_ABSTIME, &when, NULL);
	__atomic_store_n(&deadline->at, due, __ATOMIC_RELAXED);
	latch_release(&deadline->lock);
}

static bool somebody_sleeps(const struct deadline *deadline)
{
	return __atomic_load_n(&deadline->polled, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&deadline->sleepers, __ATOMIC_RELAXED);
}

void deadline_set_slowly(struct ioasid_faultq *queue, uint64_t now)
{
	uint64_t at = set_to(&queue->deadline);

	if (at > now || !somebody_sleeps(&queue->deadline))
		return;
	/* what this thread took is in the hint */
	if (at || pending_due_hint(queue->is.pending) != PENDING_NEVER ||
		ring_has_backlog(&queue->ring))
		set_timer(queue, now);
}

void deadline_sleep(struct ioasid_faultq *queue, uint64_t now)
{
	if (queue->opts.deadline_ns && set_to(&queue->deadline) <= now)
		set_timer(queue, now);
}

void deadline_enter(struct ioasid_faultq *queue)
{
	__atomic_fetch_add(&queue->deadline.sleepers, 1, __ATOMIC_RELAXED);
}

void deadline_leave(struct ioasid_faultq *queue)
{
	__atomic_fetch_sub(&queue->deadline.sleepers, 1, __ATOMIC_RELAXED);
}

int deadline_fd(struct ioasid_faultq *queue)
{
	if (queue->deadline.set < 0)
		return queue->is.pollfd;
	__atomic_store_n(&queue->deadline.polled, true, __ATOMIC_RELAXED);
	/* what was taken before is nobody else's to set it for */
	deadline_sleep(queue, clock_now());
	return queue->deadline.set;
}
