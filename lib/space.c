/* SPDX-License-Identifier: MIT */
/*
 * I/O address spaces: the tree of them, who may end, what is known about one. Their maps are
 * map.c's, what is attached to them attachment.c's.
 */
#include "core.h"

#define DEPTH_MOST 64u
#define KNOWN_FLAGS                                                                                \
	(IOASID_SPACE_NEST_PARENT | IOASID_SPACE_DIRTY_TRACKING | IOASID_SPACE_SMALL_PAGES)

static int check_opts(
	struct ioasid_ctx *ctx, const struct ioasid_space_opts *opts, const char *call)
{
	if (opts->flags & ~KNOWN_FLAGS)
		return error_set(
			-EINVAL, "%s: unknown flags 0x%x", call, opts->flags & ~KNOWN_FLAGS);
	if (opts->faults && opts->faults->ctx != ctx)
		return error_set(-EINVAL, "%s: the fault queue is of another context", call);
	if (opts->faults && opts->flags & IOASID_SPACE_NEST_PARENT)
		return error_set(-EOPNOTSUPP,
			"%s: no kernel takes faults of a nesting parent: give the queue to its children",
			call);
	return 0;
}

static void init(struct ioasid_space *space, struct ioasid_ctx *ctx, struct ioasid_space *parent)
{
	space->ctx = ctx;
	space->parent = parent;
	list_init(&space->children);
	list_init(&space->attachments);
	space->ranges.near = (struct ioasid_range){1, 0};
	ctx_ref(ctx);
}

/* Takes a space that was never, or is no more, in the tree. */
static void release(struct ioasid_space *space)
{
	struct ioasid_ctx *ctx = space->ctx;

	maptree_clear(&space->maps);
	free(space->ranges.usable.list);
	free(space->windows.list);
	free(space);
	ctx_unref(ctx);
}

static struct tree *tree_of(struct ioasid_space *parent)
{
	if (!parent)
		return tree_new();
	parent->tree->refs++;
	return parent->tree;
}

static int make(struct ioasid_space *space, const struct ioasid_space_opts *opts)
{
	struct ioasid_space *parent = space->parent;
	struct backend *be = space->ctx->be;
	struct backend_space wish = {.flags = opts->flags};

	if (parent && backend_has(be, IOASID_EXT_NEST_SOFTWARE))
		wish.parent = parent->id;
	if (opts->faults)
		wish.faultq = opts->faults->is.id;
	space->flags = opts->flags;
	space->faults = opts->faults;
	return be->ops->space_new(be, &wish, &space->id);
}

/* It has a parent, or children, and the backend does not know. */
static void update_copies(struct ioasid_space *space)
{
	space->copies = !backend_has(space->ctx->be, IOASID_EXT_NEST_SOFTWARE) &&
			(space->parent || !list_empty(&space->children));
}

static void link_in(struct ioasid_space *space)
{
	update_copies(space);
	list_append(&space->ctx->spaces, &space->link);
	if (!space->parent)
		return;
	tree_lock(space);
	list_append(&space->parent->children, &space->sibling);
	update_copies(space->parent);
	tree_leave(space);
}

static int check_depth(const struct ioasid_space *parent, const char *call)
{
	unsigned int depth = 0;

	for (; parent; parent = parent->parent)
		depth++;
	if (depth < DEPTH_MOST)
		return 0;
	return error_set(-EOPNOTSUPP, "%s: more than %u levels of nesting", call, DEPTH_MOST);
}

static int make_locked(
	struct ioasid_space *space, const struct ioasid_space_opts *opts, const char *call)
{
	int err = check_depth(space->parent, call);

	if (!err && space->parent)
		err = pgtable_refuse(space->parent, call);
	if (err)
		return err;
	space->tree = tree_of(space->parent);
	if (!space->tree)
		return error_set(-ENOMEM, "%s: no memory for a space", call);
	err = make(space, opts);
	if (!err) {
		link_in(space);
		return 0;
	}
	tree_unref(space->tree);
	return error_from(err, "%s: a space", call);
}

static int new_space(struct ioasid_ctx *ctx, struct ioasid_space *parent,
	const struct ioasid_space_opts *given, struct ioasid_space **out, const char *call)
{
	struct ioasid_space_opts opts;
	struct ioasid_space *space;
	int err = opts_copy(&opts, sizeof(opts), given, call);

	if (!err)
		err = check_opts(ctx, &opts, call);
	if (err)
		return err;
	space = calloc(1, sizeof(*space));
	if (!space)
		return error_set(-ENOMEM, "%s: no memory for a space", call);
	init(space, ctx, parent);
	err = ctx_enter(ctx, call);
	if (!err) {
		err = make_locked(space, &opts, call);
		ctx_leave(ctx);
	}
	if (err)
		release(space);
	else
		*out = space;
	return err;
}

int ioasid_space_new(
	struct ioasid_ctx *ctx, const struct ioasid_space_opts *opts, struct ioasid_space **space)
{
	if (!ctx || !space)
		return null_argument(__func__, ctx ? "space" : "ctx");
	return new_space(ctx, NULL, opts, space, __func__);
}

int ioasid_space_new_nested(struct ioasid_space *parent, const struct ioasid_space_opts *opts,
	struct ioasid_space **space)
{
	if (!parent || !space)
		return null_argument(__func__, parent ? "space" : "parent");
	return new_space(parent->ctx, parent, opts, space, __func__);
}

bool space_is_ancestor(const struct ioasid_space *space, const struct ioasid_space *of)
{
	while (of && of != space)
		of = of->parent;
	return of;
}

static int refuse_busy(struct ioasid_space *space, const char *call)
{
	if (!list_empty(&space->children)) {
		struct ioasid_space *child =
			list_entry(space->children.next, struct ioasid_space, sibling);

		return error_set(-EBUSY, "%s: space %u has the child %u: destroy that first", call,
			space->id, child->id);
	}
	if (!list_empty(&space->attachments)) {
		struct ioasid_attachment *attachment =
			list_entry(space->attachments.next, struct ioasid_attachment, of_space);

		return error_set(-EBUSY, "%s: %s is attached to space %u: detach it first", call,
			attachment->device->name, space->id);
	}
	return pgtable_refuse(space, call);
}

static void unmake(struct ioasid_space *space)
{
	struct backend *be = space->ctx->be;

	tree_lock(space);
	list_remove(&space->sibling);
	if (space->parent)
		update_copies(space->parent);
	be->ops->space_destroy(be, space->id);
	map_drop_all(space);
	tree_leave(space);
}

/* Under the context's lock; after a close, in any order with those that it was linked with. */
static void take_out(struct ioasid_space *space)
{
	if (!space->ctx->closed)
		unmake(space);
	list_drain(&space->children);
	list_drain(&space->attachments);
	list_remove(&space->sibling);
	list_remove(&space->link);
	tree_unref(space->tree);
}

int ioasid_space_destroy(struct ioasid_space *space)
{
	int err;

	if (!space)
		return 0;
	pthread_mutex_lock(&space->ctx->lock);
	err = space->ctx->closed ? 0 : refuse_busy(space, __func__);
	if (!err) {
		take_out(space);
	}
	pthread_mutex_unlock(&space->ctx->lock);
	if (!err)
		release(space);
	return err;
}

uint32_t ioasid_space_id(const struct ioasid_space *space)
{
	return space ? space->id : 0;
}

struct ioasid_space *ioasid_space_parent(const struct ioasid_space *space)
{
	struct ioasid_space *parent;

	if (!space)
		return NULL;
	pthread_mutex_lock(&space->ctx->lock);
	parent = space->ctx->closed ? NULL : space->parent;
	pthread_mutex_unlock(&space->ctx->lock);
	return parent;
}

int ioasid_space_children(
	struct ioasid_space *space, struct ioasid_space **children, unsigned int n)
{
	int err, count = 0;

	if (!space || (n && !children))
		return null_argument(__func__, space ? "children" : "space");
	err = ctx_enter(space->ctx, __func__);
	if (err)
		return err;
	list_each(link, &space->children)
	{
		if ((unsigned int)count < n)
			children[count] = list_entry(link, struct ioasid_space, sibling);
		count++;
	}
	ctx_leave(space->ctx);
	return count;
}

int space_refuse_unready(struct ioasid_space *space, const char *call)
{
	return error_set(-ENXIO,
		"%s: space %u has no device, and this backend takes commands only after the first attach",
		call, space->id);
}

int space_enter(struct ioasid_space *space, const char *call)
{
	int err = __atomic_load_n(&space->incomplete, __ATOMIC_RELAXED) ? group_refuse(space, call)
									: 0;

	if (!err)
		err = ctx_enter(space->ctx, call);
	if (err)
		return err;
	err = space_ready(space, call);
	if (err)
		ctx_leave(space->ctx);
	return err;
}
