/* SPDX-License-Identifier: MIT */
/*
 * The states of a slot in the table of pending groups: lib/pending.c and lib/pending-slot.h, with
 * the queue's guard from lib/complete.c and lib/route.c, on the memory of memory.pml. Two slots,
 * three groups; a platform that hands a cookie out again as soon as it is free. A VMM reads groups
 * and answers them, some of them twice, some of them never; what it leaves expires; once everything
 * is detached. All three compete for a group.
 *
 * An assertion fails if an id is given twice, if an answer meets another group than the one it is
 * for, or none, if a reader is refused a group that nobody ended, or its deadline one that waits, or
 * if who never had a group is told that it is cancelled. The end is invalid if a
 * group was not ended, a slot not given back, or a cancellation not told.
 *
 * -DGUESS: nothing is detached, and the VMM also answers what it was never given, by a guess.
 */

/* The orders, by the names that they have in the code. -DWITHOUT=NAME is without that one. */
#define ACQUIRE_STEP     1 /* of -DGUESS */
#define RELEASE_SHOW     2 /* of -DGUESS */
#define RELEASE_RETURN   3
#define ACQUIRE_RETURN   4
/* What the code relies on besides. */
#define GENERATION       5 /* ids are never used again */
#define STEP_COMPARES    6 /* one of those who compete wins a state */
#define GUARD            7 /* no answer is on its way while a detach goes on */
#define RETURN_WHEN_TOLD 8 /* the slot of a group that was read, and cancelled then */
#define SHOWN_FIRST      9 /* of -DGUESS: a group, before its record comes to a reader */
#define TRY_AGAIN       10 /* of -DGUESS: where a reader took the group in between */

#ifndef WITHOUT
#define WITHOUT 0
#endif
#define HAS(order)   (WITHOUT != order)
#define ORDER(order) (HAS(order) -> RELEASE : RELAXED)

#define GROUPS  3
#define COOKIES 2

#define WORD(s)  (s)
#define DATA(s)  (2 + (s)) /* its group and its cookie */
#define RETURNED 4         /* a bit for each slot */
#define LATCH    5
#define PLACES   6
#define THREADS  4
#define ROOM     5
#include "memory.pml"

#define FREE      0
#define RESERVED  1
#define RAISED    2
#define DELIVERED 3
#define ANSWERING 4
#define CANCELLED 5

/* An id is of a generation and a slot, a word of a generation and a state. */
#define SLOT(id)        ((id) & 1)
#define WORD_OF(id, st) ((((id) >> 1) << 3) | (st))
#define STATE(word)     ((word) & 7)
#define ID(word, s)     ((((word) >> 3) << 1) | (s))
#define NO_ID           255

chan ring = [6] of { byte, bool };     /* id, cancelled; ring and tail order what was before */
byte group_of[16] = NO_ID;             /* of each id that there was */
byte holds[COOKIES];                   /* of the platform: 1 + the group of a cookie */
byte inside;                           /* the guard, with others */
bool alone;
byte free = 3;                         /* under the latch */
byte raised, ended;
bool had[GROUPS];                      /* it was handed to the VMM */
byte untold;                           /* cancellations of such groups */

#define OVER (ended == GROUPS && (memory[RETURNED] | free) == 3 && !untold)

/* ---- locks ---- */

inline enter()
{
	atomic { !alone -> inside++ }
}

inline leave_guard()
{
	atomic { DRAINED; inside-- }
}

inline latch_take()
{
	atomic { SETTLED(LATCH) && !memory[LATCH] -> memory[LATCH] = 1 }
}

inline latch_release()
{
	store(LATCH, 0, RELEASE)
}

/* ---- states ---- */

#if WITHOUT == GENERATION
#define SAME(word, id, st) (STATE(word) == st)
#else
#define SAME(word, id, st) (word == WORD_OF(id, st))
#endif

inline step(id, from, to)
{
#if WITHOUT == STEP_COMPARES
	load(WORD(SLOT(id)), word);
	won = SAME(word, id, from);
	if
	:: won -> store(WORD(SLOT(id)), WORD_OF(id, to), RELAXED)
	:: else
	fi;
#else
	atomic {
		READY(WORD(SLOT(id)));
		word = memory[WORD(SLOT(id))];
		won = SAME(word, id, from);
		if
		:: won -> swap(WORD(SLOT(id)), (word & 248) | to, RELAXED)
		:: else
		fi
	};
#endif
	word = 0
}

/* The slot is its owner's until then. */
inline give_back(id)
{
	store(WORD(SLOT(id)), WORD_OF(id + 2, FREE), RELAXED);
	atomic {
		READY(RETURNED);
		swap(RETURNED, memory[RETURNED] | (1 << SLOT(id)), ORDER(RELEASE_RETURN))
	}
}

/* ---- the platform and the producer ---- */

inline take_back()
{
	exchange(RETURNED, 0, back, RELAXED);
	free = free | back
}

/* What its acquire holds back goes first without it. */
inline look_early()
{
#if WITHOUT == ACQUIRE_RETURN
	load(WORD(0), early[0]);
	load(WORD(1), early[1])
#else
	skip
#endif
}

inline look_at_free()
{
#if WITHOUT == ACQUIRE_RETURN
	word = early[s]
#else
	load(WORD(s), word)
#endif
}

/* Some slot is free, or was returned. */
inline reserve()
{
	latch_take();
	look_early();
	take_back();
	atomic { s = (free & 1 -> 0 : 1); free = free & ~(1 << s) };
	look_at_free();
	atomic {
		id = ID(word, s);
		assert(group_of[id] == NO_ID);
		group_of[id] = raised;
		store(WORD(s), WORD_OF(id, RESERVED), RELAXED)
	};
	store(DATA(s), (raised << 1) | cookie, RELAXED);
	latch_release()
}

/* The platform takes the lowest cookie that is free. */
inline raise()
{
	atomic { cookie = (holds[0] -> 1 : 0); holds[cookie] = raised + 1 };
	reserve();
#if WITHOUT == SHOWN_FIRST
	atomic { DRAINED; ring ! id, false };
	store(WORD(s), WORD_OF(id, RAISED), ORDER(RELEASE_SHOW));
	atomic { raised++; cookie = 0; id = 0; s = 0; word = 0; back = 0 }
#else
	store(WORD(s), WORD_OF(id, RAISED), ORDER(RELEASE_SHOW));
	atomic { DRAINED; ring ! id, false; raised++; cookie = 0; id = 0; s = 0; word = 0; back = 0 }
#endif
}

proctype producer()
{
	byte me = 0, cookie, s, id, word, back;
#if WITHOUT == ACQUIRE_RETURN
	byte early[2];
#endif

	do
	:: atomic {
			raised < GROUPS && (free | memory[RETURNED]) && !(holds[0] && holds[1]) &&
			!alone -> inside++
		};
		raise();
		leave_guard()
	:: raised == GROUPS -> break
	od
}

/* ---- an answer, of the VMM or for its deadline ---- */

/* A reader may take it in between. */
inline win(id)
{
#if WITHOUT == ACQUIRE_STEP
	load(DATA(SLOT(id)), data);
#endif
	step(id, DELIVERED, ANSWERING);
	if
	:: won
	:: else -> step(id, RAISED, ANSWERING)
	fi;
	if
	:: won
	:: !won && HAS(TRY_AGAIN) -> step(id, DELIVERED, ANSWERING)
	:: else
	fi;
#if WITHOUT != ACQUIRE_STEP
	if
	:: won -> load(DATA(SLOT(id)), data)
	:: else
	fi
#endif
}

inline send(id)
{
	atomic {
		assert((data >> 1) == group_of[id] && holds[data & 1] == group_of[id] + 1);
		holds[data & 1] = 0;
		ended++;
		data = 0
	};
	give_back(id)
}

inline enter_to_answer()
{
#if WITHOUT == GUARD
	skip
#else
	enter()
#endif
}

inline leave_after_answer()
{
#if WITHOUT == GUARD
	skip
#else
	leave_guard()
#endif
}

inline answer(id)
{
	enter_to_answer();
	win(id);
	if
	:: won -> send(id)
	:: else
	fi;
	atomic { won = false; data = 0 };
	leave_after_answer()
}

inline deliver()
{
	step(id, RAISED, DELIVERED);
	if
	:: won ->
		atomic { won = false; had[group_of[id]] = true; old = id };
		if
		:: answer(id)
		:: true
		fi
	:: else -> assert(memory[WORD(SLOT(id))] != WORD_OF(id, RESERVED))
	fi
}

inline dismiss()
{
	step(id, CANCELLED, ANSWERING);
	if
	:: won ->
		atomic { won = false; assert(had[group_of[id]]); untold-- };
		give_back(id)
	:: else
	fi
}

/* Reads, answers at once or later, and never or twice. */
proctype vmm()
{
	byte me = 1, id, old = NO_ID, word, data;
	bool cancelled, won;

	do
	:: ring ? id, cancelled ->
		if
		:: cancelled -> dismiss()
		:: else -> deliver()
		fi;
		atomic { id = 0; cancelled = false }
	:: old != NO_ID ->
		answer(old);
		if
		:: old = NO_ID
		:: true
		fi
#ifdef GUESS
	:: !had[0] && !ended -> old = 0 /* the first id that there will be */
#endif
	:: OVER -> break
	od
}

#define WAITS(s) (STATE(memory[WORD(s)]) == RAISED || STATE(memory[WORD(s)]) == DELIVERED)

proctype expirer()
{
	byte me = 2, id, word, data;
	bool won;

	do
	:: WAITS(0) || WAITS(1) ->
		enter_to_answer();
		latch_take();
		if
		:: atomic { WAITS(0) -> id = ID(memory[WORD(0)], 0) }
		:: atomic { WAITS(1) -> id = ID(memory[WORD(1)], 1) }
		:: !WAITS(0) && !WAITS(1) -> id = NO_ID
		fi;
		if
		:: id != NO_ID -> win(id)
		:: else
		fi;
		latch_release();
		if
		:: won -> send(id)
		:: else -> assert(id == NO_ID || memory[WORD(SLOT(id))] != WORD_OF(id, DELIVERED))
		fi;
		atomic { id = 0; won = false; data = 0 };
		leave_after_answer()
	:: OVER -> break
	od
}

/* ---- a detach ---- */

inline cancel(s)
{
	load(WORD(s), word);
	id = ID(word, s);
	step(id, RAISED, ANSWERING);
	if
	:: won ->
		assert(!had[group_of[id]]);
		atomic { store(WORD(s), WORD_OF(id + 2, FREE), RELAXED); free = free | (1 << s) }
	:: else ->
		step(id, DELIVERED, CANCELLED);
		if
		:: won ->
			atomic { untold++; told[s] = id };
			if
			:: HAS(RETURN_WHEN_TOLD)
			:: else -> atomic { store(WORD(s), WORD_OF(id + 2, FREE), RELAXED); free = free | (1 << s) }
			fi
		:: else
		fi
	fi;
	atomic { id = 0; won = false }
}

inline flush(cookie)
{
	atomic { ended = ended + (holds[cookie] -> 1 : 0); holds[cookie] = 0 }
}

inline tell(s)
{
	if
	:: told[s] != NO_ID -> atomic { DRAINED; ring ! told[s], true }
	:: else
	fi
}

proctype detacher()
{
	byte me = 3, id, word, back, told[2] = NO_ID;
	bool won;

	atomic { !alone -> alone = true };
	!inside;
	flush(0);
	flush(1);
	latch_take();
	take_back();
	cancel(0);
	cancel(1);
	latch_release();
	tell(0);
	tell(1);
	atomic { DRAINED; alone = false }
}

init {
	atomic {
		memory[DATA(0)] = 128; /* of no group */
		memory[DATA(1)] = 128;
		run producer();
		run vmm();
		run expirer();
#ifndef GUESS
		run detacher();
		run stores_of(3);
#endif
		run stores_of(0);
		run stores_of(1);
		run stores_of(2)
	}
}
