/* SPDX-License-Identifier: MIT */
/*
 * PASIDs of a guest and PASIDs on the wire (the proposal's section 4). A device of its own sends
 * what its guest has; for a mediated one the platform picks. The guest submits work by ENQCMD, with
 * its own PASIDs: its virtual machine has them translated where a mediated device needs it, and so
 * must not have a device of its own beside. The calls of the monitor are the same for all.
 */
#include "must.h"
#include <errno.h>
#include <ioasid/mock.h>
#include <ioasid/pgtable.h>
#include <string.h>
#include <unistd.h>

#define PAGE    4096u
#define PROCESS 5u /* the PASID that the guest has for its process */

struct device {
	struct ioasid_mock_device *hardware;
	struct ioasid_device *bound;
	struct ioasid_attachment *route;
};

static struct ioasid_mock *platform;
static _Alignas(4096) char memory[PAGE]; /* of the guest's process */

static void make_device(
	struct ioasid_ctx *ctx, struct device *device, const char *name, int mediated)
{
	uint32_t flags = IOASID_MOCK_DEVICE_ENQCMD;
	int fd;

	if (mediated)
		flags |= IOASID_MOCK_DEVICE_MDEV;
	must(ioasid_mock_device_new(platform,
		IOASID_OPTS(ioasid_mock_device_opts, .flags = flags, .pasid_bits = 16),
		&device->hardware));
	fd = must(ioasid_mock_device_fd(device->hardware));
	must(ioasid_device_bind(
		ctx, fd, IOASID_OPTS(ioasid_device_opts, .name = name), &device->bound));
	close(fd);
}

/* The address space of the guest's process. */
static struct ioasid_space *make_process(struct ioasid_ctx *ctx)
{
	struct ioasid_map map = {memory, PAGE, 0, IOASID_MAP_RW | IOASID_MAP_FIXED, 0};
	struct ioasid_space *space;

	must(ioasid_space_new(ctx, NULL, &space));
	must(ioasid_space_map(space, &map));
	return space;
}

static int attach(struct device *device, struct ioasid_space *space)
{
	return ioasid_device_attach(device->bound, space,
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = PROCESS),
		&device->route);
}

/* What any monitor does: give the guest's PASID; and tell the virtual machine, if that is needed.
 */
static void offer(struct device *device, struct ioasid_space *space, int vm)
{
	struct ioasid_device_info info = {.size = sizeof(info)};

	must(attach(device, space));
	must(ioasid_device_info(device->bound, &info));
	if (info.flags & IOASID_DEVICE_MEDIATED && info.flags & IOASID_DEVICE_ENQCMD)
		must(ioasid_kvm_map_pasid(device->route, vm));
}

static void withdraw(struct device *device)
{
	must(ioasid_attachment_detach(device->route));
	must(ioasid_device_unbind(device->bound));
}

/* The guest's process has the device write to its memory. */
static int submit(const struct device *device, int vm, uint32_t pasid)
{
	char words[] = "done";
	struct ioasid_mock_dma work = {.kind = IOASID_MOCK_DMA_WRITE,
		.pasid = pasid,
		.buffer = words,
		.length = sizeof(words)};
	int err;

	memset(memory, 0, sizeof(words));
	err = ioasid_mock_enqcmd(device->hardware, vm, &work);
	must_hold(!err == !strcmp(memory, words));
	return err;
}

static uint32_t on_the_wire(const struct device *device, const char *name)
{
	uint32_t wire = 0;

	must(ioasid_mock_wire_pasid(device->hardware, PROCESS, &wire));
	printf("  %-10s the guest's PASID %u is 0x%05x on the wire\n", name, PROCESS, wire);
	return wire;
}

static void whole_device(void)
{
	struct ioasid_space *space;
	struct ioasid_ctx *ctx;
	struct device nic;
	int vm = must(ioasid_mock_vm_new(platform));

	printf("a guest with a device of its own\n");
	must(ioasid_mock_open(platform, &ctx));
	space = make_process(ctx);
	make_device(ctx, &nic, "nic", 0);
	offer(&nic, space, vm);
	must_hold(on_the_wire(&nic, "nic") == PROCESS);
	must(submit(&nic, vm, PROCESS));
	must_hold(submit(&nic, vm, PROCESS + 1) == -EFAULT); /* no route of the device's */
	withdraw(&nic);
	must(ioasid_space_destroy(space));
	ioasid_close(ctx);
	close(vm);
}

static void mediated_devices(void)
{
	struct device accel[2], nic;
	struct ioasid_space *space;
	struct ioasid_ctx *ctx;
	int vm = must(ioasid_mock_vm_new(platform));

	printf("a guest with two mediated devices\n");
	must(ioasid_mock_open(platform, &ctx));
	space = make_process(ctx);
	make_device(ctx, &accel[0], "accel0", 1);
	make_device(ctx, &accel[1], "accel1", 1);
	offer(&accel[0], space, vm);
	offer(&accel[1], space, vm);
	/* one for both: a processor that translates does not know which device it sends to */
	must_hold(on_the_wire(&accel[0], "accel0") == on_the_wire(&accel[1], "accel1"));
	must(submit(&accel[0], vm, PROCESS));
	must(submit(&accel[1], vm, PROCESS));
	must_hold(submit(&accel[0], vm, PROCESS + 1) == -ENXIO);
	printf("  PASID %u is refused: %s\n", PROCESS + 1, ioasid_last_error());

	make_device(ctx, &nic, "nic", 0);
	must_hold(attach(&nic, space) == -EBUSY);
	printf("  a device of its own beside them is refused: %s\n", ioasid_last_error());
	must(ioasid_device_unbind(nic.bound));

	must(ioasid_kvm_unmap_pasid(accel[0].route, vm));
	must(submit(&accel[0], vm, PROCESS)); /* the other one still says the same */
	withdraw(&accel[1]);                  /* and takes that back with its attachment */
	must_hold(submit(&accel[0], vm, PROCESS) < 0);
	withdraw(&accel[0]);
	must(ioasid_space_destroy(space));
	ioasid_close(ctx);
	close(vm);
}

int main(void)
{
	must(ioasid_mock_new(NULL, &platform));
	whole_device();
	mediated_devices();
	ioasid_mock_free(platform);
	return EXIT_SUCCESS;
}
