/* SPDX-License-Identifier: MIT */
/*
 * What an address of a device leads to: by the device's own TLB, the IOTLB, or by walking what the
 * space has. The caller holds the world. It must not know what moves there, nor who is asked where
 * nothing is.
 */
#ifndef MOCK_TRANSLATE_H
#define MOCK_TRANSLATE_H

#include "access.h"

/* The bytes from one multiple of which to the next an address is translated as one. */
uint64_t mock_translate_page(const struct mock_access *access);

/* base is the start of such a page. What is found is cached. */
void mock_translate(const struct mock_access *access, uint64_t base, struct mock_answer *answer);

/* The same without caches, and nothing is noted in tables. */
void mock_translate_anew(
	const struct mock_access *access, uint64_t base, struct mock_answer *answer);

#endif
