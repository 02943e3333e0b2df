/* SPDX-License-Identifier: MIT */
/*
 * Contexts: one backend, its lock, and the objects made on it. The context's memory lives until
 * the last handle is gone, its backend works until it is closed.
 */
#include "core.h"
#include <string.h>

int null_argument(const char *call, const char *what)
{
	return error_set(-EINVAL, "%s: %s is NULL", call, what);
}

int ctx_new(struct backend *be, struct ioasid_ctx **out)
{
	struct ioasid_ctx *ctx = calloc(1, sizeof(*ctx));

	if (!ctx)
		return error_set(-ENOMEM, "no memory for a context");
	ctx->be = be;
	ctx->refs = 1;
	list_init(&ctx->spaces);
	list_init(&ctx->devices);
	list_init(&ctx->faultqs);
	pthread_mutex_init(&ctx->lock, NULL);
	pthread_mutex_init(&ctx->memory.lock, NULL);
	*out = ctx;
	return 0;
}

int ctx_enter(struct ioasid_ctx *ctx, const char *call)
{
	pthread_mutex_lock(&ctx->lock);
	if (!ctx->closed)
		return 0;
	pthread_mutex_unlock(&ctx->lock);
	return error_set(-ENODEV, "%s: the context was closed: only destroy the handle", call);
}

void ctx_leave(struct ioasid_ctx *ctx)
{
	pthread_mutex_unlock(&ctx->lock);
}

void ctx_ref(struct ioasid_ctx *ctx)
{
	__atomic_fetch_add(&ctx->refs, 1, __ATOMIC_RELAXED);
}

void ctx_unref(struct ioasid_ctx *ctx)
{
	/* Acquire and release: the last one sees what all others did. */
	if (__atomic_sub_fetch(&ctx->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (ctx->be)
		ctx->be->ops->release(ctx->be);
	maptree_clear(&ctx->memory.ranges);
	pthread_mutex_destroy(&ctx->memory.lock);
	pthread_mutex_destroy(&ctx->lock);
	free(ctx);
}

/* From here on no answer and no map is on its way to the backend, and none sets out. */
static void quiesce(struct ioasid_ctx *ctx)
{
	list_each(link, &ctx->faultqs)
	{
		struct ioasid_faultq *queue = list_entry(link, struct ioasid_faultq, link);

		pthread_rwlock_wrlock(&queue->guard);
		__atomic_store_n(&queue->closed, true, __ATOMIC_RELAXED);
		pthread_rwlock_unlock(&queue->guard);
	}
	list_each(link, &ctx->spaces) tree_close(list_entry(link, struct ioasid_space, link)->tree);
}

void ioasid_close(struct ioasid_ctx *ctx)
{
	if (!ctx)
		return;
	pthread_mutex_lock(&ctx->lock);
	ctx->closed = true;
	quiesce(ctx);
	ctx->be->ops->close(ctx->be);
	list_each(link, &ctx->spaces) map_close(list_entry(link, struct ioasid_space, link));
	list_each(link, &ctx->devices) device_close(list_entry(link, struct ioasid_device, link));
	pthread_mutex_unlock(&ctx->lock);
	ctx_unref(ctx);
}

int ioasid_check_extension(struct ioasid_ctx *ctx, uint32_t extension)
{
	if (!ctx)
		return null_argument(__func__, "ctx");
	/* where the backend does not nest, nest.c does */
	return extension == IOASID_EXT_NEST_SOFTWARE || backend_has(ctx->be, extension);
}
