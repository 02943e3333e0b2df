/* SPDX-License-Identifier: MIT */
/*
 * A memory that is weaker than Spin's own. Each thread has a buffer of stores that nobody else has
 * seen yet. They leave it in any order, but for three things: those to one place keep theirs, a
 * release leaves when all before it have left, and a fence waits until all have. A thread sees its
 * own stores. A store that has left is seen by all at once, as on x86, Armv8 and RISC-V.
 *
 * A read-modify-write reads what is in memory, and its store leaves as others do, so that what
 * follows may come before it; but until then nobody else's store to the place leaves. Of one thread
 * the next one to that place waits, though Armv8 lets it build on what nobody else has seen: the
 * model says where that could matter.
 *
 * A load is one step, in its place. Where the code lets one go elsewhere (the words of a copy, a
 * load that no acquire holds back) the model that includes this says so in the open.
 *
 * Before the include: PLACES (at most 32), THREADS, ROOM (stores in a buffer, at most 6: the next
 * one waits). In a thread, me is its number.
 */

typedef Buffer {
	byte n;
	byte at[ROOM]; /* a place, with RELEASE, with SWAP */
	byte value[ROOM]
};

byte memory[PLACES];
Buffer buffer[THREADS];
int swapped;      /* a bit for each place that a read-modify-write has read and not written */
hidden byte scan; /* within a step */

#define RELAXED    0
#define RELEASE    32
#define SWAP       64
#define PLACE(at)  ((at) & 31)
#define BIT(place) (1 << (place))

/* What was stored by this thread is seen by all. As a statement, a fence. */
#define DRAINED   (buffer[me].n == 0)

inline load(place, into)
{
	d_step {
		into = memory[place];
		for (scan : 0 .. ROOM - 1) {
			into = (scan < buffer[me].n && PLACE(buffer[me].at[scan]) == place ->
				buffer[me].value[scan] : into)
		};
		scan = 0
	}
}

inline put(place, what, order)
{
	buffer[me].at[buffer[me].n] = place | order;
	buffer[me].value[buffer[me].n] = what;
	buffer[me].n++
}

inline store(place, what, order)
{
	buffer[me].n < ROOM;
	d_step { put(place, what, order) }
}

#define LATER(i, place)                                                           \
	(i >= ROOM || buffer[me].n <= i || PLACE(buffer[me].at[(i) % ROOM]) != place)

/* None of this thread's stores to the place is on its way. */
#define SETTLED(place)                                                            \
	(LATER(0, place) && LATER(1, place) && LATER(2, place) && LATER(3, place) && \
	 LATER(4, place) && LATER(5, place))

/* A read-modify-write may come: it reads what is in memory, where nobody else writes until what it
 * writes is there. */
#define READY(place) \
	(SETTLED(place) && !(swapped & BIT(place)) && buffer[me].n < ROOM)

/* The other half of it. */
inline swap(place, what, order)
{
	put(place, what, SWAP | order);
	swapped = swapped | BIT(place)
}

inline exchange(place, what, into, order)
{
	atomic {
		READY(place);
		into = memory[place];
		swap(place, what, order)
	}
}

inline compare_exchange(place, expected, what, done, order)
{
	atomic {
		READY(place);
		done = (memory[place] == expected);
		if
		:: done -> swap(place, what, order)
		:: else
		fi
	}
}

/* The i-th store may overtake those before it. */
#define AT(i)           buffer[whose].at[i]
#define PASSES(i, j)    (PLACE(AT(i)) != PLACE(AT(j)))
#define LEAVES(i)       (buffer[whose].n > i && (AT(i) & SWAP || !(swapped & BIT(PLACE(AT(i))))))
#define OVERTAKES(i)    (LEAVES(i) && !(AT(i) & RELEASE))
#define PASSES_1        (PASSES(1, 0))
#define PASSES_2        (PASSES(2, 0) && PASSES(2, 1))
#define PASSES_3        (PASSES(3, 0) && PASSES(3, 1) && PASSES(3, 2))
#define PASSES_4        (PASSES(4, 0) && PASSES(4, 1) && PASSES(4, 2) && PASSES(4, 3))
#define PASSES_5 (PASSES(5, 0) && PASSES(5, 1) && PASSES(5, 2) && PASSES(5, 3) && PASSES(5, 4))

inline leave(first)
{
	d_step {
		memory[PLACE(AT(first))] = buffer[whose].value[first];
		swapped = (AT(first) & SWAP -> swapped & ~BIT(PLACE(AT(first))) : swapped);
		for (scan : first .. ROOM - 2) {
			AT(scan) = AT(scan + 1);
			buffer[whose].value[scan] = buffer[whose].value[scan + 1]
		}
		AT(ROOM - 1) = 0;
		buffer[whose].value[ROOM - 1] = 0;
		buffer[whose].n--
	}
}

proctype stores_of(byte whose)
{
end:
	do
	:: atomic { LEAVES(0) -> leave(0) }
#if ROOM > 1
	:: atomic { OVERTAKES(1) && PASSES_1 -> leave(1) }
#endif
#if ROOM > 2
	:: atomic { OVERTAKES(2) && PASSES_2 -> leave(2) }
#endif
#if ROOM > 3
	:: atomic { OVERTAKES(3) && PASSES_3 -> leave(3) }
#endif
#if ROOM > 4
	:: atomic { OVERTAKES(4) && PASSES_4 -> leave(4) }
#endif
#if ROOM > 5
	:: atomic { OVERTAKES(5) && PASSES_5 -> leave(5) }
#endif
	od
}
