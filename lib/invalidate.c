/* SPDX-License-Identifier: MIT */
/*
 * Invalidations of guests' tables: which are sound, and how much of a list was handled. What is of
 * a space the backend gets in one piece, what is of a whole device by itself, in the order of the
 * list. How caches are emptied is the leaf's.
 */
#include "core.h"

#define PAGE      UINT64_C(4096)
#define LIST_MOST (1u << 20)

static bool is_pasid(uint32_t pasid)
{
	return pasid == IOASID_PASID_NONE || !(pasid >> IOASID_PASID_BITS);
}

/* With a PASID table a range is one of a PASID's; without one there are none to name. */
static const char *pasid_fault(
	const struct ioasid_space *space, const struct ioasid_invalidation *one)
{
	bool wanted = one->what == IOASID_INVALIDATE_PASID || one->what == IOASID_INVALIDATE_RANGE;

	if (space->pasids && wanted)
		return is_pasid(one->pasid)
			       ? NULL
			       : "the PASID has more than 20 bits, and is not IOASID_PASID_NONE";
	if (one->what == IOASID_INVALIDATE_PASID)
		return "it wants a PASID table, and none is bound";
	if (!one->pasid)
		return NULL;
	return wanted ? "no PASID table is bound: pasid must be 0"
		      : "of a space or a device, pasid is 0";
}

static const char *range_fault(const struct ioasid_invalidation *one)
{
	if (!one->length || one->addr % PAGE || one->length % PAGE)
		return "a range is whole pages of 4096 bytes, at least one";
	return one->addr + (one->length - 1) < one->addr ? "the range wraps" : NULL;
}

/* The context's lock is held wherever a list has one of these. */
static const char *device_fault(
	const struct ioasid_space *space, const struct ioasid_invalidation *one)
{
	if (one->what != IOASID_INVALIDATE_DEVICE)
		return one->device ? "device is not NULL, but what is no device" : NULL;
	if (!one->device)
		return "device is NULL";
	if (one->flags)
		return "of a device all is forgotten: flags are 0";
	if (one->device->ctx != space->ctx)
		return "the device is of another context";
	return device_is_attached(one->device, space) ? NULL
						      : "the device is not attached to the space";
}

/* What is wrong with an invalidation; NULL: nothing. */
static const char *fault_of(const struct ioasid_space *space, const struct ioasid_invalidation *one)
{
	const char *fault;

	if (one->what > IOASID_INVALIDATE_DEVICE)
		return "what is unknown";
	if (one->flags & ~IOASID_INVALIDATE_LEAF || one->reserved)
		return "unknown flags, or reserved is not 0";
	fault = device_fault(space, one);
	if (!fault)
		fault = pasid_fault(space, one);
	if (fault)
		return fault;
	if (one->what == IOASID_INVALIDATE_RANGE)
		return range_fault(one);
	return one->addr || one->length
		       ? "of a space, a PASID or a device, address and length are 0"
		       : NULL;
}

static unsigned int count_sound(
	const struct ioasid_space *space, const struct ioasid_invalidation *list, unsigned int n)
{
	unsigned int sound = 0;

	while (sound < n && !fault_of(space, &list[sound]))
		sound++;
	return sound;
}

static int refuse_unsound(const struct ioasid_space *space, const struct ioasid_invalidation *list,
	unsigned int at, const char *call)
{
	const struct ioasid_invalidation *one = &list[at];

	return error_set(-EINVAL,
		"%s: list[%u], what %u, flags 0x%x, 0x%llx bytes from 0x%llx, pasid %u: %s", call,
		at, one->what, one->flags, (unsigned long long)one->length,
		(unsigned long long)one->addr, one->pasid, fault_of(space, one));
}

static unsigned int count_until_device(const struct ioasid_invalidation *list, unsigned int n)
{
	unsigned int i = 0;

	while (i < n && list[i].what != IOASID_INVALIDATE_DEVICE)
		i++;
	return i;
}

/* The first of the list, with those after it that the backend takes at the same time: *n of them.
 * How many were handled. */
static int handle_first(
	struct ioasid_space *space, const struct ioasid_invalidation *list, unsigned int *n)
{
	struct backend *be = space->ctx->be;
	unsigned int run = count_until_device(list, *n);
	int err;

	*n = run ? run : 1;
	if (run)
		return be->ops->invalidate(be, space->id, list, run);
	err = be->ops->device_invalidate(be, list->device->is.id);
	return err ? err : 1;
}

/* Sets the text for the first that was not handled. */
static int handle_sound(struct ioasid_space *space, const char *call,
	const struct ioasid_invalidation *list, unsigned int n)
{
	unsigned int done = 0;

	while (done < n) {
		unsigned int wanted = n - done;
		int got = handle_first(space, list + done, &wanted);

		if (got > 0)
			done += (unsigned int)got;
		if (got > 0 && (unsigned int)got == wanted)
			continue;
		got = error_from(
			got < 0 ? got : -EIO, "%s: list[%u] of space %u", call, done, space->id);
		return done ? (int)done : got;
	}
	return (int)done;
}

static int handle(struct ioasid_space *space, const char *call,
	const struct ioasid_invalidation *list, unsigned int n)
{
	unsigned int sound = count_sound(space, list, n);
	int got;

	if (!space->table.size)
		return error_set(
			-ENOENT, "%s: no page table is bound to space %u", call, space->id);
	got = handle_sound(space, call, list, sound);
	if (got < 0 || (unsigned int)got < sound || sound == n)
		return got;
	return refuse_unsound(space, list, sound, call) && got ? got : -EINVAL;
}

static int check_list(const struct ioasid_invalidation *list, unsigned int n, const char *call)
{
	if (n && !list)
		return null_argument(call, "list");
	if (n > LIST_MOST)
		return error_set(-EINVAL, "%s: %u at a time, the most are %u", call, n, LIST_MOST);
	return 0;
}

static int invalidate(struct ioasid_space *space, const char *call,
	const struct ioasid_invalidation *list, unsigned int n)
{
	int got = tree_enter_shared(space, call);

	if (got)
		return got;
	got = space_ready(space, call);
	if (!got)
		got = handle(space, call, list, n);
	tree_leave(space);
	return got;
}

/* Where a device is attached must not change meanwhile. */
static int invalidate_locked(struct ioasid_space *space, const char *call,
	const struct ioasid_invalidation *list, unsigned int n)
{
	int got = ctx_enter(space->ctx, call);

	if (got)
		return got;
	got = invalidate(space, call, list, n);
	ctx_leave(space->ctx);
	return got;
}

int ioasid_space_invalidate(
	struct ioasid_space *space, const struct ioasid_invalidation *list, unsigned int n)
{
	int got = space ? check_list(list, n, __func__) : null_argument(__func__, "space");

	if (!got && __atomic_load_n(&space->incomplete, __ATOMIC_RELAXED))
		got = group_refuse(space, __func__);
	if (got)
		return got;
	return count_until_device(list, n) == n ? invalidate(space, __func__, list, n)
						: invalidate_locked(space, __func__, list, n);
}
