/* SPDX-License-Identifier: MIT */
/*
 * The contract suite: what every backend owes its caller, in black-box tests that run unchanged on
 * every platform of contract_platforms. A test gets the platform's number as check's loop index;
 * what a platform lacks is found out with ioasid_check_extension(), never by its name. Only
 * contract-mock.c knows what a platform is made of.
 */
#ifndef CONTRACT_H
#define CONTRACT_H

#include "support.h"
#include <errno.h>
#include <ioasid/fault.h>
#include <ioasid/pgtable.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define PAGE            UINT64_C(4096)
#define CONTRACT_NICS   8
#define CONTRACT_GROUPS 31 /* numbers of groups are below */

/* What every device can reach, at least, unless a test wants it narrower; and addresses there. */
#define CONTRACT_APERTURE ((struct ioasid_range){0x1000000, 0x7fffffff})
#define AT(offset)        (UINT64_C(0x40000000) + (offset))

/* What a test wants of a device; all zero: any will do. */
struct contract_wish {
	uint32_t group; /* number of its IOMMU group; 0: a group of its own */
	uint32_t pasid_bits;
	bool page_requests;
	uint32_t credits;
	uint32_t group_pages;
	bool nesting;
	bool no_nesting;
	bool tables;       /* of a guest are taken, in VT-d's format */
	bool pasid_tables; /* in SMMUv3's */
	bool walks;        /* by guests' tables, in VT-d's format, its DMA is translated */
	bool dirty;
	bool no_dirty;
	bool no_read; /* it cannot read where a map does not let it */
	struct ioasid_range aperture;
	struct ioasid_range reserved; /* a window, {0, 0}: none */
	bool frees; /* of addresses that it alone cannot reach, its detach frees the space */
};

/* How the suite reaches a platform. Knows no test. */
struct contract_platform {
	const char *name;
	int (*start)(const struct contract_platform *, void **machine);
	void (*stop)(void *machine);
	int (*open)(void *machine, struct ioasid_ctx **ctx);
	/* NULL: the platform has no such device. It is the machine's. */
	void *(*device)(void *machine, const struct contract_wish *);
	int (*device_fd)(void *device); /* the caller's to close */
	int (*dma)(void *device, struct ioasid_mock_dma *);
	uint64_t (*pinned)(void *machine);  /* bytes, UINT64_MAX: it cannot tell */
	void (*left_out)(const char *test); /* NULL: nobody wants to know */
	uint32_t flags;                     /* the platform's own */
};

extern const struct contract_platform contract_platforms[];
extern const int contract_platform_count;

/* A device, bound. */
struct contract_nic {
	void *hw;
	struct ioasid_device *device;
	uint64_t label;
};

struct contract {
	const struct contract_platform *platform;
	void *machine;
	struct ioasid_ctx *ctx;
	struct contract_nic nic[CONTRACT_NICS]; /* those that contract_nic() bound, in order */
	unsigned int nics;
};

/* The platform is started and a context open; contract_end() closes what is left of it and unbinds
 * the devices. Spaces, attachments and queues are the test's. */
void contract_begin(struct contract *, int platform);
void contract_end(struct contract *);
/* The handles of the devices too, in a context that was closed. */
void contract_close(struct contract *);

bool contract_has(struct contract *, uint32_t extension);

/* Ends the test here where the platform lacks this: an extension, a device of that kind. */
#define NEEDS(c, extension)  NEEDS_TRUTH(c, contract_has(c, extension))
#define NEEDS_DEVICE(c, ...) NEEDS_TRUTH(c, contract_can(c, (struct contract_wish){__VA_ARGS__}))
#define NEEDS_GROUPS(c)      NEEDS_DEVICE(c, .group = CONTRACT_GROUPS)
#define NEEDS_TRUTH(c, truth)                                                                      \
	do {                                                                                       \
		if (!(truth)) {                                                                    \
			contract_left_out(c, __func__);                                            \
			return;                                                                    \
		}                                                                                  \
	} while (0)

/* Ends the test, and notes on platforms that keep such a list that it was not run. */
void contract_left_out(struct contract *, const char *test);

/* Whether the platform has such a device. */
bool contract_can(struct contract *, struct contract_wish);

/* A device of its own label, bound by that name; NULL: the platform has no such device. */
struct contract_nic *contract_nic(struct contract *, const char *name, struct contract_wish);
/* The same for a device of contract_hw(): all of a group come before the first is bound. */
struct contract_nic *contract_add(struct contract *, const char *name, void *hw);
void *contract_hw(struct contract *, struct contract_wish);
struct ioasid_device *contract_bind(struct contract *, void *hw, uint64_t label, const char *name);

struct ioasid_space *contract_space(struct contract *);
struct ioasid_space *contract_child(struct ioasid_space *parent);
struct ioasid_space *contract_fault_space(struct contract *, struct ioasid_faultq *);
struct ioasid_attachment *contract_attach(struct contract_nic *, struct ioasid_space *);
struct ioasid_attachment *contract_attach_pasid(
	struct contract_nic *, struct ioasid_space *, uint32_t pasid);

/* What ioasid_space_map() returns, at a fixed address. */
int contract_map(
	struct ioasid_space *, uint64_t iova, const void *to, uint64_t length, uint32_t flags);
/* A child's: leads to an address of the parent. */
int contract_nest(
	struct ioasid_space *, uint64_t iova, uint64_t to, uint64_t length, uint32_t flags);

/* The DMA's status. */
int contract_dma_read(
	struct contract *, struct contract_nic *, uint64_t iova, void *buffer, size_t length);
int contract_dma_write(
	struct contract *, struct contract_nic *, uint64_t iova, const void *buffer, size_t length);

/* The device reads, with or without a PASID, just these bytes; or nothing, the route being empty
 * there. */
#define DMA_SEES(c, nic, iova, bytes, length)                                                      \
	contract_dma_sees(c, nic, IOASID_PASID_NONE, iova, bytes, length)
#define DMA_FAILS(c, nic, iova) contract_dma_fails(c, nic, IOASID_PASID_NONE, iova)
#define contract_dma_sees(c, nic, pasid, iova, bytes, length)                                      \
	ck_assert_msg(contract_dma_compare(                                                        \
			      c, nic, pasid, iova, &(const struct contract_bytes){bytes, length}), \
		"the device does not see " #bytes " at " #iova)
#define contract_dma_fails(c, nic, pasid, iova)                                                    \
	ck_assert_msg(contract_dma_misses(c, nic, pasid, iova), "the device sees " #iova)

struct contract_bytes {
	const void *start;
	size_t length;
};

bool contract_dma_compare(struct contract *, struct contract_nic *, uint32_t pasid, uint64_t iova,
	const struct contract_bytes *);
bool contract_dma_misses(struct contract *, struct contract_nic *, uint32_t pasid, uint64_t iova);

/* A transfer of a thread of its own, that may wait for answers. */
struct contract_transfer {
	struct contract *contract;
	struct contract_nic *nic;
	struct ioasid_mock_dma dma;
	unsigned char byte[8];
	pthread_t thread;
};

/* Reads 8 bytes at iova into transfer->byte. */
void contract_transfer_start(struct contract_transfer *, struct contract *, struct contract_nic *,
	uint32_t pasid, uint64_t iova);
int contract_transfer_join(struct contract_transfer *); /* the DMA's status */

/* The dump as text; free() it. */
char *contract_dump(struct ioasid_ctx *);

/* The platform as a mock, to break it; NULL: it is none. */
struct ioasid_mock *contract_mock(struct contract *);

/* The suite's parts */
void contract_add_bind(Suite *);
void contract_add_route(Suite *);
void contract_add_group(Suite *);
void contract_add_mates(Suite *);
void contract_add_busy(Suite *);
void contract_add_map(Suite *);
void contract_add_iova(Suite *);
void contract_add_intent(Suite *);
void contract_add_table(Suite *);
void contract_add_pasid(Suite *);
void contract_add_nested(Suite *);
void contract_add_dirty(Suite *);
void contract_add_memory(Suite *);
void contract_add_limits(Suite *);
void contract_add_window(Suite *);
void contract_add_file(Suite *);
void contract_add_close(Suite *);

/* Runs the test on every platform. */
#define contract_test(tcase, test) tcase_add_loop_test(tcase, test, 0, contract_platform_count)

#endif
