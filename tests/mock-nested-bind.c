/* SPDX-License-Identifier: MIT */
/*
 * Of the mock, how a guest's table is bound: which IOMMUs take it, what a device that comes later
 * must have, what the parent is on each kind of platform, and what a bind does to what waits.
 */
#include "nestedkit.h"

START_TEST(a_space_tells_what_tables_its_iommus_take)
{
	struct ioasid_mock_iommu_opts iommu = {.size = sizeof(iommu),
		.flags = IOASID_MOCK_IOMMU_NESTING,
		.pgtable_formats = 1u << VTD | 1u << AMD,
		.addr_width = 57};
	struct ioasid_space_info info = {.size = sizeof(info)};
	struct guest_opts opts = guest_flavour(_i);
	struct ioasid_mock_device *hw;
	struct ioasid_attachment *route;
	struct ioasid_device *device;
	struct guest guest;
	uint32_t index;

	opts.iommu.pgtable_formats = 1u << ARM | 1u << AMD;
	opts.unbound = true;
	guest_begin(&guest, &opts);
	ok(ioasid_space_info(guest.giova, &info));
	ck_assert_uint_eq(info.pgtable_formats, 1u << ARM | 1u << AMD);
	ck_assert_uint_eq(info.pasid_table_formats, 1u << ARM | 1u << AMD);
	ck_assert_uint_eq(info.addr_width, 48);
	ok(ioasid_mock_iommu_new(guest.mock, &iommu, &index));
	ok(ioasid_mock_device_new(
		guest.mock, IOASID_OPTS(ioasid_mock_device_opts, .iommu = index), &hw));
	device = guest_bind(&guest, hw, 2);
	ok(ioasid_device_attach(device, guest.gpa, NULL, &route));
	ok(ioasid_space_info(guest.gpa, &info));
	ck_assert_uint_eq(info.pgtable_formats, 1u << AMD);
	ck_assert_uint_eq(info.addr_width, 48);
	ok(ioasid_attachment_replace(guest.to_gpa, guest.gpa));
	ok(ioasid_attachment_detach(guest.to_giova));
	ok(ioasid_attachment_detach(guest.to_gpa));
	guest.to_giova = guest.to_gpa = NULL;
	ok(ioasid_space_info(guest.gpa, &info));
	ck_assert_uint_eq(info.pgtable_formats, 1u << VTD | 1u << AMD);
	ck_assert_uint_eq(info.pasid_table_formats, 1u << AMD);
	ck_assert_uint_eq(info.addr_width, 57);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_device_unbind(device));
	guest_end(&guest);
}
END_TEST

START_TEST(an_iommu_without_options_takes_vtd_tables_if_it_nests)
{
	struct ioasid_space_info info = {.size = sizeof(info)};
	struct guest_opts opts = {.unbound = true};
	struct guest guest;

	opts.iommu.pgtable_formats = 1u << VTD;
	guest_begin(&guest, &opts);
	ok(ioasid_space_info(guest.giova, &info));
	ck_assert_uint_eq(info.pgtable_formats, 1u << VTD);
	ck_assert_uint_eq(info.pasid_table_formats, 0);
	guest_end(&guest);
}
END_TEST

START_TEST(a_table_that_an_iommu_does_not_take_is_refused_by_name)
{
	struct guest_opts opts = guest_flavour(_i);
	struct guest guest;

	opts.iommu.pgtable_formats = ALL_FORMATS & ~(1u << opts.format);
	opts.unbound = true;
	guest_begin(&guest, &opts);
	fails(-EOPNOTSUPP, "IOMMU 0 takes no page tables of format",
		ioasid_space_bind_pgtable(guest.giova, &guest.table));
	ck_assert_uint_eq(guest_fault(&guest, 0x1000, false), IOASID_MOCK_FAULT_TRANSLATION);
	/* nothing has changed: it takes maps, as a space without a table */
	ok(ioasid_space_map(guest.giova, &(struct ioasid_map){.addr = (void *)0x5000,
						 .length = PAGE,
						 .iova = 0x1000,
						 .flags = IOASID_MAP_RW | IOASID_MAP_FIXED}));
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	guest_end(&guest);
}
END_TEST

START_TEST(a_table_wider_than_the_iommu_is_refused_by_name)
{
	struct guest_opts opts = guest_flavour(_i);
	struct guest guest;

	if (opts.format == ARM)
		return;
	opts.unbound = true;
	guest_begin(&guest, &opts);
	guest.table.addr_width = 57;
	fails(-EOPNOTSUPP, "IOMMU 0 translates 48 bits by guests' tables, not 57",
		ioasid_space_bind_pgtable(guest.giova, &guest.table));
	guest_end(&guest);
	opts.iommu.addr_width = 57;
	guest_begin(&guest, &opts);
	/* a fifth level above the four */
	guest.table.addr = guest_new_table(&guest);
	guest.table.addr_width = 57;
	memcpy(guest.ram + guest.table.addr, &(uint64_t){guest.root | 7}, 8);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW);
	ok(ioasid_space_bind_pgtable(guest.giova, &guest.table));
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	ck_assert_uint_eq(
		guest_fault(&guest, UINT64_C(1) << 48, false), IOASID_MOCK_FAULT_TRANSLATION);
	guest_end(&guest);
}
END_TEST

START_TEST(an_unsound_table_is_refused_with_the_reason)
{
	struct guest_opts opts = guest_flavour(_i);
	struct guest guest;

	opts.unbound = true;
	guest_begin(&guest, &opts);
	guest.table.addr_width = 40 + (opts.format == ARM ? 9 : 0);
	fails(-EINVAL, opts.format == ARM ? "25 to 48 bits, not 49" : "48 or 57 bits, not 40",
		ioasid_space_bind_pgtable(guest.giova, &guest.table));
	guest.table.addr_width = 48;
	guest.table.addr = UINT64_C(1) << 60;
	fails(-EINVAL, "the root 0x1000000000000000",
		ioasid_space_bind_pgtable(guest.giova, &guest.table));
	guest_end(&guest);
}
END_TEST

/* A second device, behind an IOMMU of its own. */
static struct ioasid_device *add_device(
	struct guest *guest, const struct ioasid_mock_iommu_opts *iommu)
{
	struct ioasid_mock_device *hw;
	uint32_t index;

	ok(ioasid_mock_iommu_new(guest->mock, iommu, &index));
	ok(ioasid_mock_device_new(
		guest->mock, IOASID_OPTS(ioasid_mock_device_opts, .iommu = index), &hw));
	return guest_bind(guest, hw, 2);
}

START_TEST(a_device_that_comes_later_must_take_the_table)
{
	const struct guest_opts opts = guest_flavour(_i);
	struct ioasid_mock_iommu_opts iommu = {.size = sizeof(iommu),
		.flags = IOASID_MOCK_IOMMU_NESTING,
		.pgtable_formats = ALL_FORMATS & ~(1u << opts.format)};
	struct ioasid_attachment *to_gpa, *to_giova;
	struct ioasid_device *device;
	struct guest guest;

	guest_begin(&guest, &opts);
	device = add_device(&guest, &iommu);
	ok(ioasid_device_attach(device, guest.gpa, NULL, &to_gpa));
	fails(-EOPNOTSUPP, "IOMMU 1 takes no page tables of format",
		ioasid_device_attach(device, guest.giova, NULL, &to_giova));
	ok(ioasid_attachment_detach(to_gpa));
	ok(ioasid_device_unbind(device));
	guest_end(&guest);
}
END_TEST

START_TEST(what_waits_on_a_route_is_answered_when_its_table_comes_or_goes)
{
	struct guest_opts opts = guest_flavour(_i);
	unsigned char byte;
	struct ioasid_mock_dma dma = guest_dma(IOASID_MOCK_DMA_READ, 0x1000, &byte, 1);
	struct ioasid_fault fault;
	struct guest guest;

	opts.unbound = opts.faults = true;
	guest_begin(&guest, &opts);
	for (int i = 0; i < 2; i++) {
		ok(ioasid_mock_dma_start(guest.hw, &dma));
		ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 1);
		fault = guest_next_fault(&guest);
		if (i == 0)
			ok(ioasid_space_bind_pgtable(guest.giova, &guest.table));
		else
			ok(ioasid_space_unbind_pgtable(guest.giova));
		ck_assert_int_eq(ok(ioasid_mock_pump(guest.mock)), 0);
		ck_assert_int_eq(dma.status, -EFAULT);
		ck_assert_uint_eq(guest_stats(&guest).unanswered, 0);
		ck_assert_uint_eq(guest_next_fault(&guest).flags & IOASID_FAULT_CANCELLED,
			IOASID_FAULT_CANCELLED);
		fails(-ESTALE, "",
			ioasid_faultq_complete(
				guest.faults, &(struct ioasid_response){.id = fault.id}, 1));
	}
	guest_end(&guest);
}
END_TEST

/* Without a device yet: the table waits for one. */
START_TEST(a_table_can_be_bound_before_a_device_comes)
{
	struct guest_opts opts = guest_flavour(_i);
	struct guest guest;

	if (opts.platform & IOASID_MOCK_STRICT)
		return;
	opts.unbound = true;
	guest_begin(&guest, &opts);
	ok(ioasid_attachment_detach(guest.to_giova));
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW);
	ok(ioasid_space_bind_pgtable(guest.giova, &guest.table));
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 1);
	ok(ioasid_device_attach(guest.device, guest.giova, NULL, &guest.to_giova));
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	guest_end(&guest);
}
END_TEST

/* The parent is a child itself, of a space that has the memory. */
START_TEST(the_parent_may_be_nested_too)
{
	struct guest_opts opts = guest_flavour(_i);
	struct ioasid_attachment *route[2];
	struct ioasid_space *middle, *top;
	struct guest guest;

	opts.unbound = true;
	guest_begin(&guest, &opts);
	ok(ioasid_attachment_detach(guest.to_giova));
	ok(ioasid_space_new_nested(guest.gpa,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_NEST_PARENT), &middle));
	ok(ioasid_space_new_nested(middle, NULL, &top));
	ok(ioasid_device_attach(guest.device, middle, NULL, &route[0]));
	ok(ioasid_device_attach(guest.device, top, NULL, &route[1]));
	/* all of it, four pages on */
	ok(ioasid_space_map(middle, &(struct ioasid_map){.addr = NULL,
					    .length = RAM_PAGES * PAGE,
					    .iova = 4 * PAGE,
					    .flags = IOASID_MAP_RW | IOASID_MAP_FIXED}));
	guest.table.addr = guest.root + 4 * PAGE;
	*guest_entry(&guest, guest.root, 0, 39) = 0;
	for (unsigned int level = 39, i = 0; level > 12; level -= 9, i++) {
		uint64_t next = guest.root + (i + 1) * PAGE + 4 * PAGE;

		memset(guest.ram + guest.root + (i + 1) * PAGE, 0, PAGE);
		memcpy(guest.ram + guest.root + i * PAGE, &(uint64_t){next | 7}, 8);
	}
	guest_map_at(&guest, guest.root + 3 * PAGE, 0, 9 * PAGE, GUEST_RW, 39);
	memcpy(guest.ram + guest.root + 3 * PAGE + 8,
		&(uint64_t){(9 * PAGE) | (opts.format == ARM ? 0x443 : 7)}, 8);
	ok(ioasid_space_bind_pgtable(top, &guest.table));
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	/* what the root takes away, the table misses */
	ok(ioasid_space_unmap(guest.gpa, 0, UINT64_MAX));
	ck_assert_uint_eq(guest_fault(&guest, 0x1000, false), IOASID_MOCK_FAULT_PARENT);
	ok(ioasid_space_unbind_pgtable(top));
	ok(ioasid_attachment_detach(route[1]));
	ok(ioasid_attachment_detach(route[0]));
	ok(ioasid_space_destroy(top));
	ok(ioasid_space_destroy(middle));
	guest.to_giova = NULL;
	guest_end(&guest);
}
END_TEST

START_TEST(a_close_with_a_table_bound_leaves_nothing)
{
	const struct guest_opts opts = guest_flavour(_i);
	struct guest guest;

	guest_begin(&guest, &opts);
	guest_map(&guest, 0x1000, 5 * PAGE, GUEST_RW);
	ck_assert_uint_eq(guest_page(&guest, 0x1000), 5);
	ioasid_close(guest.ctx);
	guest.ctx = NULL;
	ck_assert_uint_eq(guest_stats(&guest).iotlb_entries, 0);
	ck_assert_uint_eq(guest_stats(&guest).pinned, 0);
	ok(ioasid_attachment_detach(guest.to_giova));
	ok(ioasid_attachment_detach(guest.to_gpa));
	guest_end(&guest);
}
END_TEST

void add_nested_bind_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "bind");

	tcase_add_loop_test(tcase, a_space_tells_what_tables_its_iommus_take, 0, FLAVOURS);
	tcase_add_test(tcase, an_iommu_without_options_takes_vtd_tables_if_it_nests);
	tcase_add_loop_test(
		tcase, a_table_that_an_iommu_does_not_take_is_refused_by_name, 0, FLAVOURS);
	tcase_add_loop_test(tcase, a_table_wider_than_the_iommu_is_refused_by_name, 0, FLAVOURS);
	tcase_add_loop_test(tcase, an_unsound_table_is_refused_with_the_reason, 0, FLAVOURS);
	tcase_add_loop_test(tcase, a_device_that_comes_later_must_take_the_table, 0, FLAVOURS);
	tcase_add_loop_test(
		tcase, what_waits_on_a_route_is_answered_when_its_table_comes_or_goes, 0, FLAVOURS);
	tcase_add_loop_test(tcase, a_table_can_be_bound_before_a_device_comes, 0, FLAVOURS);
	tcase_add_loop_test(tcase, the_parent_may_be_nested_too, 0, FLAVOURS);
	tcase_add_loop_test(tcase, a_close_with_a_table_bound_leaves_nothing, 0, FLAVOURS);
}
