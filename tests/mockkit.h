/* SPDX-License-Identifier: MIT */
/*
 * A platform with one device and one space on it, as most tests of the mock want them, and a guest
 * that serves its page requests. The suites are one file a noun.
 */
#ifndef MOCKKIT_H
#define MOCKKIT_H

#include "support.h"
#include <errno.h>
#include <ioasid/fault.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PAGE   UINT64_C(4096)
#define LABEL  UINT64_C(0xfeed0001)
#define NOBODY IOASID_PASID_NONE

/* How a rig is made; all zero is a device without page requests on a space without a queue. */
struct rig_opts {
	struct ioasid_mock_opts platform;
	struct ioasid_mock_iommu_opts iommu;
	struct ioasid_mock_device_opts device;
	struct ioasid_faultq_opts queue;
	bool faults;    /* the space has a queue, and the device page requests */
	uint32_t pasid; /* of the route; 0: none */
	uint32_t space; /* IOASID_SPACE_* */
};

struct rig {
	struct ioasid_mock *mock;
	struct ioasid_ctx *ctx;
	struct ioasid_faultq *faults;
	struct ioasid_space *space;
	struct ioasid_mock_device *hw;
	struct ioasid_device *device;
	struct ioasid_attachment *route;
	uint32_t pasid; /* or NOBODY */
};

void rig_begin(struct rig *rig, const struct rig_opts *opts);
/* What a test has ended itself is NULL by then. */
void rig_end(struct rig *rig);

struct ioasid_device *rig_bind(struct rig *rig, struct ioasid_mock_device *hw, uint64_t label);

/* Process memory at a fixed address. */
void rig_map(
	struct ioasid_space *space, uint64_t iova, void *memory, uint64_t length, uint32_t flags);

/* One blocking transfer of the rig's device; what ioasid_mock_dma() returned. */
int rig_read(struct rig *rig, uint64_t iova, void *buffer, uint64_t length);
int rig_write(struct rig *rig, uint64_t iova, void *buffer, uint64_t length);

struct ioasid_mock_dma rig_dma(
	const struct rig *rig, uint32_t kind, uint64_t iova, void *buffer, uint64_t length);

struct ioasid_mock_stats rig_stats(struct rig *rig);

/* The one record that waits on the queue. */
struct ioasid_fault rig_fault(struct rig *rig);
void rig_answer(struct rig *rig, uint64_t id, uint32_t code);

void add_platform_tests(Suite *suite);
void add_memory_tests(Suite *suite);
void add_dirty_tests(Suite *suite);
void add_dirty_fail_tests(Suite *suite);
void add_dirty_thread_tests(Suite *suite);
void add_dma_tests(Suite *suite);
void add_tlb_tests(Suite *suite);
void add_fault_tests(Suite *suite);
void add_answer_tests(Suite *suite);
void add_group_tests(Suite *suite);
void add_memfail_tests(Suite *suite);
void add_pump_tests(Suite *suite);
void add_thread_tests(Suite *suite);
void add_ops_tests(Suite *suite);
void add_wire_tests(Suite *suite);
void add_vm_tests(Suite *suite);
void add_vm_thread_tests(Suite *suite);

#endif
