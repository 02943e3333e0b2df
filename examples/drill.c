/* SPDX-License-Identifier: MIT */
/*
 * How a VMM's own test suite breaks the platform on purpose, in one thread and the same way in
 * every run: transfers that stop for a page, a map that fails, an answer watched on its way, a
 * device told FAILURE, which is lost until it is reset.
 */
#include "must.h"
#include <errno.h>
#include <ioasid/fault.h>
#include <ioasid/mock.h>
#include <string.h>
#include <unistd.h>

#define PAGE  4096u
#define LABEL 0x0110u

static _Alignas(4096) char ram[4 * PAGE] = "a page of the guest";

struct bench {
	struct ioasid_mock *platform;
	struct ioasid_mock_device *hardware;
	struct ioasid_ctx *ctx;
	struct ioasid_faultq *faults;
	struct ioasid_space *gpa;
	struct ioasid_device *device;
	struct ioasid_attachment *route;
};

static void build(struct bench *b)
{
	uint32_t pri = IOASID_MOCK_DEVICE_PRI;
	int fd;

	must(ioasid_mock_new(IOASID_OPTS(ioasid_mock_opts, .seed = 7), &b->platform));
	must(ioasid_mock_device_new(
		b->platform, IOASID_OPTS(ioasid_mock_device_opts, .flags = pri), &b->hardware));
	must(ioasid_mock_open(b->platform, &b->ctx));
	must(ioasid_faultq_new(b->ctx, NULL, &b->faults));
	must(ioasid_space_new(
		b->ctx, IOASID_OPTS(ioasid_space_opts, .faults = b->faults), &b->gpa));
	fd = must(ioasid_mock_device_fd(b->hardware));
	must(ioasid_device_bind(
		b->ctx, fd, IOASID_OPTS(ioasid_device_opts, .label = LABEL), &b->device));
	close(fd);
	must(ioasid_device_attach(b->device, b->gpa, NULL, &b->route));
}

static void demolish(struct bench *b)
{
	must(ioasid_attachment_detach(b->route));
	must(ioasid_device_unbind(b->device));
	must(ioasid_space_destroy(b->gpa));
	ioasid_faultq_free(b->faults);
	ioasid_close(b->ctx);
	ioasid_mock_free(b->platform);
}

/* The device begins to read a page; it stops where the page is missing. */
static void start(struct bench *b, struct ioasid_mock_dma *dma, uint64_t iova, char *buffer)
{
	*dma = (struct ioasid_mock_dma){.kind = IOASID_MOCK_DMA_READ,
		.pasid = IOASID_PASID_NONE,
		.iova = iova,
		.buffer = buffer,
		.length = PAGE};
	must(ioasid_mock_dma_start(b->hardware, dma));
	must_hold(ioasid_mock_pump(b->platform) == 1);
}

/* Takes the one fault that is there. */
static struct ioasid_fault take(struct bench *b)
{
	struct ioasid_fault fault;

	must_hold(ioasid_faultq_wait(b->faults, 0) == 1);
	must_hold(ioasid_faultq_read(b->faults, &fault, 1) == 1);
	must_hold(ioasid_faultq_wait(b->faults, 0) == 0);
	return fault;
}

static void answer(struct bench *b, const struct ioasid_fault *fault, uint32_t code)
{
	struct ioasid_response response = {.code = code};

	must(ioasid_faultq_find(b->faults, LABEL, fault->pasid, fault->group, &response.id));
	must_hold(response.id == fault->id);
	must_hold(ioasid_faultq_complete(b->faults, &response, 1) == 1);
	must_hold(ioasid_faultq_complete(b->faults, &response, 1) == -ESTALE);
	ioasid_mock_pump(b->platform);
}

static int map(struct bench *b, uint64_t iova)
{
	struct ioasid_map map = {ram, PAGE, iova, IOASID_MAP_RW | IOASID_MAP_FIXED, 0};

	return ioasid_space_map(b->gpa, &map);
}

/* The first try to bring the page fails, as if memory were short; the second works. */
static void drill_map(struct bench *b)
{
	struct ioasid_mock_dma dma;
	struct ioasid_fault fault, waiting;
	uint64_t cursor = 0;
	char seen[PAGE];

	start(b, &dma, PAGE, seen);
	fault = take(b);
	must_hold(fault.label == LABEL && fault.addr == PAGE);
	must(ioasid_mock_fail(b->platform, IOASID_MOCK_OP_MAP, 1, -ENOMEM));
	must_hold(map(b, fault.addr) == -ENOMEM);
	printf("as ordered: %s\n", ioasid_last_error());
	must_hold(ioasid_faultq_pending(b->faults, &cursor, &waiting, 1) == 1);
	must_hold(waiting.id == fault.id && dma.status == -EINPROGRESS);
	must(map(b, fault.addr));
	answer(b, &fault, IOASID_RESPONSE_SUCCESS);
	must_hold(dma.status == 0 && !strcmp(seen, ram));
}

/* After FAILURE the device asks for nothing more, until it is reset. */
static void drill_failure(struct bench *b)
{
	struct ioasid_mock_dma dma;
	struct ioasid_fault fault;
	char seen[PAGE];

	start(b, &dma, 2 * PAGE, seen);
	fault = take(b);
	answer(b, &fault, IOASID_RESPONSE_FAILURE);
	must_hold(dma.status == -EIO);
	must(ioasid_mock_device_reset(b->hardware));
	start(b, &dma, 2 * PAGE, seen);
	fault = take(b);
	must(map(b, fault.addr));
	answer(b, &fault, IOASID_RESPONSE_SUCCESS);
	must_hold(dma.status == 0);
	printf("told FAILURE, reset, served\n");
}

static void count(void *arg)
{
	++*(int *)arg;
}

int main(void)
{
	struct bench bench;
	int answers = 0;

	build(&bench);
	must(ioasid_mock_on_answer(bench.platform, count, &answers));
	drill_map(&bench);
	drill_failure(&bench);
	printf("%d answers were seen on their way\n", answers);
	must_hold(answers == 3);
	demolish(&bench);
	return EXIT_SUCCESS;
}
