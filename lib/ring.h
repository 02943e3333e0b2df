/* SPDX-License-Identifier: MIT */
/*
 * The consumer of the fault ring: lock-free, for any number of threads, or cheaper for one. It
 * trusts the producer with nothing but the bytes of a record: geometry is read once, indices are
 * checked on every read. Knows the ABI and libc alone; what a record means is not its business.
 *
 * Each memory order has a name, by which it names its partner, here, in inlet.h, in producer.c or
 * in faultq.c. By the same names the models in tests/model/ show what happens without it.
 */
#ifndef RING_H
#define RING_H

#include <errno.h>
#include <ioasid/ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

/* A test may stop a consumer here, between its copy and its claim. */
#ifndef RING_BEFORE_CLAIM
#define RING_BEFORE_CLAIM(ring) ((void)(ring))
#endif

/* Empty looks between two that clear the descriptor anyway. */
#define RING_LOOKS 64

/* Of functions that are seldom needed, and would cost the others registers. */
#define RING_RARE static __attribute__((cold, noinline, unused))

#define RING_FAULT_WORDS (sizeof(struct ioasid_fault) / sizeof(uint64_t))

struct ring {
	struct ioasid_ring *shared;
	const struct ioasid_fault *records;
	uint32_t count;
	uint32_t group_max;
	int eventfd;
	bool single;       /* one consumer: head and tail below are its own */
	bool broken;       /* for good; atomic */
	uint64_t head;     /* single: equal to the shared one; many: for ever as it was */
	uint64_t tail;     /* single: where what is known to be there ends; many: equal to head */
	uint8_t apart[64]; /* what follows is written by all who find the ring empty */
	uint32_t looks;
};

static inline bool ring_is_understood(const struct ioasid_ring *shared)
{
	return shared->magic == IOASID_RING_MAGIC && shared->version == IOASID_RING_VERSION &&
	       shared->record_size == IOASID_RING_RECORD_SIZE && !shared->features;
}

static inline bool ring_geometry_is_good(uint32_t count, uint32_t group_max, size_t size)
{
	return count >= IOASID_RING_COUNT_MIN && count <= IOASID_RING_COUNT_MAX &&
	       !(count & (count - 1)) && group_max && group_max <= count &&
	       size >= IOASID_RING_RECORDS + (size_t)count * sizeof(struct ioasid_fault);
}

/* 0, or -EBADMSG where memory does not hold a ring of this version. */
static inline int ring_open(struct ring *ring, void *memory, size_t size, int eventfd, bool single)
{
	struct ioasid_ring *shared = memory;
	uint32_t count, group_max;

	if (size < IOASID_RING_RECORDS || !ring_is_understood(shared))
		return -EBADMSG;
	/* Atomic, so that it is one load: what is checked is what is used. */
	count = __atomic_load_n(&shared->count, __ATOMIC_RELAXED);
	group_max = __atomic_load_n(&shared->group_max, __ATOMIC_RELAXED);
	if (!ring_geometry_is_good(count, group_max, size))
		return -EBADMSG;
	*ring = (struct ring){
		.shared = shared,
		.records = (const void *)((const char *)memory + IOASID_RING_RECORDS),
		.count = count,
		.group_max = group_max,
		.eventfd = eventfd,
		.single = single,
		/* Relaxed: who read here before is known to have stopped. */
		.head = __atomic_load_n(&shared->head, __ATOMIC_RELAXED),
	};
	ring->tail = ring->head;
	return 0;
}

/* Word by word and relaxed: the producer may be writing here if head has moved on, and then the
 * claim fails and the copy is thrown away. ACQUIRE_TAIL made the words visible. Straight to
 * where they belong: a copy by way of the stack waits for its own stores. */
static inline void ring_copy(const struct ioasid_fault *record, struct ioasid_fault *out)
{
	const uint64_t *from = (const void *)record;
	uint64_t word;

#pragma GCC unroll 8
	for (size_t i = 0; i < RING_FAULT_WORDS; i++) {
		word = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
		__builtin_memcpy((char *)out + i * sizeof(word), &word, sizeof(word));
	}
}

static inline uint32_t ring_flags_at(const struct ring *ring, uint64_t at)
{
	return __atomic_load_n(&ring->records[at & (ring->count - 1)].flags, __ATOMIC_RELAXED);
}

/* Of a single consumer: takes n records, which were copied from head on. */
static inline void ring_advance(struct ring *ring, unsigned int n)
{
	RING_BEFORE_CLAIM(ring);
	ring->head += n;
	/* RELEASE_ADVANCE: our copy was made before the slots are free. Pairs with
	 * ACQUIRE_ROOM. */
	__atomic_store_n(&ring->shared->head, ring->head, __ATOMIC_RELEASE);
}

/* Takes n records, which were copied from head on, for this thread; with n = 0 only proves that
 * what was read from head on was current. */
static inline bool ring_claim(struct ring *ring, uint64_t head, unsigned int n)
{
	if (ring->single) {
		ring_advance(ring, n);
		return true;
	}
	RING_BEFORE_CLAIM(ring);
	/* RELEASE_CLAIM: as above, and pairs with ACQUIRE_HEAD as well. An unchanged head proves
	 * that no copied slot was written anew; a plain load of it would not, for it may be done
	 * before the loads of the copy. */
	return __atomic_compare_exchange_n(
		&ring->shared->head, &head, head + n, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

/* What was seen at head cannot be: either head has moved meanwhile (-EAGAIN), or the producer
 * broke the contract, and nothing it says counts any more. */
RING_RARE int ring_suspect(struct ring *ring, uint64_t head)
{
	if (!ring_claim(ring, head, 0))
		return -EAGAIN;
	__atomic_store_n(&ring->broken, true, __ATOMIC_RELAXED);
	if (ring->single)
		ring->tail = ring->head; /* nothing is known to be there */
	return -EBADMSG;
}

/* The records from head on that are there. At least n, if so many are. */
static inline uint64_t ring_available(struct ring *ring, uint64_t *head, unsigned int n)
{
	struct ioasid_ring *shared = ring->shared;

	if (ring->single) {
		*head = ring->head;
		if (ring->tail - *head >= n)
			return ring->tail - *head;
		/* ACQUIRE_KNOWN: the records are seen. Pairs with RELEASE_TAIL. */
		ring->tail = __atomic_load_n(&shared->tail, __ATOMIC_ACQUIRE);
		return ring->tail - *head;
	}
	/* ACQUIRE_HEAD: the tail below is no older than this head. Pairs with RELEASE_CLAIM. */
	*head = __atomic_load_n(&shared->head, __ATOMIC_ACQUIRE);
	/* ACQUIRE_TAIL: as above, pairs with RELEASE_TAIL. */
	return __atomic_load_n(&shared->tail, __ATOMIC_ACQUIRE) - *head;
}

/* How many of the n records that were copied make whole groups. */
static inline unsigned int ring_trim(const struct ioasid_fault *out, unsigned int n)
{
	while (n && !(out[n - 1].flags & IOASID_FAULT_LAST))
		n--;
	return n;
}

/* Copies n records; returns how many of them make whole groups. */
static inline unsigned int ring_copy_groups(
	const struct ring *ring, uint64_t head, struct ioasid_fault *out, unsigned int n)
{
	const struct ioasid_fault *records = ring->records;
	const uint32_t mask = ring->count - 1;

	for (unsigned int i = 0; i < n; i++)
		ring_copy(&records[(head + i) & mask], &out[i]);
	return ring_trim(out, n);
}

/* The first group does not fit n: how many records it has. */
RING_RARE int ring_measure(
	struct ring *ring, uint64_t head, uint64_t available, unsigned int n, unsigned int *needed)
{
	uint64_t limit = available < ring->group_max ? available : ring->group_max;

	for (uint64_t i = n; i < limit; i++) {
		if (!(ring_flags_at(ring, head + i) & IOASID_FAULT_LAST))
			continue;
		if (!ring_claim(ring, head, 0))
			return -EAGAIN;
		*needed = (unsigned int)i + 1;
		return -EMSGSIZE;
	}
	return ring_suspect(ring, head);
}

/* One attempt: as ring_read(), or -EAGAIN where another consumer was quicker. */
static inline int ring_try(
	struct ring *ring, struct ioasid_fault *out, unsigned int n, unsigned int *needed)
{
	uint64_t head, available = ring_available(ring, &head, n);
	unsigned int want = available < n ? (unsigned int)available : n, whole;

	if (!available)
		return 0;
	if (available > ring->count)
		return ring_suspect(ring, head);
	whole = ring_copy_groups(ring, head, out, want);
	if (!whole)
		return ring_measure(ring, head, available, want, needed);
	return ring_claim(ring, head, whole) ? (int)whole : -EAGAIN;
}

/* What is not known to be there: as ring_read(). */
static __attribute__((noinline, unused)) int ring_look(
	struct ring *ring, struct ioasid_fault *out, unsigned int n, unsigned int *needed)
{
	int got = -EAGAIN;

	if (__atomic_load_n(&ring->broken, __ATOMIC_RELAXED))
		return -EBADMSG;
	while (got == -EAGAIN)
		got = ring_try(ring, out, n, needed);
	return got;
}

/* What a single consumer knows to be there: no look at what the producer writes but the records,
 * and no check of what was checked when it came to be known. Many know nothing. 0 if there is none,
 * or no group that fits. */
static inline unsigned int ring_take_known(
	struct ring *ring, struct ioasid_fault *out, unsigned int n)
{
	uint64_t known = ring->tail - ring->head;
	unsigned int want = known < n ? (unsigned int)known : n, whole;

	whole = ring_copy_groups(ring, ring->head, out, want);
	if (whole)
		ring_advance(ring, whole);
	return whole;
}

/*
 * Takes whole groups, at most n records (1 to INT_MAX), without a system call. The number of
 * records, 0: none; -EMSGSIZE: *needed records make the first group; -EBADMSG for good.
 */
static inline int ring_read(
	struct ring *ring, struct ioasid_fault *out, unsigned int n, unsigned int *needed)
{
	unsigned int known = ring_take_known(ring, out, n);

	return known ? (int)known : ring_look(ring, out, n, needed);
}

/* Makes the descriptor readable. */
static inline void ring_signal(int eventfd)
{
	static const uint64_t one = 1;
	ssize_t sent = write(eventfd, &one, sizeof(one));

	(void)sent; /* EAGAIN: it is readable already */
}

static inline bool ring_is_closed(const struct ring *ring)
{
	return __atomic_load_n(&ring->shared->flags, __ATOMIC_RELAXED) & IOASID_RING_CLOSED;
}

/*
 * Of a consumer that armed and then found something, which it may leave in part to others: the
 * signal that it cleared may have been theirs. Keeps to the rule: not armed, so readable.
 */
static inline void ring_disarm(struct ring *ring)
{
	if (__atomic_exchange_n(&ring->shared->armed, 0, __ATOMIC_RELAXED))
		ring_signal(ring->eventfd);
}

/* A signal that is written late, after somebody has armed again, keeps the descriptor readable with
 * nothing to read: one look in many clears it whatever armed says. */
static inline bool ring_must_clear(struct ring *ring)
{
	return !__atomic_load_n(&ring->shared->armed, __ATOMIC_RELAXED) ||
	       !(__atomic_add_fetch(&ring->looks, 1, __ATOMIC_RELAXED) % RING_LOOKS);
}

/*
 * Of a consumer that found the ring empty, and will look once more: from now on the descriptor
 * becomes readable when something comes. If that look finds something, ring_disarm() must follow,
 * or other sleepers miss what it leaves. Clearing goes first: a signal sent after it stays.
 */
static inline void ring_arm(struct ring *ring)
{
	uint64_t count;
	ssize_t cleared;

	if (!ring_is_closed(ring) && ring_must_clear(ring)) {
		cleared = read(ring->eventfd, &count, sizeof(count));
		(void)cleared; /* EAGAIN: another consumer did it */
		__atomic_store_n(&ring->shared->armed, 1, __ATOMIC_RELAXED);
	}
	/* FENCE_ARM: between our armed and our look at tail and flags. Pairs with FENCE_SIGNAL
	 * between tail and armed: one side sees the other. Also orders the head that emptied the
	 * ring before the look at BACKLOG: pairs with FENCE_HOLD_BACK. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (ring_is_closed(ring))
		ring_disarm(ring);
}

/* The producer keeps records that did not fit. Only after ring_arm() is "no" an answer to rely on;
 * before, it may come late. So it may on a machine where not all see a store at once (neither x86
 * nor Armv8 nor RISC-V) if another consumer has emptied the ring since: until that one looks. */
static inline bool ring_has_backlog(const struct ring *ring)
{
	return __atomic_load_n(&ring->shared->flags, __ATOMIC_RELAXED) & IOASID_RING_BACKLOG;
}

/* A single consumer knows of records it has not read; what the producer keeps back comes after
 * them. Of many consumers none knows anything. */
static inline bool ring_knows_more(const struct ring *ring)
{
	return ring->tail != ring->head;
}

static inline bool ring_is_empty(const struct ring *ring)
{
	/* Relaxed: a hint, ring_read() looks again. */
	return __atomic_load_n(&ring->shared->tail, __ATOMIC_RELAXED) ==
	       __atomic_load_n(&ring->shared->head, __ATOMIC_RELAXED);
}

#endif
