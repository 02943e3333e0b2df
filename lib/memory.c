/* SPDX-License-Identifier: MIT */
/*
 * Registered memory: accounted once, mapped often. Keeps who uses what, so that no map outlives
 * the registration that it rests on. Pinning is the backend's.
 */
#include "core.h"

#define PAGE UINT64_C(4096)

static int check_range(const char *call, const void *start, uint64_t length)
{
	uint64_t addr = (uintptr_t)start;

	if (!start)
		return null_argument(call, "addr");
	if (!length || addr % PAGE || length % PAGE)
		return error_set(-EINVAL,
			"%s: 0x%llx, length 0x%llx: both must be multiples of 0x1000, and not empty",
			call, (unsigned long long)addr, (unsigned long long)length);
	if (addr + (length - 1) < addr)
		return error_set(-EINVAL,
			"%s: 0x%llx, length 0x%llx wraps around the address space", call,
			(unsigned long long)addr, (unsigned long long)length);
	return 0;
}

static int refuse_overlap(const struct maptree_entry *other, uint64_t addr, const char *call)
{
	return error_set(-EEXIST, "%s: memory at 0x%llx overlaps 0x%llx-0x%llx, registered before",
		call, (unsigned long long)addr, (unsigned long long)other->start,
		(unsigned long long)other->last);
}

static int insert(struct ioasid_ctx *ctx, uint64_t addr, uint64_t length, const char *call)
{
	struct maptree_entry entry = {.start = addr, .last = addr + (length - 1)}, other;
	int err = maptree_insert(&ctx->memory.ranges, &entry, &other);

	if (err == -EEXIST)
		return refuse_overlap(&other, addr, call);
	return err ? error_from(err, "%s: memory at 0x%llx", call, (unsigned long long)addr) : 0;
}

/* From here on maps wait for the lock to learn what is registered. *first: they did not before. */
static int begin_use(struct memory *memory, bool *first, const char *call)
{
	uint64_t others = 0;

	/* relaxed: it is about this word alone; what is registered is under the lock */
	*first = __atomic_compare_exchange_n(
		&memory->others, &others, MEMORY_USED, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	if (*first || others & MEMORY_USED)
		return 0;
	return error_set(-EBUSY,
		"%s: %llu maps use memory that is not registered: unmap them first", call,
		(unsigned long long)(others / MEMORY_OTHER));
}

static int register_used(struct ioasid_ctx *ctx, uint64_t addr, uint64_t length, const char *call)
{
	int err = insert(ctx, addr, length, call);

	if (err)
		return err;
	err = ctx->be->ops->memory_register(ctx->be, addr, length);
	if (!err)
		return 0;
	maptree_remove(&ctx->memory.ranges, addr);
	return error_from(err, "%s: memory 0x%llx-0x%llx", call, (unsigned long long)addr,
		(unsigned long long)(addr + (length - 1)));
}

/* Under the memory lock throughout: no map may slip in between. */
static int register_locked(struct ioasid_ctx *ctx, uint64_t addr, uint64_t length, const char *call)
{
	bool first;
	int err = begin_use(&ctx->memory, &first, call);

	if (err)
		return err;
	err = register_used(ctx, addr, length, call);
	if (err && first)
		__atomic_fetch_and(&ctx->memory.others, ~MEMORY_USED, __ATOMIC_RELAXED);
	return err;
}

static int check_registered(
	struct ioasid_ctx *ctx, uint64_t addr, uint64_t length, const char *call)
{
	const struct maptree_entry *entry = maptree_find(&ctx->memory.ranges, addr);

	if (!entry || entry->start != addr || entry->last - addr != length - 1)
		return error_set(-ENOENT,
			"%s: no memory was registered as 0x%llx, length 0x%llx: name one as it was",
			call, (unsigned long long)addr, (unsigned long long)length);
	if (entry->value)
		return error_set(-EBUSY,
			"%s: %llu maps use the memory 0x%llx-0x%llx: unmap them first", call,
			(unsigned long long)entry->value, (unsigned long long)entry->start,
			(unsigned long long)entry->last);
	return 0;
}

static int unregister_locked(
	struct ioasid_ctx *ctx, uint64_t addr, uint64_t length, const char *call)
{
	int err = check_registered(ctx, addr, length, call);

	if (err)
		return err;
	err = ctx->be->ops->memory_unregister(ctx->be, addr, length);
	if (err)
		return error_from(err, "%s: memory at 0x%llx", call, (unsigned long long)addr);
	return maptree_remove(&ctx->memory.ranges, addr);
}

/* With the context's lock and the memory's. */
static int change(struct ioasid_ctx *ctx, const void *addr, uint64_t length, const char *call,
	int (*step)(struct ioasid_ctx *, uint64_t, uint64_t, const char *))
{
	int err = ctx ? check_range(call, addr, length) : null_argument(call, "ctx");

	if (!err)
		err = ctx_enter(ctx, call);
	if (err)
		return err;
	pthread_mutex_lock(&ctx->memory.lock);
	err = step(ctx, (uintptr_t)addr, length, call);
	pthread_mutex_unlock(&ctx->memory.lock);
	ctx_leave(ctx);
	return err;
}

int ioasid_memory_register(struct ioasid_ctx *ctx, const void *addr, uint64_t length)
{
	return change(ctx, addr, length, __func__, register_locked);
}

int ioasid_memory_unregister(struct ioasid_ctx *ctx, const void *addr, uint64_t length)
{
	return change(ctx, addr, length, __func__, unregister_locked);
}

/* Under the lock nobody registers: the answer stands. */
static int use_locked(struct memory *memory, struct mapping *mapping)
{
	uint64_t addr = mapping->entry.value, last = addr + (mapping->length - 1);
	struct maptree_entry *entry = maptree_find(&memory->ranges, addr);

	if (memory_use_any(memory))
		return 0;
	if (!entry || entry->last < last)
		return error_set(-EINVAL,
			"%s: memory 0x%llx-0x%llx is not inside one registered range: register it first",
			mapping->call, (unsigned long long)addr, (unsigned long long)last);
	entry->value++;
	mapping->entry.mark |= MAP_REGISTERED;
	return 0;
}

int memory_use_slowly(struct ioasid_ctx *ctx, struct mapping *mapping)
{
	int err;

	pthread_mutex_lock(&ctx->memory.lock);
	err = use_locked(&ctx->memory, mapping);
	pthread_mutex_unlock(&ctx->memory.lock);
	return err;
}

void memory_drop_registered(struct ioasid_ctx *ctx, uint64_t addr)
{
	pthread_mutex_lock(&ctx->memory.lock);
	maptree_find(&ctx->memory.ranges, addr)->value--;
	pthread_mutex_unlock(&ctx->memory.lock);
}
