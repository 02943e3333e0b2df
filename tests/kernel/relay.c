/* SPDX-License-Identifier: MIT */
/*
 * Page requests on a real kernel: see relay.h.
 */
#include "relay.h"
#include <ioasid/pgtable.h>
#include <poll.h>
#include <stdarg.h>

#define TABLE UINT64_C(0x77000)

static unsigned int busy; /* atomic */

int __real_ioctl(int fd, unsigned long number, void *arg);
int __wrap_ioctl(int fd, unsigned long number, ...);

int __wrap_ioctl(int fd, unsigned long number, ...)
{
	va_list args;
	void *arg;
	int result;

	va_start(args, number);
	arg = va_arg(args, void *);
	va_end(args);
	result = __real_ioctl(fd, number, arg);
	if (result < 0 && errno == EBUSY)
		__atomic_fetch_add(&busy, 1, __ATOMIC_RELAXED);
	return result;
}

static struct ioasid_space *new_guest(struct relay *r, struct ioasid_faultq *queue)
{
	struct ioasid_space *space;

	ok(ioasid_space_new_nested(
		r->gpa, IOASID_OPTS(ioasid_space_opts, .faults = queue), &space));
	ok(ioasid_space_bind_pgtable(
		space, IOASID_OPTS(ioasid_pgtable, .format = IOASID_PGTABLE_VTD_S1, .addr = TABLE,
			       .addr_width = 48)));
	return space;
}

void relay_begin(struct relay *r, const struct ioasid_faultq_opts *opts)
{
	busy = 0;
	scene_begin(&r->s, 0);
	ok(ioasid_faultq_new(r->s.ctx, opts, &r->queue));
	ok(ioasid_space_new(r->s.ctx,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_NEST_PARENT), &r->gpa));
	/* 6.12 takes a queue on nested tables alone: the guest's is there before a device is */
	r->giova = new_guest(r, r->queue);
	for (int i = 0; i < SCENE_DEVICES; i++) {
		r->below[i] = scene_attach(&r->s, i, r->gpa);
		r->above[i] = scene_attach(&r->s, i, r->giova);
	}
}

void relay_release(struct relay *r)
{
	for (int i = 0; i < SCENE_DEVICES; i++) {
		ioasid_attachment_detach(r->above[i]);
		ioasid_attachment_detach(r->below[i]);
	}
	ioasid_space_unbind_pgtable(r->giova);
	ioasid_space_destroy(r->giova);
	ioasid_space_destroy(r->gpa);
	ioasid_faultq_free(r->queue);
}

void relay_end(struct relay *r)
{
	relay_release(r);
	ck_assert(list_empty(&r->s.leaf->spaces));
	ck_assert(list_empty(&r->s.leaf->queues));
	scene_end(&r->s);
	ck_assert_uint_eq(busy, 0);
}

void relay_close(struct relay *r)
{
	scene_end(&r->s);
	ck_assert_uint_eq(busy, 0);
}

struct ioasid_space *relay_other(struct relay *r, struct ioasid_faultq *queue)
{
	return new_guest(r, queue);
}

void relay_drop(struct ioasid_space *other)
{
	ok(ioasid_space_unbind_pgtable(other));
	ok(ioasid_space_destroy(other));
}

void relay_raise_pasid(struct relay *r, int device, uint64_t page, uint32_t pasid)
{
	const struct iommufd_device_handle *handle = r->s.hw[device].handle;
	struct selftest_cmd cmd = {.op = SELFTEST_OP_TRIGGER_IOPF};

	cmd.fault.dev_id = handle->dev_id;
	cmd.fault.pasid = pasid;
	cmd.fault.grpid = (uint32_t)page % 512;
	cmd.fault.perm = IOMMUFD_FAULT_READ;
	cmd.fault.addr = page * PAGE;
	ck_assert_int_eq(selftest_command(handle->iommufd, &cmd), 0);
}

void relay_raise(struct relay *r, int device, uint64_t page)
{
	relay_raise_pasid(r, device, page, 0);
}

int relay_answer(struct relay *r, uint64_t id, uint32_t code)
{
	struct ioasid_response answer = {.id = id, .code = code};

	return ioasid_faultq_complete(r->queue, &answer, 1);
}

struct ioasid_faultq_stats relay_stats(struct relay *r)
{
	struct ioasid_faultq_stats stats = {.size = sizeof(stats)};

	ok(ioasid_faultq_stats(r->queue, &stats));
	return stats;
}

bool relay_polls(struct relay *r)
{
	struct pollfd fd = {.fd = ok(ioasid_faultq_get_fd(r->queue)), .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

void relay_read(struct relay *r, struct ioasid_fault *faults, unsigned int room, int expected)
{
	ck_assert_int_eq(ok(ioasid_faultq_read(r->queue, faults, room)), expected);
}
