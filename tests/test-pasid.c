/* SPDX-License-Identifier: MIT */
/*
 * PASIDs in the iommufd leaf, over a kernel with Linux 6.15's rule: a PASID leads only to a table
 * that was made for that, and so does the default route beside it. The kernel's own tables are
 * not: wherever a device may get a PASID, the library makes them.
 */
#include "routekit.h"
#include <ioasid/pgtable.h>

#define NEST IOASID_SPACE_NEST_PARENT

struct scene {
	struct ioasid_ctx *ctx;
	struct ioasid_space *space, *child; /* the child has a guest's table, where it can */
	struct ioasid_device *device;
};

static void begin(struct scene *s, const struct routekit *kernel, uint32_t flags)
{
	routekit_open(kernel, &s->ctx);
	ok(ioasid_space_new(s->ctx, IOASID_OPTS(ioasid_space_opts, .flags = flags), &s->space));
	ok(ioasid_space_new_nested(s->space, NULL, &s->child));
	if (flags & NEST)
		ok(routekit_bind_table(s->child, 0x3000));
	s->device = routekit_bind(s->ctx);
}

/* Whatever it was attached to. */
static void end(struct scene *s, struct ioasid_attachment *first, struct ioasid_attachment *second)
{
	ok(ioasid_attachment_detach(second));
	ok(ioasid_attachment_detach(first));
	ok(ioasid_device_unbind(s->device));
	if (ioasid_space_unbind_pgtable(s->child))
		support_error_has("no page table", "ioasid_space_unbind_pgtable");
	ok(ioasid_space_destroy(s->child));
	ok(ioasid_space_destroy(s->space));
	routekit_empty();
	ioasid_close(s->ctx);
}

static struct ioasid_attachment *attach(struct scene *s, struct ioasid_space *space)
{
	struct ioasid_attachment *attachment;

	ok(ioasid_device_attach(s->device, space, NULL, &attachment));
	return attachment;
}

static int try_pasid(
	struct scene *s, struct ioasid_space *space, struct ioasid_attachment **attachment)
{
	return ioasid_device_attach(s->device, space,
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = PASID),
		attachment);
}

static struct ioasid_attachment *attach_pasid(struct scene *s, struct ioasid_space *space)
{
	struct ioasid_attachment *attachment;

	ok(try_pasid(s, space, &attachment));
	ck_assert(routekit_pasids(routekit.led[0][1]));
	return attachment;
}

static const struct routekit with_pasids = {.pasid_bits = 16};
static const uint32_t intents[] = {0, NEST, IOASID_SPACE_DIRTY_TRACKING};

START_TEST(a_pasid_alone)
{
	struct scene s;

	begin(&s, &with_pasids, intents[_i]);
	end(&s, attach_pasid(&s, s.space), NULL);
}
END_TEST

START_TEST(a_pasid_after_a_default_route)
{
	struct ioasid_attachment *first;
	struct scene s;

	begin(&s, &with_pasids, intents[_i]);
	first = attach(&s, s.space);
	end(&s, first, attach_pasid(&s, s.space));
}
END_TEST

START_TEST(a_default_route_after_a_pasid)
{
	struct ioasid_attachment *first;
	struct scene s;

	begin(&s, &with_pasids, intents[_i]);
	first = attach_pasid(&s, s.space);
	end(&s, first, attach(&s, s.space));
}
END_TEST

START_TEST(both_routes_share_one_table)
{
	struct ioasid_attachment *first, *second;
	struct scene s;

	begin(&s, &with_pasids, 0);
	first = attach(&s, s.space);
	second = attach_pasid(&s, s.space);
	ck_assert_uint_eq(routekit.led[0][0], routekit.led[0][1]);
	ok(ioasid_attachment_detach(first));
	ck_assert(routekit_pasids(routekit.led[0][1]));
	end(&s, NULL, second);
}
END_TEST

START_TEST(a_pasid_on_a_guests_table)
{
	struct ioasid_attachment *below;
	struct scene s;

	begin(&s, &with_pasids, NEST);
	below = attach(&s, s.space);
	end(&s, below, attach_pasid(&s, s.child));
}
END_TEST

START_TEST(the_default_route_moves_beside_a_pasid)
{
	struct ioasid_attachment *below, *above, *by_pasid;
	struct scene s;

	begin(&s, &with_pasids, NEST);
	below = attach(&s, s.space);
	by_pasid = attach_pasid(&s, s.space);
	above = attach(&s, s.child);
	ck_assert_uint_ne(routekit.led[0][0], routekit.led[0][1]);
	ok(ioasid_space_unbind_pgtable(s.child));
	ok(routekit_bind_table(s.child, 0x4000));
	ck_assert(routekit_pasids(routekit.led[0][0]));
	ok(ioasid_attachment_detach(above));
	end(&s, below, by_pasid);
}
END_TEST

/* Such an IOMMU nests, or has PASIDs. */
static const struct routekit no_nested_pasids = {
	.pasid_bits = 16, .no_pasids_with = IOMMUFD_HWPT_NEST_PARENT};

START_TEST(a_device_does_without_pasids_where_its_iommu_has_them_not_for_this)
{
	struct ioasid_attachment *below, *second;
	struct scene s;

	begin(&s, &no_nested_pasids, NEST);
	below = attach(&s, s.space);
	ck_assert(!routekit_pasids(routekit.led[0][0]));
	fails(-EOPNOTSUPP, "PASID", try_pasid(&s, s.space, &second));
	end(&s, below, attach(&s, s.child));
}
END_TEST

START_TEST(a_device_without_pasids_keeps_the_kernels_own_table)
{
	struct ioasid_attachment *below;
	struct scene s;

	begin(&s, &(struct routekit){.pasid_bits = 0}, 0);
	below = attach(&s, s.space);
	ck_assert_uint_eq(routekit.led[0][0], ioasid_space_id(s.space));
	end(&s, below, NULL);
}
END_TEST

/* Of the kernel, with what the calls were about. */
static unsigned int invalidations;

static int count(unsigned long number)
{
	invalidations += number == IOMMUFD_HWPT_INVALIDATE;
	return 0;
}

static int forget_device(struct scene *s)
{
	struct ioasid_invalidation one = {.what = IOASID_INVALIDATE_DEVICE, .device = s->device};

	invalidations = 0;
	return ioasid_space_invalidate(s->child, &one, 1);
}

START_TEST(a_device_is_forgotten_once_by_each_guests_table_that_its_routes_lead_to)
{
	struct ioasid_attachment *below, *above, *by_pasid;
	struct ioasid_space *other;
	struct scene s;

	begin(&s, &with_pasids, NEST);
	ok(ioasid_space_new_nested(s.space, NULL, &other));
	ok(routekit_bind_table(other, 0x5000));
	below = attach(&s, s.space);
	by_pasid = attach_pasid(&s, s.child);
	routekit.meanwhile = count;
	ck_assert_int_eq(ok(forget_device(&s)), 1);
	ck_assert_uint_eq(invalidations, 1); /* the parent's table is no guest's */
	above = attach(&s, s.child);
	ck_assert_uint_eq(routekit.led[0][0], routekit.led[0][1]);
	ck_assert_int_eq(ok(forget_device(&s)), 1);
	ck_assert_uint_eq(invalidations, 1);
	ok(ioasid_attachment_replace(above, other));
	ck_assert_int_eq(ok(forget_device(&s)), 1);
	ck_assert_uint_eq(invalidations, 2);
	ok(ioasid_attachment_detach(above));
	ok(ioasid_space_unbind_pgtable(other));
	ok(ioasid_space_destroy(other));
	end(&s, below, by_pasid);
}
END_TEST

/* Of no device the kernel says that it takes ENQCMD, so that the core asks for none. */
START_TEST(no_virtual_machine_translates_pasids)
{
	struct ioasid_attachment *route;
	struct backend_route pasid;
	struct backend *be;
	struct scene s;

	begin(&s, &with_pasids, 0);
	route = attach_pasid(&s, s.space);
	fails(-EINVAL, "not mediated", ioasid_kvm_map_pasid(route, 0));
	be = &routekit_leaf(s.ctx)->base;
	pasid = (struct backend_route){s.device->is.id, PASID};
	ck_assert_int_eq(be->ops->kvm_map(be, pasid, 0), -EOPNOTSUPP);
	error_from(-EOPNOTSUPP, "ioasid_kvm_map_pasid");
	support_error_has("no KVM has", "ioasid_kvm_map_pasid");
	support_error_has("iommufd", "ioasid_kvm_map_pasid");
	ck_assert_int_eq(be->ops->kvm_unmap(be, pasid, 0), -EOPNOTSUPP);
	error_forget();
	end(&s, route, NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pasid");
	TCase *tcase = support_case(suite, "pasid");

	tcase_add_loop_test(tcase, a_pasid_alone, 0, 3);
	tcase_add_loop_test(tcase, a_pasid_after_a_default_route, 0, 3);
	tcase_add_loop_test(tcase, a_default_route_after_a_pasid, 0, 3);
	tcase_add_test(tcase, both_routes_share_one_table);
	tcase_add_test(tcase, a_pasid_on_a_guests_table);
	tcase_add_test(tcase, the_default_route_moves_beside_a_pasid);
	tcase_add_test(tcase, a_device_does_without_pasids_where_its_iommu_has_them_not_for_this);
	tcase_add_test(tcase, a_device_without_pasids_keeps_the_kernels_own_table);
	tcase_add_test(
		tcase, a_device_is_forgotten_once_by_each_guests_table_that_its_routes_lead_to);
	tcase_add_test(tcase, no_virtual_machine_translates_pasids);
	return support_run(suite);
}
