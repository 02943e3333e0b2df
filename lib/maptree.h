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
};

/*
 * Returns 0; -EEXIST when entries are in the way, the lowest of which is copied to *clash (may be
 * NULL); -EINVAL when the range ends before it starts; -ENOMEM, with every entry still as it was.
 */
int maptree_insert(
	struct maptree *tree, const struct maptree_entry *entry, struct maptree_entry *clash);

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
