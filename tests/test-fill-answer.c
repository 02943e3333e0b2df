/* SPDX-License-Identifier: MIT */
/*
 * Answers to the kernel's fault descriptor: one write for a batch, short ones resumed, codes that
 * it does not have, requests that it has ended by itself, and numbers that it uses again at once.
 */
#include "fillkit.h"

#define ROOM 256

static struct ioasid_fault fault[ROOM];

START_TEST(answers_go_in_one_write)
{
	struct ioasid_response answer[64];
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){0});
	fillkit_raise_many(0, 0, 64);
	fillkit_read(&f, fault, ROOM, 64);
	for (unsigned int i = 0; i < 64; i++)
		answer[i] = (struct ioasid_response){.id = fault[i].id, .code = i % 2};
	ck_assert_int_eq(ok(ioasid_faultq_complete(f.queue, answer, 64)), 64);
	ck_assert_uint_eq(fillkit_kernel.writes, 1);
	for (int i = 0; i < 64; i++)
		ck_assert_int_eq(fillkit_fate(i), i % 2 ? REFUSED : SUCCEEDED);
	ck_assert_uint_eq(fillkit_stats(&f).outstanding, 0);
	fillkit_end(&f);
}
END_TEST

START_TEST(a_short_write_is_resumed)
{
	struct ioasid_response answer[100];
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){0});
	fillkit_kernel.at_most = 7;
	fillkit_raise_many(0, 0, 100);
	fillkit_read(&f, fault, ROOM, 100);
	for (unsigned int i = 0; i < 100; i++)
		answer[i] = (struct ioasid_response){.id = fault[i].id};
	ck_assert_int_eq(ok(ioasid_faultq_complete(f.queue, answer, 100)), 100);
	ck_assert_uint_eq(fillkit_count(SUCCEEDED), 100);
	fillkit_end(&f);
}
END_TEST

START_TEST(a_failure_is_sent_as_invalid_and_says_so)
{
	struct ioasid_response answer = {.code = IOASID_RESPONSE_FAILURE};
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){0});
	fillkit_raise_many(0, 0, 2);
	fillkit_read(&f, fault, ROOM, 2);
	answer.id = fault[0].id;
	ck_assert_int_eq(ok(ioasid_faultq_complete(f.queue, &answer, 1)), 1);
	ck_assert_uint_eq(answer.flags, IOASID_RESPONSE_SENT_INVALID);
	ck_assert_int_eq(fillkit_fate(0), REFUSED);
	answer = (struct ioasid_response){.id = fault[1].id, .code = IOASID_RESPONSE_INVALID};
	ck_assert_int_eq(ok(ioasid_faultq_complete(f.queue, &answer, 1)), 1);
	ck_assert_uint_eq(answer.flags, 0);
	ck_assert_int_eq(fillkit_fate(1), REFUSED);
	fillkit_end(&f);
}
END_TEST

START_TEST(what_the_kernel_has_ended_is_stale_and_gone_and_stops_no_other)
{
	struct ioasid_response answer[5];
	struct fillkit f;
	uint64_t id;

	fillkit_begin(&f, (struct fillkit_wish){0});
	fillkit_raise_many(0, 0, 5);
	fillkit_read(&f, fault, ROOM, 5);
	fillkit_forget(0);
	fillkit_forget(3);
	for (unsigned int i = 0; i < 5; i++)
		answer[i] = (struct ioasid_response){.id = fault[i].id};
	ck_assert_int_eq(ok(ioasid_faultq_complete(f.queue, answer, 5)), 3);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(answer[i].status, i % 3 ? 0 : -ESTALE);
	ck_assert_uint_eq(fillkit_count(SUCCEEDED), 3);
	ck_assert_uint_eq(fillkit_stats(&f).outstanding, 0);
	ck_assert_uint_eq(fillkit_stats(&f).cancelled, 2);
	fails(-ENOENT, "nothing", ioasid_faultq_find(f.queue, 0x100, NONE, 3, &id));
	fails(-ESTALE, "before", fillkit_answer(&f, fault[3].id, 0));
	fillkit_end(&f);
}
END_TEST

START_TEST(alone_it_says_that_the_kernel_has_ended_it)
{
	struct fillkit f;

	fillkit_begin(&f, (struct fillkit_wish){0});
	fillkit_raise_many(0, 0, 1);
	fillkit_read(&f, fault, ROOM, 1);
	fillkit_forget(0);
	fails(-ESTALE, "the kernel has ended request 1", fillkit_answer(&f, fault[0].id, 0));
	fillkit_end(&f);
}
END_TEST

START_TEST(a_cookie_that_is_used_again_is_another_group)
{
	struct fillkit f;
	uint64_t id;

	fillkit_begin(&f, (struct fillkit_wish){0});
	for (int i = 0; i < 50; i++) {
		fillkit_raise_many(0, 0, 1);
		fillkit_read(&f, fault, ROOM, 1);
		ck_assert_uint_eq(fillkit_cookie(i), 1);
		if (i)
			fails(-ESTALE, "before", fillkit_answer(&f, id, IOASID_RESPONSE_INVALID));
		ck_assert_int_eq(fillkit_fate(i), READ);
		ck_assert_int_eq(fillkit_answer(&f, fault[0].id, 0), 1);
		ck_assert_int_eq(fillkit_fate(i), SUCCEEDED);
		id = fault[0].id;
	}
	fillkit_end(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fault queue over iommufd, answers");
	TCase *tcase = support_case(suite, "answers");

	tcase_add_test(tcase, answers_go_in_one_write);
	tcase_add_test(tcase, a_short_write_is_resumed);
	tcase_add_test(tcase, a_failure_is_sent_as_invalid_and_says_so);
	tcase_add_test(tcase, what_the_kernel_has_ended_is_stale_and_gone_and_stops_no_other);
	tcase_add_test(tcase, alone_it_says_that_the_kernel_has_ended_it);
	tcase_add_test(tcase, a_cookie_that_is_used_again_is_another_group);
	return support_run(suite);
}
