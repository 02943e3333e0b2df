/* SPDX-License-Identifier: MIT */
/*
 * The fixture of the tests of fault queues: see faultq.h.
 */
#include "faultq.h"
#include <ioasid/pgtable.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void add_device(struct faultq *f, const struct faultq_wish *wish, uint32_t i)
{
	uint64_t label = wish->label[i] ? wish->label[i] : 0x100 + i;
	char name[16];
	int fd;

	ok(ioasid_mock_device_new(f->mock,
		IOASID_OPTS(ioasid_mock_device_opts, .flags = IOASID_MOCK_DEVICE_PRI,
			.pasid_bits = 8, .credits = wish->credits,
			.group_pages = wish->group_pages),
		&f->hw[i]));
	fd = ok(ioasid_mock_device_fd(f->hw[i]));
	snprintf(name, sizeof(name), "nic%u", i);
	ok(ioasid_device_bind(f->ctx, fd,
		IOASID_OPTS(ioasid_device_opts, .label = label, .name = name), &f->device[i]));
	close(fd);
	ok(ioasid_device_attach(f->device[i], f->space, NULL, &f->route[i]));
}

void faultq_begin(struct faultq *f, struct faultq_wish wish)
{
	memset(f, 0, sizeof(*f));
	f->devices = wish.devices;
	f->memory = support_memory(PAGES * PAGE, 13);
	ok(ioasid_mock_new(IOASID_OPTS(ioasid_mock_opts, .seed = wish.seed), &f->mock));
	ok(ioasid_mock_iommu_new(f->mock,
		IOASID_OPTS(ioasid_mock_iommu_opts, .flags = IOASID_MOCK_IOMMU_NESTING,
			.pgtable_formats = 1u << IOASID_PGTABLE_AMD_V2),
		NULL));
	ok(ioasid_mock_open(f->mock, &f->ctx));
	ok(ioasid_faultq_new(f->ctx, wish.opts, &f->queue));
	ok(ioasid_space_new(f->ctx, IOASID_OPTS(ioasid_space_opts, .faults = f->queue), &f->space));
	for (uint32_t i = 0; i < wish.devices; i++)
		add_device(f, &wish, i);
}

void faultq_end(struct faultq *f)
{
	for (uint32_t i = 0; i < f->devices; i++) {
		ok(ioasid_attachment_detach(f->route[i]));
		ok(ioasid_device_unbind(f->device[i]));
	}
	ok(ioasid_space_destroy(f->space));
	ioasid_faultq_free(f->queue);
	ioasid_close(f->ctx);
	ioasid_mock_free(f->mock);
	free(f->memory);
}

void faultq_start(struct faultq *f, struct faultq_transfer *t, uint32_t device, uint64_t page,
	uint64_t length)
{
	memset(t, 0, sizeof(*t));
	ck_assert_uint_le(length, sizeof(t->bytes));
	t->dma = (struct ioasid_mock_dma){.kind = IOASID_MOCK_DMA_READ,
		.pasid = NONE,
		.iova = page * PAGE,
		.buffer = t->bytes,
		.length = length};
	ok(ioasid_mock_dma_start(f->hw[device], &t->dma));
}

void faultq_map(struct faultq *f, uint64_t page)
{
	ok(ioasid_space_map(f->space, &(struct ioasid_map){.addr = f->memory + page * PAGE,
					      .length = PAGE,
					      .iova = page * PAGE,
					      .flags = IOASID_MAP_RW | IOASID_MAP_FIXED}));
}

int faultq_answer(struct faultq *f, uint64_t id, uint32_t code, struct ioasid_response *answer)
{
	struct ioasid_response one = {.id = id, .code = code, .status = 99};
	int r = ioasid_faultq_complete(f->queue, &one, 1);

	if (answer)
		*answer = one;
	return r;
}

struct ioasid_faultq_stats faultq_stats(struct faultq *f)
{
	struct ioasid_faultq_stats stats = {.size = sizeof(stats)};

	ok(ioasid_faultq_stats(f->queue, &stats));
	return stats;
}
