/* SPDX-License-Identifier: MIT */
/*
 * Routes beside a naive model: long random streams of attach, detach and replace, of devices in
 * pairs that share an IOMMU group, by several PASIDs, to spaces that nest, with operations of the
 * platform that fail. The model knows only which calls succeeded; after each, every device looks by
 * DMA which space each of its routes leads to. Fixed seeds.
 */
#include "support.h"
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE    UINT64_C(4096)
#define DEVICES 4
#define PASIDS  3 /* number 0 is none */
#define SPACES  6
#define STACK   4                 /* attachments of one route */
#define MARK    UINT64_C(0x1000)  /* where a space shows which one it is */
#define ROOM    UINT64_C(0x10000) /* where it shows all of memory */
#define NOWHERE (-1)

static const int parent_of[SPACES] = {NOWHERE, NOWHERE, 0, 0, 2, 1};

struct model {
	struct ioasid_mock *mock;
	struct ioasid_ctx *ctx;
	struct ioasid_mock_device *hw[DEVICES];
	struct ioasid_device *device[DEVICES];
	struct ioasid_space *space[SPACES];
	struct ioasid_attachment *stack[DEVICES][PASIDS][STACK]; /* oldest first */
	int count[DEVICES][PASIDS];
	unsigned char *memory; /* a page for each space, of its number */
	uint64_t random;
	unsigned long done[3], failed;
};

static int draw(struct model *m, int below)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return (int)(m->random % (uint64_t)below);
}

static uint32_t pasid(int number)
{
	return number ? (uint32_t)number : IOASID_PASID_NONE;
}

/* ---- the machine ---- */

static void make_device(struct model *m, int i)
{
	ok(ioasid_mock_device_new(m->mock,
		IOASID_OPTS(
			ioasid_mock_device_opts, .group = (uint32_t)(1 + i / 2), .pasid_bits = 4),
		&m->hw[i]));
}

static void bind_device(struct model *m, int i)
{
	int fd = ok(ioasid_mock_device_fd(m->hw[i]));

	ok(ioasid_device_bind(m->ctx, fd, NULL, &m->device[i]));
	close(fd);
}

static void show(struct model *m, int i, uint64_t iova, uint64_t to, uint64_t length)
{
	bool root = parent_of[i] == NOWHERE;

	ok(ioasid_space_map(m->space[i],
		&(struct ioasid_map){.addr = root ? m->memory + to : (void *)(uintptr_t)(ROOM + to),
			.length = length,
			.iova = iova,
			.flags = IOASID_MAP_READ | IOASID_MAP_FIXED}));
}

static void make_space(struct model *m, int i)
{
	if (parent_of[i] == NOWHERE)
		ok(ioasid_space_new(m->ctx, NULL, &m->space[i]));
	else
		ok(ioasid_space_new_nested(m->space[parent_of[i]], NULL, &m->space[i]));
	memset(m->memory + (uint64_t)i * PAGE, i, PAGE);
	show(m, i, ROOM, 0, SPACES * PAGE);
	show(m, i, MARK, (uint64_t)i * PAGE, PAGE);
}

static void model_begin(struct model *m, uint32_t flags, uint64_t seed)
{
	memset(m, 0, sizeof(*m));
	m->random = seed;
	m->memory = support_memory(SPACES * PAGE, 0);
	ok(ioasid_mock_new(IOASID_OPTS(ioasid_mock_opts, .flags = flags), &m->mock));
	ok(ioasid_mock_open(m->mock, &m->ctx));
	for (int i = 0; i < DEVICES; i++)
		make_device(m, i);
	for (int i = 0; i < DEVICES; i++)
		bind_device(m, i);
	for (int i = 0; i < SPACES; i++)
		make_space(m, i);
}

/* ---- what the model knows ---- */

static int number_of(const struct model *m, const struct ioasid_space *space)
{
	for (int i = 0; i < SPACES; i++)
		if (m->space[i] == space)
			return i;
	ck_abort_msg("an attachment leads to a space that was never made");
	return NOWHERE;
}

static int depth(int space)
{
	int n = 0;

	for (; space != NOWHERE; space = parent_of[space])
		n++;
	return n;
}

static bool leads_over(int space, int ancestor)
{
	while (space != NOWHERE && space != ancestor)
		space = parent_of[space];
	return space == ancestor;
}

/* Where a device's newest attachment of the route leads. */
static int top(const struct model *m, int device, int route)
{
	int count = m->count[device][route];

	return count ? number_of(m, ioasid_attachment_space(m->stack[device][route][count - 1]))
		     : NOWHERE;
}

/* The deeper of the two of a group; the other must lie under it. */
static int expected(const struct model *m, int device, int route)
{
	int one = top(m, device, route), other = top(m, device ^ 1, route);
	int deep = depth(one) > depth(other) ? one : other, shallow = deep == one ? other : one;

	ck_assert_msg(shallow == NOWHERE || leads_over(deep, shallow),
		"one group is told to lead to space %d and to %d", deep, shallow);
	return deep;
}

static int reached(struct model *m, int device, int route)
{
	unsigned char byte = 0xff;
	struct ioasid_mock_dma dma = {.kind = IOASID_MOCK_DMA_READ,
		.pasid = pasid(route),
		.iova = MARK + 77,
		.buffer = &byte,
		.length = 1};
	int r = ioasid_mock_dma(m->hw[device], &dma);

	ck_assert_msg(!r || r == -ENODEV, "DMA by an attached route: %d", r);
	return r ? NOWHERE : byte;
}

static void check_routes(struct model *m)
{
	for (int device = 0; device < DEVICES; device++)
		for (int route = 0; route < PASIDS; route++)
			ck_assert_int_eq(reached(m, device, route), expected(m, device, route));
}

/* Each attachment of a stack leads to a child of the one below. */
static void check_stack(const struct model *m, int device, int route)
{
	int below = NOWHERE;

	for (int i = 0; i < m->count[device][route]; i++) {
		int space = number_of(m, ioasid_attachment_space(m->stack[device][route][i]));

		if (i)
			ck_assert_int_eq(parent_of[space], below);
		below = space;
	}
}

/* ---- the stream ---- */

/* A refusal is fine, but for what only a platform that was told to fail may say. */
static bool worked(struct model *m, int r, bool injected)
{
	bool refused = r == -EBUSY || r == -EINVAL || r == -EEXIST;

	ck_assert_msg(!r || refused || (injected && r == -EIO), "%d: %s", r, ioasid_last_error());
	m->failed += r == -EIO;
	return !r;
}

static bool attach(struct model *m, int device, int route, bool injected)
{
	struct ioasid_attachment **end = &m->stack[device][route][m->count[device][route]];
	struct ioasid_space *space = m->space[draw(m, SPACES)];
	const struct ioasid_attach_opts *opts = IOASID_OPTS(ioasid_attach_opts,
		.flags = route ? IOASID_ATTACH_PASID : 0, .pasid = (uint32_t)route);

	if (!worked(m, ioasid_device_attach(m->device[device], space, opts, end), injected))
		return false;
	m->count[device][route]++;
	return true;
}

static bool detach(struct model *m, int device, int route, bool injected)
{
	int *count = &m->count[device][route], which = *count ? draw(m, *count) : 0;
	struct ioasid_attachment **at = &m->stack[device][route][which];

	if (!*count || !worked(m, ioasid_attachment_detach(*at), injected))
		return false;
	/* only the newest may go: others lie below it */
	ck_assert_int_eq(which, --*count);
	return true;
}

static bool replace(struct model *m, int device, int route, bool injected)
{
	int count = m->count[device][route], space = draw(m, SPACES);
	struct ioasid_attachment *which;

	if (!count)
		return false;
	which = m->stack[device][route][draw(m, count)];
	if (!worked(m, ioasid_attachment_replace(which, m->space[space]), injected))
		return false;
	ck_assert_ptr_eq(ioasid_attachment_space(which), m->space[space]);
	return true;
}

static bool (*const kinds[])(struct model *, int device, int route, bool injected) = {
	attach, detach, replace};

static void disarm(struct model *m)
{
	for (uint32_t op = IOASID_MOCK_OP_ATTACH; op <= IOASID_MOCK_OP_REPLACE; op++)
		ok(ioasid_mock_fail(m->mock, op, 0, 0));
}

static void step(struct model *m)
{
	int device = draw(m, DEVICES), route = draw(m, PASIDS), kind = draw(m, 5) % 3;
	uint32_t op = IOASID_MOCK_OP_ATTACH + (uint32_t)draw(m, 3);
	bool injected = !draw(m, 8);

	/* one failure alone: where taking back fails too, -EIO says so, and the route may differ */
	if (injected)
		ok(ioasid_mock_fail(m->mock, op, 1, -EIO));
	m->done[kind] += kinds[kind](m, device, route, injected);
	disarm(m);
	check_routes(m);
	for (int mate = device & ~1; mate <= (device | 1); mate++)
		check_stack(m, mate, route);
}

/* Whatever came before, all of it can be taken apart. */
static void model_end(struct model *m)
{
	int left = 1;

	for (int rounds = 0; left; rounds++) {
		left = 0;
		ck_assert_int_lt(rounds, DEVICES * PASIDS * STACK);
		for (int i = 0; i < DEVICES * PASIDS; i++) {
			detach(m, i / PASIDS, i % PASIDS, false);
			left += m->count[i / PASIDS][i % PASIDS];
		}
	}
	check_routes(m);
	for (int i = 0; i < DEVICES; i++)
		ok(ioasid_device_unbind(m->device[i]));
	for (int i = SPACES - 1; i >= 0; i--)
		ok(ioasid_space_destroy(m->space[i]));
	ioasid_close(m->ctx);
	ioasid_mock_free(m->mock);
	free(m->memory);
}

static void stream(uint32_t flags, uint64_t seed)
{
	struct model m;
	unsigned long steps = support_rounds(3000);

	model_begin(&m, flags, seed);
	for (unsigned long i = 0; i < steps; i++)
		step(&m);
	/* it was no stream of refusals; a short one may be */
	for (int kind = 0; kind < 3; kind++)
		ck_assert_uint_ge(m.done[kind], steps / 500);
	ck_assert_uint_ge(m.failed, steps / 1000);
	model_end(&m);
}

static const uint64_t seeds[] = {3, 20260101, UINT64_C(0x9e3779b97f4a7c15)};

START_TEST(dma_goes_where_the_model_says)
{
	stream(0, seeds[_i]);
}
END_TEST

START_TEST(dma_goes_where_the_model_says_where_the_core_nests)
{
	stream(IOASID_MOCK_NEST_COPY, seeds[_i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("routes, beside a model");
	TCase *tcase = support_case(suite, "random");

	tcase_add_loop_test(tcase, dma_goes_where_the_model_says, 0, 3);
	tcase_add_loop_test(tcase, dma_goes_where_the_model_says_where_the_core_nests, 0, 3);
	return support_run(suite);
}
