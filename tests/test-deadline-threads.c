/* SPDX-License-Identifier: MIT */
/*
 * Deadlines with many at it, by the real clock: who sleeps is woken for a group that another thread
 * took along, and of a deadline, an answer and a detach one ends a group. A test that fails here
 * hangs, or its sums are wrong; none depends on how long something takes.
 */
#include "faultq.h"
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define MILLISECOND UINT64_C(1000000)

static void begin(struct faultq *f, uint32_t devices, uint64_t deadline)
{
	faultq_begin(f, (struct faultq_wish){.devices = devices,
				.credits = 8,
				.opts = IOASID_OPTS(ioasid_faultq_opts, .records = 64,
					.deadline_ns = deadline,
					.deadline_code = IOASID_RESPONSE_INVALID)});
}

/* ---- a device waits, and nobody answers ---- */

struct scene {
	struct faultq f;
	bool polls; /* the sleeper has its own event loop */
	bool over;  /* atomic */
};

static void sleep_once(struct scene *scene)
{
	struct pollfd fd = {.events = POLLIN};

	if (!scene->polls) {
		ok(ioasid_faultq_wait(scene->f.queue, -1));
		return;
	}
	fd.fd = ok(ioasid_faultq_get_fd(scene->f.queue));
	ck_assert_int_eq(poll(&fd, 1, -1), 1);
}

/* Reads what it is woken for, and does nothing with it. */
static void *sleeper(void *arg)
{
	struct scene *scene = arg;
	struct ioasid_fault fault[8];

	while (!__atomic_load_n(&scene->over, __ATOMIC_ACQUIRE)) {
		sleep_once(scene);
		while (ok(ioasid_faultq_read(scene->f.queue, fault, 8)))
			;
	}
	return NULL;
}

/* Takes one and is never seen again. */
static void *thief(void *arg)
{
	struct scene *scene = arg;
	struct ioasid_fault fault;

	while (!ok(ioasid_faultq_read(scene->f.queue, &fault, 1)) &&
		!__atomic_load_n(&scene->over, __ATOMIC_ACQUIRE))
		sched_yield();
	return NULL;
}

static int miss(struct faultq *f, uint32_t device)
{
	unsigned char byte;

	return ioasid_mock_dma(
		f->hw[device], &(struct ioasid_mock_dma){.kind = IOASID_MOCK_DMA_READ,
				       .pasid = NONE,
				       .iova = 7 * PAGE,
				       .buffer = &byte,
				       .length = 1});
}

/* The transfer comes back because somebody let its fault expire: the sleeper, or nobody. */
static void let_one_be_taken(struct scene *scene)
{
	pthread_t away;

	ck_assert_int_eq(pthread_create(&away, NULL, thief, scene), 0);
	do {
		ck_assert_int_eq(miss(&scene->f, 0), -EFAULT);
	} while (pthread_tryjoin_np(away, NULL)); /* the sleeper was quicker */
}

START_TEST(a_sleeper_is_woken_for_what_another_thread_took)
{
	static struct scene scene;
	static struct faultq_transfer last;
	unsigned long rounds = support_rounds(100);
	pthread_t asleep;

	scene = (struct scene){.polls = _i};
	begin(&scene.f, 1, MILLISECOND);
	ck_assert_int_eq(pthread_create(&asleep, NULL, sleeper, &scene), 0);
	for (unsigned long i = 0; i < rounds; i++)
		let_one_be_taken(&scene);
	__atomic_store_n(&scene.over, true, __ATOMIC_RELEASE);
	faultq_start(&scene.f, &last, 0, 9, 1);
	while (ok(ioasid_mock_pump(scene.f.mock)))
		ok(ioasid_faultq_expire(scene.f.queue));
	pthread_join(asleep, NULL);
	ck_assert_uint_eq(faultq_stats(&scene.f).outstanding, 0);
	ck_assert_uint_gt(faultq_stats(&scene.f).expired, rounds);
	faultq_end(&scene.f);
}
END_TEST

/* ---- a deadline, an answer, a detach ---- */

#define DEVICES   3
#define ANSWERERS 2

struct crowd {
	struct faultq f;
	unsigned long answered; /* atomic, and so are all */
	unsigned long stale;
	unsigned long expired;
	unsigned long bad;
	bool over;
};

static void add(unsigned long *counter, unsigned long n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static bool is_over(struct crowd *c)
{
	return __atomic_load_n(&c->over, __ATOMIC_ACQUIRE);
}

static void *answer(void *arg)
{
	struct crowd *c = arg;
	struct ioasid_fault fault[4];

	while (!is_over(c)) {
		int n = ok(ioasid_faultq_read(c->f.queue, fault, 4));

		for (int i = 0; i < n; i++) {
			int r;

			if (fault[i].flags & IOASID_FAULT_CANCELLED)
				continue;
			r = faultq_answer(&c->f, fault[i].id, IOASID_RESPONSE_INVALID, NULL);
			add(r == 1 ? &c->answered : r == -ESTALE ? &c->stale : &c->bad, 1);
		}
		if (!n)
			ok(ioasid_faultq_wait(c->f.queue, 1));
	}
	return NULL;
}

static void *expire(void *arg)
{
	struct crowd *c = arg;

	while (!is_over(c)) {
		add(&c->expired, (unsigned long)ok(ioasid_faultq_expire(c->f.queue)));
		sched_yield();
	}
	return NULL;
}

/* The first device comes and goes. */
static void *detach(void *arg)
{
	struct crowd *c = arg;

	while (!is_over(c)) {
		ok(ioasid_attachment_detach(c->f.route[0]));
		ok(ioasid_device_attach(c->f.device[0], c->f.space, NULL, &c->f.route[0]));
		usleep(50);
	}
	return NULL;
}

struct device {
	struct crowd *crowd;
	uint32_t number;
	unsigned long rounds;
	pthread_t thread;
};

/* Each transfer ends, and there is no page: the answer was no, or there is no route. */
static void *work(void *arg)
{
	struct device *d = arg;

	for (unsigned long i = 0; i < d->rounds; i++) {
		int r = miss(&d->crowd->f, d->number);

		if (r != -EFAULT && (r != -ENODEV || d->number))
			add(&d->crowd->bad, 1);
	}
	return NULL;
}

START_TEST(of_a_deadline_an_answer_and_a_detach_one_ends_a_group)
{
	static struct crowd c;
	struct device d[DEVICES];
	struct ioasid_faultq_stats stats;
	void *(*const jobs[])(void *) = {answer, answer, expire, detach};
	pthread_t threads[4];

	c = (struct crowd){.over = false};
	begin(&c.f, DEVICES, _i ? 1 : MILLISECOND / 20);
	for (unsigned int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, jobs[i], &c), 0);
	for (uint32_t i = 0; i < DEVICES; i++) {
		d[i] = (struct device){.crowd = &c, .number = i, .rounds = support_rounds(3000)};
		ck_assert_int_eq(pthread_create(&d[i].thread, NULL, work, &d[i]), 0);
	}
	for (uint32_t i = 0; i < DEVICES; i++)
		pthread_join(d[i].thread, NULL);
	__atomic_store_n(&c.over, true, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	stats = faultq_stats(&c.f);
	ck_assert_uint_eq(c.bad, 0);
	ck_assert_uint_eq(stats.outstanding, 0);
	ck_assert_uint_eq(stats.answered, c.answered);
	ck_assert_uint_eq(stats.stale, c.stale);
	/* whoever reads and waits lets expire, too */
	ck_assert_uint_ge(stats.expired, c.expired);
	ck_assert_uint_eq(
		stats.raised, stats.answered + stats.expired + stats.cancelled + stats.late);
	faultq_end(&c.f);
}
END_TEST

/* ---- an end ---- */

static void *wait_to_the_end(void *arg)
{
	struct faultq *f = arg;
	int r;

	while ((r = ioasid_faultq_wait(f->queue, -1)) >= 0)
		;
	return r == -ENODEV ? NULL : f;
}

START_TEST(a_close_wakes_who_sleeps_by_a_timer)
{
	struct faultq f;
	static struct faultq_transfer transfer;
	struct ioasid_fault fault;
	pthread_t thread;
	void *wrong;

	begin(&f, 1, UINT64_MAX);
	faultq_start(&f, &transfer, 0, 1, 1);
	ok(ioasid_mock_pump(f.mock));
	ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, &fault, 1)), 1);
	ck_assert_int_eq(pthread_create(&thread, NULL, wait_to_the_end, &f), 0);
	usleep(1000);
	ioasid_close(f.ctx);
	f.ctx = NULL;
	pthread_join(thread, &wrong);
	ck_assert_ptr_null(wrong);
	fails(-ENODEV, "closed", ioasid_faultq_expire(f.queue));
	ok(ioasid_mock_pump(f.mock));
	ck_assert_int_eq(transfer.dma.status, -EFAULT);
	faultq_end(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("deadlines, threads");
	TCase *tcase = support_case(suite, "threads");

	tcase_add_loop_test(tcase, a_sleeper_is_woken_for_what_another_thread_took, 0, 2);
	tcase_add_loop_test(tcase, of_a_deadline_an_answer_and_a_detach_one_ends_a_group, 0, 2);
	tcase_add_test(tcase, a_close_wakes_who_sleeps_by_a_timer);
	return support_run(suite);
}
