/* SPDX-License-Identifier: MIT */
/*
 * Arm's stage 1, see naive.h: a context descriptor (IHI 0070, 5.4) and VMSAv8-64 tables of 4 KiB
 * granules (DDI 0487, D8), each field by the number that the manual gives it.
 */
#include "naive.h"

static bool cd_bit(const struct naive_descriptor *cd, unsigned int number)
{
	return naive_field(cd->words, number, number);
}

static bool bit(uint64_t entry, unsigned int number)
{
	return naive_field(&entry, number, number);
}

/* ---- descriptors ---- */

unsigned int naive_output_bits(const struct naive_descriptor *cd)
{
	switch (naive_field(cd->words, 34, 32)) {
	case 0:
		return 32;
	case 1:
		return 36;
	case 2:
		return 40;
	case 3:
		return 42;
	case 4:
		return 44;
	default:
		return 48;
	}
}

/* Whether a number has more bits than so many. */
static bool is_wider(uint64_t value, unsigned int bits)
{
	return naive_field(&value, 63, bits) != 0;
}

static uint64_t ttb(const struct naive_descriptor *cd, bool high)
{
	return (high ? naive_field(cd->words, 179, 132) : naive_field(cd->words, 115, 68)) << 4;
}

static unsigned int txsz(const struct naive_descriptor *cd, bool high)
{
	return (unsigned int)(high ? naive_field(cd->words, 21, 16) : naive_field(cd->words, 5, 0));
}

static bool half_is_illegal(const struct naive_descriptor *cd, bool high)
{
	uint64_t granule = high ? naive_field(cd->words, 23, 22) : naive_field(cd->words, 7, 6);

	if (cd_bit(cd, high ? 30 : 14)) /* EPD */
		return false;
	if (granule != (high ? 2 : 0))
		return true;
	if (txsz(cd, high) < 16 || txsz(cd, high) > 39)
		return true;
	return is_wider(ttb(cd, high), naive_output_bits(cd));
}

bool naive_is_illegal(const struct naive_descriptor *cd, bool stalls_disabled)
{
	if (!cd_bit(cd, 41)) /* AA64 */
		return true;
	if (stalls_disabled && cd_bit(cd, 44))
		return true;
	if (cd_bit(cd, 15) && !(cd_bit(cd, 14) && cd_bit(cd, 30))) /* ENDI */
		return true;
	return half_is_illegal(cd, false) || half_is_illegal(cd, true);
}

/* ---- the walk ---- */

struct way {
	bool no_write, no_user, uxn, pxn; /* of tables above */
	uint64_t where;                   /* the last descriptor */
	uint64_t descriptor;
};

static struct naive_answer failed(uint32_t fault, uint64_t addr)
{
	return (struct naive_answer){.fault = fault, .addr = addr};
}

static uint64_t index_of(int level, uint64_t addr)
{
	static const unsigned int place[][2] = {{47, 39}, {38, 30}, {29, 21}, {20, 12}};

	return naive_field(&addr, place[level][0], place[level][1]);
}

static void heed_table(struct way *way, uint64_t descriptor, bool hierarchy)
{
	if (!hierarchy)
		return;
	way->no_write |= bit(descriptor, 62);
	way->no_user |= bit(descriptor, 61);
	way->uxn |= bit(descriptor, 60);
	way->pxn |= bit(descriptor, 59);
}

static struct naive_answer descend(const struct naive_memory *memory,
	const struct naive_descriptor *cd, int level, uint64_t table, uint64_t addr, bool hierarchy,
	struct way *way)
{
	static const unsigned int size[] = {39, 30, 21, 12};
	uint64_t d, output;

	way->where = table + index_of(level, addr) * 8;
	if (!naive_read(memory, way->where, &d))
		return failed(IOASID_MOCK_FAULT_PARENT, way->where);
	way->descriptor = d;
	if (!bit(d, 0))
		return failed(IOASID_MOCK_FAULT_TRANSLATION, 0);
	if (level < 3 && bit(d, 1)) {
		output = naive_field(&d, 47, 12) << 12;
		if (is_wider(output, naive_output_bits(cd)))
			return failed(IOASID_MOCK_FAULT_ADDRESS, 0);
		heed_table(way, d, hierarchy);
		return descend(memory, cd, level + 1, output, addr, hierarchy, way);
	}
	if (level == 0 || (level == 3 && !bit(d, 1)))
		return failed(IOASID_MOCK_FAULT_TRANSLATION, 0);
	output = naive_field(&d, 47, size[level]) << size[level];
	if (is_wider(output, naive_output_bits(cd)))
		return failed(IOASID_MOCK_FAULT_ADDRESS, 0);
	return (struct naive_answer){
		.addr = output | naive_field(&addr, size[level] - 1, 0), .page_bits = size[level]};
}

/* ---- permissions ---- */

/* The table of AP[2:1], and what APTable[1:0] leaves of it: who reads, who writes. */
static const struct {
	bool user_reads, user_writes, privileged_reads, privileged_writes;
} ap_table[4][4] = {
	/* AP 00 */ {{0, 0, 1, 1}, {0, 0, 1, 1}, {0, 0, 1, 0}, {0, 0, 1, 0}},
	/* AP 01 */ {{1, 1, 1, 1}, {0, 0, 1, 1}, {1, 0, 1, 0}, {0, 0, 1, 0}},
	/* AP 10 */ {{0, 0, 1, 0}, {0, 0, 1, 0}, {0, 0, 1, 0}, {0, 0, 1, 0}},
	/* AP 11 */ {{1, 0, 1, 0}, {0, 0, 1, 0}, {1, 0, 1, 0}, {0, 0, 1, 0}},
};

static bool notes_accessed(const struct naive_descriptor *cd)
{
	return cd_bit(cd, 43);
}

static bool notes_dirty(const struct naive_descriptor *cd, uint64_t d)
{
	return cd_bit(cd, 43) && cd_bit(cd, 42) && bit(d, 51);
}

static void grant(const struct naive_descriptor *cd, const struct way *way,
	const struct naive_request *request, struct naive_answer *page)
{
	uint64_t d = way->descriptor;
	int ap = (bit(d, 7) && !notes_dirty(cd, d) ? 2 : 0) + bit(d, 6);
	int tables = (way->no_write ? 2 : 0) + way->no_user;
	bool ur = ap_table[ap][tables].user_reads, uw = ap_table[ap][tables].user_writes;
	bool pr = ap_table[ap][tables].privileged_reads;
	bool pw = ap_table[ap][tables].privileged_writes;
	bool ux = !bit(d, 54) && !way->uxn, px = !bit(d, 53) && !way->pxn && !uw;

	if (cd_bit(cd, 36)) { /* WXN */
		ux = ux && !uw;
		px = px && !pw;
	}
	if (cd_bit(cd, 40) && ur) /* PAN */
		pr = pw = false;
	if (request->fetch)
		page->can_read = request->privileged ? px : ux;
	else
		page->can_read = request->privileged ? pr : ur;
	page->can_write = request->privileged ? pw : uw;
}

/* ---- accessed and dirty ---- */

static void store(const struct naive_memory *memory, uint64_t addr, uint64_t value)
{
	for (unsigned int i = 0; i < 8; i++)
		memory->bytes[addr - memory->base + i] = (uint8_t)(value >> 8 * i);
}

/* What the descriptor is in the end. */
static uint64_t noted(
	const struct naive_descriptor *cd, const struct naive_request *request, uint64_t d)
{
	uint64_t end = d;

	if (notes_accessed(cd))
		end |= UINT64_C(0x400);
	if (request->write && notes_dirty(cd, d))
		end &= ~UINT64_C(0x80);
	return end;
}

static struct naive_answer finish(const struct naive_memory *memory,
	const struct naive_descriptor *cd, const struct naive_request *request,
	const struct way *way, struct naive_answer page)
{
	uint64_t end = request->mark ? noted(cd, request, way->descriptor) : way->descriptor;

	if (!memory->has(memory->parent, page.addr, request->write))
		return failed(IOASID_MOCK_FAULT_PARENT, page.addr);
	if (end != way->descriptor) {
		if (!memory->has(memory->parent, way->where, true))
			return failed(IOASID_MOCK_FAULT_PARENT, way->where);
		store(memory, way->where, end);
	}
	page.dirty = !bit(end, 7);
	return page;
}

/* 3.4.1: the input's bits from the region's size up to the top one are all alike. */
static bool is_outside(const struct naive_descriptor *cd, uint64_t addr)
{
	bool high = bit(addr, 55);
	unsigned int top = cd_bit(cd, high ? 39 : 38) ? 55 : 63;

	for (unsigned int i = 64 - txsz(cd, high); i <= top; i++)
		if (bit(addr, i) != high)
			return true;
	return false;
}

/* The first lookup, by T0SZ: level 0 for 16 to 24, 1 for 25 to 33, 2 for 34 to 39. */
static int first_level(unsigned int size)
{
	return size <= 24 ? 0 : size <= 33 ? 1 : 2;
}

/* What is left of the address for the tables. */
static uint64_t inside(unsigned int size, uint64_t addr)
{
	return naive_field(&addr, 63 - size, 0);
}

/* The base is aligned to the first table, of as many entries as its level has index bits. */
uint64_t naive_base(const struct naive_descriptor *cd, bool high)
{
	static const unsigned int low_bit[] = {39, 30, 21};
	unsigned int size = txsz(cd, high);
	uint64_t bytes = UINT64_C(8) << (64 - size - low_bit[first_level(size)]);

	return ttb(cd, high) / bytes * bytes;
}

struct naive_answer naive_arm(const struct naive_memory *memory, const struct naive_descriptor *cd,
	const struct naive_request *request)
{
	bool high = bit(request->addr, 55);
	struct way way = {.where = 0};
	struct naive_answer page;

	if (cd_bit(cd, high ? 30 : 14)) /* EPD */
		return failed(IOASID_MOCK_FAULT_TRANSLATION, 0);
	if (is_outside(cd, request->addr))
		return failed(IOASID_MOCK_FAULT_TRANSLATION, 0);
	if (!request->privileged && cd_bit(cd, high ? 130 : 66)) /* E0PD */
		return failed(IOASID_MOCK_FAULT_TRANSLATION, 0);
	page = descend(memory, cd, first_level(txsz(cd, high)), naive_base(cd, high),
		inside(txsz(cd, high), request->addr), !cd_bit(cd, high ? 129 : 65), &way);
	if (page.fault)
		return page;
	if (!bit(way.descriptor, 10) && !notes_accessed(cd) && !cd_bit(cd, 35))
		return failed(IOASID_MOCK_FAULT_ACCESS, 0);
	grant(cd, &way, request, &page);
	if ((request->read && !page.can_read) || (request->write && !page.can_write))
		return failed(IOASID_MOCK_FAULT_PERMISSION, 0);
	return finish(memory, cd, request, &way, page);
}
