/* SPDX-License-Identifier: MIT */
/*
 * The simulated platforms that the contract suite runs on: one for each way in which backends may
 * differ. Knows the mock's public API; no test, and no rule of the contract.
 */
#include "contract.h"
#include <stdlib.h>

#define GROUPS (CONTRACT_GROUPS + 1)

struct machine {
	struct ioasid_mock *mock;
	uint32_t iommu[GROUPS]; /* of a group of several devices, plus one; 0: none yet */
};

static int start(const struct contract_platform *platform, void **machine)
{
	struct machine *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	r = ioasid_mock_new(IOASID_OPTS(ioasid_mock_opts, .flags = platform->flags), &m->mock);
	*machine = m;
	return r;
}

static void stop(void *machine)
{
	struct machine *m = machine;

	ioasid_mock_free(m->mock);
	free(m);
}

static int open_context(void *machine, struct ioasid_ctx **ctx)
{
	struct machine *m = machine;

	return ioasid_mock_open(m->mock, ctx);
}

/* A device's IOMMU is its own, unless its group has one. */
static uint32_t iommu_for(struct machine *m, const struct contract_wish *wish)
{
	bool window = wish->reserved.last;
	bool nests = wish->nesting || wish->tables || wish->pasid_tables || wish->walks;
	uint32_t index;

	if (wish->group && m->iommu[wish->group])
		return m->iommu[wish->group] - 1;
	ok(ioasid_mock_iommu_new(m->mock,
		IOASID_OPTS(ioasid_mock_iommu_opts,
			.flags = (nests ? IOASID_MOCK_IOMMU_NESTING : 0) |
				 (wish->dirty ? IOASID_MOCK_IOMMU_DIRTY : 0),
			.pgtable_formats = wish->pasid_tables ? 1u << IOASID_PGTABLE_SMMUV3_S1 : 0,
			.aperture = wish->aperture, .reserved = window ? &wish->reserved : NULL,
			.reserved_count = window),
		&index));
	if (wish->group)
		m->iommu[wish->group] = index + 1;
	return index;
}

static void *device(void *machine, const struct contract_wish *wish)
{
	struct machine *m = machine;
	struct ioasid_mock_device *device;

	ck_assert_uint_lt(wish->group, GROUPS);
	ok(ioasid_mock_device_new(m->mock,
		IOASID_OPTS(ioasid_mock_device_opts,
			.flags = wish->page_requests ? IOASID_MOCK_DEVICE_PRI : 0,
			.iommu = iommu_for(m, wish), .group = wish->group,
			.pasid_bits = wish->pasid_bits, .credits = wish->credits,
			.group_pages = wish->group_pages),
		&device));
	return device;
}

static int device_fd(void *device)
{
	return ioasid_mock_device_fd(device);
}

static int dma(void *device, struct ioasid_mock_dma *transfer)
{
	return ioasid_mock_dma(device, transfer);
}

static uint64_t pinned(void *machine)
{
	struct machine *m = machine;
	struct ioasid_mock_stats stats = {.size = sizeof(stats)};

	ok(ioasid_mock_stats(m->mock, &stats));
	return stats.pinned;
}

struct ioasid_mock *contract_mock(struct contract *c)
{
	struct machine *m = c->machine;

	return c->platform->start == start ? m->mock : NULL;
}

#define MOCK(title, ...)                                                                           \
	{                                                                                          \
		.name = title, .start = start, .stop = stop, .open = open_context,                 \
		.device = device, .device_fd = device_fd, .dma = dma, .pinned = pinned,            \
		.flags = __VA_ARGS__,                                                              \
	}

const struct contract_platform contract_platforms[] = {
	MOCK("mock", 0),
	MOCK("mock, the core nests", IOASID_MOCK_NEST_COPY),
	MOCK("mock, strict", IOASID_MOCK_STRICT),
	MOCK("mock, strict, the core nests", IOASID_MOCK_STRICT | IOASID_MOCK_NEST_COPY),
};

const int contract_platform_count = sizeof(contract_platforms) / sizeof(contract_platforms[0]);
