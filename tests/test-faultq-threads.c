/* SPDX-License-Identifier: MIT */
/*
 * Page faults with many at it: devices that wait in threads of their own, several readers and
 * answerers, detaches in between. Every group is handed out once and answered once. And the other
 * end: one thread and the pump, where every run is the same.
 */
#include "faultq.h"
#include <stdlib.h>

#define DEVICES 4
#define READERS 3
#define GROUP   4

/* Readers see a fault at this page and go home. */
#define POISON UINT64_C(0xf00000)

struct service {
	struct faultq f;
	pthread_mutex_t lock; /* of mapped, and of the totals */
	bool mapped[PAGES];
	unsigned long groups;
	unsigned long refused;
};

static void page_in(struct service *s, uint64_t page)
{
	pthread_mutex_lock(&s->lock);
	if (!s->mapped[page])
		faultq_map(&s->f, page);
	s->mapped[page] = true;
	pthread_mutex_unlock(&s->lock);
}

static void count(struct service *s, bool answered)
{
	pthread_mutex_lock(&s->lock);
	s->groups++;
	s->refused += !answered;
	pthread_mutex_unlock(&s->lock);
}

static void serve_group(struct service *s, const struct ioasid_fault *fault, unsigned int n)
{
	uint64_t id = 0;

	for (unsigned int i = 0; i < n; i++) {
		ck_assert_uint_eq(fault[i].id, fault[0].id);
		page_in(s, fault[i].addr / PAGE);
	}
	ok(ioasid_faultq_find(s->f.queue, fault->label, fault->pasid, fault->group, &id));
	ck_assert_uint_eq(id, fault->id);
	count(s, faultq_answer(&s->f, fault->id, IOASID_RESPONSE_SUCCESS, NULL) == 1);
}

static unsigned int length(const struct ioasid_fault *fault)
{
	unsigned int n = 1;

	while (!(fault[n - 1].flags & IOASID_FAULT_LAST))
		n++;
	return n;
}

/* False when it met the poison. */
static bool serve_batch(struct service *s, const struct ioasid_fault *fault, unsigned int n)
{
	for (unsigned int at = 0; at < n; at += length(&fault[at])) {
		if (fault[at].addr == POISON)
			return false;
		serve_group(s, &fault[at], length(&fault[at]));
	}
	return true;
}

static void *reader(void *arg)
{
	struct service *s = arg;
	struct ioasid_fault fault[GROUP];

	for (;;) {
		int n = ioasid_faultq_read(s->f.queue, fault, GROUP);

		if (n > 0 && !serve_batch(s, fault, (unsigned int)n))
			return NULL;
		if (!n)
			ok(ioasid_faultq_wait(s->f.queue, -1));
	}
}

struct worker {
	struct service *service;
	uint32_t device;
	unsigned long rounds;
	pthread_t thread;
	unsigned long wrong;
};

/* Reads pages here and there; what it gets must be the memory. */
static void *worker(void *arg)
{
	struct worker *w = arg;
	unsigned char *bytes = malloc(4 * PAGE);

	for (unsigned long i = 0; i < w->rounds; i++) {
		uint64_t page = (i * 7 + w->device * 13) % (PAGES - 4);
		struct ioasid_mock_dma dma = {.kind = IOASID_MOCK_DMA_READ,
			.pasid = NONE,
			.iova = page * PAGE,
			.buffer = bytes,
			.length = 4 * PAGE};

		w->wrong += !!ioasid_mock_dma(w->service->f.hw[w->device], &dma);
		w->wrong += !!memcmp(
			bytes, w->service->f.memory + page * PAGE, sizeof(*bytes) * 4 * PAGE);
		/* so that there is always something to fault on */
		if (i % 8 == 7) {
			pthread_mutex_lock(&w->service->lock);
			if (w->service->mapped[page])
				ok(ioasid_space_unmap(w->service->f.space, page * PAGE, PAGE));
			w->service->mapped[page] = false;
			pthread_mutex_unlock(&w->service->lock);
		}
	}
	free(bytes);
	return NULL;
}

/* A last fault for each reader, as large as a reader's buffer, so that none takes another's.
 * Nobody answers it but the end of the queue. */
static void poison(struct service *s)
{
	static struct faultq_transfer transfer[READERS];

	for (uint32_t i = 0; i < READERS; i++)
		faultq_start(&s->f, &transfer[i], i, POISON / PAGE, GROUP * PAGE);
	ck_assert_int_eq(ok(ioasid_mock_pump(s->f.mock)), READERS);
}

START_TEST(every_group_is_handed_out_once_and_answered_once)
{
	static struct service s;
	struct worker w[DEVICES];
	pthread_t readers[READERS];
	struct ioasid_faultq_stats stats;

	faultq_begin(
		&s.f, (struct faultq_wish){.devices = DEVICES, .credits = 8, .group_pages = GROUP});
	pthread_mutex_init(&s.lock, NULL);
	for (int i = 0; i < READERS; i++)
		ck_assert_int_eq(pthread_create(&readers[i], NULL, reader, &s), 0);
	for (uint32_t i = 0; i < DEVICES; i++) {
		w[i] = (struct worker){.service = &s, .device = i, .rounds = support_rounds(2000)};
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, worker, &w[i]), 0);
	}
	for (int i = 0; i < DEVICES; i++) {
		ck_assert_int_eq(pthread_join(w[i].thread, NULL), 0);
		ck_assert_uint_eq(w[i].wrong, 0);
	}
	poison(&s);
	for (int i = 0; i < READERS; i++)
		ck_assert_int_eq(pthread_join(readers[i], NULL), 0);
	stats = faultq_stats(&s.f);
	ck_assert_uint_eq(stats.raised, s.groups + READERS);
	ck_assert_uint_eq(stats.read, s.groups + READERS);
	ck_assert_uint_eq(stats.answered, s.groups);
	ck_assert_uint_eq(stats.stale, 0);
	ck_assert_uint_eq(s.refused, 0);
	pthread_mutex_destroy(&s.lock);
	faultq_end(&s.f);
}
END_TEST

#define MANY 16

struct answerer {
	struct faultq *f;
	const uint64_t *ids;
	pthread_barrier_t *barrier;
	pthread_t thread;
	unsigned int won;
	unsigned int stale;
};

/* All want to answer all. */
static void *answer_all(void *arg)
{
	struct answerer *a = arg;

	pthread_barrier_wait(a->barrier);
	for (int i = 0; i < MANY; i++) {
		int r = faultq_answer(a->f, a->ids[i], IOASID_RESPONSE_INVALID, NULL);

		a->won += r == 1;
		a->stale += r == -ESTALE;
	}
	return NULL;
}

static void compete(struct faultq *f, const uint64_t *ids)
{
	struct answerer a[4];
	pthread_barrier_t barrier;
	unsigned int won = 0, stale = 0;

	pthread_barrier_init(&barrier, NULL, 4);
	for (int i = 0; i < 4; i++) {
		a[i] = (struct answerer){.f = f, .ids = ids, .barrier = &barrier};
		ck_assert_int_eq(pthread_create(&a[i].thread, NULL, answer_all, &a[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_join(a[i].thread, NULL), 0);
		won += a[i].won;
		stale += a[i].stale;
	}
	pthread_barrier_destroy(&barrier);
	ck_assert_uint_eq(won, MANY);
	ck_assert_uint_eq(stale, 3 * MANY);
}

START_TEST(of_many_answers_one_wins)
{
	struct faultq f;
	static struct faultq_transfer transfer[MANY];
	struct ioasid_fault fault[MANY];
	uint64_t ids[MANY];

	faultq_begin(&f, (struct faultq_wish){.devices = 1});
	for (unsigned long round = 0; round < support_rounds(200); round++) {
		for (uint32_t i = 0; i < MANY; i++)
			faultq_start(&f, &transfer[i], 0, i, 1);
		ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), MANY);
		ck_assert_int_eq(ok(ioasid_faultq_read(f.queue, fault, MANY)), MANY);
		for (int i = 0; i < MANY; i++)
			ids[i] = fault[i].id;
		compete(&f, ids);
		ck_assert_int_eq(ok(ioasid_mock_pump(f.mock)), 0);
	}
	ck_assert_uint_eq(faultq_stats(&f).answered, MANY * support_rounds(200));
	faultq_end(&f);
}
END_TEST

#define TRACE 400

/* What is read, as it is read; the answers are given in an odd order. */
static unsigned int trace(uint64_t seed, struct ioasid_fault out[TRACE])
{
	struct faultq f;
	static struct faultq_transfer transfer[12];
	unsigned int n = 0, left = 1;

	faultq_begin(&f,
		(struct faultq_wish){.devices = 4, .credits = 3, .group_pages = 2, .seed = seed});
	for (uint32_t i = 0; i < 12; i++)
		faultq_start(&f, &transfer[i], i % 4, 4 * i, 4 * PAGE);
	while ((left = (unsigned int)ok(ioasid_mock_pump(f.mock)))) {
		unsigned int got =
			(unsigned int)ok(ioasid_faultq_read(f.queue, &out[n], TRACE - n));

		ck_assert_uint_ge(got, 1);
		for (unsigned int i = got; i--;) {
			const struct ioasid_fault *fault = &out[n + i];

			faultq_map(&f, fault->addr / PAGE);
			if (fault->flags & IOASID_FAULT_LAST)
				ok(faultq_answer(&f, fault->id, IOASID_RESPONSE_SUCCESS, NULL));
		}
		n += got;
	}
	for (int i = 0; i < 12; i++)
		ck_assert_mem_eq(transfer[i].bytes, f.memory + 4 * (uint64_t)i * PAGE, 4 * PAGE);
	faultq_end(&f);
	return n;
}

START_TEST(the_pump_gives_the_same_sequence_in_every_run)
{
	static struct ioasid_fault first[TRACE], second[TRACE];
	unsigned int n;

	for (uint64_t seed = 0; seed < 4; seed++) {
		memset(first, 0, sizeof(first));
		memset(second, 0, sizeof(second));
		n = trace(seed, first);
		ck_assert_uint_eq(n, 48);
		ck_assert_uint_eq(trace(seed, second), n);
		for (unsigned int i = 0; i < n; i++)
			first[i].time = second[i].time = 0;
		ck_assert_mem_eq(first, second, sizeof(first));
	}
}
END_TEST

START_TEST(another_seed_gives_another_sequence)
{
	static struct ioasid_fault first[TRACE], second[TRACE];
	unsigned int same = 0;

	trace(1, first);
	trace(2, second);
	for (unsigned int i = 0; i < 48; i++)
		same += first[i].addr == second[i].addr;
	ck_assert_uint_lt(same, 48);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fault queue, many");
	TCase *tcase = support_case(suite, "threads");

	tcase_add_test(tcase, every_group_is_handed_out_once_and_answered_once);
	tcase_add_test(tcase, of_many_answers_one_wins);
	tcase_add_test(tcase, the_pump_gives_the_same_sequence_in_every_run);
	tcase_add_test(tcase, another_seed_gives_another_sequence);
	return support_run(suite);
}
