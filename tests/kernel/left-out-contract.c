/* SPDX-License-Identifier: MIT */
/*
 * What of the contract suite the kernel's self-test devices cannot run, and for want of what.
 */
#include "left-out.h"
#include <stddef.h>

struct left_out left_outs[] = {
	/* a group of several devices */
	{"info_tells_of_the_group", 0},
	{"a_space_with_half_a_group_waits_or_has_it_all", 0},
	{"a_missing_device_that_nobody_bound_is_still_missed", 0},
	{"the_groups_other_device_cannot_be_of_use_elsewhere", 0},
	{"the_groups_other_device_is_attached_to_the_same_space", 0},
	{"replace_moves_the_group_where_attach_does", 0},
	{"a_route_that_a_mate_led_to_a_child_goes_to_no_sibling", 0},
	{"a_mate_follows_to_any_level", 0},
	{"a_replace_below_what_a_mate_led_on_is_busy", 0},
	{"a_replace_that_takes_a_mate_off_its_childs_parent_is_busy", 0},
	{"a_replace_that_leaves_a_mate_behind_is_busy", 0},
	/* strict groups */
	{"strictly_a_space_that_a_replace_left_is_incomplete_again", 0},
	/* PASIDs */
	{"routes_with_a_pasid_are_independent", 0},
	{"a_pasid_too_wide_for_the_device_is_refused", 0},
	{"a_child_is_attached_only_where_its_parent_is_whatever_the_pasid", 0},
	{"a_childs_attachment_for_one_pasid_leaves_the_others", 0},
	{"a_parent_can_be_left_while_another_route_leads_there", 0},
	{"a_space_with_a_pasid_table_takes_no_map_and_no_pasid", 0},
	{"beside_a_pasid_table_a_pasid_leads_to_another_child_of_the_parent", 0},
	{"invalidations_of_a_pasid_table_are_of_a_pasid", 0},
	/* DMA by what is in a guest's table */
	{"a_device_finds_what_the_guests_table_says", 0},
	{"what_the_guest_invalidated_is_found_no_more", 0},
	{"what_the_parent_unmapped_is_found_no_more", 0},
	{"another_table_takes_the_place_of_the_first", 0},
	{"processes_of_a_guest_have_tables_of_their_own", 0},
	{"what_the_table_lacks_is_asked_for_and_then_found", 0},
	{"what_the_guest_refuses_ends_the_transfer", 0},
	{"an_unbind_answers_what_waits", 0},
	{"what_is_written_through_a_table_is_noted_in_the_parent", 0},
	/* page requests outside of guests' tables */
	{"the_label_comes_back_in_every_fault", 0},
	{"a_fault_queue_takes_a_device_with_page_requests", 0},
	{"a_device_whose_groups_exceed_the_queues_is_refused", 0},
	{"the_credits_of_all_devices_must_fit_the_queue", 0},
	{"close_answers_outstanding_faults", 0},
	/* an IOMMU that cannot nest; that refuses reads; windows that go with their device */
	{"a_nesting_parent_refuses_a_device_that_cannot_nest", 0},
	{"what_may_only_be_written_is_not_read", 0},
	{"the_ranges_change_with_every_attach_and_detach", 0},
	/* 48 bits */
	{"address_0_and_the_last_page_of_48_bits_can_be_mapped", 0},
	{NULL, 0},
};
