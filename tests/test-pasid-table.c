/* SPDX-License-Identifier: MIT */
/*
 * The rules of guests' PASID tables, over a backend that takes notes: who may have one, what is
 * told of it, and that no answer to any queue is on its way where one comes, goes, or has its
 * devices moved. What may be attached beside one is test-pasid-table-routes.c.
 */
#include "guestkit.h"
#include <stdlib.h>

#define NONE IOASID_PASID_NONE

START_TEST(what_is_bound_reaches_the_backend)
{
	struct guest g;

	guest_begin(&g);
	guest_bind_pasids(&g);
	ck_assert(g.leaf->pasids);
	ck_assert_uint_eq(g.leaf->binds, 1);
	ck_assert_uint_eq(g.leaf->space, ioasid_space_id(g.giova));
	ck_assert_uint_eq(g.leaf->parent, ioasid_space_id(g.gpa));
	ck_assert_mem_eq(&g.leaf->table, &guest_pasids, sizeof(guest_pasids));
	guest_unbind_pasids(&g);
	ck_assert_uint_eq(g.leaf->unbinds, 1);
	fails(-ENOENT, "no PASID table", ioasid_space_unbind_pasid_table(g.giova));
	guest_end(&g);
}
END_TEST

START_TEST(a_table_has_the_words_of_its_format_and_no_more)
{
	struct ioasid_pgtable table = guest_pasids;
	struct guest g;

	guest_begin(&g);
	table.format = IOASID_PGTABLE_SMMUV3_S1;
	fails(-EINVAL, "words[2]", ioasid_space_bind_pasid_table(g.giova, &table));
	table.words[2] = 0;
	fails(-EINVAL, "words[3]", ioasid_space_bind_pasid_table(g.giova, &table));
	table.words[3] = 0;
	ok(ioasid_space_bind_pasid_table(g.giova, &table));
	ck_assert_mem_eq(&g.leaf->table, &table, sizeof(table));
	guest_unbind_pasids(&g);
	guest_end(&g);
}
END_TEST

START_TEST(a_space_has_one_table_of_one_kind)
{
	struct guest g;

	guest_begin(&g);
	guest_bind_pasids(&g);
	fails(-EBUSY, "PASID table", ioasid_space_bind_pasid_table(g.giova, &guest_pasids));
	fails(-EBUSY, "PASID table", ioasid_space_bind_pgtable(g.giova, &guest_vtd));
	fails(-ENOENT, "but a PASID table", ioasid_space_unbind_pgtable(g.giova));
	guest_unbind_pasids(&g);
	ok(ioasid_space_bind_pgtable(g.giova, &guest_vtd));
	fails(-EBUSY, "page table", ioasid_space_bind_pasid_table(g.giova, &guest_pasids));
	fails(-ENOENT, "but a page table", ioasid_space_unbind_pasid_table(g.giova));
	ok(ioasid_space_unbind_pgtable(g.giova));
	ck_assert_uint_eq(g.leaf->binds, 2);
	guest_end(&g);
}
END_TEST

START_TEST(a_space_with_one_takes_nothing_and_stays)
{
	struct ioasid_space *child = NULL;
	struct guest g;

	guest_begin(&g);
	guest_bind_pasids(&g);
	fails(-EBUSY, "PASID table", guest_map(g.giova, 0));
	fails(-EBUSY, "PASID table", ioasid_space_new_nested(g.giova, NULL, &child));
	fails(-EBUSY, "parent", ioasid_space_dirty_start(g.giova));
	ok(ioasid_attachment_detach(g.above));
	g.above = NULL;
	fails(-EBUSY, "PASID table", ioasid_space_destroy(g.giova));
	guest_unbind_pasids(&g);
	ok(guest_map(g.giova, 0));
	fails(-EBUSY, "0x0-0xfff", ioasid_space_bind_pasid_table(g.giova, &guest_pasids));
	guest_end(&g);
}
END_TEST

START_TEST(the_table_of_a_tracked_space_is_the_backends_to_note)
{
	struct ioasid_invalidation all = {.what = IOASID_INVALIDATE_SPACE};
	struct ioasid_attachment *route;
	struct ioasid_space *sibling;
	struct guest g;

	guest_begin(&g);
	sibling = guest_sibling(&g);
	guest_bind_pasids(&g);
	ok(guest_attach(g.device, sibling, 5, &route));
	ok(ioasid_space_bind_pgtable(sibling, &guest_vtd));
	ck_assert_uint_eq(g.leaf->space, ioasid_space_id(sibling));
	ck_assert(!g.leaf->pasids);
	ck_assert_int_eq(ok(ioasid_space_invalidate(sibling, &all, 1)), 1);
	ck_assert_uint_eq(g.leaf->space, ioasid_space_id(sibling));
	ok(ioasid_space_unbind_pgtable(sibling));
	ok(ioasid_attachment_detach(route));
	guest_unbind_pasids(&g);
	ok(ioasid_space_destroy(sibling));
	guest_end(&g);
}
END_TEST

/* Two queues of the context, and those of which no answer is on its way inside the backend. */
#define QUEUES 2

struct guarded {
	struct guest g;
	struct ioasid_faultq queues[QUEUES];
	unsigned int stopped; /* a bit each */
	unsigned int looks;
};

static void look(void *arg)
{
	struct guarded *g = arg;

	g->looks++;
	g->stopped = 0;
	for (unsigned int i = 0; i < QUEUES; i++) {
		if (pthread_rwlock_tryrdlock(&g->queues[i].guard))
			g->stopped |= 1u << i;
		else
			pthread_rwlock_unlock(&g->queues[i].guard);
	}
}

static void guarded_begin(struct guarded *g)
{
	memset(g->queues, 0, sizeof(g->queues));
	guest_begin(&g->g);
	for (unsigned int i = 0; i < QUEUES; i++) {
		writer_first(&g->queues[i].guard);
		list_append(&g->g.ctx->faultqs, &g->queues[i].link);
	}
	g->g.giova->faults = &g->queues[0];
	g->g.device->is.flags |= IOASID_DEVICE_PAGE_REQUESTS;
	g->g.leaf->hook = g->g.leaf->move_hook = look;
	g->g.leaf->hook_arg = g;
	g->looks = 0;
}

static void guarded_end(struct guarded *g)
{
	g->g.giova->faults = NULL;
	for (unsigned int i = 0; i < QUEUES; i++) {
		ck_assert_int_eq(pthread_rwlock_trywrlock(&g->queues[i].guard), 0);
		pthread_rwlock_unlock(&g->queues[i].guard);
		list_remove(&g->queues[i].link);
		pthread_rwlock_destroy(&g->queues[i].guard);
	}
	g->g.leaf->hook = g->g.leaf->move_hook = NULL;
	guest_end(&g->g);
}

/* Just one more look, and these were stopped. */
#define STOPS(g, queues, call)                                                                     \
	do {                                                                                       \
		unsigned int before_ = (g)->looks;                                                 \
		ok(call);                                                                          \
		ck_assert_uint_eq((g)->looks, before_ + 1);                                        \
		ck_assert_uint_eq((g)->stopped, queues);                                           \
	} while (0)

START_TEST(all_queues_stop_where_a_table_comes_or_goes)
{
	struct guarded g;

	guarded_begin(&g);
	STOPS(&g, 1, ioasid_space_bind_pgtable(g.g.giova, &guest_vtd));
	STOPS(&g, 1, ioasid_space_unbind_pgtable(g.g.giova));
	STOPS(&g, 3, ioasid_space_bind_pasid_table(g.g.giova, &guest_pasids));
	STOPS(&g, 3, ioasid_space_unbind_pasid_table(g.g.giova));
	STOPS(&g, 1, ioasid_space_bind_pgtable(g.g.giova, &guest_vtd));
	STOPS(&g, 1, ioasid_space_unbind_pgtable(g.g.giova));
	guarded_end(&g);
}
END_TEST

START_TEST(all_queues_stop_where_routes_move_beside_a_table)
{
	struct ioasid_attachment *route;
	struct ioasid_space *sibling;
	struct guarded g;

	guarded_begin(&g);
	sibling = guest_sibling(&g.g);
	STOPS(&g, 3, ioasid_space_bind_pasid_table(g.g.giova, &guest_pasids));
	STOPS(&g, 3, ioasid_attachment_replace(g.g.above, sibling));
	STOPS(&g, 3, ioasid_attachment_replace(g.g.above, g.g.giova));
	STOPS(&g, 3, ioasid_attachment_detach(g.g.above));
	STOPS(&g, 3, guest_attach(g.g.device, g.g.giova, NONE, &g.g.above));
	ok(guest_attach(g.g.device, sibling, 5, &route));
	STOPS(&g, 3, ioasid_space_bind_pgtable(sibling, &guest_vtd));
	STOPS(&g, 3, ioasid_space_unbind_pgtable(sibling));
	STOPS(&g, 3, ioasid_attachment_detach(route));
	STOPS(&g, 3, ioasid_space_unbind_pasid_table(g.g.giova));
	STOPS(&g, 1, ioasid_attachment_replace(g.g.above, sibling));
	STOPS(&g, 0, ioasid_attachment_replace(g.g.above, g.g.giova));
	ok(ioasid_space_destroy(sibling));
	guarded_end(&g);
}
END_TEST

START_TEST(what_the_backend_refuses_stays_as_it_was)
{
	struct ioasid_attachment *route;
	struct guarded g;

	guarded_begin(&g);
	g.g.leaf->reason = "that is no such IOMMU";
	g.g.leaf->bind_fails = -EOPNOTSUPP;
	fails(-EOPNOTSUPP, "no such IOMMU",
		ioasid_space_bind_pasid_table(g.g.giova, &guest_pasids));
	support_error_has("PASID table of space 2", "ioasid_space_bind_pasid_table");
	fails(-ENOENT, "no PASID table", ioasid_space_unbind_pasid_table(g.g.giova));
	STOPS(&g, 1, ioasid_space_bind_pgtable(g.g.giova, &guest_vtd));
	STOPS(&g, 1, ioasid_space_unbind_pgtable(g.g.giova));
	ok(guest_attach(g.g.device, g.g.giova, 5, &route));
	ok(ioasid_attachment_detach(route));
	guest_bind_pasids(&g.g);
	g.g.leaf->unbind_fails = -ENOMEM;
	fails(-ENOMEM, "PASID table of space 2", ioasid_space_unbind_pasid_table(g.g.giova));
	fails(-EBUSY, "PASID table", guest_map(g.g.giova, 0));
	STOPS(&g, 3, ioasid_space_unbind_pasid_table(g.g.giova));
	guarded_end(&g);
}
END_TEST

static char *dump(struct guest *g, uint32_t format)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ok(ioasid_dump(g->ctx, format, out));
	fclose(out);
	return text;
}

static void dump_has(struct guest *g, uint32_t format, const char *words)
{
	char *text = dump(g, format);

	ck_assert_msg(strstr(text, words), "no '%s' in:\n%s", words, text);
	free(text);
}

START_TEST(infos_and_dumps_tell_of_it)
{
	struct ioasid_space_info info = {.size = sizeof(info)};
	struct ioasid_attachment *route;
	struct ioasid_space *sibling;
	struct guest g;

	guest_begin(&g);
	sibling = guest_sibling(&g);
	ok(guest_attach(g.device, sibling, 5, &route));
	dump_has(&g, IOASID_DUMP_TEXT, "PASID 5 -> space 4\n");
	guest_bind_pasids(&g);
	ok(ioasid_space_info(g.giova, &info));
	ck_assert_uint_eq(info.flags & (IOASID_SPACE_INFO_PGTABLE | IOASID_SPACE_INFO_PASID_TABLE),
		IOASID_SPACE_INFO_PASID_TABLE);
	/* the leaf says SMMUv3 too, but takes no page table of it */
	ck_assert_uint_eq(info.pasid_table_formats, 1u << IOASID_PGTABLE_AMD_V2);
	ck_assert_uint_eq(info.reserved, 0);
	dump_has(&g, IOASID_DUMP_TEXT, ", an AMD v2 PASID table\n");
	dump_has(&g, IOASID_DUMP_TEXT, "PASID 5 -> space 4 (tracked)\n");
	dump_has(&g, IOASID_DUMP_TEXT, "default route -> space 2\n");
	dump_has(&g, IOASID_DUMP_GRAPHVIZ, "[label=\"PASID 5\" style=dashed];");
	guest_unbind_pasids(&g);
	ok(ioasid_space_info(g.giova, &info));
	ck_assert_uint_eq(info.flags & IOASID_SPACE_INFO_PASID_TABLE, 0);
	dump_has(&g, IOASID_DUMP_GRAPHVIZ, "[label=\"PASID 5\"];");
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(sibling));
	guest_end(&g);
}
END_TEST

START_TEST(a_closed_context_answers_ENODEV_and_its_handles_go)
{
	struct guest g;

	guest_begin(&g);
	guest_bind_pasids(&g);
	ioasid_close(g.ctx);
	fails(-ENODEV, "closed", ioasid_space_unbind_pasid_table(g.giova));
	fails(-ENODEV, "closed", ioasid_space_bind_pasid_table(g.giova, &guest_pasids));
	g.ctx = NULL;
	guest_end(&g);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pasid table");
	TCase *tcase = support_case(suite, "pasid table");

	tcase_add_test(tcase, what_is_bound_reaches_the_backend);
	tcase_add_test(tcase, a_table_has_the_words_of_its_format_and_no_more);
	tcase_add_test(tcase, a_space_has_one_table_of_one_kind);
	tcase_add_test(tcase, a_space_with_one_takes_nothing_and_stays);
	tcase_add_test(tcase, the_table_of_a_tracked_space_is_the_backends_to_note);
	tcase_add_test(tcase, all_queues_stop_where_a_table_comes_or_goes);
	tcase_add_test(tcase, all_queues_stop_where_routes_move_beside_a_table);
	tcase_add_test(tcase, what_the_backend_refuses_stays_as_it_was);
	tcase_add_test(tcase, infos_and_dumps_tell_of_it);
	tcase_add_test(tcase, a_closed_context_answers_ENODEV_and_its_handles_go);
	return support_run(suite);
}
