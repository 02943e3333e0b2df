/* SPDX-License-Identifier: MIT */
/*
 * Two devices without nesting (the proposal's flow 5.2). Both see guest memory at its guest
 * addresses. Then the guest turns on its IOMMU for the disk: the disk is detached, attached to a
 * space of its own, and the VMM translates GIOVA to process memory itself. Each device sees its
 * own, and the memory is pinned and accounted once, since it was registered.
 */
#include "must.h"
#include <ioasid/mock.h>
#include <string.h>
#include <unistd.h>

#define PAGE     4096u
#define RAM_SIZE (64 * PAGE)
#define GPA      (3 * PAGE)           /* where the guest keeps a page */
#define GIOVA    UINT64_C(0x7fff0000) /* what its driver calls that page for the disk */

struct part {
	struct ioasid_mock_device *hardware;
	struct ioasid_device *device;
	struct ioasid_attachment *route;
};

static void plug(
	struct ioasid_mock *platform, struct ioasid_ctx *ctx, struct part *part, const char *name)
{
	int fd;

	must(ioasid_mock_device_new(platform, NULL, &part->hardware));
	fd = must(ioasid_mock_device_fd(part->hardware));
	must(ioasid_device_bind(
		ctx, fd, IOASID_OPTS(ioasid_device_opts, .name = name), &part->device));
	close(fd);
}

static void unplug(struct part *part)
{
	must(ioasid_attachment_detach(part->route));
	must(ioasid_device_unbind(part->device));
}

/* What the device finds at an address of its own: 0, or -EFAULT. */
static int look(struct part *part, uint64_t iova, char *seen, size_t length)
{
	struct ioasid_mock_dma dma = {.kind = IOASID_MOCK_DMA_READ,
		.pasid = IOASID_PASID_NONE,
		.iova = iova,
		.buffer = seen,
		.length = length};

	return ioasid_mock_dma(part->hardware, &dma);
}

static uint64_t pinned(struct ioasid_mock *platform)
{
	struct ioasid_mock_stats stats = {.size = sizeof(stats)};

	must(ioasid_mock_stats(platform, &stats));
	return stats.pinned;
}

static void map(struct ioasid_space *space, void *addr, uint64_t length, uint64_t iova)
{
	struct ioasid_map map = {addr, length, iova, IOASID_MAP_RW | IOASID_MAP_FIXED, 0};

	must(ioasid_space_map(space, &map));
}

/* The guest's IOMMU driver maps one page for the disk; the VMM knows where that page is. */
static struct ioasid_space *move_disk(struct ioasid_ctx *ctx, struct part *disk, char *ram)
{
	struct ioasid_space *giova;

	must(ioasid_attachment_detach(disk->route));
	must(ioasid_space_new(ctx, NULL, &giova));
	must(ioasid_device_attach(disk->device, giova, NULL, &disk->route));
	map(giova, ram + GPA, PAGE, GIOVA);
	return giova;
}

static void show(struct part *nic, struct part *disk)
{
	char seen[16];

	must(look(nic, GPA, seen, sizeof(seen)));
	printf("nic,  at GPA   0x%x: %s\n", GPA, seen);
	must_hold(!strcmp(seen, "one page"));
	must(look(disk, GIOVA, seen, sizeof(seen)));
	printf("disk, at GIOVA 0x%llx: %s\n", (unsigned long long)GIOVA, seen);
	must_hold(!strcmp(seen, "one page"));
	must_hold(look(disk, GPA, seen, sizeof(seen)) < 0);
	must_hold(look(nic, GIOVA, seen, sizeof(seen)) < 0);
}

int main(void)
{
	static _Alignas(4096) char ram[RAM_SIZE];
	struct part nic, disk;
	struct ioasid_mock *platform;
	struct ioasid_ctx *ctx;
	struct ioasid_space *gpa, *giova;
	char seen[16];

	strcpy(ram + GPA, "one page");
	must(ioasid_mock_new(NULL, &platform));
	must(ioasid_mock_open(platform, &ctx));
	plug(platform, ctx, &nic, "nic");
	plug(platform, ctx, &disk, "disk");

	must(ioasid_memory_register(ctx, ram, sizeof(ram)));
	must(ioasid_space_new(ctx, NULL, &gpa));
	must(ioasid_device_attach(nic.device, gpa, NULL, &nic.route));
	must(ioasid_device_attach(disk.device, gpa, NULL, &disk.route));
	map(gpa, ram, sizeof(ram), 0);
	must(look(&disk, GPA, seen, sizeof(seen)));
	must_hold(!strcmp(seen, "one page"));

	giova = move_disk(ctx, &disk, ram);
	show(&nic, &disk);
	printf("pinned: %llu of %zu bytes\n", (unsigned long long)pinned(platform), sizeof(ram));
	must_hold(pinned(platform) == sizeof(ram));

	unplug(&disk);
	unplug(&nic);
	must(ioasid_space_destroy(giova));
	must(ioasid_space_destroy(gpa));
	must(ioasid_memory_unregister(ctx, ram, sizeof(ram)));
	must_hold(pinned(platform) == 0);
	ioasid_close(ctx);
	ioasid_mock_free(platform);
	return EXIT_SUCCESS;
}
