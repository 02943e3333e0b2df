/* SPDX-License-Identifier: MIT */
/*
 * The inputs that are kept of a fuzz program, see fuzzcorpus.h: under valgrind and the sanitizers
 * they reach what bytes at random do not.
 */
#include "fuzzcorpus.h"
#include "support.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX 65536

/* In memory of its size, so that what is read beyond it shows. */
static void feed(const char *folder, const char *name)
{
	static uint8_t buffer[INPUT_MAX];
	char path[4096];
	uint8_t *input;
	size_t size;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	ck_assert_msg(file, "%s cannot be opened", path);
	size = fread(buffer, 1, sizeof(buffer), file);
	fclose(file);
	input = malloc(size + !size);
	ck_assert_ptr_nonnull(input);
	for (size_t i = 0; i < size; i++)
		input[i] = buffer[i];
	LLVMFuzzerTestOneInput(input, size);
	free(input);
}

START_TEST(inputs_that_are_kept_hurt_nobody)
{
	const char *folder = getenv("FUZZ_CORPUS");
	unsigned int files = 0;
	struct dirent *entry;
	DIR *dir;

	ck_assert_msg(folder, "FUZZ_CORPUS names no folder");
	dir = opendir(folder);
	ck_assert_msg(dir, "%s cannot be opened", folder);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		feed(folder, entry->d_name);
		files++;
	}
	closedir(dir);
	ck_assert_uint_gt(files, 0);
}
END_TEST

void fuzzcorpus_suite(Suite *suite)
{
	tcase_add_test(support_case(suite, "kept"), inputs_that_are_kept_hurt_nobody);
}
