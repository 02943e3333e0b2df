/* SPDX-License-Identifier: MIT */
/*
 * Where QEMU's "edu" devices are: see find.h. A PCI device that vfio-pci holds has a folder
 * vfio-dev in sysfs, with one entry: the name of its device file.
 */
#include "find.h"
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICES "/sys/bus/pci/devices"

static bool is_edu(const char *address)
{
	char line[300], vendor[8] = "", device[8] = "";
	FILE *file;

	snprintf(line, sizeof(line), DEVICES "/%s/uevent", address);
	file = fopen(line, "re");
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file))
		sscanf(line, "PCI_ID=%4[0-9A-F]:%4[0-9A-F]", vendor, device);
	fclose(file);
	return !strcmp(vendor, "1234") && !strcmp(device, "11E8");
}

static bool find_file(struct edu_place *place)
{
	char path[80];
	const struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), DEVICES "/%s/vfio-dev", place->address);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		found = !strncmp(entry->d_name, "vfio", 4);
		snprintf(
			place->file, sizeof(place->file), "/dev/vfio/devices/%.20s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static int group_of(const char *address)
{
	char path[80], target[256];
	ssize_t length;

	snprintf(path, sizeof(path), DEVICES "/%s/iommu_group", address);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return -1;
	target[length] = '\0';
	return atoi(strrchr(target, '/') + 1);
}

size_t edu_find(struct edu_place *places, size_t room)
{
	struct dirent **entries;
	int n = scandir(DEVICES, &entries, NULL, alphasort);
	size_t found = 0;

	for (int i = 0; i < n; i++) {
		struct edu_place place;

		snprintf(place.address, sizeof(place.address), "%.15s", entries[i]->d_name);
		place.group = group_of(place.address);
		if (is_edu(place.address) && find_file(&place) && found++ < room)
			places[found - 1] = place;
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return found;
}
