/* SPDX-License-Identifier: MIT */
/*
 * A reader of the fault ring that dies: a process of its own that shares the ring's memory and is
 * killed, at chosen steps and at random ones. What it had not claimed reaches those that are left;
 * what it had claimed and not said to have served stays outstanding, and a detach answers it;
 * nothing comes twice. Link with --wrap=posix_memalign,--wrap=free,--wrap=read.
 */
#include "ringkit.h"
#include "support.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT    64  /* records in the ring */
#define GROUPMAX 8   /* records in a group */
#define TOTAL    600 /* records a round */
#define BATCH    32  /* most records a read */

/* ---- memory that a child shares: the ring's ---- */

int __real_posix_memalign(void **memory, size_t alignment, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size);
void __real_free(void *memory);
void __wrap_free(void *memory);

static void *ring_memory;
static size_t ring_size;

static void *share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	return memory;
}

int __wrap_posix_memalign(void **memory, size_t alignment, size_t size)
{
	if (ring_memory)
		return __real_posix_memalign(memory, alignment, size);
	ring_size = size;
	*memory = ring_memory = share(size);
	return 0;
}

void __wrap_free(void *memory)
{
	if (!memory || memory != ring_memory) {
		__real_free(memory);
		return;
	}
	munmap(memory, ring_size);
	ring_memory = NULL;
}

/* ---- what the child says before it dies ---- */

/* A group that it has served, at the number of its first record. */
struct served {
	uint64_t id;     /* atomic, written last; 0: not served */
	uint32_t length; /* records */
};

struct said {
	unsigned int stopped; /* atomic: it is where it was to stop */
	unsigned int claims;  /* atomic: how often it was about to claim */
	unsigned int count;   /* atomic: groups served */
	struct served served[TOTAL];
};

static struct ringkit kit;
static struct said *said; /* shared */

static void open_at(uint64_t start, bool single)
{
	const struct ringkit_plan plan = {.records = COUNT,
		.group_max = GROUPMAX,
		.outstanding = 1024,
		.stock = TOTAL,
		.start = start,
		.single = single};

	ringkit_open(&kit, &plan);
	said = share(sizeof(*said));
}

static void close_all(void)
{
	munmap(said, sizeof(*said));
	ringkit_close(&kit);
	ck_assert_ptr_null(ring_memory);
}

/* ---- the child ---- */

static void stop_for_ever(void *arg)
{
	(void)arg;
	__atomic_store_n(&said->stopped, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

static unsigned int group_length(const struct ioasid_fault *faults)
{
	unsigned int n = 1;

	while (!(faults[n - 1].flags & IOASID_FAULT_LAST))
		n++;
	return n;
}

/* A reader serves a group, and says so when it is done with it. */
static void serve(const struct ioasid_fault *faults, unsigned int n)
{
	for (unsigned int i = 0; i < n; i += group_length(&faults[i])) {
		struct served *served = &said->served[faults[i].addr >> 12];

		served->length = group_length(&faults[i]);
		__atomic_store_n(&served->id, faults[i].id, __ATOMIC_RELEASE);
		__atomic_add_fetch(&said->count, 1, __ATOMIC_RELEASE);
	}
}

static int claim(unsigned int n, struct ioasid_fault *out)
{
	unsigned int needed;

	return ring_read(&kit.ring, out, n, &needed);
}

static void child_stops_after_copy(void)
{
	struct ioasid_fault out[BATCH];

	ringkit_before_claim = stop_for_ever;
	while (ringkit_before_claim)
		claim(BATCH, out);
}

static void child_stops_after_claim(void)
{
	struct ioasid_fault out[BATCH];

	while (claim(6, out) <= 0)
		;
	stop_for_ever(NULL);
}

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Of each thread. */
static _Thread_local uint64_t my_random = 1;

/* Any length of time, so that death comes at any step. */
static void pause_for(uint64_t turns)
{
	while (turns--)
		__asm__ volatile("" ::: "memory");
}

static void linger(uint64_t most)
{
	pause_for(random_next(&my_random) % most);
}

/* It holds a copy of what it is about to claim, for some time: another one may be quicker. */
static void linger_with_copy(void *arg)
{
	(void)arg;
	linger(2048);
}

static void say_and_linger(void *arg)
{
	__atomic_add_fetch(&said->claims, 1, __ATOMIC_RELAXED);
	linger_with_copy(arg);
}

static unsigned int any_size(void)
{
	return (unsigned int)(random_next(&my_random) % (BATCH - GROUPMAX)) + GROUPMAX;
}

static void child_serves_until_it_dies(void)
{
	struct ioasid_fault out[BATCH];
	int got;

	for (;;) {
		ringkit_before_claim = say_and_linger;
		got = claim(any_size(), out);
		linger(8192); /* it has claimed, and serves them */
		if (got > 0)
			serve(out, (unsigned int)got);
		else
			sched_yield();
	}
}

static pid_t start_child(void (*run)(void))
{
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails does not bury it */
	run();
	_exit(1); /* it never comes back */
}

static void bury(pid_t child)
{
	int status;

	ck_assert_int_eq(kill(child, SIGKILL), 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void wait_until_stopped(void)
{
	while (!__atomic_load_n(&said->stopped, __ATOMIC_ACQUIRE))
		sched_yield();
}

/* ---- the survivor ---- */

static struct ioasid_fault out[TOTAL];

/* All of them are of the one device that the kit has, and of one route. */
static void detach(void)
{
	producer_cancel(&kit.producer, 1, 0);
}

static uint64_t ended(void)
{
	struct pending_stats stats;

	pending_stats(kit.producer.pending, &stats);
	return stats.ended[PENDING_CANCELLED];
}

static void assert_takes(uint64_t number, int expected)
{
	ck_assert_int_eq(ringkit_take(&kit, out, COUNT), expected);
	for (int i = 0; i < expected; i++)
		ck_assert_uint_eq(out[i].addr >> 12, number + (uint64_t)i);
	ck_assert_uint_eq(ringkit_deliver(&kit, out, (unsigned int)expected), expected);
	ringkit_answer(&kit, out, (unsigned int)expected);
}

static void push_groups(uint64_t number, unsigned int groups, unsigned int length)
{
	for (unsigned int i = 0; i < groups; i++)
		ringkit_push(&kit, number + i * length, length);
}

/* ---- death at a chosen step; _i is 1 for a single consumer ---- */

/* The one who goes on has its own indices, of which the shared head is the beginning. */
static void succeed(void)
{
	ck_assert_int_eq(ring_open(&kit.ring, kit.producer.ring, kit.producer.size,
				 kit.producer.eventfd, kit.ring.single),
		0);
}

START_TEST(what_was_copied_and_not_claimed_reaches_the_survivor)
{
	pid_t child;

	open_at(0, _i);
	child = start_child(child_stops_after_copy);
	push_groups(0, 5, 3);
	wait_until_stopped();
	push_groups(15, 2, 2);
	bury(child);
	succeed();
	assert_takes(0, 19);
	ck_assert_uint_eq(pending_count(kit.producer.pending), 0);
	close_all();
}
END_TEST

START_TEST(what_was_claimed_stays_outstanding_until_a_detach_answers_it)
{
	uint64_t cursor = 0, cookie;
	struct pending_group lost;
	pid_t child;

	open_at(0, _i);
	push_groups(0, 5, 3);
	child = start_child(child_stops_after_claim); /* two groups of them */
	wait_until_stopped();
	bury(child);
	succeed();
	assert_takes(6, 9);
	ck_assert_uint_eq(pending_count(kit.producer.pending), 2);
	ck_assert(pending_next(kit.producer.pending, &cursor, &lost));
	detach();
	ck_assert_uint_eq(ended(), 2);
	ck_assert_uint_eq(pending_count(kit.producer.pending), 0);
	ck_assert_int_eq(pending_claim(kit.producer.pending, lost.id, &cookie), -ESTALE);
	ck_assert_int_eq(ringkit_take(&kit, out, COUNT), 0);
	close_all();
}
END_TEST

/* ---- death on the way to sleep ---- */

static bool dies_after_clear; /* of the child alone */

ssize_t __real_read(int fd, void *to, size_t size);
ssize_t __wrap_read(int fd, void *to, size_t size);

ssize_t __wrap_read(int fd, void *to, size_t size)
{
	ssize_t n = __real_read(fd, to, size);

	if (dies_after_clear && fd == kit.ring.eventfd)
		stop_for_ever(NULL);
	return n;
}

static void child_stops_before_it_arms(void)
{
	dies_after_clear = true;
	ringkit_take(&kit, out, COUNT);
}

/* It took the signal along, and cannot ask for the next one. */
START_TEST(who_buries_a_reader_signals_once_for_it)
{
	struct pollfd poller = {.events = POLLIN};
	pid_t child;

	open_at(0, false);
	poller.fd = kit.ring.eventfd;
	push_groups(0, 1, 1); /* not armed any more, and readable */
	assert_takes(0, 1);
	child = start_child(child_stops_before_it_arms);
	wait_until_stopped();
	bury(child);
	push_groups(1, 1, 1);
	ck_assert(!ringkit_is_readable(&kit));
	ring_signal(kit.ring.eventfd);
	ck_assert_int_eq(poll(&poller, 1, -1), 1);
	assert_takes(1, 1);
	ck_assert_int_eq(ringkit_take(&kit, out, COUNT), 0);
	ck_assert(!ringkit_is_readable(&kit));
	push_groups(2, 1, 1);
	ck_assert(ringkit_is_readable(&kit));
	assert_takes(2, 1);
	close_all();
}
END_TEST

/* ---- death at random ---- */

/* A round's, but for the sums. */
struct books {
	struct ringkit_ledger survivor;
	unsigned int times[TOTAL]; /* that the record was read, served or lost */
	uint64_t random;
	uint64_t survivors_random;
	uint64_t read;   /* by survivors, in all rounds: records */
	uint64_t served; /* by children: groups */
	uint64_t lost;   /* with them: groups */
};

static void *survive(void *arg)
{
	struct ioasid_fault faults[BATCH];
	struct books *books = arg;
	uint64_t next = 0;
	bool over;
	int got;

	my_random = books->survivors_random;
	do {
		over = ringkit_is_over(&kit);
		ringkit_before_claim = linger_with_copy;
		got = ringkit_take(&kit, faults, BATCH);
		if (got <= 0) {
			sched_yield();
			continue;
		}
		if (ringkit_deliver(&kit, faults, (unsigned int)got) != (unsigned int)got)
			ringkit_ledger_fail(&books->survivor, "not to be delivered", faults[0].id);
		ringkit_ledger_enter(&books->survivor, faults, (unsigned int)got, &next);
		ringkit_answer(&kit, faults, (unsigned int)got);
	} while (got > 0 || (!got && !over));
	if (got < 0)
		ringkit_ledger_fail(&books->survivor, "read failed", (uint64_t)-got);
	return NULL;
}

/* Groups of some length up to this end, and a pause at times, so that the ring runs empty. */
static void push_until(struct books *books, uint64_t *number, uint64_t end)
{
	while (*number < end) {
		uint64_t length = random_next(&books->random) % GROUPMAX + 1;

		if (length > end - *number)
			length = end - *number;
		ringkit_push(&kit, *number, (unsigned int)length);
		*number += length;
		if (!(random_next(&books->random) % 8))
			pause_for(random_next(&books->random) % 4096);
	}
}

static unsigned int so_far(const unsigned int *count)
{
	return __atomic_load_n(count, __ATOMIC_ACQUIRE);
}

/* It serves the first ones alone, then beside the survivor, and dies about when it claims for the
 * last time that it is to, or when half of what is to come has come. */
static void push_and_kill(struct books *books, pid_t child)
{
	uint64_t claims = random_next(&books->random) % 8 + 1, number = 0;
	pthread_t survivor;

	push_until(books, &number, 20);
	while (!so_far(&said->count))
		sched_yield();
	ck_assert_int_eq(pthread_create(&survivor, NULL, survive, books), 0);
	while (number < TOTAL / 2 && so_far(&said->claims) < claims)
		push_until(books, &number, number + 8);
	pause_for(random_next(&books->random) % 8192);
	bury(child);
	ring_signal(kit.ring.eventfd);
	push_until(books, &number, TOTAL);
	producer_end(&kit.producer);
	ck_assert_int_eq(pthread_join(survivor, NULL), 0);
}

static void count_times(struct books *books, uint64_t number, uint64_t length)
{
	ck_assert_uint_le(number + length, TOTAL);
	for (uint64_t i = 0; i < length; i++)
		books->times[number + i]++;
}

static void count_read(struct books *books)
{
	ck_assert_msg(!books->survivor.failed, "%s", books->survivor.text);
	for (uint64_t i = 0; i < TOTAL; i++)
		books->times[i] += books->survivor.bits[i / 64] >> i % 64 & 1;
	books->read += books->survivor.seen;
}

/* The child had said that it served them: they can be answered. */
static void count_served(struct books *books)
{
	uint64_t cookie;

	for (uint64_t i = 0; i < TOTAL; i++) {
		const struct served *served = &said->served[i];

		if (!served->id)
			continue;
		ck_assert_int_eq(pending_claim(kit.producer.pending, served->id, &cookie), 0);
		pending_retire(kit.producer.pending, served->id, PENDING_ANSWERED, 0);
		count_times(books, i, served->length);
		books->served++;
	}
}

/* What it had claimed and said nothing of: one read at most, so the records lie in a row. */
static void count_lost(struct books *books)
{
	uint64_t cursor = 0, first = TOTAL, end = 0, records = 0;
	struct pending_group lost;

	while (pending_next(kit.producer.pending, &cursor, &lost)) {
		uint64_t number = lost.addr >> 12, length = lost.space; /* see ringkit_record() */

		count_times(books, number, length);
		first = number < first ? number : first;
		end = number + length > end ? number + length : end;
		records += length;
		books->lost++;
	}
	ck_assert_uint_le(records, BATCH);
	ck_assert(!records || end - first == records);
}

static void assert_once(const struct books *books)
{
	for (unsigned int i = 0; i < TOTAL; i++)
		ck_assert_msg(books->times[i] == 1, "record %u: %u times", i, books->times[i]);
}

static void assert_a_detach_ends_the_lost(void)
{
	unsigned int outstanding = pending_count(kit.producer.pending);

	detach();
	ck_assert_uint_eq(ended(), outstanding);
	ck_assert_uint_eq(pending_count(kit.producer.pending), 0);
}

static const uint64_t starts[] = {0, (UINT64_C(1) << 32) - TOTAL / 2, UINT64_MAX - TOTAL / 2};

static void run_round(struct books *books, uint64_t start)
{
	open_at(start, false);
	ringkit_ledger_open(&books->survivor, TOTAL);
	memset(books->times, 0, sizeof(books->times));
	my_random = random_next(&books->random); /* the child's */
	books->survivors_random = random_next(&books->random);
	push_and_kill(books, start_child(child_serves_until_it_dies));
	count_read(books);
	count_served(books);
	count_lost(books);
	assert_once(books);
	assert_a_detach_ends_the_lost();
	ringkit_ledger_close(&books->survivor);
	close_all();
}

START_TEST(a_reader_killed_at_random_takes_along_one_read_at_most)
{
	static struct books books = {.random = 88172645463325252};
	unsigned long rounds = support_rounds(600);

	for (unsigned long i = 0; i < rounds; i++)
		run_round(&books, starts[i % 3]);
	ck_assert_uint_ge(books.served, rounds);
	ck_assert_uint_ge(books.read, rounds);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ring, death of a reader");
	TCase *chosen = support_case(suite, "chosen");
	TCase *random = support_case(suite, "random");

	tcase_add_loop_test(chosen, what_was_copied_and_not_claimed_reaches_the_survivor, 0, 2);
	tcase_add_loop_test(
		chosen, what_was_claimed_stays_outstanding_until_a_detach_answers_it, 0, 2);
	tcase_add_test(chosen, who_buries_a_reader_signals_once_for_it);
	tcase_add_test(random, a_reader_killed_at_random_takes_along_one_read_at_most);
	return support_run(suite);
}
