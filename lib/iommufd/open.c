/* SPDX-License-Identifier: MIT */
/*
 * The leaf as a backend: made over an open /dev/iommu, its table of operations, and its end. What
 * each operation does is in the file of its noun.
 */
#include "open.h"
#include "iommufd.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void close_routes(struct iommufd *leaf)
{
	while (!list_empty(&leaf->devices)) {
		struct iommufd_device *device =
			list_entry(leaf->devices.next, struct iommufd_device, link);

		while (!list_empty(&device->routes)) {
			struct iommufd_route *route =
				list_entry(device->routes.next, struct iommufd_route, of_device);

			iommufd_route_end(leaf, device, route);
		}
		iommufd_device_unbind(&leaf->base, device->is.id);
	}
}

/* The kernel's order: routes, tables, fault descriptors and queues, spaces. Closing a fault
 * descriptor answers nothing, so that routes end first; and devices keep the iommufd alive until
 * their own descriptors close, so that nothing is left to the end of the file. */
static void iommufd_close(struct backend *be)
{
	struct iommufd *leaf = iommufd_of(be);

	close_routes(leaf);
	list_each(link, &leaf->spaces)
		iommufd_space_drop_tables(leaf, list_entry(link, struct iommufd_space, link));
	iommufd_queue_end_all(leaf);
	while (!list_empty(&leaf->spaces))
		iommufd_space_destroy(
			be, list_entry(leaf->spaces.next, struct iommufd_space, link)->id);
	iommufd_memory_end(leaf);
	close(leaf->fd);
	leaf->fd = -1;
}

static void iommufd_release(struct backend *be)
{
	struct iommufd *leaf = iommufd_of(be);

	pthread_rwlock_destroy(&leaf->reading);
	pthread_rwlock_destroy(&leaf->lock);
	free(leaf);
}

static const struct backend_ops iommufd_ops = {
	.name = "iommufd",
	.close = iommufd_close,
	.release = iommufd_release,
	.space_new = iommufd_space_new,
	.space_destroy = iommufd_space_destroy,
	.space_hardware = iommufd_space_hardware,
	.space_ranges = iommufd_space_ranges,
	.space_allow = iommufd_space_allow,
	.device_bind = iommufd_device_bind,
	.device_unbind = iommufd_device_unbind,
	.device_ranges = iommufd_device_ranges,
	.attach = iommufd_attach,
	.detach = iommufd_detach,
	.replace = iommufd_replace,
	.map = iommufd_map,
	.map_file = iommufd_map_file,
	.copy = iommufd_copy,
	.unmap = iommufd_unmap,
	.pgtable_bind = iommufd_pgtable_bind,
	.pasid_table_bind = iommufd_pasid_table_bind,
	.pgtable_unbind = iommufd_pgtable_unbind,
	.invalidate = iommufd_invalidate,
	.device_invalidate = iommufd_device_invalidate,
	.dirty_start = iommufd_dirty_start,
	.dirty_stop = iommufd_dirty_stop,
	.dirty_read = iommufd_dirty_read,
	.kvm_map = backend_unsupported_kvm,
	.kvm_unmap = backend_unsupported_kvm,
	.memory_register = iommufd_memory_register,
	.memory_unregister = iommufd_memory_unregister,
	.faultq_new = iommufd_faultq_new,
	.faultq_detach = iommufd_faultq_detach,
	.faultq_free = iommufd_faultq_free,
	.faultq_refill = iommufd_faultq_refill,
	.faultq_expire = iommufd_faultq_expire,
	.faultq_pull = iommufd_faultq_pull,
	.faultq_stats = iommufd_faultq_stats,
	.answer = iommufd_answer,
};

static uint64_t extensions(uint32_t has)
{
	uint64_t bits = UINT64_C(1) << IOASID_EXT_REGISTER_MEMORY |
			UINT64_C(1) << IOASID_EXT_MAP_BEFORE_ATTACH |
			UINT64_C(1) << IOASID_EXT_REPLACE_ATOMIC;

	if (has & IOMMUFD_HAS_FAULTS)
		bits |= UINT64_C(1) << IOASID_EXT_FAULT_QUEUE;
	if (has & IOMMUFD_HAS_MAP_FILE)
		bits |= UINT64_C(1) << IOASID_EXT_MAP_FILE;
	return bits;
}

/* It must be said before the descriptor has any object; to ask shows that it is an iommufd. */
static int set_accounting(int fd, uint32_t flags)
{
	bool process = flags & IOASID_OPEN_ACCOUNT_PROCESS;
	struct iommufd_option option = {
		.size = sizeof(option),
		.option_id = IOMMUFD_OPTION_RLIMIT_MODE,
		.op = process ? IOMMUFD_OPTION_OP_SET : IOMMUFD_OPTION_OP_GET,
		.val64 = process,
	};
	int err = iommufd_call(fd, IOMMUFD_OPTION, &option);

	if (err == -EPERM)
		return error_reason(
			err, "to account locked memory by process wants CAP_SYS_RESOURCE");
	if (err == -EBUSY)
		return error_reason(err,
			"the descriptor has objects already: accounting is chosen before the first");
	if (err)
		return error_reason(-ENOTTY, "the descriptor is no /dev/iommu (errno %d)", -err);
	return 0;
}

int iommufd_new(int fd, uint32_t flags, const struct iommufd_provider *const *providers,
	struct backend **be)
{
	struct iommufd *leaf;
	int err = set_accounting(fd, flags);

	if (err)
		return err;
	leaf = calloc(1, sizeof(*leaf));
	if (!leaf)
		return -ENOMEM;
	leaf->fd = fd;
	leaf->has = iommufd_probe(fd);
	leaf->base.ops = &iommufd_ops;
	leaf->base.extensions = extensions(leaf->has);
	leaf->providers = providers;
	list_init(&leaf->spaces);
	list_init(&leaf->devices);
	list_init(&leaf->queues);
	writer_first(&leaf->lock);
	writer_first(&leaf->reading);
	*be = &leaf->base;
	return 0;
}

int iommufd_open(int fd, uint32_t flags, struct backend **be)
{
	static const struct iommufd_provider *const providers[] = {&iommufd_vfio, NULL};

	return iommufd_new(fd, flags, providers, be);
}
