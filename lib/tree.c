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
	gate_init(&tree->lock);
	return tree;
}

void tree_unref(struct tree *tree)
{
	if (--tree->refs)
		return;
	gate_destroy(&tree->lock);
	free(tree);
}

void tree_close(struct tree *tree)
{
	gate_shut(&tree->lock);
	tree->closed = true;
	gate_leave(&tree->lock);
}

static int refuse_closed(struct ioasid_space *space, const char *call)
{
	if (!space->tree->closed)
		return 0;
	tree_leave(space);
	return error_set(-ENODEV, "%s: the context was closed: only destroy the handle", call);
}

/* Inside already, with others. */
int tree_enter_slowly(struct ioasid_space *space, const char *call)
{
	if (space->tree->closed)
		return refuse_closed(space, call);
	/* children that come or go meanwhile make it needlessly exclusive at worst: they take
	 * the lock exclusively themselves, and a space once nested stays so */
	tree_leave(space);
	tree_lock(space);
	return refuse_closed(space, call);
}

int tree_enter_shared(struct ioasid_space *space, const char *call)
{
	gate_enter(&space->tree->lock);
	return refuse_closed(space, call);
}

int tree_enter_alone(struct ioasid_space *space, const char *call)
{
	tree_lock(space);
	return refuse_closed(space, call);
}

void tree_lock(struct ioasid_space *space)
{
	gate_shut(&space->tree->lock);
}
