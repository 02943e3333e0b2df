/* SPDX-License-Identifier: MIT */
/*
 * Several queues of one context: devices are steered to them by the space that they are attached
 * to, and move from one to another while they fault. Each group comes out of one queue, once, and
 * is ended once; who waits for several polls their descriptors.
 */
#include "support.h"
#include <errno.h>
#include <ioasid/fault.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PAGE    UINT64_C(4096)
#define PAGES   16u
#define QUEUES  3u
#define DEVICES 3u

/* A space for each queue; each device is attached to one of them. */
struct town {
	struct ioasid_mock *mock;
	struct ioasid_ctx *ctx;
	struct ioasid_faultq *queue[QUEUES];
	struct ioasid_space *space[QUEUES];
	struct ioasid_mock_device *hw[DEVICES];
	struct ioasid_device *device[DEVICES];
	struct ioasid_attachment *route[DEVICES];
	unsigned char *memory;
};

static void add_device(struct town *t, uint32_t i)
{
	int fd;

	ok(ioasid_mock_device_new(t->mock,
		IOASID_OPTS(ioasid_mock_device_opts, .flags = IOASID_MOCK_DEVICE_PRI, .credits = 8),
		&t->hw[i]));
	fd = ok(ioasid_mock_device_fd(t->hw[i]));
	ok(ioasid_device_bind(
		t->ctx, fd, IOASID_OPTS(ioasid_device_opts, .label = i), &t->device[i]));
	close(fd);
	ok(ioasid_device_attach(t->device[i], t->space[i % QUEUES], NULL, &t->route[i]));
}

static void begin(struct town *t, uint64_t deadline)
{
	t->memory = support_memory(PAGES * PAGE, 3);
	ok(ioasid_mock_new(NULL, &t->mock));
	ok(ioasid_mock_open(t->mock, &t->ctx));
	for (uint32_t i = 0; i < QUEUES; i++) {
		ok(ioasid_faultq_new(t->ctx,
			IOASID_OPTS(ioasid_faultq_opts, .records = 64, .deadline_ns = deadline),
			&t->queue[i]));
		ok(ioasid_space_new(t->ctx, IOASID_OPTS(ioasid_space_opts, .faults = t->queue[i]),
			&t->space[i]));
	}
	for (uint32_t i = 0; i < DEVICES; i++)
		add_device(t, i);
}

static void end(struct town *t)
{
	for (uint32_t i = 0; i < DEVICES; i++) {
		ok(ioasid_attachment_detach(t->route[i]));
		ok(ioasid_device_unbind(t->device[i]));
	}
	for (uint32_t i = 0; i < QUEUES; i++) {
		ok(ioasid_space_destroy(t->space[i]));
		ioasid_faultq_free(t->queue[i]);
	}
	ioasid_close(t->ctx);
	ioasid_mock_free(t->mock);
	free(t->memory);
}

static struct ioasid_mock_dma dma_at(uint64_t page, unsigned char *byte)
{
	return (struct ioasid_mock_dma){.kind = IOASID_MOCK_DMA_READ,
		.pasid = IOASID_PASID_NONE,
		.iova = page * PAGE,
		.buffer = byte,
		.length = 1};
}

static int map(struct town *t, uint32_t space, uint64_t page)
{
	return ioasid_space_map(
		t->space[space], &(struct ioasid_map){.addr = t->memory + page * PAGE,
					 .length = PAGE,
					 .iova = page * PAGE,
					 .flags = IOASID_MAP_RW | IOASID_MAP_FIXED});
}

static int answer(struct town *t, uint32_t queue, uint64_t id, uint32_t code)
{
	struct ioasid_response one = {.id = id, .code = code};

	return ioasid_faultq_complete(t->queue[queue], &one, 1);
}

static struct ioasid_faultq_stats stats(struct town *t, uint32_t queue)
{
	struct ioasid_faultq_stats now = {.size = sizeof(now)};

	ok(ioasid_faultq_stats(t->queue[queue], &now));
	return now;
}

static void watch(int set, int fd, uint32_t number)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};

	ck_assert_int_eq(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
}

/* ---- one after the other ---- */

START_TEST(faults_go_to_the_queue_of_the_space)
{
	struct town t;
	struct ioasid_mock_dma dma[DEVICES];
	struct ioasid_fault fault[4];
	unsigned char byte[DEVICES];

	begin(&t, 0);
	for (uint32_t i = 0; i < DEVICES; i++) {
		dma[i] = dma_at(i, &byte[i]);
		ok(ioasid_mock_dma_start(t.hw[i], &dma[i]));
	}
	ck_assert_int_eq(ok(ioasid_mock_pump(t.mock)), DEVICES);
	for (uint32_t i = 0; i < QUEUES; i++) {
		ck_assert_int_eq(ok(ioasid_faultq_read(t.queue[i], fault, 4)), 1);
		ck_assert_uint_eq(fault[0].label, i);
		ck_assert_uint_eq(fault[0].space, ioasid_space_id(t.space[i]));
		ok(map(&t, i, i));
		/* its id is of no other queue, though the same slot waits there or did */
		for (uint32_t other = 1; other < QUEUES; other++)
			fails(-EINVAL, "no group ever had the id",
				answer(&t, (i + other) % QUEUES, fault[0].id, 0));
		ck_assert_int_eq(answer(&t, i, fault[0].id, IOASID_RESPONSE_SUCCESS), 1);
	}
	ck_assert_int_eq(ok(ioasid_mock_pump(t.mock)), 0);
	for (uint32_t i = 0; i < DEVICES; i++)
		ck_assert_uint_eq(byte[i], t.memory[i * PAGE]);
	end(&t);
}
END_TEST

START_TEST(a_device_that_moves_leaves_nothing_behind_and_takes_nothing_along)
{
	struct town t;
	struct ioasid_mock_dma dma[3];
	struct ioasid_fault fault[4];
	unsigned char byte;

	begin(&t, 0);
	for (uint32_t i = 0; i < 2; i++) {
		dma[i] = dma_at(i, &byte);
		ok(ioasid_mock_dma_start(t.hw[0], &dma[i]));
	}
	ck_assert_int_eq(ok(ioasid_mock_pump(t.mock)), 2);
	ck_assert_int_eq(ok(ioasid_faultq_read(t.queue[0], fault, 1)), 1);
	ok(ioasid_attachment_replace(t.route[0], t.space[1]));
	/* one was read, one not: both are answered, the one that was read is told of */
	ck_assert_int_eq(ok(ioasid_mock_pump(t.mock)), 0);
	ck_assert_int_eq(dma[0].status, -EFAULT);
	ck_assert_int_eq(dma[1].status, -EFAULT);
	ck_assert_int_eq(ok(ioasid_faultq_read(t.queue[0], &fault[1], 3)), 1);
	ck_assert_uint_eq(fault[1].id, fault[0].id);
	ck_assert(fault[1].flags & IOASID_FAULT_CANCELLED);
	ck_assert_int_eq(answer(&t, 0, fault[0].id, IOASID_RESPONSE_SUCCESS), -ESTALE);
	ck_assert_int_eq(ok(ioasid_faultq_read(t.queue[1], fault, 4)), 0);
	/* and what comes now comes there */
	dma[2] = dma_at(2, &byte);
	ok(ioasid_mock_dma_start(t.hw[0], &dma[2]));
	ck_assert_int_eq(ok(ioasid_mock_pump(t.mock)), 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(t.queue[0], fault, 4)), 0);
	ck_assert_int_eq(ok(ioasid_faultq_read(t.queue[1], fault, 4)), 1);
	ck_assert_uint_eq(fault[0].space, ioasid_space_id(t.space[1]));
	ck_assert_uint_eq(fault[0].addr, 2 * PAGE);
	ck_assert_int_eq(answer(&t, 1, fault[0].id, IOASID_RESPONSE_INVALID), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(t.mock)), 0);
	ck_assert_uint_eq(stats(&t, 0).cancelled, 2);
	ck_assert_uint_eq(stats(&t, 1).raised, 1);
	end(&t);
}
END_TEST

START_TEST(a_set_of_descriptors_tells_which_queue_has_something)
{
	struct town t;
	struct epoll_event event = {.events = EPOLLIN};
	struct ioasid_mock_dma dma;
	struct ioasid_fault fault;
	unsigned char byte;
	int set = epoll_create1(EPOLL_CLOEXEC);

	begin(&t, _i ? UINT64_MAX : 0);
	for (uint32_t i = 0; i < QUEUES; i++)
		watch(set, ok(ioasid_faultq_get_fd(t.queue[i])), i);
	for (uint32_t round = 0; round < 3 * QUEUES; round++) {
		uint32_t i = round * 2 % QUEUES;

		ck_assert_int_eq(epoll_wait(set, &event, 1, 0), 0);
		dma = dma_at(1, &byte);
		ok(ioasid_mock_dma_start(t.hw[i], &dma));
		ok(ioasid_mock_pump(t.mock));
		ck_assert_int_eq(epoll_wait(set, &event, 1, -1), 1);
		ck_assert_uint_eq(event.data.u32, i);
		ck_assert_int_eq(ok(ioasid_faultq_read(t.queue[i], &fault, 1)), 1);
		ck_assert_int_eq(answer(&t, i, fault.id, IOASID_RESPONSE_INVALID), 1);
		ck_assert_int_eq(ok(ioasid_faultq_read(t.queue[i], &fault, 1)), 0);
		ck_assert_int_eq(ok(ioasid_mock_pump(t.mock)), 0);
	}
	close(set);
	end(&t);
}
END_TEST

/* ---- all at once ---- */

#define IDS (1u << 20)

struct traffic {
	struct town town;
	unsigned long rounds;
	unsigned long served; /* atomic, and so are all of these */
	unsigned long cancelled;
	unsigned long told;
	unsigned long wrong;
	unsigned char *seen[QUEUES]; /* by id: handed out so often */
	int over;                    /* an eventfd */
};

static void add(unsigned long *counter, unsigned long n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static unsigned long read_counter(const unsigned long *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* Slots and generations, small as they are here, make a number of their own. */
static unsigned char *seen(struct traffic *t, uint32_t queue, uint64_t id)
{
	return &t->seen[queue][(id >> 16 << 5 | (id & 31)) % IDS];
}

static void serve(struct traffic *t, uint32_t queue, const struct ioasid_fault *fault)
{
	uint64_t page = fault->addr / PAGE;
	int r;

	if (fault->flags & IOASID_FAULT_CANCELLED) {
		add(&t->told, 1);
		return;
	}
	if (__atomic_fetch_add(seen(t, queue, fault->id), 1, __ATOMIC_RELAXED) ||
		fault->space != ioasid_space_id(t->town.space[queue]))
		add(&t->wrong, 1);
	r = map(&t->town, queue, page);
	if (r && r != -EEXIST)
		add(&t->wrong, 1);
	r = answer(&t->town, queue, fault->id, IOASID_RESPONSE_SUCCESS);
	add(r == 1 ? &t->served : r == -ESTALE ? &t->cancelled : &t->wrong, 1);
}

static void serve_all(struct traffic *t, uint32_t queue)
{
	struct ioasid_fault fault[4];
	int n;

	while ((n = ok(ioasid_faultq_read(t->town.queue[queue], fault, 4))))
		for (int i = 0; i < n; i++)
			serve(t, queue, &fault[i]);
}

/* One of two threads, for all queues. */
static void *server(void *arg)
{
	struct traffic *t = arg;
	struct epoll_event event = {.events = EPOLLIN};
	int set = epoll_create1(EPOLL_CLOEXEC);

	for (uint32_t i = 0; i < QUEUES; i++)
		watch(set, ok(ioasid_faultq_get_fd(t->town.queue[i])), i);
	watch(set, t->over, QUEUES);
	do {
		ck_assert_int_eq(epoll_wait(set, &event, 1, -1), 1);
		if (event.data.u32 < QUEUES)
			serve_all(t, event.data.u32);
	} while (event.data.u32 < QUEUES);
	close(set);
	return NULL;
}

struct driver {
	struct traffic *traffic;
	uint32_t number;
	pthread_t thread;
};

/* What comes is the page, or the device was moved while it asked. */
static void *driver(void *arg)
{
	struct driver *d = arg;
	struct traffic *t = d->traffic;

	/* until it was about something */
	for (unsigned long i = 0; i < t->rounds || !read_counter(&t->cancelled); i++) {
		uint64_t page = (i * 5 + d->number) % PAGES;
		unsigned char byte = 0;
		struct ioasid_mock_dma dma = dma_at(page, &byte);
		int r = ioasid_mock_dma(t->town.hw[d->number], &dma);

		if (r ? r != -EFAULT : byte != t->town.memory[page * PAGE])
			add(&t->wrong, 1);
		/* so that there is always something to fault on */
		for (uint32_t space = 0; space < QUEUES; space++)
			ioasid_space_unmap(t->town.space[space], page * PAGE, PAGE);
	}
	return NULL;
}

/* The devices go round. */
static void *mover(void *arg)
{
	struct traffic *t = arg;
	struct pollfd over = {.fd = t->over, .events = POLLIN};

	for (unsigned long i = 0; !poll(&over, 1, 0); i++)
		ok(ioasid_attachment_replace(
			t->town.route[i % DEVICES], t->town.space[i / DEVICES % QUEUES]));
	return NULL;
}

static void begin_traffic(struct traffic *t)
{
	*t = (struct traffic){.rounds = support_rounds(20000)};
	t->over = eventfd(0, EFD_CLOEXEC);
	begin(&t->town, 0);
	for (uint32_t i = 0; i < QUEUES; i++)
		t->seen[i] = calloc(IDS, 1);
}

static void check_sums(struct traffic *t)
{
	struct ioasid_faultq_stats sum = {.size = 0};

	for (uint32_t i = 0; i < QUEUES; i++) {
		struct ioasid_faultq_stats now = stats(&t->town, i);

		ck_assert_uint_eq(now.raised, now.answered + now.cancelled);
		ck_assert_uint_eq(now.outstanding + now.waiting, 0);
		sum.answered += now.answered;
		sum.stale += now.stale;
		sum.read += now.read;
	}
	ck_assert_uint_eq(sum.answered, t->served);
	ck_assert_uint_eq(sum.stale, t->cancelled);
	ck_assert_uint_eq(sum.read, t->served + t->cancelled);
	ck_assert_uint_eq(t->told, t->cancelled);
	ck_assert_uint_eq(t->wrong, 0);
}

START_TEST(devices_that_move_under_load_lose_and_double_nothing)
{
	static struct traffic t;
	struct driver d[DEVICES];
	pthread_t servers[2], moves;
	uint64_t one = 1;

	begin_traffic(&t);
	for (uint32_t i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&servers[i], NULL, server, &t), 0);
	ck_assert_int_eq(pthread_create(&moves, NULL, mover, &t), 0);
	for (uint32_t i = 0; i < DEVICES; i++) {
		d[i] = (struct driver){.traffic = &t, .number = i};
		ck_assert_int_eq(pthread_create(&d[i].thread, NULL, driver, &d[i]), 0);
	}
	for (uint32_t i = 0; i < DEVICES; i++)
		pthread_join(d[i].thread, NULL);
	ck_assert_int_eq(write(t.over, &one, sizeof(one)), sizeof(one));
	pthread_join(moves, NULL);
	for (uint32_t i = 0; i < 2; i++)
		pthread_join(servers[i], NULL);
	/* a cancellation may be left that came after the last reader */
	for (uint32_t i = 0; i < QUEUES; i++)
		serve_all(&t, i);
	check_sums(&t);
	for (uint32_t i = 0; i < QUEUES; i++)
		free(t.seen[i]);
	close(t.over);
	end(&t.town);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("several queues");
	TCase *tcase = support_case(suite, "several");

	tcase_add_test(tcase, faults_go_to_the_queue_of_the_space);
	tcase_add_test(tcase, a_device_that_moves_leaves_nothing_behind_and_takes_nothing_along);
	tcase_add_loop_test(tcase, a_set_of_descriptors_tells_which_queue_has_something, 0, 2);
	tcase_add_test(tcase, devices_that_move_under_load_lose_and_double_nothing);
	return support_run(suite);
}
