/* SPDX-License-Identifier: MIT */
/*
 * Written pages: see dirty.h. The bits are of the least page that any IOMMU has, so that none must
 * be split or merged when devices with other pages come and go; a read folds them into the pages
 * that it asks in. It must not know devices, nor who translates.
 */
#include "../error.h"
#include "space.h"
#include <errno.h>
#include <stdlib.h>

#define NOTE_SHIFT 12u /* of the least least page */
#define WORD_BITS  64u

/* Bits of a map. */
struct notes {
	struct maptree_entry map;
	uint64_t *words;
};

static struct notes notes_of(const struct maptree_entry *map)
{
	return (struct notes){*map, (uint64_t *)(uintptr_t)map->value};
}

static uint64_t bit_of(const struct notes *notes, uint64_t addr)
{
	return (addr - notes->map.start) >> NOTE_SHIFT;
}

/* Of the bits first to last those that are in this word. */
static uint64_t mask_in(uint64_t word, uint64_t first, uint64_t last)
{
	uint64_t mask = UINT64_MAX;

	if (word == first / WORD_BITS)
		mask <<= first % WORD_BITS;
	if (word == last / WORD_BITS)
		mask &= UINT64_MAX >> (WORD_BITS - 1 - last % WORD_BITS);
	return mask;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Writes */

static void set(const struct notes *notes, uint64_t first, uint64_t last)
{
	for (uint64_t word = first / WORD_BITS; word <= last / WORD_BITS; word++)
		/* Release: the bytes are there for who takes the bit, see take(). Never left out
		 * for a bit that is set already: it may be taken before the bytes are seen. */
		__atomic_fetch_or(
			&notes->words[word], mask_in(word, first, last), __ATOMIC_RELEASE);
}

void mock_dirty_mark(const struct mock_space *space, uint64_t addr, uint64_t length)
{
	const struct maptree_entry *map =
		space->dirty.on ? maptree_find(&space->dirty.maps, addr) : NULL;
	struct notes notes;

	if (!map)
		return;
	notes = notes_of(map);
	set(&notes, bit_of(&notes, addr), bit_of(&notes, least(addr + (length - 1), map->last)));
}

/* Maps */

static uint64_t *new_words(const struct maptree_entry *map)
{
	uint64_t words = ((map->last - map->start) >> NOTE_SHIFT) / WORD_BITS + 1;

	return (size_t)words == words ? calloc((size_t)words, sizeof(uint64_t)) : NULL;
}

static int add(struct maptree *maps, const struct maptree_entry *map)
{
	struct maptree_entry entry = {.start = map->start, .last = map->last};
	uint64_t *words = new_words(map);
	int err;

	if (!words)
		return -ENOMEM;
	entry.value = (uint64_t)(uintptr_t)words;
	err = maptree_insert(maps, &entry, NULL);
	if (err)
		free(words);
	return err;
}

int mock_dirty_add(struct mock_space *space, const struct maptree_entry *map)
{
	return space->dirty.on ? add(&space->dirty.maps, map) : 0;
}

static void forget(struct maptree *maps, const struct maptree_entry *map)
{
	free((void *)(uintptr_t)map->value);
	maptree_remove(maps, map->start);
}

void mock_dirty_remove(struct mock_space *space, uint64_t start)
{
	const struct maptree_entry *map = maptree_find(&space->dirty.maps, start);

	if (map)
		forget(&space->dirty.maps, map);
}

static void forget_all(struct maptree *maps)
{
	const struct maptree_entry *map;

	while ((map = maptree_first(maps, 0)))
		forget(maps, map);
}

/* Start and stop */

static int start(struct mock_space *space)
{
	struct maptree_place place = {0};
	const struct maptree_entry *map = maptree_seek(&space->maps, 0, &place);
	int err = 0;

	for (; map && !err; map = maptree_next(&place))
		err = add(&space->dirty.maps, map);
	if (err)
		forget_all(&space->dirty.maps);
	space->dirty.on = !err;
	return err;
}

static int stop(struct mock_space *space)
{
	forget_all(&space->dirty.maps);
	space->dirty.on = false;
	return 0;
}

static int find(struct mock_backend *be, uint32_t id, struct mock_space **space)
{
	*space = table_get(&be->spaces, id);
	return *space ? 0 : error_reason(-ENOENT, "no space %u", id);
}

static int change(struct mock_backend *be, uint32_t id, int (*how)(struct mock_space *space))
{
	struct mock_space *space;
	int err;

	pthread_rwlock_wrlock(&be->mock->world);
	err = find(be, id, &space);
	if (!err)
		err = how(space);
	pthread_rwlock_unlock(&be->mock->world);
	return err;
}

int mock_dirty_start(struct backend *base, uint32_t id)
{
	struct mock_backend *be = mock_backend(base);
	int err = mock_injected(be->mock, IOASID_MOCK_OP_DIRTY_START);

	return err ? err : change(be, id, start);
}

int mock_dirty_stop(struct backend *base, uint32_t id)
{
	struct mock_backend *be = mock_backend(base);
	int err = mock_injected(be->mock, IOASID_MOCK_OP_DIRTY_STOP);

	return err ? err : change(be, id, stop);
}

/* Reads */

/* What is set of a word; then, unless it is kept, no more. */
static uint64_t take(uint64_t *word, uint64_t mask, bool keep)
{
	/* Acquire, both: the bytes that were moved before set() set the bit are seen. */
	uint64_t bits = __atomic_load_n(word, __ATOMIC_ACQUIRE) & mask;

	if (!bits || keep)
		return bits;
	return __atomic_fetch_and(word, ~mask, __ATOMIC_ACQUIRE) & mask;
}

/* A note is of one page of the wish's, which are no smaller. */
static void show(
	const struct backend_dirty *wish, const struct notes *notes, uint64_t word, uint64_t bits)
{
	for (; bits; bits &= bits - 1) {
		uint64_t note = word * WORD_BITS + (uint64_t)__builtin_ctzll(bits);
		uint64_t addr = notes->map.start + (note << NOTE_SHIFT);
		uint64_t page = (addr - wish->iova) / wish->page;

		wish->bitmap[page / WORD_BITS] |= UINT64_C(1) << page % WORD_BITS;
	}
}

static void read_notes(
	const struct backend_dirty *wish, const struct notes *notes, uint64_t from, uint64_t to)
{
	uint64_t first = bit_of(notes, from), last = bit_of(notes, to);

	for (uint64_t word = first / WORD_BITS; word <= last / WORD_BITS; word++)
		show(wish, notes, word,
			take(&notes->words[word], mask_in(word, first, last), wish->keep));
}

/* What the caller takes for one map may be several: a copy of some that lay side by side. */
static int read(const struct mock_space *space, const struct backend_dirty *wish)
{
	uint64_t from = wish->iova, last = wish->iova + (wish->length - 1), to;

	do {
		const struct maptree_entry *map = maptree_find(&space->dirty.maps, from);
		struct notes notes;

		if (!map)
			return error_reason(-ENOENT, "space %u has no map at 0x%llx that is noted",
				space->id, (unsigned long long)from);
		notes = notes_of(map);
		to = least(last, map->last);
		read_notes(wish, &notes, from, to);
		from = to + 1;
	} while (to < last);
	return 0;
}

int mock_dirty_read(struct backend *base, uint32_t id, const struct backend_dirty *wish)
{
	struct mock_backend *be = mock_backend(base);
	int err = mock_injected(be->mock, IOASID_MOCK_OP_DIRTY_READ);
	struct mock_space *space;

	if (err)
		return err;
	/* shared: DMA goes on meanwhile */
	pthread_rwlock_rdlock(&be->mock->world);
	err = find(be, id, &space);
	if (!err)
		err = read(space, wish);
	pthread_rwlock_unlock(&be->mock->world);
	return err;
}
