/* SPDX-License-Identifier: MIT */
/*
 * Two guests, each with a fault queue, and one thread for both, which sleeps until one of them has
 * something. The second guest hangs: its device is told so when its deadline is over, instead of
 * waiting for ever. Then the device moves to the first guest, where it is served. At last the
 * queues tell what became of their faults, and how long that took.
 */
#include "must.h"
#include <errno.h>
#include <inttypes.h>
#include <ioasid/fault.h>
#include <ioasid/mock.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define PAGE        4096u
#define GUESTS      2u
#define MILLISECOND UINT64_C(1000000)

static _Alignas(4096) char ram[PAGE] = "a page of the first guest";

struct guest {
	struct ioasid_faultq *faults;
	struct ioasid_space *space;
	uint64_t patience; /* ns, of those who wait for its answers */
	bool hangs;
};

struct nic {
	struct ioasid_mock_device *hardware;
	struct ioasid_device *device;
	struct ioasid_attachment *route;
	struct ioasid_mock_dma dma;
	char seen[PAGE];
};

static struct ioasid_mock *platform;
static struct ioasid_ctx *ctx;
/* Enough for a busy machine; and no more than one likes to wait in vain. */
static struct guest guests[GUESTS] = {
	{.patience = 60000 * MILLISECOND}, {.patience = 50 * MILLISECOND, .hangs = true}};
static struct nic nics[GUESTS];

static void add_guest(struct guest *guest)
{
	must(ioasid_faultq_new(ctx,
		IOASID_OPTS(ioasid_faultq_opts, .late = IOASID_FAULTQ_LATE_SUCCESS,
			.deadline_ns = guest->patience, .deadline_code = IOASID_RESPONSE_INVALID),
		&guest->faults));
	must(ioasid_space_new(
		ctx, IOASID_OPTS(ioasid_space_opts, .faults = guest->faults), &guest->space));
}

static void add_nic(struct nic *nic, uint64_t label, struct ioasid_space *space)
{
	int fd;

	must(ioasid_mock_device_new(platform,
		IOASID_OPTS(ioasid_mock_device_opts, .flags = IOASID_MOCK_DEVICE_PRI),
		&nic->hardware));
	fd = must(ioasid_mock_device_fd(nic->hardware));
	must(ioasid_device_bind(
		ctx, fd, IOASID_OPTS(ioasid_device_opts, .label = label), &nic->device));
	close(fd);
	must(ioasid_device_attach(nic->device, space, NULL, &nic->route));
}

/* The device begins to read a page, which is not there yet. */
static void start(struct nic *nic, uint64_t iova)
{
	nic->dma = (struct ioasid_mock_dma){.kind = IOASID_MOCK_DMA_READ,
		.pasid = IOASID_PASID_NONE,
		.iova = iova,
		.buffer = nic->seen,
		.length = PAGE};
	must(ioasid_mock_dma_start(nic->hardware, &nic->dma));
}

static void serve(struct guest *guest, const struct ioasid_fault *fault)
{
	struct ioasid_map map = {ram, PAGE, fault->addr, IOASID_MAP_READ | IOASID_MAP_FIXED, 0};
	struct ioasid_response answer = {.id = fault->id, .code = IOASID_RESPONSE_SUCCESS};

	if (guest->hangs || fault->flags & IOASID_FAULT_CANCELLED)
		return;
	must(ioasid_space_map(guest->space, &map));
	must(ioasid_faultq_complete(guest->faults, &answer, 1));
}

/* Until nothing is left, or the descriptor would not tell of the next one. */
static void serve_all(struct guest *guest)
{
	struct ioasid_fault faults[16];
	int n;

	while ((n = must(ioasid_faultq_read(guest->faults, faults, 16))))
		for (int i = 0; i < n; i++)
			serve(guest, &faults[i]);
}

/* Sleeps until a guest has a fault, or one of its faults is overdue. */
static void run(int set)
{
	struct epoll_event ready[GUESTS];

	while (must(ioasid_mock_pump(platform))) {
		int n = epoll_wait(set, ready, GUESTS, -1);

		must_hold(n > 0 || errno == EINTR);
		for (int i = 0; i < n; i++)
			serve_all(&guests[ready[i].data.u32]);
	}
}

static void report(struct guest *guest, const char *name)
{
	struct ioasid_faultq_stats now = {.size = sizeof(now)};

	/* whatever is overdue by now: here nothing is */
	must_hold(ioasid_faultq_expire(guest->faults) == 0);
	must(ioasid_faultq_stats(guest->faults, &now));
	printf("%s: %" PRIu64 " raised, %" PRIu64 " answered, %" PRIu64 " expired\n", name,
		now.raised, now.answered, now.expired);
	for (unsigned int i = 0; i < IOASID_FAULTQ_LATENCIES; i++)
		if (now.latency[i])
			printf("  %" PRIu64 " within %" PRIu64 " ns\n", now.latency[i],
				(uint64_t)2 << i);
	must_hold(now.raised == now.answered + now.expired + now.late && !now.outstanding);
}

static void demolish(void)
{
	for (unsigned int i = 0; i < GUESTS; i++) {
		must(ioasid_attachment_detach(nics[i].route));
		must(ioasid_device_unbind(nics[i].device));
	}
	for (unsigned int i = 0; i < GUESTS; i++) {
		must(ioasid_space_destroy(guests[i].space));
		ioasid_faultq_free(guests[i].faults);
	}
	ioasid_close(ctx);
	ioasid_mock_free(platform);
}

int main(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int set = epoll_create1(EPOLL_CLOEXEC);

	must(ioasid_mock_new(NULL, &platform));
	must(ioasid_mock_open(platform, &ctx));
	for (unsigned int i = 0; i < GUESTS; i++) {
		add_guest(&guests[i]);
		add_nic(&nics[i], i, guests[i].space);
		event.data.u32 = i;
		must_hold(!epoll_ctl(
			set, EPOLL_CTL_ADD, must(ioasid_faultq_get_fd(guests[i].faults)), &event));
	}
	start(&nics[0], 0);
	start(&nics[1], 0);
	run(set);
	must_hold(nics[0].dma.status == 0 && nics[1].dma.status == -EFAULT);
	printf("nic0 read: %s; nic1 was told that nothing comes\n", nics[0].seen);

	must(ioasid_attachment_replace(nics[1].route, guests[0].space));
	start(&nics[1], PAGE);
	run(set);
	must_hold(nics[1].dma.status == 0 && !strcmp(nics[1].seen, ram));
	printf("nic1 moved and read: %s\n", nics[1].seen);
	report(&guests[0], "first guest");
	report(&guests[1], "second guest");
	close(set);
	demolish();
	return EXIT_SUCCESS;
}
