/* SPDX-License-Identifier: MIT */
/*
 * Routes beside a guest's PASID table, over a backend that takes notes: where a device's PASIDs may
 * lead while it has a table, or is to get one, by itself or by a mate; and that no mediated device
 * goes together with one.
 */
#include "guestkit.h"

#define NONE IOASID_PASID_NONE

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
	guest_bind_pasids(&g);
	fails(-EINVAL, "PASID 6 of nic0", guest_attach(g.device, g.giova, 6, &none));
	fails(-EINVAL, "PASID 5 of nic0", ioasid_attachment_replace(route, g.giova));
	ck_assert_ptr_null(none);
	ck_assert_ptr_eq(ioasid_attachment_space(route), sibling);
	guest_unbind_pasids(&g);
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
	guest_bind_pasids(&g);
	fails(-EINVAL, "PASID 5 of nic0", guest_attach(g.device, g.gpa, 5, &none));
	fails(-EINVAL, "another child of space 1", guest_attach(g.device, o.stranger, 5, &none));
	ok(guest_attach(g.device, o.sibling, 5, &route));
	fails(-EINVAL, "PASID 5 of nic0", guest_attach(g.device, o.grandchild, 5, &none));
	fails(-EINVAL, "PASID 5 of nic0", ioasid_attachment_replace(route, g.gpa));
	fails(-EINVAL, "PASID 5 of nic0", ioasid_attachment_replace(route, o.stranger));
	ok(ioasid_attachment_replace(route, o.other_sibling));
	ck_assert_uint_eq(g.leaf->route.pasid, 5);
	ck_assert_uint_eq(g.leaf->led, ioasid_space_id(o.other_sibling));
	guest_unbind_pasids(&g);
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
	guest_bind_pasids(&g);
	for (int i = 0; i < 2; i++)
		ok(ioasid_attachment_detach(routes[i]));
	guest_unbind_pasids(&g);
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
	guest_bind_pasids(&g);
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
	guest_unbind_pasids(&g);
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
	guest_bind_pasids(&g);
	fails(-EBUSY, "PASID 4 of mate", guest_attach(g.device, g.giova, NONE, &g.above));
	ok(ioasid_attachment_detach(route));
	ok(guest_attach(g.device, g.giova, NONE, &g.above));
	fails(-EINVAL, "PASID 4 of mate", guest_attach(mate, o.stranger, 4, &none));
	guest_unbind_pasids(&g);
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
	guest_bind_pasids(&g);
	ok(ioasid_attachment_detach(route));
	ok(guest_attach(other, o.stranger, 5, &route));
	ok(ioasid_attachment_detach(route));
	guest_unbind_pasids(&g);
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
	guest_bind_pasids(&g);
	fails(-EINVAL, "mdev0 is mediated", ioasid_attachment_replace(route, g.giova));
	ok(ioasid_attachment_detach(route));
	fails(-EINVAL, "mdev0 is mediated", guest_attach(mdev, g.giova, NONE, &none));
	ok(guest_attach(mdev, sibling, 5, &route));
	ok(ioasid_attachment_detach(route));
	guest_unbind_pasids(&g);
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
	guest_unbind_pasids(&g);
	ok(ioasid_device_unbind(part));
	guest_end(&g);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pasid table, routes");
	TCase *tcase = support_case(suite, "pasid table, routes");

	tcase_add_test(tcase, a_pasid_is_not_attached_to_a_space_with_a_table_of_all);
	tcase_add_test(tcase, beside_a_table_a_pasid_is_attached_to_a_sibling_only);
	tcase_add_test(tcase, a_table_is_bound_only_where_all_pasids_lead_to_siblings);
	tcase_add_test(tcase, a_device_comes_to_a_table_only_with_pasids_at_siblings);
	tcase_add_test(tcase, the_pasids_of_a_mate_count);
	tcase_add_test(tcase, a_device_of_another_group_is_its_own);
	tcase_add_test(tcase, a_mediated_device_does_not_go_together_with_a_table);
	tcase_add_test(tcase, nor_does_it_come_to_one_by_a_mate);
	return support_run(suite);
}
