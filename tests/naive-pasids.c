/* SPDX-License-Identifier: MIT */
/*
 * PASID tables, see naive.h: a stream table entry (IHI 0070, 5.2 and 5.3) and a device table entry
 * (48882, 2.2.2.1), with bits numbered over all of their words as there.
 */
#include "naive.h"

static struct naive_found fault(uint32_t kind)
{
	return (struct naive_found){.fault = kind};
}

static struct naive_found lacks(uint64_t addr)
{
	return (struct naive_found){.fault = IOASID_MOCK_FAULT_PARENT, .missing = addr};
}

/* ---- Arm ---- */

#define CONFIG(ste)       naive_field(ste, 3, 1)
#define S1FMT(ste)        naive_field(ste, 5, 4)
#define S1CONTEXTPTR(ste) (naive_field(ste, 55, 6) << 6)
#define S1CDMAX(ste)      naive_field(ste, 63, 59)
#define S1DSS(ste)        naive_field(ste, 65, 64)
#define S1STALLD(ste)     naive_field(ste, 91, 91)
#define STRW(ste)         naive_field(ste, 95, 94)
#define PRIVCFG(ste)      naive_field(ste, 113, 112)
#define INSTCFG(ste)      naive_field(ste, 115, 114)

bool naive_arm_binds(const uint64_t ste[4])
{
	return (ste[0] & 1) && CONFIG(ste) == 5 && S1CDMAX(ste) <= 20 && !STRW(ste) &&
	       !PRIVCFG(ste) && !INSTCFG(ste) && !ste[2] && !ste[3];
}

static uint64_t align(uint64_t addr, uint64_t size)
{
	return addr - addr % (size < 64 ? 64 : size);
}

static uint64_t power(uint64_t n)
{
	return n ? 2 * power(n - 1) : 1;
}

static struct naive_found read_descriptor(
	const struct naive_memory *memory, const uint64_t ste[4], uint64_t addr)
{
	struct naive_found found = {.fault = IOASID_MOCK_FAULT_NONE};

	if (!naive_read(memory, addr, &found.descriptor.words[0]))
		return lacks(addr);
	if (!naive_field(found.descriptor.words, 31, 31))
		return fault(IOASID_MOCK_FAULT_PASID);
	if (!naive_read(memory, addr + 8, &found.descriptor.words[1]))
		return lacks(addr + 8);
	if (!naive_read(memory, addr + 16, &found.descriptor.words[2]))
		return lacks(addr + 16);
	if (naive_is_illegal(&found.descriptor, S1STALLD(ste)))
		return fault(IOASID_MOCK_FAULT_CONTEXT);
	return found;
}

/* Leaves of so many descriptors each. */
static struct naive_found two_levels(
	const struct naive_memory *memory, const uint64_t ste[4], uint64_t substream, uint64_t leaf)
{
	uint64_t tables = power(S1CDMAX(ste)) / leaf, where, l1;

	if (!tables)
		tables = 1;
	where = align(S1CONTEXTPTR(ste), tables * 8) + substream / leaf * 8;
	if (!naive_read(memory, where, &l1))
		return lacks(where);
	if (!(l1 & 1))
		return fault(IOASID_MOCK_FAULT_PASID);
	return read_descriptor(memory, ste,
		align(naive_field(&l1, 55, 12) << 12, leaf * 64) + substream % leaf * 64);
}

struct naive_found naive_arm_pasid(
	const struct naive_memory *memory, const uint64_t ste[4], long pasid)
{
	uint64_t substream = 0, substreams = power(S1CDMAX(ste));

	if (!S1CDMAX(ste))
		return pasid < 0 ? read_descriptor(memory, ste, S1CONTEXTPTR(ste))
				 : fault(IOASID_MOCK_FAULT_PASID);
	if (pasid < 0 && S1DSS(ste) == 1)
		return (struct naive_found){.bypass = true};
	if (pasid < 0 && S1DSS(ste) != 2)
		return fault(IOASID_MOCK_FAULT_PASID);
	if (pasid == 0 && S1DSS(ste) == 2)
		return fault(IOASID_MOCK_FAULT_PASID);
	if (pasid > 0)
		substream = (uint64_t)pasid;
	if (substream >= substreams)
		return fault(IOASID_MOCK_FAULT_PASID);
	if (S1FMT(ste) == 1)
		return two_levels(memory, ste, substream, 64);
	if (S1FMT(ste) == 2)
		return two_levels(memory, ste, substream, 1024);
	return read_descriptor(
		memory, ste, align(S1CONTEXTPTR(ste), substreams * 64) + substream * 64);
}

/* ---- AMD ---- */

#define GLX(dte)  naive_field(dte, 57, 56)
#define MODE(dte) naive_field(dte, 183, 182)

bool naive_amd_binds(const uint64_t dte[4])
{
	bool valid = naive_field(dte, 0, 0), tv = naive_field(dte, 1, 1);

	return valid && tv && naive_field(dte, 55, 55) && !naive_field(dte, 11, 9) &&
	       !naive_field(dte, 51, 12) && GLX(dte) < 3 && MODE(dte) < 2;
}

static uint64_t gcr3_root(const uint64_t dte[4])
{
	uint64_t low = naive_field(dte, 60, 58), middle = naive_field(dte, 95, 80);

	return naive_field(dte, 127, 107) * power(31) + middle * power(15) + low * power(12);
}

/* Levels as the manual counts them: the last is 1. */
static struct naive_found gcr3_level(const struct naive_memory *memory, const uint64_t dte[4],
	unsigned int level, uint64_t table, uint64_t pasid)
{
	uint64_t where = table + pasid / power(9 * (level - 1)) % 512 * 8, entry;

	if (!naive_read(memory, where, &entry))
		return lacks(where);
	if (!(entry & 1))
		return fault(IOASID_MOCK_FAULT_PASID);
	if (naive_field(&entry, 11, 1) || naive_field(&entry, 63, 52))
		return fault(IOASID_MOCK_FAULT_CONTEXT);
	if (level > 1)
		return gcr3_level(memory, dte, level - 1, naive_field(&entry, 51, 12) << 12, pasid);
	return (struct naive_found){.table = {.amd = true,
					    .levels = MODE(dte) ? 5 : 4,
					    .root = naive_field(&entry, 51, 12) << 12}};
}

struct naive_found naive_amd_pasid(
	const struct naive_memory *memory, const uint64_t dte[4], long pasid)
{
	static const long limit[] = {512, 512 * 512, 1024 * 1024};

	if (pasid < 0 && !naive_field(dte, 54, 54))
		return (struct naive_found){.bypass = true};
	if (pasid >= limit[GLX(dte)])
		return fault(IOASID_MOCK_FAULT_PASID);
	return gcr3_level(memory, dte, (unsigned int)GLX(dte) + 1, gcr3_root(dte),
		pasid < 0 ? 0 : (uint64_t)pasid);
}
