/* SPDX-License-Identifier: MIT */
/*
 * The sweep of failures inside of the kernel: see failnth.h. A failure is compared with a picture
 * of what the process and the kernel held before it: descriptors, pinned memory, objects.
 */
#include "failnth.h"
#include "fail-nth.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT 3000u

struct picture {
	unsigned int fds;
	uint64_t pinned;
	unsigned int alive[LEDGER_KINDS];
};

static void take(struct picture *picture)
{
	picture->fds = support_open_fds();
	picture->pinned = selftest_pinned();
	for (unsigned int kind = 0; kind < LEDGER_KINDS; kind++)
		picture->alive[kind] = ledger_alive(kind);
}

static void compare(const struct picture *before, unsigned int n)
{
	struct picture now;

	take(&now);
	ck_assert_msg(now.fds == before->fds, "failure %u: %u descriptors, not %u", n, now.fds,
		before->fds);
	ck_assert_msg(now.pinned == before->pinned, "failure %u: %llu bytes pinned, not %llu", n,
		(unsigned long long)now.pinned, (unsigned long long)before->pinned);
	for (unsigned int kind = 0; kind < LEDGER_KINDS; kind++)
		ck_assert_msg(now.alive[kind] == before->alive[kind],
			"failure %u: %u objects of kind %u, not %u", n, now.alive[kind], kind,
			before->alive[kind]);
}

/* It failed as calls do: with a negative errno, and words. */
static void check_error(int r, unsigned int n)
{
	ck_assert_msg(r > -4096, "failure %u: %d", n, r);
	ck_assert_msg(*ioasid_last_error(), "failure %u: no words for %d", n, r);
}

static void play_again(const struct scenario *s, struct stage *stage, unsigned int n)
{
	int r = s->act(stage);

	ck_assert_msg(r >= 0, "after failure %u: %d: %s", n, r, ioasid_last_error());
}

/* One round; whether the kernel got as far as to the n-th failure. */
static bool play(const struct scenario *s, unsigned int n, unsigned int *failures)
{
	struct stage stage = {.fd = -1};
	struct picture before;
	bool fired;
	int r;

	s->prepare(&stage);
	take(&before);
	error_set(-1, "%s", "");
	fail_nth(n);
	r = s->act(&stage);
	fired = fail_nth_off();
	ck_assert_msg(r >= 0 || fired, "%d without a failure: %s", r, ioasid_last_error());
	if (r < 0) {
		++*failures;
		check_error(r, n);
		compare(&before, n);
		play_again(s, &stage, n);
	}
	if (s->check)
		s->check(&stage);
	s->clear(&stage);
	return fired;
}

void sweep(const struct scenario *s)
{
	unsigned int n = 1, failures = 0;

	while (play(s, n, &failures))
		ck_assert_uint_lt(n++, LIMIT);
	if (s->final)
		ck_assert_uint_eq(failures, 0);
	ck_assert_msg(n > 1, "the kernel could not fail at all");
	ck_assert_msg(failures >= s->least, "%u of %u failures made the call fail, not %u",
		failures, n - 1, s->least);
	printf("# %u failures, %u of them seen\n", n - 1, failures);
}

void stage_clear(struct stage *stage)
{
	for (int i = 3; i >= 0; i--)
		ok(ioasid_attachment_detach(stage->route[i]));
	if (stage->space[2])
		ioasid_space_unbind_pgtable(stage->space[2]);
	for (int i = 2; i >= 0; i--)
		ok(ioasid_space_destroy(stage->space[i]));
	ioasid_faultq_free(stage->faults);
	ioasid_close(stage->ctx);
	if (stage->fd >= 0)
		close(stage->fd);
	if (stage->r.ctx)
		rig_end(&stage->r);
	free(stage->memory);
}
