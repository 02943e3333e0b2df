/* SPDX-License-Identifier: MIT */
/*
 * The platform itself: made, opened, counted, freed when its handle and its last context are gone.
 * It must not know how anything on it works.
 */
#include "../ctx.h"
#include "../error.h"
#include "../opts.h"
#include "device.h"
#include "pages.h"
#include "vm.h"
#include "wire.h"
#include <errno.h>
#include <stdlib.h>

#define KNOWN_FLAGS (IOASID_MOCK_STRICT | IOASID_MOCK_NEST_COPY | IOASID_MOCK_CHECK_STALE)

/* Changes of the world are few, and must not wait for ever for DMA that never pauses. */
static void init_world(pthread_rwlock_t *world)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
#ifdef __GLIBC__
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
	pthread_rwlock_init(world, &attr);
	pthread_rwlockattr_destroy(&attr);
}

int ioasid_mock_new(const struct ioasid_mock_opts *given, struct ioasid_mock **mock)
{
	struct ioasid_mock_opts opts;
	struct ioasid_mock *new;
	int err;

	if (!mock)
		return error_set(-EINVAL, "ioasid_mock_new: mock is NULL");
	err = opts_copy(&opts, sizeof(opts), given, "ioasid_mock_new");
	if (err)
		return err;
	if (opts.flags & ~KNOWN_FLAGS)
		return error_set(-EINVAL, "ioasid_mock_new: unknown flags 0x%x", opts.flags);
	new = calloc(1, sizeof(*new));
	if (!new)
		return error_set(-ENOMEM, "ioasid_mock_new: no memory for a platform");
	new->opts = opts;
	new->refs = 1;
	init_world(&new->world);
	list_init(&new->devices);
	list_init(&new->groups);
	list_init(&new->vms);
	new->wires.limit = MOCK_WIRE_COUNT;
	pthread_mutex_init(&new->faults, NULL);
	mock_pump_init(&new->pump, opts.seed);
	mock_stale_init(&new->stale);
	pthread_mutex_init(&new->control, NULL);
	*mock = new;
	return 0;
}

static void destroy(struct ioasid_mock *mock)
{
	struct mock_iommu *iommu;
	uint32_t number = 0;

	while (!list_empty(&mock->devices))
		mock_device_free(list_entry(mock->devices.next, struct ioasid_mock_device, link));
	while ((iommu = table_next(&mock->iommus, &number)))
		iommu_free(iommu);
	table_free(&mock->iommus);
	table_free(&mock->pages);
	table_free(&mock->wires);
	mock_vm_free_all(mock);
	mock_pump_fini(&mock->pump);
	pthread_mutex_destroy(&mock->control);
	mock_stale_fini(&mock->stale);
	pthread_mutex_destroy(&mock->faults);
	pthread_rwlock_destroy(&mock->world);
	free(mock);
}

void mock_ref(struct ioasid_mock *mock)
{
	__atomic_fetch_add(&mock->refs, 1, __ATOMIC_RELAXED);
}

void mock_unref(struct ioasid_mock *mock)
{
	/* Release: our use is over before the count drops; acquire: who frees sees all uses. */
	if (__atomic_sub_fetch(&mock->refs, 1, __ATOMIC_ACQ_REL) == 0)
		destroy(mock);
}

void ioasid_mock_free(struct ioasid_mock *mock)
{
	if (!mock)
		return;
	mock_dma_end_all(mock);
	pthread_rwlock_wrlock(&mock->world);
	mock->gone = true;
	list_each(link, &mock->devices)
		mock_device_close(list_entry(link, struct ioasid_mock_device, link));
	mock_vm_close_all(mock);
	pthread_rwlock_unlock(&mock->world);
	mock_unref(mock);
}

static uint64_t extensions(const struct ioasid_mock *mock)
{
	uint64_t bits =
		UINT64_C(1) << IOASID_EXT_REGISTER_MEMORY |
		UINT64_C(1) << IOASID_EXT_REGISTER_PINS | UINT64_C(1) << IOASID_EXT_REPLACE_ATOMIC |
		UINT64_C(1) << IOASID_EXT_FAULT_QUEUE | UINT64_C(1) << IOASID_EXT_RESPONSE_FAILURE;

	bits |= UINT64_C(1) << (mock_is_strict(mock) ? IOASID_EXT_GROUP_STRICT
						     : IOASID_EXT_MAP_BEFORE_ATTACH);
	if (!(mock->opts.flags & IOASID_MOCK_NEST_COPY))
		bits |= UINT64_C(1) << IOASID_EXT_NEST_SOFTWARE;
	return bits;
}

int ioasid_mock_open(struct ioasid_mock *mock, struct ioasid_ctx **ctx)
{
	struct mock_backend *be;
	int err;

	if (!mock || !ctx)
		return error_set(-EINVAL, "ioasid_mock_open: %s is NULL", mock ? "ctx" : "mock");
	be = calloc(1, sizeof(*be));
	if (!be)
		return error_set(-ENOMEM, "ioasid_mock_open: no memory for a context");
	be->base.ops = &mock_ops;
	be->base.extensions = extensions(mock);
	be->mock = mock;
	mock_ref(mock);
	err = ctx_new(&be->base, ctx);
	if (!err)
		return 0;
	mock_ops.close(&be->base);
	mock_ops.release(&be->base);
	return error_set(err, "ioasid_mock_open: no memory for a context");
}

static void count_iotlbs(struct ioasid_mock *mock, struct ioasid_mock_stats *stats)
{
	struct mock_iommu *iommu;
	uint32_t number = 0;

	while ((iommu = table_next(&mock->iommus, &number))) {
		pthread_mutex_lock(&iommu->tlb.lock);
		stats->iotlb_hits += iommu->tlb.hits;
		stats->iotlb_misses += iommu->tlb.misses;
		stats->iotlb_entries += iommu->tlb.valid;
		pthread_mutex_unlock(&iommu->tlb.lock);
	}
}

static void count_device_tlbs(struct ioasid_mock *mock, struct ioasid_mock_stats *stats)
{
	list_each(link, &mock->devices)
	{
		struct ioasid_mock_device *device =
			list_entry(link, struct ioasid_mock_device, link);

		if (!device->tlb.entries)
			continue;
		pthread_mutex_lock(&device->tlb.lock);
		stats->device_tlb_hits += device->tlb.hits;
		stats->device_tlb_entries += device->tlb.valid;
		pthread_mutex_unlock(&device->tlb.lock);
	}
}

static void count_faults(struct ioasid_mock *mock, struct ioasid_mock_stats *stats)
{
	pthread_mutex_lock(&mock->faults);
	stats->requests = mock->requests;
	stats->groups = mock->raised;
	stats->answers = mock->answers;
	stats->unanswered = mock->raised - mock->answers;
	pthread_mutex_unlock(&mock->faults);
}

int ioasid_mock_stats(struct ioasid_mock *mock, struct ioasid_mock_stats *given)
{
	struct ioasid_mock_stats stats = {.size = sizeof(stats)};
	int err;

	if (!mock)
		return error_set(-EINVAL, "ioasid_mock_stats: mock is NULL");
	err = opts_out_check(given, "ioasid_mock_stats");
	if (err)
		return err;
	pthread_rwlock_rdlock(&mock->world);
	stats.pinned = mock->pinned;
	count_iotlbs(mock, &stats);
	count_device_tlbs(mock, &stats);
	count_faults(mock, &stats);
	pthread_rwlock_unlock(&mock->world);
	pthread_mutex_lock(&mock->control);
	stats.failed = mock->failed;
	pthread_mutex_unlock(&mock->control);
	stats.stale = mock_stale_total(&mock->stale);
	stats.dma_bytes = __atomic_load_n(&mock->dma_bytes, __ATOMIC_RELAXED);
	stats.pasid_reads = __atomic_load_n(&mock->pasid_reads, __ATOMIC_RELAXED);
	opts_out(given, &stats, sizeof(stats));
	return 0;
}
