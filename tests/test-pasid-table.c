/* SPDX-License-Identifier: MIT */
/*
 * The rules of guests' PASID tables, over a backend that takes notes: who may have one, what may
 * be attached beside one, and that no answer to any queue is on its way where one comes, goes, or
 * has its devices moved.
 */
#include "guestkit.h"
#include <stdlib.h>

#define NONE IOASID_PASID_NONE

static void bind(struct guest *g)
{
	ok(ioasid_space_bind_pasid_table(g->giova, &guest_pasids));
}

static void unbind(struct guest *g)
{
	ok(ioasid_space_unbind_pasid_table(g->giova));
}

START_TEST(what_is_bound_reaches_the_backend)
{
	struct guest g;

	guest_begin(&g);
	bind(&g);
	ck_assert(g.leaf->pasids);
	ck_assert_uint_eq(g.leaf->binds, 1);
	ck_assert_uint_eq(g.leaf->space, ioasid_space_id(g.giova));
	ck_assert_uint_eq(g.leaf->parent, ioasid_space_id(g.gpa));
	ck_assert_mem_eq(&g.leaf->table, &guest_pasids, sizeof(guest_pasids));
	unbind(&g);
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
	unbind(&g);
	guest_end(&g);
}
END_TEST

START_TEST(a_space_has_one_table_of_one_kind)
{
	struct guest g;

	guest_begin(&g);
	bind(&g);
	fails(-EBUSY, "PASID table", ioasid_space_bind_pasid_table(g.giova, &guest_pasids));
	fails(-EBUSY, "PASID table", ioasid_space_bind_pgtable(g.giova, &guest_vtd));
	fails(-ENOENT, "but a PASID table", ioasid_space_unbind_pgtable(g.giova));
	unbind(&g);
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
	bind(&g);
	fails(-EBUSY, "PASID table", guest_map(g.giova, 0));
	fails(-EBUSY, "PASID table", ioasid_space_new_nested(g.giova, NULL, &child));
	fails(-EBUSY, "parent", ioasid_space_dirty_start(g.giova));
	ok(ioasid_attachment_detach(g.above));
	g.above = NULL;
	fails(-EBUSY, "PASID table", ioasid_space_destroy(g.giova));
	unbind(&g);
	ok(guest_map(g.giova, 0));
	fails(-EBUSY, "0x0-0xfff", ioasid_space_bind_pasid_table(g.giova, &guest_pasids));
	guest_end(&g);
}
END_TEST

START_TEST(a_pasid_is_not_attached_to_a_space_with_a_table_of_all)
{
	struct ioasid_attachment *route, *none = NULL;
	struct ioasid_space *sibling;
	struct guest g;

	guest_begin(&g);
	sibling = guest_sibling(&g);
	ok(guest_attach(g.device, g.giova, 5, &route));
	fails(-EBUSY, "PASID 5", ioasid_space_bind_pasid_table(g.giova, &guest_pasids));
	support_error_has("nic0", "ioasid_space_bind_pasid_table");
	ck_assert_uint_eq(g.leaf->binds, 0);
	ok(ioasid_attachment_replace(route, sibling));
	bind(&g);
	fails(-EINVAL, "PASID 6 of nic0", guest_attach(g.device, g.giova, 6, &none));
	fails(-EINVAL, "PASID 5 of nic0", ioasid_attachment_replace(route, g.giova));
	ck_assert_ptr_null(none);
	ck_assert_ptr_eq(ioasid_attachment_space(route), sibling);
	unbind(&g);
	ok(ioasid_attachment_replace(route, g.giova));
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(sibling));
	guest_end(&g);
}
END_TEST

/* Spaces that are no children of the parent: itself, a child's child, a stranger. */
struct others {
	struct ioasid_space *sibling, *other_sibling, *grandchild, *stranger;
};

static void others_begin(struct guest *g, struct others *o)
{
	o->sibling = guest_sibling(g);
	o->other_sibling = guest_sibling(g);
	ok(ioasid_space_new_nested(o->sibling, NULL, &o->grandchild));
	ok(ioasid_space_new(g->ctx, NULL, &o->stranger));
}

static void others_end(struct others *o)
{
	ok(ioasid_space_destroy(o->grandchild));
	ok(ioasid_space_destroy(o->other_sibling));
	ok(ioasid_space_destroy(o->sibling));
	ok(ioasid_space_destroy(o->stranger));
}

START_TEST(beside_a_table_a_pasid_is_attached_to_a_sibling_only)
{
	struct ioasid_attachment *route, *none = NULL;
	struct others o;
	struct guest g;

	guest_begin(&g);
	others_begin(&g, &o);
	bind(&g);
	fails(-EINVAL, "PASID 5 of nic0", guest_attach(g.device, g.gpa, 5, &none));
	fails(-EINVAL, "another child of space 1", guest_attach(g.device, o.stranger, 5, &none));
	ok(guest_attach(g.device, o.sibling, 5, &route));
	fails(-EINVAL, "PASID 5 of nic0", guest_attach(g.device, o.grandchild, 5, &none));
	fails(-EINVAL, "PASID 5 of nic0", ioasid_attachment_replace(route, g.gpa));
	fails(-EINVAL, "PASID 5 of nic0", ioasid_attachment_replace(route, o.stranger));
	ok(ioasid_attachment_replace(route, o.other_sibling));
	ck_assert_uint_eq(g.leaf->route.pasid, 5);
	ck_assert_uint_eq(g.leaf->led, ioasid_space_id(o.other_sibling));
	unbind(&g);
	ok(ioasid_attachment_replace(route, g.gpa));
	ok(ioasid_attachment_detach(route));
	ck_assert_ptr_null(none);
	others_end(&o);
	guest_end(&g);
}
END_TEST

START_TEST(a_table_is_bound_only_where_all_pasids_lead_to_siblings)
{
	struct ioasid_attachment *routes[3];
	struct others o;
	struct guest g;

	guest_begin(&g);
	others_begin(&g, &o);
	ok(guest_attach(g.device, o.sibling, 3, &routes[0]));
	ok(guest_attach(g.device, o.stranger, 4, &routes[1]));
	ok(guest_attach(g.device, g.gpa, 5, &routes[2]));
	fails(-EBUSY, "PASID 4 of nic0", ioasid_space_bind_pasid_table(g.giova, &guest_pasids));
	ok(ioasid_attachment_replace(routes[1], o.sibling));
	fails(-EBUSY, "PASID 5 of nic0", ioasid_space_bind_pasid_table(g.giova, &guest_pasids));
	ok(ioasid_attachment_detach(routes[2]));
	ok(guest_attach(g.device, o.grandchild, 3, &routes[2]));
	fails(-EBUSY, "PASID 3 of nic0", ioasid_space_bind_pasid_table(g.giova, &guest_pasids));
	ok(ioasid_attachment_detach(routes[2]));
	ck_assert_uint_eq(g.leaf->binds, 0);
	bind(&g);
	for (int i = 0; i < 2; i++)
		ok(ioasid_attachment_detach(routes[i]));
	unbind(&g);
	others_end(&o);
	guest_end(&g);
}
END_TEST

START_TEST(a_device_comes_to_a_table_only_with_pasids_at_siblings)
{
	struct ioasid_attachment *route;
	struct others o;
	struct guest g;

	guest_begin(&g);
	others_begin(&g, &o);
	ok(ioasid_attachment_detach(g.above));
	bind(&g);
	ok(guest_attach(g.device, o.stranger, 4, &route));
	fails(-EBUSY, "PASID 4 of nic0", guest_attach(g.device, g.giova, NONE, &g.above));
	ok(guest_attach(g.device, o.sibling, NONE, &g.above));
	fails(-EBUSY, "PASID 4 of nic0", ioasid_attachment_replace(g.above, g.giova));
	ck_assert_ptr_eq(ioasid_attachment_space(g.above), o.sibling);
	ok(ioasid_attachment_replace(route, o.other_sibling));
	ok(ioasid_attachment_replace(g.above, g.giova));
	ok(ioasid_attachment_replace(g.above, o.sibling));
	ok(ioasid_attachment_detach(g.above));
	ok(guest_attach(g.device, g.giova, NONE, &g.above));
	/* leaving it, a PASID may lead anywhere again */
	ok(ioasid_attachment_replace(g.above, o.sibling));
	ok(ioasid_attachment_replace(route, o.stranger));
	ok(ioasid_attachment_detach(route));
	unbind(&g);
	ok(ioasid_attachment_replace(g.above, g.giova));
	others_end(&o);
	guest_end(&g);
}
END_TEST

/* Where a group moves as one, the table is that of a mate too that is nowhere itself. */
START_TEST(the_pasids_of_a_mate_count)
{
	struct ioasid_attachment *route, *none = NULL;
	struct ioasid_device *mate;
	struct others o;
	struct guest g;

	guest_begin(&g);
	others_begin(&g, &o);
	mate = guest_device(&g, "mate");
	ok(guest_attach(mate, o.stranger, 4, &route));
	fails(-EBUSY, "PASID 4 of mate", ioasid_space_bind_pasid_table(g.giova, &guest_pasids));
	ok(ioasid_attachment_detach(g.above));
	bind(&g);
	fails(-EBUSY, "PASID 4 of mate", guest_attach(g.device, g.giova, NONE, &g.above));
	ok(ioasid_attachment_detach(route));
	ok(guest_attach(g.device, g.giova, NONE, &g.above));
	fails(-EINVAL, "PASID 4 of mate", guest_attach(mate, o.stranger, 4, &none));
	unbind(&g);
	ok(ioasid_device_unbind(mate));
	others_end(&o);
	guest_end(&g);
}
END_TEST

START_TEST(a_device_of_another_group_is_its_own)
{
	struct ioasid_attachment *route;
	struct ioasid_device *other;
	struct others o;
	struct guest g;

	guest_begin(&g);
	others_begin(&g, &o);
	g.leaf->group = 2;
	other = guest_device(&g, "other");
	ok(guest_attach(other, o.stranger, 4, &route));
	bind(&g);
	ok(ioasid_attachment_detach(route));
	ok(guest_attach(other, o.stranger, 5, &route));
	ok(ioasid_attachment_detach(route));
	unbind(&g);
	ok(ioasid_device_unbind(other));
	others_end(&o);
	guest_end(&g);
}
END_TEST

/* What is on the wire are not the PASIDs that the guest's table has. */
START_TEST(a_mediated_device_does_not_go_together_with_a_table)
{
	struct ioasid_attachment *below, *route, *none = NULL;
	struct ioasid_space *sibling;
	struct ioasid_device *mdev;
	struct guest g;

	guest_begin(&g);
	sibling = guest_sibling(&g);
	g.leaf->group = 2;
	g.leaf->device_flags |= IOASID_DEVICE_MEDIATED;
	mdev = guest_device(&g, "mdev0");
	ok(guest_attach(mdev, g.gpa, NONE, &below));
	ok(guest_attach(mdev, g.giova, NONE, &route));
	fails(-EINVAL, "mdev0 is mediated", ioasid_space_bind_pasid_table(g.giova, &guest_pasids));
	ck_assert_uint_eq(g.leaf->binds, 0);
	ok(ioasid_attachment_replace(route, sibling));
	bind(&g);
	fails(-EINVAL, "mdev0 is mediated", ioasid_attachment_replace(route, g.giova));
	ok(ioasid_attachment_detach(route));
	fails(-EINVAL, "mdev0 is mediated", guest_attach(mdev, g.giova, NONE, &none));
	ok(guest_attach(mdev, sibling, 5, &route));
	ok(ioasid_attachment_detach(route));
	unbind(&g);
	ok(ioasid_attachment_detach(below));
	ok(ioasid_device_unbind(mdev));
	ok(ioasid_space_destroy(sibling));
	guest_end(&g);
}
END_TEST

START_TEST(nor_does_it_come_to_one_by_a_mate)
{
	struct ioasid_attachment *below = NULL;
	struct ioasid_device *part;
	struct guest g;

	guest_begin(&g);
	g.leaf->device_flags |= IOASID_DEVICE_MEDIATED;
	part = guest_device(&g, "mdev0");
	ok(guest_attach(part, g.gpa, NONE, &below));
	fails(-EINVAL, "mdev0", ioasid_space_bind_pasid_table(g.giova, &guest_pasids));
	ok(ioasid_attachment_detach(g.above));
	/* the group leads to the parent */
	ok(ioasid_space_bind_pasid_table(g.giova, &guest_pasids));
	fails(-EINVAL, "mdev0", guest_attach(g.device, g.giova, NONE, &g.above));
	ok(ioasid_attachment_detach(below));
	below = NULL;
	ok(guest_attach(g.device, g.giova, NONE, &g.above));
	fails(-EINVAL, "mdev0", guest_attach(part, g.gpa, NONE, &below));
	ck_assert_ptr_null(below);
	unbind(&g);
	ok(ioasid_device_unbind(part));
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
	bind(&g);
	ok(guest_attach(g.device, sibling, 5, &route));
	ok(ioasid_space_bind_pgtable(sibling, &guest_vtd));
	ck_assert_uint_eq(g.leaf->space, ioasid_space_id(sibling));
	ck_assert(!g.leaf->pasids);
	ck_assert_int_eq(ok(ioasid_space_invalidate(sibling, &all, 1)), 1);
	ck_assert_uint_eq(g.leaf->space, ioasid_space_id(sibling));
	ok(ioasid_space_unbind_pgtable(sibling));
	ok(ioasid_attachment_detach(route));
	unbind(&g);
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
	bind(&g.g);
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
	bind(&g);
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
	unbind(&g);
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
	bind(&g);
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
	tcase_add_test(tcase, a_pasid_is_not_attached_to_a_space_with_a_table_of_all);
	tcase_add_test(tcase, beside_a_table_a_pasid_is_attached_to_a_sibling_only);
	tcase_add_test(tcase, a_table_is_bound_only_where_all_pasids_lead_to_siblings);
	tcase_add_test(tcase, a_device_comes_to_a_table_only_with_pasids_at_siblings);
	tcase_add_test(tcase, the_pasids_of_a_mate_count);
	tcase_add_test(tcase, a_device_of_another_group_is_its_own);
	tcase_add_test(tcase, a_mediated_device_does_not_go_together_with_a_table);
	tcase_add_test(tcase, nor_does_it_come_to_one_by_a_mate);
	tcase_add_test(tcase, the_table_of_a_tracked_space_is_the_backends_to_note);
	tcase_add_test(tcase, all_queues_stop_where_a_table_comes_or_goes);
	tcase_add_test(tcase, all_queues_stop_where_routes_move_beside_a_table);
	tcase_add_test(tcase, what_the_backend_refuses_stays_as_it_was);
	tcase_add_test(tcase, infos_and_dumps_tell_of_it);
	tcase_add_test(tcase, a_closed_context_answers_ENODEV_and_its_handles_go);
	return support_run(suite);
}
