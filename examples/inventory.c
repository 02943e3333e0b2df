/* SPDX-License-Identifier: MIT */
/*
 * What a VMM may ask: what the context can do, what a device is, which addresses a space may use
 * and how that changes with each device, what the tree looks like. Ends with a dump of it, or with
 * --dot one for dot(1).
 */
#include "must.h"
#include <ioasid/mock.h>
#include <string.h>
#include <unistd.h>

static const char *const abilities[] = {
	[IOASID_EXT_REGISTER_MEMORY] = "memory can be registered",
	[IOASID_EXT_REGISTER_PINS] = "registering pins",
	[IOASID_EXT_MAP_BEFORE_ATTACH] = "maps before the first device",
	[IOASID_EXT_GROUP_STRICT] = "groups are attached device by device",
	[IOASID_EXT_NEST_SOFTWARE] = "children take maps",
	[IOASID_EXT_REPLACE_ATOMIC] = "routes move without a gap",
	[IOASID_EXT_FAULT_QUEUE] = "page requests",
	[IOASID_EXT_RESPONSE_FAILURE] = "FAILURE travels as FAILURE",
};

static void show_abilities(struct ioasid_ctx *ctx)
{
	for (uint32_t i = 1; i < sizeof(abilities) / sizeof(abilities[0]); i++)
		printf("%-40s %s\n", abilities[i],
			must(ioasid_check_extension(ctx, i)) ? "yes" : "no");
}

static struct ioasid_device *bind(struct ioasid_mock *platform, struct ioasid_ctx *ctx)
{
	struct ioasid_range msi = {0xfee00000, 0xfeefffff};
	struct ioasid_mock_iommu_opts iommu = {
		.size = sizeof(iommu), .reserved = &msi, .reserved_count = 1};
	struct ioasid_mock_device_opts gpu = {
		.size = sizeof(gpu), .flags = IOASID_MOCK_DEVICE_PRI, .pasid_bits = 8};
	struct ioasid_device_opts opts = {.size = sizeof(opts), .label = 0x0108, .name = "gpu"};
	struct ioasid_mock_device *hardware;
	struct ioasid_device *device;
	int fd;

	must(ioasid_mock_iommu_new(platform, &iommu, &gpu.iommu));
	must(ioasid_mock_device_new(platform, &gpu, &hardware));
	fd = must(ioasid_mock_device_fd(hardware));
	must(ioasid_device_bind(ctx, fd, &opts, &device));
	close(fd);
	return device;
}

static void show_device(struct ioasid_device *device)
{
	struct ioasid_device_info info = {.size = sizeof(info)};

	must(ioasid_device_info(device, &info));
	printf("%s: label 0x%llx, group of %u, %u PASID bits, %u credits%s\n", info.name,
		(unsigned long long)info.label, info.group_size, info.pasid_bits, info.credits,
		info.flags & IOASID_DEVICE_PAGE_REQUESTS ? ", raises page requests" : "");
	must_hold(info.label == 0x0108 && info.pasid_bits == 8);
}

/* Returns how many ranges there are. */
static int show_ranges(struct ioasid_space *space, const char *when)
{
	struct ioasid_range ranges[8];
	int count = must(ioasid_space_ranges(space, ranges, 8));

	printf("space %u, %s:", ioasid_space_id(space), when);
	for (int i = 0; i < count && i < 8; i++)
		printf(" 0x%llx-0x%llx", (unsigned long long)ranges[i].first,
			(unsigned long long)ranges[i].last);
	printf("\n");
	return count;
}

static void show_space(struct ioasid_space *space)
{
	struct ioasid_space_info info = {.size = sizeof(info)};
	struct ioasid_space *child = NULL;

	must(ioasid_space_info(space, &info));
	printf("space %u: %llu bytes in %llu maps, %u attached, %u nested\n", info.id,
		(unsigned long long)info.mapped, (unsigned long long)info.maps, info.attachments,
		info.children);
	must_hold(must(ioasid_space_children(space, &child, 1)) == (int)info.children);
	must_hold(!child || ioasid_space_parent(child) == space);
}

static void show_tree(struct ioasid_ctx *ctx, int argc, char **argv)
{
	int dot = argc > 1 && !strcmp(argv[1], "--dot");

	must(ioasid_dump(ctx, dot ? IOASID_DUMP_GRAPHVIZ : IOASID_DUMP_TEXT, stdout));
}

int main(int argc, char **argv)
{
	static _Alignas(4096) char ram[65536];
	struct ioasid_map map = {.addr = ram, .length = sizeof(ram), .flags = IOASID_MAP_READ};
	struct ioasid_mock *platform;
	struct ioasid_ctx *ctx;
	struct ioasid_space *old, *new, *child;
	struct ioasid_device *device;
	struct ioasid_attachment *route;

	must(ioasid_mock_new(NULL, &platform));
	must(ioasid_mock_open(platform, &ctx));
	show_abilities(ctx);
	device = bind(platform, ctx);
	show_device(device);

	must(ioasid_space_new(ctx, NULL, &old));
	must(ioasid_space_new(ctx, NULL, &new));
	must(ioasid_space_new_nested(new, NULL, &child));
	must_hold(show_ranges(old, "empty") == 1);
	must(ioasid_device_attach(device, old, NULL, &route));
	must_hold(show_ranges(old, "with the device") == 2);
	must(ioasid_attachment_replace(route, new));
	must_hold(ioasid_attachment_space(route) == new);
	must(ioasid_space_map(new, &map)); /* anywhere: the library picks the address */
	show_space(new);
	show_tree(ctx, argc, argv);

	ioasid_close(ctx); /* ends it all; what follows only frees the handles */
	must_hold(ioasid_space_destroy(child) == 0 && ioasid_space_destroy(new) == 0);
	must_hold(ioasid_space_destroy(old) == 0 && ioasid_attachment_detach(route) == 0);
	must_hold(ioasid_device_unbind(device) == 0);
	ioasid_mock_free(platform);
	return EXIT_SUCCESS;
}
