/* SPDX-License-Identifier: MIT */
/*
 * The mock platform's hardware nesting: guests' own page tables, walked in memory, cached, and
 * what faults on the way. What caches show too long is noted.
 */
#include "nestedkit.h"

int main(void)
{
	Suite *suite = suite_create("mock, nested");

	add_nested_tests(suite);
	add_nested_bind_tests(suite);
	add_nested_cache_tests(suite);
	add_nested_dirty_tests(suite);
	add_nested_fault_tests(suite);
	add_nested_none_tests(suite);
	add_nested_ops_tests(suite);
	add_nested_stale_tests(suite);
	add_nested_pasid_tests(suite);
	add_nested_pasid_cache_tests(suite);
	add_nested_track_tests(suite);
	add_nested_thread_tests(suite);
	support_share_process();
	return support_run(suite);
}
