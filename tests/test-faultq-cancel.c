/* SPDX-License-Identifier: MIT */
/*
 * Faults that end without their answer: detach, replace, and the end of the queue. Who was told of
 * a group is told of its end; who comes late finds it stale; the device is answered INVALID.
 */
#include "faultq.h"
#include <stdlib.h>
#include <unistd.h>

/* Two faults, of two devices or of one; the first is read, the second is not. */
struct cancel {
	struct faultq f;
	struct ioasid_fault delivered;
	uint64_t unread;
};

static struct faultq_transfer transfer[2];

static void cancel_begin(struct cancel *c, uint32_t second)
{
	uint64_t cursor = 0;
	struct ioasid_fault both[2];

	faultq_begin(&c->f, (struct faultq_wish){.devices = 2});
	faultq_start(&c->f, &transfer[0], 0, 1, 1);
	ok(ioasid_mock_pump(c->f.mock));
	ck_assert_int_eq(ok(ioasid_faultq_read(c->f.queue, &c->delivered, 1)), 1);
	faultq_start(&c->f, &transfer[1], second, 2, 1);
	ok(ioasid_mock_pump(c->f.mock));
	ck_assert_int_eq(ok(ioasid_faultq_pending(c->f.queue, &cursor, both, 2)), 2);
	c->unread = both[0].id == c->delivered.id ? both[1].id : both[0].id;
}

static void expect_cancelled(struct cancel *c)
{
	struct ioasid_fault fault[4];

	ck_assert_int_eq(ok(ioasid_faultq_wait(c->f.queue, -1)), 1);
	ck_assert_int_eq(ok(ioasid_faultq_read(c->f.queue, fault, 4)), 1);
	ck_assert_uint_eq(fault[0].id, c->delivered.id);
	ck_assert_uint_eq(fault[0].label, c->delivered.label);
	ck_assert(fault[0].flags & IOASID_FAULT_CANCELLED);
	ck_assert(fault[0].flags & IOASID_FAULT_LAST);
	ck_assert_int_eq(ok(ioasid_faultq_read(c->f.queue, fault, 4)), 0);
}

static void expect_stale(struct cancel *c)
{
	fails(-ESTALE, "ioasid_faultq_complete",
		faultq_answer(&c->f, c->delivered.id, IOASID_RESPONSE_SUCCESS, NULL));
	fails(-ESTALE, "ioasid_faultq_complete",
		faultq_answer(&c->f, c->unread, IOASID_RESPONSE_SUCCESS, NULL));
}

static void expect_all_invalid(struct cancel *c)
{
	ck_assert_int_eq(ok(ioasid_mock_pump(c->f.mock)), 0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(transfer[i].dma.status, -EFAULT);
}

START_TEST(a_detach_cancels_what_the_device_waits_for)
{
	struct cancel c;

	cancel_begin(&c, 0);
	ok(ioasid_attachment_detach(c.f.route[0]));
	expect_all_invalid(&c);
	expect_stale(&c);
	expect_cancelled(&c);
	expect_stale(&c);
	ck_assert_uint_eq(faultq_stats(&c.f).cancelled, 2);
	ck_assert_uint_eq(faultq_stats(&c.f).stale, 4);
	ck_assert_uint_eq(faultq_stats(&c.f).answered, 0);
	ck_assert_uint_eq(faultq_stats(&c.f).outstanding, 0);
	ok(ioasid_device_attach(c.f.device[0], c.f.space, NULL, &c.f.route[0]));
	faultq_end(&c.f);
}
END_TEST

START_TEST(a_replace_cancels_what_the_device_waits_for)
{
	struct cancel c;
	struct ioasid_space *elsewhere;

	cancel_begin(&c, 0);
	ok(ioasid_space_new(
		c.f.ctx, IOASID_OPTS(ioasid_space_opts, .faults = c.f.queue), &elsewhere));
	ok(ioasid_attachment_replace(c.f.route[0], elsewhere));
	expect_all_invalid(&c);
	expect_cancelled(&c);
	expect_stale(&c);
	ok(ioasid_attachment_replace(c.f.route[0], c.f.space));
	ok(ioasid_space_destroy(elsewhere));
	faultq_end(&c.f);
}
END_TEST

START_TEST(a_detach_leaves_other_devices_alone)
{
	struct cancel c;
	struct ioasid_fault fault[4];

	cancel_begin(&c, 1);
	ok(ioasid_attachment_detach(c.f.route[0]));
	/* the other one's fault, which was not read, and the cancellation, in whatever order */
	ck_assert_int_eq(ok(ioasid_faultq_read(c.f.queue, fault, 4)), 2);
	for (int i = 0; i < 2; i++)
		ck_assert_uint_eq(
			!!(fault[i].flags & IOASID_FAULT_CANCELLED), fault[i].id == c.delivered.id);
	faultq_map(&c.f, 2);
	ck_assert_int_eq(faultq_answer(&c.f, c.unread, IOASID_RESPONSE_SUCCESS, NULL), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(c.f.mock)), 0);
	ck_assert_int_eq(transfer[0].dma.status, -EFAULT);
	ck_assert_int_eq(transfer[1].dma.status, 0);
	ok(ioasid_device_attach(c.f.device[0], c.f.space, NULL, &c.f.route[0]));
	faultq_end(&c.f);
}
END_TEST

START_TEST(a_detach_that_fails_cancels_nothing)
{
	struct cancel c;

	cancel_begin(&c, 0);
	ok(ioasid_mock_fail(c.f.mock, IOASID_MOCK_OP_DETACH, 1, -EIO));
	fails(-EIO, "nic0", ioasid_attachment_detach(c.f.route[0]));
	ck_assert_int_eq(ok(ioasid_mock_pump(c.f.mock)), 2);
	faultq_map(&c.f, 1);
	faultq_map(&c.f, 2);
	ck_assert_int_eq(faultq_answer(&c.f, c.delivered.id, IOASID_RESPONSE_SUCCESS, NULL), 1);
	ck_assert_int_eq(faultq_answer(&c.f, c.unread, IOASID_RESPONSE_SUCCESS, NULL), 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(c.f.mock)), 0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(transfer[i].dma.status, 0);
	faultq_end(&c.f);
}
END_TEST

START_TEST(a_queue_that_is_freed_answers_what_is_outstanding)
{
	struct cancel c;
	struct ioasid_mock_stats stats = {.size = sizeof(stats)};

	cancel_begin(&c, 1);
	ioasid_faultq_free(c.f.queue);
	c.f.queue = NULL;
	expect_all_invalid(&c);
	/* and page requests that come later are answered too */
	faultq_start(&c.f, &transfer[0], 0, 3, 1);
	ck_assert_int_eq(ok(ioasid_mock_pump(c.f.mock)), 0);
	ck_assert_int_eq(transfer[0].dma.status, -EFAULT);
	ok(ioasid_mock_stats(c.f.mock, &stats));
	ck_assert_uint_eq(stats.groups, stats.answers);
	ck_assert_uint_eq(stats.unanswered, 0);
	faultq_end(&c.f);
}
END_TEST

static bool dump_has(struct faultq *f, const char *words)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool has;

	ck_assert_ptr_nonnull(out);
	ok(ioasid_dump(f->ctx, IOASID_DUMP_TEXT, out));
	fclose(out);
	has = strstr(text, words);
	free(text);
	return has;
}

START_TEST(a_space_goes_on_as_one_without_the_queue_that_is_freed)
{
	struct faultq f;
	struct ioasid_mock_device *hw;
	struct ioasid_device *plain;
	struct ioasid_attachment *route;
	int fd;

	faultq_begin(&f, (struct faultq_wish){.devices = 1});
	ok(ioasid_mock_device_new(f.mock, NULL, &hw));
	fd = ok(ioasid_mock_device_fd(hw));
	ok(ioasid_device_bind(f.ctx, fd, NULL, &plain));
	close(fd);
	fails(-EOPNOTSUPP, "page requests", ioasid_device_attach(plain, f.space, NULL, &route));
	ck_assert(dump_has(&f, "bytes, queue 1"));
	ioasid_faultq_free(f.queue);
	f.queue = NULL;
	ck_assert(!dump_has(&f, "queue"));
	/* who cannot raise page requests is as good as others now */
	ok(ioasid_device_attach(plain, f.space, NULL, &route));
	ok(ioasid_attachment_detach(route));
	ok(ioasid_device_unbind(plain));
	faultq_end(&f);
}
END_TEST

START_TEST(an_id_is_not_used_again)
{
	struct cancel c;
	struct ioasid_fault fault;
	uint64_t last;

	cancel_begin(&c, 0);
	last = c.unread > c.delivered.id ? c.unread : c.delivered.id;
	ok(ioasid_attachment_detach(c.f.route[0]));
	ok(ioasid_device_attach(c.f.device[0], c.f.space, NULL, &c.f.route[0]));
	expect_all_invalid(&c);
	expect_cancelled(&c);
	for (int i = 0; i < 5000; i++) {
		faultq_start(&c.f, &transfer[0], 0, 3, 1);
		ok(ioasid_mock_pump(c.f.mock));
		ck_assert_int_eq(ok(ioasid_faultq_read(c.f.queue, &fault, 1)), 1);
		ck_assert_uint_ne(fault.id, c.delivered.id);
		ck_assert_uint_ne(fault.id, c.unread);
		ck_assert_uint_ne(fault.id, last);
		last = fault.id;
		ck_assert_int_eq(faultq_answer(&c.f, last, IOASID_RESPONSE_INVALID, NULL), 1);
		ok(ioasid_mock_pump(c.f.mock));
	}
	expect_stale(&c);
	faultq_end(&c.f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fault queue, cancelled");
	TCase *tcase = support_case(suite, "cancel");

	tcase_add_test(tcase, a_detach_cancels_what_the_device_waits_for);
	tcase_add_test(tcase, a_replace_cancels_what_the_device_waits_for);
	tcase_add_test(tcase, a_detach_leaves_other_devices_alone);
	tcase_add_test(tcase, a_detach_that_fails_cancels_nothing);
	tcase_add_test(tcase, a_queue_that_is_freed_answers_what_is_outstanding);
	tcase_add_test(tcase, a_space_goes_on_as_one_without_the_queue_that_is_freed);
	tcase_add_test(tcase, an_id_is_not_used_again);
	return support_run(suite);
}
