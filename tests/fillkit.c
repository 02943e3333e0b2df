/* SPDX-License-Identifier: MIT */
/*
 * A context over the kernel that is none: see fillkit.h.
 */
#include "fillkit.h"
#include "ctx.h"
#include "fillkernel.h"
#include "iommufd/queue.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

static int device_fd(uint32_t number)
{
	int fd = memfd_create("device", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, &number, sizeof(number)), sizeof(number));
	return fd;
}

static void add_device(struct fillkit *f, uint32_t i)
{
	int fd = device_fd(i);

	ok(ioasid_device_bind(
		f->ctx, fd, IOASID_OPTS(ioasid_device_opts, .label = 0x100 + i), &f->device[i]));
	close(fd);
	ok(ioasid_device_attach(f->device[i], f->space, NULL, &f->route[i]));
}

void fillkit_begin(struct fillkit *f, struct fillkit_wish wish)
{
	static const struct iommufd_provider *const providers[] = {&fillkernel_provider, NULL};

	fillkernel = (struct fillkernel){.lock = PTHREAD_MUTEX_INITIALIZER};
	fillkit_kernel = (struct fillkit_kernel){0};
	*f = (struct fillkit){.devices = wish.devices ? wish.devices : 1};
	fillkernel.together = wish.together;
	fillkernel.fd = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_eq(iommufd_new(fillkernel.fd, 0, providers, &f->be), 0);
	ok(ctx_new(f->be, &f->ctx));
	ok(ioasid_faultq_new(f->ctx, wish.opts, &f->queue));
	ok(ioasid_space_new(f->ctx, IOASID_OPTS(ioasid_space_opts, .faults = f->queue), &f->space));
	for (uint32_t i = 0; i < f->devices; i++)
		add_device(f, i);
}

static void check_kernel(void)
{
	ck_assert_uint_eq(fillkit_kernel.busy, 0);
	ck_assert_uint_eq(fillkit_objects(), 0);
	ck_assert_uint_eq(fillkit_count(READ), 0);
	ck_assert_uint_eq(fillkit_count(WAITS), 0);
}

void fillkit_release(struct fillkit *f)
{
	for (uint32_t i = 0; i < f->devices; i++) {
		ok(ioasid_attachment_detach(f->route[i]));
		ok(ioasid_device_unbind(f->device[i]));
	}
	ok(ioasid_space_destroy(f->other));
	ok(ioasid_space_destroy(f->space));
	ioasid_faultq_free(f->queue);
}

void fillkit_end(struct fillkit *f)
{
	fillkit_release(f);
	check_kernel();
	ioasid_close(f->ctx);
}

void fillkit_close(struct fillkit *f)
{
	ioasid_close(f->ctx);
	check_kernel();
}

bool fillkit_polls(struct fillkit *f)
{
	struct pollfd fd = {.fd = ok(ioasid_faultq_get_fd(f->queue)), .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

bool fillkit_aside(struct fillkit *f)
{
	struct iommufd *leaf = iommufd_of(f->be);

	return list_entry(leaf->queues.next, struct iommufd_queue, link)->aside;
}

struct ioasid_faultq_stats fillkit_stats(struct fillkit *f)
{
	struct ioasid_faultq_stats stats = {.size = sizeof(stats)};

	ok(ioasid_faultq_stats(f->queue, &stats));
	return stats;
}

void fillkit_read(struct fillkit *f, struct ioasid_fault *faults, unsigned int room, int expected)
{
	ck_assert_int_eq(ok(ioasid_faultq_read(f->queue, faults, room)), expected);
}

int fillkit_answer(struct fillkit *f, uint64_t id, uint32_t code)
{
	struct ioasid_response answer = {.id = id, .code = code};

	return ioasid_faultq_complete(f->queue, &answer, 1);
}
