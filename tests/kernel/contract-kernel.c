/* SPDX-License-Identifier: MIT */
/*
 * The kernel's self-test IOMMU as a platform of the contract suite, whose sources are the ones that
 * run on the mock. A transfer of a device shows what its page table holds: the table must lead
 * where the library's books say, and bytes come from the IOAS of the route. Knows no rule of the
 * contract; which tests this platform cannot run is a list (left-out.h) that is checked.
 */
#include "contract.h"
#include "core.h"
#include "guest.h"
#include "left-out.h"
#include "selftest.h"
#include <stdio.h>
#include <stdlib.h>

#define CONTEXTS 4
#define DEVICES  16
#define ROUNDS   "20" /* percent: this kernel is slow */

struct machine;

struct hardware {
	struct selftest_device device; /* first */
	struct machine *machine;
};

struct machine {
	struct ioasid_ctx *ctx[CONTEXTS]; /* some may be closed */
	int fd[CONTEXTS];                 /* theirs */
	unsigned int contexts;
	struct hardware device[DEVICES];
	unsigned int devices;
};

static int start(const struct contract_platform *platform, void **machine)
{
	(void)platform;
	*machine = calloc(1, sizeof(struct machine));
	return *machine ? 0 : -ENOMEM;
}

static void stop(void *machine)
{
	free(machine);
}

static int open_context(void *machine, struct ioasid_ctx **ctx)
{
	struct machine *m = machine;
	struct backend *be;
	int r;

	ck_assert_uint_lt(m->contexts, CONTEXTS);
	r = selftest_open(0, ctx, &be);
	if (r)
		return r;
	m->ctx[m->contexts] = *ctx;
	m->fd[m->contexts++] = iommufd_of(be)->fd;
	return 0;
}

static bool is_narrower(const struct ioasid_range *wish)
{
	return wish->first >= SELFTEST_APERTURE_FIRST && wish->last <= SELFTEST_APERTURE_LAST;
}

/* A group of its own, no PASIDs, and page requests only by guests' tables: Linux 6.12 has no
 * others. It nests, but by tables that nobody walks, it tracks dirty pages unless told not to, and
 * windows stay in an IOAS. */
static bool exists(const struct contract_wish *wish)
{
	if (wish->group || wish->pasid_bits || wish->page_requests || wish->walks)
		return false;
	if (wish->no_nesting || wish->no_read || wish->frees)
		return false;
	return !wish->aperture.last || is_narrower(&wish->aperture);
}

/* The one that may be refused comes first: what has been reserved stays. */
static void reserve(struct selftest_device *device, const struct contract_wish *wish)
{
	unsigned int n = 0;

	if (wish->reserved.last)
		device->windows[n++] = wish->reserved;
	if (!wish->aperture.last)
		return;
	if (wish->aperture.first > SELFTEST_APERTURE_FIRST)
		device->windows[n++] = (struct ioasid_range){0, wish->aperture.first - 1};
	if (wish->aperture.last < SELFTEST_APERTURE_LAST)
		device->windows[n++] = (struct ioasid_range){wish->aperture.last + 1, UINT64_MAX};
}

static void *device(void *machine, const struct contract_wish *wish)
{
	struct machine *m = machine;
	struct hardware *hw = &m->device[m->devices];

	if (!exists(wish))
		return NULL;
	ck_assert_uint_lt(m->devices, DEVICES);
	m->devices++;
	hw->machine = m;
	hw->device.flags = wish->no_dirty ? SELFTEST_DEVICE_NO_DIRTY : 0;
	reserve(&hw->device, wish);
	return hw;
}

static int device_fd(void *device)
{
	return selftest_fd(device);
}

/* The context over this descriptor: of several that had it, all but the last are closed. */
static struct ioasid_ctx *context_over(const struct machine *m, int fd)
{
	for (unsigned int i = m->contexts; i--;)
		if (m->fd[i] == fd)
			return m->ctx[i];
	return NULL;
}

static struct ioasid_space *find_space(struct ioasid_ctx *ctx, uint32_t id)
{
	list_each(link, &ctx->spaces)
	{
		struct ioasid_space *space = list_entry(link, struct ioasid_space, link);

		if (space->id == id)
			return space;
	}
	return NULL;
}

/* Where the library's books lead: through a child to its parent, in the end to memory; and what all
 * on the way let a device do. NULL: nowhere. */
static void *books_lead(struct ioasid_space *space, uint64_t iova, uint32_t *flags)
{
	for (*flags = IOASID_MAP_RW; space; space = space->parent) {
		struct maptree_entry *entry;

		latch_take(&space->maps_lock);
		entry = maptree_find(&space->maps, iova);
		if (entry) {
			iova = entry->value + (iova - entry->start);
			*flags &= entry->flags;
		}
		latch_release(&space->maps_lock);
		if (!entry)
			return NULL;
	}
	return (void *)(uintptr_t)iova;
}

/* The IOMMU notes the page, in halves that are pages of its own, if its table is to note any: else
 * the kernel refuses, and a test that expects the note misses it. */
static void note(const struct hardware *hw, uint64_t page)
{
	const uint64_t halves = 3;

	selftest_dirty(&hw->device, page, PAGE, &halves);
}

/* Some bytes of one page. What the books do not have, the IOAS must not have either: a test that
 * expects a miss then sees it. The kernel refuses writes, but its test IOMMU lets everybody read:
 * that much is taken from the books. */
static int move(const struct hardware *hw, uint32_t ioas, const struct selftest_rw *rw)
{
	int iommufd = hw->device.handle->iommufd;
	struct ioasid_ctx *ctx = context_over(hw->machine, iommufd);
	uint64_t page = rw->iova & ~(PAGE - 1);
	uint32_t flags = 0;
	void *memory = ctx ? books_lead(find_space(ctx, ioas), page, &flags) : NULL;

	if (memory && !(rw->flags & SELFTEST_RW_WRITE) && !(flags & IOASID_MAP_READ))
		return -EFAULT;
	if (memory && selftest_check_map(&hw->device, page, PAGE, memory))
		return -EFAULT;
	if (selftest_rw(iommufd, ioas, rw))
		return -EFAULT;
	if (rw->flags & SELFTEST_RW_WRITE)
		note(hw, page);
	return 0;
}

static int move_all(const struct hardware *hw, struct ioasid_mock_dma *dma)
{
	uint32_t ioas = selftest_ioas(&hw->device);
	int r = ioas && dma->pasid == IOASID_PASID_NONE ? 0 : -ENODEV;

	for (dma->done = 0; !r && dma->done < dma->length;) {
		struct selftest_rw rw = {
			.iova = dma->iova + dma->done,
			.buffer = (unsigned char *)dma->buffer + dma->done,
			.length = dma->length - dma->done,
			.flags = dma->kind == IOASID_MOCK_DMA_WRITE ? SELFTEST_RW_WRITE : 0,
		};
		uint64_t rest = PAGE - (rw.iova & (PAGE - 1));

		rw.length = rw.length < rest ? rw.length : rest;
		r = move(hw, ioas, &rw);
		dma->done += r ? 0 : rw.length;
	}
	return r;
}

static int dma(void *device, struct ioasid_mock_dma *dma)
{
	ck_assert_uint_ne(dma->kind, IOASID_MOCK_DMA_COPY);
	dma->status = move_all(device, dma);
	return dma->status;
}

static uint64_t pinned(void *machine)
{
	(void)machine;
	return selftest_pinned();
}

struct ioasid_mock *contract_mock(struct contract *c)
{
	(void)c;
	return NULL;
}

/* check calls the function of a test test_fn. */
static bool is_test(const char *function, const char *test)
{
	size_t length = strlen(test);

	return !strncmp(function, test, length) && !strcmp(function + length, "_fn");
}

static void left_out(const char *function)
{
	for (struct left_out *row = left_outs; row->test; row++)
		if (is_test(function, row->test)) {
			row->times++;
			return;
		}
	ck_abort_msg("%s could not be run, and nobody has said why", function);
}

const struct contract_platform contract_platforms[] = {
	{
		.name = "iommufd, self-test devices",
		.start = start,
		.stop = stop,
		.open = open_context,
		.device = device,
		.device_fd = device_fd,
		.dma = dma,
		.pinned = pinned,
		.left_out = left_out,
	},
};

const int contract_platform_count = 1;

START_TEST(the_tests_left_out_are_those_that_the_platform_cannot_run)
{
	for (const struct left_out *row = left_outs; row->test; row++)
		ck_assert_msg(row->times == 1, "%s was left out %u times", row->test, row->times);
}
END_TEST

/* The suite's main() is the one of the mock, and this is where it ends. */
int __wrap_support_run(Suite *suite);

int __wrap_support_run(Suite *suite)
{
	setenv("SUPPORT_SCALE", ROUNDS, 0);
	tcase_add_test(guest_case(suite, "what was left out"),
		the_tests_left_out_are_those_that_the_platform_cannot_run);
	guest_run(suite);
}
