/* SPDX-License-Identifier: MIT */
/*
 * The rules of guests' page tables, over a backend that has them: who may have one, what a space
 * with one refuses, and what reaches the backend, under which locks. The bits of a table are the
 * leaves' tests' business.
 */
#include "guestkit.h"
#include <stdlib.h>

START_TEST(what_is_bound_reaches_the_backend)
{
	struct guest g;

	guest_begin(&g);
	ok(ioasid_space_bind_pgtable(g.giova, &guest_vtd));
	ck_assert_uint_eq(g.leaf->binds, 1);
	ck_assert_uint_eq(g.leaf->space, ioasid_space_id(g.giova));
	ck_assert_uint_eq(g.leaf->parent, ioasid_space_id(g.gpa));
	ck_assert_mem_eq(&g.leaf->table, &guest_vtd, sizeof(guest_vtd));
	ok(ioasid_space_unbind_pgtable(g.giova));
	ck_assert_uint_eq(g.leaf->unbinds, 1);
	ck_assert_uint_eq(g.leaf->space, ioasid_space_id(g.giova));
	guest_end(&g);
}
END_TEST

START_TEST(a_root_is_aligned_unless_its_table_may_be_small)
{
	struct ioasid_pgtable table = guest_vtd;
	struct guest g;

	guest_begin(&g);
	table.addr = 0x7040;
	fails(-EINVAL, "0x7040", ioasid_space_bind_pgtable(g.giova, &table));
	table.format = IOASID_PGTABLE_AMD_V2;
	table.flags = 0;
	fails(-EINVAL, "0x7040", ioasid_space_bind_pgtable(g.giova, &table));
	table.format = IOASID_PGTABLE_SMMUV3_S1;
	table.flags = IOASID_PGTABLE_HW_ACCESSED | IOASID_PGTABLE_HW_DIRTY;
	ok(ioasid_space_bind_pgtable(g.giova, &table));
	ck_assert_mem_eq(&g.leaf->table, &table, sizeof(table));
	ok(ioasid_space_unbind_pgtable(g.giova));
	guest_end(&g);
}
END_TEST

START_TEST(only_a_child_of_a_nesting_parent_may_have_one)
{
	struct ioasid_space *plain, *child;
	struct guest g;

	guest_begin(&g);
	ok(ioasid_space_new(g.ctx, NULL, &plain));
	ok(ioasid_space_new_nested(plain, NULL, &child));
	fails(-EINVAL, "no parent", ioasid_space_bind_pgtable(g.gpa, &guest_vtd));
	fails(-EINVAL, "IOASID_SPACE_NEST_PARENT", ioasid_space_bind_pgtable(child, &guest_vtd));
	ck_assert_uint_eq(g.leaf->binds, 0);
	ok(ioasid_space_destroy(child));
	ok(ioasid_space_destroy(plain));
	guest_end(&g);
}
END_TEST

START_TEST(a_space_with_a_table_takes_no_map_no_child_and_no_other_table)
{
	struct ioasid_space *child = NULL;
	struct guest g;

	guest_begin(&g);
	ok(ioasid_space_bind_pgtable(g.giova, &guest_vtd));
	fails(-EBUSY, "0x7000", guest_map(g.giova, 0));
	fails(-EBUSY, "page table", ioasid_space_new_nested(g.giova, NULL, &child));
	fails(-EBUSY, "unbind", ioasid_space_bind_pgtable(g.giova, &guest_vtd));
	fails(-ENOENT, "page table", ioasid_space_unmap(g.giova, 0, UINT64_MAX));
	ck_assert_uint_eq(g.leaf->map_count, 0);
	ck_assert_ptr_null(child);
	ok(guest_map(g.gpa, 0x10000)); /* the parent does */
	ok(ioasid_space_unbind_pgtable(g.giova));
	fails(-ENOENT, "no map", ioasid_space_unmap(g.giova, 0, UINT64_MAX));
	ok(guest_map(g.giova, 0));
	guest_end(&g);
}
END_TEST

START_TEST(a_space_with_a_table_is_not_destroyed)
{
	struct guest g;

	guest_begin(&g);
	ok(ioasid_space_bind_pgtable(g.giova, &guest_vtd));
	ok(ioasid_attachment_detach(g.above));
	g.above = NULL;
	fails(-EBUSY, "unbind", ioasid_space_destroy(g.giova));
	ok(ioasid_space_unbind_pgtable(g.giova));
	guest_end(&g);
}
END_TEST

START_TEST(a_space_with_maps_children_or_notes_takes_no_table)
{
	struct ioasid_space *child;
	struct guest g;

	guest_begin(&g);
	ok(guest_map(g.giova, 0x5000));
	fails(-EBUSY, "0x5000-0x5fff", ioasid_space_bind_pgtable(g.giova, &guest_vtd));
	ck_assert_int_eq(ioasid_space_unmap(g.giova, 0, UINT64_MAX), PAGE);
	ok(ioasid_space_new_nested(g.giova, NULL, &child));
	fails(-EBUSY, "child", ioasid_space_bind_pgtable(g.giova, &guest_vtd));
	ok(ioasid_space_destroy(child));
	ok(ioasid_space_dirty_start(g.giova));
	fails(-EBUSY, "dirty", ioasid_space_bind_pgtable(g.giova, &guest_vtd));
	ok(ioasid_space_dirty_stop(g.giova));
	ck_assert_uint_eq(g.leaf->binds, 0);
	ok(ioasid_space_bind_pgtable(g.giova, &guest_vtd));
	fails(-EBUSY, "parent", ioasid_space_dirty_start(g.giova));
	ok(ioasid_space_unbind_pgtable(g.giova));
	guest_end(&g);
}
END_TEST

START_TEST(what_the_backend_refuses_stays_as_it_was)
{
	struct guest g;

	guest_begin(&g);
	g.leaf->bind_fails = -EOPNOTSUPP;
	g.leaf->reason = "that is no such IOMMU";
	fails(-EOPNOTSUPP, "no such IOMMU", ioasid_space_bind_pgtable(g.giova, &guest_vtd));
	fails(-ENOENT, "no page table", ioasid_space_unbind_pgtable(g.giova));
	ok(guest_map(g.giova, 0));
	ck_assert_int_eq(ioasid_space_unmap(g.giova, 0, PAGE), PAGE);
	ok(ioasid_space_bind_pgtable(g.giova, &guest_vtd));
	g.leaf->unbind_fails = -ENOMEM;
	fails(-ENOMEM, "0x7000", ioasid_space_unbind_pgtable(g.giova));
	fails(-EBUSY, "page table", guest_map(g.giova, 0));
	ok(ioasid_space_unbind_pgtable(g.giova));
	guest_end(&g);
}
END_TEST

/* Inside of bind and unbind: no answer is on its way, nobody maps. */
static void alone(void *arg)
{
	struct guest *g = arg;

	ck_assert_int_eq(pthread_rwlock_tryrdlock(&g->giova->faults->guard), EBUSY);
	ck_assert(g->giova->tree->lock.alone);
	ck_assert_int_eq(pthread_mutex_trylock(&g->ctx->lock), EBUSY);
}

/* Inside of an invalidation: the context is free, so is the tree for others who share it. */
static void shared(void *arg)
{
	struct guest *g = arg;

	ck_assert_int_eq(pthread_mutex_trylock(&g->ctx->lock), 0);
	pthread_mutex_unlock(&g->ctx->lock);
	ck_assert(!g->giova->tree->lock.alone);
	ck_assert_uint_eq(g->giova->tree->lock.state, 1);
}

START_TEST(the_backend_is_called_under_the_locks_that_it_was_promised)
{
	struct ioasid_invalidation all = {.what = IOASID_INVALIDATE_SPACE};
	struct ioasid_faultq queue = {.closed = false};
	struct guest g;

	guest_begin(&g);
	writer_first(&queue.guard);
	g.giova->faults = &queue;
	g.leaf->hook = alone;
	g.leaf->hook_arg = &g;
	ok(ioasid_space_bind_pgtable(g.giova, &guest_vtd));
	g.leaf->hook = shared;
	ck_assert_int_eq(ok(ioasid_space_invalidate(g.giova, &all, 1)), 1);
	g.leaf->hook = alone;
	ok(ioasid_space_unbind_pgtable(g.giova));
	ck_assert_uint_eq(g.leaf->binds + g.leaf->invalidations + g.leaf->unbinds, 3);
	ck_assert_int_eq(pthread_rwlock_trywrlock(&queue.guard), 0);
	pthread_rwlock_unlock(&queue.guard);
	g.giova->faults = NULL;
	pthread_rwlock_destroy(&queue.guard);
	guest_end(&g);
}
END_TEST

START_TEST(infos_and_dumps_tell_of_it)
{
	struct ioasid_space_info info = {.size = sizeof(info)};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct guest g;

	guest_begin(&g);
	ok(ioasid_space_bind_pgtable(g.giova, &guest_vtd));
	ok(ioasid_space_info(g.giova, &info));
	ck_assert_uint_eq(info.flags & IOASID_SPACE_INFO_PGTABLE, IOASID_SPACE_INFO_PGTABLE);
	ck_assert_uint_eq(
		info.pgtable_formats, 1u << IOASID_PGTABLE_VTD_S1 | 1u << IOASID_PGTABLE_AMD_V2);
	ck_assert_uint_eq(info.addr_width, 57);
	ok(ioasid_dump(g.ctx, IOASID_DUMP_TEXT, out));
	ok(ioasid_space_unbind_pgtable(g.giova));
	ok(ioasid_space_dirty_start(g.giova));
	ok(ioasid_space_info(g.giova, &info));
	ck_assert_uint_eq(info.flags & (IOASID_SPACE_INFO_PGTABLE | IOASID_SPACE_INFO_DIRTY),
		IOASID_SPACE_INFO_DIRTY);
	ok(ioasid_dump(g.ctx, IOASID_DUMP_GRAPHVIZ, out));
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "a VT-d first stage table at 0x7000\n"));
	ck_assert_ptr_nonnull(strstr(text, "nesting, dirty tracking\n"));
	ck_assert_ptr_nonnull(strstr(text, "dirty tracking is on\""));
	free(text);
	guest_end(&g);
}
END_TEST

START_TEST(an_older_program_gets_the_info_that_it_knows)
{
	struct ioasid_space_info info;
	uint32_t old = offsetof(struct ioasid_space_info, pgtable_formats);
	struct guest g;

	guest_begin(&g);
	memset(&info, 0xee, sizeof(info));
	info.size = old;
	ok(ioasid_space_info(g.gpa, &info));
	ck_assert_uint_eq(info.size, old);
	ck_assert_uint_eq(info.id, ioasid_space_id(g.gpa));
	ck_assert_uint_eq(info.pgtable_formats, 0xeeeeeeee);
	ck_assert_uint_eq(info.addr_width, 0xeeeeeeee);
	guest_end(&g);
}
END_TEST

START_TEST(a_closed_context_answers_ENODEV_and_its_handles_go)
{
	struct ioasid_invalidation all = {.what = IOASID_INVALIDATE_SPACE};
	struct guest g;

	guest_begin(&g);
	ok(ioasid_space_bind_pgtable(g.giova, &guest_vtd));
	ioasid_close(g.ctx);
	fails(-ENODEV, "closed", ioasid_space_invalidate(g.giova, &all, 1));
	fails(-ENODEV, "closed", ioasid_space_unbind_pgtable(g.giova));
	fails(-ENODEV, "closed", ioasid_space_bind_pgtable(g.giova, &guest_vtd));
	g.ctx = NULL;
	guest_end(&g);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("page tables");
	TCase *tcase = support_case(suite, "page tables");

	tcase_add_test(tcase, what_is_bound_reaches_the_backend);
	tcase_add_test(tcase, a_root_is_aligned_unless_its_table_may_be_small);
	tcase_add_test(tcase, only_a_child_of_a_nesting_parent_may_have_one);
	tcase_add_test(tcase, a_space_with_a_table_takes_no_map_no_child_and_no_other_table);
	tcase_add_test(tcase, a_space_with_a_table_is_not_destroyed);
	tcase_add_test(tcase, a_space_with_maps_children_or_notes_takes_no_table);
	tcase_add_test(tcase, what_the_backend_refuses_stays_as_it_was);
	tcase_add_test(tcase, the_backend_is_called_under_the_locks_that_it_was_promised);
	tcase_add_test(tcase, infos_and_dumps_tell_of_it);
	tcase_add_test(tcase, an_older_program_gets_the_info_that_it_knows);
	tcase_add_test(tcase, a_closed_context_answers_ENODEV_and_its_handles_go);
	return support_run(suite);
}
