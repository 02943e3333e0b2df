/* SPDX-License-Identifier: MIT */
/*
 * The full ring: the producer keeps back what finds no room in the ring or no free slot in the
 * table of pending groups (lib/producer.c), and consumers who made room ask it to go on
 * (lib/read.c, lib/faultq.c), on the memory of memory.pml. A ring of four whose indices wrap, six
 * records, of which two make one group. The eventfd and armed are here in whole steps: wakeup.pml
 * has what may come between.
 *
 * The end is invalid if all sleep and something is kept back, or was lost.
 *
 * Consumers read until there is nothing, then sleep. Without ANSWERS they never answer, and all is
 * about the ring. With it the table has two slots, and each answers what it read. One of two may
 * have enough after that, whatever is left. Between a read and what it does next a consumer may
 * take its time: what the producer keeps back waits for it then, at most.
 *
 * -DSINGLE: one consumer, which is alone. Otherwise two.
 */

/* The orders, by the names that they have in the code. -DWITHOUT=NAME is without that one. */
#define FENCE_ARM       1
#define FENCE_HOLD_BACK 2
#define FENCE_FREED     3 /* of -DANSWERS */
/* What the code relies on besides. */
#define LOOK_ONCE_MORE  4 /* of the producer, after it set BACKLOG */
#define REFILL          5 /* of who found nothing */

#ifndef WITHOUT
#define WITHOUT 0
#endif
#define HAS(order) (WITHOUT != order)

#ifdef SINGLE
#define CONSUMERS 1
#else
#define CONSUMERS 2
#endif
#ifdef ANSWERS
#define SLOTS 2
#else
#define SLOTS 9
#endif

#define RECORDS  6
#define COUNT    4
#define FIRST    13 /* of indices that go to 15 */
#define INDEX(i) ((i) & 15)
#define PAIR     INDEX(FIRST + 1) /* here the group of two begins */
#define SIZE(i)  ((i) == PAIR -> 2 : 1)

#define HEAD     0
#define TAIL     1
#define BACKLOG  2
#define RETURNED 3 /* how many slots */
#define LOCK     4 /* the producer's */
#define PLACES   5
#define THREADS  (1 + CONSUMERS)
#define ROOM     4
#include "memory.pml"

/* Under the producer's lock. */
byte seen_head = FIRST, tail = FIRST; /* of records in the ring */
byte pushed = FIRST;                  /* of records in the ring or kept back */
byte slots = SLOTS;

byte taken;

/* The wake-up; not armed, so readable. */
bool armed = true;
bool readable;

inline fence(name)
{
	if
	:: HAS(name) -> DRAINED
	:: else
	fi
}

/* Of who published; its fence is FENCE_SIGNAL. */
inline signal()
{
	atomic {
		DRAINED;
		readable = readable || armed;
		armed = false
	}
}

inline arm()
{
	d_step {
		readable = readable && armed;
		armed = true
	}
	fence(FENCE_ARM)
}

inline disarm()
{
	d_step {
		readable = readable || armed;
		armed = false
	}
}

inline lock()
{
	atomic { SETTLED(LOCK) && !memory[LOCK] -> memory[LOCK] = 1 }
}

inline unlock()
{
	store(LOCK, 0, RELEASE)
}

/* ---- the producer, of which consumers run what refills ---- */

#define KEEPS_BACK (tail != pushed)
#define FITS       (INDEX(tail + SIZE(tail) - seen_head) <= COUNT)

/* There is a group to publish; found says whether it was. */
inline publish()
{
	if
	:: FITS
	:: else -> load(HEAD, seen_head)
	fi;
	if
	:: FITS && slots == 0 ->
		load(RETURNED, slots);
		if
		:: slots -> exchange(RETURNED, 0, slots, RELAXED)
		:: else
		fi
	:: else
	fi;
	if
	:: FITS && slots > 0 ->
		atomic {
			tail = INDEX(tail + SIZE(tail));
			store(TAIL, tail, RELEASE);
			slots--;
			found = true
		}
	:: else -> found = false
	fi
}

inline fill()
{
	found = true;
	do
	:: KEEPS_BACK && found ->
		publish();
		some = some || found
	:: else -> break
	od;
	if
	:: some -> signal()
	:: else
	fi;
	atomic { found = false; some = false }
}

inline hold_back()
{
	store(BACKLOG, 1, RELAXED);
	fence(FENCE_HOLD_BACK);
	if
	:: HAS(LOOK_ONCE_MORE) -> fill()
	:: else
	fi;
	if
	:: KEEPS_BACK
	:: else -> store(BACKLOG, 0, RELAXED)
	fi
}

inline push()
{
	lock();
	if
	:: !KEEPS_BACK ->
		pushed = INDEX(pushed + SIZE(pushed));
		publish()
	:: else -> pushed = INDEX(pushed + SIZE(pushed))
	fi;
	if
	:: found -> signal(); found = false
	:: else -> hold_back()
	fi;
	unlock()
}

proctype producer()
{
	byte me = 0;
	bool found, some;

	do
	:: pushed != INDEX(FIRST + RECORDS) -> push()
	:: else -> break
	od
}

/* ---- a consumer ---- */

inline refill()
{
	lock();
	if
	:: !KEEPS_BACK
	:: HAS(LOOK_ONCE_MORE) && KEEPS_BACK -> hold_back()
	:: !HAS(LOOK_ONCE_MORE) && KEEPS_BACK -> fill()
	fi;
	unlock()
}

inline look(name)
{
	fence(name);
	load(BACKLOG, seen)
}

inline claim()
{
#ifdef SINGLE
	atomic { head = INDEX(head + got); store(HEAD, head, RELEASE); taken = taken + got }
#else
	atomic {
		compare_exchange(HEAD, head, INDEX(head + got), won, RELEASE);
		got = (won -> got : 0);
		taken = taken + got
	}
#endif
}

/* In whole groups: at most two records, or, the second consumer, all that there are. */
#define UP_TO_TWO \
	(head == PAIR || (INDEX(end - head) > 1 && INDEX(head + 1) != PAIR) -> 2 : 1)
#define GROUPS(first) (got - (INDEX(PAIR - (first)) < got -> 1 : 0))

inline ring_read()
{
	do
	:: true ->
#ifndef SINGLE
		load(HEAD, head);
#endif
		load(TAIL, end);
		if
		:: head == end -> break
		:: else ->
			got = (me == 2 -> INDEX(end - head) : UP_TO_TWO);
			claim();
			if
			:: got -> break
			:: else
			fi
		fi
	od;
	atomic {
#ifndef SINGLE
		groups = GROUPS(head);
		head = 0;
#else
		groups = GROUPS(head - got);
#endif
		end = 0; won = false
	}
}

inline read()
{
	ring_read();
	if
	:: got -> 
		/* a hint, which may as well be missed */
		if
		:: HAS(REFILL) -> load(BACKLOG, seen)
		:: true
		fi
	:: else ->
		arm();
		ring_read();
		if
		:: got -> disarm()
		:: !got && HAS(REFILL) -> load(BACKLOG, seen)
		:: else
		fi
	fi;
	if
	:: seen ->
		refill();
		if
		:: !got -> ring_read()
		:: else
		fi
	:: else
	fi;
	seen = 0
}

inline answer()
{
	/* at once: it may build on a read-modify-write of its own that nobody else has seen yet */
	atomic { READY(RETURNED); swap(RETURNED, memory[RETURNED] + groups, RELEASE) };
	look(FENCE_FREED);
	if
	:: seen -> refill()
	:: else
	fi;
	seen = 0
}

proctype consumer(byte me)
{
	byte head = FIRST, end, got, groups, seen;
	bool won, found, some;

	do
	:: read();
		if
		:: got ->
#ifdef ANSWERS
			answer();
#endif
			atomic { got = 0; groups = 0 }
			;
			if
			:: me == 2 -> break
			:: true
			fi
		:: else ->
			if
			:: readable
			:: taken == RECORDS -> break
			fi
		fi
	od
}

init {
	atomic {
		memory[HEAD] = FIRST;
		memory[TAIL] = FIRST;
		run producer();
		run consumer(1);
		run stores_of(0);
		run stores_of(1);
#ifndef SINGLE
		run consumer(2);
		run stores_of(2)
#endif
	}
}
