/* SPDX-License-Identifier: MIT */
/*
 * A guest whose memory is a file (memfd), as monitors have it that share it with other processes:
 * the guest's memory map is fixed when it starts, and a device that is plugged in later must suit
 * it. One does; the other has a window of its own in the midst of it, and is told so at the attach.
 */
#include "must.h"
#include <errno.h>
#include <fcntl.h>
#include <ioasid/mock.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM_BASE UINT64_C(0x4000000)
#define RAM_SIZE UINT64_C(0x100000)

static const struct ioasid_range guest_map[] = {{RAM_BASE, RAM_BASE + RAM_SIZE - 1}};
static const struct ioasid_range in_the_way = {RAM_BASE + 0x8000, RAM_BASE + 0x8fff};

/* A device whose IOMMU keeps these addresses for itself, or none. */
static struct ioasid_device *plug_in(struct ioasid_mock *platform, struct ioasid_ctx *ctx,
	const struct ioasid_range *reserved, struct ioasid_mock_device **hardware)
{
	struct ioasid_device *device;
	uint32_t iommu;
	int fd;

	must(ioasid_mock_iommu_new(platform,
		IOASID_OPTS(ioasid_mock_iommu_opts, .reserved = reserved,
			.reserved_count = reserved ? 1 : 0),
		&iommu));
	must(ioasid_mock_device_new(
		platform, IOASID_OPTS(ioasid_mock_device_opts, .iommu = iommu), hardware));
	fd = must(ioasid_mock_device_fd(*hardware));
	must(ioasid_device_bind(ctx, fd,
		IOASID_OPTS(ioasid_device_opts, .name = reserved ? "picky" : "plain"), &device));
	close(fd);
	return device;
}

static int make_ram(void)
{
	int ram = memfd_create("guest", MFD_CLOEXEC);

	must_hold(ram >= 0 && !ftruncate(ram, (off_t)RAM_SIZE));
	return ram;
}

/* What the device wrote is in the file. */
static void try_dma(struct ioasid_mock_device *hardware, int ram)
{
	char packet[] = "hello, file", seen[sizeof(packet)];
	struct ioasid_mock_dma dma = {.kind = IOASID_MOCK_DMA_WRITE,
		.pasid = IOASID_PASID_NONE,
		.iova = RAM_BASE + 0x8000,
		.buffer = packet,
		.length = sizeof(packet)};

	must(ioasid_mock_dma(hardware, &dma));
	must_hold(pread(ram, seen, sizeof(seen), 0x8000) == (ssize_t)sizeof(seen));
	must_hold(!memcmp(seen, packet, sizeof(seen)));
	printf("the file has at 0x8000: %s\n", seen);
}

int main(void)
{
	struct ioasid_map memory = {
		.length = RAM_SIZE, .iova = RAM_BASE, .flags = IOASID_MAP_RW | IOASID_MAP_FIXED};
	struct ioasid_mock_device *hardware, *other;
	struct ioasid_attachment *route, *refused;
	struct ioasid_device *plain, *picky;
	struct ioasid_mock *platform;
	struct ioasid_space *gpa;
	struct ioasid_ctx *ctx;
	int ram = make_ram();

	must(ioasid_mock_new(NULL, &platform));
	must(ioasid_mock_open(platform, &ctx));
	must(ioasid_space_new(ctx, NULL, &gpa));
	must(ioasid_space_allow(gpa, guest_map, 1));
	plain = plug_in(platform, ctx, NULL, &hardware);
	picky = plug_in(platform, ctx, &in_the_way, &other);

	must_hold(ioasid_device_attach(picky, gpa, NULL, &refused) == -EADDRINUSE);
	printf("%s\n", ioasid_last_error());
	must(ioasid_device_attach(plain, gpa, NULL, &route));
	must(ioasid_space_map_file(gpa, ram, 0, &memory));
	try_dma(hardware, ram);

	must(ioasid_attachment_detach(route));
	must(ioasid_device_unbind(plain));
	must(ioasid_device_unbind(picky));
	must(ioasid_space_destroy(gpa)); /* and its map, with the library's view of the file */
	ioasid_close(ctx);
	ioasid_mock_free(platform);
	close(ram);
	return EXIT_SUCCESS;
}
