/* SPDX-License-Identifier: MIT */
/*
 * A reader of the fault ring that dies at random: a process of its own that shares the ring's
 * memory and is killed beside one that goes on. What it had said to have served can be answered;
 * what it had claimed and not said so of is one read at most, and a detach answers it; nothing is
 * lost and nothing comes twice. Link with --wrap=posix_memalign,--wrap=free.
 */
#include "killkit.h"
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

/* ---- what the child says before it dies ---- */

/* A group that it has served, at the number of its first record. */
struct served {
	uint64_t id;     /* atomic, written last; 0: not served */
	uint32_t length; /* records */
};

struct said {
	unsigned int claims; /* atomic: how often it was about to claim */
	unsigned int count;  /* atomic: groups served */
	struct served served[TOTAL];
};

static struct ringkit kit;
static struct said *said; /* shared */

static void open_at(uint64_t start)
{
	killkit_open(&kit, start, false);
	said = killkit_share(sizeof(*said));
}

static void close_all(void)
{
	munmap(said, sizeof(*said));
	killkit_close(&kit);
}

/* ---- the child ---- */

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
		got = killkit_claim(&kit, any_size(), out);
		linger(8192); /* it has claimed, and serves them */
		if (got > 0)
			serve(out, (unsigned int)got);
		else
			sched_yield();
	}
}

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
	killkit_bury(child);
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

	killkit_detach(&kit);
	ck_assert_uint_eq(killkit_ended(&kit), outstanding);
	ck_assert_uint_eq(pending_count(kit.producer.pending), 0);
}

static const uint64_t starts[] = {0, (UINT64_C(1) << 32) - TOTAL / 2, UINT64_MAX - TOTAL / 2};

static void run_round(struct books *books, uint64_t start)
{
	open_at(start);
	ringkit_ledger_open(&books->survivor, TOTAL);
	memset(books->times, 0, sizeof(books->times));
	my_random = random_next(&books->random); /* the child's */
	books->survivors_random = random_next(&books->random);
	push_and_kill(books, killkit_start(child_serves_until_it_dies));
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
	Suite *suite = suite_create("ring, random death of a reader");
	TCase *random = support_case(suite, "random");

	tcase_add_test(random, a_reader_killed_at_random_takes_along_one_read_at_most);
	return support_run(suite);
}
