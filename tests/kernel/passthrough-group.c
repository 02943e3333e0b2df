/* SPDX-License-Identifier: MIT */
/*
 * Real DMA of two devices: apart, in one space, and as mates of one IOMMU group, which the kernel
 * leads as one.
 */
#include "passthroughkit.h"
#include "passthroughs.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct seat first, second;
static struct ioasid_space *other;

static void set_up(void)
{
	ok(ioasid_space_new(kit.ctx, NULL, &other));
}

static void tear_down(void)
{
	ok(ioasid_space_destroy(other));
}

START_TEST(two_devices_reach_each_its_own_memory)
{
	unsigned char *theirs = support_memory(FILE_SIZE, 5);

	kit_map_both(kit.space);
	kit_map(other, FILE_IOVA, theirs, FILE_SIZE, IOASID_MAP_READ);
	kit_map(other, COPY_IOVA, theirs + FILE_SIZE / 2, FILE_SIZE / 2, IOASID_MAP_RW);
	seat_take(&first, ALONE, kit.space);
	seat_take(&second, OTHER, other);
	seat_carry(&second, FILE_IOVA, COPY_IOVA);
	ck_assert_mem_eq(theirs + FILE_SIZE / 2, theirs, CHUNK);
	ck_assert_msg(copy_is_empty(), "the second device wrote into the first one's memory");
	ck_assert(seat_copies(&first));
	seat_leave(&first);
	seat_leave(&second);
	free(theirs);
}
END_TEST

START_TEST(two_devices_share_one_space)
{
	kit_map_both(kit.space);
	seat_take(&first, ALONE, kit.space);
	seat_take(&second, OTHER, kit.space);
	ck_assert(seat_copies(&first));
	ck_assert(seat_copies(&second));
	seat_detach(&first);
	ck_assert(!seat_copies(&first));
	ck_assert(seat_copies(&second));
	kit_unmap_all(kit.space);
	ck_assert(!seat_copies(&second));
	seat_leave(&first);
	seat_leave(&second);
}
END_TEST

static struct ioasid_device_info info_of(const struct seat *seat)
{
	struct ioasid_device_info info = {.size = sizeof(info)};

	ok(ioasid_device_info(seat->device, &info));
	return info;
}

START_TEST(what_sysfs_says_of_groups_is_known)
{
	struct ioasid_device_info alone, mate;

	seat_take(&first, ALONE, NULL);
	seat_take(&second, MATE, NULL);
	alone = info_of(&first);
	mate = info_of(&second);
	ck_assert_uint_eq(alone.group, (uint32_t)kit.places[ALONE].group);
	ck_assert_uint_eq(alone.group_size, 1);
	ck_assert_uint_eq(mate.group, (uint32_t)kit.places[MATE].group);
	ck_assert_uint_eq(mate.group_size, 2);
	/* the emulated card has none of it */
	ck_assert_uint_eq(mate.flags | mate.pasid_bits | mate.credits, 0);
	seat_leave(&first);
	seat_leave(&second);
}
END_TEST

START_TEST(an_attach_moves_the_whole_group)
{
	struct ioasid_space_info info = {.size = sizeof(info)};

	kit_map_both(kit.space);
	seat_take(&first, MATE, kit.space);
	seat_take(&second, MATE_2, NULL);
	ck_assert(seat_copies(&second));
	ok(ioasid_space_info(kit.space, &info));
	ck_assert(info.flags & IOASID_SPACE_INFO_MOVES_GROUP);
	seat_leave(&first);
	ck_assert(!seat_copies(&second));
	seat_leave(&second);
}
END_TEST

START_TEST(a_group_stays_until_its_last_mate_is_detached)
{
	kit_map_both(kit.space);
	seat_take(&first, MATE, kit.space);
	seat_take(&second, MATE_2, kit.space);
	seat_detach(&first);
	ck_assert(seat_copies(&first));
	ck_assert(seat_copies(&second));
	seat_detach(&second);
	ck_assert(!seat_copies(&first));
	ck_assert(!seat_copies(&second));
	seat_leave(&first);
	seat_leave(&second);
}
END_TEST

START_TEST(a_mate_cannot_lead_elsewhere)
{
	kit_map_both(kit.space);
	seat_take(&first, MATE, kit.space);
	seat_take(&second, MATE_2, NULL);
	fails(-EBUSY, "or of its IOMMU group",
		ioasid_device_attach(second.device, other, NULL, &second.route));
	ck_assert(seat_copies(&first));
	seat_leave(&first);
	seat_leave(&second);
}
END_TEST

START_TEST(a_replace_moves_the_mate_too)
{
	kit_map_both(other);
	seat_take(&first, MATE, kit.space);
	seat_take(&second, MATE_2, kit.space);
	ck_assert(!seat_copies(&second));
	ok(ioasid_attachment_replace(first.route, other));
	ck_assert_ptr_eq(ioasid_attachment_space(second.route), other);
	ck_assert(seat_copies(&first));
	ck_assert(seat_copies(&second));
	seat_leave(&first);
	seat_leave(&second);
}
END_TEST

void add_groups(Suite *suite)
{
	TCase *tcase = kit_case(suite, "two devices");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, two_devices_reach_each_its_own_memory);
	tcase_add_test(tcase, two_devices_share_one_space);
	tcase_add_test(tcase, what_sysfs_says_of_groups_is_known);
	tcase_add_test(tcase, an_attach_moves_the_whole_group);
	tcase_add_test(tcase, a_group_stays_until_its_last_mate_is_detached);
	tcase_add_test(tcase, a_mate_cannot_lead_elsewhere);
	tcase_add_test(tcase, a_replace_moves_the_mate_too);
}
