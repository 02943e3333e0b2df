/* SPDX-License-Identifier: MIT */
/*
 * The readers of PASID tables, fed with device entries and tables that obey no manual. Whatever
 * they are, a look-up ends within a bound of reads and writes nothing, says what the naive reading
 * does, and what it finds can be walked. A test with fixed seeds; built with -DFUZZ
 * -fsanitize=fuzzer it is a libFuzzer target.
 */
#include "fuzzcorpus.h"
#include "walkfuzz.h"

#define READS_MAX 4 /* a level 1 descriptor and three words; or three levels */

struct device {
	bool bound, arm;
	uint64_t words[4];
	struct walk_pasids pasids;
};

/* ---- device entries ---- */

static void make_ste(struct walkfuzz *fuzz, uint64_t words[4])
{
	uint64_t how = walkfuzz_next(fuzz, 2);

	words[0] = 1 | 5 << 1 | (how & 3) << 4 | (how >> 2 & 31) << 59 | walkfuzz_page(fuzz);
	words[1] = (how >> 7 & 3) | (how >> 9 & 1) << 27;
	words[0] |= (how >> 10) << 6;
}

static void make_dte(struct walkfuzz *fuzz, uint64_t words[4])
{
	uint64_t how = walkfuzz_next(fuzz, 1), root = walkfuzz_page(fuzz);

	words[0] = BIT(0) | BIT(1) | BIT(55) | (how & 1) << 54 | (how >> 1 & 3) << 56 |
		   (root >> 12 & 7) << 58;
	words[1] = (root >> 15 & 0xffff) << 16 | root >> 31 << 43;
	words[2] = (how >> 3 & 3) << 54;
}

/* Mostly one that can be bound, then with a byte or two changed at times. */
static void make_device(struct walkfuzz *fuzz, struct device *device)
{
	uint64_t how = walkfuzz_next(fuzz, 1);
	struct ioasid_pgtable table = {.size = sizeof(table)};
	bool binds;

	*device = (struct device){.arm = how & 1};
	table.format = device->arm ? IOASID_PGTABLE_SMMUV3_S1 : IOASID_PGTABLE_AMD_V2;
	if (how & 2)
		for (unsigned int i = 0; i < 4; i++)
			device->words[i] = walkfuzz_next(fuzz, 8);
	else if (device->arm)
		make_ste(fuzz, device->words);
	else
		make_dte(fuzz, device->words);
	for (uint64_t n = how >> 2 & 3; n; n--)
		device->words[walkfuzz_next(fuzz, 1) % 4] ^= BIT(walkfuzz_next(fuzz, 1) % 64);
	for (unsigned int i = 0; i < 4; i++)
		table.words[i] = device->words[i];
	device->bound = walk_pasids_of(&table, &device->pasids) == 0;
	binds = device->arm ? naive_arm_binds(device->words) : naive_amd_binds(device->words);
	walkfuzz_require(fuzz, device->bound == binds, "it binds, or should");
}

/* A descriptor, of which a bit or so is wrong. */
static void write_descriptor(struct walkfuzz *fuzz)
{
	uint64_t how = walkfuzz_next(fuzz, 2), sizes = walkfuzz_next(fuzz, 2);
	uint64_t at = walkfuzz_next(fuzz, 2) % (fuzz->kit.pages * PAGE / 64) * 64;
	uint64_t word[3] = {0};

	word[0] = (16 + sizes % 24) | (16 + sizes / 32 % 24) << 16 | UINT64_C(2) << 22 | BIT(31) |
		  (how & 7) << 32 | BIT(41) | (how >> 3 & 3) << 42 | (how >> 5 & 0x3f) << 35 |
		  (how >> 11 & 1) << 30 | (how >> 12 & 1) << 14;
	word[1] = walkfuzz_page(fuzz) | (how >> 13 & 3) << 1;
	word[2] = walkfuzz_page(fuzz) | (sizes >> 13 & 3) << 1;
	if (how >> 15)
		word[walkfuzz_next(fuzz, 1) % 3] ^= BIT(walkfuzz_next(fuzz, 1) % 64);
	for (unsigned int i = 0; i < 24; i++)
		fuzz->naive.bytes[at + i] = (uint8_t)(word[i / 8] >> i % 8 * 8);
	for (unsigned int i = 0; i < 3; i++)
		fuzz->kit.words[at / 8 + i] = word[i];
}

/* ---- look-ups ---- */

static struct naive_answer walk_naively(
	const struct walkfuzz *fuzz, const void *table, const struct naive_request *request)
{
	const struct naive_found *found = table;

	if (found->table.amd)
		return naive_long_mode(&fuzz->naive, &found->table, request);
	return naive_arm(&fuzz->naive, &found->descriptor, request);
}

static long some_pasid(struct walkfuzz *fuzz)
{
	uint64_t how = walkfuzz_next(fuzz, 1);

	if (how % 8 == 0)
		return -1;
	if (how % 8 == 1) /* so that it meets what was written */
		return (long)(fuzz->put[how >> 3 & 7] % 512);
	if (how % 8 < 4)
		return (long)(how >> 3);
	return (long)walkfuzz_next(fuzz, 3);
}

static void look_up(struct walkfuzz *fuzz, const struct device *device)
{
	long pasid = some_pasid(fuzz);
	struct naive_found found = device->arm
					   ? naive_arm_pasid(&fuzz->naive, device->words, pasid)
					   : naive_amd_pasid(&fuzz->naive, device->words, pasid);
	struct walk_entry entry;
	uint32_t fault;

	walkkit_forget(&fuzz->kit);
	fault = walk_pasid(&fuzz->kit.memory, &device->pasids,
		pasid < 0 ? IOASID_PASID_NONE : (uint32_t)pasid, &entry);
	walkfuzz_require(fuzz, fault == found.fault, "another fault");
	walkfuzz_require(fuzz, fuzz->kit.asked_count <= READS_MAX, "too many words are read");
	walkfuzz_require(fuzz, !fuzz->kit.changes && !fuzz->kit.reached, "more than read");
	if (fault == IOASID_MOCK_FAULT_PARENT)
		walkfuzz_require(fuzz, entry.missing == found.missing, "another word is missing");
	if (fault)
		return;
	walkfuzz_require(fuzz, entry.bypass == found.bypass, "it bypasses, or should");
	if (!entry.bypass)
		walkfuzz_walk(fuzz, &entry.context, walk_naively, &found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct walkfuzz fuzz;
	struct device device;

	walkfuzz_begin(&fuzz, "fuzz-pasids", data, size);
	make_device(&fuzz, &device);
	while (fuzz.left) {
		uint64_t which = walkfuzz_next(&fuzz, 1) % 32;

		if (which < 2)
			make_device(&fuzz, &device);
		else if (which < 4)
			walkfuzz_change_page(&fuzz);
		else if (which < 10)
			walkfuzz_write(&fuzz);
		else if (which < 16)
			write_descriptor(&fuzz);
		else if (device.bound)
			look_up(&fuzz, &device);
	}
	walkfuzz_end(&fuzz);
	return 0;
}

#ifndef FUZZ
int main(void)
{
	return walkfuzz_main("PASID tables, hostile");
}
#endif
