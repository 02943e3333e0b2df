/* SPDX-License-Identifier: MIT */
/*
 * A device that comes to a child past its parents: its group's other device has led the route
 * there, so that the backend holds its windows against the child alone. The core holds them against
 * what the parents have mapped and allowed, since the route will lead there again. Devices of one
 * group with windows of their own are made here, of a platform that has none, by what it says of
 * ranges.
 */
#include "core.h"
#include "support.h"
#include <stdlib.h>
#include <unistd.h>

#define PAGE UINT64_C(4096)

/* What the second device takes from the child, once it is attached there. */
static const struct ioasid_range taken = {0x12000, 0x13fff};

static struct backend_ops ops, mock_says;
static uint32_t child_id;
static unsigned int attached; /* devices, to the child */

static int attach(struct backend *be, struct backend_route route, uint32_t space)
{
	int err = mock_says.attach(be, route, space);

	attached += !err && space == child_id;
	return err;
}

static int replace(struct backend *be, struct backend_route route, uint32_t space)
{
	int err = mock_says.replace(be, route, space);

	attached += !err && space == child_id;
	return err;
}

static int detach(struct backend *be, struct backend_route route)
{
	int err = mock_says.detach(be, route);

	attached -= !err;
	return err;
}

static int ranges_of(
	struct backend *be, uint32_t space, struct ioasid_range *ranges, unsigned int n)
{
	const struct ioasid_range narrow[] = {{0, taken.first - 1}, {taken.last + 1, 0xffffffff}};

	if (space != child_id || attached < 2)
		return mock_says.space_ranges(be, space, ranges, n);
	for (unsigned int i = 0; i < 2 && i < n; i++)
		ranges[i] = narrow[i];
	return 2;
}

/* A group of two; the first device is attached to the parent, and over it to the child. */
struct mates {
	struct ioasid_mock *mock;
	struct ioasid_ctx *ctx;
	struct ioasid_device *device[2];
	struct ioasid_space *parent, *child;
	struct ioasid_attachment *below, *over, *late;
	unsigned char *memory;
};

static struct ioasid_device *bind_mate(
	struct mates *m, struct ioasid_mock_device *hw, const char *name)
{
	struct ioasid_device *device;
	int fd = ok(ioasid_mock_device_fd(hw));

	ok(ioasid_device_bind(m->ctx, fd, IOASID_OPTS(ioasid_device_opts, .name = name), &device));
	close(fd);
	return device;
}

/* Both are there before the first is bound. */
static void bind_mates(struct mates *m)
{
	struct ioasid_mock_device *hw[2];

	for (int i = 0; i < 2; i++)
		ok(ioasid_mock_device_new(
			m->mock, IOASID_OPTS(ioasid_mock_device_opts, .group = 1), &hw[i]));
	m->device[0] = bind_mate(m, hw[0], "first");
	m->device[1] = bind_mate(m, hw[1], "second");
}

static void mates_begin(struct mates *m)
{
	ok(ioasid_mock_new(
		IOASID_OPTS(ioasid_mock_opts, .flags = IOASID_MOCK_NEST_COPY), &m->mock));
	ok(ioasid_mock_open(m->mock, &m->ctx));
	mock_says = ops = *m->ctx->be->ops;
	ops.attach = attach;
	ops.replace = replace;
	ops.detach = detach;
	ops.space_ranges = ranges_of;
	m->ctx->be->ops = &ops;
	m->memory = support_memory(PAGE, 41);
	bind_mates(m);
	ok(ioasid_space_new(m->ctx, NULL, &m->parent));
	ok(ioasid_space_new_nested(m->parent, NULL, &m->child));
	child_id = ioasid_space_id(m->child);
	attached = 0;
	ok(ioasid_device_attach(m->device[0], m->parent, NULL, &m->below));
	ok(ioasid_device_attach(m->device[0], m->child, NULL, &m->over));
	m->late = NULL;
}

static void mates_end(struct mates *m)
{
	ok(ioasid_attachment_detach(m->late));
	ok(ioasid_attachment_detach(m->over));
	ok(ioasid_attachment_detach(m->below));
	ok(ioasid_space_destroy(m->child));
	ok(ioasid_space_destroy(m->parent));
	ok(ioasid_device_unbind(m->device[0]));
	ok(ioasid_device_unbind(m->device[1]));
	ioasid_close(m->ctx);
	ioasid_mock_free(m->mock);
	free(m->memory);
}

static int join(struct mates *m)
{
	return ioasid_device_attach(m->device[1], m->parent, NULL, &m->late);
}

static uint32_t routes_of(struct ioasid_device *device)
{
	struct ioasid_device_info info = {.size = sizeof(info)};

	ok(ioasid_device_info(device, &info));
	return info.attachments;
}

START_TEST(a_mate_that_suits_the_parents_comes_in)
{
	const struct ioasid_range window = {0x10000, taken.first - 1};
	struct ioasid_range ranges[3];
	struct mates m;

	mates_begin(&m);
	ok(ioasid_space_allow(m.parent, &window, 1));
	ok(join(&m));
	ck_assert_uint_eq(attached, 2);
	/* and from now on the parent has less */
	ck_assert_int_eq(ok(ioasid_space_ranges(m.parent, ranges, 3)), 2);
	ck_assert_uint_eq(ranges[0].last, taken.first - 1);
	fails(-EADDRINUSE, "0x12000-0x13fff", ioasid_space_allow(m.parent, &taken, 1));
	mates_end(&m);
}
END_TEST

START_TEST(a_mate_that_cuts_a_parents_map_is_refused_and_gone_again)
{
	struct ioasid_map map = {
		.length = PAGE, .iova = 0x13000, .flags = IOASID_MAP_READ | IOASID_MAP_FIXED};
	struct mates m;

	mates_begin(&m);
	map.addr = m.memory;
	ok(ioasid_space_map(m.parent, &map));
	fails(-EADDRINUSE, "map 0x13000-0x13fff", join(&m));
	support_error_has("0x12000-0x13fff", "attach");
	ck_assert_ptr_null(m.late);
	ck_assert_uint_eq(attached, 1);
	ck_assert_uint_eq(routes_of(m.device[1]), 0);
	ok(ioasid_space_unmap(m.parent, 0x13000, PAGE));
	ok(join(&m));
	mates_end(&m);
}
END_TEST

START_TEST(a_mate_that_cuts_a_parents_window_is_refused_and_gone_again)
{
	const struct ioasid_range window = {0x10000, 0x1ffff};
	struct mates m;

	mates_begin(&m);
	ok(ioasid_space_allow(m.parent, &window, 1));
	fails(-EADDRINUSE, "allowed window 0x10000-0x1ffff", join(&m));
	ck_assert_uint_eq(attached, 1);
	ck_assert_uint_eq(routes_of(m.device[1]), 0);
	ok(ioasid_space_allow(m.parent, NULL, 0));
	ok(join(&m));
	mates_end(&m);
}
END_TEST

START_TEST(a_mate_that_cannot_be_taken_off_again_is_told_of)
{
	const struct ioasid_range window = {0x10000, 0x1ffff};
	struct mates m;

	mates_begin(&m);
	ok(ioasid_space_allow(m.parent, &window, 1));
	ok(ioasid_mock_fail(m.mock, IOASID_MOCK_OP_DETACH, 1, -EBUSY));
	fails(-EIO, "leads to space", join(&m));
	/* a close ends all that the platform has */
	ioasid_close(m.ctx);
	m.ctx = NULL;
	mates_end(&m);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("windows");
	TCase *tcase = support_case(suite, "mates");

	tcase_add_test(tcase, a_mate_that_suits_the_parents_comes_in);
	tcase_add_test(tcase, a_mate_that_cuts_a_parents_map_is_refused_and_gone_again);
	tcase_add_test(tcase, a_mate_that_cuts_a_parents_window_is_refused_and_gone_again);
	tcase_add_test(tcase, a_mate_that_cannot_be_taken_off_again_is_told_of);
	return support_run(suite);
}
