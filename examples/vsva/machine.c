/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine as the VMM holds it: see machine.h. Built step by step and forward; what was
 * not reached is NULL, and the library's destructors take NULL.
 */
#include "machine.h"
#include <sys/mman.h>
#include <unistd.h>

#define CREDITS     64u
#define GROUP_PAGES 8u
#define TLB_ENTRIES 1024u
#define PASID_BITS  8u

static int failed(struct machine *machine)
{
	return trouble_add(machine->trouble, "%s", ioasid_last_error());
}

unsigned int machine_group_pages(void)
{
	return GROUP_PAGES;
}

/* The platform watches every use of what it has cached, and tells if that was stale. */
static int open_platform(struct machine *machine)
{
	struct ioasid_mock_opts opts = {.size = sizeof(opts), .flags = IOASID_MOCK_CHECK_STALE};
	struct ioasid_mock_iommu_opts iommu = {.size = sizeof(iommu),
		.flags = IOASID_MOCK_IOMMU_NESTING,
		.pgtable_formats = UINT32_C(1) << IOASID_PGTABLE_VTD_S1};

	if (ioasid_mock_new(&opts, &machine->platform) ||
		ioasid_mock_iommu_new(machine->platform, &iommu, NULL) ||
		ioasid_mock_open(machine->platform, &machine->ctx))
		return failed(machine);
	return 0;
}

/* Mediated: the PASIDs that travel are the host's, so a processor that submits work to it must
 * translate the guest's. It keeps translations itself, and asks for pages that are not there. */
static int plug_device(struct machine *machine)
{
	struct ioasid_mock_device_opts opts = {.size = sizeof(opts),
		.flags = IOASID_MOCK_DEVICE_MDEV | IOASID_MOCK_DEVICE_ENQCMD |
			 IOASID_MOCK_DEVICE_ATS | IOASID_MOCK_DEVICE_PRI,
		.pasid_bits = PASID_BITS,
		.tlb_entries = TLB_ENTRIES,
		.credits = CREDITS,
		.group_pages = GROUP_PAGES};

	machine->v_rid = 0x0100; /* 01:00.0 */
	if (ioasid_mock_device_new(machine->platform, &opts, &machine->hardware))
		return failed(machine);
	machine->vm = ioasid_mock_vm_new(machine->platform);
	return machine->vm < 0 ? failed(machine) : 0;
}

static int bind_device(struct machine *machine)
{
	struct ioasid_device_opts opts = {
		.size = sizeof(opts), .label = machine->v_rid, .name = "01:00.0"};
	int fd = ioasid_mock_device_fd(machine->hardware), bound;

	if (fd < 0)
		return failed(machine);
	bound = ioasid_device_bind(machine->ctx, fd, &opts, &machine->device);
	close(fd);
	return bound ? failed(machine) : 0;
}

/* At worst the device spends each credit on a group. */
static int open_queue(struct machine *machine)
{
	struct ioasid_faultq_opts opts = {.size = sizeof(opts),
		.flags = IOASID_FAULTQ_SINGLE_CONSUMER,
		.group_max = GROUP_PAGES,
		.max_outstanding = CREDITS};

	return ioasid_faultq_new(machine->ctx, &opts, &machine->faults) ? failed(machine) : 0;
}

/* Guest memory at guest address 0, below what guests' page tables translate. */
static int map_ram(struct machine *machine)
{
	struct ioasid_space_opts opts = {.size = sizeof(opts), .flags = IOASID_SPACE_NEST_PARENT};
	struct ioasid_map map = {
		.length = machine->ram_size, .flags = IOASID_MAP_RW | IOASID_MAP_FIXED};

	machine->ram = mmap(NULL, machine->ram_size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (machine->ram == MAP_FAILED) {
		machine->ram = NULL;
		return trouble_add(machine->trouble, "no memory for the guest");
	}
	map.addr = machine->ram;
	if (ioasid_space_new(machine->ctx, &opts, &machine->gpa) ||
		ioasid_space_map(machine->gpa, &map))
		return failed(machine);
	return 0;
}

int machine_build(struct machine *machine)
{
	if (open_platform(machine) || plug_device(machine) || bind_device(machine))
		return -1;
	return open_queue(machine) || map_ram(machine) ? -1 : 0;
}

int machine_destroy(struct machine *machine)
{
	if (ioasid_device_unbind(machine->device) || ioasid_space_destroy(machine->gpa))
		failed(machine);
	ioasid_faultq_free(machine->faults);
	ioasid_close(machine->ctx);
	ioasid_mock_free(machine->platform);
	if (machine->vm >= 0)
		close(machine->vm);
	if (machine->ram)
		munmap(machine->ram, machine->ram_size);
	*machine = (struct machine){.trouble = machine->trouble, .vm = -1};
	return trouble_any(machine->trouble) ? -1 : 0;
}

struct machine_route *machine_route(struct machine *machine, uint32_t v_pasid)
{
	if (!v_pasid || v_pasid > MACHINE_PROCESSES)
		return NULL;
	return &machine->routes[v_pasid - 1];
}

bool machine_has(const void *arg, uint64_t v_rid, uint32_t v_pasid)
{
	const struct machine *machine = arg;

	return v_rid == machine->v_rid && v_pasid && v_pasid <= MACHINE_PROCESSES &&
	       machine->routes[v_pasid - 1].has_table;
}
