/* SPDX-License-Identifier: MIT */
/*
 * Objects of the kernel that is none, its ioctls, and devices that lead to its tables: see
 * fillkernel.h.
 */
#include "fillkernel.h"
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct fillkit_kernel fillkit_kernel;
struct fillkernel fillkernel = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

int __real_ioctl(int fd, unsigned long number, void *arg);
int __wrap_ioctl(int fd, unsigned long number, ...);

void fillkernel_lock(void)
{
	pthread_mutex_lock(&fillkernel.lock);
}

void fillkernel_unlock(void)
{
	pthread_mutex_unlock(&fillkernel.lock);
}

/* ---- objects ---- */

uint32_t fillkernel_object(enum kind kind)
{
	for (uint32_t id = 1; id < FILLKERNEL_OBJECTS; id++) {
		if (fillkernel.object[id].kind)
			continue;
		fillkernel.object[id] = (struct object){.kind = kind, .fd = -1};
		return id;
	}
	abort();
}

unsigned int fillkit_objects(void)
{
	unsigned int n = 0;

	for (uint32_t id = 1; id < FILLKERNEL_OBJECTS; id++)
		n += fillkernel.object[id].kind != NOTHING;
	return n;
}

static struct object *object_at(uint32_t id, enum kind kind)
{
	return id < FILLKERNEL_OBJECTS && fillkernel.object[id].kind == kind
		       ? &fillkernel.object[id]
		       : NULL;
}

static int busy(void)
{
	fillkit_kernel.busy++;
	return -EBUSY;
}

static int destroy(const struct iommufd_destroy *args)
{
	struct object *object = args->id < FILLKERNEL_OBJECTS ? &fillkernel.object[args->id] : NULL;

	if (!object || !object->kind)
		return -ENOENT;
	if (object->users || (object->kind == FAULTS && fcntl(object->fd, F_GETFD) >= 0))
		return busy();
	if (object->faults)
		fillkernel.object[object->faults].users--;
	object->kind = NOTHING;
	return 0;
}

static int alloc_table(struct iommufd_hwpt_alloc *args)
{
	bool reports = args->flags & IOMMUFD_HWPT_FAULT_ID_VALID;

	if (fillkit_kernel.no_tables)
		return -fillkit_kernel.no_tables;
	if (!object_at(args->pt_id, IOAS) || (reports && !object_at(args->fault_id, FAULTS)))
		return -ENOENT;
	args->out_hwpt_id = fillkernel_object(TABLE);
	if (!reports)
		return 0;
	fillkernel.object[args->out_hwpt_id].faults = args->fault_id;
	fillkernel.object[args->fault_id].users++;
	return 0;
}

static int alloc_faults(struct iommufd_fault_queue_alloc *args)
{
	/* a real one has CLOEXEC; this one sees whether somebody looks */
	int fd = eventfd(0, EFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	args->out_fault_id = fillkernel_object(FAULTS);
	args->out_fault_fd = (uint32_t)fd;
	fillkernel.object[args->out_fault_id].fd = fd;
	return 0;
}

static int ranges(struct iommufd_ioas_iova_ranges *args)
{
	struct iommufd_iova_range all = {0, UINT64_MAX};
	uint32_t room = args->num_iovas;

	args->num_iovas = 1;
	args->out_iova_alignment = 1;
	if (!room)
		return -EMSGSIZE;
	memcpy((void *)(uintptr_t)args->allowed_iovas, &all, sizeof(all));
	return 0;
}

/* Sizes below 8 are only asked to see whether the call is known. */
static int command(unsigned long number, void *arg)
{
	bool probe = *(uint32_t *)arg < 8;

	switch (number) {
	case IOMMUFD_OPTION:
		return 0;
	case IOMMUFD_HWPT_ALLOC:
		return probe ? -EINVAL : alloc_table(arg);
	case IOMMUFD_FAULT_QUEUE_ALLOC:
		return probe ? -EINVAL : alloc_faults(arg);
	case IOMMUFD_IOAS_ALLOC:
		((struct iommufd_ioas_alloc *)arg)->out_ioas_id = fillkernel_object(IOAS);
		return 0;
	case IOMMUFD_IOAS_IOVA_RANGES:
		return ranges(arg);
	case IOMMUFD_DESTROY:
		return destroy(arg);
	}
	return -ENOTTY;
}

int __wrap_ioctl(int fd, unsigned long number, ...)
{
	va_list args;
	void *arg;
	int err;

	va_start(args, number);
	arg = va_arg(args, void *);
	va_end(args);
	if (fd != fillkernel.fd)
		return __real_ioctl(fd, number, arg);
	fillkernel_lock();
	err = command(number, arg);
	fillkernel_unlock();
	errno = -err;
	return err ? -1 : 0;
}

/* ---- devices ---- */

static uint32_t fillkernel_pasid(uint32_t pasid)
{
	return pasid == NONE ? 0 : pasid;
}

struct handle *fillkernel_handle(uint32_t device, uint32_t pasid)
{
	return &fillkernel.handle[fillkernel.together ? 0 : device][fillkernel_pasid(pasid)];
}

uint32_t fillkit_device_id(uint32_t device)
{
	return fillkernel.dev_id[device];
}

static uint32_t device_of(const struct iommufd_device_handle *handle)
{
	for (uint32_t i = 0; i < FILLKIT_DEVICES; i++)
		if (fillkernel.dev_id[i] == handle->dev_id)
			return i;
	abort();
}

static int fake_bind(struct iommufd_device_handle *handle, struct backend_device *is)
{
	uint32_t number;

	if (pread(handle->fd, &number, sizeof(number), 0) != sizeof(number))
		return -ENOTTY;
	fillkernel_lock();
	handle->dev_id = fillkernel.dev_id[number] = fillkernel_object(DEVICE);
	fillkernel_unlock();
	*is = (struct backend_device){
		.flags = IOASID_DEVICE_PAGE_REQUESTS,
		.group = fillkernel.together ? 40 : 40 + number,
		.group_size = fillkernel.together ? FILLKIT_DEVICES : 1,
		.pasid_bits = 2,
		.credits = 1,
		.group_pages = 1,
	};
	return 0;
}

static void fake_unbind(struct iommufd_device_handle *handle)
{
	fillkernel_lock();
	fillkernel.object[handle->dev_id].kind = NOTHING;
	fillkernel_unlock();
}

static void lead(struct handle *handle, uint32_t table)
{
	uint32_t old = handle->table;

	if (old == table)
		return;
	handle->table = table;
	if (table)
		fillkernel.object[table].users++;
	if (!old)
		return;
	fillkernel.object[old].users--;
	fillkernel_end(handle);
	if (fillkernel.object[old].faults)
		fillkernel_show(fillkernel.object[old].faults);
}

static int fake_attach(struct iommufd_device_handle *handle, uint32_t pasid, uint32_t *pt_id)
{
	uint32_t device = device_of(handle);
	bool *attached = &fillkernel.attached[device][fillkernel_pasid(pasid)];
	struct handle *route;

	if (*attached && fillkit_kernel.no_moves)
		return -fillkit_kernel.no_moves;
	fillkernel_lock();
	route = fillkernel_handle(device, pasid);
	if (!route->users)
		route->first = device;
	route->users += !*attached;
	*attached = true;
	lead(route, *pt_id);
	fillkernel_unlock();
	return 0;
}

static int fake_detach(struct iommufd_device_handle *handle, uint32_t pasid)
{
	uint32_t device = device_of(handle);
	struct handle *route;

	fillkernel_lock();
	route = fillkernel_handle(device, pasid);
	fillkernel.attached[device][fillkernel_pasid(pasid)] = false;
	if (!--route->users)
		lead(route, 0);
	fillkernel_unlock();
	return 0;
}

static uint32_t fake_formats(struct iommufd_device_handle *handle, uint32_t *addr_width)
{
	(void)handle;
	*addr_width = 48;
	return 0;
}

const struct iommufd_provider fillkernel_provider = {
	.name = "fake",
	.bind = fake_bind,
	.unbind = fake_unbind,
	.attach = fake_attach,
	.detach = fake_detach,
	.formats = fake_formats,
};
