/* SPDX-License-Identifier: MIT */
/*
 * A guest over the mock: its memory, which a nesting parent maps, a space on top of that to which
 * the guest's own page table is bound, and a device there. The guest writes its tables as a driver
 * does, in any of the formats. Knows the public API, and the formats' bits.
 */
#ifndef NESTEDKIT_H
#define NESTEDKIT_H

#include "support.h"
#include <errno.h>
#include <ioasid/fault.h>
#include <ioasid/pgtable.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PAGE   UINT64_C(4096)
#define MIB    (UINT64_C(1) << 20)
#define NOBODY IOASID_PASID_NONE
#define LABEL  UINT64_C(0xfeed0001)

#define VTD         IOASID_PGTABLE_VTD_S1
#define ARM         IOASID_PGTABLE_SMMUV3_S1
#define AMD         IOASID_PGTABLE_AMD_V2
#define ALL_FORMATS (1u << VTD | 1u << ARM | 1u << AMD)

/* Pages of the guest's memory: data first, then tables. */
#define RAM_PAGES  1280u
#define DATA_PAGES 1024u

/* How a guest is made; all zero is VT-d, one device, no queue. */
struct guest_opts {
	uint32_t format;
	uint32_t platform; /* flags */
	struct ioasid_mock_iommu_opts iommu;
	struct ioasid_mock_device_opts device;
	struct ioasid_faultq_opts queue;
	uint32_t parent; /* flags of the parent space beside NEST_PARENT */
	uint32_t table;  /* flags of the page table */
	bool faults;
	bool unbound; /* the table is not bound yet */
};

struct guest {
	struct ioasid_mock *mock;
	struct ioasid_ctx *ctx;
	struct ioasid_faultq *faults;
	struct ioasid_space *gpa, *giova;
	struct ioasid_mock_device *hw;
	struct ioasid_device *device;
	struct ioasid_attachment *to_gpa, *to_giova;
	uint32_t format;
	unsigned char *ram; /* at address 0 of the parent, mapped throughout */
	uint64_t tables;    /* where the next table goes */
	uint64_t root;
	struct ioasid_pgtable table;
	uint64_t pasids; /* its table of PASIDs, once there is one */
};

void guest_begin(struct guest *guest, const struct guest_opts *opts);
void guest_end(struct guest *guest);

/* Of the loops over platforms and formats: how many, and which one. Under slow tools not each with
 * each, but all of both. */
#define FLAVOURS guest_flavours()
int guest_flavours(void);
struct guest_opts guest_flavour(int i);

/* What an entry allows. */
#define GUEST_READ  0u
#define GUEST_WRITE (1u << 0)
#define GUEST_PRIV  (1u << 1) /* not for users */
#define GUEST_DATA  (1u << 2) /* not to be executed */
#define GUEST_OLD   (1u << 3) /* SMMUv3: the access flag is clear */
#define GUEST_CLEAN (1u << 4) /* SMMUv3: could be written, is not dirty */
#define GUEST_RW    GUEST_WRITE

/* A zeroed page for a table. */
uint64_t guest_new_table(struct guest *guest);

/* The last entry of a walk of four levels from the root to a page of 2^shift bytes; the tables on
 * the way are made. */
uint64_t *guest_entry(struct guest *guest, uint64_t root, uint64_t iova, unsigned int shift);
/* That entry leads there. */
void guest_map_at(struct guest *guest, uint64_t root, uint64_t iova, uint64_t gpa, uint32_t allows,
	unsigned int shift);
void guest_map(struct guest *guest, uint64_t iova, uint64_t gpa, uint32_t allows);
void guest_unmap(struct guest *guest, uint64_t iova);

/* Was the page accessed, or written, as its entry says? */
bool guest_accessed(struct guest *guest, uint64_t iova);
bool guest_dirty(struct guest *guest, uint64_t iova);

/* A table of 64 PASIDs, of SMMUv3 or AMD, as it is bound; accesses without one are refused, or
 * those of AMD the parent's. */
struct ioasid_pgtable guest_new_pasids(struct guest *guest);
/* The PASID's page table has this root; 0: it has none. */
void guest_set_pasid(struct guest *guest, uint32_t pasid, uint64_t root);
/* First word of its entry. */
uint64_t *guest_pasid(struct guest *guest, uint32_t pasid);

void guest_invalidate(struct guest *guest, uint64_t iova, uint64_t length);
void guest_invalidate_all(struct guest *guest);

/* One transfer of the guest's device, as ioasid_mock_dma() returns it; kind of fault and status are
 * in *dma. */
struct ioasid_mock_dma guest_dma(uint32_t kind, uint64_t iova, void *buffer, uint64_t length);
int guest_read(struct guest *guest, uint64_t iova, void *buffer, uint64_t length);
int guest_write(struct guest *guest, uint64_t iova, void *buffer, uint64_t length);
/* The number of the page of memory that the device sees there: its first bytes say so. */
unsigned int guest_page(struct guest *guest, uint64_t iova);
/* What kind of fault ends a read, or a write, of a byte; IOASID_MOCK_FAULT_NONE: none. */
uint32_t guest_fault(struct guest *guest, uint64_t iova, bool write);

struct ioasid_mock_stats guest_stats(struct guest *guest);

struct ioasid_device *guest_bind(
	struct guest *guest, struct ioasid_mock_device *hw, uint64_t label);

/* The one record that waits on the queue, and an answer. */
struct ioasid_fault guest_next_fault(struct guest *guest);
void guest_answer(struct guest *guest, uint64_t id, uint32_t code);

void add_nested_tests(Suite *suite);
void add_nested_bind_tests(Suite *suite);
void add_nested_cache_tests(Suite *suite);
void add_nested_dirty_tests(Suite *suite);
void add_nested_fault_tests(Suite *suite);
void add_nested_none_tests(Suite *suite);
void add_nested_ops_tests(Suite *suite);
void add_nested_pasid_tests(Suite *suite);
void add_nested_pasid_cache_tests(Suite *suite);
void add_nested_stale_tests(Suite *suite);
void add_nested_track_tests(Suite *suite);
void add_nested_thread_tests(Suite *suite);

#endif
