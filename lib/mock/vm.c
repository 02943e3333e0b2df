/* SPDX-License-Identifier: MIT */
/*
 * Virtual machines and their tables of PASIDs: see vm.h. Work by ENQCMD is translated here, as the
 * processor would; what then arrives at the device is a PASID of the wire, and no more is known of
 * the guest's. It must not know how DMA is done.
 */
#include "vm.h"
#include "../error.h"
#include "transfer.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct mock_vm {
	struct list link;
	uint32_t number; /* for texts */
	int fd;          /* a memfd, only to be recognised; -1: gone */
	dev_t dev;
	ino_t ino;
	struct maptree pasids; /* the guest's; value: on the wire; mark: how many routes say so */
};

/* A device's route that is mapped. */
struct translated {
	struct list link;
	struct mock_vm *vm;
	uint32_t pasid;
};

/* Virtual machines */

static int open_vm(struct mock_vm *vm)
{
	struct stat stat;

	vm->fd = memfd_create("ioasid-mock-vm", MFD_CLOEXEC);
	if (vm->fd < 0 || fstat(vm->fd, &stat))
		return -errno;
	vm->dev = stat.st_dev;
	vm->ino = stat.st_ino;
	return 0;
}

static void close_vm(struct mock_vm *vm)
{
	if (vm->fd >= 0)
		close(vm->fd);
	vm->fd = -1;
}

static void free_vm(struct mock_vm *vm)
{
	close_vm(vm);
	maptree_clear(&vm->pasids);
	free(vm);
}

/* The caller's descriptor. */
static int add_vm(struct ioasid_mock *mock, struct mock_vm *vm)
{
	int err = open_vm(vm), fd = err ? -1 : fcntl(vm->fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return err ? err : -errno;
	pthread_rwlock_wrlock(&mock->world);
	vm->number = ++mock->vm_count;
	list_append(&mock->vms, &vm->link);
	pthread_rwlock_unlock(&mock->world);
	return fd;
}

int ioasid_mock_vm_new(struct ioasid_mock *mock)
{
	struct mock_vm *vm;
	int fd;

	if (!mock)
		return error_set(-EINVAL, "ioasid_mock_vm_new: mock is NULL");
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return error_set(-ENOMEM, "ioasid_mock_vm_new: no memory for a virtual machine");
	vm->fd = -1;
	fd = add_vm(mock, vm);
	if (fd >= 0)
		return fd;
	free_vm(vm);
	return error_set(fd, "ioasid_mock_vm_new: no descriptor for a virtual machine");
}

void mock_vm_close_all(struct ioasid_mock *mock)
{
	list_each(link, &mock->vms) close_vm(list_entry(link, struct mock_vm, link));
}

void mock_vm_free_all(struct ioasid_mock *mock)
{
	while (!list_empty(&mock->vms)) {
		struct mock_vm *vm = list_entry(mock->vms.next, struct mock_vm, link);

		list_remove(&vm->link);
		free_vm(vm);
	}
}

static struct mock_vm *find_vm(const struct ioasid_mock *mock, int fd)
{
	struct stat stat;

	if (fstat(fd, &stat))
		return NULL;
	list_each(link, &mock->vms)
	{
		struct mock_vm *vm = list_entry(link, struct mock_vm, link);

		if (vm->ino == stat.st_ino && vm->dev == stat.st_dev)
			return vm;
	}
	return NULL;
}

/* Maps */

static struct translated *find_translated(
	const struct ioasid_mock_device *device, const struct mock_vm *vm, uint32_t pasid)
{
	list_each(link, &device->translated)
	{
		struct translated *one = list_entry(link, struct translated, link);

		if (one->vm == vm && one->pasid == pasid)
			return one;
	}
	return NULL;
}

/* A number that the virtual machine already has, or its first. */
static int count_in(struct mock_vm *vm, uint32_t pasid, uint32_t wire)
{
	struct maptree_entry *entry = maptree_find(&vm->pasids, pasid);

	if (!entry)
		return maptree_insert(&vm->pasids,
			&(struct maptree_entry){
				.start = pasid, .last = pasid, .value = wire, .mark = 1},
			NULL);
	if (entry->value != wire)
		return error_reason(-EEXIST,
			"virtual machine %u translates PASID %u to 0x%llx already, not to 0x%x",
			vm->number, pasid, (unsigned long long)entry->value, wire);
	entry->mark++;
	return 0;
}

static int map(struct ioasid_mock_device *device, struct mock_vm *vm, uint32_t pasid, uint32_t wire)
{
	struct translated *one;
	int err;

	if (find_translated(device, vm, pasid))
		return error_reason(
			-EEXIST, "virtual machine %u has it mapped already", vm->number);
	one = calloc(1, sizeof(*one));
	if (!one)
		return -ENOMEM;
	err = count_in(vm, pasid, wire);
	if (err) {
		free(one);
		return err;
	}
	*one = (struct translated){.vm = vm, .pasid = pasid};
	list_append(&device->translated, &one->link);
	return 0;
}

static void unmap(struct translated *one)
{
	if (!--maptree_find(&one->vm->pasids, one->pasid)->mark)
		maptree_remove(&one->vm->pasids, one->pasid);
	list_remove(&one->link);
	free(one);
}

void mock_vm_forget(struct ioasid_mock_device *device, uint32_t pasid)
{
	struct list *link = device->translated.next;

	while (link != &device->translated) {
		struct translated *one = list_entry(link, struct translated, link);

		link = link->next;
		if (one->pasid == pasid)
			unmap(one);
	}
}

/* The operations */

/* What one is about; the world is held, exclusively. */
struct subject {
	struct ioasid_mock_device *device;
	struct mock_vm *vm;
	const struct maptree_entry *attached;
};

static int find_subject(
	struct mock_backend *be, struct backend_route which, int fd, struct subject *subject)
{
	subject->device = table_get(&be->devices, which.device);
	if (!subject->device)
		return error_reason(-ENOENT, "no device %u", which.device);
	subject->attached = maptree_find(&subject->device->attached, which.pasid);
	if (!subject->attached)
		return error_reason(-ENOENT, "the route leads nowhere");
	subject->vm = be->mock->gone ? NULL : find_vm(be->mock, fd);
	if (!subject->vm)
		return error_reason(
			-ENOTTY, "descriptor %d is no virtual machine of this platform", fd);
	return 0;
}

int mock_kvm_map(struct backend *base, struct backend_route which, int fd)
{
	struct mock_backend *be = mock_backend(base);
	int err = mock_injected(be->mock, IOASID_MOCK_OP_KVM_MAP);
	struct subject is;

	if (err)
		return err;
	pthread_rwlock_wrlock(&be->mock->world);
	err = find_subject(be, which, fd, &is);
	if (!err)
		err = map(is.device, is.vm, which.pasid, is.attached->mark);
	pthread_rwlock_unlock(&be->mock->world);
	return err;
}

int mock_kvm_unmap(struct backend *base, struct backend_route which, int fd)
{
	struct mock_backend *be = mock_backend(base);
	int err = mock_injected(be->mock, IOASID_MOCK_OP_KVM_UNMAP);
	struct translated *one;
	struct subject is;

	if (err)
		return err;
	pthread_rwlock_wrlock(&be->mock->world);
	err = find_subject(be, which, fd, &is);
	one = err ? NULL : find_translated(is.device, is.vm, which.pasid);
	if (one)
		unmap(one);
	else if (!err)
		err = error_reason(
			-ENOENT, "it is not mapped in virtual machine %u", is.vm->number);
	pthread_rwlock_unlock(&be->mock->world);
	return err;
}

/* ENQCMD */

/* What the processor sends: the guest's as it is, until the virtual machine translates any. */
static int translate(struct ioasid_mock *mock, int fd, uint32_t pasid, uint32_t *wire)
{
	const struct mock_vm *vm = find_vm(mock, fd);
	const struct maptree_entry *entry = vm ? maptree_find(&vm->pasids, pasid) : NULL;

	if (!vm)
		return error_set(-ENOTTY,
			"ioasid_mock_enqcmd: descriptor %d is no virtual machine of this platform",
			fd);
	if (!entry && maptree_count(&vm->pasids))
		return error_set(-ENXIO,
			"ioasid_mock_enqcmd: virtual machine %u does not translate PASID %u: the "
			"processor faults",
			vm->number, pasid);
	*wire = entry ? (uint32_t)entry->value : pasid;
	return 0;
}

static int check_enqcmd(const struct ioasid_mock_device *device, struct ioasid_mock_dma *dma)
{
	if (!device || !dma)
		return error_set(
			-EINVAL, "ioasid_mock_enqcmd: %s is NULL", device ? "dma" : "device");
	dma->status = -EINVAL;
	if (!(device->opts.flags & IOASID_MOCK_DEVICE_ENQCMD))
		return error_set(-EINVAL,
			"ioasid_mock_enqcmd: device %u takes no work by ENQCMD: it was not made with "
			"IOASID_MOCK_DEVICE_ENQCMD",
			device->number);
	if (dma->pasid == IOASID_PASID_NONE)
		return error_set(-EINVAL,
			"ioasid_mock_enqcmd: device %u: ENQCMD comes with a PASID, dma->pasid is none",
			device->number);
	return mock_transfer_check(device, dma, IOASID_PASID_BITS, "ioasid_mock_enqcmd");
}

static int submit(struct ioasid_mock_device *device, int fd, struct ioasid_mock_dma *dma)
{
	struct ioasid_mock_dma sent = *dma;
	uint32_t wire = IOASID_PASID_NONE;
	int err;

	pthread_rwlock_rdlock(&device->mock->world);
	err = translate(device->mock, fd, dma->pasid, &wire);
	pthread_rwlock_unlock(&device->mock->world);
	if (err) {
		dma->status = err;
		return err;
	}
	err = mock_dma_run(device, &sent, wire);
	sent.pasid = dma->pasid;
	*dma = sent;
	return err;
}

int ioasid_mock_enqcmd(struct ioasid_mock_device *device, int vm_fd, struct ioasid_mock_dma *dma)
{
	int err = check_enqcmd(device, dma);

	return err ? err : submit(device, vm_fd, dma);
}
