/* SPDX-License-Identifier: MIT */
/*
 * The library's own views of files, one by one: each mmap() it does is followed by one munmap() of
 * the same, after the platform has let go of the pages and without the lock of the space's maps;
 * and what fails half-way leaves none. The program wraps both, by the names they have where files
 * may be large.
 */
#include "core.h"
#include "support.h"
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE  UINT64_C(4096)
#define PAGES 64
#define MOST  256

/* What the wrapped calls know; the library's only while a test watches. */
static struct {
	pthread_mutex_t lock;
	bool on;
	int fail; /* errno of the next mmap() */
	struct {
		void *addr;
		size_t length;
	} views[MOST];
	unsigned int count;
	unsigned int ended;
	unsigned int strange; /* ended, but no view */
	struct ioasid_mock *mock;
	struct ioasid_space *space; /* nobody may hold the lock of its maps */
	uint64_t pinned_then;       /* when the last view ended */
	unsigned int locked;
	void (*meanwhile)(void); /* called once, when a view has ended */
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER};

void *__real_mmap64(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
int __real_munmap(void *addr, size_t length);
void *__wrap_mmap64(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
int __wrap_munmap(void *addr, size_t length);

static void *note_view(void *addr, size_t length)
{
	pthread_mutex_lock(&watch.lock);
	ck_assert_uint_lt(watch.count, MOST);
	watch.views[watch.count].addr = addr;
	watch.views[watch.count++].length = length;
	pthread_mutex_unlock(&watch.lock);
	return addr;
}

void *__wrap_mmap64(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
{
	void *view;

	if (!watch.on || fd < 0)
		return __real_mmap64(addr, length, prot, flags, fd, offset);
	if (watch.fail) {
		errno = watch.fail;
		watch.fail = 0;
		return MAP_FAILED;
	}
	view = __real_mmap64(addr, length, prot, flags, fd, offset);
	return view == MAP_FAILED ? view : note_view(view, length);
}

static void look_around(void)
{
	struct ioasid_mock_stats stats = {.size = sizeof(stats)};

	if (watch.mock && !ioasid_mock_stats(watch.mock, &stats))
		watch.pinned_then = stats.pinned;
	if (!watch.space)
		return;
	watch.locked += watch.space->maps_lock.state != LATCH_FREE;
}

static bool forget_view(void *addr, size_t length)
{
	for (unsigned int i = 0; i < watch.count; i++) {
		if (watch.views[i].addr != addr || watch.views[i].length != length)
			continue;
		watch.views[i] = watch.views[--watch.count];
		watch.ended++;
		return true;
	}
	return false;
}

static void go_on_meanwhile(void)
{
	void (*meanwhile)(void);

	pthread_mutex_lock(&watch.lock);
	meanwhile = watch.meanwhile;
	watch.meanwhile = NULL;
	pthread_mutex_unlock(&watch.lock);
	if (meanwhile)
		meanwhile();
}

int __wrap_munmap(void *addr, size_t length)
{
	if (watch.on) {
		pthread_mutex_lock(&watch.lock);
		watch.strange += !forget_view(addr, length);
		look_around();
		pthread_mutex_unlock(&watch.lock);
		go_on_meanwhile();
	}
	return __real_munmap(addr, length);
}

/* A space without devices on a platform, and a file. */
struct scene {
	struct ioasid_mock *mock;
	struct ioasid_ctx *ctx;
	struct ioasid_space *space;
	int fd;
};

static void scene_begin(struct scene *s)
{
	ok(ioasid_mock_new(NULL, &s->mock));
	ok(ioasid_mock_open(s->mock, &s->ctx));
	ok(ioasid_space_new(s->ctx, NULL, &s->space));
	s->fd = memfd_create("ioasid-test-file", MFD_CLOEXEC);
	ck_assert_int_ge(s->fd, 0);
	ck_assert_int_eq(ftruncate(s->fd, (off_t)(PAGES * PAGE)), 0);
	watch.mock = s->mock;
	watch.on = true;
}

/* Whatever happened, each view has ended once. */
static void scene_end(struct scene *s, unsigned int views)
{
	watch.space = NULL;
	ok(ioasid_space_destroy(s->space));
	ioasid_close(s->ctx);
	ck_assert_uint_eq(watch.count, 0);
	ck_assert_uint_eq(watch.ended, views);
	ck_assert_uint_eq(watch.strange, 0);
	watch.on = false;
	watch.mock = NULL;
	watch.ended = 0;
	ioasid_mock_free(s->mock);
	close(s->fd);
}

static int map_at(const struct scene *s, uint64_t iova, uint64_t page, uint64_t pages)
{
	return ioasid_space_map_file(s->space, s->fd, page * PAGE,
		&(struct ioasid_map){.length = pages * PAGE,
			.iova = iova,
			.flags = IOASID_MAP_RW | IOASID_MAP_FIXED});
}

START_TEST(a_view_outlives_the_platforms_map_and_no_lock_is_held)
{
	struct scene s;

	scene_begin(&s);
	watch.space = s.space;
	ok(map_at(&s, 0, 0, 4));
	ok(map_at(&s, 4 * PAGE, 4, 2));
	ck_assert_uint_eq(watch.count, 2);
	watch.pinned_then = UINT64_MAX;
	ck_assert_int_eq(ok(ioasid_space_unmap(s.space, 0, 6 * PAGE)), 6 * (int64_t)PAGE);
	ck_assert_uint_eq(watch.count, 0);
	ck_assert_uint_eq(watch.pinned_then, 0);
	ck_assert_uint_eq(watch.locked, 0);
	scene_end(&s, 2);
}
END_TEST

static struct scene *scene_now;

static void map_the_first_page(void)
{
	ok(map_at(scene_now, 0, 7, 1));
}

/* The first view's place is free while the second one is still to end. */
START_TEST(what_is_mapped_while_views_end_stays)
{
	struct scene s;

	scene_begin(&s);
	scene_now = &s;
	ok(map_at(&s, 0, 0, 1));
	ok(map_at(&s, PAGE, 1, 1));
	watch.meanwhile = map_the_first_page;
	ck_assert_int_eq(ok(ioasid_space_unmap(s.space, 0, 2 * PAGE)), 2 * (int64_t)PAGE);
	ck_assert_ptr_null(watch.meanwhile);
	ck_assert_uint_eq(watch.count, 1);
	fails(-EEXIST, "0x0-0xfff", map_at(&s, 0, 0, 1));
	ok(map_at(&s, PAGE, 1, 1));
	ck_assert_int_eq(ok(ioasid_space_unmap(s.space, 0, PAGE)), (int64_t)PAGE);
	scene_end(&s, 5);
}
END_TEST

START_TEST(destroy_ends_the_views_after_the_platforms_maps)
{
	struct scene s;

	scene_begin(&s);
	for (uint64_t i = 0; i < 10; i++)
		ok(map_at(&s, i * 16 * PAGE, i, 1));
	watch.pinned_then = UINT64_MAX;
	ok(ioasid_space_destroy(s.space));
	ck_assert_uint_eq(watch.count, 0);
	ck_assert_uint_eq(watch.pinned_then, 0);
	s.space = NULL;
	scene_end(&s, 10);
}
END_TEST

START_TEST(close_ends_the_views_and_the_handles_end_none_again)
{
	struct scene s;

	scene_begin(&s);
	for (uint64_t i = 0; i < 10; i++)
		ok(map_at(&s, i * 16 * PAGE, i, 1));
	watch.pinned_then = UINT64_MAX;
	ioasid_close(s.ctx);
	s.ctx = NULL;
	ck_assert_uint_eq(watch.count, 0);
	ck_assert_uint_eq(watch.pinned_then, 0);
	fails(-ENODEV, "closed", map_at(&s, 0, 0, 1));
	scene_end(&s, 11);
}
END_TEST

START_TEST(a_map_that_the_platform_refuses_leaves_no_view)
{
	struct scene s;

	scene_begin(&s);
	ok(ioasid_mock_fail(s.mock, IOASID_MOCK_OP_MAP, 1, -EIO));
	fails(-EIO, "injected", map_at(&s, 0, 0, 4));
	ck_assert_uint_eq(watch.count, 0);
	ok(map_at(&s, 0, 0, 4));
	fails(-EEXIST, "taken", map_at(&s, 0, 0, 4));
	ck_assert_uint_eq(watch.count, 1);
	scene_end(&s, 3);
}
END_TEST

START_TEST(an_unmap_that_the_platform_refuses_keeps_the_view)
{
	struct scene s;

	scene_begin(&s);
	ok(map_at(&s, 0, 0, 4));
	ok(ioasid_mock_fail(s.mock, IOASID_MOCK_OP_UNMAP, 1, -EIO));
	fails(-EIO, "injected", ioasid_space_unmap(s.space, 0, UINT64_MAX));
	ck_assert_uint_eq(watch.count, 1);
	ck_assert_int_eq(ok(ioasid_space_unmap(s.space, 0, UINT64_MAX)), 4 * (int64_t)PAGE);
	ck_assert_uint_eq(watch.count, 0);
	scene_end(&s, 1);
}
END_TEST

START_TEST(a_file_that_the_process_cannot_map_is_refused_with_the_cause)
{
	struct scene s;

	scene_begin(&s);
	watch.fail = ENOMEM;
	fails(-ENOMEM, "cannot be mapped into the process", map_at(&s, 0, 0, 4));
	watch.fail = EPERM;
	fails(-EACCES, "cannot be mapped into the process", map_at(&s, 0, 0, 4));
	ck_assert_uint_eq(ioasid_space_unmap(s.space, 0, UINT64_MAX), -ENOENT);
	ok(map_at(&s, 0, 0, 4));
	scene_end(&s, 1);
}
END_TEST

/* Where the backend maps files itself, the process does not. */
static unsigned int asked;
static struct backend_file asked_for;

static int take_file(struct backend *be, uint32_t space, const struct backend_map *map,
	const struct backend_file *file)
{
	(void)be, (void)space;
	asked += map->addr == 0 && map->length == 4 * PAGE;
	asked_for = *file;
	return 0;
}

/* The backend's context, which takes files itself from here on. */
static void make_native(struct scene *s, struct backend_ops *ops)
{
	*ops = *s->ctx->be->ops;
	ops->map_file = take_file;
	s->ctx->be->ops = ops;
	s->ctx->be->extensions |= UINT64_C(1) << IOASID_EXT_MAP_FILE;
	asked = 0;
}

START_TEST(a_file_that_is_not_one_of_memory_gets_a_view_all_the_same)
{
	struct ioasid_map map = {.length = PAGE, .flags = IOASID_MAP_READ};
	struct backend_ops ops;
	struct scene s;
	int self = ok(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));

	scene_begin(&s);
	make_native(&s, &ops);
	ok(ioasid_space_map_file(s.space, self, 0, &map));
	/* a program on a disk has no seals */
	ck_assert_uint_eq(asked, fcntl(self, F_GET_SEALS) >= 0);
	ck_assert_uint_eq(watch.count, !asked);
	close(self);
	scene_end(&s, !asked);
}
END_TEST

START_TEST(a_backend_that_maps_files_gets_the_descriptor_and_no_view)
{
	struct backend_ops ops;
	struct scene s;

	scene_begin(&s);
	make_native(&s, &ops);
	ok(map_at(&s, 0, 2, 4));
	ck_assert_uint_eq(asked, 1);
	ck_assert_int_eq(asked_for.fd, s.fd);
	ck_assert_uint_eq(asked_for.offset, 2 * PAGE);
	ck_assert_uint_eq(watch.count, 0);
	/* what it may do with the file is checked here nevertheless */
	fails(-EINVAL, "ftruncate", map_at(&s, 0x100000, PAGES, 4));
	ck_assert_uint_eq(asked, 1);
	ck_assert_int_eq(ok(ioasid_space_unmap(s.space, 0, UINT64_MAX)), 4 * (int64_t)PAGE);
	scene_end(&s, 0);
}
END_TEST

struct mapper {
	struct scene *scene;
	pthread_t thread;
	unsigned long rounds;
	unsigned int odd;
};

/* Both want the same places, and unmap what they find: a view that is ended twice, or whose place
 * another thread took meanwhile, shows in the counts. */
static void *map_and_unmap(void *arg)
{
	struct mapper *m = arg;

	for (unsigned long i = 0; i < m->rounds; i++) {
		int64_t got;

		for (uint64_t page = 0; page < 4; page++) {
			int err = map_at(m->scene, page * PAGE, page, 1);

			m->odd += err && err != -EEXIST;
		}
		got = ioasid_space_unmap(m->scene->space, 0, 4 * PAGE);
		m->odd += got < 0 && got != -ENOENT && got != -EBUSY;
	}
	return NULL;
}

START_TEST(threads_that_want_one_place_end_each_view_once)
{
	struct mapper mapper[2];
	struct scene s;

	scene_begin(&s);
	for (int i = 0; i < 2; i++) {
		mapper[i] = (struct mapper){.scene = &s, .rounds = support_rounds(3000)};
		ck_assert_int_eq(
			pthread_create(&mapper[i].thread, NULL, map_and_unmap, &mapper[i]), 0);
	}
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(pthread_join(mapper[i].thread, NULL), 0);
		ck_assert_uint_eq(mapper[i].odd, 0);
	}
	ck_assert_uint_le(watch.count, 4);
	ioasid_space_unmap(s.space, 0, UINT64_MAX);
	ck_assert_uint_eq(watch.count, 0);
	ck_assert_uint_ge(watch.ended, 4);
	scene_end(&s, watch.ended);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("views of files");
	TCase *tcase = support_case(suite, "one by one");

	tcase_add_test(tcase, a_view_outlives_the_platforms_map_and_no_lock_is_held);
	tcase_add_test(tcase, what_is_mapped_while_views_end_stays);
	tcase_add_test(tcase, destroy_ends_the_views_after_the_platforms_maps);
	tcase_add_test(tcase, close_ends_the_views_and_the_handles_end_none_again);
	tcase_add_test(tcase, a_map_that_the_platform_refuses_leaves_no_view);
	tcase_add_test(tcase, an_unmap_that_the_platform_refuses_keeps_the_view);
	tcase_add_test(tcase, a_file_that_the_process_cannot_map_is_refused_with_the_cause);
	tcase_add_test(tcase, a_file_that_is_not_one_of_memory_gets_a_view_all_the_same);
	tcase_add_test(tcase, a_backend_that_maps_files_gets_the_descriptor_and_no_view);
	tcase_add_test(tcase, threads_that_want_one_place_end_each_view_once);
	return support_run(suite);
}
