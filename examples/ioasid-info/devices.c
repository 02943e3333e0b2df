/* SPDX-License-Identifier: MIT */
/*
 * The devices that could be bound: see devices.h. Each one that a VFIO driver holds has an entry in
 * one folder of sysfs, which leads to the device itself and on to its IOMMU group.
 */
#include "devices.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLASS  "/sys/class/vfio-dev"
#define GROUPS "/sys/kernel/iommu_groups"

static int is_entry(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Entries by name; their number, none if there is no such folder. */
static unsigned int list(const char *folder, struct dirent ***entries)
{
	int n = scandir(folder, entries, is_entry, alphasort);

	if (n < 0)
		*entries = NULL;
	return n < 0 ? 0 : (unsigned int)n;
}

static void forget(struct dirent **entries, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
}

static unsigned int count(const char *folder)
{
	struct dirent **entries;
	unsigned int n = list(folder, &entries);

	forget(entries, n);
	return n;
}

/* The last part of where a link of the device leads; "" if there is none. */
static void follow(const char *device, const char *link, char *part, size_t size)
{
	char path[600], target[512];
	const char *slash;
	ssize_t length;

	part[0] = '\0';
	snprintf(path, sizeof(path), CLASS "/%s/device%s", device, link);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return;
	target[length] = '\0';
	slash = strrchr(target, '/');
	snprintf(part, size, "%.*s", (int)size - 1, slash ? slash + 1 : target);
}

static void show_link(struct out *out, const char *device, const char *key, const char *link)
{
	char part[128];

	follow(device, link, part, sizeof(part));
	if (part[0])
		out_text(out, key, "%s", part);
}

static void show_group(struct out *out, const char *device)
{
	char path[600], part[128];

	follow(device, "/iommu_group", part, sizeof(part));
	if (!part[0])
		return;
	snprintf(path, sizeof(path), CLASS "/%s/device/iommu_group/devices", device);
	out_number(out, "group", strtoul(part, NULL, 10));
	out_number(out, "group_size", count(path));
}

static void show_device(struct out *out, const char *device)
{
	char file[300];

	snprintf(file, sizeof(file), "/dev/vfio/devices/%s", device);
	out_open_item(out, device);
	show_link(out, device, "device", "");
	show_link(out, device, "bus", "/subsystem");
	show_link(out, device, "driver", "/driver");
	show_group(out, device);
	out_text(out, "device_file", "%s", file);
	out_yes(out, "may_be_opened", !access(file, R_OK | W_OK));
	out_close(out);
}

void devices_show(struct out *out)
{
	struct dirent **entries;
	unsigned int n = list(CLASS, &entries);

	out_number(out, "iommu_groups", count(GROUPS));
	out_open_list(out, "devices");
	if (!n)
		out_none(out, "none that a VFIO driver holds, as vfio-pci would");
	for (unsigned int i = 0; i < n; i++)
		show_device(out, entries[i]->d_name);
	out_close(out);
	forget(entries, n);
}
