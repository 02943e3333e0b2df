/* SPDX-License-Identifier: MIT */
/*
 * Every public function of ioasid.h and fault.h refuses bad input: see badinput.h. The list of
 * functions is the library's own symbol map ($SYMBOL_MAP); one that has no row fails here. What is
 * the mock's alone has its rows elsewhere.
 */
#include "badinput.h"
#include <stdbool.h>
#include <stdlib.h>

struct entry {
	const char *symbol;
	void (*rows)(struct badinput *);
};

#define ENTRY(symbol) {#symbol, bad_##symbol},
static const struct entry entries[] = {BADINPUT_CALLS(ENTRY)};

#define ENTRIES ((int)(sizeof(entries) / sizeof(entries[0])))

START_TEST(bad_input_is_refused_by_name_and_changes_nothing)
{
	struct badinput b;

	badinput_begin(&b, entries[_i].symbol);
	entries[_i].rows(&b);
	ck_assert_uint_ge(b.rows, 1);
	badinput_end(&b);
}
END_TEST

static bool has_rows(const char *symbol)
{
	for (int i = 0; i < ENTRIES; i++)
		if (!strcmp(entries[i].symbol, symbol))
			return true;
	return false;
}

/* The symbol that a line of the map exports, cut out of it; NULL: none. */
static char *exported(char *line)
{
	char *symbol = line + strspn(line, " \t");
	char *end = strchr(symbol, ';');

	if (!end || strncmp(symbol, "ioasid_", 7) || !strncmp(symbol, "ioasid_mock_", 12))
		return NULL;
	*end = '\0';
	return symbol;
}

START_TEST(every_public_function_has_rows)
{
	const char *path = getenv("SYMBOL_MAP");
	char line[256];
	FILE *map;
	int found = 0;

	ck_assert_msg(path, "SYMBOL_MAP must name the library's symbol map");
	map = fopen(path, "re");
	ck_assert_msg(map, "cannot read %s", path);
	while (fgets(line, sizeof(line), map)) {
		char *symbol = exported(line);

		ck_assert_msg(!symbol || has_rows(symbol), "%s has no rows of bad input", symbol);
		found += !!symbol;
	}
	fclose(map);
	ck_assert_int_eq(found, ENTRIES);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bad input");
	TCase *tcase = support_case(suite, "rows");

	tcase_add_loop_test(tcase, bad_input_is_refused_by_name_and_changes_nothing, 0, ENTRIES);
	tcase_add_test(tcase, every_public_function_has_rows);
	return support_run(suite);
}
