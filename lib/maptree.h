/* SPDX-License-Identifier: MIT */
/*
 * An ordered container of closed address ranges that never overlap, as the I/O mappings of one
 * address space are. This room knows addresses and order only: what an entry's value, flags and
 * mark mean is the owner's, and so is locking. It must know nothing of devices, pages or memory.
 */
#ifndef MAPTREE_H
#define MAPTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct maptree_entry {
	uint64_t start;
	uint64_t last; /* inclusive, so that the whole 64-bit space can be named */
	uint64_t value;
	uint32_t flags;
	uint32_t mark;
};

struct maptree_node;

/* All zero is an empty tree. The fields are the container's own. */
struct maptree {
	struct maptree_node *root;
	size_t count;
	size_t nodes;
	uint64_t changes; /* inserts and removes so far */
};

/* Where an entry is. The fields are the container's own. */
struct maptree_place {
	struct maptree_entry *entry; /* NULL: none */
	struct maptree_node *leaf;
	uint64_t changes; /* as many as when it was found */
};

/*
 * Returns 0; -EEXIST when entries are in the way, the lowest of which is copied to *clash (may be
 * NULL); -EINVAL when the range ends before it starts; -ENOMEM, with every entry still as it was.
 */
int maptree_insert(
	struct maptree *tree, const struct maptree_entry *entry, struct maptree_entry *clash);

/* The same, and where it is. */
int maptree_insert_at(struct maptree *tree, const struct maptree_entry *entry,
	struct maptree_entry *clash, struct maptree_place *place);

/*
 * The three look-ups give NULL when there is no such entry. What they give may be changed in its
 * value, flags and mark, and is valid until the next insert, remove or clear.
 */

/* The entry that covers `addr`. */
struct maptree_entry *maptree_find(const struct maptree *tree, uint64_t addr);

/* The first entry that covers `from` or lies above it. */
struct maptree_entry *maptree_first(const struct maptree *tree, uint64_t from);

/* The last entry that starts below `below`. */
struct maptree_entry *maptree_before(const struct maptree *tree, uint64_t below);

/*
 * A walk without looking up: `maptree_seek` is `maptree_first` and notes the place, `maptree_next`
 * steps to the entry after it, as long as nothing is inserted or removed.
 */
struct maptree_entry *maptree_seek(
	const struct maptree *tree, uint64_t from, struct maptree_place *place);
struct maptree_entry *maptree_next(struct maptree_place *place);

/* As `maptree_seek`, with the place that one for the same address gave: it is looked up again only
 * if the tree changed in between. A place that is all zero was not found yet. */
static inline struct maptree_entry *maptree_again(
	const struct maptree *tree, uint64_t from, struct maptree_place *place)
{
	return place->changes == tree->changes ? place->entry : maptree_seek(tree, from, place);
}

/* Removes the entry at a place that was found, or found again, since the last change. */
void maptree_remove_at(struct maptree *tree, const struct maptree_place *place);

/* Removes the entry that starts exactly at `start`: 0 or -ENOENT. It needs no memory. */
int maptree_remove(struct maptree *tree, uint64_t start);

size_t maptree_count(const struct maptree *tree);

/* The heap bytes held, without the allocator's own. */
size_t maptree_bytes(const struct maptree *tree);

/* Frees everything; the tree is empty and can be used again. */
void maptree_clear(struct maptree *tree);

/*
 * Finds the lowest hole of `length` bytes inside [from, to_last] that starts at a multiple of
 * `align`. Returns 0 and *start; -ENOSPC; or -EINVAL when `length` is 0 or `align` is no power of
 * two. It walks the entries from `from` up to the hole, so its time grows with their number.
 */
int maptree_room(const struct maptree *tree, uint64_t from, uint64_t to_last, uint64_t length,
	uint64_t align, uint64_t *start);

#endif
