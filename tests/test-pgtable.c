/* SPDX-License-Identifier: MIT */
/*
 * The rules of guests' page tables, over a backend that has them: who may have one, what a space
 * with one refuses, what reaches the backend and under which locks, and how much of a list of
 * invalidations was handled. The bits of a table are the leaves' tests' business.
 */
#include "core.h"
#include "fakeleaf.h"
#include "support.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE FAKE_PAGE

struct nest {
	struct fakeleaf *leaf;
	struct ioasid_ctx *ctx;
	struct ioasid_space *gpa, *giova;
	struct ioasid_device *device;
	struct ioasid_attachment *below, *above;
};

static const struct ioasid_pgtable vtd = {
	.size = sizeof(vtd),
	.format = IOASID_PGTABLE_VTD_S1,
	.addr = 0x7000,
	.addr_width = 48,
	.flags = IOASID_PGTABLE_SUPERVISOR | IOASID_PGTABLE_WRITE_PROTECT,
};

static void begin(struct nest *n)
{
	int fd = dup(0);

	memset(n, 0, sizeof(*n));
	n->leaf = fakeleaf_new(0);
	ck_assert_ptr_nonnull(n->leaf);
	ck_assert_int_eq(ctx_new(&n->leaf->base, &n->ctx), 0);
	ok(ioasid_space_new(n->ctx,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_NEST_PARENT), &n->gpa));
	ok(ioasid_space_new_nested(n->gpa,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_DIRTY_TRACKING), &n->giova));
	ok(ioasid_device_bind(n->ctx, fd, NULL, &n->device));
	close(fd);
	ok(ioasid_device_attach(n->device, n->gpa, NULL, &n->below));
	ok(ioasid_device_attach(n->device, n->giova, NULL, &n->above));
}

static void end(struct nest *n)
{
	ok(ioasid_attachment_detach(n->above));
	ok(ioasid_attachment_detach(n->below));
	ok(ioasid_device_unbind(n->device));
	ok(ioasid_space_destroy(n->giova));
	ok(ioasid_space_destroy(n->gpa));
	ioasid_close(n->ctx);
}

static int map(struct ioasid_space *space, uint64_t iova)
{
	return ioasid_space_map(space, &(struct ioasid_map){.addr = (void *)(uintptr_t)PAGE,
					       .length = PAGE,
					       .iova = iova,
					       .flags = IOASID_MAP_RW | IOASID_MAP_FIXED});
}

START_TEST(what_is_bound_reaches_the_backend)
{
	struct nest n;

	begin(&n);
	ok(ioasid_space_bind_pgtable(n.giova, &vtd));
	ck_assert_uint_eq(n.leaf->binds, 1);
	ck_assert_uint_eq(n.leaf->space, ioasid_space_id(n.giova));
	ck_assert_uint_eq(n.leaf->parent, ioasid_space_id(n.gpa));
	ck_assert_mem_eq(&n.leaf->table, &vtd, sizeof(vtd));
	ok(ioasid_space_unbind_pgtable(n.giova));
	ck_assert_uint_eq(n.leaf->unbinds, 1);
	ck_assert_uint_eq(n.leaf->space, ioasid_space_id(n.giova));
	end(&n);
}
END_TEST

START_TEST(only_a_child_of_a_nesting_parent_may_have_one)
{
	struct ioasid_space *plain, *child;
	struct nest n;

	begin(&n);
	ok(ioasid_space_new(n.ctx, NULL, &plain));
	ok(ioasid_space_new_nested(plain, NULL, &child));
	fails(-EINVAL, "no parent", ioasid_space_bind_pgtable(n.gpa, &vtd));
	fails(-EINVAL, "IOASID_SPACE_NEST_PARENT", ioasid_space_bind_pgtable(child, &vtd));
	ck_assert_uint_eq(n.leaf->binds, 0);
	ok(ioasid_space_destroy(child));
	ok(ioasid_space_destroy(plain));
	end(&n);
}
END_TEST

START_TEST(a_space_with_a_table_takes_no_map_no_child_and_no_other_table)
{
	struct ioasid_space *child = NULL;
	struct nest n;

	begin(&n);
	ok(ioasid_space_bind_pgtable(n.giova, &vtd));
	fails(-EBUSY, "0x7000", map(n.giova, 0));
	fails(-EBUSY, "page table", ioasid_space_new_nested(n.giova, NULL, &child));
	fails(-EBUSY, "unbind", ioasid_space_bind_pgtable(n.giova, &vtd));
	fails(-ENOENT, "page table", ioasid_space_unmap(n.giova, 0, UINT64_MAX));
	ck_assert_uint_eq(n.leaf->map_count, 0);
	ck_assert_ptr_null(child);
	ok(map(n.gpa, 0x10000)); /* the parent does */
	ok(ioasid_space_unbind_pgtable(n.giova));
	fails(-ENOENT, "no map", ioasid_space_unmap(n.giova, 0, UINT64_MAX));
	ok(map(n.giova, 0));
	end(&n);
}
END_TEST

START_TEST(a_space_with_a_table_is_not_destroyed)
{
	struct nest n;

	begin(&n);
	ok(ioasid_space_bind_pgtable(n.giova, &vtd));
	ok(ioasid_attachment_detach(n.above));
	n.above = NULL;
	fails(-EBUSY, "unbind", ioasid_space_destroy(n.giova));
	ok(ioasid_space_unbind_pgtable(n.giova));
	end(&n);
}
END_TEST

START_TEST(a_space_with_maps_children_or_notes_takes_no_table)
{
	struct ioasid_space *child;
	struct nest n;

	begin(&n);
	ok(map(n.giova, 0x5000));
	fails(-EBUSY, "0x5000-0x5fff", ioasid_space_bind_pgtable(n.giova, &vtd));
	ck_assert_int_eq(ioasid_space_unmap(n.giova, 0, UINT64_MAX), PAGE);
	ok(ioasid_space_new_nested(n.giova, NULL, &child));
	fails(-EBUSY, "child", ioasid_space_bind_pgtable(n.giova, &vtd));
	ok(ioasid_space_destroy(child));
	ok(ioasid_space_dirty_start(n.giova));
	fails(-EBUSY, "dirty", ioasid_space_bind_pgtable(n.giova, &vtd));
	ok(ioasid_space_dirty_stop(n.giova));
	ck_assert_uint_eq(n.leaf->binds, 0);
	ok(ioasid_space_bind_pgtable(n.giova, &vtd));
	fails(-EBUSY, "parent", ioasid_space_dirty_start(n.giova));
	ok(ioasid_space_unbind_pgtable(n.giova));
	end(&n);
}
END_TEST

START_TEST(what_the_backend_refuses_stays_as_it_was)
{
	struct nest n;

	begin(&n);
	n.leaf->bind_fails = -EOPNOTSUPP;
	n.leaf->reason = "that is no such IOMMU";
	fails(-EOPNOTSUPP, "no such IOMMU", ioasid_space_bind_pgtable(n.giova, &vtd));
	fails(-ENOENT, "no page table", ioasid_space_unbind_pgtable(n.giova));
	ok(map(n.giova, 0));
	ck_assert_int_eq(ioasid_space_unmap(n.giova, 0, PAGE), PAGE);
	ok(ioasid_space_bind_pgtable(n.giova, &vtd));
	n.leaf->unbind_fails = -ENOMEM;
	fails(-ENOMEM, "0x7000", ioasid_space_unbind_pgtable(n.giova));
	fails(-EBUSY, "page table", map(n.giova, 0));
	ok(ioasid_space_unbind_pgtable(n.giova));
	end(&n);
}
END_TEST

/* Inside of bind and unbind: no answer is on its way, nobody maps. */
static void alone(void *arg)
{
	struct nest *n = arg;

	ck_assert_int_eq(pthread_rwlock_tryrdlock(&n->giova->faults->guard), EBUSY);
	ck_assert(n->giova->tree->lock.alone);
	ck_assert_int_eq(pthread_mutex_trylock(&n->ctx->lock), EBUSY);
}

/* Inside of an invalidation: the context is free, so is the tree for others who share it. */
static void shared(void *arg)
{
	struct nest *n = arg;

	ck_assert_int_eq(pthread_mutex_trylock(&n->ctx->lock), 0);
	pthread_mutex_unlock(&n->ctx->lock);
	ck_assert(!n->giova->tree->lock.alone);
	ck_assert_uint_eq(n->giova->tree->lock.state, 1);
}

START_TEST(the_backend_is_called_under_the_locks_that_it_was_promised)
{
	struct ioasid_invalidation all = {.what = IOASID_INVALIDATE_SPACE};
	struct ioasid_faultq queue = {.closed = false};
	struct nest n;

	begin(&n);
	writer_first(&queue.guard);
	n.giova->faults = &queue;
	n.leaf->hook = alone;
	n.leaf->hook_arg = &n;
	ok(ioasid_space_bind_pgtable(n.giova, &vtd));
	n.leaf->hook = shared;
	ck_assert_int_eq(ok(ioasid_space_invalidate(n.giova, &all, 1)), 1);
	n.leaf->hook = alone;
	ok(ioasid_space_unbind_pgtable(n.giova));
	ck_assert_uint_eq(n.leaf->binds + n.leaf->invalidations + n.leaf->unbinds, 3);
	ck_assert_int_eq(pthread_rwlock_trywrlock(&queue.guard), 0);
	pthread_rwlock_unlock(&queue.guard);
	n.giova->faults = NULL;
	pthread_rwlock_destroy(&queue.guard);
	end(&n);
}
END_TEST

static struct ioasid_invalidation range(uint64_t addr, uint64_t length)
{
	return (struct ioasid_invalidation){
		.what = IOASID_INVALIDATE_RANGE, .addr = addr, .length = length};
}

START_TEST(sound_invalidations_reach_the_backend_at_once)
{
	struct ioasid_invalidation list[] = {range(0, PAGE), range(0 - PAGE, PAGE),
		{.what = IOASID_INVALIDATE_SPACE, .flags = IOASID_INVALIDATE_LEAF},
		range(0x100000, 0x40000000)};
	struct nest n;

	begin(&n);
	fails(-ENOENT, "no page table", ioasid_space_invalidate(n.giova, list, 4));
	ok(ioasid_space_bind_pgtable(n.giova, &vtd));
	ck_assert_int_eq(ok(ioasid_space_invalidate(n.giova, list, 4)), 4);
	ck_assert_uint_eq(n.leaf->listed, 4);
	ck_assert_uint_eq(n.leaf->space, ioasid_space_id(n.giova));
	ck_assert_int_eq(ok(ioasid_space_invalidate(n.giova, NULL, 0)), 0);
	ck_assert_uint_eq(n.leaf->invalidations, 1);
	ok(ioasid_space_unbind_pgtable(n.giova));
	end(&n);
}
END_TEST

START_TEST(an_unsound_one_ends_the_list_and_is_named)
{
	static const struct {
		struct ioasid_invalidation one;
		const char *words;
	} bad[] = {
		{{.what = 2}, "what"},
		{{.what = UINT32_MAX}, "what"},
		{{.what = IOASID_INVALIDATE_SPACE, .flags = 2}, "flags"},
		{{.what = IOASID_INVALIDATE_SPACE, .reserved = 1}, "reserved"},
		{{.what = IOASID_INVALIDATE_SPACE, .addr = PAGE}, "of a space"},
		{{.what = IOASID_INVALIDATE_SPACE, .length = PAGE}, "of a space"},
		{{.what = IOASID_INVALIDATE_RANGE}, "whole pages"},
		{{.what = IOASID_INVALIDATE_RANGE, .addr = 1, .length = PAGE}, "whole pages"},
		{{.what = IOASID_INVALIDATE_RANGE, .length = PAGE + 1}, "whole pages"},
		{{.what = IOASID_INVALIDATE_RANGE, .addr = 0 - PAGE, .length = 2 * PAGE}, "wraps"},
	};
	struct ioasid_invalidation list[3] = {range(0, PAGE), range(PAGE, PAGE)};
	struct nest n;

	begin(&n);
	ok(ioasid_space_bind_pgtable(n.giova, &vtd));
	list[2] = bad[_i].one;
	ck_assert_int_eq(ok(ioasid_space_invalidate(n.giova, list, 3)), 2);
	ck_assert_uint_eq(n.leaf->listed, 2);
	support_error_has("list[2]", "ioasid_space_invalidate");
	support_error_has(bad[_i].words, "ioasid_space_invalidate");
	fails(-EINVAL, bad[_i].words, ioasid_space_invalidate(n.giova, &bad[_i].one, 1));
	support_error_has("list[0]", "ioasid_space_invalidate");
	ck_assert_uint_eq(n.leaf->invalidations, 1);
	ok(ioasid_space_unbind_pgtable(n.giova));
	end(&n);
}
END_TEST

START_TEST(what_the_backend_did_not_handle_is_told)
{
	struct ioasid_invalidation list[] = {
		range(0, PAGE), range(PAGE, PAGE), range(0, 1), range(0, PAGE)};
	struct nest n;

	begin(&n);
	ok(ioasid_space_bind_pgtable(n.giova, &vtd));
	n.leaf->reason = "it does not answer";
	n.leaf->invalidated = 1;
	ck_assert_int_eq(ok(ioasid_space_invalidate(n.giova, list, 4)), 1);
	support_error_has("list[1]", "ioasid_space_invalidate");
	support_error_has("does not answer", "ioasid_space_invalidate");
	n.leaf->invalidated = -EIO;
	fails(-EIO, "does not answer", ioasid_space_invalidate(n.giova, list, 4));
	ok(ioasid_space_unbind_pgtable(n.giova));
	end(&n);
}
END_TEST

START_TEST(infos_and_dumps_tell_of_it)
{
	struct ioasid_space_info info = {.size = sizeof(info)};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct nest n;

	begin(&n);
	ok(ioasid_space_bind_pgtable(n.giova, &vtd));
	ok(ioasid_space_info(n.giova, &info));
	ck_assert_uint_eq(info.flags & IOASID_SPACE_INFO_PGTABLE, IOASID_SPACE_INFO_PGTABLE);
	ck_assert_uint_eq(
		info.pgtable_formats, 1u << IOASID_PGTABLE_VTD_S1 | 1u << IOASID_PGTABLE_AMD_V2);
	ck_assert_uint_eq(info.addr_width, 57);
	ok(ioasid_dump(n.ctx, IOASID_DUMP_TEXT, out));
	ok(ioasid_space_unbind_pgtable(n.giova));
	ok(ioasid_space_dirty_start(n.giova));
	ok(ioasid_space_info(n.giova, &info));
	ck_assert_uint_eq(info.flags & (IOASID_SPACE_INFO_PGTABLE | IOASID_SPACE_INFO_DIRTY),
		IOASID_SPACE_INFO_DIRTY);
	ok(ioasid_dump(n.ctx, IOASID_DUMP_GRAPHVIZ, out));
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "a VT-d first stage table at 0x7000\n"));
	ck_assert_ptr_nonnull(strstr(text, "nesting, dirty tracking\n"));
	ck_assert_ptr_nonnull(strstr(text, "dirty tracking is on\""));
	free(text);
	end(&n);
}
END_TEST

START_TEST(an_older_program_gets_the_info_that_it_knows)
{
	struct ioasid_space_info info;
	uint32_t old = offsetof(struct ioasid_space_info, pgtable_formats);
	struct nest n;

	begin(&n);
	memset(&info, 0xee, sizeof(info));
	info.size = old;
	ok(ioasid_space_info(n.gpa, &info));
	ck_assert_uint_eq(info.size, old);
	ck_assert_uint_eq(info.id, ioasid_space_id(n.gpa));
	ck_assert_uint_eq(info.pgtable_formats, 0xeeeeeeee);
	ck_assert_uint_eq(info.addr_width, 0xeeeeeeee);
	end(&n);
}
END_TEST

START_TEST(a_closed_context_answers_ENODEV_and_its_handles_go)
{
	struct ioasid_invalidation all = {.what = IOASID_INVALIDATE_SPACE};
	struct nest n;

	begin(&n);
	ok(ioasid_space_bind_pgtable(n.giova, &vtd));
	ioasid_close(n.ctx);
	fails(-ENODEV, "closed", ioasid_space_invalidate(n.giova, &all, 1));
	fails(-ENODEV, "closed", ioasid_space_unbind_pgtable(n.giova));
	fails(-ENODEV, "closed", ioasid_space_bind_pgtable(n.giova, &vtd));
	n.ctx = NULL;
	end(&n);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("page tables");
	TCase *tcase = support_case(suite, "page tables");

	tcase_add_test(tcase, what_is_bound_reaches_the_backend);
	tcase_add_test(tcase, only_a_child_of_a_nesting_parent_may_have_one);
	tcase_add_test(tcase, a_space_with_a_table_takes_no_map_no_child_and_no_other_table);
	tcase_add_test(tcase, a_space_with_a_table_is_not_destroyed);
	tcase_add_test(tcase, a_space_with_maps_children_or_notes_takes_no_table);
	tcase_add_test(tcase, what_the_backend_refuses_stays_as_it_was);
	tcase_add_test(tcase, the_backend_is_called_under_the_locks_that_it_was_promised);
	tcase_add_test(tcase, sound_invalidations_reach_the_backend_at_once);
	tcase_add_loop_test(tcase, an_unsound_one_ends_the_list_and_is_named, 0, 10);
	tcase_add_test(tcase, what_the_backend_did_not_handle_is_told);
	tcase_add_test(tcase, infos_and_dumps_tell_of_it);
	tcase_add_test(tcase, an_older_program_gets_the_info_that_it_knows);
	tcase_add_test(tcase, a_closed_context_answers_ENODEV_and_its_handles_go);
	return support_run(suite);
}
