/* SPDX-License-Identifier: MIT */
/*
 * The backend for tests of tables and notes: see fakeleaf.h. Devices are bound by any descriptor
 * and lead where they are told; there are no queues.
 */
#include "fakeleaf.h"
#include "error.h"
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static struct fakeleaf *fake(struct backend *be)
{
	return (struct fakeleaf *)be;
}

static void call_hook(struct fakeleaf *leaf)
{
	if (leaf->hook)
		leaf->hook(leaf->hook_arg);
}

/* The error that a test wanted, once. */
static int planned(struct fakeleaf *leaf, int *wanted)
{
	int err = *wanted;

	*wanted = 0;
	return err && leaf->reason ? error_reason(err, "%s", leaf->reason) : err;
}

static void fake_close(struct backend *be)
{
	fake(be)->closed = true;
}

static void fake_release(struct backend *be)
{
	free(be);
}

static int fake_space_new(struct backend *be, const struct backend_space *wish, uint32_t *id)
{
	(void)wish;
	*id = ++fake(be)->next;
	return 0;
}

static void remove_at(struct fake_map *from, unsigned int *count, unsigned int i)
{
	from[i] = from[--*count];
}

static void fake_space_destroy(struct backend *be, uint32_t space)
{
	struct fakeleaf *leaf = fake(be);

	for (unsigned int i = leaf->map_count; i--;)
		if (leaf->maps[i].space == space)
			remove_at(leaf->maps, &leaf->map_count, i);
}

static int fake_space_hardware(struct backend *be, uint32_t space, struct backend_hardware *is)
{
	(void)space;
	*is = (struct backend_hardware){
		.page_sizes = -fake(be)->least_page,
		.formats = 1u << IOASID_PGTABLE_VTD_S1 | 1u << IOASID_PGTABLE_AMD_V2,
		.pasid_formats = 1u << IOASID_PGTABLE_AMD_V2 | 1u << IOASID_PGTABLE_SMMUV3_S1,
		.addr_width = 57,
	};
	return 0;
}

static int fake_space_ranges(
	struct backend *be, uint32_t space, struct ioasid_range *ranges, unsigned int n)
{
	(void)be, (void)space;
	if (n)
		ranges[0] = (struct ioasid_range){0, UINT64_MAX};
	return 1;
}

static int fake_device_bind(
	struct backend *be, int fd, uint64_t label, struct backend_device *device)
{
	struct fakeleaf *leaf = fake(be);

	(void)fd, (void)label;
	*device = (struct backend_device){
		.id = ++leaf->next,
		.flags = leaf->device_flags,
		.group = leaf->group,
		.group_size = leaf->group_size,
		.pasid_bits = leaf->pasid_bits,
	};
	return 0;
}

static void fake_device_unbind(struct backend *be, uint32_t device)
{
	(void)device;
	fake(be)->unbound++;
}

static int fake_lead(struct backend *be, struct backend_route route, uint32_t space)
{
	struct fakeleaf *leaf = fake(be);

	int err = planned(leaf, &leaf->move_fails);

	if (err)
		return err;
	leaf->route = route;
	leaf->led = space;
	if (leaf->move_hook)
		leaf->move_hook(leaf->hook_arg);
	return 0;
}

static int fake_detach(struct backend *be, struct backend_route route)
{
	return fake_lead(be, route, 0);
}

static struct fake_map *map_at(struct fakeleaf *leaf, uint32_t space, uint64_t iova)
{
	for (unsigned int i = 0; i < leaf->map_count; i++) {
		struct fake_map *map = &leaf->maps[i];

		if (map->space == space && map->first <= iova && iova <= map->last)
			return map;
	}
	return NULL;
}

static int add_map(struct fakeleaf *leaf, uint32_t space, uint64_t iova, uint64_t length)
{
	ck_assert_uint_lt(leaf->map_count, FAKE_MOST);
	ck_assert_ptr_null(map_at(leaf, space, iova));
	leaf->maps[leaf->map_count++] = (struct fake_map){space, iova, iova + (length - 1)};
	return 0;
}

static int fake_map(struct backend *be, uint32_t space, const struct backend_map *map)
{
	return add_map(fake(be), space, map->iova, map->length);
}

static int fake_copy(struct backend *be, uint32_t space, const struct backend_copy *copy)
{
	return add_map(fake(be), space, copy->iova, copy->length);
}

/* What a map has noted goes with it. */
static void forget_notes(struct fakeleaf *leaf, const struct fake_map *map)
{
	for (unsigned int i = leaf->noted_count; i--;) {
		const struct fake_map *note = &leaf->noted[i];

		if (note->space == map->space && note->first <= map->last &&
			map->first <= note->last)
			remove_at(leaf->noted, &leaf->noted_count, i);
	}
}

static int fake_unmap(struct backend *be, uint32_t space, uint64_t first, uint64_t last)
{
	struct fakeleaf *leaf = fake(be);

	for (unsigned int i = leaf->map_count; i--;) {
		struct fake_map *map = &leaf->maps[i];

		if (map->space != space || map->first < first || map->last > last)
			continue;
		forget_notes(leaf, map);
		remove_at(leaf->maps, &leaf->map_count, i);
	}
	return 0;
}

void fakeleaf_lose_map(struct fakeleaf *leaf, uint32_t space, uint64_t iova)
{
	struct fake_map *map = map_at(leaf, space, iova);

	ck_assert_ptr_nonnull(map);
	fake_unmap(&leaf->base, space, map->first, map->last);
}

static int bind_table(
	struct fakeleaf *leaf, uint32_t space, uint32_t parent, const struct ioasid_pgtable *table)
{
	leaf->binds++;
	leaf->space = space;
	leaf->parent = parent;
	leaf->table = *table;
	call_hook(leaf);
	return planned(leaf, &leaf->bind_fails);
}

static int fake_pgtable_bind(
	struct backend *be, uint32_t space, uint32_t parent, const struct ioasid_pgtable *table)
{
	fake(be)->pasids = false;
	return bind_table(fake(be), space, parent, table);
}

static int fake_pasid_table_bind(
	struct backend *be, uint32_t space, uint32_t parent, const struct ioasid_pgtable *table)
{
	fake(be)->pasids = true;
	return bind_table(fake(be), space, parent, table);
}

static int fake_pgtable_unbind(struct backend *be, uint32_t space)
{
	struct fakeleaf *leaf = fake(be);

	leaf->unbinds++;
	leaf->space = space;
	call_hook(leaf);
	return planned(leaf, &leaf->unbind_fails);
}

static void note_step(struct fakeleaf *leaf, int step)
{
	ck_assert_uint_lt(leaf->step_count, FAKE_MOST);
	leaf->steps[leaf->step_count++] = step;
	if (leaf->before)
		leaf->before(leaf->hook_arg);
}

static int fake_device_invalidate(struct backend *be, uint32_t device)
{
	note_step(fake(be), -(int)device);
	call_hook(fake(be));
	return planned(fake(be), &fake(be)->device_fails);
}

static int ask_kvm(struct fakeleaf *leaf, struct backend_route route, int kvm_fd)
{
	leaf->route = route;
	leaf->kvm_fd = kvm_fd;
	call_hook(leaf);
	return planned(leaf, &leaf->kvm_fails);
}

static int fake_kvm_map(struct backend *be, struct backend_route route, int kvm_fd)
{
	fake(be)->kvm_maps++;
	return ask_kvm(fake(be), route, kvm_fd);
}

static int fake_kvm_unmap(struct backend *be, struct backend_route route, int kvm_fd)
{
	fake(be)->kvm_unmaps++;
	return ask_kvm(fake(be), route, kvm_fd);
}

static int fake_invalidate(
	struct backend *be, uint32_t space, const struct ioasid_invalidation *list, unsigned int n)
{
	struct fakeleaf *leaf = fake(be);
	int result;

	for (unsigned int i = 0; i < n; i++)
		ck_assert_uint_ne(list[i].what, IOASID_INVALIDATE_DEVICE);
	note_step(leaf, (int)n);
	leaf->invalidations++;
	leaf->space = space;
	leaf->listed = n;
	call_hook(leaf);
	result = leaf->invalidated;
	leaf->invalidated = INT_MAX;
	if (result == INT_MAX)
		return (int)n;
	if (leaf->reason)
		error_reason(-EIO, "%s", leaf->reason);
	return result;
}

static int fake_dirty_start(struct backend *be, uint32_t space)
{
	struct fakeleaf *leaf = fake(be);

	leaf->starts++;
	leaf->space = space;
	call_hook(leaf);
	return planned(leaf, &leaf->start_fails);
}

static int fake_dirty_stop(struct backend *be, uint32_t space)
{
	struct fakeleaf *leaf = fake(be);

	leaf->stops++;
	leaf->space = space;
	call_hook(leaf);
	return planned(leaf, &leaf->stop_fails);
}

static unsigned int note_at(const struct fakeleaf *leaf, uint32_t space, uint64_t iova)
{
	unsigned int i = 0;

	for (; i < leaf->noted_count; i++)
		if (leaf->noted[i].space == space && leaf->noted[i].first <= iova &&
			iova <= leaf->noted[i].last)
			break;
	return i;
}

bool fakeleaf_has_note(const struct fakeleaf *leaf, uint32_t space, uint64_t iova)
{
	return note_at(leaf, space, iova) < leaf->noted_count;
}

bool fakeleaf_write(struct fakeleaf *leaf, uint32_t space, uint64_t iova)
{
	uint64_t head = iova - iova % leaf->io_page;

	if (!map_at(leaf, space, iova))
		return false;
	if (fakeleaf_has_note(leaf, space, iova))
		return true;
	ck_assert_uint_lt(leaf->noted_count, FAKE_MOST);
	leaf->noted[leaf->noted_count++] =
		(struct fake_map){space, head, head + (leaf->io_page - 1)};
	return true;
}

/* Also what lies beyond the bitmap, as far as its last page of memory goes. */
static void set_bits(const struct backend_dirty *wish, uint64_t from, uint64_t length)
{
	uint64_t own = (wish->length / wish->page + 7) / 8;
	uint64_t room = (own + FAKE_PAGE - 1) / FAKE_PAGE * FAKE_PAGE * 8;

	for (uint64_t at = 0; at < length; at += wish->page) {
		uint64_t bit = (from + at - wish->iova) / wish->page;

		if (bit < room)
			wish->bitmap[bit / 64] |= UINT64_C(1) << bit % 64;
	}
}

static void read_notes(struct fakeleaf *leaf, uint32_t space, const struct backend_dirty *wish)
{
	uint64_t at = wish->iova, last = wish->iova + (wish->length - 1);

	/* the kernel's walk: it ends at a hole, and from its start goes by whole pages */
	while (at <= last && map_at(leaf, space, at)) {
		unsigned int i = note_at(leaf, space, at);

		if (i < leaf->noted_count) {
			set_bits(wish, at, leaf->io_page);
			if (!wish->keep)
				remove_at(leaf->noted, &leaf->noted_count, i);
		}
		if (at > UINT64_MAX - leaf->io_page)
			break;
		at += leaf->io_page;
	}
}

static int fake_dirty_read(struct backend *be, uint32_t space, const struct backend_dirty *wish)
{
	struct fakeleaf *leaf = fake(be);

	ck_assert_uint_eq((uintptr_t)wish->bitmap % FAKE_PAGE, 0);
	ck_assert_uint_eq((wish->iova | wish->length) % wish->page, 0);
	ck_assert_uint_lt(leaf->reads, FAKE_MOST);
	leaf->read[leaf->reads] =
		(struct fake_map){space, wish->iova, wish->iova + (wish->length - 1)};
	leaf->kept[leaf->reads++] = wish->keep;
	call_hook(leaf);
	read_notes(leaf, space, wish);
	if (leaf->read_skip) {
		leaf->read_skip--;
		return 0;
	}
	return planned(leaf, &leaf->read_fails);
}

static int fake_memory(struct backend *be, uint64_t addr, uint64_t length)
{
	(void)be, (void)addr, (void)length;
	return -EOPNOTSUPP;
}

static const struct backend_ops ops = {
	.name = "fake",
	.close = fake_close,
	.release = fake_release,
	.space_new = fake_space_new,
	.space_destroy = fake_space_destroy,
	.space_hardware = fake_space_hardware,
	.space_ranges = fake_space_ranges,
	.space_allow = backend_unsupported_space_allow,
	.device_bind = fake_device_bind,
	.device_unbind = fake_device_unbind,
	.attach = fake_lead,
	.detach = fake_detach,
	.replace = fake_lead,
	.map = fake_map,
	.map_file = backend_unsupported_map_file,
	.copy = fake_copy,
	.unmap = fake_unmap,
	.pgtable_bind = fake_pgtable_bind,
	.pasid_table_bind = fake_pasid_table_bind,
	.pgtable_unbind = fake_pgtable_unbind,
	.invalidate = fake_invalidate,
	.device_invalidate = fake_device_invalidate,
	.dirty_start = fake_dirty_start,
	.dirty_stop = fake_dirty_stop,
	.dirty_read = fake_dirty_read,
	.kvm_map = fake_kvm_map,
	.kvm_unmap = fake_kvm_unmap,
	.memory_register = fake_memory,
	.memory_unregister = fake_memory,
};

struct fakeleaf *fakeleaf_new(uint64_t extensions)
{
	struct fakeleaf *leaf = calloc(1, sizeof(*leaf));

	if (!leaf)
		return NULL;
	leaf->base.ops = &ops;
	leaf->base.extensions = extensions | UINT64_C(1) << IOASID_EXT_MAP_BEFORE_ATTACH;
	leaf->io_page = FAKE_PAGE;
	leaf->least_page = FAKE_PAGE;
	leaf->invalidated = INT_MAX;
	leaf->device_flags = IOASID_DEVICE_NESTING | IOASID_DEVICE_DIRTY;
	leaf->pasid_bits = 8;
	leaf->group = leaf->group_size = 1;
	return leaf;
}
