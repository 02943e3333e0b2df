/* SPDX-License-Identifier: MIT */
/*
 * A driver in user space: copies a file through QEMU's edu device, by DMA through the IOMMU, and
 * shows that no byte moves any more once the memory is unmapped, or the device detached.
 *
 *   passthrough [-d DEVICE-FILE] [-o COPY] [FILE]      without FILE: 64 KiB of a pattern
 *
 * Ends with 77 where there is no such device.
 */
#include "../must.h"
#include "driver.h"
#include "find.h"
#include <string.h>
#include <unistd.h>

#define CHUNK 4032u /* what the device can carry at a time, but for a few bytes */

/* Bytes that tell who was there. */
#define INSIDE  0x1d /* in the device's buffer */
#define OUTSIDE 0xa5 /* memory that the device must not change */
#define SECRET  0x5e /* memory that the device must not see */

static void find_device(const char **file)
{
	static struct edu_place place;

	if (*file)
		return;
	if (!edu_find(&place, 1))
		driver_skip(
			"no edu device that vfio-pci holds: see qemu-system-x86_64 -device edu,help");
	*file = place.file;
	printf("%s is edu, of IOMMU group %d\n", place.address, place.group);
}

static void move(struct driver *driver, size_t at, size_t length)
{
	must_hold(edu_from_memory(&driver->edu, FILE_IOVA + at, 0, length) == 0);
	must_hold(edu_to_memory(&driver->edu, COPY_IOVA + at, 0, length) == 0);
}

static void copy(struct driver *driver)
{
	size_t size = driver->file.size;

	for (size_t at = 0; at < size; at += CHUNK)
		move(driver, at, size - at < CHUNK ? size - at : CHUNK);
	must_hold(!memcmp(driver->copy.bytes, driver->file.bytes, size));
	driver->copy.size = size;
	printf("%zu bytes went through the device, and the copy equals the file\n", size);
}

static int all_are(const unsigned char *bytes, unsigned char value)
{
	for (size_t i = 0; i < CHUNK; i++)
		if (bytes[i] != value)
			return 0;
	return 1;
}

/* The device is not told, nor is it stopped: the IOMMU lets nothing through. */
static void show_nothing_moves(struct driver *driver, const char *when)
{
	memset(driver->file.bytes, SECRET, CHUNK);
	memset(driver->copy.bytes, OUTSIDE, CHUNK);
	move(driver, 0, CHUNK);
	must_hold(all_are(driver->copy.bytes, OUTSIDE));
	printf("%s: the device wrote, and memory is as it was\n", when);
}

static void fill_device(struct driver *driver)
{
	memset(driver->file.bytes, INSIDE, CHUNK);
	must_hold(edu_from_memory(&driver->edu, FILE_IOVA, 0, CHUNK) == 0);
}

/* Where memory is mapped again, the device shows what it has: not what it was to read meanwhile. */
static void show_nothing_was_read(struct driver *driver)
{
	must_hold(edu_to_memory(&driver->edu, COPY_IOVA, 0, CHUNK) == 0);
	must_hold(!all_are(driver->copy.bytes, OUTSIDE) && !all_are(driver->copy.bytes, SECRET));
	printf("mapped again: the device wrote, but had read nothing meanwhile\n");
}

static void usage(void)
{
	fprintf(stderr, "usage: passthrough [-d DEVICE-FILE] [-o COPY] [FILE]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	const char *device = NULL, *output = NULL;
	struct driver driver = {.fd = -1};

	for (int option; (option = getopt(argc, argv, "d:o:")) != -1;) {
		if (option == '?')
			usage();
		*(option == 'd' ? &device : &output) = optarg;
	}
	if (argc - optind > 1)
		usage();
	find_device(&device);
	driver_open(&driver);
	driver_take(&driver, device);
	content_read(&driver.file, argv[optind]);
	content_new(&driver.copy, driver.file.size);

	driver_map(&driver);
	copy(&driver);
	content_write(&driver.copy, output);
	fill_device(&driver);
	driver_unmap(&driver);
	show_nothing_moves(&driver, "unmapped");
	driver_map(&driver);
	show_nothing_was_read(&driver);
	driver_detach(&driver);
	show_nothing_moves(&driver, "detached");
	driver_end(&driver);
	return EXIT_SUCCESS;
}
