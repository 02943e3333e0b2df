/* SPDX-License-Identifier: MIT */
/*
 * Looks at the table of pending groups that take no lock: by name along a chain, and at a slot
 * after the other (lib/pending-chain.c, lib/pending-many.c), on the memory of memory.pml. Three
 * slots, two chains; one thread takes groups out and puts others in, for the latch of those who do
 * tells a look nothing. Slot 0 stays where it is; the others leave their chain, come back to it, or
 * go to the other one. A name is two words, of which a look may see one of each of two groups.
 *
 * An assertion fails if a look does not find the group that waited all the time, or finds one that
 * never had that name, or two where there was one.
 *
 * -DWALK: looks at a slot, whatever name it has; an assertion fails if what it saw is of two groups.
 * -DFEW: a change less, where what is wrong is found soon.
 */

/* The orders, by the names that they have in the code. -DWITHOUT=NAME is without that one. */
#define ACQUIRE_LINK    1 /* of -DFEW */
#define RELEASE_LINK    2 /* of -DFEW */
#define ACQUIRE_VERSION 3
#define RELEASE_VERSION 4
#define ACQUIRE_SAME    5
#define RELEASE_REUSE   6
#define ACQUIRE_LOOK    7 /* of -DWALK */
#define RELEASE_SHOW    8 /* of -DWALK */
#define ACQUIRE_STILL   9 /* of -DWALK */
/* What the code relies on besides. */
#define SAME_VERSION    10 /* else it looks again */
#define NEXT_GENERATION 11 /* of -DWALK */

#ifndef WITHOUT
#define WITHOUT 0
#endif
#define HAS(order)   (WITHOUT != order)
#define ORDER(order) (HAS(order) -> RELEASE : RELAXED)

#define SLOTS   3
#define NO_SLOT 3
#ifdef FEW
#define CHANGES 2
#else
#define CHANGES 3
#endif

#define FIRST(chain) (chain)
#define NEXT(s)      (2 + (s))
#define WORD(s)      (5 + (s))
#define LOW(s)       (8 + (s)) /* the words of its name */
#define HIGH(s)      (11 + (s))
#define VERSION      14 /* of chain 0, the one that is looked along */
#define PLACES       15
#define THREADS      2
#define ROOM         6 /* less would keep back what can be seen early */
#include "memory.pml"

#define FREE      0
#define RESERVED  1
#define RAISED    2
#define ANSWERING 3

#define WORD_OF(generation, state) ((generation) << 2 | (state))
#define STATE(word)                ((word) & 3)
#define ID(word, s)                (((word) & 60) | (s))
#define NO_ID                      255

/* Names are 0 to 3, the last of which is in the other chain. */
#define CHAIN(name) ((name) == 3 -> 1 : 0)

byte name_of[64]; /* of each id */
bool twice;       /* two had one name */

/* ---- who changes the chains ---- */

inline point(place, what)
{
	store(place, what, ORDER(RELEASE_LINK))
}

/* The latch's, so that they are read as they were written. */
#define NAME(s) name[(s) - 1]
#define HELD(s) held[(s) - 1]
#define GENERATION(s) generation[(s) - 1]

inline find_before(s)
{
	d_step {
		before = FIRST(CHAIN(NAME(s)));
		do
		:: next[before] != s -> before = NEXT(next[before])
		:: else -> break
		od
	}
}

inline take_out(s)
{
	find_before(s);
	next[before] = next[NEXT(s)];
	point(before, next[before]);
	if
	:: CHAIN(NAME(s)) == 0 ->
		atomic { version++; store(VERSION, version, ORDER(RELEASE_VERSION)) }
	:: else
	fi;
	atomic { before = 0; HELD(s) = false }
}

inline leave_chain(s)
{
	if
	:: /* answered, and out of its chain when somebody comes by */
		store(WORD(s), WORD_OF(GENERATION(s) + 1, FREE), RELAXED);
		take_out(s)
	:: /* cancelled: whether before or after it is free */
		store(WORD(s), WORD_OF(GENERATION(s), ANSWERING), RELAXED);
		take_out(s);
		store(WORD(s), WORD_OF(GENERATION(s) + 1, FREE), RELAXED)
	fi;
	GENERATION(s)++
}

inline fill_slot(s)
{
	if
	:: HAS(RELEASE_REUSE) -> DRAINED
	:: else
	fi;
	store(WORD(s), WORD_OF(GENERATION(s), RESERVED), RELAXED);
	store(LOW(s), NAME(s) & 1, RELAXED);
	store(HIGH(s), NAME(s) >> 1, RELAXED)
}

inline put_first(s)
{
	before = FIRST(CHAIN(NAME(s)));
	next[NEXT(s)] = next[before];
	point(NEXT(s), next[before]);
	next[before] = s;
	point(FIRST(before), s);
	before = 0
}

inline raise(s)
{
	if
	:: NAME(s) = 1
	:: NAME(s) = 2
	:: NAME(s) = 3
	fi;
	d_step {
		name_of[ID(WORD_OF(GENERATION(s), 0), s)] = NAME(s);
		HELD(s) = true;
		twice = twice || (held[0] && held[1] && name[0] == name[1])
	};
	fill_slot(s);
	put_first(s);
	store(WORD(s), WORD_OF(GENERATION(s), RAISED), ORDER(RELEASE_SHOW))
}

inline change(s)
{
	if
	:: HELD(s) -> leave_chain(s)
	:: else -> raise(s)
	fi
}

proctype changer()
{
	byte me = 0, changes, slot, before, version;
	byte generation[2], name[2], next[5];
	bool held[2] = true;

	atomic {
		name[0] = 1;
		name[1] = 2;
		next[FIRST(0)] = 1;
		next[FIRST(1)] = NO_SLOT;
		next[NEXT(1)] = 2;
		next[NEXT(2)] = 0;
		next[NEXT(0)] = NO_SLOT
	};
	do
	:: changes < CHANGES ->
		if
		:: slot = 1
		:: slot = 2
		fi;
		change(slot);
		atomic { changes++; slot = 0 }
	:: true -> break
	od
}

/* ---- a look by name ---- */

#define IS(s, what) (low[s] == ((what) & 1) && high[s] == (what) >> 1)

/* A word of the name may be read as late as at the end of the walk. */
inline look_at_name(s)
{
	if
	:: load(LOW(s), low[s]); load(HIGH(s), high[s])
	:: load(HIGH(s), high[s]); load(LOW(s), low[s])
	fi
}

inline compare(s)
{
	if
	:: STATE(word[s]) == RAISED && IS(s, wanted) ->
		atomic { two = (found != NO_ID); found = ID(word[s], s) }
	:: else
	fi
}

#if WITHOUT == ACQUIRE_LINK
/* What is behind a link goes first. */
#define LOOK_EARLY                                                                \
	load(WORD(1), word[1]); load(LOW(1), low[1]); load(HIGH(1), high[1]);        \
	load(NEXT(1), after[1]); load(WORD(2), word[2]); load(LOW(2), low[2]);       \
	load(HIGH(2), high[2]); load(NEXT(2), after[2])
#else
#define LOOK_EARLY skip
#endif

inline look_at_slot()
{
#if WITHOUT == ACQUIRE_LINK
	if
	:: at == 0 -> load(WORD(0), word[0])
	:: else
	fi;
	compare(at);
	if
	:: at == 0 -> load(NEXT(0), at)
	:: else -> at = after[at]
	fi
#else
	load(WORD(at), word[at]);
	if
	:: late
	:: else -> look_at_name(at); compare(at)
	fi;
	seen = seen | (1 << at);
	load(NEXT(at), at)
#endif
}

inline look_at_late(s)
{
	if
	:: late && seen & (1 << s) && !two -> look_at_name(s); compare(s)
	:: else
	fi
}

inline forget()
{
	d_step {
		n = 0; at = 0; seen = 0; found = NO_ID; two = false;
		word[0] = 0; word[1] = 0; word[2] = 0;
		low[0] = 0; low[1] = 0; low[2] = 0;
		high[0] = 0; high[1] = 0; high[2] = 0;
		after[1] = 0; after[2] = 0
	}
}

inline look_along()
{
	forget();
	LOOK_EARLY;
#if WITHOUT == ACQUIRE_VERSION
	load(FIRST(0), at);
	load(VERSION, version);
#else
	load(FIRST(0), at);
#endif
	do
	:: at != NO_SLOT && n < SLOTS && !two -> look_at_slot(); n++
	:: else -> break
	od;
	look_at_late(0);
	look_at_late(1);
	look_at_late(2)
}

/* One that waits now, and must be found if it still does at the end. */
#define WAITS(s) \
	(STATE(memory[WORD(s)]) == RAISED && name_of[ID(memory[WORD(s)], s)] == wanted)

inline watch()
{
	atomic {
		watched = memory[WORD(0)];
		slot = 0;
		if
		:: wanted == 0
		:: wanted && WAITS(1) -> slot = 1; watched = memory[WORD(1)]
		:: wanted && WAITS(2) -> slot = 2; watched = memory[WORD(2)]
		:: wanted && !WAITS(1) && !WAITS(2) -> slot = NO_SLOT
		fi
	}
}

inline check()
{
	d_step {
		assert(found == NO_ID || two || name_of[found] == wanted);
		assert(!two || (twice && wanted));
		assert(slot == NO_SLOT || found != NO_ID || memory[WORD(slot)] != watched)
	}
}

proctype finder()
{
	byte me = 1, wanted, version, again, at, n, seen, found = NO_ID, slot, watched;
	byte word[3], low[3], high[3], after[3];
	bool two, late;

	if
	:: wanted = 0
	:: wanted = 1
	fi;
	if
	:: late = false
	:: HAS(ACQUIRE_LINK) -> late = true
	fi;
	watch();
	do
	:: true ->
#if WITHOUT != ACQUIRE_VERSION
		load(VERSION, version);
#endif
#if WITHOUT == ACQUIRE_SAME
		/* the last load goes before what its fence holds back */
		load(VERSION, again);
		look_along();
#else
		look_along();
		load(VERSION, again);
#endif
		if
		:: again == version || !HAS(SAME_VERSION) -> break
		:: else
		fi
	od;
	check()
}

/* ---- a look at a slot ---- */

inline look_at_word()
{
	load(WORD(s), word)
}

inline look_at_group()
{
	if
	:: load(LOW(s), low); load(HIGH(s), high)
	:: load(HIGH(s), high); load(LOW(s), low)
	fi
}

inline look_at_word_again()
{
	load(WORD(s), again)
}

#if WITHOUT == NEXT_GENERATION
#define SAME_GROUP (STATE(again) == RAISED)
#else
#define SAME_GROUP (STATE(again) == RAISED && ID(again, s) == ID(word, s))
#endif

proctype walker(byte s)
{
	byte me = 1, word, again, low, high;

#if WITHOUT == ACQUIRE_LOOK
	look_at_group();
	look_at_word();
	look_at_word_again();
#elif WITHOUT == ACQUIRE_STILL
	look_at_word();
	look_at_word_again();
	look_at_group();
#else
	look_at_word();
	look_at_group();
	look_at_word_again();
#endif
	assert(STATE(word) != RAISED || !SAME_GROUP ||
		name_of[ID(word, s)] == (low | high << 1))
}

init {
	atomic {
		memory[FIRST(0)] = 1;
		memory[FIRST(1)] = NO_SLOT;
		memory[NEXT(1)] = 2;
		memory[NEXT(2)] = 0;
		memory[NEXT(0)] = NO_SLOT;
		memory[WORD(0)] = RAISED;
		memory[WORD(1)] = RAISED;
		memory[WORD(2)] = RAISED;
		memory[LOW(1)] = 1;
		memory[HIGH(2)] = 1;
		name_of[1] = 1;
		name_of[2] = 2;
		run changer();
		run stores_of(0);
#ifdef WALK
		if
		:: run walker(1)
		:: run walker(2)
		fi
#else
		run finder()
#endif
	}
}
