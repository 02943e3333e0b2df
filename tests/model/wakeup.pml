/* SPDX-License-Identifier: MIT */
/*
 * The wake-up: who finds the ring empty arms the eventfd (lib/ring.h), who publishes looks whether
 * somebody did (lib/inlet.h), on the memory of memory.pml. Two consumers, who read one record at a
 * time in any mix of reads, waits and polls. One of them may have enough after any of its calls,
 * whatever is left in the ring. At last the producer may close the ring.
 *
 * The end is invalid if the other one sleeps and there is a record, or if the ring was closed and
 * it was not told. An assertion fails if who sees that does not see the last tail. Which record,
 * and whether there is room for it, is the matter of other models.
 */

/* The orders, by the names that they have in the code. -DWITHOUT=NAME is without that one. */
#define FENCE_ARM    1
#define FENCE_SIGNAL 2
/* What the code relies on besides. */
#define LOOK_AGAIN   3 /* at the ring, after it was armed */
#define DISARM       4 /* where that look found something */
#define CLEAR_FIRST  5 /* the eventfd, before armed is set */
#define CLOSED_AGAIN 6 /* the look at CLOSED after the fence */

#ifndef WITHOUT
#define WITHOUT 0
#endif
#define HAS(order) (WITHOUT != order)

#define RECORDS 3
#define HEAD    0
#define TAIL    1
#define CLOSED  2
#define ARMED   3
#define PLACES  4
#define THREADS 3
#define ROOM    3
#include "memory.pml"

bool readable; /* the eventfd */
bool busy;     /* its lock in the kernel is taken; who polls looks without */
byte taken;
bool done;     /* nothing more comes, and the ring stays open */

inline fence(name)
{
	if
	:: HAS(name) -> DRAINED
	:: else
	fi
}

inline set_eventfd(value)
{
	atomic { !busy -> busy = true };
	readable = value;
	atomic { DRAINED; busy = false }
}

/* ---- the producer ---- */

inline publish()
{
	atomic { tail++; store(TAIL, tail, RELEASE) }
}

inline signal()
{
	fence(FENCE_SIGNAL);
	load(ARMED, armed);
	if
	:: armed ->
		exchange(ARMED, 0, armed, RELAXED);
		if
		:: armed -> set_eventfd(true)
		:: else
		fi
	:: else
	fi;
	armed = 0
}

/* One alone, then a burst of two. */
proctype producer()
{
	byte me = 0, tail;
	byte armed;

	publish();
	signal();
	publish();
	publish();
	signal();
	if
	:: done = true
	:: store(CLOSED, 1, RELAXED); set_eventfd(true)
	fi
}

/* ---- a consumer ---- */

inline disarm()
{
	exchange(ARMED, 0, seen, RELAXED);
	if
	:: seen -> set_eventfd(true)
	:: else
	fi;
	seen = 0
}

inline clear()
{
	if
	:: HAS(CLEAR_FIRST) -> set_eventfd(false); store(ARMED, 1, RELAXED)
	:: else -> store(ARMED, 1, RELAXED); set_eventfd(false)
	fi
}

/* Now and then it clears whatever armed says. */
inline arm()
{
	load(CLOSED, seen);
	if
	:: seen
	:: else ->
		load(ARMED, seen);
		if
		:: true -> clear()
		:: seen -> skip
		fi
	fi;
	fence(FENCE_ARM);
	load(CLOSED, seen);
	if
	:: seen && HAS(CLOSED_AGAIN) -> disarm()
	:: else -> seen = 0
	fi
}

inline ring_read()
{
	do
	:: true ->
		load(HEAD, head);
		load(TAIL, tail);
		if
		:: head == tail -> break
		:: else ->
			compare_exchange(HEAD, head, head + 1, got, RELEASE);
			if
			:: got -> taken++; break
			:: else
			fi
		fi
	od;
	atomic { head = 0; tail = 0 }
}

inline read()
{
	ring_read();
	if
	:: !got ->
		arm();
		if
		:: HAS(LOOK_AGAIN) -> ring_read()
		:: else
		fi;
		if
		:: got && HAS(DISARM) -> disarm()
		:: else
		fi
	:: else
	fi;
	got = false
}

/* Nothing says which of them it looks at first. */
inline is_empty()
{
	if
	:: load(TAIL, tail); load(HEAD, head)
	:: load(HEAD, head); load(TAIL, tail)
	fi;
	d_step { got = (head != tail); head = 0; tail = 0 }
}

/* As ioasid_faultq_wait() does before it sleeps. */
inline wait()
{
	is_empty();
	if
	:: !got ->
		arm();
		if
		:: HAS(LOOK_AGAIN) -> is_empty()
		:: else
		fi;
		if
		:: got && HAS(DISARM) -> disarm()
		:: else
		fi
	:: else
	fi
}

proctype consumer(byte me)
{
	byte head, tail, seen;
	bool got;

	do
	:: read()
	:: wait();
		if
		:: got -> got = false
		:: else -> goto asleep
		fi
	:: true ->
asleep:
		if
		:: readable
		:: done && taken == RECORDS -> break
		fi
	:: me == 2 -> break
	:: true ->
		load(CLOSED, seen);
		if
		:: seen ->
			/* nothing more comes: what it has not read is there */
			load(TAIL, tail);
			assert(tail == RECORDS);
			break
		:: else
		fi
	od
}

init {
	atomic {
		memory[ARMED] = 1;
		run producer();
		run consumer(1);
		run consumer(2);
		run stores_of(0);
		run stores_of(1);
		run stores_of(2)
	}
}
