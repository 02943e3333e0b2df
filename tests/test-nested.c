/* SPDX-License-Identifier: MIT */
/*
 * Tables of guests and notes of written pages in the iommufd leaf, over a kernel that fails where a
 * test says: what several tables handled of a list, what becomes of the others when one of them
 * does not switch, what is destroyed when. What a real kernel does is tests/kernel's business.
 */
#include "tablekit.h"

static void bind(struct scene *s)
{
	ok(ioasid_space_bind_pgtable(
		s->giova, IOASID_OPTS(ioasid_pgtable, .format = IOASID_PGTABLE_VTD_S1,
				  .addr = 0x3000, .addr_width = 48)));
	for (int i = 0; i < DEVICES; i++)
		for (int k = 0; k < i; k++)
			ck_assert_uint_ne(tablekit.led[i], tablekit.led[k]);
}

#define MANY 1000

static void fill(struct ioasid_invalidation *list)
{
	for (unsigned int i = 0; i < MANY; i++)
		list[i] = (struct ioasid_invalidation){
			.what = IOASID_INVALIDATE_RANGE, .addr = i * PAGE, .length = PAGE};
	list[REFUSED / PAGE].addr = 0;
}

START_TEST(the_least_that_a_table_handled_counts)
{
	static const unsigned int handles[][DEVICES] = {
		{UINT_MAX, 300, UINT_MAX}, {300, 299, 301}, {128, 500, 900}, {900, 129, 1}};
	static const int least[] = {300, 299, 128, 1};
	struct ioasid_invalidation list[MANY];
	struct scene s;

	scene_begin(&s, true);
	fill(list);
	bind(&s);
	for (int i = 0; i < DEVICES; i++)
		tablekit_table(i)->handles = handles[_i][i];
	ck_assert_int_eq(ok(ioasid_space_invalidate(s.giova, list, MANY)), least[_i]);
	support_error_has("errno 110", "ioasid_space_invalidate");
	for (int i = 0; i < DEVICES; i++)
		ck_assert_uint_ge(tablekit_table(i)->handled, (unsigned int)least[_i]);
	scene_end(&s);
}
END_TEST

START_TEST(every_table_hears_all_of_a_list)
{
	struct ioasid_invalidation list[MANY];
	struct scene s;

	scene_begin(&s, true);
	fill(list);
	bind(&s);
	ck_assert_int_eq(ok(ioasid_space_invalidate(s.giova, list, MANY)), MANY);
	for (int i = 0; i < DEVICES; i++) {
		ck_assert_uint_eq(tablekit_table(i)->handled, MANY);
		ck_assert_uint_le(tablekit_table(i)->calls, MANY / 128 + 1);
	}
	scene_end(&s);
}
END_TEST

START_TEST(the_first_one_failing_is_an_error)
{
	struct ioasid_invalidation list[MANY];
	struct scene s;

	scene_begin(&s, true);
	fill(list);
	bind(&s);
	tablekit_table(1)->handles = 0;
	fails(-EIO, "list[0]", ioasid_space_invalidate(s.giova, list, MANY));
	/* a kernel that handles nothing and says nothing is not asked for ever */
	tablekit_table(1)->silent = true;
	fails(-EIO, "errno 5", ioasid_space_invalidate(s.giova, list, MANY));
	scene_end(&s);
}
END_TEST

START_TEST(one_that_cannot_be_written_down_stops_only_what_comes_after)
{
	struct ioasid_invalidation list[MANY];
	struct scene s;

	scene_begin(&s, true);
	fill(list);
	list[200].addr = REFUSED;
	bind(&s);
	ck_assert_int_eq(ok(ioasid_space_invalidate(s.giova, list, MANY)), 200);
	support_error_has("no words", "ioasid_space_invalidate");
	fails(-EOPNOTSUPP, "no words", ioasid_space_invalidate(s.giova, list + 200, 1));
	scene_end(&s);
}
END_TEST

static struct ioasid_invalidation all_of(struct ioasid_device *device)
{
	return (struct ioasid_invalidation){.what = IOASID_INVALIDATE_DEVICE, .device = device};
}

START_TEST(what_is_of_a_device_goes_to_its_table)
{
	struct ioasid_invalidation list[MANY];
	struct scene s;

	scene_begin(&s, true);
	fill(list);
	list[300] = all_of(s.device[1]);
	bind(&s);
	ck_assert_int_eq(ok(ioasid_space_invalidate(s.giova, list, MANY)), MANY);
	for (int i = 0; i < DEVICES; i++)
		ck_assert_uint_eq(tablekit_table(i)->handled, MANY - (i != 1));
	scene_end(&s);
}
END_TEST

START_TEST(a_device_whose_table_fails_stops_the_list)
{
	struct ioasid_invalidation list[MANY];
	struct scene s;

	scene_begin(&s, true);
	fill(list);
	list[300] = all_of(s.device[1]);
	list[500] = all_of(s.device[0]);
	bind(&s);
	tablekit_table(0)->handles = 499;
	ck_assert_int_eq(ok(ioasid_space_invalidate(s.giova, list, MANY)), 500);
	support_error_has("list[500]", "ioasid_space_invalidate");
	support_error_has("errno 110", "ioasid_space_invalidate");
	fails(-EIO, "list[0]", ioasid_space_invalidate(s.giova, list + 500, 1));
	scene_end(&s);
}
END_TEST

START_TEST(a_pasid_table_is_refused_by_name)
{
	struct scene s;

	scene_begin(&s, true);
	fails(-EOPNOTSUPP, "virtual IOMMU",
		ioasid_space_bind_pasid_table(
			s.giova, IOASID_OPTS(ioasid_pgtable, .format = IOASID_PGTABLE_SMMUV3_S1,
					 .words = {1, 2})));
	support_error_has("PASID table of space 2", "ioasid_space_bind_pasid_table");
	bind(&s);
	scene_end(&s);
}
END_TEST

START_TEST(without_a_device_there_is_nothing_to_forget)
{
	struct ioasid_invalidation list[MANY];
	struct scene s;

	scene_begin(&s, false);
	fill(list);
	bind(&s);
	ck_assert_int_eq(ok(ioasid_space_invalidate(s.giova, list, MANY)), MANY);
	scene_end(&s);
}
END_TEST

START_TEST(a_device_that_does_not_move_keeps_the_others_where_they_are)
{
	uint32_t before[DEVICES];
	struct scene s;

	scene_begin(&s, true);
	memcpy(before, tablekit.led, sizeof(tablekit.led));
	tablekit.stuck = -EACCES;
	fails(-EACCES, "it is stuck",
		ioasid_space_bind_pgtable(
			s.giova, IOASID_OPTS(ioasid_pgtable, .format = IOASID_PGTABLE_VTD_S1,
					 .addr = 0x3000, .addr_width = 48)));
	ck_assert_mem_eq(before, tablekit.led, sizeof(tablekit.led));
	tablekit.stuck = 0;
	bind(&s);
	tablekit.stuck = -EACCES;
	fails(-EACCES, "it is stuck", ioasid_space_unbind_pgtable(s.giova));
	for (int i = 0; i < DEVICES; i++) /* again on a table over a table over the space */
		ck_assert_uint_eq(
			tablekit_object(tablekit_table(i)->over)->over, ioasid_space_id(s.gpa));
	tablekit.stuck = 0;
	scene_end(&s);
}
END_TEST

static void notes(struct scene *s, uint64_t expected)
{
	uint64_t bitmap = 0;

	ok(ioasid_space_dirty_read(s->gpa, IOASID_OPTS(ioasid_dirty, .iova = 0, .length = 64 * PAGE,
						   .granule = PAGE, .bitmap = &bitmap)));
	ck_assert_uint_eq(bitmap, expected);
}

static void begin_tracking(struct scene *s)
{
	scene_begin(s, false);
	ok(ioasid_space_map(s->gpa, &(struct ioasid_map){.addr = (void *)(uintptr_t)PAGE,
					    .length = 64 * PAGE,
					    .flags = IOASID_MAP_RW | IOASID_MAP_FIXED}));
	ok(ioasid_space_dirty_start(s->gpa));
}

START_TEST(what_any_table_noted_is_read)
{
	struct scene s;

	begin_tracking(&s);
	for (int i = 0; i < DEVICES; i++)
		tablekit_table(i)->notes = UINT64_C(0x11) << i * 13;
	notes(&s, 0x11 | 0x11 << 13 | UINT64_C(0x11) << 26);
	notes(&s, 0);
	scene_end(&s);
}
END_TEST

START_TEST(a_table_that_cannot_be_read_costs_no_notes)
{
	uint64_t bitmap = 0;
	struct scene s;

	begin_tracking(&s);
	for (int i = 0; i < DEVICES; i++)
		tablekit_table(i)->notes = 1u << i;
	tablekit_table(1)->no_read = -ENOMEM;
	fails(-ENOMEM, "0x0-0x3ffff",
		ioasid_space_dirty_read(s.gpa, IOASID_OPTS(ioasid_dirty, .length = 64 * PAGE,
						       .granule = PAGE, .bitmap = &bitmap)));
	tablekit_table(1)->no_read = 0;
	notes(&s, 7 & ~bitmap);
	ck_assert_uint_eq(bitmap, 1);
	scene_end(&s);
}
END_TEST

START_TEST(a_table_without_devices_stays_until_the_stop)
{
	struct scene s;
	uint32_t table;

	begin_tracking(&s);
	table = tablekit.led[0];
	tablekit_object(table)->notes = 8;
	ok(ioasid_attachment_detach(s.below[0]));
	s.below[0] = NULL;
	notes(&s, 8);
	ok(ioasid_space_dirty_stop(s.gpa));
	ck_assert(!tablekit_alive(table));
	ck_assert(tablekit_alive(tablekit.led[1]) && tablekit_alive(tablekit.led[2]));
	table = tablekit.led[1];
	ok(ioasid_attachment_detach(s.below[1]));
	s.below[1] = NULL;
	ck_assert(!tablekit_alive(table));
	scene_end(&s);
}
END_TEST

START_TEST(a_table_that_is_made_later_tracks_or_is_none)
{
	struct scene s;

	scene_begin(&s, false);
	ok(ioasid_attachment_detach(s.below[2]));
	s.below[2] = NULL;
	ok(ioasid_space_dirty_start(s.gpa));
	tablekit.no_start_of_new = -EOPNOTSUPP;
	fails(-EOPNOTSUPP, "space 1", ioasid_device_attach(s.device[2], s.gpa, NULL, &s.below[2]));
	ck_assert(!tablekit_alive(tablekit.objects - 1));
	tablekit.no_start_of_new = 0;
	ok(ioasid_device_attach(s.device[2], s.gpa, NULL, &s.below[2]));
	ck_assert(tablekit_table(2)->tracks);
	scene_end(&s);
}
END_TEST

START_TEST(a_start_that_fails_half_way_leaves_none_tracking)
{
	struct scene s;

	scene_begin(&s, false);
	tablekit_table(2)->no_start = -EOPNOTSUPP;
	fails(-EOPNOTSUPP, "does not track", ioasid_space_dirty_start(s.gpa));
	for (int i = 0; i < DEVICES; i++)
		ck_assert(!tablekit_table(i)->tracks);
	tablekit_table(2)->no_start = 0;
	ok(ioasid_space_dirty_start(s.gpa));
	for (int i = 0; i < DEVICES; i++)
		ck_assert(tablekit_table(i)->tracks);
	ok(ioasid_space_dirty_stop(s.gpa));
	for (int i = 0; i < DEVICES; i++)
		ck_assert(!tablekit_table(i)->tracks);
	scene_end(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nested");
	TCase *tcase = support_case(suite, "nested");

	tcase_add_loop_test(tcase, the_least_that_a_table_handled_counts, 0, 4);
	tcase_add_test(tcase, every_table_hears_all_of_a_list);
	tcase_add_test(tcase, the_first_one_failing_is_an_error);
	tcase_add_test(tcase, one_that_cannot_be_written_down_stops_only_what_comes_after);
	tcase_add_test(tcase, what_is_of_a_device_goes_to_its_table);
	tcase_add_test(tcase, a_device_whose_table_fails_stops_the_list);
	tcase_add_test(tcase, a_pasid_table_is_refused_by_name);
	tcase_add_test(tcase, without_a_device_there_is_nothing_to_forget);
	tcase_add_test(tcase, a_device_that_does_not_move_keeps_the_others_where_they_are);
	tcase_add_test(tcase, a_start_that_fails_half_way_leaves_none_tracking);
	tcase_add_test(tcase, what_any_table_noted_is_read);
	tcase_add_test(tcase, a_table_that_cannot_be_read_costs_no_notes);
	tcase_add_test(tcase, a_table_without_devices_stays_until_the_stop);
	tcase_add_test(tcase, a_table_that_is_made_later_tracks_or_is_none);
	return support_run(suite);
}
