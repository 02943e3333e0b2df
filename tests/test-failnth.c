/* SPDX-License-Identifier: MIT */
/*
 * A life of a VMM that must succeed, in which the 1st, 2nd, … operation of the platform fails, or
 * the 1st, 2nd, … allocation, until it passes untouched. Each failure is told by its error and a
 * text, leaves everything as it was, and the step works when it is tried again; nothing leaks. The
 * steps are lifesteps.c.
 */
#include "allocator.h"
#include "lifesteps.h"
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* How failure is armed, and whether one came; either ends it. */
struct injector {
	void (*arm)(struct life *, unsigned long nth);
	bool (*disarm)(struct life *);
	int error;
};

static uint64_t failed_operations(struct life *l)
{
	struct ioasid_mock_stats stats = {.size = sizeof(stats)};

	ok(ioasid_mock_stats(l->mock, &stats));
	return stats.failed;
}

static void arm_platform(struct life *l, unsigned long nth)
{
	ok(ioasid_mock_fail(l->mock, IOASID_MOCK_OP_ANY, (uint32_t)nth, -EIO));
}

static bool disarm_platform(struct life *l)
{
	ok(ioasid_mock_fail(l->mock, IOASID_MOCK_OP_ANY, 0, 0));
	return failed_operations(l);
}

static void arm_allocator(struct life *l, unsigned long nth)
{
	(void)l;
	allocator_fail(nth);
}

static bool disarm_allocator(struct life *l)
{
	(void)l;
	return allocator_failed();
}

static const struct injector platform_fails = {arm_platform, disarm_platform, -EIO};
static const struct injector memory_fails = {arm_allocator, disarm_allocator, -ENOMEM};

static const uint32_t kinds[DEVICES] = {IOASID_MOCK_DEVICE_PRI,
	IOASID_MOCK_DEVICE_PRI | IOASID_MOCK_DEVICE_MDEV | IOASID_MOCK_DEVICE_ENQCMD,
	IOASID_MOCK_DEVICE_PRI};

static void life_begin(struct life *l, uint32_t flags)
{
	memset(l, 0, sizeof(*l));
	l->memory = support_memory(8 * PAGE, 15);
	l->file = memfd_create("ioasid-failnth", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(l->file, (off_t)PAGE), 0);
	ok(ioasid_mock_new(IOASID_OPTS(ioasid_mock_opts, .flags = flags), &l->mock));
	ok(ioasid_mock_iommu_new(l->mock,
		IOASID_OPTS(ioasid_mock_iommu_opts,
			.flags = IOASID_MOCK_IOMMU_DIRTY | IOASID_MOCK_IOMMU_NESTING,
			.pgtable_formats =
				1u << IOASID_PGTABLE_VTD_S1 | 1u << IOASID_PGTABLE_SMMUV3_S1),
		NULL));
	l->vm = ok(ioasid_mock_vm_new(l->mock));
	for (int i = 0; i < DEVICES; i++) {
		ok(ioasid_mock_device_new(l->mock,
			IOASID_OPTS(ioasid_mock_device_opts, .flags = kinds[i], .pasid_bits = 4),
			&l->hw[i]));
		l->fd[i] = ok(ioasid_mock_device_fd(l->hw[i]));
	}
}

/* Closed with all that still stands, as at the end of a process, and then the handles. */
static void life_end(struct life *l)
{
	struct ioasid_mock_stats stats = {.size = sizeof(stats)};

	ioasid_close(l->ctx);
	ok(ioasid_mock_stats(l->mock, &stats));
	ck_assert_uint_eq(stats.pinned, 0);
	ck_assert_uint_eq(stats.unanswered, 0);
	for (int i = 0; i < DEVICES; i++) {
		ok(ioasid_attachment_detach(l->route[i]));
		ok(ioasid_device_unbind(l->device[i]));
		close(l->fd[i]);
	}
	ok(ioasid_space_destroy(l->child));
	ok(ioasid_space_destroy(l->parent));
	ok(ioasid_space_destroy(l->other));
	ok(ioasid_space_destroy(l->sibling));
	ok(ioasid_space_destroy(l->giova));
	ok(ioasid_space_destroy(l->gpa));
	ioasid_faultq_free(l->faults);
	ioasid_mock_free(l->mock);
	close(l->file);
	close(l->vm);
	free(l->memory);
}

static char *dump(struct life *l)
{
	char *text = NULL;
	size_t size;
	FILE *out;

	if (!l->ctx)
		return NULL;
	out = open_memstream(&text, &size);
	ck_assert_ptr_nonnull(out);
	ok(ioasid_dump(l->ctx, IOASID_DUMP_TEXT, out));
	fclose(out);
	return text;
}

static void expect_same(struct life *l, char *before, const char *step)
{
	char *now = dump(l);

	ck_assert_msg(!before == !now && (!now || !strcmp(now, before)),
		"a failed %s changed\n%s\nto\n%s", step, before, now);
	free(now);
}

/* The step fails as injected, tells so, and has changed nothing. */
static void expect_failure(
	struct life *l, size_t i, int result, const struct injector *injector, char *before)
{
	ck_assert_msg(result == injector->error, "%s: %d, not %d: %s", life_steps[i].name, result,
		injector->error, ioasid_last_error());
	ck_assert_msg(*ioasid_last_error(), "%s says nothing", life_steps[i].name);
	expect_same(l, before, life_steps[i].name);
}

/* Takes a step; true if a failure came, from which it has recovered. */
static bool take(struct life *l, size_t i, unsigned long nth, const struct injector *injector)
{
	unsigned int fds = support_open_fds();
	char *before;
	bool came;
	int result;

	if (life_steps[i].before)
		life_steps[i].before(l);
	before = dump(l);
	injector->arm(l, nth);
	result = life_steps[i].take(l);
	came = injector->disarm(l);
	if (came && result < 0) {
		expect_failure(l, i, result, injector, before);
		ck_assert_uint_eq(support_open_fds(), fds);
		result = life_steps[i].take(l);
	}
	ck_assert_msg(result >= 0, "%s: %d: %s", life_steps[i].name, result, ioasid_last_error());
	if (life_steps[i].after)
		life_steps[i].after(l);
	free(before);
	return came;
}

/* A life in which the nth operation of this step fails; true if it has so many. */
static bool live(uint32_t flags, size_t step, unsigned long nth, const struct injector *injector)
{
	struct life l;
	bool came = false;

	life_begin(&l, flags);
	for (size_t i = 0; i < life_step_count; i++) {
		if (i == step)
			came = take(&l, i, nth, injector);
		else
			take(&l, i, 0, injector);
	}
	life_end(&l);
	return came;
}

/* How many failures the whole life has met. */
static unsigned long sweep(uint32_t flags, const struct injector *injector)
{
	unsigned long met = 0;

	for (size_t step = 0; step < life_step_count; step++)
		for (unsigned long nth = 1; live(flags, step, nth, injector); nth++)
			met++;
	return met;
}

static const uint32_t flavours[] = {
	0, IOASID_MOCK_NEST_COPY, IOASID_MOCK_STRICT, IOASID_MOCK_STRICT | IOASID_MOCK_NEST_COPY};

START_TEST(any_operation_of_the_platform_may_fail)
{
	/* nearly every step asks the platform for something, some several times */
	ck_assert_uint_ge(sweep(flavours[_i], &platform_fails), life_step_count);
}
END_TEST

START_TEST(any_allocation_may_fail)
{
	ck_assert_uint_ge(sweep(flavours[_i], &memory_fails), life_step_count);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nth failure");
	TCase *tcase = support_case(suite, "sweep");

	tcase_add_loop_test(tcase, any_operation_of_the_platform_may_fail, 0, 4);
	tcase_add_loop_test(tcase, any_allocation_may_fail, 0, 4);
	return support_run(suite);
}
