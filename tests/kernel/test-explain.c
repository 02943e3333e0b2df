/* SPDX-License-Identifier: MIT */
/*
 * Errors with a cause: what a real kernel says in one number, told in words that name the object
 * and what to do. Each row is provoked; and after each the call works once the cause is gone.
 */
#include "guest.h"
#include "rig.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NOBODY 1000

/* Its call is one of those that attach nic0 to a space. */
struct one {
	struct rig r;
	struct ioasid_space *space;
	struct ioasid_attachment *route;
	unsigned char *memory;
};

static void one_begin(struct one *o, uint32_t flags)
{
	rig_open(&o->r, flags);
	rig_bind(&o->r);
	o->space = rig_space(&o->r, 0);
	o->route = NULL;
	o->memory = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(o->memory, MAP_FAILED);
}

static void one_end(struct one *o)
{
	if (o->route)
		ok(ioasid_attachment_detach(o->route));
	ok(ioasid_space_destroy(o->space));
	rig_end(&o->r);
	munmap(o->memory, LENGTH);
}

static int attach(struct one *o)
{
	return ioasid_device_attach(o->r.device[0], o->space, NULL, &o->route);
}

START_TEST(a_map_of_no_memory_names_the_address)
{
	struct one o;
	char address[32];

	one_begin(&o, 0);
	ok(attach(&o));
	snprintf(address, sizeof(address), "%p", (void *)o.memory);
	ck_assert_int_eq(mprotect(o.memory, LENGTH, PROT_NONE), 0);
	fails(-EFAULT, address, rig_map(o.space, AT(0), o.memory, LENGTH, RW));
	/* what may be read may not be mapped writable */
	ck_assert_int_eq(mprotect(o.memory, LENGTH, PROT_READ), 0);
	fails(-EFAULT, "permission", rig_map(o.space, AT(0), o.memory, LENGTH, RW));
	support_error_has("ioasid_space_map", "map");
	ok(rig_map(o.space, AT(0), o.memory, LENGTH, IOASID_MAP_READ));
	one_end(&o);
}
END_TEST

/* The kernel pins what was registered for writing, whatever a map of it permits. */
START_TEST(registered_memory_that_the_process_cannot_write_is_told_at_the_map)
{
	struct one o;

	one_begin(&o, 0);
	ok(attach(&o));
	ck_assert_int_eq(mprotect(o.memory, LENGTH, PROT_READ), 0);
	ok(ioasid_memory_register(o.r.ctx, o.memory, LENGTH));
	fails(-EFAULT, "permission", rig_map(o.space, AT(0), o.memory, LENGTH, IOASID_MAP_READ));
	ck_assert_int_eq(mprotect(o.memory, LENGTH, PROT_READ | PROT_WRITE), 0);
	ok(rig_map(o.space, AT(0), o.memory, LENGTH, IOASID_MAP_READ));
	one_end(&o);
}
END_TEST

START_TEST(memory_that_went_before_the_attach_is_told_there)
{
	struct one o;

	one_begin(&o, 0);
	ok(rig_map(o.space, AT(0), o.memory, LENGTH, RW));
	ck_assert_int_eq(mprotect(o.memory, LENGTH, PROT_NONE), 0);
	fails(-EFAULT, "the first attach pins it", attach(&o));
	support_error_has("nic0", "attach");
	ck_assert_int_eq(mprotect(o.memory, LENGTH, PROT_READ | PROT_WRITE), 0);
	ok(attach(&o));
	one_end(&o);
}
END_TEST

/* Who has CAP_IPC_LOCK when the map is made is never accounted: tests map as nobody. */
static void limit_locked(rlim_t bytes)
{
	struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};

	ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
}

static void locked_limit_is_told(uint32_t flags, const char *whose)
{
	struct one o;

	one_begin(&o, flags);
	ok(attach(&o));
	limit_locked(LENGTH - PAGE);
	ck_assert_int_eq(seteuid(NOBODY), 0);
	fails(-ENOMEM, "65536", rig_map(o.space, AT(0), o.memory, LENGTH, RW));
	support_error_has("RLIMIT_MEMLOCK", "map");
	support_error_has("61440", "map");
	support_error_has(whose, "map");
	limit_locked(LENGTH);
	ok(rig_map(o.space, AT(0), o.memory, LENGTH, RW));
	ck_assert_int_eq(seteuid(0), 0);
	one_end(&o);
	limit_locked(RLIM_INFINITY);
}

START_TEST(the_limit_on_locked_memory_is_told_with_need_limit_and_mode)
{
	locked_limit_is_told(0, "for all of the user");
	locked_limit_is_told(IOASID_OPEN_ACCOUNT_PROCESS, "for all of the process");
}
END_TEST

START_TEST(the_limit_on_locked_memory_is_told_at_the_first_attach)
{
	struct one o;

	one_begin(&o, 0);
	ck_assert_int_eq(seteuid(NOBODY), 0);
	ok(rig_map(o.space, AT(0), o.memory, LENGTH, RW));
	ck_assert_int_eq(seteuid(0), 0);
	limit_locked(LENGTH - PAGE);
	fails(-ENOMEM, "RLIMIT_MEMLOCK", attach(&o));
	support_error_has("first attach", "attach");
	support_error_has("61440", "attach");
	limit_locked(RLIM_INFINITY);
	ok(attach(&o));
	one_end(&o);
}
END_TEST

START_TEST(maps_beyond_the_aperture_are_told_at_the_attach)
{
	struct one o;

	one_begin(&o, 0);
	ok(rig_map(o.space, PAGE, o.memory, LENGTH, RW));
	fails(-EADDRINUSE, "nic0", attach(&o));
	support_error_has("aperture", "attach");
	ok(ioasid_space_unmap(o.space, PAGE, LENGTH));
	ok(attach(&o));
	fails(-EINVAL, "0x1000", rig_map(o.space, PAGE, o.memory, PAGE, RW));
	one_end(&o);
}
END_TEST

START_TEST(a_hot_plug_that_would_cut_an_allowed_window_is_refused)
{
	struct rig r;
	struct ioasid_range window = {AT(0), AT(LENGTH - 1)};
	struct ioasid_attachment *route[2] = {NULL, NULL};

	rig_open(&r, 0);
	r.hw[1].windows[0] = (struct ioasid_range){AT(LENGTH - PAGE), AT(LENGTH + PAGE - 1)};
	rig_bind(&r);
	rig_bind(&r);

	struct ioasid_space *space = rig_space(&r, 0);

	ok(ioasid_space_allow(space, &window, 1));
	route[0] = rig_attach(&r, 0, space);
	fails(-EADDRINUSE, "nic1", ioasid_device_attach(r.device[1], space, NULL, &route[1]));
	support_error_has("window", "attach");
	ck_assert_ptr_null(route[1]);
	ok(ioasid_space_allow(space, NULL, 0));
	route[1] = rig_attach(&r, 1, space);
	for (int i = 0; i < 2; i++)
		ok(ioasid_attachment_detach(route[i]));
	ok(ioasid_space_destroy(space));
	rig_end(&r);
}
END_TEST

START_TEST(a_fault_queue_that_this_kernel_serves_nowhere_but_on_guests_tables_is_told)
{
	struct one o;
	struct ioasid_faultq *faults;
	struct ioasid_space *space;

	one_begin(&o, 0);
	ok(ioasid_faultq_new(o.r.ctx, NULL, &faults));
	ok(ioasid_space_new(o.r.ctx, IOASID_OPTS(ioasid_space_opts, .faults = faults), &space));
	fails(-EOPNOTSUPP, "page table",
		ioasid_device_attach(o.r.device[0], space, NULL, &o.route));
	support_error_has("Linux", "attach");
	ok(ioasid_space_destroy(space));
	ioasid_faultq_free(faults);
	one_end(&o);
}
END_TEST

START_TEST(a_table_in_a_format_that_no_device_takes_is_told)
{
	struct rig r;
	struct ioasid_space *child;

	rig_begin(&r, 1);

	struct ioasid_space *parent = rig_space(&r, IOASID_SPACE_NEST_PARENT);

	ok(ioasid_space_new_nested(parent, NULL, &child));
	fails(-EOPNOTSUPP, "AMD", rig_bind_table(child, IOASID_PGTABLE_AMD_V2));
	fails(-EOPNOTSUPP, "SMMU", rig_bind_table(child, IOASID_PGTABLE_SMMUV3_S1));
	ok(rig_bind_table(child, IOASID_PGTABLE_VTD_S1));
	ok(ioasid_space_unbind_pgtable(child));
	ok(ioasid_space_destroy(child));
	ok(ioasid_space_destroy(parent));
	rig_end(&r);
}
END_TEST

START_TEST(an_invalidation_that_the_driver_refuses_is_told_with_its_address)
{
	struct rig r;
	struct ioasid_space *child;
	struct ioasid_invalidation list[3] = {
		{.what = IOASID_INVALIDATE_RANGE, .addr = PAGE, .length = PAGE},
		{.what = IOASID_INVALIDATE_RANGE, .addr = 77 * PAGE, .length = PAGE},
		{.what = IOASID_INVALIDATE_SPACE},
	};

	rig_begin(&r, 1);

	struct ioasid_space *parent = rig_space(&r, IOASID_SPACE_NEST_PARENT);
	struct ioasid_attachment *below = rig_attach(&r, 0, parent);

	ok(ioasid_space_new_nested(parent, NULL, &child));
	ok(rig_bind_table(child, IOASID_PGTABLE_VTD_S1));

	struct ioasid_attachment *above = rig_attach(&r, 0, child);

	ck_assert_int_eq(ok(ioasid_space_invalidate(child, list, 3)), 1);
	support_error_has("list[1]", "invalidate");
	support_error_has("0x4d000", "invalidate");
	fails(-EINVAL, "0x4d000", ioasid_space_invalidate(child, list + 1, 2));
	/* the one before it was handled, the one after it was not */
	ck_assert_int_eq(selftest_check_iotlb(&r.hw[0], 0, RIG_TABLE), 0);
	ck_assert_int_eq(selftest_check_iotlb(&r.hw[0], 1, 0), 0);
	ok(ioasid_attachment_detach(above));
	ok(ioasid_attachment_detach(below));
	ok(ioasid_space_unbind_pgtable(child));
	ok(ioasid_space_destroy(child));
	ok(ioasid_space_destroy(parent));
	rig_end(&r);
}
END_TEST

/* What another user of the descriptor does behind the library's back. */
static void unmap_behind(struct rig *r, struct ioasid_space *space, uint64_t iova)
{
	struct iommufd_ioas_unmap call = {
		.size = sizeof(call),
		.ioas_id = ioasid_space_id(space),
		.iova = iova,
		.length = LENGTH,
	};

	ck_assert_int_eq(iommufd_call(r->iommufd, IOMMUFD_IOAS_UNMAP, &call), 0);
}

static void map_behind(struct one *o, uint64_t iova)
{
	struct iommufd_ioas_map call = {
		.size = sizeof(call),
		.flags = IOMMUFD_MAP_FIXED_IOVA | IOMMUFD_MAP_READABLE,
		.ioas_id = ioasid_space_id(o->space),
		.user_va = (uintptr_t)o->memory,
		.length = LENGTH,
		.iova = iova,
	};

	ck_assert_int_eq(iommufd_call(o->r.iommufd, IOMMUFD_IOAS_MAP, &call), 0);
}

START_TEST(what_somebody_else_did_to_the_descriptor_is_told)
{
	struct one o;

	one_begin(&o, 0);
	map_behind(&o, AT(0));
	fails(-EEXIST, "did not make", rig_map(o.space, AT(0), o.memory, LENGTH, RW));
	unmap_behind(&o.r, o.space, AT(0));
	ok(rig_map(o.space, AT(0), o.memory, LENGTH, RW));
	unmap_behind(&o.r, o.space, AT(0));
	fails(-EIO, "somebody else", ioasid_space_unmap(o.space, AT(0), LENGTH));
	one_end(&o);
}
END_TEST

START_TEST(what_no_kernel_has_is_refused_by_name)
{
	struct one o;
	struct ioasid_space *child;
	struct ioasid_pgtable table = {.size = sizeof(table),
		.format = IOASID_PGTABLE_VTD_S1,
		.addr = 0x5000,
		.addr_width = 48};

	one_begin(&o, 0);
	ok(attach(&o));
	fails(-EINVAL, "PASID", ioasid_kvm_map_pasid(o.route, o.r.iommufd));

	struct ioasid_space *parent = rig_space(&o.r, IOASID_SPACE_NEST_PARENT);

	ok(ioasid_space_new_nested(parent, NULL, &child));
	fails(-EOPNOTSUPP, "PASID table", ioasid_space_bind_pasid_table(child, &table));
	ok(ioasid_space_destroy(child));
	ok(ioasid_space_destroy(parent));
	one_end(&o);
}
END_TEST

static int adopt(int fd, uint32_t flags, struct ioasid_ctx **ctx)
{
	return ioasid_open(
		IOASID_OPTS(ioasid_open_opts, .flags = IOASID_OPEN_ADOPT | flags, .fd = fd), ctx);
}

static int open_iommu(void)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(accounting_that_comes_too_late_is_told)
{
	struct iommufd_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct ioasid_ctx *ctx = NULL;
	int fd = open_iommu();

	ck_assert_int_eq(iommufd_call(fd, IOMMUFD_IOAS_ALLOC, &alloc), 0);
	fails(-EBUSY, "before the first", adopt(fd, IOASID_OPEN_ACCOUNT_PROCESS, &ctx));
	ck_assert_ptr_null(ctx);
	/* the descriptor is still the caller's, and good */
	ok(adopt(fd, 0, &ctx));
	ioasid_close(ctx);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

START_TEST(accounting_without_the_right_is_told)
{
	struct ioasid_ctx *ctx = NULL;
	int fd = open_iommu();

	ck_assert_int_eq(seteuid(NOBODY), 0);
	fails(-EPERM, "CAP_SYS_RESOURCE", adopt(fd, IOASID_OPEN_ACCOUNT_PROCESS, &ctx));
	ok(adopt(fd, 0, &ctx));
	ck_assert_int_eq(seteuid(0), 0);
	ioasid_close(ctx);
}
END_TEST

START_TEST(a_device_file_that_may_not_be_opened_or_is_not_there_is_told)
{
	struct ioasid_ctx *ctx = NULL;
	struct stat is;

	ck_assert_int_eq(stat("/dev/iommu", &is), 0);
	ck_assert_int_eq(chmod("/dev/iommu", 0600), 0);
	ck_assert_int_eq(seteuid(NOBODY), 0);
	fails(-EACCES, "/dev/iommu", ioasid_open(NULL, &ctx));
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(unlink("/dev/iommu"), 0);
	fails(-ENOENT, "iommufd", ioasid_open(NULL, &ctx));
	ck_assert_ptr_null(ctx);
	ck_assert_int_eq(mknod("/dev/iommu", is.st_mode, is.st_rdev), 0);
	ok(ioasid_open(NULL, &ctx));
	ioasid_close(ctx);
}
END_TEST

START_TEST(another_descriptor_is_no_iommu)
{
	struct ioasid_ctx *ctx = NULL;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	fails(-ENOTTY, "/dev/iommu", adopt(fd, 0, &ctx));
	fails(-ENOTTY, "/dev/iommu", adopt(fd, IOASID_OPEN_ACCOUNT_PROCESS, &ctx));
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("errors with a cause");
	TCase *maps = support_case(suite, "maps and attaches");
	TCase *tables = support_case(suite, "tables");
	TCase *opens = support_case(suite, "open");

	tcase_add_test(maps, a_map_of_no_memory_names_the_address);
	tcase_add_test(maps, registered_memory_that_the_process_cannot_write_is_told_at_the_map);
	tcase_add_test(maps, memory_that_went_before_the_attach_is_told_there);
	tcase_add_test(maps, the_limit_on_locked_memory_is_told_with_need_limit_and_mode);
	tcase_add_test(maps, the_limit_on_locked_memory_is_told_at_the_first_attach);
	tcase_add_test(maps, maps_beyond_the_aperture_are_told_at_the_attach);
	tcase_add_test(maps, a_hot_plug_that_would_cut_an_allowed_window_is_refused);
	tcase_add_test(maps, what_somebody_else_did_to_the_descriptor_is_told);
	tcase_add_test(
		tables, a_fault_queue_that_this_kernel_serves_nowhere_but_on_guests_tables_is_told);
	tcase_add_test(tables, a_table_in_a_format_that_no_device_takes_is_told);
	tcase_add_test(tables, an_invalidation_that_the_driver_refuses_is_told_with_its_address);
	tcase_add_test(tables, what_no_kernel_has_is_refused_by_name);
	tcase_add_test(opens, accounting_that_comes_too_late_is_told);
	tcase_add_test(opens, accounting_without_the_right_is_told);
	tcase_add_test(opens, a_device_file_that_may_not_be_opened_or_is_not_there_is_told);
	tcase_add_test(opens, another_descriptor_is_no_iommu);
	guest_run(suite);
}
