/* SPDX-License-Identifier: MIT */
/*
 * The contract of allowed windows: what a space was told to keep usable stays so, whatever device
 * comes, and wherever the devices that are there lead; automatic addresses come from there alone.
 */
#include "contract.h"
#include <stdlib.h>

static const struct ioasid_range low = {AT(0x10000), AT(0x1ffff)};
static const struct ioasid_range high = {AT(0x40000), AT(0x41fff)};

/* Reserved by a device that cuts into the low window. */
static const struct ioasid_range cut = {AT(0x14000), AT(0x15fff)};

/* A space over a device that reserves nothing there. */
struct desk {
	struct contract_nic *nic;
	struct ioasid_space *space;
	struct ioasid_attachment *route;
	unsigned char *memory; /* 2 pages */
};

static void desk_begin(struct desk *d, struct contract *c)
{
	d->nic = contract_nic(c, "wide", (struct contract_wish){.aperture = CONTRACT_APERTURE});
	d->space = contract_space(c);
	d->route = contract_attach(d->nic, d->space);
	d->memory = support_memory(2 * PAGE, 21);
}

static void desk_end(struct desk *d)
{
	ok(ioasid_attachment_detach(d->route));
	ok(ioasid_space_destroy(d->space));
	free(d->memory);
}

static int map_anywhere(struct desk *d, uint64_t pages, uint64_t *iova)
{
	struct ioasid_map map = {
		.addr = d->memory, .length = pages * PAGE, .flags = IOASID_MAP_READ};
	int err = ioasid_space_map(d->space, &map);

	*iova = map.iova;
	return err;
}

static bool lies_in(uint64_t iova, uint64_t pages, struct ioasid_range window)
{
	return window.first <= iova && iova + (pages * PAGE - 1) <= window.last;
}

START_TEST(automatic_addresses_fill_the_windows_and_nothing_else)
{
	const struct ioasid_range windows[] = {low, high};
	struct contract c;
	struct desk d;
	uint64_t iova;

	contract_begin(&c, _i);
	desk_begin(&d, &c);
	ok(ioasid_space_allow(d.space, windows, 2));
	for (int i = 0; i < 18; i++) {
		ok(map_anywhere(&d, 1, &iova));
		ck_assert(lies_in(iova, 1, low) || lies_in(iova, 1, high));
		DMA_SEES(&c, d.nic, iova, d.memory, PAGE);
	}
	fails(-ENOSPC, "allowed", map_anywhere(&d, 1, &iova));
	ok(ioasid_space_unmap(d.space, high.first, 2 * PAGE));
	ok(map_anywhere(&d, 2, &iova));
	ck_assert_uint_eq(iova, high.first);
	desk_end(&d);
	contract_end(&c);
}
END_TEST

START_TEST(a_fixed_map_may_lie_outside_the_windows)
{
	struct contract c;
	struct desk d;

	contract_begin(&c, _i);
	desk_begin(&d, &c);
	ok(ioasid_space_allow(d.space, &low, 1));
	ok(contract_map(d.space, AT(0x80000), d.memory, PAGE, IOASID_MAP_READ));
	DMA_SEES(&c, d.nic, AT(0x80000), d.memory, PAGE);
	desk_end(&d);
	contract_end(&c);
}
END_TEST

START_TEST(the_last_call_counts_and_none_takes_them_all_away)
{
	struct contract c;
	struct desk d;
	uint64_t iova;

	contract_begin(&c, _i);
	desk_begin(&d, &c);
	ok(ioasid_space_allow(d.space, &low, 1));
	ok(ioasid_space_allow(d.space, &high, 1));
	ok(map_anywhere(&d, 2, &iova));
	ck_assert_uint_eq(iova, high.first);
	fails(-ENOSPC, "allowed", map_anywhere(&d, 1, &iova));
	ok(ioasid_space_allow(d.space, NULL, 0));
	ok(map_anywhere(&d, 1, &iova));
	ck_assert(!lies_in(iova, 1, high));
	desk_end(&d);
	contract_end(&c);
}
END_TEST

START_TEST(a_device_that_cuts_a_window_is_refused_naming_it)
{
	struct contract c;
	struct desk d;
	struct ioasid_attachment *route = NULL;

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .reserved = cut);
	desk_begin(&d, &c);

	struct contract_nic *nic =
		contract_nic(&c, "cutter", (struct contract_wish){.reserved = cut});

	ok(ioasid_space_allow(d.space, &low, 1));
	ok(contract_map(d.space, AT(0x10000), d.memory, PAGE, IOASID_MAP_READ));
	fails(-EADDRINUSE, "0x40010000-0x4001ffff",
		ioasid_device_attach(nic->device, d.space, NULL, &route));
	support_error_has("cutter", "ioasid_device_attach");
	ck_assert_ptr_null(route);
	DMA_FAILS(&c, nic, AT(0x10000));
	DMA_SEES(&c, d.nic, AT(0x10000), d.memory, PAGE);
	ok(contract_map(d.space, cut.first, d.memory, PAGE, IOASID_MAP_READ));
	ok(ioasid_space_unmap(d.space, cut.first, PAGE));
	/* what does not cut comes in, and so does what did, once it may */
	ok(ioasid_space_allow(d.space, &high, 1));
	route = contract_attach(nic, d.space);
	DMA_SEES(&c, nic, AT(0x10000), d.memory, PAGE);
	ok(ioasid_attachment_detach(route));
	desk_end(&d);
	contract_end(&c);
}
END_TEST

START_TEST(a_device_that_does_not_reach_a_window_is_refused)
{
	const struct ioasid_range beyond = {AT(0x30000), AT(0x31fff)};
	const struct contract_wish wish = {.aperture = {AT(0), AT(0x2ffff)}};
	struct contract c;
	struct desk d;
	struct ioasid_attachment *route = NULL;

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .aperture = wish.aperture);
	desk_begin(&d, &c);

	struct contract_nic *nic = contract_nic(&c, "short", wish);

	ok(ioasid_space_allow(d.space, &beyond, 1));
	fails(-EADDRINUSE, "short", ioasid_device_attach(nic->device, d.space, NULL, &route));
	ck_assert_ptr_null(route);
	ok(ioasid_space_allow(d.space, &low, 1));
	route = contract_attach(nic, d.space);
	ok(ioasid_attachment_detach(route));
	desk_end(&d);
	contract_end(&c);
}
END_TEST

START_TEST(a_window_that_is_reserved_already_is_refused_naming_what_is)
{
	const struct ioasid_range ends[] = {
		{AT(0x10000), cut.first + PAGE - 1}, {cut.last + 1 - PAGE, AT(0x1ffff)}};
	struct contract c;
	struct desk d;
	uint64_t iova;

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .reserved = cut);
	desk_begin(&d, &c);

	struct contract_nic *nic =
		contract_nic(&c, "cutter", (struct contract_wish){.reserved = cut});
	struct ioasid_attachment *route = contract_attach(nic, d.space);

	ok(ioasid_space_allow(d.space, &high, 1));
	fails(-EADDRINUSE, "0x40014000-0x40015fff", ioasid_space_allow(d.space, &low, 1));
	fails(-EADDRINUSE, "0x40014000-0x40015fff", ioasid_space_allow(d.space, &cut, 1));
	fails(-EADDRINUSE, "0x40014000-0x40015fff", ioasid_space_allow(d.space, &ends[0], 1));
	fails(-EADDRINUSE, "0x40014000-0x40015fff", ioasid_space_allow(d.space, &ends[1], 1));
	/* the windows of before are still there */
	ok(map_anywhere(&d, 2, &iova));
	ck_assert_uint_eq(iova, high.first);
	ok(ioasid_attachment_detach(route));
	desk_end(&d);
	contract_end(&c);
}
END_TEST

START_TEST(a_replace_by_a_device_that_cuts_leads_where_it_led)
{
	struct contract c;
	struct desk d;

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .reserved = cut);
	desk_begin(&d, &c);

	struct contract_nic *nic =
		contract_nic(&c, "cutter", (struct contract_wish){.reserved = cut});
	struct ioasid_space *other = contract_space(&c);
	struct ioasid_attachment *route = contract_attach(nic, other);

	ok(ioasid_space_allow(d.space, &low, 1));
	ok(contract_map(other, AT(0), d.memory, PAGE, IOASID_MAP_READ));
	fails(-EADDRINUSE, "cutter", ioasid_attachment_replace(route, d.space));
	ck_assert_ptr_eq(ioasid_attachment_space(route), other);
	DMA_SEES(&c, nic, AT(0), d.memory, PAGE);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(other));
	desk_end(&d);
	contract_end(&c);
}
END_TEST

START_TEST(windows_may_come_before_the_first_device_where_maps_may)
{
	struct contract c;
	uint64_t first = AT(0x10000);

	contract_begin(&c, _i);

	bool early = contract_has(&c, IOASID_EXT_MAP_BEFORE_ATTACH);
	struct desk d = {.space = contract_space(&c), .memory = support_memory(2 * PAGE, 22)};
	uint64_t iova;

	if (early) {
		ok(ioasid_space_allow(d.space, &low, 1));
		ok(map_anywhere(&d, 1, &iova));
		ck_assert_uint_eq(iova, first);
	} else {
		fails(-ENXIO, "device", ioasid_space_allow(d.space, &low, 1));
	}
	d.nic = contract_nic(&c, "nic0", (struct contract_wish){.aperture = CONTRACT_APERTURE});
	d.route = contract_attach(d.nic, d.space);
	if (early)
		DMA_SEES(&c, d.nic, first, d.memory, PAGE);
	desk_end(&d);
	contract_end(&c);
}
END_TEST

/* Whoever makes the children, a device that leads to one will come back to the parent. */
START_TEST(a_parents_windows_hold_for_devices_that_lead_to_children)
{
	struct contract c;
	struct desk d;
	struct ioasid_attachment *route[2] = {NULL};

	contract_begin(&c, _i);
	NEEDS(&c, IOASID_EXT_NEST_SOFTWARE);
	NEEDS_DEVICE(&c, .reserved = cut);
	desk_begin(&d, &c);

	struct contract_nic *nic =
		contract_nic(&c, "cutter", (struct contract_wish){.reserved = cut});
	struct ioasid_space *child = contract_child(d.space), *deep = contract_child(child);
	struct ioasid_attachment *over = contract_attach(d.nic, child);

	/* all that leads there leads to the child: the parent keeps its windows nevertheless */
	ok(ioasid_space_allow(d.space, &low, 1));
	fails(-EADDRINUSE, "cutter", ioasid_device_attach(nic->device, d.space, NULL, &route[0]));
	ok(ioasid_space_allow(d.space, &high, 1));
	route[0] = contract_attach(nic, d.space);
	route[1] = contract_attach(nic, child);
	fails(-EADDRINUSE, "0x40014000-0x40015fff", ioasid_space_allow(d.space, &low, 1));
	fails(-EADDRINUSE, "0x40014000-0x40015fff", ioasid_space_allow(child, &low, 1));
	ok(ioasid_space_allow(child, &high, 1));
	/* a child's own do not bind its parent, nor its children */
	if (contract_has(&c, IOASID_EXT_MAP_BEFORE_ATTACH))
		ok(ioasid_space_allow(deep, &low, 1));
	ok(ioasid_attachment_detach(route[1]));
	ok(ioasid_attachment_detach(route[0]));
	ok(ioasid_attachment_detach(over));
	ok(ioasid_space_destroy(deep));
	ok(ioasid_space_destroy(child));
	desk_end(&d);
	contract_end(&c);
}
END_TEST

START_TEST(a_space_of_small_pages_reports_one_size_and_maps)
{
	struct contract c;
	struct ioasid_space_info info = {.size = sizeof(info)};
	unsigned char *memory = support_memory(2 * PAGE, 23);

	contract_begin(&c, _i);

	struct contract_nic *nic = contract_nic(&c, "nic0", (struct contract_wish){0});
	struct ioasid_attachment *route;
	struct ioasid_space *space;

	ok(ioasid_space_new(
		c.ctx, IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_SMALL_PAGES), &space));
	route = contract_attach(nic, space);
	ok(ioasid_space_info(space, &info));
	ck_assert_uint_eq(info.page_sizes, PAGE);
	ok(contract_map(space, AT(0), memory, 2 * PAGE, IOASID_MAP_RW));
	DMA_SEES(&c, nic, AT(0), memory, 2 * PAGE);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(space));
	contract_end(&c);
	free(memory);
}
END_TEST

void contract_add_window(Suite *suite)
{
	TCase *tcase = support_case(suite, "allowed windows");

	contract_test(tcase, automatic_addresses_fill_the_windows_and_nothing_else);
	contract_test(tcase, a_fixed_map_may_lie_outside_the_windows);
	contract_test(tcase, the_last_call_counts_and_none_takes_them_all_away);
	contract_test(tcase, a_device_that_cuts_a_window_is_refused_naming_it);
	contract_test(tcase, a_device_that_does_not_reach_a_window_is_refused);
	contract_test(tcase, a_window_that_is_reserved_already_is_refused_naming_what_is);
	contract_test(tcase, a_replace_by_a_device_that_cuts_leads_where_it_led);
	contract_test(tcase, windows_may_come_before_the_first_device_where_maps_may);
	contract_test(tcase, a_parents_windows_hold_for_devices_that_lead_to_children);
	contract_test(tcase, a_space_of_small_pages_reports_one_size_and_maps);
}
