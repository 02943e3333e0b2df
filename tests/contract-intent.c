/* SPDX-License-Identifier: MIT */
/*
 * The contract, rules 7 and 9: what a space is meant for is said at creation, so that a device
 * that cannot serve it is refused at attach, with the reason; and whether maps may come first.
 */
#include "contract.h"
#include <stdlib.h>

/* Attaches the device to a space of this intent. */
static int attach_to(
	struct contract *c, struct contract_nic *nic, const struct ioasid_space_opts *opts)
{
	struct ioasid_space *space;
	struct ioasid_attachment *route = NULL;
	int r;

	ok(ioasid_space_new(c->ctx, opts, &space));
	r = ioasid_device_attach(nic->device, space, NULL, &route);
	if (!r)
		ok(ioasid_attachment_detach(route));
	else
		ck_assert_ptr_null(route);
	/* success leaves the error text alone, so the caller may still read it */
	ok(ioasid_space_destroy(space));
	return r;
}

/* The error names the device and what it lacks. */
static void intent_is_refused(
	struct contract *c, uint32_t flag, const char *words, struct contract_wish unable)
{
	struct contract_nic *nic = contract_nic(c, "plain", unable);

	fails(-EOPNOTSUPP, words, attach_to(c, nic, IOASID_OPTS(ioasid_space_opts, .flags = flag)));
	support_error_has("plain", "ioasid_device_attach");
}

static void intent_is_served(struct contract *c, uint32_t flag, struct contract_wish able)
{
	struct contract_nic *nic = contract_nic(c, "able", able);

	ok(attach_to(c, nic, IOASID_OPTS(ioasid_space_opts, .flags = flag)));
}

START_TEST(a_nesting_parent_refuses_a_device_that_cannot_nest)
{
	struct contract c;

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .no_nesting = true);
	intent_is_refused(
		&c, IOASID_SPACE_NEST_PARENT, "nest", (struct contract_wish){.no_nesting = true});
	contract_end(&c);
}
END_TEST

START_TEST(a_nesting_parent_takes_a_device_that_nests)
{
	struct contract c;

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .nesting = true);
	intent_is_served(&c, IOASID_SPACE_NEST_PARENT, (struct contract_wish){.nesting = true});
	contract_end(&c);
}
END_TEST

START_TEST(dirty_tracking_refuses_a_device_that_cannot_track)
{
	struct contract c;

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .no_dirty = true);
	intent_is_refused(
		&c, IOASID_SPACE_DIRTY_TRACKING, "dirty", (struct contract_wish){.no_dirty = true});
	contract_end(&c);
}
END_TEST

START_TEST(dirty_tracking_takes_a_device_that_tracks)
{
	struct contract c;

	contract_begin(&c, _i);
	NEEDS_DEVICE(&c, .dirty = true);
	intent_is_served(&c, IOASID_SPACE_DIRTY_TRACKING, (struct contract_wish){.dirty = true});
	contract_end(&c);
}
END_TEST

START_TEST(a_nesting_parent_with_a_fault_queue_is_refused_at_creation)
{
	struct contract c;
	struct ioasid_faultq *faults;
	struct ioasid_space *space = NULL;

	contract_begin(&c, _i);
	NEEDS(&c, IOASID_EXT_FAULT_QUEUE);
	ok(ioasid_faultq_new(c.ctx, NULL, &faults));
	fails(-EOPNOTSUPP, "ioasid_space_new",
		ioasid_space_new(c.ctx,
			IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_NEST_PARENT,
				.faults = faults),
			&space));
	ck_assert_ptr_null(space);
	ioasid_faultq_free(faults);
	contract_end(&c);
}
END_TEST

/* What attaching a device to a space with this queue returns. */
static int attach_with_queue(
	struct contract *c, struct contract_wish wish, const struct ioasid_faultq_opts *opts)
{
	struct contract_nic *nic = contract_nic(c, "prober", wish);
	struct ioasid_faultq *faults;
	int r;

	ok(ioasid_faultq_new(c->ctx, opts, &faults));
	r = attach_to(c, nic, IOASID_OPTS(ioasid_space_opts, .faults = faults));
	ioasid_faultq_free(faults);
	return r;
}

START_TEST(a_fault_queue_refuses_a_device_without_page_requests)
{
	struct contract c;

	contract_begin(&c, _i);
	NEEDS(&c, IOASID_EXT_FAULT_QUEUE);
	fails(-EOPNOTSUPP, "prober", attach_with_queue(&c, (struct contract_wish){0}, NULL));
	contract_end(&c);
}
END_TEST

START_TEST(a_fault_queue_takes_a_device_with_page_requests)
{
	struct contract c;

	contract_begin(&c, _i);
	NEEDS(&c, IOASID_EXT_FAULT_QUEUE);
	NEEDS_DEVICE(&c, .page_requests = true);
	ok(attach_with_queue(&c, (struct contract_wish){.page_requests = true}, NULL));
	contract_end(&c);
}
END_TEST

START_TEST(a_device_whose_groups_exceed_the_queues_is_refused)
{
	struct contract c;
	struct contract_wish wish = {.page_requests = true, .credits = 16, .group_pages = 8};

	contract_begin(&c, _i);
	NEEDS(&c, IOASID_EXT_FAULT_QUEUE);
	NEEDS_DEVICE(&c, .page_requests = true);
	fails(-ENOSPC, "prober",
		attach_with_queue(&c, wish, IOASID_OPTS(ioasid_faultq_opts, .group_max = 7)));
	support_error_has("8", "ioasid_device_attach");
	support_error_has("7", "ioasid_device_attach");
	ok(attach_with_queue(&c, wish, IOASID_OPTS(ioasid_faultq_opts, .group_max = 8)));
	contract_end(&c);
}
END_TEST

START_TEST(the_credits_of_all_devices_must_fit_the_queue)
{
	struct contract c;
	struct contract_wish wish = {.page_requests = true, .credits = 16};
	struct ioasid_faultq *faults;
	struct ioasid_attachment *route[2] = {NULL, NULL};

	contract_begin(&c, _i);
	NEEDS(&c, IOASID_EXT_FAULT_QUEUE);
	NEEDS_DEVICE(&c, .page_requests = true);
	fails(-ENOSPC, "prober",
		attach_with_queue(
			&c, wish, IOASID_OPTS(ioasid_faultq_opts, .max_outstanding = 15)));
	ok(ioasid_faultq_new(
		c.ctx, IOASID_OPTS(ioasid_faultq_opts, .max_outstanding = 31), &faults));

	struct ioasid_space *space = contract_fault_space(&c, faults);
	struct contract_nic *late = contract_nic(&c, "late", wish);

	route[0] = contract_attach(&c.nic[0], space);
	fails(-ENOSPC, "late", ioasid_device_attach(late->device, space, NULL, &route[1]));
	ok(ioasid_attachment_detach(route[0]));
	route[1] = contract_attach(late, space);
	ok(ioasid_attachment_detach(route[1]));
	ok(ioasid_space_destroy(space));
	ioasid_faultq_free(faults);
	contract_end(&c);
}
END_TEST

START_TEST(maps_come_before_the_first_attach_where_the_backend_says_so)
{
	struct contract c;
	unsigned char *memory = support_memory(PAGE, 7);

	contract_begin(&c, _i);
	struct contract_nic *nic = contract_nic(&c, "nic0", (struct contract_wish){0});
	struct ioasid_space *space = contract_space(&c);
	bool before = contract_has(&c, IOASID_EXT_MAP_BEFORE_ATTACH);
	struct ioasid_attachment *route;

	if (before)
		ok(contract_map(space, AT(0x5000), memory, PAGE, IOASID_MAP_READ));
	else
		fails(-ENXIO, "attach",
			contract_map(space, AT(0x5000), memory, PAGE, IOASID_MAP_READ));
	route = contract_attach(nic, space);
	if (!before)
		ok(contract_map(space, AT(0x5000), memory, PAGE, IOASID_MAP_READ));
	DMA_SEES(&c, nic, AT(0x5000), memory, PAGE);
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(space));
	contract_end(&c);
	free(memory);
}
END_TEST

START_TEST(an_unknown_extension_is_not_there)
{
	struct contract c;

	contract_begin(&c, _i);
	ck_assert_int_eq(ioasid_check_extension(c.ctx, 0), 0);
	ck_assert_int_eq(ioasid_check_extension(c.ctx, 63), 0);
	ck_assert_int_eq(ioasid_check_extension(c.ctx, 64), 0);
	ck_assert_int_eq(ioasid_check_extension(c.ctx, UINT32_MAX), 0);
	contract_end(&c);
}
END_TEST

void contract_add_intent(Suite *suite)
{
	TCase *tcase = support_case(suite, "rules 7 and 9: intent");

	contract_test(tcase, a_nesting_parent_refuses_a_device_that_cannot_nest);
	contract_test(tcase, a_nesting_parent_takes_a_device_that_nests);
	contract_test(tcase, dirty_tracking_refuses_a_device_that_cannot_track);
	contract_test(tcase, dirty_tracking_takes_a_device_that_tracks);
	contract_test(tcase, a_nesting_parent_with_a_fault_queue_is_refused_at_creation);
	contract_test(tcase, a_fault_queue_refuses_a_device_without_page_requests);
	contract_test(tcase, a_fault_queue_takes_a_device_with_page_requests);
	contract_test(tcase, a_device_whose_groups_exceed_the_queues_is_refused);
	contract_test(tcase, the_credits_of_all_devices_must_fit_the_queue);
	contract_test(tcase, maps_come_before_the_first_attach_where_the_backend_says_so);
	contract_test(tcase, an_unknown_extension_is_not_there);
}
