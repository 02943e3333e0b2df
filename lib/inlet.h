/* SPDX-License-Identifier: MIT */
/*
 * The producer's end of the fault ring: room, records, the tail, the signal. Of one thread at a
 * time; it trusts its own copies of the indices, and of the consumers' head only that it moves.
 * Knows the ABI and libc alone; what a record means, how sleepers are woken and what becomes of
 * records that find no room ("hold back") is the producer's business, in producer.c.
 *
 * Each memory order has a name, by which it names its partner, which is in ring.h.
 */
#ifndef INLET_H
#define INLET_H

#include <ioasid/ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INLET_WORDS (sizeof(struct ioasid_fault) / sizeof(uint64_t))

/* So many records ahead of the one that is written its line is fetched: enough to hide the way, and
 * not so many that the consumer takes lines back before they are written. */
#define INLET_AHEAD 12

struct inlet {
	struct ioasid_ring *shared;
	struct ioasid_fault *records;
	uint32_t count;
	uint64_t head; /* the consumers', as last seen */
	uint64_t tail; /* records written; the shared one says which of them are published */
};

/* The ring has its geometry, and nobody else publishes in it. */
static inline void inlet_open(struct inlet *inlet, struct ioasid_ring *shared)
{
	*inlet = (struct inlet){
		.shared = shared,
		.records = (void *)((char *)shared + IOASID_RING_RECORDS),
		.count = shared->count,
		.head = shared->head,
		.tail = shared->tail,
	};
}

/* Whether so many records can be written. */
static inline bool inlet_has_room(struct inlet *inlet, unsigned int records)
{
	uint64_t end = inlet->tail + records;

	if (end - inlet->head <= inlet->count)
		return true;
	/* ACQUIRE_ROOM: consumers have copied what was in the slots. Pairs with RELEASE_CLAIM and
	 * RELEASE_ADVANCE. */
	inlet->head = __atomic_load_n(&inlet->shared->head, __ATOMIC_ACQUIRE);
	return end - inlet->head <= inlet->count;
}

static inline struct ioasid_fault *inlet_slot(const struct inlet *inlet, uint64_t at)
{
	return &inlet->records[at & (inlet->count - 1)];
}

/* The word that two members make which lie one after the other. */
static inline uint64_t inlet_pair(uint32_t first, uint32_t second)
{
	const uint32_t pair[2] = {first, second};
	uint64_t word;

	__builtin_memcpy(&word, pair, sizeof(word));
	return word;
}

/* Writes a record where there is room, for this group and with these flags. Word by word and out of
 * registers: a copy by way of the stack waits for its own stores. */
static inline void inlet_write(
	struct inlet *inlet, const struct ioasid_fault *from, uint64_t id, uint32_t flags)
{
	uint64_t *to = (void *)inlet_slot(inlet, inlet->tail);
	uint64_t word;

	/* for writing: the consumer has it, and would have to give it up at the first store */
	__builtin_prefetch(inlet_slot(inlet, inlet->tail + INLET_AHEAD), 1);
	inlet->tail++;
#pragma GCC unroll 8
	for (size_t i = 0; i < INLET_WORDS; i++) {
		__builtin_memcpy(&word, (const char *)from + i * sizeof(word), sizeof(word));
		if (i == offsetof(struct ioasid_fault, id) / sizeof(word))
			word = id;
		if (i == offsetof(struct ioasid_fault, pages) / sizeof(word))
			word = inlet_pair(from->pages, flags);
		/* Relaxed: a consumer that lost its race may be copying this slot; it throws that
		 * away. */
		__atomic_store_n(&to[i], word, __ATOMIC_RELAXED);
	}
}

/* Shows what was written: whole groups. */
static inline void inlet_publish(struct inlet *inlet)
{
	/* RELEASE_TAIL: the records are seen by who sees this tail. Pairs with ACQUIRE_TAIL and
	 * ACQUIRE_KNOWN. */
	__atomic_store_n(&inlet->shared->tail, inlet->tail, __ATOMIC_RELEASE);
}

/* After a publication: true if some sleep or are about to, and the caller must signal. */
static inline bool inlet_disarm(struct inlet *inlet)
{
	/* FENCE_SIGNAL: between our tail and our look at armed. Pairs with FENCE_ARM. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&inlet->shared->armed, __ATOMIC_RELAXED) &&
	       __atomic_exchange_n(&inlet->shared->armed, 0, __ATOMIC_RELAXED);
}

#endif
