/* SPDX-License-Identifier: MIT */
/*
 * Lists of invalidations, over a backend that notes what it gets: which are sound, how they are cut
 * where one is of a whole device, under which locks they come, and how many were handled.
 */
#include "guestkit.h"
#include <limits.h>

static struct ioasid_invalidation range(uint64_t addr, uint64_t length)
{
	return (struct ioasid_invalidation){
		.what = IOASID_INVALIDATE_RANGE, .addr = addr, .length = length};
}

static struct ioasid_invalidation all_of(struct ioasid_device *device)
{
	return (struct ioasid_invalidation){.what = IOASID_INVALIDATE_DEVICE, .device = device};
}

/* With a page table, or one of PASIDs. */
static void begin(struct guest *g, bool pasids)
{
	guest_begin(g);
	if (pasids)
		ok(ioasid_space_bind_pasid_table(g->giova, &guest_pasids));
	else
		ok(ioasid_space_bind_pgtable(g->giova, &guest_vtd));
}

static void end(struct guest *g)
{
	if (g->giova->pasids)
		ok(ioasid_space_unbind_pasid_table(g->giova));
	else
		ok(ioasid_space_unbind_pgtable(g->giova));
	guest_end(g);
}

START_TEST(sound_invalidations_reach_the_backend_at_once)
{
	struct ioasid_invalidation list[] = {range(0, PAGE), range(0 - PAGE, PAGE),
		{.what = IOASID_INVALIDATE_SPACE, .flags = IOASID_INVALIDATE_LEAF},
		range(0x100000, 0x40000000)};
	struct guest g;

	guest_begin(&g);
	fails(-ENOENT, "no page table", ioasid_space_invalidate(g.giova, list, 4));
	ok(ioasid_space_bind_pgtable(g.giova, &guest_vtd));
	ck_assert_int_eq(ok(ioasid_space_invalidate(g.giova, list, 4)), 4);
	ck_assert_uint_eq(g.leaf->listed, 4);
	ck_assert_uint_eq(g.leaf->space, ioasid_space_id(g.giova));
	ck_assert_int_eq(ok(ioasid_space_invalidate(g.giova, NULL, 0)), 0);
	ck_assert_uint_eq(g.leaf->invalidations, 1);
	end(&g);
}
END_TEST

struct bad {
	struct ioasid_invalidation one;
	const char *words;
};

static const struct bad bad_ones[] = {
	{{.what = 4}, "what is unknown"},
	{{.what = UINT32_MAX}, "what is unknown"},
	{{.what = IOASID_INVALIDATE_SPACE, .flags = 2}, "flags"},
	{{.what = IOASID_INVALIDATE_SPACE, .reserved = 1}, "reserved"},
	{{.what = IOASID_INVALIDATE_SPACE, .addr = PAGE}, "of a space"},
	{{.what = IOASID_INVALIDATE_SPACE, .length = PAGE}, "of a space"},
	{{.what = IOASID_INVALIDATE_SPACE, .pasid = 1}, "pasid is 0"},
	{{.what = IOASID_INVALIDATE_RANGE}, "whole pages"},
	{{.what = IOASID_INVALIDATE_RANGE, .addr = 1, .length = PAGE}, "whole pages"},
	{{.what = IOASID_INVALIDATE_RANGE, .length = PAGE + 1}, "whole pages"},
	{{.what = IOASID_INVALIDATE_RANGE, .addr = 0 - PAGE, .length = 2 * PAGE}, "wraps"},
	{{.what = IOASID_INVALIDATE_RANGE, .length = PAGE, .pasid = 7}, "pasid must be 0"},
	{{.what = IOASID_INVALIDATE_RANGE, .length = PAGE, .pasid = IOASID_PASID_NONE},
		"pasid must be 0"},
	{{.what = IOASID_INVALIDATE_PASID, .pasid = 7}, "wants a PASID table"},
	{{.what = IOASID_INVALIDATE_PASID}, "wants a PASID table"},
	{{.what = IOASID_INVALIDATE_DEVICE}, "device is NULL"},
};

static void is_named(struct guest *g, const struct bad *bad)
{
	struct ioasid_invalidation list[3] = {range(0, PAGE), range(PAGE, PAGE), bad->one};

	if (g->giova->pasids)
		list[0].pasid = list[1].pasid = IOASID_PASID_NONE;
	ck_assert_int_eq(ok(ioasid_space_invalidate(g->giova, list, 3)), 2);
	ck_assert_uint_eq(g->leaf->listed, 2);
	support_error_has("list[2]", "ioasid_space_invalidate");
	support_error_has(bad->words, "ioasid_space_invalidate");
	fails(-EINVAL, bad->words, ioasid_space_invalidate(g->giova, &bad->one, 1));
	support_error_has("list[0]", "ioasid_space_invalidate");
	ck_assert_uint_eq(g->leaf->step_count, 1);
}

START_TEST(an_unsound_one_ends_the_list_and_is_named)
{
	struct guest g;

	begin(&g, false);
	is_named(&g, &bad_ones[_i]);
	end(&g);
}
END_TEST

static const struct bad bad_of_pasids[] = {
	{{.what = IOASID_INVALIDATE_SPACE, .pasid = 1}, "pasid is 0"},
	{{.what = IOASID_INVALIDATE_SPACE, .pasid = IOASID_PASID_NONE}, "pasid is 0"},
	{{.what = IOASID_INVALIDATE_RANGE, .length = PAGE, .pasid = 1u << 20}, "20 bits"},
	{{.what = IOASID_INVALIDATE_RANGE, .length = 1, .pasid = 1}, "whole pages"},
	{{.what = IOASID_INVALIDATE_PASID, .pasid = IOASID_PASID_NONE - 1}, "20 bits"},
	{{.what = IOASID_INVALIDATE_PASID, .pasid = 1, .addr = PAGE}, "a PASID"},
	{{.what = IOASID_INVALIDATE_PASID, .pasid = 1, .length = PAGE}, "a PASID"},
};

START_TEST(an_unsound_one_of_a_pasid_table_is_named)
{
	struct guest g;

	begin(&g, true);
	is_named(&g, &bad_of_pasids[_i]);
	end(&g);
}
END_TEST

START_TEST(with_a_pasid_table_they_are_of_a_pasid_or_of_none)
{
	static const uint32_t pasids[] = {0, 1, (1u << 20) - 1, IOASID_PASID_NONE};
	struct ioasid_invalidation list[9] = {{.what = IOASID_INVALIDATE_SPACE}};
	struct guest g;

	for (unsigned int i = 0; i < 4; i++) {
		list[2 * i] = range(i * PAGE, PAGE);
		list[2 * i + 1] = (struct ioasid_invalidation){
			.what = IOASID_INVALIDATE_PASID, .flags = IOASID_INVALIDATE_LEAF};
		list[2 * i].pasid = list[2 * i + 1].pasid = pasids[i];
	}
	begin(&g, true);
	ck_assert_int_eq(ok(ioasid_space_invalidate(g.giova, list, 9)), 9);
	ck_assert_uint_eq(g.leaf->listed, 9);
	end(&g);
}
END_TEST

START_TEST(one_of_a_device_wants_a_device_that_is_attached)
{
	struct ioasid_device *other, *foreign;
	struct ioasid_attachment *below;
	struct ioasid_invalidation one;
	struct guest g, elsewhere;

	guest_begin(&elsewhere);
	begin(&g, false);
	foreign = guest_device(&elsewhere, "foreign");
	g.leaf->group = 2;
	other = guest_device(&g, "nic1");
	ok(guest_attach(other, g.gpa, IOASID_PASID_NONE, &below));
	one = all_of(foreign);
	is_named(&g, &(struct bad){one, "another context"});
	g.leaf->step_count = 0;
	one.device = other; /* to the parent alone */
	is_named(&g, &(struct bad){one, "not attached"});
	for (int i = 0; i < 5; i++) {
		one = all_of(g.device);
		one.flags = i == 0;
		one.addr = i == 1 ? PAGE : 0;
		one.length = i == 2 ? PAGE : 0;
		one.pasid = i == 3;
		one.reserved = i == 4;
		g.leaf->step_count = 0;
		is_named(&g, &(struct bad){one, " 0"});
	}
	one = (struct ioasid_invalidation){.device = g.device};
	g.leaf->step_count = 0;
	is_named(&g, &(struct bad){one, "not NULL"});
	ok(ioasid_attachment_detach(below));
	ok(ioasid_device_unbind(other));
	ok(ioasid_device_unbind(foreign));
	end(&g);
	guest_end(&elsewhere);
}
END_TEST

#define STEPS 5

/* Seven invalidations in five steps: two, a device, one, a device, two. */
static void fill(struct guest *g, struct ioasid_invalidation *list)
{
	for (unsigned int i = 0; i < 7; i++)
		list[i] = i == 2 || i == 4 ? all_of(g->device) : range(i * PAGE, PAGE);
}

START_TEST(a_device_cuts_the_list_and_the_order_is_kept)
{
	struct ioasid_invalidation list[7];
	struct guest g;

	begin(&g, false);
	fill(&g, list);
	ck_assert_int_eq(ok(ioasid_space_invalidate(g.giova, list, 7)), 7);
	ck_assert_uint_eq(g.leaf->step_count, STEPS);
	ck_assert_int_eq(g.leaf->steps[0], 2);
	ck_assert_int_eq(g.leaf->steps[1], -(int)g.device->is.id);
	ck_assert_int_eq(g.leaf->steps[2], 1);
	ck_assert_int_eq(g.leaf->steps[3], -(int)g.device->is.id);
	ck_assert_int_eq(g.leaf->steps[4], 2);
	end(&g);
}
END_TEST

START_TEST(what_the_backend_did_not_handle_is_told)
{
	struct ioasid_invalidation list[] = {
		range(0, PAGE), range(PAGE, PAGE), range(0, 1), range(0, PAGE)};
	struct guest g;

	begin(&g, false);
	g.leaf->reason = "it does not answer";
	g.leaf->invalidated = 1;
	ck_assert_int_eq(ok(ioasid_space_invalidate(g.giova, list, 4)), 1);
	support_error_has("list[1]", "ioasid_space_invalidate");
	support_error_has("does not answer", "ioasid_space_invalidate");
	g.leaf->invalidated = -EIO;
	fails(-EIO, "does not answer", ioasid_space_invalidate(g.giova, list, 4));
	g.leaf->invalidated = 0; /* no leaf says so, but none may make it a success */
	fails(-EIO, "list[0]", ioasid_space_invalidate(g.giova, list, 4));
	end(&g);
}
END_TEST

/* In the step of that number. */
struct breaks {
	struct guest g;
	unsigned int step;
	int invalidated;
};

static void break_step(void *arg)
{
	struct breaks *b = arg;

	b->g.leaf->invalidated = b->g.leaf->step_count == b->step ? b->invalidated : INT_MAX;
	b->g.leaf->device_fails = b->g.leaf->step_count == b->step ? -ETIMEDOUT : 0;
}

START_TEST(what_was_handled_is_exact_whichever_step_fails)
{
	static const struct {
		unsigned int step;
		int invalidated, handled;
	} rows[] = {{1, -EIO, -EIO}, {1, 1, 1}, {2, 0, 2}, {3, -EIO, 3}, {4, 0, 4}, {5, -EIO, 5},
		{5, 1, 6}};
	struct ioasid_invalidation list[7];
	struct breaks b = {.step = rows[_i].step, .invalidated = rows[_i].invalidated};
	char at[32];

	begin(&b.g, false);
	fill(&b.g, list);
	b.g.leaf->reason = "it does not answer";
	b.g.leaf->before = break_step;
	b.g.leaf->hook_arg = &b;
	ck_assert_int_eq(ioasid_space_invalidate(b.g.giova, list, 7), rows[_i].handled);
	snprintf(at, sizeof(at), "list[%d]", rows[_i].handled < 0 ? 0 : rows[_i].handled);
	support_error_has(at, "ioasid_space_invalidate");
	support_error_has("does not answer", "ioasid_space_invalidate");
	ck_assert_uint_eq(b.g.leaf->step_count, b.step);
	b.g.leaf->before = NULL;
	end(&b.g);
}
END_TEST

START_TEST(the_first_of_a_device_failing_is_an_error)
{
	struct ioasid_invalidation list[2];
	struct guest g;

	begin(&g, false);
	list[0] = list[1] = all_of(g.device);
	g.leaf->device_fails = -EIO;
	fails(-EIO, "list[0]", ioasid_space_invalidate(g.giova, list, 2));
	ck_assert_uint_eq(g.leaf->step_count, 1);
	end(&g);
}
END_TEST

/* Inside: the tree is shared, the context's lock held only where the list has a device. */
static void look(struct guest *g, int expected)
{
	int got = pthread_mutex_trylock(&g->ctx->lock);

	ck_assert_int_eq(got, expected);
	if (!got)
		pthread_mutex_unlock(&g->ctx->lock);
	ck_assert(!g->giova->tree->lock.alone);
	ck_assert_uint_eq(g->giova->tree->lock.state, 1);
}

static void context_is_free(void *arg)
{
	look(arg, 0);
}

static void context_is_held(void *arg)
{
	look(arg, EBUSY);
}

START_TEST(the_contexts_lock_is_taken_only_for_a_device)
{
	struct ioasid_invalidation list[7];
	struct guest g;

	begin(&g, false);
	fill(&g, list);
	g.leaf->hook_arg = &g;
	g.leaf->hook = context_is_free;
	ck_assert_int_eq(ok(ioasid_space_invalidate(g.giova, list, 2)), 2);
	g.leaf->hook = context_is_held;
	ck_assert_int_eq(ok(ioasid_space_invalidate(g.giova, list, 7)), 7);
	ck_assert_uint_eq(g.leaf->step_count, 1 + STEPS);
	g.leaf->hook = NULL;
	ck_assert_int_eq(pthread_mutex_trylock(&g.ctx->lock), 0);
	pthread_mutex_unlock(&g.ctx->lock);
	end(&g);
}
END_TEST

START_TEST(a_closed_context_has_no_device)
{
	struct ioasid_invalidation list[7];
	struct guest g;

	begin(&g, false);
	fill(&g, list);
	ioasid_close(g.ctx);
	fails(-ENODEV, "closed", ioasid_space_invalidate(g.giova, list, 7));
	ok(ioasid_attachment_detach(g.above));
	ok(ioasid_attachment_detach(g.below));
	ok(ioasid_device_unbind(g.device));
	ok(ioasid_space_destroy(g.giova));
	ok(ioasid_space_destroy(g.gpa));
}
END_TEST

#define COUNT(list) (int)(sizeof(list) / sizeof((list)[0]))

int main(void)
{
	Suite *suite = suite_create("invalidate");
	TCase *tcase = support_case(suite, "invalidate");

	tcase_add_test(tcase, sound_invalidations_reach_the_backend_at_once);
	tcase_add_loop_test(tcase, an_unsound_one_ends_the_list_and_is_named, 0, COUNT(bad_ones));
	tcase_add_loop_test(
		tcase, an_unsound_one_of_a_pasid_table_is_named, 0, COUNT(bad_of_pasids));
	tcase_add_test(tcase, with_a_pasid_table_they_are_of_a_pasid_or_of_none);
	tcase_add_test(tcase, one_of_a_device_wants_a_device_that_is_attached);
	tcase_add_test(tcase, a_device_cuts_the_list_and_the_order_is_kept);
	tcase_add_test(tcase, what_the_backend_did_not_handle_is_told);
	tcase_add_loop_test(tcase, what_was_handled_is_exact_whichever_step_fails, 0, 7);
	tcase_add_test(tcase, the_first_of_a_device_failing_is_an_error);
	tcase_add_test(tcase, the_contexts_lock_is_taken_only_for_a_device);
	tcase_add_test(tcase, a_closed_context_has_no_device);
	return support_run(suite);
}
