/* SPDX-License-Identifier: MIT */
/*
 * A memory that is weaker than Spin's own. Each thread has a buffer of stores that nobody else has
 * seen yet. They leave it in any order, but for three things: those to one place keep theirs, a
 * release leaves when all before it have left, and so does a read-modify-write that releases, a
 * fence, a lock and a system call. A thread sees its own stores. A store that has left is seen by
 * all at once, as on x86, Armv8 and RISC-V.
 *
 * A load is one step, in its place. Where the code lets one go elsewhere (the words of a copy, a
 * load that no acquire holds back) the model that includes this says so in the open.
 *
 * Before the include: PLACES (at most 32), THREADS, ROOM (stores in a buffer, at most 6: the next
 * one waits). In a thread, me is its number.
 */

typedef Buffer {
	byte n;
	byte at[ROOM]; /* a place, and RELEASE */
	byte value[ROOM]
};

byte memory[PLACES];
Buffer buffer[THREADS];
hidden byte scan; /* within a step */

#define RELAXED   0
#define RELEASE   32
#define PLACE(at) ((at) & 31)

/* What was stored by this thread is seen by all. As a statement, a fence. */
#define DRAINED   (buffer[me].n == 0)

inline load(place, into)
{
	d_step {
		into = memory[place];
		for (scan : 0 .. ROOM - 1) {
			into = (scan < buffer[me].n && PLACE(buffer[me].at[scan]) == place ->
				buffer[me].value[scan] : into)
		}
	}
}

inline store(place, what, order)
{
	buffer[me].n < ROOM;
	d_step {
		buffer[me].at[buffer[me].n] = place | order;
		buffer[me].value[buffer[me].n] = what;
		buffer[me].n++
	}
}

#define LATER(i, place) (buffer[me].n <= i || PLACE(buffer[me].at[i]) != place)
#if ROOM > 4
#define LATER_4(place) (LATER(4, place) && LATER(ROOM - 1, place))
#else
#define LATER_4(place) true
#endif

/* None of this thread's stores to the place is on its way: a read-modify-write may come. */
#define SETTLED(place)                                                                 \
	(LATER(0, place) && LATER(1, place) && LATER(2, place) && LATER(ROOM - 1, place) && \
	 LATER_4(place))

inline exchange(place, what, into)
{
	atomic {
		SETTLED(place);
		into = memory[place];
		memory[place] = what
	}
}

inline compare_exchange(place, expected, what, done, order)
{
	atomic {
		SETTLED(place) && (order == RELAXED || DRAINED);
		done = (memory[place] == expected);
		memory[place] = (done -> what : memory[place])
	}
}

/* The i-th store may overtake those before it. */
#define AT(i)           buffer[whose].at[i]
#define PASSES(i, j)    (AT(i) != PLACE(AT(j)))
#define OVERTAKES(i)    (buffer[whose].n > i && AT(i) < RELEASE)
#define PASSES_1        (PASSES(1, 0))
#define PASSES_2        (PASSES(2, 0) && PASSES(2, 1))
#define PASSES_3        (PASSES(3, 0) && PASSES(3, 1) && PASSES(3, 2))
#define PASSES_4        (PASSES(4, 0) && PASSES(4, 1) && PASSES(4, 2) && PASSES(4, 3))
#define PASSES_5 (PASSES(5, 0) && PASSES(5, 1) && PASSES(5, 2) && PASSES(5, 3) && PASSES(5, 4))

inline leave(first)
{
	d_step {
		memory[PLACE(AT(first))] = buffer[whose].value[first];
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
	:: atomic { buffer[whose].n > 0 -> leave(0) }
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
