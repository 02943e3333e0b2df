/* SPDX-License-Identifier: MIT */
/*
 * Long-mode tables and memory, see naive.h.
 */
#include "naive.h"
#include <string.h>

static uint8_t *byte_at(const struct naive_memory *memory, uint64_t addr)
{
	if (addr < memory->base || addr - memory->base >= memory->pages * UINT64_C(4096))
		return NULL;
	return memory->bytes + (addr - memory->base);
}

bool naive_read(const struct naive_memory *memory, uint64_t addr, uint64_t *value)
{
	const uint8_t *bytes = byte_at(memory, addr);

	if (!bytes || !memory->has(memory->parent, addr, false))
		return false;
	*value = 0;
	for (int i = 7; i >= 0; i--)
		*value = *value * 256 + bytes[i];
	return true;
}

uint64_t naive_field(const uint64_t *words, unsigned int last, unsigned int first)
{
	uint64_t value = 0;

	for (unsigned int bit = last + 1; bit-- > first;)
		value = value * 2 + (words[bit / 64] >> bit % 64) % 2;
	return value;
}

static bool bit(uint64_t entry, unsigned int number)
{
	return naive_field(&entry, number, number);
}

/* ---- the entries that a translation used ---- */

struct used {
	uint64_t addr[5];
	uint64_t entry[5];
	int count;
};

static bool all_have(const struct used *used, unsigned int number)
{
	for (int i = 0; i < used->count; i++)
		if (!bit(used->entry[i], number))
			return false;
	return true;
}

static bool one_has(const struct used *used, unsigned int number)
{
	for (int i = 0; i < used->count; i++)
		if (bit(used->entry[i], number))
			return true;
	return false;
}

/* The bit of the byte that holds it. */
static void set_bit(const struct naive_memory *memory, uint64_t addr, unsigned int number)
{
	*byte_at(memory, addr + number / 8) |= (uint8_t)(1 << number % 8);
}

/* ---- the formats of the entries, VT-d 9.8 and AMD64 5.3 ---- */

enum level { PTE = 1, PDE, PDPE, PML4E, PML5E };

/* Bits last to first must be zero in an entry with this PS (2: whatever it is). */
static const struct {
	enum level level;
	unsigned int ps;
	bool amd_only;
	unsigned int last, first;
} zeroes[] = {
	{PML5E, 2, false, 7, 7},
	{PML4E, 2, false, 7, 7},
	{PML5E, 2, true, 8, 8},
	{PML4E, 2, true, 8, 8},
	{PDPE, 1, false, 29, 13},
	{PDE, 1, false, 20, 13},
};

static bool breaks_a_rule(enum level level, uint64_t entry, bool amd)
{
	for (unsigned int i = 0; i < sizeof(zeroes) / sizeof(zeroes[0]); i++) {
		if (zeroes[i].level != level || (zeroes[i].amd_only && !amd))
			continue;
		if (zeroes[i].ps != 2 && zeroes[i].ps != bit(entry, 7))
			continue;
		if (naive_field(&entry, zeroes[i].last, zeroes[i].first))
			return true;
	}
	return false;
}

/* Where the index of a level is in an address. */
static uint64_t index_of(enum level level, uint64_t addr)
{
	static const unsigned int place[][2] = {
		{0, 0}, {20, 12}, {29, 21}, {38, 30}, {47, 39}, {56, 48}};

	return naive_field(&addr, place[level][0], place[level][1]);
}

static struct naive_answer failed(uint32_t fault, uint64_t addr)
{
	return (struct naive_answer){.fault = fault, .addr = addr};
}

/* From the table at that level down to the page. */
static struct naive_answer descend(const struct naive_memory *memory, bool amd, enum level level,
	uint64_t table, uint64_t addr, struct used *used)
{
	uint64_t where = table + index_of(level, addr) * 8, entry;
	struct naive_answer page = {.fault = IOASID_MOCK_FAULT_NONE};

	if (!naive_read(memory, where, &entry))
		return failed(IOASID_MOCK_FAULT_PARENT, where);
	if (!bit(entry, 0))
		return failed(IOASID_MOCK_FAULT_TRANSLATION, 0);
	if (breaks_a_rule(level, entry, amd))
		return failed(IOASID_MOCK_FAULT_RESERVED, 0);
	used->addr[used->count] = where;
	used->entry[used->count] = entry;
	used->count++;
	if (level == PDPE && bit(entry, 7)) {
		page.page_bits = 30;
		page.addr = naive_field(&entry, 51, 30) << 30 | naive_field(&addr, 29, 0);
	} else if (level == PDE && bit(entry, 7)) {
		page.page_bits = 21;
		page.addr = naive_field(&entry, 51, 21) << 21 | naive_field(&addr, 20, 0);
	} else if (level == PTE) {
		page.page_bits = 12;
		page.addr = naive_field(&entry, 51, 12) << 12 | naive_field(&addr, 11, 0);
	} else {
		return descend(
			memory, amd, level - 1, naive_field(&entry, 51, 12) << 12, addr, used);
	}
	return page;
}

/* The access rights of VT-d 3.6.2 and AMD64 5.6, in their order. */
static void grant(const struct naive_long_mode *table, const struct naive_request *request,
	const struct used *used, struct naive_answer *page)
{
	bool user_page = all_have(used, 2), writable = all_have(used, 1);

	if (request->privileged) {
		page->can_read = !request->fetch || !one_has(used, 63);
		page->can_write = writable || (!table->amd && !table->wpe);
	} else {
		page->can_read = user_page && (!request->fetch || !one_has(used, 63));
		page->can_write = user_page && writable;
	}
}

/* VT-d 3.6.3: accessed, extended accessed and dirty flags. */
static void note(const struct naive_memory *memory, const struct naive_long_mode *table,
	const struct naive_request *request, const struct used *used)
{
	for (int i = 0; i < used->count; i++) {
		set_bit(memory, used->addr[i], 5);
		if (table->eafe)
			set_bit(memory, used->addr[i], 10);
		if (request->write && i == used->count - 1)
			set_bit(memory, used->addr[i], 6);
	}
}

/* Whether an entry would be noted in, and is in memory that cannot be written: which one. */
static bool cannot_note(const struct naive_memory *memory, const struct naive_long_mode *table,
	const struct naive_request *request, const struct used *used, uint64_t *which)
{
	for (int i = 0; i < used->count; i++) {
		bool complete = bit(used->entry[i], 5) &&
				(!table->eafe || bit(used->entry[i], 10)) &&
				(!request->write || i != used->count - 1 || bit(used->entry[i], 6));

		*which = used->addr[i];
		if (!complete && !memory->has(memory->parent, *which, true))
			return true;
	}
	return false;
}

static bool is_canonical(uint64_t addr, unsigned int top)
{
	for (unsigned int i = top; i < 64; i++)
		if (bit(addr, i) != bit(addr, top))
			return false;
	return true;
}

struct naive_answer naive_long_mode(const struct naive_memory *memory,
	const struct naive_long_mode *table, const struct naive_request *request)
{
	struct used used = {.count = 0};
	struct naive_answer page;
	uint64_t stuck;

	if (request->privileged && !table->amd && !table->sre)
		return failed(IOASID_MOCK_FAULT_PERMISSION, 0);
	if (!is_canonical(request->addr, table->levels == 5 ? 56 : 47))
		return failed(IOASID_MOCK_FAULT_ADDRESS, 0);
	page = descend(memory, table->amd, table->levels == 5 ? PML5E : PML4E, table->root,
		request->addr, &used);
	if (page.fault)
		return page;
	grant(table, request, &used, &page);
	if ((request->read && !page.can_read) || (request->write && !page.can_write))
		return failed(IOASID_MOCK_FAULT_PERMISSION, 0);
	if (!memory->has(memory->parent, page.addr, request->write))
		return failed(IOASID_MOCK_FAULT_PARENT, page.addr);
	page.dirty = bit(used.entry[used.count - 1], 6);
	if (!request->mark)
		return page;
	if (cannot_note(memory, table, request, &used, &stuck))
		return failed(IOASID_MOCK_FAULT_PARENT, stuck);
	note(memory, table, request, &used);
	page.dirty |= request->write;
	return page;
}
