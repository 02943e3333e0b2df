/* SPDX-License-Identifier: MIT */
/*
 * The inputs that are kept of a fuzz program, for its test that runs without libFuzzer.
 */
#ifndef FUZZCORPUS_H
#define FUZZCORPUS_H

#include <check.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A case that feeds the program with each file in the folder that FUZZ_CORPUS names. */
void fuzzcorpus_suite(Suite *suite);

#endif
