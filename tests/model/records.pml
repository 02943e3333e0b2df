/* SPDX-License-Identifier: MIT */
/*
 * Records through the ring: what lib/inlet.h writes and lib/ring.h copies and claims, on the memory
 * of memory.pml. A ring of four, whose indices wrap on the way. Of six records two make one group.
 * A record is two words, both of the value of its index: the one with the flags, and one for all
 * others. Nobody sleeps here: whoever finds nothing, or no room, looks again.
 *
 * An assertion fails if a record that was taken is not the one that was published there, if it was
 * taken before or without the rest of its group, or if a consumer finds what an honest producer
 * never wrote. The end is invalid if a record was lost.
 *
 * -DSINGLE: one consumer, which is alone. Otherwise two.
 */

/* The orders, by the names that they have in the code. -DWITHOUT=NAME is without that one. */
#define ACQUIRE_HEAD    1
#define ACQUIRE_TAIL    2
#define ACQUIRE_KNOWN   3 /* of -DSINGLE */
#define ACQUIRE_ROOM    4
#define RELEASE_CLAIM   5
#define RELEASE_ADVANCE 6 /* of -DSINGLE */
#define RELEASE_TAIL    7
/* What the code relies on besides. */
#define CLAIM_COMPARES  8
#define WHOLE_GROUPS    9

#ifndef WITHOUT
#define WITHOUT 0
#endif
#define HAS(order)   (WITHOUT != order)
#define ORDER(order) (HAS(order) -> RELEASE : RELAXED)

#ifdef SINGLE
#define CONSUMERS   1
#define TAIL_ORDER  ACQUIRE_KNOWN
#define CLAIM_ORDER RELEASE_ADVANCE
#else
#define CONSUMERS   2
#define TAIL_ORDER  ACQUIRE_TAIL
#define CLAIM_ORDER RELEASE_CLAIM
#endif

#define RECORDS   6
#define COUNT     4
#define GROUP_MAX 2
#define FIRST     13 /* of indices that go to 15 */
#define INDEX(i)  ((i) & 15)
#define SLOT(i)   ((i) & (COUNT - 1))
#define PAIR      INDEX(FIRST + 1) /* here the group of two begins */
#define LAST(i)   ((i) != PAIR)

#define HEAD     0
#define TAIL     1
#define FLAGS(i) (2 + SLOT(i))
#define WORDS(i) (2 + COUNT + SLOT(i))
#define PLACES   (2 + 2 * COUNT)
#define THREADS  (1 + CONSUMERS)
#define ROOM     5 /* a group and its tail */
#include "memory.pml"

byte taken;    /* how many */
bool gone[16]; /* which */
bool wrong;
bool guessing; /* see write_early() */

/* ---- the producer ---- */

#define SIZE (tail == PAIR -> 2 : 1)
#define FITS (INDEX(tail + SIZE - head) <= COUNT)
#define MORE (tail != INDEX(FIRST + RECORDS))

inline write_record()
{
	store(FLAGS(at), at, RELAXED);
	store(WORDS(at), at, RELAXED);
	at = INDEX(at + 1)
}

inline write_group()
{
	write_record();
	if
	:: !LAST(INDEX(at - 1)) -> write_record()
	:: else
	fi
}

inline publish()
{
	atomic { store(TAIL, at, ORDER(RELEASE_TAIL)); tail = at }
}

/* Without the acquire the language lets the stores go before the load of the head that makes room
 * for them: on a guess, which has to come true. */
inline write_early()
{
	atomic { guessing = true; write_group() };
	atomic { memory[HEAD] != head; load(HEAD, head); FITS -> guessing = false; assert(!wrong) }
}

proctype producer()
{
	byte me = 0, head = FIRST, tail = FIRST, at = FIRST;

	do
	:: MORE && FITS -> atomic { write_group() }; publish()
	:: atomic { MORE && !FITS && memory[HEAD] != head -> load(HEAD, head) }
	:: MORE && !FITS && !HAS(ACQUIRE_ROOM) -> write_early(); publish()
	:: !MORE -> break
	od
}

/* ---- a consumer ---- */

/* In any order. */
inline copy_record(i)
{
#if WITHOUT == CLAIM_ORDER
	load(FLAGS(head + i), flags[i])
#else
	if
	:: load(FLAGS(head + i), flags[i]); load(WORDS(head + i), words[i])
	:: load(WORDS(head + i), words[i]); load(FLAGS(head + i), flags[i])
	fi
#endif
}

/* No more than n, and no more than there are. */
inline copy()
{
	copy_record(0);
	if
	:: n > 1 && available > 1 -> copy_record(1)
	:: else
	fi
}

#if WITHOUT == WHOLE_GROUPS
#define WHOLE (n > 1 && available > 1 -> 2 : 1)
#else
#define WHOLE (n > 1 && available > 1 && LAST(flags[1]) -> 2 : (LAST(flags[0]) -> 1 : 0))
#endif

inline look_at_tail()
{
#if WITHOUT == TAIL_ORDER
	/* what the acquire holds back goes first */
	available = COUNT;
	copy();
#endif
	load(TAIL, tail)
}

inline look()
{
#ifdef SINGLE
	if
	:: INDEX(tail - head) >= n
	:: else -> look_at_tail()
	fi;
#elif WITHOUT == ACQUIRE_HEAD
	load(TAIL, tail);
	load(HEAD, head);
#else
	load(HEAD, head);
	look_at_tail();
#endif
	available = INDEX(tail - head)
}

inline claim(records)
{
#ifdef SINGLE
	atomic { store(HEAD, INDEX(head + records), ORDER(CLAIM_ORDER)); won = true }
#elif WITHOUT == CLAIM_COMPARES
	atomic { DRAINED; memory[HEAD] = INDEX(head + records); won = true }
#else
	compare_exchange(HEAD, head, INDEX(head + records), won, ORDER(CLAIM_ORDER))
#endif
}

inline check(i)
{
	wrong = wrong || flags[i] != INDEX(head + i) || words[i] != flags[i] || gone[flags[i]];
	gone[flags[i]] = true;
	taken++
}

/* They are the consumer's now. */
inline own()
{
#if WITHOUT == CLAIM_ORDER
	load(WORDS(head), words[0]);
	load(WORDS(head + 1), words[1]);
#endif
	atomic {
		check(0);
		if
		:: got > 1 -> check(1)
		:: else
		fi;
		wrong = wrong || !LAST(INDEX(head + got - 1));
		assert(!wrong || guessing)
	}
}

/* Corrupt, if the head is as it was. */
inline suspect()
{
	claim(0);
	atomic { wrong = wrong || won; assert(!wrong || guessing) }
}

/* The first group is longer than n: next time there is room. */
inline measure()
{
	if
	:: n < available && n < GROUP_MAX -> load(FLAGS(head + n), flags[0])
	:: else
	fi;
	if
	:: n < available && n < GROUP_MAX && LAST(flags[0]) ->
		claim(0);
		n = (won -> GROUP_MAX : n)
	:: else -> suspect()
	fi
}

inline take()
{
#if WITHOUT != TAIL_ORDER
	copy();
#endif
	got = WHOLE;
	if
	:: got ->
		claim(got);
		if
		:: won -> own()
		:: else
		fi
	:: else -> measure()
	fi
}

/* Equal states are one. */
inline forget()
{
	d_step {
#ifdef SINGLE
		head = INDEX(head + got);
#else
		head = 0;
		tail = 0;
#endif
		got = 0; available = 0; won = false;
		flags[0] = 0; flags[1] = 0; words[0] = 0; words[1] = 0
	}
}

proctype consumer(byte me; byte n)
{
	byte head = FIRST, tail = FIRST, available, got, flags[2], words[2];
	bool won;

	do
	:: taken == RECORDS -> break
	:: taken < RECORDS && memory[HEAD] != memory[TAIL] ->
		look();
		if
		:: available == 0
		:: available > COUNT -> suspect()
		:: else -> take()
		fi;
		forget()
	od
}

init {
	byte k;
	atomic {
		memory[HEAD] = FIRST;
		memory[TAIL] = FIRST;
		for (k : 0 .. COUNT - 1) {
			memory[FLAGS(FIRST + k)] = INDEX(FIRST + k - COUNT);
			memory[WORDS(FIRST + k)] = INDEX(FIRST + k - COUNT)
		}
		run producer();
		run stores_of(0);
		run consumer(1, 1);
		run stores_of(1);
#ifndef SINGLE
		run consumer(2, 2);
		run stores_of(2);
#endif
		k = 0
	}
}
