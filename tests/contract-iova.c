/* SPDX-License-Identifier: MIT */
/*
 * The contract, the rest of rule 5: where a map may lie. The usable ranges follow the devices that
 * are attached, the library picks addresses within them, and says which window is in the way.
 */
#include "contract.h"
#include <stdlib.h>

static const struct ioasid_range aperture = {0x10000, 0x1ffff};
static const struct ioasid_range window = {0x12000, 0x13fff};

/* A space over a device with sixteen pages, of which two are reserved. */
struct narrow {
	struct contract_nic *nic;
	struct ioasid_space *space;
	struct ioasid_attachment *route;
	unsigned char *memory;
};

static void narrow_begin(struct narrow *n, struct contract *c)
{
	n->nic = contract_nic(
		c, "narrow", (struct contract_wish){.aperture = aperture, .reserved = window});
	n->space = contract_space(c);
	n->route = contract_attach(n->nic, n->space);
	n->memory = support_memory(16 * PAGE, 5);
}

static void narrow_end(struct narrow *n)
{
	ok(ioasid_attachment_detach(n->route));
	ok(ioasid_space_destroy(n->space));
	free(n->memory);
}

static int map_fixed(struct narrow *n, uint64_t iova, uint64_t length)
{
	return contract_map(n->space, iova, n->memory, length, IOASID_MAP_READ);
}

START_TEST(the_ranges_are_the_aperture_without_the_windows)
{
	struct contract c;
	struct narrow n;
	struct ioasid_range range[3] = {{1, 1}, {1, 1}, {1, 1}};

	contract_begin(&c, _i);
	narrow_begin(&n, &c);
	ck_assert_int_eq(ok(ioasid_space_ranges(n.space, NULL, 0)), 2);
	ck_assert_int_eq(ok(ioasid_space_ranges(n.space, range, 3)), 2);
	ck_assert_uint_eq(range[0].first, 0x10000);
	ck_assert_uint_eq(range[0].last, 0x11fff);
	ck_assert_uint_eq(range[1].first, 0x14000);
	ck_assert_uint_eq(range[1].last, 0x1ffff);
	ck_assert_uint_eq(range[2].first, 1);
	narrow_end(&n);
	contract_end(&c);
}
END_TEST

/* The bytes that maps may use in the first megabyte. */
static uint64_t usable(struct ioasid_space *space)
{
	struct ioasid_range range[8];
	int n = ok(ioasid_space_ranges(space, range, 8));
	uint64_t bytes = 0;

	ck_assert_int_le(n, 8);
	for (int i = 0; i < n; i++)
		for (uint64_t page = 0; page < 0x100000; page += PAGE)
			if (page >= range[i].first && page + PAGE - 1 <= range[i].last)
				bytes += PAGE;
	return bytes;
}

START_TEST(the_ranges_change_with_every_attach_and_detach)
{
	struct contract c;
	struct narrow n;

	contract_begin(&c, _i);
	narrow_begin(&n, &c);

	struct contract_nic *wide = contract_nic(&c, "wide", (struct contract_wish){0});
	struct contract_nic *other =
		contract_nic(&c, "other", (struct contract_wish){.reserved = {0x1f000, 0x1ffff}});
	struct ioasid_attachment *route[2];

	ck_assert_uint_eq(usable(n.space), 14 * PAGE);
	route[0] = contract_attach(wide, n.space);
	ck_assert_uint_eq(usable(n.space), 14 * PAGE);
	route[1] = contract_attach(other, n.space);
	ck_assert_uint_eq(usable(n.space), 13 * PAGE);
	ok(ioasid_attachment_detach(route[1]));
	ck_assert_uint_eq(usable(n.space), 14 * PAGE);
	ok(ioasid_attachment_detach(n.route));
	ck_assert_uint_eq(usable(n.space), 0x100000);
	n.route = contract_attach(n.nic, n.space);
	ck_assert_uint_eq(usable(n.space), 14 * PAGE);
	ok(ioasid_attachment_detach(route[0]));
	narrow_end(&n);
	contract_end(&c);
}
END_TEST

static bool may_use(uint64_t iova, uint64_t length)
{
	uint64_t last = iova + length - 1;

	return iova >= aperture.first && last <= aperture.last &&
	       (last < window.first || iova > window.last);
}

START_TEST(automatic_addresses_fill_the_ranges_and_nothing_else)
{
	struct contract c;
	struct narrow n;
	struct ioasid_map map = {.length = PAGE, .flags = IOASID_MAP_READ};

	contract_begin(&c, _i);
	narrow_begin(&n, &c);
	for (size_t i = 0; i < 14; i++) {
		map.addr = n.memory + i * PAGE;
		map.iova = UINT64_MAX;
		ok(ioasid_space_map(n.space, &map));
		ck_assert_uint_eq(map.flags, IOASID_MAP_READ);
		ck_assert(may_use(map.iova, PAGE));
		DMA_SEES(&c, n.nic, map.iova, map.addr, PAGE);
	}
	map.iova = 0x77;
	fails(-ENOSPC, "ioasid_space_map", ioasid_space_map(n.space, &map));
	ck_assert_uint_eq(map.iova, 0x77);
	narrow_end(&n);
	contract_end(&c);
}
END_TEST

START_TEST(automatic_addresses_find_a_hole_that_fits)
{
	struct contract c;
	struct narrow n;
	struct ioasid_map map = {.length = 3 * PAGE, .flags = IOASID_MAP_READ};

	contract_begin(&c, _i);
	narrow_begin(&n, &c);
	map.addr = n.memory;
	ok(map_fixed(&n, 0x14000, 4 * PAGE));
	ok(map_fixed(&n, 0x1b000, 5 * PAGE));
	/* 0x10000-0x11fff is too short, 0x18000-0x1afff is the one */
	ok(ioasid_space_map(n.space, &map));
	ck_assert_uint_eq(map.iova, 0x18000);
	fails(-ENOSPC, "ioasid_space_map", ioasid_space_map(n.space, &map));
	map.length = 2 * PAGE;
	ok(ioasid_space_map(n.space, &map));
	ck_assert_uint_eq(map.iova, 0x10000);
	narrow_end(&n);
	contract_end(&c);
}
END_TEST

START_TEST(a_fixed_map_in_a_reserved_window_is_refused_naming_the_window)
{
	struct contract c;
	struct narrow n;

	contract_begin(&c, _i);
	narrow_begin(&n, &c);
	fails(-EINVAL, "0x12000-0x13fff", map_fixed(&n, 0x12000, PAGE));
	fails(-EINVAL, "0x12000-0x13fff", map_fixed(&n, 0x13000, PAGE));
	fails(-EINVAL, "0x12000-0x13fff", map_fixed(&n, 0x11000, 2 * PAGE));
	fails(-EINVAL, "0x12000-0x13fff", map_fixed(&n, 0x13000, 2 * PAGE));
	ok(map_fixed(&n, 0x10000, 2 * PAGE));
	ok(map_fixed(&n, 0x14000, 12 * PAGE));
	narrow_end(&n);
	contract_end(&c);
}
END_TEST

START_TEST(a_fixed_map_outside_the_aperture_is_refused)
{
	struct contract c;
	struct narrow n;

	contract_begin(&c, _i);
	narrow_begin(&n, &c);
	fails(-EINVAL, "0xf000", map_fixed(&n, 0xf000, PAGE));
	fails(-EINVAL, "0x20000", map_fixed(&n, 0x20000, PAGE));
	fails(-EINVAL, "0x1f000", map_fixed(&n, 0x1f000, 2 * PAGE));
	DMA_FAILS(&c, n.nic, 0x20000);
	narrow_end(&n);
	contract_end(&c);
}
END_TEST

START_TEST(a_device_whose_windows_hold_maps_is_refused)
{
	struct contract c;
	struct narrow n;
	struct ioasid_attachment *route = NULL;

	contract_begin(&c, _i);
	narrow_begin(&n, &c);

	struct contract_nic *wide = contract_nic(&c, "wide", (struct contract_wish){0});
	struct ioasid_space *space = contract_space(&c);
	struct ioasid_attachment *first = contract_attach(wide, space);

	ok(contract_map(space, 0x13000, n.memory, PAGE, IOASID_MAP_READ));
	ok(ioasid_attachment_detach(n.route));
	fails(-EADDRINUSE, "narrow", ioasid_device_attach(n.nic->device, space, NULL, &route));
	ck_assert_ptr_null(route);
	DMA_SEES(&c, wide, 0x13000, n.memory, PAGE);
	ck_assert_uint_eq(usable(space), 0x100000);
	ok(ioasid_space_unmap(space, 0x13000, PAGE));
	n.route = contract_attach(n.nic, space);
	ck_assert_uint_eq(usable(space), 14 * PAGE);
	ok(ioasid_attachment_detach(first));
	ok(ioasid_attachment_detach(n.route));
	ok(ioasid_space_destroy(space));
	n.route = contract_attach(n.nic, n.space);
	narrow_end(&n);
	contract_end(&c);
}
END_TEST

START_TEST(the_first_and_the_last_page_of_the_aperture_can_be_mapped)
{
	struct contract c;
	uint64_t top = (UINT64_C(1) << 48) - PAGE;
	unsigned char *memory = support_memory(2 * PAGE, 6);

	contract_begin(&c, _i);
	struct contract_nic *nic =
		contract_nic(&c, "nic0", (struct contract_wish){.aperture = {0, top + PAGE - 1}});
	struct ioasid_space *space = contract_space(&c);
	struct ioasid_attachment *route = contract_attach(nic, space);

	ok(contract_map(space, 0, memory, PAGE, IOASID_MAP_READ));
	ok(contract_map(space, top, memory + PAGE, PAGE, IOASID_MAP_READ));
	DMA_SEES(&c, nic, 0, memory, PAGE);
	DMA_SEES(&c, nic, top, memory + PAGE, PAGE);
	fails(-EINVAL, "0x1000000000000",
		contract_map(space, top + PAGE, memory, PAGE, IOASID_MAP_READ));
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(space));
	contract_end(&c);
	free(memory);
}
END_TEST

void contract_add_iova(Suite *suite)
{
	TCase *tcase = support_case(suite, "rule 5: addresses");

	contract_test(tcase, the_ranges_are_the_aperture_without_the_windows);
	contract_test(tcase, the_ranges_change_with_every_attach_and_detach);
	contract_test(tcase, automatic_addresses_fill_the_ranges_and_nothing_else);
	contract_test(tcase, automatic_addresses_find_a_hole_that_fits);
	contract_test(tcase, a_fixed_map_in_a_reserved_window_is_refused_naming_the_window);
	contract_test(tcase, a_fixed_map_outside_the_aperture_is_refused);
	contract_test(tcase, a_device_whose_windows_hold_maps_is_refused);
	contract_test(tcase, the_first_and_the_last_page_of_the_aperture_can_be_mapped);
}
