/* SPDX-License-Identifier: MIT */
/*
 * How the kernel is opened: which device file, what the environment may say, whose the descriptor
 * is when it works and when it fails. The program wraps open(), ioctl() and secure_getenv(), so
 * that no kernel is needed, and one that is there is left alone.
 */
#include "allocator.h"
#include "iommufd/uapi.h"
#include "support.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEVICE "/dev/iommu"

/* What the wrapped calls give, and what they were asked. */
static struct {
	int error; /* of open(), 0: it works */
	unsigned int opened;
	int flags;
	const char *backend; /* in the environment */
	unsigned int asked;
	int option; /* what IOMMUFD_OPTION returns; whatever else is ENOTTY */
	unsigned int heard;
	struct iommufd_option said;
} machine;

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
char *__wrap_secure_getenv(const char *name);
int __wrap_ioctl(int fd, unsigned long number, ...);

int __wrap_open64(const char *path, int flags, ...)
{
	if (strcmp(path, DEVICE))
		return __real_open64(path, flags, 0);
	machine.opened++;
	machine.flags = flags;
	errno = machine.error;
	return machine.error ? -1 : memfd_create("ioasid-test-open", MFD_CLOEXEC);
}

char *__wrap_secure_getenv(const char *name)
{
	if (strcmp(name, "LIBIOASID_BACKEND"))
		return NULL;
	machine.asked++;
	return (char *)(uintptr_t)machine.backend;
}

static int answer_option(const struct iommufd_option *option)
{
	machine.heard++;
	machine.said = *option;
	return machine.option;
}

int __wrap_ioctl(int fd, unsigned long number, ...)
{
	int result = -ENOTTY;
	va_list args;

	(void)fd;
	va_start(args, number);
	if (number == IOMMUFD_OPTION)
		result = answer_option(va_arg(args, struct iommufd_option *));
	va_end(args);
	errno = result ? -result : errno;
	return result ? -1 : 0;
}

/* The next descriptor is none of an iommufd. */
static void machine_reset(void)
{
	memset(&machine, 0, sizeof(machine));
	machine.option = -ENOTTY;
}

/* It turns out to be one, or OPTION fails in this way. */
static void kernel_says(int result)
{
	machine.option = result;
	machine.heard = 0;
}

/* A descriptor that is inherited by children, as the caller wants it. */
static int inherited(void)
{
	int fd = memfd_create("ioasid-test-open", 0);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static int adopt(int fd, struct ioasid_ctx **ctx)
{
	return ioasid_open(
		IOASID_OPTS(ioasid_open_opts, .flags = IOASID_OPEN_ADOPT, .fd = fd), ctx);
}

START_TEST(the_device_file_is_opened_for_reading_and_writing_and_closed_again)
{
	unsigned int fds = support_open_fds();
	struct ioasid_ctx *ctx;

	machine_reset();
	kernel_says(0);
	ok(ioasid_open(NULL, &ctx));
	ck_assert_uint_eq(machine.opened, 1);
	ck_assert_int_eq(machine.flags & ~O_LARGEFILE, O_RDWR | O_CLOEXEC);
	ck_assert_uint_eq(support_open_fds(), fds + 1);
	ioasid_close(ctx);
	ck_assert_uint_eq(support_open_fds(), fds);
}
END_TEST

static const struct {
	const char *backend;
	bool works;
} environments[] = {
	{NULL, true},
	{"", true},
	{"iommufd", true},
	{"mock", false},
	{"ioasid", false},
	{"iommufd ", false},
	{"IOMMUFD", false},
	{"/dev/iommu", false},
};

START_TEST(the_environment_chooses_among_the_kernels_backends_by_name)
{
	const char *name = environments[_i].backend;
	struct ioasid_ctx *ctx = NULL;

	machine_reset();
	machine.backend = name;
	kernel_says(0);
	if (environments[_i].works) {
		ok(ioasid_open(NULL, &ctx));
	} else {
		fails(-EINVAL, name, ioasid_open(NULL, &ctx));
		support_error_has("LIBIOASID_BACKEND", "ioasid_open");
		support_error_has("are: iommufd", "ioasid_open");
		ck_assert_ptr_null(ctx);
	}
	ck_assert_uint_eq(machine.asked, 1);
	ck_assert_uint_eq(machine.opened, environments[_i].works);
	ioasid_close(ctx);
}
END_TEST

/* What secure_getenv() keeps from a process with more rights than its user is not looked for. */
START_TEST(only_the_secure_environment_counts)
{
	struct ioasid_ctx *ctx;

	machine_reset();
	ck_assert_int_eq(setenv("LIBIOASID_BACKEND", "nonsense", 1), 0);
	kernel_says(0);
	ok(ioasid_open(NULL, &ctx));
	ioasid_close(ctx);
	ck_assert_int_eq(unsetenv("LIBIOASID_BACKEND"), 0);
}
END_TEST

static const struct {
	int error;
	int want;
	const char *words;
} refusals[] = {
	{ENOENT, -ENOENT, "CONFIG_IOMMUFD"},
	{ENXIO, -ENOENT, "CONFIG_IOMMUFD"},
	{ENODEV, -ENOENT, "load the module"},
	{EACCES, -EACCES, "mode"},
	{EPERM, -EACCES, "mode"},
	{EMFILE, -EMFILE, "Too many open files"},
};

START_TEST(a_device_file_that_cannot_be_opened_is_refused_with_the_cause)
{
	struct ioasid_ctx *ctx = NULL;

	machine_reset();
	machine.error = refusals[_i].error;
	fails(refusals[_i].want, refusals[_i].words, ioasid_open(NULL, &ctx));
	support_error_has(DEVICE, "ioasid_open");
	ck_assert_ptr_null(ctx);
}
END_TEST

START_TEST(what_the_kernel_refuses_is_closed_again)
{
	unsigned int fds = support_open_fds();
	struct ioasid_ctx *ctx = NULL;

	machine_reset();
	fails(-ENOTTY, "no /dev/iommu", ioasid_open(NULL, &ctx));
	kernel_says(-EPERM);
	fails(-EPERM, "CAP_SYS_RESOURCE",
		ioasid_open(
			IOASID_OPTS(ioasid_open_opts, .flags = IOASID_OPEN_ACCOUNT_PROCESS), &ctx));
	ck_assert_uint_eq(machine.opened, 2);
	ck_assert_uint_eq(support_open_fds(), fds);
	ck_assert_ptr_null(ctx);
}
END_TEST

START_TEST(accounting_is_said_before_anything_else)
{
	struct ioasid_ctx *ctx;

	machine_reset();
	kernel_says(0);
	ok(ioasid_open(IOASID_OPTS(ioasid_open_opts, .flags = IOASID_OPEN_ACCOUNT_PROCESS), &ctx));
	ck_assert_uint_eq(machine.heard, 1);
	ck_assert_uint_eq(machine.said.option_id, IOMMUFD_OPTION_RLIMIT_MODE);
	ck_assert_uint_eq(machine.said.op, IOMMUFD_OPTION_OP_SET);
	ck_assert_uint_eq(machine.said.val64, 1);
	ioasid_close(ctx);
	kernel_says(0);
	ok(ioasid_open(NULL, &ctx));
	ck_assert_uint_eq(machine.heard, 1);
	ck_assert_uint_eq(machine.said.op, IOMMUFD_OPTION_OP_GET);
	ioasid_close(ctx);
}
END_TEST

START_TEST(an_adopted_descriptor_is_the_contexts_on_success)
{
	int fd = inherited();
	struct ioasid_ctx *ctx;

	machine_reset();
	kernel_says(0);
	ok(adopt(fd, &ctx));
	ck_assert_uint_eq(machine.opened, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ioasid_close(ctx);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

/* Whatever it was: nothing of it has changed. */
static void expect_untouched(int fd, const struct ioasid_ctx *ctx)
{
	ck_assert_int_eq(fcntl(fd, F_GETFD), 0);
	ck_assert_ptr_null(ctx);
}

START_TEST(an_adopted_descriptor_stays_the_callers_on_failure)
{
	int fd = inherited();
	struct ioasid_ctx *ctx = NULL;

	machine_reset();
	fails(-ENOTTY, "no /dev/iommu", adopt(fd, &ctx));
	expect_untouched(fd, ctx);
	kernel_says(-EBUSY);
	fails(-EBUSY, "objects",
		ioasid_open(
			IOASID_OPTS(ioasid_open_opts,
				.flags = IOASID_OPEN_ADOPT | IOASID_OPEN_ACCOUNT_PROCESS, .fd = fd),
			&ctx));
	expect_untouched(fd, ctx);
	machine.backend = "mock";
	fails(-EINVAL, "mock", adopt(fd, &ctx));
	expect_untouched(fd, ctx);
	close(fd);
}
END_TEST

START_TEST(an_adopted_descriptor_stays_the_callers_when_memory_runs_out)
{
	int fd = inherited();
	struct ioasid_ctx *ctx = NULL;
	unsigned long nth;
	int err;

	machine_reset();
	for (nth = 1;; nth++) {
		kernel_says(0);
		allocator_fail(nth);
		err = adopt(fd, &ctx);
		if (!allocator_failed())
			break;
		ck_assert_int_eq(err, -ENOMEM);
		support_error_has("ioasid_open", "adopt");
		expect_untouched(fd, ctx);
	}
	ck_assert_int_eq(err, 0);
	ck_assert_uint_ge(nth, 3); /* the context and the backend, at least */
	ioasid_close(ctx);
}
END_TEST

START_TEST(memory_that_runs_out_closes_the_device_file)
{
	struct ioasid_ctx *ctx = NULL;

	machine_reset();
	for (unsigned long nth = 1; nth <= 2; nth++) {
		kernel_says(0);
		allocator_fail(nth);
		ck_assert_int_eq(ioasid_open(NULL, &ctx), -ENOMEM);
		ck_assert(allocator_failed());
		ck_assert_ptr_null(ctx);
	}
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("open");
	TCase *tcase = support_case(suite, "the kernel");

	tcase_add_test(tcase, the_device_file_is_opened_for_reading_and_writing_and_closed_again);
	tcase_add_loop_test(tcase, the_environment_chooses_among_the_kernels_backends_by_name, 0,
		COUNT(environments));
	tcase_add_test(tcase, only_the_secure_environment_counts);
	tcase_add_loop_test(tcase, a_device_file_that_cannot_be_opened_is_refused_with_the_cause, 0,
		COUNT(refusals));
	tcase_add_test(tcase, what_the_kernel_refuses_is_closed_again);
	tcase_add_test(tcase, accounting_is_said_before_anything_else);
	tcase_add_test(tcase, an_adopted_descriptor_is_the_contexts_on_success);
	tcase_add_test(tcase, an_adopted_descriptor_stays_the_callers_on_failure);
	tcase_add_test(tcase, an_adopted_descriptor_stays_the_callers_when_memory_runs_out);
	tcase_add_test(tcase, memory_that_runs_out_closes_the_device_file);
	return support_run(suite);
}
