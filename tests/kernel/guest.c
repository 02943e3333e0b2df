/* SPDX-License-Identifier: MIT */
/*
 * A check program inside of a kernel that was booted for it: see guest.h.
 */
#include "guest.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

static void mount_all(void)
{
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	/* the kernel has mounted /dev if it could; a second time does no harm */
	mount("dev", "/dev", "devtmpfs", 0, NULL);
}

TCase *guest_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 0);
	suite_add_tcase(suite, tcase);
	return tcase;
}

int guest_ioctl(int fd, unsigned long number, void *arg)
{
	int result = ioctl(fd, number, arg);

	return result < 0 ? -errno : result;
}

/* Whether each test passed, and there was one. */
static int run(Suite *suite, const char *tap)
{
	SRunner *runner = srunner_create(suite);

	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_set_tap(runner, tap);
	srunner_run_all(runner, CK_SILENT);
	return srunner_ntests_run(runner) && !srunner_ntests_failed(runner);
}

void guest_run(Suite *suite)
{
	if (getpid() != 1)
		exit(run(suite, "-") ? EXIT_SUCCESS : EXIT_FAILURE);
	mount_all();
	run(suite, "/result.tap");
	sync();
	reboot(RB_POWER_OFF);
	_exit(EXIT_FAILURE);
}
