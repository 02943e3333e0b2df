/* SPDX-License-Identifier: MIT */
/*
 * PASIDs that a processor sends: which attachments a virtual machine may translate a PASID for, and
 * which devices take ENQCMD in one context. What a machine does with it is the leaf's tests'
 * business.
 */
#include "guestkit.h"

#define MDEV   (IOASID_DEVICE_MEDIATED | IOASID_DEVICE_NESTING)
#define ENQCMD (IOASID_DEVICE_ENQCMD | IOASID_DEVICE_NESTING)
#define BOTH   (MDEV | IOASID_DEVICE_ENQCMD)
#define NONE   IOASID_PASID_NONE

struct scene {
	struct guest g;
	struct ioasid_space *space;
	struct ioasid_device *device;
	struct ioasid_attachment *route;
};

static struct ioasid_device *add(struct scene *s, uint32_t flags, const char *name)
{
	s->g.leaf->group++;
	s->g.leaf->device_flags = flags;
	return guest_device(&s->g, name);
}

/* A device of this kind, by this PASID. */
static void begin(struct scene *s, uint32_t flags, uint32_t pasid)
{
	guest_begin(&s->g);
	ok(ioasid_space_new(s->g.ctx, NULL, &s->space));
	s->device = add(s, flags, "mdev0");
	ok(guest_attach(s->device, s->space, pasid, &s->route));
}

static void end(struct scene *s)
{
	ok(ioasid_attachment_detach(s->route));
	ok(ioasid_device_unbind(s->device));
	ok(ioasid_space_destroy(s->space));
	guest_end(&s->g);
}

static void context_is_held(void *arg)
{
	struct scene *s = arg;

	ck_assert_int_eq(pthread_mutex_trylock(&s->g.ctx->lock), EBUSY);
}

START_TEST(what_is_mapped_reaches_the_backend)
{
	struct scene s;

	begin(&s, BOTH, 5);
	s.g.leaf->hook = context_is_held;
	s.g.leaf->hook_arg = &s;
	ok(ioasid_kvm_map_pasid(s.route, 0));
	ck_assert_uint_eq(s.g.leaf->kvm_maps, 1);
	ck_assert_uint_eq(s.g.leaf->route.device, s.device->is.id);
	ck_assert_uint_eq(s.g.leaf->route.pasid, 5);
	ck_assert_int_eq(s.g.leaf->kvm_fd, 0);
	memset(&s.g.leaf->route, 0, sizeof(s.g.leaf->route));
	ok(ioasid_kvm_unmap_pasid(s.route, 1));
	ck_assert_uint_eq(s.g.leaf->kvm_unmaps, 1);
	ck_assert_uint_eq(s.g.leaf->route.device, s.device->is.id);
	ck_assert_uint_eq(s.g.leaf->route.pasid, 5);
	ck_assert_int_eq(s.g.leaf->kvm_fd, 1);
	s.g.leaf->hook = NULL;
	end(&s);
}
END_TEST

START_TEST(what_the_backend_refuses_is_told)
{
	struct scene s;

	begin(&s, BOTH, 5);
	s.g.leaf->reason = "it goes to 9";
	s.g.leaf->kvm_fails = -EEXIST;
	fails(-EEXIST, "it goes to 9", ioasid_kvm_map_pasid(s.route, 0));
	support_error_has("PASID 5 of mdev0", "ioasid_kvm_map_pasid");
	s.g.leaf->kvm_fails = -ENOENT;
	fails(-ENOENT, "PASID 5 of mdev0", ioasid_kvm_unmap_pasid(s.route, 0));
	end(&s);
}
END_TEST

static const struct {
	uint32_t flags, pasid;
	const char *words;
} untranslated[] = {
	{BOTH, NONE, "no PASID"},
	{MDEV, 5, "knows of no work by ENQCMD"},
	{ENQCMD, 5, "not mediated"},
	{IOASID_DEVICE_NESTING, 5, "not mediated"},
};

START_TEST(only_a_pasid_of_a_mediated_device_with_enqcmd_is_translated)
{
	struct scene s;

	begin(&s, untranslated[_i].flags, untranslated[_i].pasid);
	fails(-EINVAL, untranslated[_i].words, ioasid_kvm_map_pasid(s.route, 0));
	support_error_has("mdev0", "ioasid_kvm_map_pasid");
	fails(-EINVAL, untranslated[_i].words, ioasid_kvm_unmap_pasid(s.route, 0));
	fails(-EBADF, "99999", ioasid_kvm_map_pasid(s.route, 99999));
	fails(-EBADF, "99999", ioasid_kvm_unmap_pasid(s.route, 99999));
	ck_assert_uint_eq(s.g.leaf->kvm_maps + s.g.leaf->kvm_unmaps, 0);
	end(&s);
}
END_TEST

START_TEST(enqcmd_of_a_mediated_device_and_of_another_exclude_each_other)
{
	static const uint32_t kinds[] = {BOTH, ENQCMD};
	struct ioasid_attachment *second = NULL, *by_default;
	struct ioasid_device *other;
	struct scene s;

	begin(&s, kinds[_i], 5);
	other = add(&s, kinds[!_i], "other");
	ok(guest_attach(other, s.space, NONE, &by_default));
	fails(-EBUSY, "mdev0", guest_attach(other, s.space, 6, &second));
	support_error_has("PASID 6 of other", "ioasid_device_attach");
	ck_assert_ptr_null(second);
	ok(ioasid_attachment_detach(s.route));
	ok(guest_attach(other, s.space, 6, &second));
	fails(-EBUSY, "other", guest_attach(s.device, s.space, 5, &s.route));
	ok(guest_attach(s.device, s.space, NONE, &s.route)); /* without a PASID nothing is sent */
	ok(ioasid_attachment_detach(second));
	ok(ioasid_attachment_detach(by_default));
	ok(ioasid_device_unbind(other));
	end(&s);
}
END_TEST

/* A guest's table gives a device PASIDs that nobody attached. */
START_TEST(a_pasid_table_and_enqcmd_of_a_mediated_device_exclude_each_other)
{
	struct ioasid_attachment *below, *above = NULL;
	struct ioasid_space *sibling;
	struct ioasid_device *other;
	struct scene s;

	begin(&s, BOTH, 5);
	sibling = guest_sibling(&s.g);
	ok(ioasid_attachment_detach(s.g.above));
	other = add(&s, ENQCMD | IOASID_DEVICE_DIRTY, "other");
	ok(guest_attach(other, s.g.gpa, NONE, &below));
	ok(guest_attach(other, s.g.giova, NONE, &above));
	fails(-EBUSY, "mdev0", ioasid_space_bind_pasid_table(s.g.giova, &guest_pasids));
	support_error_has("other", "ioasid_space_bind_pasid_table");
	ck_assert_uint_eq(s.g.leaf->binds, 0);
	ok(ioasid_attachment_replace(above, sibling));
	ok(ioasid_space_bind_pasid_table(s.g.giova, &guest_pasids));
	fails(-EBUSY, "mdev0", ioasid_attachment_replace(above, s.g.giova));
	ok(ioasid_attachment_detach(above));
	above = NULL;
	fails(-EBUSY, "mdev0", guest_attach(other, s.g.giova, NONE, &above));
	ck_assert_ptr_null(above);
	ok(ioasid_attachment_detach(s.route));
	ok(guest_attach(other, s.g.giova, NONE, &above));
	fails(-EBUSY, "other", guest_attach(s.device, s.space, 5, &s.route));
	support_error_has("PASID 5 of mdev0", "ioasid_device_attach");
	ok(guest_attach(s.device, s.space, NONE, &s.route));
	ok(ioasid_space_unbind_pasid_table(s.g.giova));
	ok(ioasid_attachment_detach(s.route));
	ok(guest_attach(s.device, s.space, 5, &s.route));
	ok(ioasid_attachment_detach(above));
	ok(ioasid_attachment_detach(below));
	ok(ioasid_device_unbind(other));
	ok(ioasid_space_destroy(sibling));
	ok(guest_attach(s.g.device, s.g.giova, NONE, &s.g.above));
	end(&s);
}
END_TEST

/* Another one of nic0's group, with which it shares its routes. */
static int bind_mate(struct scene *s, uint32_t flags, struct ioasid_device **mate)
{
	const char *name = flags & IOASID_DEVICE_MEDIATED ? "part" : "mate";

	s->g.leaf->group = s->g.device->is.group;
	s->g.leaf->device_flags = flags;
	return ioasid_device_bind(s->g.ctx, 0, IOASID_OPTS(ioasid_device_opts, .name = name), mate);
}

/* nic0 takes no ENQCMD, but where it has PASIDs, its mate has them. */
START_TEST(the_pasids_of_a_mate_are_a_devices_for_enqcmd_too)
{
	struct ioasid_attachment *route = NULL, *more = NULL;
	struct ioasid_device *mate;
	struct scene s;

	begin(&s, BOTH, 5);
	ok(bind_mate(&s, ENQCMD, &mate));
	fails(-EBUSY, "of mate and of mdev0", guest_attach(s.g.device, s.space, 6, &route));
	support_error_has("PASID 6 of nic0", "ioasid_device_attach");
	ck_assert_ptr_null(route);
	fails(-EBUSY, "of mate and of mdev0",
		ioasid_space_bind_pasid_table(s.g.giova, &guest_pasids));
	ok(ioasid_attachment_detach(s.route));
	ok(guest_attach(s.g.device, s.space, 6, &route));
	ok(guest_attach(s.device, s.space, NONE, &s.route));
	fails(-EBUSY, "of mdev0 and of mate", guest_attach(s.device, s.space, 5, &more));
	ok(ioasid_attachment_detach(route));
	ok(guest_attach(s.device, s.space, 5, &more));
	ok(ioasid_attachment_detach(more));
	ok(ioasid_device_unbind(mate));
	end(&s);
}
END_TEST

/* Once it is bound, it is where its group is. */
START_TEST(a_mate_that_comes_later_is_not_bound_to_pasids_that_exclude_its_enqcmd)
{
	struct ioasid_device *mate = NULL;
	struct ioasid_attachment *route;
	struct scene s;

	begin(&s, BOTH, 5);
	if (_i)
		ok(ioasid_space_bind_pasid_table(s.g.giova, &guest_pasids));
	else
		ok(guest_attach(s.g.device, s.space, 6, &route));
	fails(-EBUSY, "of mate and of mdev0", bind_mate(&s, ENQCMD, &mate));
	support_error_has("IOMMU group 1 has PASIDs", "ioasid_device_bind");
	support_error_has("detach", "ioasid_device_bind");
	ck_assert_ptr_null(mate);
	ck_assert_uint_eq(s.g.leaf->unbound, 1);
	ck_assert_uint_eq(list_count(&s.g.ctx->devices), 2);
	ok(bind_mate(&s, IOASID_DEVICE_NESTING, &mate));
	ok(ioasid_device_unbind(mate));
	ok(bind_mate(&s, BOTH, &mate)); /* it has PASIDs by its own attachments alone */
	ok(ioasid_device_unbind(mate));
	if (_i)
		ok(ioasid_space_unbind_pasid_table(s.g.giova));
	else
		ok(ioasid_attachment_detach(route));
	ok(bind_mate(&s, ENQCMD, &mate));
	ok(ioasid_device_unbind(mate));
	end(&s);
}
END_TEST

/* What travels for it is picked, and in no other's hands. */
START_TEST(a_mediated_mate_has_pasids_of_its_own)
{
	struct ioasid_device *part, *mate;
	struct ioasid_attachment *route, *more;
	struct scene s;

	begin(&s, IOASID_DEVICE_NESTING, NONE);
	ok(ioasid_space_bind_pasid_table(s.g.giova, &guest_pasids));
	ok(bind_mate(&s, BOTH, &part));
	ok(bind_mate(&s, ENQCMD, &mate));
	ok(ioasid_space_unbind_pasid_table(s.g.giova));
	ok(guest_attach(part, s.space, 5, &route));
	fails(-EBUSY, "of mate and of part", guest_attach(mate, s.space, 5, &s.route));
	fails(-EBUSY, "of mate and of part", guest_attach(s.g.device, s.space, 6, &s.route));
	ok(ioasid_attachment_detach(route));
	ok(guest_attach(mate, s.space, 6, &route));
	ok(guest_attach(s.g.device, s.space, 7, &more));
	ok(ioasid_attachment_detach(more));
	fails(-EBUSY, "of part and of mate", guest_attach(part, s.space, 5, &s.route));
	ok(ioasid_attachment_detach(route));
	ok(ioasid_device_unbind(mate));
	ok(ioasid_device_unbind(part));
	end(&s);
}
END_TEST

START_TEST(devices_of_one_kind_or_without_enqcmd_go_together)
{
	static const uint32_t kinds[][2] = {{BOTH, BOTH}, {ENQCMD, ENQCMD}, {BOTH, MDEV},
		{BOTH, IOASID_DEVICE_NESTING}, {ENQCMD, MDEV}, {MDEV, ENQCMD},
		{IOASID_DEVICE_NESTING, BOTH}, {MDEV, IOASID_DEVICE_NESTING}};
	struct ioasid_attachment *second;
	struct ioasid_device *other;
	struct scene s;

	begin(&s, kinds[_i][0], 5);
	other = add(&s, kinds[_i][1], "other");
	ok(guest_attach(other, s.space, 5, &second));
	ok(ioasid_attachment_detach(second));
	ok(ioasid_device_unbind(other));
	end(&s);
}
END_TEST

START_TEST(a_closed_context_translates_nothing)
{
	struct scene s;

	begin(&s, BOTH, 5);
	ioasid_close(s.g.ctx);
	fails(-ENODEV, "closed", ioasid_kvm_map_pasid(s.route, 0));
	fails(-ENODEV, "closed", ioasid_kvm_unmap_pasid(s.route, 0));
	s.g.ctx = NULL;
	end(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kvm");
	TCase *tcase = support_case(suite, "kvm");

	tcase_add_test(tcase, what_is_mapped_reaches_the_backend);
	tcase_add_test(tcase, what_the_backend_refuses_is_told);
	tcase_add_loop_test(
		tcase, only_a_pasid_of_a_mediated_device_with_enqcmd_is_translated, 0, 4);
	tcase_add_loop_test(
		tcase, enqcmd_of_a_mediated_device_and_of_another_exclude_each_other, 0, 2);
	tcase_add_test(tcase, a_pasid_table_and_enqcmd_of_a_mediated_device_exclude_each_other);
	tcase_add_test(tcase, the_pasids_of_a_mate_are_a_devices_for_enqcmd_too);
	tcase_add_loop_test(tcase,
		a_mate_that_comes_later_is_not_bound_to_pasids_that_exclude_its_enqcmd, 0, 2);
	tcase_add_test(tcase, a_mediated_mate_has_pasids_of_its_own);
	tcase_add_loop_test(tcase, devices_of_one_kind_or_without_enqcmd_go_together, 0, 8);
	tcase_add_test(tcase, a_closed_context_translates_nothing);
	return support_run(suite);
}
