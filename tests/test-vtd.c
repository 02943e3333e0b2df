/* SPDX-License-Identifier: MIT */
/*
 * VT-d's first stage tables as the kernel gets them: which registers make an IOMMU nest, the bytes
 * of a table and of invalidations, and what is refused by name.
 */
#include "error.h"
#include "fakekernel.h"
#include "iommufd/uapi.h"
#include "iommufd/vtd.h"
#include "support.h"
#include <errno.h>
#include <string.h>

#define BIT(n) (UINT64_C(1) << (n))
#define NESTS  (BIT(26) | BIT(43) | BIT(47))

static struct iommufd_device_handle handle = {.iommufd = 55, .dev_id = 7};
static uint64_t registers[3]; /* where the kernel writes flags, cap and ecap */

static struct ioasid_pgtable table;

static void set_up(void)
{
	fake_reset();
	table = (struct ioasid_pgtable){.size = sizeof(table),
		.format = IOASID_PGTABLE_VTD_S1,
		.addr = 0x12345000,
		.addr_width = 48};
}

static int told(int err)
{
	return err < 0 ? error_from(err, "call") : err;
}

static uint64_t word(const unsigned char *bytes, size_t at)
{
	uint64_t value;

	memcpy(&value, bytes + at, sizeof(value));
	return value;
}

/* ---- which hardware ---- */

/* The fake kernel knows no pointers: the registers are put where the library wants them. */
int __real_iommufd_call(int fd, unsigned long number, void *arg);
int __wrap_iommufd_call(int fd, unsigned long number, void *arg);

int __wrap_iommufd_call(int fd, unsigned long number, void *arg)
{
	const struct iommufd_get_hw_info *info = arg;
	int result;

	ck_assert_uint_eq(number, IOMMUFD_GET_HW_INFO);
	ck_assert_uint_eq(info->data_len, sizeof(registers));
	memcpy((void *)(uintptr_t)info->data_uptr, registers, sizeof(registers));
	result = __real_iommufd_call(fd, number, arg);
	return result;
}

static uint32_t formats(uint32_t type, uint64_t cap, uint64_t ecap, uint32_t *width)
{
	struct iommufd_get_hw_info reply = {
		.size = sizeof(reply), .data_len = 24, .out_data_type = type};

	registers[1] = cap;
	registers[2] = ecap;
	fake_reset();
	fake_says(IOMMUFD_GET_HW_INFO, 0, &reply, sizeof(reply));
	*width = 99;
	return vtd_formats(&handle, width);
}

START_TEST(an_iommu_that_nests_says_how_wide)
{
	struct iommufd_get_hw_info asked;
	uint32_t width;

	ck_assert_uint_eq(formats(1, 0, NESTS, &width), 1u << IOASID_PGTABLE_VTD_S1);
	ck_assert_uint_eq(width, 48);
	fake_heard(IOMMUFD_GET_HW_INFO, &asked, sizeof(asked));
	ck_assert_uint_eq(asked.dev_id, 7);
	ck_assert_uint_eq(formats(1, BIT(60), ~UINT64_C(0), &width), 1u << IOASID_PGTABLE_VTD_S1);
	ck_assert_uint_eq(width, 57);
}
END_TEST

START_TEST(an_iommu_that_lacks_one_part_takes_no_table)
{
	uint32_t width;

	ck_assert_uint_eq(formats(1, 0, NESTS & ~BIT(26), &width), 0);
	ck_assert_uint_eq(formats(1, 0, NESTS & ~BIT(43), &width), 0);
	ck_assert_uint_eq(formats(1, 0, NESTS & ~BIT(47), &width), 0);
	ck_assert_uint_eq(width, 0);
}
END_TEST

START_TEST(another_vendors_registers_are_not_read_as_ours)
{
	uint32_t width;

	ck_assert_uint_eq(formats(0, 0, NESTS, &width), 0);
	ck_assert_uint_eq(formats(2, 0, NESTS, &width), 0);
}
END_TEST

START_TEST(a_kernel_that_does_not_tell_has_no_format)
{
	uint32_t width = 99;

	registers[2] = NESTS;
	ck_assert_uint_eq(vtd_formats(&handle, &width), 0);
	ck_assert_uint_eq(width, 0);
}
END_TEST

/* ---- tables ---- */

START_TEST(a_table_as_the_kernel_wants_it)
{
	struct iommufd_table_data data;

	table.flags = IOASID_PGTABLE_SUPERVISOR | IOASID_PGTABLE_WRITE_PROTECT;
	table.addr_width = 57;
	ck_assert_int_eq(vtd_table_data(&table, &data), 0);
	ck_assert_uint_eq(data.type, 1);
	ck_assert_uint_eq(data.length, 24);
	ck_assert_uint_eq(word(data.bytes, 0), 1 | 4);
	ck_assert_uint_eq(word(data.bytes, 8), 0x12345000);
	ck_assert_uint_eq(word(data.bytes, 16), 57);
	table.flags = IOASID_PGTABLE_EXT_ACCESSED;
	ck_assert_int_eq(vtd_table_data(&table, &data), 0);
	ck_assert_uint_eq(word(data.bytes, 0), 2);
}
END_TEST

START_TEST(a_table_that_no_kernel_takes_is_refused_with_the_reason)
{
	struct iommufd_table_data data;

	table.addr = 0x800;
	fails(-EINVAL, "aligned to 4096, not 0x800", told(vtd_table_data(&table, &data)));
	table.addr = 0;
	table.addr_width = 39;
	fails(-EINVAL, "57 with five levels, not 39", told(vtd_table_data(&table, &data)));
}
END_TEST

static void each_refuses(const char *words)
{
	unsigned char entry[32];
	struct iommufd_invalidation_data entries = {.entries = entry};
	struct ioasid_invalidation all = {.what = IOASID_INVALIDATE_SPACE};
	struct iommufd_table_data data;

	fails(-EOPNOTSUPP, words, told(vtd_table_data(&table, &data)));
	fails(-EOPNOTSUPP, words, told(vtd_invalidation_data(&table, &all, 1, &entries)));
}

START_TEST(other_formats_are_refused_by_name)
{
	table.format = IOASID_PGTABLE_SMMUV3_S1;
	each_refuses("SMMUv3 need a virtual IOMMU");
	table.format = IOASID_PGTABLE_AMD_V2;
	each_refuses("AMD");
	table.format = 77;
	each_refuses("format 77");
}
END_TEST

/* ---- invalidations ---- */

START_TEST(a_batch_of_invalidations)
{
	const struct ioasid_invalidation list[] = {
		{.what = IOASID_INVALIDATE_SPACE},
		{.what = IOASID_INVALIDATE_RANGE,
			.flags = IOASID_INVALIDATE_LEAF,
			.addr = 0x7000,
			.length = 3 * 4096},
	};
	unsigned char bytes[64];
	struct iommufd_invalidation_data data = {.entries = bytes};

	memset(bytes, 0xee, sizeof(bytes));
	ck_assert_int_eq(vtd_invalidation_data(&table, list, 2, &data), 0);
	ck_assert_uint_eq(data.type, 0);
	ck_assert_uint_eq(data.entry_length, 24);
	ck_assert_uint_eq(word(bytes, 0), 0);
	ck_assert_uint_eq(word(bytes, 8), UINT64_MAX);
	ck_assert_uint_eq(word(bytes, 16), 0);
	ck_assert_uint_eq(word(bytes, 24), 0x7000);
	ck_assert_uint_eq(word(bytes, 32), 3);
	ck_assert_uint_eq(word(bytes, 40), 1);
	ck_assert_uint_eq(bytes[48], 0xee);
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_test(tcase, an_iommu_that_nests_says_how_wide);
	tcase_add_test(tcase, an_iommu_that_lacks_one_part_takes_no_table);
	tcase_add_test(tcase, another_vendors_registers_are_not_read_as_ours);
	tcase_add_test(tcase, a_kernel_that_does_not_tell_has_no_format);
	tcase_add_test(tcase, a_table_as_the_kernel_wants_it);
	tcase_add_test(tcase, a_table_that_no_kernel_takes_is_refused_with_the_reason);
	tcase_add_test(tcase, other_formats_are_refused_by_name);
	tcase_add_test(tcase, a_batch_of_invalidations);
}

int main(void)
{
	Suite *suite = suite_create("vtd");
	TCase *tcase = support_case(suite, "vtd");

	tcase_add_checked_fixture(tcase, set_up, NULL);
	add_tests(tcase);
	return support_run(suite);
}
