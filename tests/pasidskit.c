/* SPDX-License-Identifier: MIT */
/*
 * A guest with a PASID table over the mock: see pasidskit.h.
 */
#include "pasidskit.h"

struct guest_opts pasids_kind(int i)
{
	struct guest_opts opts = guest_flavour(i / 2 * 3 + 1 + i % 2);

	opts.unbound = true;
	opts.device.pasid_bits = 8;
	return opts;
}

void pasids_begin(struct pasids *p, const struct guest_opts *opts)
{
	guest_begin(&p->guest, opts);
	p->table = guest_new_pasids(&p->guest);
	for (uint32_t i = 1; i < 3; i++) {
		p->root[i] = guest_new_table(&p->guest);
		guest_set_pasid(&p->guest, i, p->root[i]);
	}
	ok(ioasid_space_bind_pasid_table(p->guest.giova, &p->table));
}

void pasids_end(struct pasids *p)
{
	guest_end(&p->guest);
}

void pasids_set(struct pasids *p, uint32_t pasid, uint64_t iova, unsigned int page)
{
	guest_map_at(&p->guest, p->root[pasid], iova, page * PAGE, GUEST_RW, 12);
}

uint32_t pasids_fault(struct pasids *p, uint32_t pasid, uint64_t iova, unsigned int *page)
{
	uint16_t number = 0;
	struct ioasid_mock_dma dma = guest_dma(IOASID_MOCK_DMA_READ, iova, &number, sizeof(number));

	dma.pasid = pasid;
	ck_assert_int_eq(ioasid_mock_dma(p->guest.hw, &dma), dma.fault ? -EFAULT : 0);
	if (page)
		*page = number;
	return dma.fault;
}

unsigned int pasids_page(struct pasids *p, uint32_t pasid, uint64_t iova)
{
	unsigned int page;

	ck_assert_uint_eq(pasids_fault(p, pasid, iova, &page), IOASID_MOCK_FAULT_NONE);
	return page;
}

void pasids_invalidate(struct pasids *p, uint32_t what, uint32_t pasid, uint64_t addr)
{
	struct ioasid_invalidation one = {.what = what,
		.addr = addr,
		.length = what == IOASID_INVALIDATE_RANGE ? PAGE : 0,
		.pasid = pasid};

	if (what == IOASID_INVALIDATE_DEVICE)
		one.device = p->guest.device;
	ck_assert_int_eq(ok(ioasid_space_invalidate(p->guest.giova, &one, 1)), 1);
}
