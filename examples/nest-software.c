/* SPDX-License-Identifier: MIT */
/*
 * Software nesting (the proposal's flow 5.3): a child space maps GIOVA to guest addresses, its
 * parent maps those to process memory. Whatever changes on either level shows at once in what the
 * device reads. Done twice: on a platform that nests by itself, and on one where the library does.
 */
#include "must.h"
#include <ioasid/mock.h>
#include <string.h>
#include <unistd.h>

#define PAGE  4096u
#define GIOVA UINT64_C(0x100000)
#define LOW   UINT64_C(0x0000) /* guest addresses */
#define HIGH  UINT64_C(0x8000)

struct machine {
	struct ioasid_mock *platform;
	struct ioasid_mock_device *hardware;
	struct ioasid_ctx *ctx;
	struct ioasid_space *gpa, *giova;
	struct ioasid_device *nic;
	struct ioasid_attachment *to_gpa, *to_giova;
};

static _Alignas(4096) char low[PAGE], high[PAGE], other[PAGE];

static void build(struct machine *m, uint32_t flags)
{
	int fd;

	must(ioasid_mock_new(IOASID_OPTS(ioasid_mock_opts, .flags = flags), &m->platform));
	must(ioasid_mock_device_new(m->platform, NULL, &m->hardware));
	must(ioasid_mock_open(m->platform, &m->ctx));
	fd = must(ioasid_mock_device_fd(m->hardware));
	must(ioasid_device_bind(
		m->ctx, fd, IOASID_OPTS(ioasid_device_opts, .name = "nic"), &m->nic));
	close(fd);
	must(ioasid_space_new(m->ctx, NULL, &m->gpa));
	must(ioasid_device_attach(m->nic, m->gpa, NULL, &m->to_gpa));
	must(ioasid_space_new_nested(m->gpa, NULL, &m->giova));
	must(ioasid_device_attach(m->nic, m->giova, NULL, &m->to_giova));
}

static void demolish(struct machine *m)
{
	must(ioasid_attachment_detach(m->to_giova));
	must(ioasid_attachment_detach(m->to_gpa));
	must(ioasid_space_destroy(m->giova));
	must(ioasid_space_destroy(m->gpa));
	must(ioasid_device_unbind(m->nic));
	ioasid_close(m->ctx);
	ioasid_mock_free(m->platform);
}

static void map(struct ioasid_space *space, uint64_t iova, void *addr)
{
	struct ioasid_map map = {addr, PAGE, iova, IOASID_MAP_RW | IOASID_MAP_FIXED, 0};

	must(ioasid_space_map(space, &map));
}

/* In a child, the address is one of the parent's. */
static void map_nested(struct ioasid_space *child, uint64_t giova, uint64_t gpa)
{
	map(child, giova, (void *)(uintptr_t)gpa);
}

static void unmap(struct ioasid_space *space, uint64_t iova)
{
	must_hold(ioasid_space_unmap(space, iova, PAGE) == PAGE);
}

/* The device reads at GIOVA and finds these words; NULL: nothing. */
static void expect(struct machine *m, const char *when, const char *words)
{
	char seen[16] = "";
	struct ioasid_mock_dma dma = {.kind = IOASID_MOCK_DMA_READ,
		.pasid = IOASID_PASID_NONE,
		.iova = GIOVA,
		.buffer = seen,
		.length = sizeof(seen)};
	int result = ioasid_mock_dma(m->hardware, &dma);

	printf("  %-40s %s\n", when, result ? "-" : seen);
	must_hold((result == 0) == (words != NULL));
	must_hold(!words || !strcmp(seen, words));
}

static void walk(struct machine *m)
{
	expect(m, "nothing is mapped", NULL);
	map_nested(m->giova, GIOVA, LOW);
	expect(m, "the child maps; the parent does not yet", NULL);
	map(m->gpa, LOW, low);
	map(m->gpa, HIGH, high);
	expect(m, "the parent maps too", "low");
	unmap(m->gpa, LOW);
	expect(m, "the parent takes its page away", NULL);
	map(m->gpa, LOW, other);
	expect(m, "and brings another", "other");
	unmap(m->giova, GIOVA);
	expect(m, "the child unmaps", NULL);
	map_nested(m->giova, GIOVA, HIGH);
	expect(m, "the child maps elsewhere", "high");
}

int main(void)
{
	static const uint32_t flavours[] = {0, IOASID_MOCK_NEST_COPY};
	struct machine machine;

	strcpy(low, "low");
	strcpy(high, "high");
	strcpy(other, "other");
	for (size_t i = 0; i < sizeof(flavours) / sizeof(flavours[0]); i++) {
		build(&machine, flavours[i]);
		printf("nested by the %s:\n", flavours[i] ? "library" : "platform");
		walk(&machine);
		demolish(&machine);
	}
	return EXIT_SUCCESS;
}
