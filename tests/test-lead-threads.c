/* SPDX-License-Identifier: MIT */
/*
 * Threads that use the tables of the iommufd leaf while another changes something: many that
 * invalidate leave it alone for a moment, a device that is forgotten comes and goes, and one that
 * reads written pages finds each table that it looks at, although a queue ends meanwhile, and its
 * tables are to be made anew.
 */
#include "routekit.h"
#include <ioasid/fault.h>
#include <ioasid/pgtable.h>
#include <sched.h>
#include <semaphore.h>

struct scene {
	struct ioasid_ctx *ctx;
	struct ioasid_faultq *queue;
	struct ioasid_space *space, *child; /* NULL: none */
	struct ioasid_device *device;
	struct ioasid_attachment *below, *above;
};

static struct scene scene;

static void attach_to(const struct ioasid_space_opts *opts)
{
	ok(ioasid_space_new(scene.ctx, opts, &scene.space));
	scene.device = routekit_bind(scene.ctx);
	ok(ioasid_device_attach(scene.device, scene.space, NULL, &scene.below));
}

static void end(void)
{
	ok(ioasid_attachment_detach(scene.above));
	ok(ioasid_attachment_detach(scene.below));
	ok(ioasid_device_unbind(scene.device));
	if (scene.child)
		ok(ioasid_space_unbind_pgtable(scene.child));
	ok(ioasid_space_destroy(scene.child));
	ok(ioasid_space_destroy(scene.space));
	routekit_empty();
	ioasid_close(scene.ctx);
}

/* ---- invalidations ---- */

#define INVALIDATORS 6
#define PATIENCE     1000

static struct {
	unsigned int came; /* into the kernel; atomic */
	bool done;         /* atomic */
	sem_t begun;       /* each of them, once */
} flood;

/* None leaves the kernel before a later one has come: a lock that they share is never free, unless
 * they are kept out of it. */
static int stay(unsigned long number)
{
	unsigned int mine;

	if (number != IOMMUFD_HWPT_INVALIDATE)
		return 0;
	mine = __atomic_add_fetch(&flood.came, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < PATIENCE && __atomic_load_n(&flood.came, __ATOMIC_RELAXED) == mine; i++)
		sched_yield();
	return 0;
}

static void *invalidate(void *arg)
{
	const struct ioasid_invalidation all = {.what = IOASID_INVALIDATE_SPACE};

	(void)arg;
	ck_assert_int_eq(ioasid_space_invalidate(scene.child, &all, 1), 1);
	sem_post(&flood.begun);
	while (!__atomic_load_n(&flood.done, __ATOMIC_RELAXED))
		ck_assert_int_eq(ioasid_space_invalidate(scene.child, &all, 1), 1);
	return NULL;
}

static void begin_flood(pthread_t *threads)
{
	routekit_open(&(struct routekit){.meanwhile = stay}, &scene.ctx);
	attach_to(IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_NEST_PARENT));
	ok(ioasid_space_new_nested(scene.space, NULL, &scene.child));
	ok(routekit_bind_table(scene.child, 0x3000));
	ok(ioasid_device_attach(scene.device, scene.child, NULL, &scene.above));
	sem_init(&flood.begun, 0, 0);
	for (int i = 0; i < INVALIDATORS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, invalidate, NULL), 0);
	for (int i = 0; i < INVALIDATORS; i++)
		sem_wait(&flood.begun);
}

static void end_flood(const pthread_t *threads)
{
	__atomic_store_n(&flood.done, true, __ATOMIC_RELAXED);
	for (int i = 0; i < INVALIDATORS; i++)
		pthread_join(threads[i], NULL);
	sem_destroy(&flood.begun);
	end();
}

/* If they do not let it in, this test has no end. */
START_TEST(many_that_invalidate_let_others_come_in)
{
	pthread_t threads[INVALIDATORS];
	struct ioasid_space *other;

	begin_flood(threads);
	ok(ioasid_space_new(scene.ctx, NULL, &other));
	ok(ioasid_space_destroy(other));
	end_flood(threads);
}
END_TEST

/* ---- a device that comes and goes ---- */

static void *forget_device(void *arg)
{
	const struct ioasid_invalidation list[] = {{.what = IOASID_INVALIDATE_SPACE},
		{.what = IOASID_INVALIDATE_DEVICE, .device = scene.device},
		{.what = IOASID_INVALIDATE_SPACE}};

	(void)arg;
	while (!__atomic_load_n(&flood.done, __ATOMIC_RELAXED)) {
		int got = ioasid_space_invalidate(scene.child, list, 3);

		/* all; the device is not attached; there is no table */
		ck_assert_msg(
			got == 3 || got == 1 || got == -ENOENT, "%d: %s", got, ioasid_last_error());
	}
	return NULL;
}

static void come_and_go(void)
{
	ok(ioasid_device_attach(scene.device, scene.child, NULL, &scene.above));
	sched_yield();
	ok(ioasid_attachment_detach(scene.above));
	scene.above = NULL;
	ok(ioasid_space_unbind_pgtable(scene.child));
	ok(routekit_bind_table(scene.child, 0x3000));
}

START_TEST(a_device_is_forgotten_while_it_comes_and_goes)
{
	pthread_t threads[2];

	routekit_open(&(struct routekit){.mates = 0}, &scene.ctx);
	attach_to(IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_NEST_PARENT));
	ok(ioasid_space_new_nested(scene.space, NULL, &scene.child));
	ok(routekit_bind_table(scene.child, 0x3000));
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, forget_device, NULL), 0);
	for (unsigned long i = support_rounds(2000); i--;)
		come_and_go();
	__atomic_store_n(&flood.done, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	end();
}
END_TEST

/* ---- written pages ---- */

static struct {
	pthread_t thread; /* that ends the queue */
	bool begun;       /* by the reader */
	sem_t there;      /* it wants to change tables, or does */
	sem_t read;       /* the reader is back */
	unsigned int reads;
} ending;

static _Thread_local bool ends; /* this thread ends the queue */

int __real_pthread_rwlock_wrlock(pthread_rwlock_t *lock);
int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *lock);

int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
	if (ends && lock == &routekit_leaf(scene.ctx)->reading)
		sem_post(&ending.there);
	return __real_pthread_rwlock_wrlock(lock);
}

static void *end_queue(void *arg)
{
	(void)arg;
	ends = true;
	ioasid_faultq_free(scene.queue);
	return NULL;
}

/* In the kernel: a read waits until a thread wants to make tables anew. That comes to nothing,
 * since the device does not move; what was made for that stays as long as somebody could see it. */
static int meet(unsigned long number)
{
	if (number == ATTACH && ends) {
		sem_post(&ending.there);
		sem_wait(&ending.read);
		return -ENOMEM;
	}
	if (number != IOMMUFD_HWPT_GET_DIRTY_BITMAP)
		return 0;
	ending.reads++;
	if (!ending.begun) {
		ending.begun = true;
		ck_assert_int_eq(pthread_create(&ending.thread, NULL, end_queue, NULL), 0);
		sem_wait(&ending.there);
	}
	return 0;
}

static void read_notes(void)
{
	uint64_t bitmap = 0;

	ok(ioasid_space_dirty_read(scene.space, IOASID_OPTS(ioasid_dirty, .iova = 0, .length = PAGE,
							.granule = PAGE, .bitmap = &bitmap)));
}

static void begin_notes(void)
{
	routekit_open(&(struct routekit){.requests = true}, &scene.ctx);
	ok(ioasid_faultq_new(scene.ctx, NULL, &scene.queue));
	attach_to(IOASID_OPTS(
		ioasid_space_opts, .flags = IOASID_SPACE_DIRTY_TRACKING, .faults = scene.queue));
	ok(ioasid_space_map(scene.space, &(struct ioasid_map){.addr = (void *)(uintptr_t)PAGE,
						 .length = PAGE,
						 .flags = IOASID_MAP_RW | IOASID_MAP_FIXED}));
	ok(ioasid_space_dirty_start(scene.space));
	routekit.meanwhile = meet;
	sem_init(&ending.there, 0, 0);
	sem_init(&ending.read, 0, 0);
}

START_TEST(a_read_of_written_pages_sees_no_table_come_or_go)
{
	begin_notes();
	read_notes();
	sem_post(&ending.read);
	pthread_join(ending.thread, NULL);
	/* the one table that there was, and is */
	ck_assert_uint_eq(ending.reads, 1);
	read_notes();
	ck_assert_uint_eq(ending.reads, 2);
	sem_destroy(&ending.there);
	sem_destroy(&ending.read);
	end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lead threads");
	TCase *tcase = support_case(suite, "threads");

	tcase_add_test(tcase, many_that_invalidate_let_others_come_in);
	tcase_add_test(tcase, a_device_is_forgotten_while_it_comes_and_goes);
	tcase_add_test(tcase, a_read_of_written_pages_sees_no_table_come_or_go);
	return support_run(suite);
}
