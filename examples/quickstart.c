/* SPDX-License-Identifier: MIT */
/*
 * One device, one address space, guest memory at address 0 (the proposal's flow 5.1). The
 * platform is simulated: its device does a DMA to show that the memory is reached.
 */
#include <ioasid/mock.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Alignas(4096) char ram[65536], packet[] = "hello, guest";

static int ok(int result)
{
	if (result < 0) {
		fprintf(stderr, "%s\n", ioasid_last_error());
		exit(EXIT_FAILURE);
	}
	return result;
}

int main(void)
{
	struct ioasid_mock *platform;
	struct ioasid_mock_device *hardware;
	struct ioasid_ctx *ctx;
	struct ioasid_space *gpa;
	struct ioasid_device *nic;
	struct ioasid_attachment *route;
	struct ioasid_map map = {ram, sizeof(ram), 0, IOASID_MAP_RW | IOASID_MAP_FIXED, 0};
	struct ioasid_mock_dma dma = {.kind = IOASID_MOCK_DMA_WRITE,
		.pasid = IOASID_PASID_NONE,
		.iova = 0x2000,
		.buffer = packet,
		.length = sizeof(packet)};

	ok(ioasid_mock_new(NULL, &platform));
	ok(ioasid_mock_device_new(platform, NULL, &hardware));
	ok(ioasid_mock_open(platform, &ctx));
	int fd = ok(ioasid_mock_device_fd(hardware)); /* else from VFIO */

	ok(ioasid_space_new(ctx, NULL, &gpa));
	ok(ioasid_device_bind(ctx, fd, IOASID_OPTS(ioasid_device_opts, .name = "nic0"), &nic));
	ok(ioasid_device_attach(nic, gpa, NULL, &route));
	ok(ioasid_space_map(gpa, &map));

	ok(ioasid_mock_dma(hardware, &dma));
	printf("nic0 wrote to 0x2000: %s\n", ram + 0x2000);

	ok(ioasid_attachment_detach(route));
	ok(ioasid_device_unbind(nic));
	ok(ioasid_space_destroy(gpa));
	ioasid_close(ctx);
	ioasid_mock_free(platform);
	close(fd);
	return strcmp(ram + 0x2000, packet) != 0;
}
