/* SPDX-License-Identifier: MIT */
/*
 * The contract, rule 4: what others stand on is not taken away, the error names who stands there,
 * and the handle stays valid.
 */
#include "contract.h"
#include <stdio.h>

/* "space N", as error texts have it; the caller's buffer. */
static const char *called(const char *kind, struct ioasid_space *space, char name[32])
{
	snprintf(name, 32, "%s %u", kind, ioasid_space_id(space));
	return name;
}

START_TEST(destroy_with_children_is_busy)
{
	struct contract c;
	char name[32];

	contract_begin(&c, _i);
	struct ioasid_space *parent = contract_space(&c);
	struct ioasid_space *child = contract_child(parent);

	fails(-EBUSY, called("child", child, name), ioasid_space_destroy(parent));
	ck_assert_ptr_eq(ioasid_space_parent(child), parent);
	ok(ioasid_space_destroy(child));
	ok(ioasid_space_destroy(parent));
	contract_end(&c);
}
END_TEST

START_TEST(destroy_with_attachments_is_busy)
{
	struct contract c;
	struct ioasid_space_info info = {.size = sizeof(info)};

	contract_begin(&c, _i);
	struct ioasid_space *space = contract_space(&c);
	struct contract_nic *nic = contract_nic(&c, "nic0", (struct contract_wish){0});
	struct ioasid_attachment *route = contract_attach(nic, space);

	fails(-EBUSY, "nic0", ioasid_space_destroy(space));
	ok(ioasid_space_info(space, &info));
	ck_assert_uint_eq(info.attachments, 1);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(space));
	contract_end(&c);
}
END_TEST

START_TEST(unbind_of_an_attached_device_is_busy)
{
	struct contract c;
	char name[32];

	contract_begin(&c, _i);
	struct ioasid_space *space = contract_space(&c);
	struct contract_nic *nic = contract_nic(&c, "nic0", (struct contract_wish){0});
	struct ioasid_attachment *route = contract_attach(nic, space);

	fails(-EBUSY, called("space", space, name), ioasid_device_unbind(nic->device));
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(space));
	contract_end(&c);
}
END_TEST

START_TEST(the_tree_can_be_walked)
{
	struct contract c;
	struct ioasid_space *children[3] = {NULL};

	contract_begin(&c, _i);
	struct ioasid_space *root = contract_space(&c);
	struct ioasid_space *first = contract_child(root), *second = contract_child(root);
	struct ioasid_space *below = contract_child(second);

	ck_assert_int_eq(ok(ioasid_space_children(root, NULL, 0)), 2);
	ck_assert_int_eq(ok(ioasid_space_children(root, children, 1)), 2);
	ck_assert_ptr_null(children[1]);
	ck_assert_int_eq(ok(ioasid_space_children(root, children, 3)), 2);
	ck_assert_ptr_eq(children[0], first);
	ck_assert_ptr_eq(children[1], second);
	ck_assert_ptr_null(children[2]);
	ck_assert_ptr_null(ioasid_space_parent(root));
	ck_assert_ptr_eq(ioasid_space_parent(below), second);
	ck_assert_uint_ne(ioasid_space_id(first), ioasid_space_id(second));
	ck_assert_uint_ge(ioasid_space_id(root), 1);
	fails(-EBUSY, "space", ioasid_space_destroy(root));
	ok(ioasid_space_destroy(below));
	ok(ioasid_space_destroy(second));
	ok(ioasid_space_destroy(first));
	ck_assert_int_eq(ok(ioasid_space_children(root, children, 3)), 0);
	ok(ioasid_space_destroy(root));
	contract_end(&c);
}
END_TEST

void contract_add_busy(Suite *suite)
{
	TCase *tcase = support_case(suite, "rule 4: busy");

	contract_test(tcase, destroy_with_children_is_busy);
	contract_test(tcase, destroy_with_attachments_is_busy);
	contract_test(tcase, unbind_of_an_attached_device_is_busy);
	contract_test(tcase, the_tree_can_be_walked);
}
