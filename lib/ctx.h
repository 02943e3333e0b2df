/* SPDX-License-Identifier: MIT */
/*
 * The one door from a leaf into the core: a context made of a backend.
 */
#ifndef CTX_H
#define CTX_H

struct backend;
struct ioasid_ctx;

/* 0 and *ctx, which owns the backend from then on; -ENOMEM, and the backend is the caller's. Before
 * there is one, be is NULL: see open.c. */
int ctx_new(struct backend *be, struct ioasid_ctx **ctx);

#endif
