/* SPDX-License-Identifier: MIT */
/*
 * The fixture of tests on self-test devices: see rig.h.
 */
#include "rig.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void rig_open(struct rig *rig, uint32_t flags)
{
	memset(rig, 0, sizeof(*rig));
	ledger_open();
	rig->pinned = selftest_pinned();
	ok(selftest_open(flags, &rig->ctx, &rig->be));
	rig->iommufd = iommufd_of(rig->be)->fd;
}

struct ioasid_device *rig_bind(struct rig *rig)
{
	unsigned int i = rig->devices;
	char name[8];
	int fd;

	ck_assert_uint_lt(i, RIG_DEVICES);
	snprintf(name, sizeof(name), "nic%u", i);
	fd = ok(selftest_fd(&rig->hw[i]));
	ok(ioasid_device_bind(rig->ctx, fd,
		IOASID_OPTS(ioasid_device_opts, .label = i + 1, .name = name), &rig->device[i]));
	close(fd);
	rig->devices++;
	return rig->device[i];
}

void rig_begin(struct rig *rig, unsigned int devices)
{
	rig_open(rig, 0);
	while (rig->devices < devices)
		rig_bind(rig);
}

static void look(const struct rig *rig)
{
	ledger_close();
	ck_assert_uint_eq(selftest_pinned(), rig->pinned);
}

void rig_end(struct rig *rig)
{
	for (unsigned int i = 0; i < rig->devices; i++)
		ok(ioasid_device_unbind(rig->device[i]));
	ioasid_close(rig->ctx);
	look(rig);
}

void rig_close(struct rig *rig)
{
	ioasid_close(rig->ctx);
	look(rig);
	for (unsigned int i = 0; i < rig->devices; i++)
		ok(ioasid_device_unbind(rig->device[i]));
}

struct ioasid_space *rig_space(struct rig *rig, uint32_t flags)
{
	struct ioasid_space *space;

	ok(ioasid_space_new(rig->ctx, IOASID_OPTS(ioasid_space_opts, .flags = flags), &space));
	return space;
}

struct ioasid_attachment *rig_attach(struct rig *rig, unsigned int i, struct ioasid_space *space)
{
	struct ioasid_attachment *route;

	ok(ioasid_device_attach(rig->device[i], space, NULL, &route));
	return route;
}

int rig_map(struct ioasid_space *space, uint64_t iova, const void *addr, uint64_t length,
	uint32_t flags)
{
	struct ioasid_map map = {
		.addr = (void *)(uintptr_t)addr,
		.length = length,
		.iova = iova,
		.flags = flags | IOASID_MAP_FIXED,
	};

	return ioasid_space_map(space, &map);
}

int rig_bind_table(struct ioasid_space *child, uint32_t format)
{
	return ioasid_space_bind_pgtable(child, &(struct ioasid_pgtable){
							.size = sizeof(struct ioasid_pgtable),
							.format = format,
							.addr = RIG_TABLE,
							.addr_width = 48,
						});
}

void rig_holds(const struct selftest_device *hw, uint64_t iova, const void *addr)
{
	ck_assert_int_eq(selftest_check_map(hw, iova, LENGTH, addr), 0);
}

void rig_lacks(const struct selftest_device *hw, uint64_t iova, const void *addr)
{
	for (uint64_t page = 0; page < LENGTH; page += PAGE)
		ck_assert_int_eq(
			selftest_check_map(hw, iova + page, PAGE, (const char *)addr + page),
			-EINVAL);
}
