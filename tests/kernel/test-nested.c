/* SPDX-License-Identifier: MIT */
/*
 * Page tables of guests on the kernel's self-test IOMMU, whose nested table is four IOTLB entries
 * that hold what it was made with until they are invalidated: what is bound arrives in the kernel,
 * for every device, before or after the attach; what is invalidated is gone, and only that; what
 * fails leaves each device where it was.
 */
#include "guest.h"
#include "scene.h"
#include <ioasid/fault.h>
#include <ioasid/pgtable.h>

#define TABLE UINT64_C(0xbad000)

struct nest {
	struct scene s;
	struct ioasid_space *gpa, *giova;
	struct ioasid_attachment *below[SCENE_DEVICES], *above[SCENE_DEVICES];
};

static void begin(struct nest *n, uint32_t flags)
{
	scene_begin(&n->s, flags);
	ok(ioasid_space_new(n->s.ctx,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_NEST_PARENT), &n->gpa));
	ok(ioasid_space_new_nested(n->gpa, NULL, &n->giova));
	n->below[0] = n->below[1] = n->above[0] = n->above[1] = NULL;
}

static void detach(struct ioasid_attachment **attachment)
{
	ok(ioasid_attachment_detach(*attachment));
	*attachment = NULL;
}

/* In order, so that nothing is left to the context's end; each step must be allowed. */
static void end(struct nest *n)
{
	for (int i = 0; i < SCENE_DEVICES; i++) {
		detach(&n->above[i]);
		detach(&n->below[i]);
	}
	if (ioasid_space_unbind_pgtable(n->giova))
		support_error_has("no page table", "ioasid_space_unbind_pgtable");
	ok(ioasid_space_destroy(n->giova));
	ok(ioasid_space_destroy(n->gpa));
	ck_assert(list_empty(&n->s.leaf->spaces));
	scene_end(&n->s);
}

static void attach_both(struct nest *n, int device)
{
	n->below[device] = scene_attach(&n->s, device, n->gpa);
	n->above[device] = scene_attach(&n->s, device, n->giova);
}

static int bind(struct nest *n, uint64_t addr)
{
	return ioasid_space_bind_pgtable(
		n->giova, IOASID_OPTS(ioasid_pgtable, .format = IOASID_PGTABLE_VTD_S1, .addr = addr,
				  .addr_width = 48));
}

/* The four entries of the table that the device leads to. */
static void iotlb_is(struct nest *n, int device, const uint32_t *values)
{
	for (uint32_t i = 0; i < SELFTEST_IOTLBS; i++)
		ck_assert_msg(!selftest_check_iotlb(&n->s.hw[device], i, values[i]),
			"device %d: entry %u is not 0x%x", device, i, values[i]);
}

static void iotlb_is_all(struct nest *n, int device, uint32_t value)
{
	uint32_t values[] = {value, value, value, value};

	iotlb_is(n, device, values);
}

static void has_no_iotlb(struct nest *n, int device)
{
	ck_assert_int_lt(selftest_check_iotlb(&n->s.hw[device], 0, (uint32_t)TABLE), 0);
	ck_assert_int_lt(selftest_check_iotlb(&n->s.hw[device], 0, 0), 0);
}

START_TEST(a_table_that_was_bound_first_is_there_at_the_attach)
{
	struct nest n;

	begin(&n, 0);
	ok(bind(&n, TABLE));
	ck_assert_uint_eq(scene_tables(&n.s, n.giova), 0);
	attach_both(&n, 0);
	iotlb_is_all(&n, 0, (uint32_t)TABLE);
	attach_both(&n, 1);
	iotlb_is_all(&n, 1, (uint32_t)TABLE);
	ck_assert_uint_eq(scene_tables(&n.s, n.giova), 1);
	end(&n);
}
END_TEST

static const uint32_t compatibilities[] = {0, SCENE_INCOMPATIBLE, SCENE_APART};

START_TEST(devices_that_are_attached_move_to_a_table_and_back)
{
	struct nest n;

	begin(&n, compatibilities[_i]);
	attach_both(&n, 0);
	attach_both(&n, 1);
	has_no_iotlb(&n, 0);
	ok(bind(&n, TABLE));
	for (int i = 0; i < SCENE_DEVICES; i++)
		iotlb_is_all(&n, i, (uint32_t)TABLE);
	ck_assert_uint_eq(scene_tables(&n.s, n.giova), _i ? 2 : 1);
	ok(ioasid_space_unbind_pgtable(n.giova));
	for (int i = 0; i < SCENE_DEVICES; i++)
		has_no_iotlb(&n, i);
	ck_assert_uint_eq(scene_tables(&n.s, n.giova), 0);
	ok(bind(&n, TABLE + PAGE));
	iotlb_is_all(&n, 0, (uint32_t)(TABLE + PAGE));
	ok(ioasid_space_unbind_pgtable(n.giova));
	end(&n);
}
END_TEST

START_TEST(a_device_leaves_a_table_alone)
{
	struct nest n;

	begin(&n, compatibilities[_i]);
	ok(bind(&n, TABLE));
	attach_both(&n, 0);
	attach_both(&n, 1);
	detach(&n.above[0]);
	has_no_iotlb(&n, 0);
	ck_assert_uint_eq(n.s.hw[0].hwpt, scene_table(&n.s, n.gpa, 0));
	iotlb_is_all(&n, 1, (uint32_t)TABLE);
	detach(&n.above[1]);
	ck_assert_uint_eq(scene_tables(&n.s, n.giova), 0);
	end(&n);
}
END_TEST

static int check_parent(struct nest *n, uint64_t iova, unsigned int page)
{
	struct selftest_cmd cmd = {
		.op = SELFTEST_OP_MD_CHECK_MAP, .id = scene_table(&n->s, n->gpa, 0)};

	cmd.check_map.iova = iova;
	cmd.check_map.length = PAGE;
	cmd.check_map.addr = (uintptr_t)n->s.memory + page * PAGE;
	return selftest_command(n->s.leaf->fd, &cmd);
}

START_TEST(maps_of_the_parent_are_below_the_table_whenever_they_are_made)
{
	struct nest n;

	begin(&n, 0);
	scene_map(&n.s, n.gpa, BASE, 0, 4);
	ok(bind(&n, TABLE));
	attach_both(&n, 0);
	ck_assert_int_eq(check_parent(&n, BASE + PAGE, 1), 0);
	scene_map(&n.s, n.gpa, BASE + 8 * PAGE, 20, 2);
	ck_assert_int_eq(check_parent(&n, BASE + 9 * PAGE, 21), 0);
	ck_assert_int_eq(check_parent(&n, BASE + 9 * PAGE, 20), -EINVAL);
	ck_assert_int_eq(ioasid_space_unmap(n.gpa, BASE, 4 * PAGE), 4 * PAGE);
	iotlb_is_all(&n, 0, (uint32_t)TABLE);
	end(&n);
}
END_TEST

static struct ioasid_invalidation page_of_iotlb(unsigned int i)
{
	return (struct ioasid_invalidation){
		.what = IOASID_INVALIDATE_RANGE, .addr = i * PAGE, .length = PAGE};
}

START_TEST(what_is_invalidated_is_gone_for_every_device_and_nothing_else)
{
	const uint32_t table = (uint32_t)TABLE;
	struct ioasid_invalidation list[] = {page_of_iotlb(2), page_of_iotlb(0)};
	struct nest n;

	begin(&n, compatibilities[_i]);
	attach_both(&n, 0);
	attach_both(&n, 1);
	ok(bind(&n, TABLE));
	ck_assert_int_eq(ok(ioasid_space_invalidate(n.giova, list, 1)), 1);
	for (int i = 0; i < SCENE_DEVICES; i++)
		iotlb_is(&n, i, (const uint32_t[]){table, table, 0, table});
	ck_assert_int_eq(ok(ioasid_space_invalidate(n.giova, list, 2)), 2);
	for (int i = 0; i < SCENE_DEVICES; i++)
		iotlb_is(&n, i, (const uint32_t[]){0, table, 0, table});
	ck_assert_int_eq(ok(ioasid_space_invalidate(n.giova, list, 0)), 0);
	iotlb_is(&n, 0, (const uint32_t[]){0, table, 0, table});
	end(&n);
}
END_TEST

START_TEST(a_whole_space_is_invalidated)
{
	const struct ioasid_invalidation all = {.what = IOASID_INVALIDATE_SPACE};
	struct nest n;

	begin(&n, 0);
	attach_both(&n, 0);
	ok(bind(&n, TABLE));
	ck_assert_int_eq(ok(ioasid_space_invalidate(n.giova, &all, 1)), 1);
	iotlb_is_all(&n, 0, 0);
	end(&n);
}
END_TEST

START_TEST(of_a_device_its_own_table_is_invalidated)
{
	struct ioasid_invalidation list[] = {
		page_of_iotlb(2), {.what = IOASID_INVALIDATE_DEVICE}, page_of_iotlb(0)};
	const uint32_t left[] = {0, (uint32_t)TABLE, 0, (uint32_t)TABLE};
	struct nest n;

	begin(&n, compatibilities[_i]);
	attach_both(&n, 0);
	attach_both(&n, 1);
	ok(bind(&n, TABLE));
	list[1].device = n.s.device[0];
	ck_assert_int_eq(ok(ioasid_space_invalidate(n.giova, list, 3)), 3);
	iotlb_is_all(&n, 0, 0);
	/* where both lead to one table, that is the other's too */
	iotlb_is(&n, 1, compatibilities[_i] ? left : (const uint32_t[]){0, 0, 0, 0});
	detach(&n.above[0]);
	ck_assert_int_eq(ok(ioasid_space_invalidate(n.giova, list, 3)), 1);
	support_error_has("not attached", "ioasid_space_invalidate");
	n.above[0] = scene_attach(&n.s, 0, n.giova);
	end(&n);
}
END_TEST

#define MANY 700u

/* The entry at `bad` is one that the kernel refuses: it has four. */
static void fill(struct ioasid_invalidation *list, unsigned int bad)
{
	for (unsigned int i = 0; i < MANY; i++)
		list[i] = page_of_iotlb(i == bad ? 9 : i / 128 % 3);
}

START_TEST(a_long_list_is_handled_up_to_the_one_that_fails)
{
	static const unsigned int bads[] = {1, 127, 128, 129, 500, 699};
	struct ioasid_invalidation list[MANY];
	char words[32];
	struct nest n;

	begin(&n, compatibilities[_i]);
	attach_both(&n, 0);
	attach_both(&n, 1);
	ok(bind(&n, TABLE));
	fill(list, MANY);
	ck_assert_int_eq(ok(ioasid_space_invalidate(n.giova, list, MANY)), MANY);
	iotlb_is(&n, 0, (const uint32_t[]){0, 0, 0, (uint32_t)TABLE});
	for (unsigned int i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		fill(list, bads[i]);
		ck_assert_int_eq(ok(ioasid_space_invalidate(n.giova, list, MANY)), bads[i]);
		snprintf(words, sizeof(words), "list[%u]", bads[i]);
		support_error_has(words, "ioasid_space_invalidate");
		support_error_has("0x9000", "ioasid_space_invalidate");
	}
	fails(-EINVAL, "list[0]", ioasid_space_invalidate(n.giova, list + 699, 1));
	end(&n);
}
END_TEST

START_TEST(nothing_after_the_one_that_fails_is_invalidated)
{
	const uint32_t table = (uint32_t)TABLE;
	struct ioasid_invalidation list[] = {page_of_iotlb(1), page_of_iotlb(9), page_of_iotlb(3)};
	struct nest n;

	begin(&n, 0);
	attach_both(&n, 0);
	ok(bind(&n, TABLE));
	ck_assert_int_eq(ok(ioasid_space_invalidate(n.giova, list, 3)), 1);
	iotlb_is(&n, 0, (const uint32_t[]){table, 0, table, table});
	list[1] = page_of_iotlb(2);
	list[1].length = PAGE - 1;
	ck_assert_int_eq(ok(ioasid_space_invalidate(n.giova, list, 3)), 1);
	support_error_has("list[1]", "ioasid_space_invalidate");
	iotlb_is(&n, 0, (const uint32_t[]){table, 0, table, table});
	end(&n);
}
END_TEST

START_TEST(a_bind_that_fails_half_way_leaves_every_device_where_it_was)
{
	struct nest n;

	begin(&n, compatibilities[_i]);
	attach_both(&n, 0);
	attach_both(&n, 1);
	/* to try a table that does not suit is an attach, too */
	for (unsigned int fail = 1; fail <= 2u + (unsigned int)_i; fail++) {
		scene_fail_attach(fail);
		fails(-EIO, "the test said so", bind(&n, TABLE));
		for (int i = 0; i < SCENE_DEVICES; i++)
			has_no_iotlb(&n, i);
		ck_assert_uint_eq(n.s.hw[0].hwpt, n.s.hw[1].hwpt);
		ck_assert_uint_eq(scene_tables(&n.s, n.giova), 0);
		fails(-ENOENT, "no page table", ioasid_space_unbind_pgtable(n.giova));
	}
	ok(bind(&n, TABLE));
	iotlb_is_all(&n, 1, (uint32_t)TABLE);
	end(&n);
}
END_TEST

START_TEST(after_a_bind_without_a_way_back_the_next_one_counts)
{
	struct nest n;

	begin(&n, 0);
	attach_both(&n, 0);
	attach_both(&n, 1);
	scene_fail_attaches(2, 2);
	fails(-EIO, "could not go back", bind(&n, TABLE));
	iotlb_is_all(&n, 0, (uint32_t)TABLE);
	has_no_iotlb(&n, 1);
	ok(bind(&n, TABLE + PAGE));
	for (int i = 0; i < SCENE_DEVICES; i++)
		iotlb_is_all(&n, i, (uint32_t)(TABLE + PAGE));
	end(&n);
}
END_TEST

START_TEST(an_unbind_that_fails_half_way_leaves_the_table_bound)
{
	struct nest n;

	begin(&n, 0);
	attach_both(&n, 0);
	attach_both(&n, 1);
	ok(bind(&n, TABLE));
	for (unsigned int fail = 1; fail <= 2; fail++) {
		scene_fail_attach(fail);
		fails(-EIO, "the test said so", ioasid_space_unbind_pgtable(n.giova));
		for (int i = 0; i < SCENE_DEVICES; i++)
			iotlb_is_all(&n, i, (uint32_t)TABLE);
		ck_assert_uint_eq(scene_tables(&n.s, n.giova), 1);
		fails(-EBUSY, "page table", bind(&n, TABLE));
	}
	ok(ioasid_space_unbind_pgtable(n.giova));
	end(&n);
}
END_TEST

static void request_is_read(struct nest *n, struct ioasid_faultq *queue)
{
	struct selftest_fault request = {.addr = 7 * PAGE, .perm = IOMMUFD_FAULT_READ};
	struct ioasid_fault fault;

	ck_assert_int_eq(selftest_fault(&n->s.hw[0], &request), 0);
	ck_assert_int_eq(ok(ioasid_faultq_read(queue, &fault, 1)), 1);
	ck_assert_uint_eq(fault.addr, 7 * PAGE);
}

/* Up to Linux 6.12 no table of the kernel's but a guest's reports page requests. */
START_TEST(a_space_with_a_queue_loses_its_table_and_gets_another)
{
	struct ioasid_faultq *queue;
	struct nest n;

	begin(&n, 0);
	ok(ioasid_space_destroy(n.giova));
	ok(ioasid_faultq_new(n.s.ctx, NULL, &queue));
	ok(ioasid_space_new_nested(
		n.gpa, IOASID_OPTS(ioasid_space_opts, .faults = queue), &n.giova));
	ok(bind(&n, TABLE));
	attach_both(&n, 0);
	ok(ioasid_space_unbind_pgtable(n.giova));
	has_no_iotlb(&n, 0);
	ok(bind(&n, TABLE + PAGE));
	iotlb_is_all(&n, 0, (uint32_t)(TABLE + PAGE));
	request_is_read(&n, queue);
	ioasid_faultq_free(queue);
	end(&n);
}
END_TEST

START_TEST(formats_that_this_kernel_cannot_nest_are_refused_by_name)
{
	struct nest n;
	struct ioasid_pgtable table = {
		.size = sizeof(table), .format = IOASID_PGTABLE_SMMUV3_S1, .addr_width = 39};
	const struct ioasid_pgtable pasids = {
		.size = sizeof(pasids), .format = IOASID_PGTABLE_SMMUV3_S1, .words = {1, 2}};

	begin(&n, 0);
	fails(-EOPNOTSUPP, "SMMUv3", ioasid_space_bind_pgtable(n.giova, &table));
	table = (struct ioasid_pgtable){
		.size = sizeof(table), .format = IOASID_PGTABLE_AMD_V2, .addr_width = 48};
	fails(-EOPNOTSUPP, "AMD", ioasid_space_bind_pgtable(n.giova, &table));
	fails(-EOPNOTSUPP, "virtual IOMMU", ioasid_space_bind_pasid_table(n.giova, &pasids));
	end(&n);
}
END_TEST

START_TEST(the_info_of_a_space_tells_what_may_be_bound)
{
	struct ioasid_space_info info = {.size = sizeof(info)};
	struct nest n;

	begin(&n, 0);
	ok(ioasid_space_info(n.gpa, &info));
	ck_assert_uint_eq(info.pgtable_formats, 0);
	ck_assert_uint_eq(info.addr_width, 0);
	attach_both(&n, 0);
	ok(ioasid_space_info(n.gpa, &info));
	ck_assert_uint_eq(info.pgtable_formats, 1u << IOASID_PGTABLE_VTD_S1);
	ck_assert_uint_eq(info.addr_width, 48);
	ok(bind(&n, TABLE));
	ok(ioasid_space_info(n.giova, &info));
	ck_assert_uint_eq(info.pgtable_formats, 1u << IOASID_PGTABLE_VTD_S1);
	ck_assert_uint_eq(info.flags & IOASID_SPACE_INFO_PGTABLE, IOASID_SPACE_INFO_PGTABLE);
	end(&n);
}
END_TEST

START_TEST(a_context_closes_with_a_table_bound)
{
	struct nest n;

	begin(&n, compatibilities[_i]);
	attach_both(&n, 0);
	attach_both(&n, 1);
	ok(bind(&n, TABLE));
	scene_end(&n.s);
	for (int i = 0; i < SCENE_DEVICES; i++) {
		detach(&n.above[i]);
		detach(&n.below[i]);
	}
	ok(ioasid_space_destroy(n.giova));
	ok(ioasid_space_destroy(n.gpa));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nested");
	TCase *tcase = guest_case(suite, "nested");

	tcase_add_test(tcase, a_table_that_was_bound_first_is_there_at_the_attach);
	tcase_add_loop_test(tcase, devices_that_are_attached_move_to_a_table_and_back, 0, 3);
	tcase_add_loop_test(tcase, a_device_leaves_a_table_alone, 0, 3);
	tcase_add_test(tcase, maps_of_the_parent_are_below_the_table_whenever_they_are_made);
	tcase_add_loop_test(
		tcase, what_is_invalidated_is_gone_for_every_device_and_nothing_else, 0, 3);
	tcase_add_test(tcase, a_whole_space_is_invalidated);
	tcase_add_loop_test(tcase, of_a_device_its_own_table_is_invalidated, 0, 3);
	tcase_add_loop_test(tcase, a_long_list_is_handled_up_to_the_one_that_fails, 0, 2);
	tcase_add_test(tcase, nothing_after_the_one_that_fails_is_invalidated);
	tcase_add_loop_test(
		tcase, a_bind_that_fails_half_way_leaves_every_device_where_it_was, 0, 2);
	tcase_add_test(tcase, after_a_bind_without_a_way_back_the_next_one_counts);
	tcase_add_test(tcase, an_unbind_that_fails_half_way_leaves_the_table_bound);
	tcase_add_test(tcase, a_space_with_a_queue_loses_its_table_and_gets_another);
	tcase_add_test(tcase, formats_that_this_kernel_cannot_nest_are_refused_by_name);
	tcase_add_test(tcase, the_info_of_a_space_tells_what_may_be_bound);
	tcase_add_loop_test(tcase, a_context_closes_with_a_table_bound, 0, 3);
	guest_run(suite);
}
