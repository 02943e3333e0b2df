/* SPDX-License-Identifier: MIT */
/*
 * The contract, the rest of rule 5: where a map may lie. The usable ranges follow the devices that
 * are attached, the library picks addresses within them, and says which window is in the way.
 */
#include "contract.h"
#include <stdlib.h>

#define MEGABYTE UINT64_C(0x100000)

static const struct ioasid_range aperture = {AT(0x10000), AT(0x1ffff)};
static const struct ioasid_range window = {AT(0x12000), AT(0x13fff)};

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
	ck_assert_uint_eq(range[0].first, AT(0x10000));
	ck_assert_uint_eq(range[0].last, AT(0x11fff));
	ck_assert_uint_eq(range[1].first, AT(0x14000));
	ck_assert_uint_eq(range[1].last, AT(0x1ffff));
	ck_assert_uint_eq(range[2].first, 1);
	narrow_end(&n);
	contract_end(&c);
}
END_TEST

/* The bytes that maps may use, of the megabyte from AT(0) on. */
static uint64_t usable(struct ioasid_space *space)
{
	struct ioasid_range range[8];
	int n = ok(ioasid_space_ranges(space, range, 8));
	uint64_t bytes = 0;

	ck_assert_int_le(n, 8);
	for (int i = 0; i < n; i++)
		for (uint64_t page = AT(0); page < AT(MEGABYTE); page += PAGE)
			if (page >= range[i].first && page + PAGE - 1 <= range[i].last)
				bytes += PAGE;
	return bytes;
}

START_TEST(the_ranges_change_with_every_attach_and_detach)
{
	struct contract c;
	struct narrow n;

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .reserved = window, .frees = true);
	narrow_begin(&n, &c);

	struct contract_nic *wide = contract_nic(&c, "wide", (struct contract_wish){0});
	struct contract_nic *other = contract_nic(
		&c, "other", (struct contract_wish){.reserved = {AT(0x1f000), AT(0x1ffff)}});
	struct ioasid_attachment *route[2];

	ck_assert_uint_eq(usable(n.space), 14 * PAGE);
	route[0] = contract_attach(wide, n.space);
	ck_assert_uint_eq(usable(n.space), 14 * PAGE);
	route[1] = contract_attach(other, n.space);
	ck_assert_uint_eq(usable(n.space), 13 * PAGE);
	ok(ioasid_attachment_detach(route[1]));
	ck_assert_uint_eq(usable(n.space), 14 * PAGE);
	ok(ioasid_attachment_detach(n.route));
	ck_assert_uint_eq(usable(n.space), MEGABYTE);
	n.route = contract_attach(n.nic, n.space);
	ck_assert_uint_eq(usable(n.space), 14 * PAGE);
	ok(ioasid_attachment_detach(route[0]));
	narrow_end(&n);
	contract_end(&c);
}
END_TEST

static void expect_one_range(struct ioasid_space *space, struct ioasid_range only)
{
	struct ioasid_range range = {1, 1};

	ck_assert_int_eq(ok(ioasid_space_ranges(space, &range, 1)), 1);
	ck_assert_uint_eq(range.first, only.first);
	ck_assert_uint_eq(range.last, only.last);
}

START_TEST(the_ranges_are_the_apertures_while_a_device_is_attached)
{
	static const struct ioasid_range all = {0, UINT64_MAX};
	struct contract c;
	struct ioasid_attachment *route[2];

	contract_begin(&c, _i);
	NEEDS(&c, IOASID_EXT_MAP_BEFORE_ATTACH);

	struct ioasid_space *space = contract_space(&c);

	expect_one_range(space, all);
	for (int i = 0; i < 2; i++) {
		route[i] = contract_attach(
			contract_nic(
				&c, "nic", (struct contract_wish){.aperture = CONTRACT_APERTURE}),
			space);
		expect_one_range(space, CONTRACT_APERTURE);
	}
	ok(ioasid_attachment_detach(route[0]));
	expect_one_range(space, CONTRACT_APERTURE);
	ok(ioasid_attachment_detach(route[1]));
	expect_one_range(space, all);
	ok(ioasid_space_destroy(space));
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
	ok(map_fixed(&n, AT(0x14000), 4 * PAGE));
	ok(map_fixed(&n, AT(0x1b000), 5 * PAGE));
	/* the two pages before the window are too few, the three between the maps fit */
	ok(ioasid_space_map(n.space, &map));
	ck_assert_uint_eq(map.iova, AT(0x18000));
	fails(-ENOSPC, "ioasid_space_map", ioasid_space_map(n.space, &map));
	map.length = 2 * PAGE;
	ok(ioasid_space_map(n.space, &map));
	ck_assert_uint_eq(map.iova, AT(0x10000));
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
	fails(-EINVAL, "0x40012000-0x40013fff", map_fixed(&n, AT(0x12000), PAGE));
	fails(-EINVAL, "0x40012000-0x40013fff", map_fixed(&n, AT(0x13000), PAGE));
	fails(-EINVAL, "0x40012000-0x40013fff", map_fixed(&n, AT(0x11000), 2 * PAGE));
	fails(-EINVAL, "0x40012000-0x40013fff", map_fixed(&n, AT(0x13000), 2 * PAGE));
	ok(map_fixed(&n, AT(0x10000), 2 * PAGE));
	ok(map_fixed(&n, AT(0x14000), 12 * PAGE));
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
	fails(-EINVAL, "0x4000f000", map_fixed(&n, AT(0xf000), PAGE));
	fails(-EINVAL, "0x40020000", map_fixed(&n, AT(0x20000), PAGE));
	fails(-EINVAL, "0x4001f000", map_fixed(&n, AT(0x1f000), 2 * PAGE));
	DMA_FAILS(&c, n.nic, AT(0x20000));
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

	ok(contract_map(space, AT(0x13000), n.memory, PAGE, IOASID_MAP_READ));
	ok(ioasid_attachment_detach(n.route));
	fails(-EADDRINUSE, "narrow", ioasid_device_attach(n.nic->device, space, NULL, &route));
	ck_assert_ptr_null(route);
	DMA_SEES(&c, wide, AT(0x13000), n.memory, PAGE);
	ck_assert_uint_eq(usable(space), MEGABYTE);
	ok(ioasid_space_unmap(space, AT(0x13000), PAGE));
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

START_TEST(a_device_that_cannot_reach_a_map_is_refused)
{
	struct contract c;
	struct ioasid_attachment *route = NULL;
	unsigned char *memory;
	const struct ioasid_range reach = CONTRACT_APERTURE;
	const uint64_t beyond[] = {reach.first - PAGE, reach.last + 1};

	contract_begin(&c, _i);
	NEEDS(&c, IOASID_EXT_MAP_BEFORE_ATTACH);
	memory = support_memory(2 * PAGE, 7);

	struct contract_nic *nic =
		contract_nic(&c, "short", (struct contract_wish){.aperture = reach});
	struct ioasid_space *space = contract_space(&c);

	ok(contract_map(space, AT(0), memory, 2 * PAGE, IOASID_MAP_READ));
	for (int i = 0; i < 2; i++) {
		ok(contract_map(space, beyond[i], memory, PAGE, IOASID_MAP_READ));
		fails(-EADDRINUSE, "short", ioasid_device_attach(nic->device, space, NULL, &route));
		ck_assert_ptr_null(route);
		DMA_FAILS(&c, nic, AT(0));
		ok(ioasid_space_unmap(space, beyond[i], PAGE));
	}
	/* what was mapped before the attach is seen */
	route = contract_attach(nic, space);
	DMA_SEES(&c, nic, AT(0), memory, 2 * PAGE);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(space));
	contract_end(&c);
	free(memory);
}
END_TEST

/* Its first page and its last one can be mapped, and not the one after; aligned ends. */
static void reach_the_ends(struct contract *c, struct ioasid_range reach, const char *after)
{
	unsigned char *memory = support_memory(2 * PAGE, 6);
	struct contract_nic *nic =
		contract_nic(c, "nic0", (struct contract_wish){.aperture = reach});
	struct ioasid_space *space = contract_space(c);
	struct ioasid_attachment *route = contract_attach(nic, space);
	uint64_t top = reach.last + 1 - PAGE;

	ok(contract_map(space, reach.first, memory, PAGE, IOASID_MAP_READ));
	ok(contract_map(space, top, memory + PAGE, PAGE, IOASID_MAP_READ));
	DMA_SEES(c, nic, reach.first, memory, PAGE);
	DMA_SEES(c, nic, top, memory + PAGE, PAGE);
	fails(-EINVAL, after, contract_map(space, top + PAGE, memory, PAGE, IOASID_MAP_READ));
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(space));
	free(memory);
}

START_TEST(the_first_and_the_last_page_of_the_aperture_can_be_mapped)
{
	struct contract c;

	contract_begin(&c, _i);
	reach_the_ends(&c, CONTRACT_APERTURE, "0x80000000");
	contract_end(&c);
}
END_TEST

START_TEST(address_0_and_the_last_page_of_48_bits_can_be_mapped)
{
	struct contract c;
	struct ioasid_range all = {0, (UINT64_C(1) << 48) - 1};

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .aperture = all);
	reach_the_ends(&c, all, "0x1000000000000");
	contract_end(&c);
}
END_TEST

void contract_add_iova(Suite *suite)
{
	TCase *tcase = support_case(suite, "rule 5: addresses");

	contract_test(tcase, the_ranges_are_the_aperture_without_the_windows);
	contract_test(tcase, the_ranges_are_the_apertures_while_a_device_is_attached);
	contract_test(tcase, the_ranges_change_with_every_attach_and_detach);
	contract_test(tcase, automatic_addresses_fill_the_ranges_and_nothing_else);
	contract_test(tcase, automatic_addresses_find_a_hole_that_fits);
	contract_test(tcase, a_fixed_map_in_a_reserved_window_is_refused_naming_the_window);
	contract_test(tcase, a_fixed_map_outside_the_aperture_is_refused);
	contract_test(tcase, a_device_whose_windows_hold_maps_is_refused);
	contract_test(tcase, a_device_that_cannot_reach_a_map_is_refused);
	contract_test(tcase, the_first_and_the_last_page_of_the_aperture_can_be_mapped);
	contract_test(tcase, address_0_and_the_last_page_of_48_bits_can_be_mapped);
}
