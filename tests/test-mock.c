/* SPDX-License-Identifier: MIT */
/*
 * The mock platform: its options and devices, pinned memory, DMA and its caches, page requests and
 * their answers, the pump, written pages, PASIDs on the wire, virtual machines, and the operations
 * that only a backend's caller sees.
 */
#include "mockkit.h"

int main(void)
{
	Suite *suite = suite_create("mock");

	add_platform_tests(suite);
	add_memory_tests(suite);
	add_dma_tests(suite);
	add_tlb_tests(suite);
	add_fault_tests(suite);
	add_answer_tests(suite);
	add_group_tests(suite);
	add_memfail_tests(suite);
	add_pump_tests(suite);
	add_thread_tests(suite);
	add_ops_tests(suite);
	add_dirty_tests(suite);
	add_dirty_fail_tests(suite);
	add_dirty_thread_tests(suite);
	add_wire_tests(suite);
	add_vm_tests(suite);
	add_vm_thread_tests(suite);
	support_share_process();
	return support_run(suite);
}
