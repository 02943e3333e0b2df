/* SPDX-License-Identifier: MIT */
/*
 * The steps of a VMM's life, in their order: see lifesteps.h. Some are looked at before or after,
 * when no failure is injected. Knows no injector.
 */
#include "lifesteps.h"
#include <errno.h>

#define NONE  IOASID_PASID_NONE
#define RW    IOASID_MAP_RW
#define FIXED IOASID_MAP_FIXED

/* The steps: 0, or what the call returned. */

static int open_it(struct life *l)
{
	return ioasid_mock_open(l->mock, &l->ctx);
}

static int new_queue(struct life *l)
{
	return ioasid_faultq_new(l->ctx, NULL, &l->faults);
}

static int new_parent(struct life *l)
{
	return ioasid_space_new(
		l->ctx, IOASID_OPTS(ioasid_space_opts, .faults = l->faults), &l->parent);
}

static int new_child(struct life *l)
{
	return ioasid_space_new_nested(l->parent,
		IOASID_OPTS(ioasid_space_opts, .faults = l->faults,
			.flags = IOASID_SPACE_DIRTY_TRACKING),
		&l->child);
}

static int new_other(struct life *l)
{
	return ioasid_space_new(l->ctx, NULL, &l->other);
}

static int bind_first(struct life *l)
{
	return ioasid_device_bind(l->ctx, l->fd[0],
		IOASID_OPTS(ioasid_device_opts, .label = 1, .name = "first"), &l->device[0]);
}

static int bind_second(struct life *l)
{
	return ioasid_device_bind(l->ctx, l->fd[1], NULL, &l->device[1]);
}

static int attach_first(struct life *l)
{
	return ioasid_device_attach(l->device[0], l->parent, NULL, &l->route[0]);
}

static int attach_second(struct life *l)
{
	return ioasid_device_attach(l->device[1], l->parent, NULL, &l->route[1]);
}

static int attach_pasid(struct life *l)
{
	return ioasid_device_attach(l->device[1], l->other,
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = 3),
		&l->pasid);
}

static int map_pasid(struct life *l)
{
	return ioasid_kvm_map_pasid(l->pasid, l->vm);
}

/* The guest's ENQCMD of the PASID reaches where its route leads to. */
static void submit(struct life *l)
{
	unsigned char byte;
	struct ioasid_mock_dma dma = {.pasid = 3, .buffer = &byte, .length = 1};

	ck_assert_int_eq(ioasid_mock_enqcmd(l->hw[1], l->vm, &dma), -EFAULT);
	ck_assert_uint_eq(dma.fault, IOASID_MOCK_FAULT_TRANSLATION);
}

static int unmap_pasid(struct life *l)
{
	return ioasid_kvm_unmap_pasid(l->pasid, l->vm);
}

static int attach_child(struct life *l)
{
	return ioasid_device_attach(l->device[0], l->child, NULL, &l->over);
}

static int register_memory(struct life *l)
{
	return ioasid_memory_register(l->ctx, l->memory, 8 * PAGE);
}

static int map_at(struct ioasid_space *space, void *to, uint64_t iova, uint64_t pages)
{
	return ioasid_space_map(space,
		&(struct ioasid_map){
			.addr = to, .length = pages * PAGE, .iova = iova, .flags = RW | FIXED});
}

static int map_parent(struct life *l)
{
	return map_at(l->parent, l->memory, 0x10000, 4);
}

static int note_child(struct life *l)
{
	return ioasid_space_dirty_start(l->child);
}

static int map_child(struct life *l)
{
	return map_at(l->child, (void *)(uintptr_t)0x11000, 0x50000, 8);
}

static int map_parent_more(struct life *l)
{
	return map_at(l->parent, l->memory + 5 * PAGE, 0x15000, 2);
}

static int map_file(struct life *l)
{
	return ioasid_space_map_file(l->parent, l->file, 0,
		&(struct ioasid_map){.length = PAGE, .iova = 0x18000, .flags = RW | FIXED});
}

static int allow_windows(struct life *l)
{
	const struct ioasid_range windows[] = {{0x100000, 0x1fffff}, {0x300000, 0x3fffff}};

	return ioasid_space_allow(l->other, windows, 2);
}

static int map_somewhere(struct life *l)
{
	return ioasid_space_map(
		l->other, &(struct ioasid_map){.addr = l->memory, .length = PAGE, .flags = RW});
}

/* The device writes to the last of the pages that it sees; that was noted, and is cleared. */
static void write_noted(struct life *l)
{
	struct ioasid_mock_dma dma = {.kind = IOASID_MOCK_DMA_WRITE,
		.pasid = NONE,
		.iova = 0x55000,
		.buffer = l->memory + 6 * PAGE,
		.length = 1};

	ok(ioasid_mock_dma(l->hw[0], &dma));
	l->noted = 0;
}

static int read_notes(struct life *l)
{
	return ioasid_space_dirty_read(
		l->child, IOASID_OPTS(ioasid_dirty, .iova = 0x50000, .length = 8 * PAGE,
				  .granule = PAGE, .bitmap = &l->noted));
}

static void expect_noted(struct life *l)
{
	ck_assert_uint_eq(l->noted, 1 << 5);
	ok(read_notes(l));
	ck_assert_uint_eq(l->noted, 1 << 5);
}

static int note_no_more(struct life *l)
{
	return ioasid_space_dirty_stop(l->child);
}

static int answer(struct life *l)
{
	return ioasid_faultq_complete(l->faults, &l->answer, 1);
}

static int move_second(struct life *l)
{
	return ioasid_attachment_replace(l->route[1], l->other);
}

static int unmap_parent(struct life *l)
{
	return (int)ioasid_space_unmap(l->parent, 0x10000, 4 * PAGE);
}

static int unmap_file(struct life *l)
{
	return (int)ioasid_space_unmap(l->parent, 0x18000, PAGE);
}

static int detach_child(struct life *l)
{
	return ioasid_attachment_detach(l->over);
}

static int detach_pasid(struct life *l)
{
	return ioasid_attachment_detach(l->pasid);
}

static int unmap_all(struct life *l)
{
	return (int)ioasid_space_unmap(l->other, 0, UINT64_MAX);
}

static int new_gpa(struct life *l)
{
	return ioasid_space_new(
		l->ctx, IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_NEST_PARENT), &l->gpa);
}

static int new_giova(struct life *l)
{
	return ioasid_space_new_nested(
		l->gpa, IOASID_OPTS(ioasid_space_opts, .faults = l->faults), &l->giova);
}

static int bind_third(struct life *l)
{
	return ioasid_device_bind(l->ctx, l->fd[2],
		IOASID_OPTS(ioasid_device_opts, .label = 3, .name = "third"), &l->device[2]);
}

static int attach_gpa(struct life *l)
{
	return ioasid_device_attach(l->device[2], l->gpa, NULL, &l->route[2]);
}

static int attach_giova(struct life *l)
{
	return ioasid_device_attach(l->device[2], l->giova, NULL, &l->guest);
}

static int bind_table(struct life *l)
{
	return ioasid_space_bind_pgtable(
		l->giova, IOASID_OPTS(ioasid_pgtable, .format = IOASID_PGTABLE_VTD_S1,
				  .addr = 0x8000, .addr_width = 48));
}

/* Of a table with one entry, which is not there. */
static int bind_pasid_table(struct life *l)
{
	return ioasid_space_bind_pasid_table(
		l->giova, IOASID_OPTS(ioasid_pgtable, .format = IOASID_PGTABLE_SMMUV3_S1,
				  .words = {1 | 5 << 1 | 0x8000}));
}

static int unbind_pasid_table(struct life *l)
{
	return ioasid_space_unbind_pasid_table(l->giova);
}

static int attach_tracked(struct life *l)
{
	return ioasid_device_attach(l->device[2], l->sibling,
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = 5),
		&l->tracked);
}

static int detach_tracked(struct life *l)
{
	return ioasid_attachment_detach(l->tracked);
}

static int invalidate_pasid(struct life *l)
{
	return ioasid_space_invalidate(l->giova,
		&(struct ioasid_invalidation){.what = IOASID_INVALIDATE_PASID, .pasid = 5}, 1);
}

static int new_sibling(struct life *l)
{
	return ioasid_space_new_nested(
		l->gpa, IOASID_OPTS(ioasid_space_opts, .faults = l->faults), &l->sibling);
}

static int invalidate_space(struct life *l)
{
	return ioasid_space_invalidate(
		l->giova, &(struct ioasid_invalidation){.what = IOASID_INVALIDATE_SPACE}, 1);
}

static int invalidate_device(struct life *l)
{
	return ioasid_space_invalidate(l->giova,
		&(struct ioasid_invalidation){
			.what = IOASID_INVALIDATE_DEVICE, .device = l->device[2]},
		1);
}

static int detach_guest(struct life *l)
{
	return ioasid_attachment_detach(l->guest);
}

static int unbind_table(struct life *l)
{
	return ioasid_space_unbind_pgtable(l->giova);
}

/* A fault is raised and read, without anything that may fail: the answer is a step. */
static void raise_fault(struct life *l)
{
	struct ioasid_fault fault;

	l->dma = (struct ioasid_mock_dma){
		.pasid = NONE, .iova = 0x90000, .buffer = &l->byte, .length = 1};
	ok(ioasid_mock_dma_start(l->hw[0], &l->dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(l->mock)), 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(l->faults, &fault, 1)), 1);
	ck_assert_uint_eq(fault.label, 1);
	l->answer = (struct ioasid_response){.id = fault.id, .code = IOASID_RESPONSE_INVALID};
}

static void end_fault(struct life *l)
{
	ck_assert_int_eq(ok(ioasid_mock_pump(l->mock)), 0);
	ck_assert_int_eq(l->dma.status, -EFAULT);
}

/* What the first device sees through the child. */
static void look_through(struct life *l)
{
	unsigned char bytes[2 * 4096];
	struct ioasid_mock_dma dma = {
		.pasid = NONE, .iova = 0x50000, .buffer = bytes, .length = sizeof(bytes)};

	ok(ioasid_mock_dma(l->hw[0], &dma));
	ck_assert_mem_eq(bytes, l->memory + PAGE, sizeof(bytes));
	dma.iova = 0x54000;
	ok(ioasid_mock_dma(l->hw[0], &dma));
	ck_assert_mem_eq(bytes, l->memory + 5 * PAGE, sizeof(bytes));
}

const struct life_step life_steps[] = {
	{"open", open_it, NULL, NULL},
	{"queue", new_queue, NULL, NULL},
	{"parent", new_parent, NULL, NULL},
	{"child", new_child, NULL, NULL},
	{"other", new_other, NULL, NULL},
	{"bind", bind_first, NULL, NULL},
	{"bind another", bind_second, NULL, NULL},
	{"attach", attach_first, NULL, NULL},
	{"attach another", attach_second, NULL, NULL},
	{"attach with PASID", attach_pasid, NULL, NULL},
	{"map PASID", map_pasid, NULL, submit},
	{"attach child", attach_child, NULL, NULL},
	{"register", register_memory, NULL, NULL},
	{"map parent", map_parent, NULL, NULL},
	{"note", note_child, NULL, NULL},
	{"map child", map_child, NULL, NULL},
	{"map parent more", map_parent_more, NULL, look_through},
	{"map file", map_file, NULL, look_through},
	{"allow", allow_windows, NULL, NULL},
	{"map somewhere", map_somewhere, NULL, NULL},
	{"read notes", read_notes, write_noted, expect_noted},
	{"note no more", note_no_more, NULL, NULL},
	{"answer", answer, raise_fault, end_fault},
	{"replace", move_second, NULL, look_through},
	{"unmap file", unmap_file, NULL, look_through},
	{"unmap parent", unmap_parent, NULL, NULL},
	{"detach child", detach_child, NULL, NULL},
	{"unmap PASID", unmap_pasid, submit, NULL},
	{"detach PASID", detach_pasid, NULL, NULL},
	{"unmap all", unmap_all, NULL, NULL},
	{"nesting parent", new_gpa, NULL, NULL},
	{"guest's space", new_giova, NULL, NULL},
	{"bind a third", bind_third, NULL, NULL},
	{"attach to the nesting parent", attach_gpa, NULL, NULL},
	{"attach to the guest's space", attach_giova, NULL, NULL},
	{"bind table", bind_table, NULL, NULL},
	{"invalidate", invalidate_space, NULL, NULL},
	{"invalidate device", invalidate_device, NULL, NULL},
	{"detach from the table", detach_guest, NULL, NULL},
	{"attach to the table", attach_giova, NULL, NULL},
	{"unbind table", unbind_table, NULL, NULL},
	{"sibling", new_sibling, NULL, NULL},
	{"bind PASID table", bind_pasid_table, NULL, NULL},
	{"attach a tracked PASID", attach_tracked, NULL, NULL},
	{"invalidate PASID", invalidate_pasid, NULL, NULL},
	{"invalidate device again", invalidate_device, NULL, NULL},
	{"detach from the PASID table", detach_guest, NULL, NULL},
	{"attach to the PASID table", attach_giova, NULL, NULL},
	{"detach the tracked PASID", detach_tracked, NULL, NULL},
	{"unbind PASID table", unbind_pasid_table, NULL, NULL},
	{"detach from the guest's space", detach_guest, NULL, NULL},
};

const size_t life_step_count = sizeof(life_steps) / sizeof(life_steps[0]);
