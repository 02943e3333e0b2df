/* SPDX-License-Identifier: MIT */
/*
 * What a driver in user space needs of the library: see driver.h. The device file comes from VFIO;
 * once it is bound, its registers can be reached.
 */
#include "driver.h"
#include "../must.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define SKIPPED 77

void driver_skip(const char *why)
{
	fprintf(stderr, "passthrough: %s\n", why);
	exit(SKIPPED);
}

void driver_open(struct driver *driver)
{
	int err = ioasid_open(NULL, &driver->ctx);

	if (err == -ENOENT)
		driver_skip(ioasid_last_error());
	must(err);
	must(ioasid_space_new(driver->ctx, NULL, &driver->space));
}

static int open_device(const char *file)
{
	int fd = open(file, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		driver_skip("there is no such device file");
	perror(file);
	exit(EXIT_FAILURE);
}

void driver_take(struct driver *driver, const char *file)
{
	const struct ioasid_device_opts opts = {.size = sizeof(opts), .name = "edu"};

	driver->fd = open_device(file);
	must(ioasid_device_bind(driver->ctx, driver->fd, &opts, &driver->device));
	must(ioasid_device_attach(driver->device, driver->space, NULL, &driver->route));
	must_hold(edu_open(&driver->edu, driver->fd) == 0);
}

static void map_one(
	struct ioasid_space *space, const struct content *of, uint64_t iova, uint32_t how)
{
	struct ioasid_map map = {.addr = of->bytes,
		.length = of->room,
		.iova = iova,
		.flags = how | IOASID_MAP_FIXED};

	must(ioasid_space_map(space, &map));
}

/* The device may read the file, and write only what becomes its copy. */
void driver_map(struct driver *driver)
{
	map_one(driver->space, &driver->file, FILE_IOVA, IOASID_MAP_READ);
	map_one(driver->space, &driver->copy, COPY_IOVA, IOASID_MAP_RW);
}

void driver_unmap(struct driver *driver)
{
	must_hold(ioasid_space_unmap(driver->space, 0, UINT64_MAX) ==
		  (int64_t)(driver->file.room + driver->copy.room));
}

void driver_detach(struct driver *driver)
{
	must(ioasid_attachment_detach(driver->route));
}

void driver_end(struct driver *driver)
{
	edu_close(&driver->edu);
	must(ioasid_device_unbind(driver->device));
	must(ioasid_space_destroy(driver->space));
	ioasid_close(driver->ctx);
	close(driver->fd); /* with the last descriptor the kernel lets go of the device */
	content_free(&driver->file);
	content_free(&driver->copy);
}
