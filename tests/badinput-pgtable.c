/* SPDX-License-Identifier: MIT */
/*
 * Rows of bad input for page tables of guests, PASIDs of virtual machines and written pages.
 */
#include "badinput.h"
#include <ioasid/pgtable.h>
#include <unistd.h>

/* A table that would do, but for what a row changes. */
static struct ioasid_pgtable *good(struct ioasid_pgtable *table)
{
	*table = (struct ioasid_pgtable){.size = sizeof(*table),
		.format = IOASID_PGTABLE_VTD_S1,
		.addr = 0x4000,
		.addr_width = 48};
	return table;
}

#define REFUSES_TABLE(b, err, text, fn, space, good, field, value)                                 \
	do {                                                                                       \
		struct ioasid_pgtable table_;                                                      \
		good(&table_)->field = (value);                                                    \
		REFUSES(b, err, text, fn, space, &table_);                                         \
	} while (0)

/* A PASID table that would do. */
static struct ioasid_pgtable *good_pasids(struct ioasid_pgtable *table)
{
	*table = (struct ioasid_pgtable){
		.size = sizeof(*table), .format = IOASID_PGTABLE_SMMUV3_S1, .words = {0x4001, 1}};
	return table;
}

/* The same for a single table and a table of them. */
#define REFUSES_BAD_TABLES(b, fn, good)                                                            \
	do {                                                                                       \
		struct ioasid_pgtable any_;                                                        \
		TOO_NEW(newer_, ioasid_pgtable);                                                   \
		good(&newer_.known)->size = sizeof(newer_);                                        \
		REFUSES(b, -EINVAL, "space", fn, NULL, good(&any_));                               \
		REFUSES(b, -EINVAL, "table", fn, (b)->here.child, NULL);                           \
		REFUSES(b, -E2BIG, "options", fn, (b)->here.child, &newer_.known);                 \
		REFUSES_TABLE(b, -EINVAL, "size is 0", fn, (b)->here.child, good, size, 0);        \
		REFUSES_TABLE(b, -EINVAL, "size is 4", fn, (b)->here.child, good, size, 4);        \
		REFUSES_TABLE(                                                                     \
			b, -EINVAL, "4294967295", fn, (b)->here.child, good, size, UINT32_MAX);    \
		REFUSES_TABLE(b, -EINVAL, "0", fn, (b)->here.child, good, format, 0);              \
		REFUSES_TABLE(b, -EINVAL, "4", fn, (b)->here.child, good, format, 4);              \
		REFUSES_TABLE(                                                                     \
			b, -EINVAL, "4294967295", fn, (b)->here.child, good, format, UINT32_MAX);  \
		REFUSES(b, -EINVAL, "no parent", fn, (b)->here.space, good(&any_));                \
		REFUSES(b, -EINVAL, "NEST_PARENT", fn, (b)->here.child, good(&any_));              \
		REFUSES(b, -ENODEV, "closed", fn, (b)->gone.child, good(&any_));                   \
	} while (0)

#define REFUSES_PGTABLE(b, text, field, value)                                                     \
	REFUSES_TABLE(                                                                             \
		b, -EINVAL, text, ioasid_space_bind_pgtable, (b)->here.child, good, field, value)

void bad_ioasid_space_bind_pgtable(struct badinput *b)
{
	struct ioasid_pgtable table = {.size = sizeof(table)};

	REFUSES_BAD_TABLES(b, ioasid_space_bind_pgtable, good);
	REFUSES_PGTABLE(b, "0x4800", addr, 0x4800);
	REFUSES_PGTABLE(b, "addr_width 65", addr_width, 65);
	REFUSES_PGTABLE(b, "0x8", flags, 0xf);
	REFUSES_PGTABLE(b, "words[0]", words[0], 1);
	REFUSES_PGTABLE(b, "words[3]", words[3], 1);
	table.format = IOASID_PGTABLE_AMD_V2;
	table.flags = IOASID_PGTABLE_SUPERVISOR;
	REFUSES(b, -EINVAL, "0x1", ioasid_space_bind_pgtable, b->here.child, &table);
	table.format = IOASID_PGTABLE_SMMUV3_S1;
	table.flags = IOASID_PGTABLE_HW_DIRTY;
	REFUSES(b, -EINVAL, "HW_ACCESSED", ioasid_space_bind_pgtable, b->here.child, &table);
}

void bad_ioasid_space_unbind_pgtable(struct badinput *b)
{
	REFUSES(b, -EINVAL, "space", ioasid_space_unbind_pgtable, NULL);
	REFUSES(b, -ENOENT, "no page table", ioasid_space_unbind_pgtable, b->here.child);
	REFUSES(b, -ENOENT, "no page table", ioasid_space_unbind_pgtable, b->here.space);
	REFUSES(b, -ENODEV, "closed", ioasid_space_unbind_pgtable, b->gone.child);
}

void bad_ioasid_space_invalidate(struct badinput *b)
{
	struct ioasid_invalidation all = {.what = IOASID_INVALIDATE_SPACE};

	REFUSES(b, -EINVAL, "space", ioasid_space_invalidate, NULL, &all, 1);
	REFUSES(b, -EINVAL, "list", ioasid_space_invalidate, b->here.child, NULL, 1);
	REFUSES(b, -EINVAL, "1048577", ioasid_space_invalidate, b->here.child, &all, 1048577);
	REFUSES(b, -EINVAL, "4294967295", ioasid_space_invalidate, b->here.child, &all, UINT32_MAX);
	REFUSES(b, -ENOENT, "no page table", ioasid_space_invalidate, b->here.child, &all, 1);
	REFUSES(b, -ENOENT, "no page table", ioasid_space_invalidate, b->here.space, &all, 1);
	REFUSES(b, -ENODEV, "closed", ioasid_space_invalidate, b->gone.child, &all, 1);
}

#define REFUSES_PASIDS(b, err, text, field, value)                                                 \
	REFUSES_TABLE(b, err, text, ioasid_space_bind_pasid_table, (b)->here.child, good_pasids,   \
		field, value)

void bad_ioasid_space_bind_pasid_table(struct badinput *b)
{
	REFUSES_BAD_TABLES(b, ioasid_space_bind_pasid_table, good_pasids);
	REFUSES_PASIDS(b, -EOPNOTSUPP, "space of its own", format, IOASID_PGTABLE_VTD_S1);
	REFUSES_PASIDS(b, -EINVAL, "0x4000", addr, 0x4000);
	REFUSES_PASIDS(b, -EINVAL, "addr_width 48", addr_width, 48);
	REFUSES_PASIDS(b, -EINVAL, "flags 0x8", flags, IOASID_PGTABLE_HW_ACCESSED);
	REFUSES_PASIDS(b, -EINVAL, "words[2]", words[2], 1);
	REFUSES_PASIDS(b, -EINVAL, "words[3]", words[3], 1);
}

void bad_ioasid_space_unbind_pasid_table(struct badinput *b)
{
	REFUSES(b, -EINVAL, "space", ioasid_space_unbind_pasid_table, NULL);
	REFUSES(b, -ENOENT, "PASID table", ioasid_space_unbind_pasid_table, b->here.child);
	REFUSES(b, -ENODEV, "closed", ioasid_space_unbind_pasid_table, b->gone.child);
}

/* An attachment with a PASID, of a device that is no mediated one. */
#define REFUSES_KVM(b, fn)                                                                         \
	do {                                                                                       \
		struct ioasid_attachment *with;                                                    \
		ok(ioasid_device_attach((b)->here.idle, (b)->here.space,                           \
			IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = 9), \
			&with));                                                                   \
		REFUSES(b, -EINVAL, "attachment", fn, NULL, 0);                                    \
		REFUSES(b, -EBADF, "-1", fn, with, -1);                                            \
		REFUSES(b, -EBADF, "99999", fn, with, 99999);                                      \
		REFUSES(b, -EINVAL, "no PASID", fn, (b)->here.route, 0);                           \
		REFUSES(b, -EINVAL, "PASID 9 of disk1", fn, with, 0);                              \
		REFUSES(b, -ENODEV, "closed", fn, (b)->gone.route, 0);                             \
		ok(ioasid_attachment_detach(with));                                                \
	} while (0)

void bad_ioasid_kvm_map_pasid(struct badinput *b)
{
	REFUSES_KVM(b, ioasid_kvm_map_pasid);
}

void bad_ioasid_kvm_unmap_pasid(struct badinput *b)
{
	REFUSES_KVM(b, ioasid_kvm_unmap_pasid);
}

void bad_ioasid_space_dirty_start(struct badinput *b)
{
	REFUSES(b, -EINVAL, "space", ioasid_space_dirty_start, NULL);
	REFUSES(b, -EINVAL, "DIRTY_TRACKING", ioasid_space_dirty_start, b->here.space);
	REFUSES(b, -ENODEV, "closed", ioasid_space_dirty_start, b->gone.space);
}

void bad_ioasid_space_dirty_stop(struct badinput *b)
{
	REFUSES(b, -EINVAL, "space", ioasid_space_dirty_stop, NULL);
	REFUSES(b, -EALREADY, "no dirty pages", ioasid_space_dirty_stop, b->here.space);
	REFUSES(b, -ENODEV, "closed", ioasid_space_dirty_stop, b->gone.space);
}

/* A refused question leaves its bitmap alone. */
#define REFUSES_READ(b, err, text, field, value)                                                   \
	do {                                                                                       \
		uint64_t bitmap_ = 0x5a5a;                                                         \
		struct ioasid_dirty dirty_ = {.size = sizeof(dirty_),                              \
			.iova = 0x10000,                                                           \
			.length = 8 * PAGE,                                                        \
			.granule = PAGE,                                                           \
			.bitmap = &bitmap_};                                                       \
		dirty_.field = (value);                                                            \
		REFUSES(b, err, text, ioasid_space_dirty_read, (b)->here.space, &dirty_);          \
		ck_assert_uint_eq(bitmap_, 0x5a5a);                                                \
	} while (0)

void bad_ioasid_space_dirty_read(struct badinput *b)
{
	uint64_t bitmap = 0;
	struct ioasid_dirty dirty = {
		.size = sizeof(dirty), .length = PAGE, .granule = PAGE, .bitmap = &bitmap};
	TOO_NEW(newer, ioasid_dirty);

	REFUSES(b, -EINVAL, "space", ioasid_space_dirty_read, NULL, &dirty);
	REFUSES(b, -EINVAL, "dirty", ioasid_space_dirty_read, b->here.space, NULL);
	REFUSES(b, -E2BIG, "options", ioasid_space_dirty_read, b->here.space, &newer.known);
	REFUSES(b, -ENODEV, "closed", ioasid_space_dirty_read, b->gone.space, &dirty);
	REFUSES_READ(b, -EINVAL, "size is 0", size, 0);
	REFUSES_READ(b, -EINVAL, "4294967295", size, UINT32_MAX);
	REFUSES_READ(b, -EINVAL, "0x80000000", flags, 1u << 31);
	REFUSES_READ(b, -EINVAL, "0x10800", iova, 0x10800);
	REFUSES_READ(b, -EINVAL, "not 0", length, 0);
	REFUSES_READ(b, -EINVAL, "0x1001", length, PAGE + 1);
	REFUSES_READ(b, -EINVAL, "wraps", length, 0 - PAGE);
	REFUSES_READ(b, -EINVAL, "power of two", granule, 0);
	REFUSES_READ(b, -EINVAL, "0x3000", granule, 3 * PAGE);
	REFUSES_READ(b, -EINVAL, "multiples", granule, UINT64_C(1) << 63);
	REFUSES_READ(b, -EINVAL, "bitmap", bitmap, NULL);
	/* all is well, but nobody asked for notes */
	REFUSES_READ(b, -EINVAL, "start that first", granule, 2 * PAGE);
}
