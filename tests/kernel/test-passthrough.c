/* SPDX-License-Identifier: MIT */
/*
 * Real DMA through a real IOMMU driver, over the library: bytes arrive where a map is, and nowhere
 * else. One device here; more than one in passthrough-group.c, what is refused in
 * passthrough-refuse.c.
 */
#include "guest.h"
#include "passthroughkit.h"
#include "passthroughs.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct seat seat;

START_TEST(a_file_is_copied_by_dma)
{
	seat_take(&seat, ALONE, kit.space);
	kit_map_both(kit.space);
	for (size_t at = 0; at < FILE_SIZE; at += CHUNK) {
		size_t left = FILE_SIZE - at, n = left < CHUNK ? left : CHUNK;

		ck_assert_int_eq(edu_from_memory(&seat.edu, FILE_IOVA + at, 0, n), 0);
		ck_assert_int_eq(edu_to_memory(&seat.edu, COPY_IOVA + at, 0, n), 0);
	}
	ck_assert_mem_eq(kit.copy, kit.file, FILE_SIZE);
	seat_leave(&seat);
}
END_TEST

START_TEST(dma_before_attach_moves_nothing)
{
	kit_map_both(kit.space);
	seat_take(&seat, ALONE, NULL);
	ck_assert(!seat_copies(&seat));
	seat_lead(&seat, kit.space);
	ck_assert(seat_copies(&seat));
	seat_leave(&seat);
}
END_TEST

START_TEST(dma_after_unmap_moves_nothing)
{
	seat_take(&seat, ALONE, kit.space);
	kit_map_both(kit.space);
	ck_assert(seat_copies(&seat));
	ck_assert_int_eq(ok(ioasid_space_unmap(kit.space, COPY_IOVA, FILE_SIZE)), FILE_SIZE);
	ck_assert(!seat_copies(&seat));
	kit_map(kit.space, COPY_IOVA, kit.copy, FILE_SIZE, IOASID_MAP_RW);
	ck_assert(seat_copies(&seat));
	seat_leave(&seat);
}
END_TEST

START_TEST(memory_that_was_unmapped_cannot_be_read)
{
	unsigned char *secret = support_memory(PAGE, 99);

	seat_take(&seat, ALONE, kit.space);
	kit_map_both(kit.space);
	ok(ioasid_space_unmap(kit.space, FILE_IOVA, FILE_SIZE));
	memcpy(kit.file, secret, PAGE);
	seat_carry(&seat, FILE_IOVA, COPY_IOVA);
	ck_assert_int_ne(memcmp(kit.copy, secret, CHUNK), 0);
	kit_map(kit.space, FILE_IOVA, kit.file, FILE_SIZE, IOASID_MAP_READ);
	seat_carry(&seat, FILE_IOVA, COPY_IOVA);
	ck_assert_mem_eq(kit.copy, secret, CHUNK);
	seat_leave(&seat);
	free(secret);
}
END_TEST

START_TEST(dma_after_detach_moves_nothing)
{
	seat_take(&seat, ALONE, kit.space);
	kit_map_both(kit.space);
	ck_assert(seat_copies(&seat));
	seat_detach(&seat);
	ck_assert(!seat_copies(&seat));
	seat_lead(&seat, kit.space);
	ck_assert(seat_copies(&seat));
	seat_leave(&seat);
}
END_TEST

START_TEST(a_read_only_map_is_not_written)
{
	seat_take(&seat, ALONE, kit.space);
	kit_map(kit.space, FILE_IOVA, kit.file, FILE_SIZE, IOASID_MAP_READ);
	kit_map(kit.space, COPY_IOVA, kit.copy, FILE_SIZE, IOASID_MAP_READ);
	ck_assert(!seat_copies(&seat));
	seat_leave(&seat);
}
END_TEST

START_TEST(a_replaced_route_leads_to_the_new_space)
{
	struct ioasid_space *other;
	unsigned char *elsewhere = support_memory(FILE_SIZE, 3);

	ok(ioasid_space_new(kit.ctx, NULL, &other));
	seat_take(&seat, ALONE, kit.space);
	kit_map_both(kit.space);
	kit_map(other, FILE_IOVA, elsewhere, FILE_SIZE, IOASID_MAP_READ);
	kit_map(other, COPY_IOVA, kit.copy, FILE_SIZE, IOASID_MAP_RW);
	ck_assert(seat_copies(&seat));
	ok(ioasid_attachment_replace(seat.route, other));
	seat_carry(&seat, FILE_IOVA, COPY_IOVA);
	ck_assert_mem_eq(kit.copy, elsewhere, CHUNK);
	seat_leave(&seat);
	ok(ioasid_space_destroy(other));
	free(elsewhere);
}
END_TEST

START_TEST(a_map_of_a_file_is_reached_by_dma)
{
	struct ioasid_map map = {.length = FILE_SIZE,
		.iova = FILE_IOVA,
		.flags = IOASID_MAP_READ | IOASID_MAP_FIXED};
	int fd = memfd_create("ram", MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, PAGE + FILE_SIZE), 0);
	ck_assert_int_eq(pwrite(fd, kit.file, FILE_SIZE, PAGE), FILE_SIZE);
	seat_take(&seat, ALONE, kit.space);
	kit_map(kit.space, COPY_IOVA, kit.copy, FILE_SIZE, IOASID_MAP_RW);
	ok(ioasid_space_map_file(kit.space, fd, PAGE, &map));
	close(fd);
	ck_assert(seat_copies(&seat));
	seat_leave(&seat);
	kit_unmap_all(kit.space);
}
END_TEST

START_TEST(registered_memory_is_reached_by_dma)
{
	ok(ioasid_memory_register(kit.ctx, kit.file, FILE_SIZE));
	ok(ioasid_memory_register(kit.ctx, kit.copy, FILE_SIZE));
	seat_take(&seat, ALONE, kit.space);
	kit_map_both(kit.space);
	ck_assert(seat_copies(&seat));
	kit_unmap_all(kit.space);
	ck_assert(!seat_copies(&seat));
	seat_leave(&seat);
	ok(ioasid_memory_unregister(kit.ctx, kit.file, FILE_SIZE));
	ok(ioasid_memory_unregister(kit.ctx, kit.copy, FILE_SIZE));
}
END_TEST

/* ---- software nesting ---- */

#define GUEST UINT64_C(0x02000000) /* of the file in the guest's memory; the copy follows */

static struct ioasid_space *child;
static struct ioasid_attachment *over;

/* The parent has the guest's memory, the child leads FILE_IOVA and COPY_IOVA there. */
static void nest(void)
{
	ok(ioasid_space_new_nested(kit.space, NULL, &child));
	seat_take(&seat, ALONE, kit.space);
	ok(ioasid_device_attach(seat.device, child, NULL, &over));
	kit_map(kit.space, GUEST, kit.file, FILE_SIZE, IOASID_MAP_RW);
	kit_map(kit.space, GUEST + FILE_SIZE, kit.copy, FILE_SIZE, IOASID_MAP_RW);
	kit_map(child, FILE_IOVA, (void *)GUEST, FILE_SIZE, IOASID_MAP_READ);
	kit_map(child, COPY_IOVA, (void *)(GUEST + FILE_SIZE), FILE_SIZE, IOASID_MAP_RW);
}

static void end_nest(void)
{
	ok(ioasid_attachment_detach(over));
	seat_leave(&seat);
	ok(ioasid_space_destroy(child));
}

START_TEST(dma_goes_through_a_child_and_its_parent)
{
	nest();
	ck_assert(seat_copies(&seat));
	seat_carry(&seat, GUEST, GUEST + FILE_SIZE);
	ck_assert_msg(copy_is_empty(), "the child does not show the parent's addresses");
	end_nest();
}
END_TEST

START_TEST(what_the_parent_loses_the_child_loses)
{
	nest();
	ok(ioasid_space_unmap(kit.space, GUEST + FILE_SIZE, FILE_SIZE));
	ck_assert(!seat_copies(&seat));
	kit_map(kit.space, GUEST + FILE_SIZE, kit.copy, FILE_SIZE, IOASID_MAP_RW);
	ck_assert(seat_copies(&seat));
	ok(ioasid_space_unmap(child, FILE_IOVA, FILE_SIZE));
	ok(ioasid_space_unmap(child, COPY_IOVA, FILE_SIZE));
	ck_assert(!seat_copies(&seat));
	end_nest();
}
END_TEST

START_TEST(a_detached_child_leads_back_to_its_parent)
{
	nest();
	ok(ioasid_attachment_detach(over));
	over = NULL;
	ck_assert(!seat_copies(&seat));
	seat_carry(&seat, GUEST, GUEST + FILE_SIZE);
	ck_assert_mem_eq(kit.copy, kit.file, CHUNK);
	end_nest();
}
END_TEST

static void add_moves(Suite *suite)
{
	TCase *tcase = kit_case(suite, "one device");

	tcase_add_test(tcase, a_file_is_copied_by_dma);
	tcase_add_test(tcase, dma_before_attach_moves_nothing);
	tcase_add_test(tcase, dma_after_unmap_moves_nothing);
	tcase_add_test(tcase, memory_that_was_unmapped_cannot_be_read);
	tcase_add_test(tcase, dma_after_detach_moves_nothing);
	tcase_add_test(tcase, a_read_only_map_is_not_written);
	tcase_add_test(tcase, a_replaced_route_leads_to_the_new_space);
	tcase_add_test(tcase, a_map_of_a_file_is_reached_by_dma);
	tcase_add_test(tcase, registered_memory_is_reached_by_dma);
}

static void add_nesting(Suite *suite)
{
	TCase *tcase = kit_case(suite, "software nesting");

	tcase_add_test(tcase, dma_goes_through_a_child_and_its_parent);
	tcase_add_test(tcase, what_the_parent_loses_the_child_loses);
	tcase_add_test(tcase, a_detached_child_leads_back_to_its_parent);
}

int main(void)
{
	Suite *suite = suite_create("passthrough");

	add_moves(suite);
	add_nesting(suite);
	add_groups(suite);
	add_refusals(suite);
	guest_run(suite);
}
