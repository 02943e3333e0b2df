/* SPDX-License-Identifier: MIT */
/*
 * The lock of a root space and all that nests on it: maps of un-nested spaces share it; where a
 * change of one space must show in others by copies, it excludes the rest of the tree.
 */
#include "core.h"

struct tree *tree_new(void)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return NULL;
	tree->refs = 1;
	writer_first(&tree->lock);
	return tree;
}

void tree_unref(struct tree *tree)
{
	if (--tree->refs)
		return;
	pthread_rwlock_destroy(&tree->lock);
	free(tree);
}

void tree_close(struct tree *tree)
{
	pthread_rwlock_wrlock(&tree->lock);
	tree->closed = true;
	pthread_rwlock_unlock(&tree->lock);
}

static void lock_as_needed(struct ioasid_space *space)
{
	pthread_rwlock_rdlock(&space->tree->lock);
	if (space->tree->closed || !nest_copies(space))
		return;
	/* children that come or go meanwhile make it needlessly exclusive at worst: they take
	 * the lock exclusively themselves, and a space once nested stays so */
	pthread_rwlock_unlock(&space->tree->lock);
	pthread_rwlock_wrlock(&space->tree->lock);
}

static int refuse_closed(struct ioasid_space *space, const char *call)
{
	if (!space->tree->closed)
		return 0;
	tree_leave(space);
	return error_set(-ENODEV, "%s: the context was closed: only destroy the handle", call);
}

int tree_enter(struct ioasid_space *space, const char *call)
{
	lock_as_needed(space);
	return refuse_closed(space, call);
}

int tree_enter_alone(struct ioasid_space *space, const char *call)
{
	tree_lock(space);
	return refuse_closed(space, call);
}

void tree_lock(struct ioasid_space *space)
{
	pthread_rwlock_wrlock(&space->tree->lock);
}

void tree_leave(struct ioasid_space *space)
{
	pthread_rwlock_unlock(&space->tree->lock);
}
