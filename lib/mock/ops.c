/* SPDX-License-Identifier: MIT */
/*
 * The mock as a backend: the table, and the end of a context on it. What each operation does is in
 * the file of its noun.
 */
#include "bound.h"
#include "device.h"
#include "queue.h"
#include "route.h"
#include "space.h"
#include "vm.h"
#include <stdlib.h>

static void answer_all(struct mock_backend *be)
{
	struct mock_queue *queue;
	uint32_t number = 0;

	pthread_mutex_lock(&be->mock->faults);
	while ((queue = table_next(&be->queues, &number)))
		mock_queue_answer_all(queue);
	pthread_mutex_unlock(&be->mock->faults);
}

static void detach_all(struct mock_backend *be)
{
	struct ioasid_mock_device *device;
	uint32_t number = 0;

	while ((device = table_next(&be->devices, &number))) {
		mock_route_end_all(device);
		mock_device_release(device);
	}
}

static void wake_readers(struct mock_backend *be)
{
	struct mock_queue *queue;
	uint32_t number = 0;

	pthread_mutex_lock(&be->mock->faults);
	while ((queue = table_next(&be->queues, &number)))
		producer_end(&queue->producer);
	pthread_mutex_unlock(&be->mock->faults);
}

static void mock_close(struct backend *base)
{
	struct mock_backend *be = mock_backend(base);
	struct mock_space *space;
	uint32_t number = 0;

	pthread_rwlock_wrlock(&be->mock->world);
	answer_all(be);
	detach_all(be);
	while ((space = table_next(&be->spaces, &number)))
		mock_space_free(space);
	mock_memory_unregister_all(be);
	wake_readers(be);
	pthread_rwlock_unlock(&be->mock->world);
}

static void mock_release(struct backend *base)
{
	struct mock_backend *be = mock_backend(base);

	table_free(&be->spaces);
	table_free(&be->devices);
	table_free(&be->queues);
	maptree_clear(&be->registered);
	mock_unref(be->mock);
	free(be);
}

const struct backend_ops mock_ops = {
	.name = "mock",
	.close = mock_close,
	.release = mock_release,
	.space_new = mock_space_new,
	.space_destroy = mock_space_destroy,
	.space_hardware = mock_space_hardware,
	.space_ranges = mock_space_ranges,
	.space_allow = mock_space_allow,
	.device_bind = mock_device_bind,
	.device_unbind = mock_device_unbind,
	.device_ranges = backend_unsupported_device_ranges,
	.attach = mock_attach,
	.detach = mock_detach,
	.replace = mock_replace,
	.map = mock_map,
	.map_file = backend_unsupported_map_file,
	.copy = mock_copy,
	.unmap = mock_unmap,
	.pgtable_bind = mock_pgtable_bind,
	.pasid_table_bind = mock_pasid_table_bind,
	.pgtable_unbind = mock_pgtable_unbind,
	.invalidate = mock_invalidate,
	.device_invalidate = mock_device_invalidate,
	.dirty_start = mock_dirty_start,
	.dirty_stop = mock_dirty_stop,
	.dirty_read = mock_dirty_read,
	.kvm_map = mock_kvm_map,
	.kvm_unmap = mock_kvm_unmap,
	.memory_register = mock_memory_register,
	.memory_unregister = mock_memory_unregister,
	.faultq_new = mock_faultq_new,
	.faultq_detach = mock_faultq_detach,
	.faultq_free = mock_faultq_free,
	.faultq_refill = mock_faultq_refill,
	.faultq_expire = mock_faultq_expire,
	.faultq_pull = backend_no_pull,
	.faultq_stats = mock_faultq_stats,
	.answer = mock_answer,
};
