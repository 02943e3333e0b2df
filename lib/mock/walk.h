/* SPDX-License-Identifier: MIT */
/*
 * How an IOMMU reads a guest's page tables and PASID tables: the bytes of them, in memory that the
 * guest owns and changes meanwhile. A walk is bounded, and whatever it reads it answers with a
 * translation or with one kind of fault. It is the bottom of the mock: it must not know spaces,
 * devices or caches, and of memory only what struct walk_memory lends.
 *
 * The IOMMU that this is has addresses of 52 bits (VT-d's HAW, AMD's; Arm's OAS is 48), takes 1 GiB
 * pages and PASIDs of 20 bits. Where a format's manual says how a bad entry shows, that is what is
 * answered: VT-d and AMD tell reserved bits (IOASID_MOCK_FAULT_RESERVED) and addresses that are not
 * canonical (IOASID_MOCK_FAULT_ADDRESS); on an SMMUv3 a descriptor that is none at its level, or an
 * address outside both halves, is a IOASID_MOCK_FAULT_TRANSLATION, and IOASID_MOCK_FAULT_ADDRESS an
 * output beyond the intermediate size (IPS).
 */
#ifndef MOCK_WALK_H
#define MOCK_WALK_H

#include <ioasid/mock.h>
#include <ioasid/pgtable.h>
#include <stdbool.h>
#include <stdint.h>

/* The parent space, in which tables are; embedded in a structure of the caller's. */
struct walk_memory {
	/* The 8 bytes at addr, which is aligned. The walker reads them, and if change is asked for
	 * may write them, both with atomics. NULL: the parent lacks the page, or for a change the
	 * permission. Valid until the walk ends. */
	uint64_t *(*word)(struct walk_memory *self, uint64_t addr, bool change);
	/* May be NULL. Asked once, of the address that the walk leads to, when the guest's table
	 * has agreed and before anything is written to it: does the parent have the page, with the
	 * permission (access: IOASID_FAULT_*)? false: the answer is IOASID_MOCK_FAULT_PARENT. The
	 * place to keep what was found there. */
	bool (*reach)(struct walk_memory *self, uint64_t addr, uint32_t access);
};

/* A table for the low addresses or, on an SMMUv3, for the high ones (TTB1). */
struct walk_half {
	uint64_t root;
	uint32_t width; /* bits that it translates */
	uint32_t flags; /* WALK_HALF_* */
};

#define WALK_HALF_VALID  (1u << 0)
#define WALK_HALF_TAGGED (1u << 1) /* the top byte of addresses is ignored (TBI) */
#define WALK_HALF_FLAT   (1u << 2) /* tables restrict nothing below them (HAD) */
#define WALK_HALF_PRIV   (1u << 3) /* for privileged accesses only (E0PD) */

/* A page table as the IOMMU has it: from a bind, or from the entry of a PASID table. */
struct walk_context {
	uint32_t format;   /* IOASID_PGTABLE_* */
	uint32_t flags;    /* IOASID_PGTABLE_* that the format has, and WALK_* */
	uint32_t out_bits; /* of the addresses it may lead to */
	struct walk_half half[2];
};

/* Beside IOASID_PGTABLE_*, in a context of an SMMUv3's: fields of its descriptor. */
#define WALK_ACCESS_FREE   (1u << 16) /* a clear access flag is no fault (AFFD) */
#define WALK_WRITE_NO_EXEC (1u << 17) /* what can be written cannot be executed (WXN) */
#define WALK_PRIV_NO_USER  (1u << 18) /* privileged data accesses keep off users' pages (PAN) */

struct walk_ask {
	uint64_t addr;
	/* IOASID_FAULT_READ, _WRITE, _EXEC, _PRIV. With EXEC the read is a fetch, and a fetch is
	 * asked for; without READ, WRITE and EXEC only whether the address is translated. */
	uint32_t access;
	bool quiet; /* accessed and dirty bits stay as they are */
};

/* With IOASID_MOCK_FAULT_NONE all of it; with _PARENT addr; else fault alone. */
struct walk_answer {
	uint32_t fault; /* IOASID_MOCK_FAULT_* */
	/* Where it leads in the parent, to the byte; with _PARENT what that lacks: the word of a
	 * table, or the byte of memory. */
	uint64_t addr;
	/* IOASID_MAP_READ, _WRITE: what the table permits to accesses with the same EXEC and PRIV.
	 * With EXEC, READ is the fetch. */
	uint32_t allowed;
	/* What of that may be cached: without WRITE where the first write is still to be noted in
	 * the table, so that it must walk. */
	uint32_t perms;
	unsigned int shift; /* of the guest's page: 12, 21, 30 */
};

/* Checks what ioasid_space_bind_pgtable() was given. 0; -EINVAL with a reason. */
int walk_context_of(const struct ioasid_pgtable *table, struct walk_context *context);

/*
 * Translates. Entries are read once each, from the root on, at most 5 a try. There is another try
 * where an entry is no more what it was when its accessed or dirty bit is to be set: the guest has
 * changed it, or it is used at two levels and has been marked at the first. These bits are set
 * where the translation succeeds, and else only if the guest took it away just then.
 */
void walk(struct walk_memory *memory, const struct walk_context *context,
	const struct walk_ask *ask, struct walk_answer *answer);

/* A PASID table, as the guest's own device entry tells where it is. */
struct walk_pasids {
	uint32_t format; /* IOASID_PGTABLE_* */
	uint32_t bits; /* a PASID may have; 0: the root is one entry, of accesses without a PASID */
	uint32_t shape;  /* the format's: its levels and their sizes */
	uint32_t none;   /* WALK_NONE_*: accesses without a PASID */
	uint32_t width;  /* AMD: bits that the page tables translate */
	bool stall_less; /* SMMUv3: no entry may ask for stalls (S1STALLD) */
	uint64_t root;
};

#define WALK_NONE_REFUSED 0u /* IOASID_MOCK_FAULT_PASID */
#define WALK_NONE_BYPASS  1u /* addresses are the parent's */
#define WALK_NONE_FIRST   2u /* as with PASID 0 */

/* Checks what ioasid_space_bind_pasid_table() was given. 0; -EINVAL with a reason. */
int walk_pasids_of(const struct ioasid_pgtable *table, struct walk_pasids *pasids);

/* What walk_pasid() found. */
struct walk_entry {
	struct walk_context context; /* unless bypass */
	bool bypass;                 /* addresses are the parent's */
	uint64_t missing;            /* with IOASID_MOCK_FAULT_PARENT: the address it lacks */
};

/*
 * Reads the entry of a PASID, or of accesses without one (IOASID_PASID_NONE); writes nothing.
 * Returns IOASID_MOCK_FAULT_NONE, _PASID (there is none), _CONTEXT (it is malformed) or _PARENT.
 */
uint32_t walk_pasid(struct walk_memory *memory, const struct walk_pasids *pasids, uint32_t pasid,
	struct walk_entry *entry);

#endif
