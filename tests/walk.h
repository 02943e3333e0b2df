/* SPDX-License-Identifier: MIT */
/*
 * The suites of the walkers' program, a file each, and what a rule's test needs: one walk, and what
 * it answered.
 */
#ifndef WALK_TESTS_H
#define WALK_TESTS_H

#include "support.h"
#include "walkkit.h"

#define NONE        IOASID_MOCK_FAULT_NONE
#define TRANSLATION IOASID_MOCK_FAULT_TRANSLATION
#define PERMISSION  IOASID_MOCK_FAULT_PERMISSION
#define ADDRESS     IOASID_MOCK_FAULT_ADDRESS
#define RESERVED    IOASID_MOCK_FAULT_RESERVED
#define ACCESS      IOASID_MOCK_FAULT_ACCESS
#define PARENT      IOASID_MOCK_FAULT_PARENT
#define PASID       IOASID_MOCK_FAULT_PASID
#define CONTEXT     IOASID_MOCK_FAULT_CONTEXT

#define BASE UINT64_C(0x7f0000) /* of the guest's pages: a multiple of 64 KiB */

/* The n-th of them. */
#define TABLE(n) (BASE + (n)*PAGE)

struct walk_answer walk_now(
	struct walkkit *kit, const struct walk_context *context, uint64_t addr, uint32_t access);

void walk_x86_suite(Suite *suite);
void walk_arm_suite(Suite *suite);
void walk_pasids_suite(Suite *suite);
void walk_race_suite(Suite *suite);

#endif
