/* SPDX-License-Identifier: MIT */
/*
 * A platform with one device and one space on it: see mockkit.h. Knows the public API alone.
 */
#include "mockkit.h"
#include <unistd.h>

static struct ioasid_mock_opts *sized(struct ioasid_mock_opts *opts)
{
	opts->size = sizeof(*opts);
	return opts;
}

static void make_platform(struct rig *rig, struct rig_opts *opts)
{
	opts->iommu.size = sizeof(opts->iommu);
	opts->device.size = sizeof(opts->device);
	if (opts->faults)
		opts->device.flags |= IOASID_MOCK_DEVICE_PRI;
	ok(ioasid_mock_new(sized(&opts->platform), &rig->mock));
	ok(ioasid_mock_iommu_new(rig->mock, &opts->iommu, NULL));
	ok(ioasid_mock_device_new(rig->mock, &opts->device, &rig->hw));
	ok(ioasid_mock_open(rig->mock, &rig->ctx));
}

void rig_begin(struct rig *rig, const struct rig_opts *given)
{
	struct rig_opts opts = *given;
	struct ioasid_space_opts space = {.size = sizeof(space), .flags = opts.space};
	struct ioasid_attach_opts route = {.size = sizeof(route), .pasid = opts.pasid};

	*rig = (struct rig){.pasid = opts.pasid ? opts.pasid : NOBODY};
	make_platform(rig, &opts);
	opts.queue.size = sizeof(opts.queue);
	if (opts.faults)
		ok(ioasid_faultq_new(rig->ctx, &opts.queue, &rig->faults));
	space.faults = rig->faults;
	ok(ioasid_space_new(rig->ctx, &space, &rig->space));
	rig->device = rig_bind(rig, rig->hw, LABEL);
	route.flags = opts.pasid ? IOASID_ATTACH_PASID : 0;
	ok(ioasid_device_attach(rig->device, rig->space, &route, &rig->route));
}

void rig_end(struct rig *rig)
{
	ok(ioasid_attachment_detach(rig->route));
	ok(ioasid_space_destroy(rig->space));
	ok(ioasid_device_unbind(rig->device));
	ioasid_faultq_free(rig->faults);
	ioasid_close(rig->ctx);
	ioasid_mock_free(rig->mock);
}

struct ioasid_device *rig_bind(struct rig *rig, struct ioasid_mock_device *hw, uint64_t label)
{
	struct ioasid_device *device;
	int fd = ok(ioasid_mock_device_fd(hw));

	ok(ioasid_device_bind(
		rig->ctx, fd, IOASID_OPTS(ioasid_device_opts, .label = label), &device));
	close(fd);
	return device;
}

void rig_map(
	struct ioasid_space *space, uint64_t iova, void *memory, uint64_t length, uint32_t flags)
{
	struct ioasid_map map = {
		.addr = memory,
		.length = length,
		.iova = iova,
		.flags = flags | IOASID_MAP_FIXED,
	};

	ok(ioasid_space_map(space, &map));
}

struct ioasid_mock_dma rig_dma(
	const struct rig *rig, uint32_t kind, uint64_t iova, void *buffer, uint64_t length)
{
	return (struct ioasid_mock_dma){
		.kind = kind,
		.pasid = rig->pasid,
		.iova = iova,
		.buffer = buffer,
		.length = length,
	};
}

int rig_read(struct rig *rig, uint64_t iova, void *buffer, uint64_t length)
{
	struct ioasid_mock_dma dma = rig_dma(rig, IOASID_MOCK_DMA_READ, iova, buffer, length);

	return ioasid_mock_dma(rig->hw, &dma);
}

int rig_write(struct rig *rig, uint64_t iova, void *buffer, uint64_t length)
{
	struct ioasid_mock_dma dma = rig_dma(rig, IOASID_MOCK_DMA_WRITE, iova, buffer, length);

	return ioasid_mock_dma(rig->hw, &dma);
}

struct ioasid_mock_stats rig_stats(struct rig *rig)
{
	struct ioasid_mock_stats stats = {.size = sizeof(stats)};

	ok(ioasid_mock_stats(rig->mock, &stats));
	return stats;
}

struct ioasid_fault rig_fault(struct rig *rig)
{
	struct ioasid_fault faults[2];

	ck_assert_int_eq(ok(ioasid_faultq_read(rig->faults, faults, 2)), 1);
	return faults[0];
}

void rig_answer(struct rig *rig, uint64_t id, uint32_t code)
{
	struct ioasid_response response = {.id = id, .code = code};

	ck_assert_int_eq(ok(ioasid_faultq_complete(rig->faults, &response, 1)), 1);
}
