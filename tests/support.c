/* SPDX-License-Identifier: MIT */
/*
 * What every test program needs: see support.h. Knows check and the public API.
 */
#include "support.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static unsigned int fds_before;

unsigned int support_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void count_before(void)
{
	fds_before = support_open_fds();
}

static void count_after(void)
{
	ck_assert_uint_eq(support_open_fds(), fds_before);
}

TCase *support_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	/* meson has the time limit: a machine may be slow */
	tcase_set_timeout(tcase, 0);
	tcase_add_checked_fixture(tcase, count_before, count_after);
	suite_add_tcase(suite, tcase);
	return tcase;
}

void support_share_process(void)
{
	if (getenv("SUPPORT_SCALE"))
		setenv("CK_FORK", "no", 0);
}

int support_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	if (!srunner_ntests_run(runner))
		failed = 1;
	srunner_free(runner);
	return failed ? 1 : 0;
}

unsigned long support_rounds(unsigned long full)
{
	const char *percent = getenv("SUPPORT_SCALE");
	unsigned long rounds = percent ? full / 100 * strtoul(percent, NULL, 10) : full;

	return rounds ? rounds : 1;
}

void support_error_has(const char *words, const char *call)
{
	ck_assert_msg(strstr(ioasid_last_error(), words), "%s: no \"%s\" in: %s", call, words,
		ioasid_last_error());
}

unsigned char *support_memory(size_t length, unsigned int seed)
{
	unsigned char *memory = aligned_alloc(4096, (length + 4095) & ~(size_t)4095);

	uint64_t word;

	ck_assert_ptr_nonnull(memory);
	/* eight at a time: under valgrind most of a test's time would go into this */
	for (size_t i = 0; i < length; i += sizeof(word)) {
		word = (i + seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
		word ^= word >> 29;
		memcpy(memory + i, &word, sizeof(word));
	}
	return memory;
}
