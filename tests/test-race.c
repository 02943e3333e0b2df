/* SPDX-License-Identifier: MIT */
/*
 * The race of an answer with what cancels it: an answer has won its group and is stopped in
 * mid-air; meanwhile the route of its device is moved or ended, and another device faults, whose
 * fault may get the kernel's cookie of the first one. The answer must not reach the other device.
 * Without the queue's guard it does.
 */
#include "faultq.h"
#include <ioasid/pgtable.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct race {
	struct faultq f;
	struct ioasid_space *child, *elsewhere; /* with the queue as well */
	struct ioasid_attachment *over;         /* leads the route on to the child, or NULL */
	struct ioasid_space *gpa, *guest;       /* instead, for a guest with tables of its own */
	struct ioasid_attachment *to_gpa, *to_guest;
	uint64_t victim; /* the group that is answered */
	sem_t stopped;   /* the answer is in mid-air */
	sem_t go_on;
	pthread_t answerer, mover;
	int (*move)(struct race *);
	int answered, moved;
	pid_t mover_id;
	int mover_done; /* atomic */
};

/* What cancels the faults of the first device's route. */

static int detach(struct race *r)
{
	int err = ioasid_attachment_detach(r->f.route[0]);

	r->f.route[0] = NULL;
	return err;
}

static int replace(struct race *r)
{
	return ioasid_attachment_replace(r->f.route[0], r->elsewhere);
}

static int attach_child(struct race *r)
{
	return ioasid_device_attach(r->f.device[0], r->child, NULL, &r->over);
}

static int lead_back(struct race *r)
{
	int err = ioasid_attachment_detach(r->over);

	r->over = NULL;
	return err;
}

/* What cancels those of a device whose guest has tables of its own, AMD's */

static int bind_table(struct race *r)
{
	return ioasid_space_bind_pgtable(r->guest,
		IOASID_OPTS(ioasid_pgtable, .format = IOASID_PGTABLE_AMD_V2, .addr_width = 48));
}

static int unbind_table(struct race *r)
{
	return ioasid_space_unbind_pgtable(r->guest);
}

/* Accesses without a PASID are the parent's. */
static int bind_pasids(struct race *r)
{
	return ioasid_space_bind_pasid_table(
		r->guest, IOASID_OPTS(ioasid_pgtable, .format = IOASID_PGTABLE_AMD_V2,
				  .words = {3 | UINT64_C(1) << 55}));
}

static int unbind_pasids(struct race *r)
{
	return ioasid_space_unbind_pasid_table(r->guest);
}

static int leave_guest(struct race *r)
{
	int err = ioasid_attachment_detach(r->to_guest);

	r->to_guest = NULL;
	return err;
}

/* Where the route leads before. */

static int stay(struct race *r)
{
	(void)r;
	return 0;
}

/* The first device is a guest's; of its memory there is a page, of zeros, for any table. */
static int make_guest(struct race *r)
{
	const struct ioasid_space_opts *opts = IOASID_OPTS(ioasid_space_opts, .faults = r->f.queue);

	ok(detach(r));
	ok(ioasid_space_new(r->f.ctx,
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_NEST_PARENT), &r->gpa));
	ok(ioasid_space_new_nested(r->gpa, opts, &r->guest));
	ok(ioasid_device_attach(r->f.device[0], r->gpa, NULL, &r->to_gpa));
	ok(ioasid_device_attach(r->f.device[0], r->guest, NULL, &r->to_guest));
	memset(r->f.memory, 0, PAGE);
	return ioasid_space_map(r->gpa, &(struct ioasid_map){.addr = r->f.memory,
						.length = PAGE,
						.flags = IOASID_MAP_RW | IOASID_MAP_FIXED});
}

static int make_guest_with_table(struct race *r)
{
	ok(make_guest(r));
	return bind_table(r);
}

static int make_guest_with_pasids(struct race *r)
{
	ok(make_guest(r));
	return bind_pasids(r);
}

static const struct {
	int (*move)(struct race *);
	int (*before)(struct race *);
} moves[] = {{detach, stay}, {replace, stay}, {attach_child, stay}, {lead_back, attach_child},
	{bind_table, make_guest}, {bind_pasids, make_guest}, {unbind_table, make_guest_with_table},
	{unbind_pasids, make_guest_with_pasids}, {leave_guest, make_guest_with_table},
	{leave_guest, make_guest_with_pasids}};

#define MOVES ((int)(sizeof(moves) / sizeof(moves[0])))

static void stop_in_mid_air(void *arg)
{
	struct race *r = arg;

	sem_post(&r->stopped);
	while (sem_wait(&r->go_on))
		;
}

static void *answer(void *arg)
{
	struct race *r = arg;

	r->answered = faultq_answer(&r->f, r->victim, IOASID_RESPONSE_INVALID, NULL);
	return NULL;
}

static void *move(void *arg)
{
	struct race *r = arg;

	__atomic_store_n(&r->mover_id, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	r->moved = r->move(r);
	__atomic_store_n(&r->mover_done, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* 'S' while the thread sleeps, as it does on a lock; 0 if it is gone. */
static char thread_state(pid_t id)
{
	char path[64], line[256], state = 0;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)id);
	stat = fopen(path, "re");
	if (!stat)
		return 0;
	if (fgets(line, sizeof(line), stat) && strrchr(line, ')'))
		state = strrchr(line, ')')[2];
	fclose(stat);
	return state;
}

/* Until the move is through, or rests on a lock for a while: no time is asserted, a look too early
 * makes the test easier to pass, never fail. */
static void let_the_move_come_as_far_as_it_does(struct race *r)
{
	unsigned int asleep = 0;

	while (!__atomic_load_n(&r->mover_done, __ATOMIC_ACQUIRE) && asleep < 50) {
		pid_t id = __atomic_load_n(&r->mover_id, __ATOMIC_ACQUIRE);

		asleep = id && thread_state(id) == 'S' ? asleep + 1 : 0;
		usleep(1000);
	}
}

static struct faultq_transfer transfer[2];

static void make_spaces(struct race *r)
{
	const struct ioasid_space_opts *opts = IOASID_OPTS(ioasid_space_opts, .faults = r->f.queue);

	ok(ioasid_space_new_nested(r->f.space, opts, &r->child));
	ok(ioasid_space_new(r->f.ctx, opts, &r->elsewhere));
}

static void send_the_answer(struct race *r)
{
	struct ioasid_fault fault;

	faultq_start(&r->f, &transfer[0], 0, 3, 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(r->f.mock)), 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(r->f.queue, &fault, 1)), 1);
	r->victim = fault.id;
	ok(ioasid_mock_on_answer(r->f.mock, stop_in_mid_air, r));
	ck_assert_int_eq(pthread_create(&r->answerer, NULL, answer, r), 0);
	while (sem_wait(&r->stopped))
		;
}

static void race_begin(struct race *r, int (*how)(struct race *), int (*before)(struct race *))
{
	memset(r, 0, sizeof(*r));
	r->move = how;
	sem_init(&r->stopped, 0, 0);
	sem_init(&r->go_on, 0, 0);
	faultq_begin(&r->f, (struct faultq_wish){.devices = 2});
	make_spaces(r);
	ok(before(r));
	send_the_answer(r);
	ck_assert_int_eq(pthread_create(&r->mover, NULL, move, r), 0);
	let_the_move_come_as_far_as_it_does(r);
}

static void let_go(struct race *r)
{
	sem_post(&r->go_on);
	ck_assert_int_eq(pthread_join(r->answerer, NULL), 0);
	ck_assert_int_eq(pthread_join(r->mover, NULL), 0);
	ok(ioasid_mock_on_answer(r->f.mock, NULL, NULL));
	ck_assert_int_eq(r->moved, 0);
}

static void race_end(struct race *r)
{
	ok(ioasid_attachment_detach(r->to_guest));
	ok(ioasid_attachment_detach(r->to_gpa));
	if (r->guest && unbind_table(r))
		unbind_pasids(r);
	ok(ioasid_space_destroy(r->guest));
	ok(ioasid_space_destroy(r->gpa));
	ok(ioasid_attachment_detach(r->over));
	ok(ioasid_attachment_detach(r->f.route[0]));
	r->f.route[0] = NULL;
	ok(ioasid_space_destroy(r->child));
	ok(ioasid_space_destroy(r->elsewhere));
	faultq_end(&r->f);
	sem_destroy(&r->stopped);
	sem_destroy(&r->go_on);
}

/* The other device still waits: it was told nothing, and its group is there to be answered. */
static void expect_untouched(struct race *r)
{
	struct ioasid_fault fault[2];
	uint64_t cursor = 0;

	int waiting = ok(ioasid_mock_pump(r->f.mock));

	ck_assert_msg(waiting == 1 && transfer[1].dma.status == -EINPROGRESS,
		"the other device got the answer: its transfer ended with %d",
		transfer[1].dma.status);
	ck_assert_int_eq(ok(ioasid_faultq_pending(r->f.queue, &cursor, fault, 2)), 1);
	ck_assert_uint_eq(fault[0].label, 0x101);
	ck_assert_uint_ne(fault[0].id, r->victim);
	ck_assert_int_eq(faultq_answer(&r->f, fault[0].id, IOASID_RESPONSE_INVALID, NULL), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(r->f.mock)), 0);
	ck_assert_int_eq(transfer[1].dma.status, -EFAULT);
}

START_TEST(an_answer_in_mid_air_never_reaches_another_device)
{
	struct race r;

	race_begin(&r, moves[_i].move, moves[_i].before);
	/* from a transfer of its own: the fault of the other device, maybe under the same cookie */
	faultq_start(&r.f, &transfer[1], 1, 2, 1);
	ok(ioasid_mock_pump(r.f.mock));
	let_go(&r);
	expect_untouched(&r);
	race_end(&r);
}
END_TEST

START_TEST(who_moves_a_route_waits_for_the_answer_in_mid_air)
{
	struct race r;

	race_begin(&r, moves[_i].move, moves[_i].before);
	ck_assert_int_eq(__atomic_load_n(&r.mover_done, __ATOMIC_ACQUIRE), 0);
	let_go(&r);
	/* the answer was in time: it counted, and nothing was left to cancel */
	ck_assert_int_eq(r.answered, 1);
	ck_assert_uint_eq(faultq_stats(&r.f).cancelled, 0);
	ck_assert_uint_eq(faultq_stats(&r.f).answered, 1);
	ok(ioasid_mock_pump(r.f.mock));
	race_end(&r);
}
END_TEST

static int close_context(struct race *r)
{
	ioasid_close(r->f.ctx);
	r->f.ctx = NULL;
	return 0;
}

START_TEST(a_close_waits_for_the_answer_in_mid_air)
{
	struct race r;

	race_begin(&r, close_context, stay);
	ck_assert_int_eq(__atomic_load_n(&r.mover_done, __ATOMIC_ACQUIRE), 0);
	let_go(&r);
	ck_assert_int_eq(r.answered, 1);
	ok(ioasid_mock_pump(r.f.mock));
	ck_assert_int_eq(transfer[0].dma.status, -EFAULT);
	race_end(&r);
}
END_TEST

START_TEST(an_answer_after_the_close_is_refused)
{
	struct race r;

	race_begin(&r, close_context, stay);
	let_go(&r);
	fails(-ENODEV, "closed", faultq_answer(&r.f, r.victim, IOASID_RESPONSE_INVALID, NULL));
	race_end(&r);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("race");
	TCase *tcase = support_case(suite, "answer and move");

	tcase_add_loop_test(tcase, an_answer_in_mid_air_never_reaches_another_device, 0, MOVES);
	tcase_add_loop_test(tcase, who_moves_a_route_waits_for_the_answer_in_mid_air, 0, MOVES);
	tcase_add_test(tcase, a_close_waits_for_the_answer_in_mid_air);
	tcase_add_test(tcase, an_answer_after_the_close_is_refused);
	return support_run(suite);
}
