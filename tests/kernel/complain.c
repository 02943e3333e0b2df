/* SPDX-License-Identifier: MIT */
/*
 * A program whose tests pass while its kernel complains: nobody may call that a success. For
 * verdicts.sh. It complains itself, in the words of the kernel's warnings and at their level.
 */
#include "guest.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

START_TEST(the_kernel_warns)
{
	static const char warning[] = "<4>WARNING: this is only a test\n";
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, warning, strlen(warning)), (ssize_t)strlen(warning));
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("complain");

	tcase_add_test(guest_case(suite, "complain"), the_kernel_warns);
	guest_run(suite);
}
