/* SPDX-License-Identifier: MIT */
/*
 * The contract suite, on every platform there is. A backend is added in contract_platforms alone.
 */
#include "contract.h"

int main(void)
{
	Suite *suite = suite_create("contract");

	contract_add_bind(suite);
	contract_add_route(suite);
	contract_add_group(suite);
	contract_add_mates(suite);
	contract_add_busy(suite);
	contract_add_map(suite);
	contract_add_iova(suite);
	contract_add_intent(suite);
	contract_add_table(suite);
	contract_add_pasid(suite);
	contract_add_nested(suite);
	contract_add_dirty(suite);
	contract_add_memory(suite);
	contract_add_limits(suite);
	contract_add_window(suite);
	contract_add_file(suite);
	contract_add_close(suite);
	support_share_process();
	return support_run(suite);
}
