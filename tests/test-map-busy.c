/* SPDX-License-Identifier: MIT */
/*
 * A map while a thread is at it: it is stopped on its way to the backend, by the lock that the
 * simulated platform takes there, and another thread comes. That one is told that the map is busy,
 * or that its place is taken, and leaves no trace.
 */
#include "support.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define PAGE  UINT64_C(4096)
#define WHERE UINT64_C(0x10000)

struct busy {
	struct ioasid_mock *mock;
	struct ioasid_ctx *ctx;
	struct ioasid_space *space;
	unsigned char *memory;
	int64_t unmapped; /* what the other thread got */
	int mapped;
};

/* The other thread's work, done where this one stops; once. */
static _Thread_local void *(*meanwhile)(void *arg);
static _Thread_local void *meanwhile_arg;

int __real_pthread_rwlock_wrlock(pthread_rwlock_t *lock);
int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *lock);

int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
	void *(*work)(void *) = meanwhile;
	pthread_t thread;

	meanwhile = NULL;
	if (work) {
		ck_assert_int_eq(pthread_create(&thread, NULL, work, meanwhile_arg), 0);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
	}
	return __real_pthread_rwlock_wrlock(lock);
}

static void busy_begin(struct busy *b)
{
	ok(ioasid_mock_new(NULL, &b->mock));
	ok(ioasid_mock_open(b->mock, &b->ctx));
	ok(ioasid_space_new(b->ctx, NULL, &b->space));
	b->memory = support_memory(PAGE, 30);
}

static void busy_end(struct busy *b)
{
	ok(ioasid_space_destroy(b->space));
	ioasid_close(b->ctx);
	ioasid_mock_free(b->mock);
	free(b->memory);
}

static int map(struct busy *b)
{
	return ioasid_space_map(b->space, &(struct ioasid_map){.addr = b->memory,
						  .length = PAGE,
						  .iova = WHERE,
						  .flags = IOASID_MAP_RW | IOASID_MAP_FIXED});
}

/* Both ways, one after the other. */
static void *come(void *arg)
{
	struct busy *b = arg;

	b->mapped = map(b);
	b->unmapped = ioasid_space_unmap(b->space, WHERE, PAGE);
	return NULL;
}

static void *come_for_all(void *arg)
{
	struct busy *b = arg;

	b->mapped = map(b);
	b->unmapped = ioasid_space_unmap(b->space, 0, UINT64_MAX);
	return NULL;
}

static void *(*const comers[])(void *arg) = {come, come_for_all};

static void let_another_come(struct busy *b, int which)
{
	b->mapped = 1;
	b->unmapped = 1;
	meanwhile_arg = b;
	meanwhile = comers[which];
}

static void expect_turned_away(const struct busy *b)
{
	ck_assert_ptr_null(meanwhile);
	ck_assert_int_eq(b->mapped, -EEXIST);
	ck_assert_int_eq(b->unmapped, -EBUSY);
}

static void expect_mapped(struct busy *b, uint64_t bytes)
{
	struct ioasid_space_info info = {.size = sizeof(info)};
	struct ioasid_mock_stats stats = {.size = sizeof(stats)};

	ok(ioasid_space_info(b->space, &info));
	ok(ioasid_mock_stats(b->mock, &stats));
	ck_assert_uint_eq(info.mapped, bytes);
	ck_assert_uint_eq(stats.pinned, bytes);
}

START_TEST(a_map_in_the_making_is_busy)
{
	struct busy b;

	busy_begin(&b);
	let_another_come(&b, _i);
	ok(map(&b));
	expect_turned_away(&b);
	expect_mapped(&b, PAGE);
	ck_assert_int_eq(ok(ioasid_space_unmap(b.space, WHERE, PAGE)), (int64_t)PAGE);
	busy_end(&b);
}
END_TEST

START_TEST(a_map_that_is_being_ended_is_busy)
{
	struct busy b;

	busy_begin(&b);
	ok(map(&b));
	let_another_come(&b, _i);
	ck_assert_int_eq(ok(ioasid_space_unmap(b.space, WHERE, PAGE)), (int64_t)PAGE);
	expect_turned_away(&b);
	expect_mapped(&b, 0);
	ok(map(&b));
	busy_end(&b);
}
END_TEST

START_TEST(a_map_whose_end_failed_is_busy_no_more)
{
	static const int errors[] = {-EIO, -EAGAIN};
	struct busy b;

	busy_begin(&b);
	ok(map(&b));
	ok(ioasid_mock_fail(b.mock, IOASID_MOCK_OP_UNMAP, 1, errors[_i]));
	fails(errors[_i], "ioasid_space_unmap", ioasid_space_unmap(b.space, WHERE, PAGE));
	expect_mapped(&b, PAGE);
	ck_assert_int_eq(ok(ioasid_space_unmap(b.space, WHERE, PAGE)), (int64_t)PAGE);
	busy_end(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("maps that are busy");
	TCase *tcase = support_case(suite, "busy");

	tcase_add_loop_test(tcase, a_map_in_the_making_is_busy, 0, 2);
	tcase_add_loop_test(tcase, a_map_that_is_being_ended_is_busy, 0, 2);
	tcase_add_loop_test(tcase, a_map_whose_end_failed_is_busy_no_more, 0, 2);
	return support_run(suite);
}
