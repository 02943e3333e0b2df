/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine as the VMM holds it: see machine.h. Built step by step and forward; what was
 * not reached is NULL, and the library's destructors take NULL.
 */
#include "machine.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CREDITS 32u

static int failed(struct machine *machine)
{
	return trouble_add(machine->trouble, "%s", ioasid_last_error());
}

static uint32_t power_of_two(uint32_t least)
{
	uint32_t power = IOASID_RING_COUNT_MIN;

	while (power < least)
		power *= 2;
	return power;
}

static uint32_t credits(const struct machine *machine)
{
	return machine->group_pages > CREDITS ? machine->group_pages : CREDITS;
}

/* The ring is as small as a group allows: that it is full at times is nothing to be afraid of.
 * Groups unanswered must all have room: at worst each device spends each credit on a group. */
static int open_queue(struct machine *machine)
{
	struct ioasid_faultq_opts opts = {.size = sizeof(opts),
		.flags = IOASID_FAULTQ_SINGLE_CONSUMER,
		.records = power_of_two(machine->group_pages),
		.group_max = machine->group_pages,
		.max_outstanding = machine->count * credits(machine)};

	return ioasid_faultq_new(machine->ctx, &opts, &machine->faults) ? failed(machine) : 0;
}

/* An IOMMU that walks page tables of the guest's format, and the parent's below. */
static int add_iommu(struct machine *machine)
{
	struct ioasid_mock_iommu_opts opts = {.size = sizeof(opts),
		.flags = IOASID_MOCK_IOMMU_NESTING,
		.pgtable_formats = UINT32_C(1) << machine->pgtable_format};

	if (!machine->pgtable_format)
		return 0; /* the first device brings a plain one */
	return ioasid_mock_iommu_new(machine->platform, &opts, NULL) ? failed(machine) : 0;
}

static int open_platform(struct machine *machine)
{
	if (ioasid_mock_new(NULL, &machine->platform) ||
		ioasid_mock_open(machine->platform, &machine->ctx))
		return failed(machine);
	return add_iommu(machine) ? -1 : open_queue(machine);
}

/* Guest memory at guest address 0; the host gives it pages as they are touched. */
static int map_ram(struct machine *machine)
{
	struct ioasid_map map = {
		.length = machine->ram_size, .flags = IOASID_MAP_RW | IOASID_MAP_FIXED};
	struct ioasid_space_opts opts = {.size = sizeof(opts)};

	machine->ram = mmap(NULL, machine->ram_size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (machine->ram == MAP_FAILED) {
		machine->ram = NULL;
		return trouble_add(machine->trouble, "no memory for the guest");
	}
	map.addr = machine->ram;
	if (machine->pgtable_format)
		opts.flags = IOASID_SPACE_NEST_PARENT;
	if (ioasid_space_new(machine->ctx, &opts, &machine->gpa) ||
		ioasid_space_map(machine->gpa, &map))
		return failed(machine);
	return 0;
}

static int bind(struct machine *machine, struct machine_device *device)
{
	struct ioasid_mock_device_opts hardware = {.size = sizeof(hardware),
		.flags = IOASID_MOCK_DEVICE_PRI,
		.pasid_bits = 8,
		.credits = credits(machine),
		.group_pages = machine->group_pages};
	struct ioasid_device_opts opts = {.size = sizeof(opts), .label = device->v_rid};
	char name[32];
	int fd, bound;

	if (ioasid_mock_device_new(machine->platform, &hardware, &device->hardware))
		return failed(machine);
	fd = ioasid_mock_device_fd(device->hardware);
	if (fd < 0)
		return failed(machine);
	snprintf(name, sizeof(name), "%02x:%02x.0", device->v_rid >> 8, device->v_rid >> 3 & 31);
	opts.name = name;
	bound = ioasid_device_bind(machine->ctx, fd, &opts, &device->device);
	close(fd);
	return bound ? failed(machine) : 0;
}

/* First to all of guest memory, then on top of it to what the guest's IOMMU driver will show. */
static int attach(struct machine *machine, struct machine_device *device)
{
	struct ioasid_attach_opts route = {
		.size = sizeof(route), .flags = IOASID_ATTACH_PASID, .pasid = device->v_pasid};
	struct ioasid_space_opts opts = {.size = sizeof(opts), .faults = machine->faults};

	if (ioasid_space_new_nested(machine->gpa, &opts, &device->giova) ||
		ioasid_device_attach(device->device, machine->gpa, &route, &device->to_gpa) ||
		ioasid_device_attach(device->device, device->giova, &route, &device->to_giova))
		return failed(machine);
	return 0;
}

static int add_devices(struct machine *machine)
{
	machine->devices = calloc(machine->count, sizeof(*machine->devices));
	if (!machine->devices)
		return trouble_add(machine->trouble, "out of memory");
	for (unsigned int i = 0; i < machine->count; i++) {
		machine->devices[i].v_rid = i << 3; /* function 0 of device i */
		machine->devices[i].v_pasid = i + 1;
		if (bind(machine, &machine->devices[i]) || attach(machine, &machine->devices[i]))
			return -1;
	}
	return 0;
}

int machine_build(struct machine *machine)
{
	return open_platform(machine) || map_ram(machine) ? -1 : add_devices(machine);
}

static void remove_device(struct machine *machine, struct machine_device *device)
{
	if (device->has_table && ioasid_space_unbind_pgtable(device->giova))
		failed(machine);
	if (ioasid_attachment_detach(device->to_giova) ||
		ioasid_attachment_detach(device->to_gpa) || ioasid_device_unbind(device->device) ||
		ioasid_space_destroy(device->giova))
		failed(machine);
}

int machine_destroy(struct machine *machine)
{
	for (unsigned int i = 0; machine->devices && i < machine->count; i++)
		remove_device(machine, &machine->devices[i]);
	if (ioasid_space_destroy(machine->gpa))
		failed(machine);
	ioasid_faultq_free(machine->faults);
	ioasid_close(machine->ctx);
	ioasid_mock_free(machine->platform);
	if (machine->ram)
		munmap(machine->ram, machine->ram_size);
	free(machine->devices);
	*machine = (struct machine){.trouble = machine->trouble};
	return trouble_any(machine->trouble) ? -1 : 0;
}

struct machine_device *machine_find(const struct machine *machine, uint64_t v_rid, uint32_t v_pasid)
{
	struct machine_device *device;

	if (v_rid >> 3 >= machine->count)
		return NULL;
	device = &machine->devices[v_rid >> 3];
	return device->v_rid == v_rid && device->v_pasid == v_pasid ? device : NULL;
}
