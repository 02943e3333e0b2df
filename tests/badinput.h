/* SPDX-License-Identifier: MIT */
/*
 * Bad input, row by row: each public function gets arguments that are wrong in one way, and must
 * give the right error, with a text that names the call and the culprit, and change nothing that a
 * dump, a counter or a device can show. A file a noun has the rows, badinput.c the fixture.
 */
#ifndef BADINPUT_H
#define BADINPUT_H

#include "support.h"
#include <errno.h>
#include <ioasid/fault.h>
#include <string.h>

#define PAGE UINT64_C(4096)
#define NONE IOASID_PASID_NONE

/* A context with one object of each kind. */
struct badinput_set {
	struct ioasid_ctx *ctx;
	struct ioasid_faultq *queue;
	struct ioasid_space *space, *child;
	struct ioasid_device
		*device;            /* "disk0", label 0xd15c, attached to space, 8 bits of PASID */
	struct ioasid_device *idle; /* bound only */
	struct ioasid_attachment *route;
};

struct badinput {
	struct ioasid_mock *mock;
	struct badinput_set here;  /* 0x10000-0x13fff of the space is mapped */
	struct badinput_set other; /* another open context */
	struct badinput_set gone;  /* handles of a closed one; ctx is NULL */
	unsigned char *memory;     /* 8 pages; the last two are registered nowhere */
	const char *symbol;
	unsigned int rows;
};

void badinput_begin(struct badinput *, const char *symbol);
void badinput_end(struct badinput *);

/* What a refused call must leave alone. */
struct badinput_state {
	char *dump[2];
	struct ioasid_mock_stats mock;
	struct ioasid_faultq_stats queue[2];
	unsigned int fds;
};

struct badinput_want {
	long long error;
	const char *words;
	long long result;
	const char *call;
};

void badinput_look(struct badinput *, struct badinput_state *);
void badinput_unchanged(struct badinput *, struct badinput_state *, const char *call);
void badinput_row(struct badinput *, struct badinput_state *, const struct badinput_want *);

/* The call gives this error, and the text names it and has these words. */
#define REFUSES(b, err, text, fn, ...)                                                             \
	do {                                                                                       \
		struct badinput_state before_;                                                     \
		badinput_look(b, &before_);                                                        \
		ck_assert_str_eq((b)->symbol, #fn);                                                \
		badinput_row(b, &before_,                                                          \
			&(const struct badinput_want){.error = (err),                              \
				.words = (text),                                                   \
				.result = (fn)(__VA_ARGS__),                                       \
				.call = #fn "(" #__VA_ARGS__ ")"});                                \
	} while (0)

/* The same for a call that cannot fail: it gives this value. */
#define GIVES(b, value, fn, ...)                                                                   \
	do {                                                                                       \
		struct badinput_state before_;                                                     \
		badinput_look(b, &before_);                                                        \
		ck_assert_str_eq((b)->symbol, #fn);                                                \
		ck_assert((fn)(__VA_ARGS__) == (value));                                           \
		badinput_unchanged(b, &before_, #fn "(" #__VA_ARGS__ ")");                         \
	} while (0)

#define IGNORES(b, fn, ...)                                                                        \
	do {                                                                                       \
		struct badinput_state before_;                                                     \
		badinput_look(b, &before_);                                                        \
		ck_assert_str_eq((b)->symbol, #fn);                                                \
		(fn)(__VA_ARGS__);                                                                 \
		badinput_unchanged(b, &before_, #fn "(" #__VA_ARGS__ ")");                         \
	} while (0)

/* An option structure with a byte that this library does not know. */
#define TOO_NEW(name, type)                                                                        \
	struct {                                                                                   \
		struct type known;                                                                 \
		uint64_t more;                                                                     \
	} name = {.known.size = sizeof(name), .more = 1}

/* A function's rows are in a function of its name. */
#define BADINPUT_CALLS(X)                                                                          \
	X(ioasid_attachment_detach)                                                                \
	X(ioasid_attachment_replace)                                                               \
	X(ioasid_attachment_space)                                                                 \
	X(ioasid_check_extension)                                                                  \
	X(ioasid_close)                                                                            \
	X(ioasid_device_attach)                                                                    \
	X(ioasid_device_bind)                                                                      \
	X(ioasid_device_info)                                                                      \
	X(ioasid_device_unbind)                                                                    \
	X(ioasid_dump)                                                                             \
	X(ioasid_faultq_complete)                                                                  \
	X(ioasid_faultq_expire)                                                                    \
	X(ioasid_faultq_find)                                                                      \
	X(ioasid_faultq_free)                                                                      \
	X(ioasid_faultq_get_fd)                                                                    \
	X(ioasid_faultq_new)                                                                       \
	X(ioasid_faultq_pending)                                                                   \
	X(ioasid_faultq_read)                                                                      \
	X(ioasid_faultq_stats)                                                                     \
	X(ioasid_faultq_wait)                                                                      \
	X(ioasid_kvm_map_pasid)                                                                    \
	X(ioasid_kvm_unmap_pasid)                                                                  \
	X(ioasid_last_error)                                                                       \
	X(ioasid_memory_register)                                                                  \
	X(ioasid_memory_unregister)                                                                \
	X(ioasid_open)                                                                             \
	X(ioasid_space_allow)                                                                      \
	X(ioasid_space_bind_pasid_table)                                                           \
	X(ioasid_space_bind_pgtable)                                                               \
	X(ioasid_space_children)                                                                   \
	X(ioasid_space_destroy)                                                                    \
	X(ioasid_space_dirty_read)                                                                 \
	X(ioasid_space_dirty_start)                                                                \
	X(ioasid_space_dirty_stop)                                                                 \
	X(ioasid_space_id)                                                                         \
	X(ioasid_space_info)                                                                       \
	X(ioasid_space_invalidate)                                                                 \
	X(ioasid_space_map)                                                                        \
	X(ioasid_space_map_file)                                                                   \
	X(ioasid_space_new)                                                                        \
	X(ioasid_space_new_nested)                                                                 \
	X(ioasid_space_parent)                                                                     \
	X(ioasid_space_ranges)                                                                     \
	X(ioasid_space_unbind_pasid_table)                                                         \
	X(ioasid_space_unbind_pgtable)                                                             \
	X(ioasid_space_unmap)

#define BADINPUT_DECLARE(symbol) void bad_##symbol(struct badinput *);
BADINPUT_CALLS(BADINPUT_DECLARE)

#endif
